"""The product of the steps' Jacobians, taken from the last state backwards; every lag of it is yielded on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from explainer.maths.jacobians.steps import Steps, carry
from explainer.maths.logscale import rescaled


class AtLag(NamedTuple):
    """m derivatives of the last state, at the end T−lag of step ``t`` (0-based), each times 2^exponent (b,).

    ``by_state`` (b, m, S): by the packed state(T−lag), whose parts h and memory count as independent.
    ``by_memory`` (b, m, n): by the node memory(T−lag), along every path, the one through its own h included.
    """

    t: int
    by_state: np.ndarray
    by_memory: np.ndarray
    exponent: np.ndarray


def backwards(steps: Steps, start: np.ndarray) -> Iterator[AtLag]:
    """From ``start`` (b, m, S), the derivatives by state(T), to lags 0, 1, …, T−1.

    The whole product is carried by itself. As a sum of the direct path and the rest it would lose every digit where
    the two nearly cancel.
    """
    direct, gates, beside, lift = steps.arrays()
    e = beside.shape[-2]
    by_state, exponent = start, np.zeros(len(start), dtype=int)
    for t in reversed(range(direct.shape[1])):
        by_state, exponent = rescaled(by_state, exponent)
        by_memory = by_state[..., e:]
        if e:
            by_memory = by_memory + by_state[..., :e] @ lift[:, t]
        yield AtLag(t, by_state, by_memory, exponent)
        before = by_memory @ gates[:, t]
        before[..., e:] += carry(by_memory, direct[:, t])
        if e:
            before += by_state[..., :e] @ beside[:, t]
        by_state = before
