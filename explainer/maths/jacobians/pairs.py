"""Norms of ∂s(t)/∂s(u) between every two times of one network: the T×T picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explainer.maths.jacobians.steps import Progress, frozen, ignore, kept, unrolled
from explainer.maths.logscale import FROBENIUS, LOG10_NORM
from explainer.maths.network import Network


@dataclass(frozen=True)
class Pairs:
    """log10‖∂s(t)/∂s(u)‖ between every two times of one network.

    Attributes:
        time: 1, 2, …, T (steps), shape (T,).
        log10_norm: at [t−1, u−1] for u ≤ t, shape (T, T); −inf for exactly 0; NaN for u > t, where nothing acts
            backwards in time.
        norm: ``frobenius`` or ``spectral``.
    """

    time: np.ndarray
    log10_norm: np.ndarray
    norm: str


def _each(matrix: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """matrix (p, m) times columns (m, end times, n), as one product."""
    return (matrix @ columns.reshape(len(columns), -1)).reshape(-1, *columns.shape[1:])


@kept(96)
def pairs(network: Network, norm: str = FROBENIUS, *, progress: Progress = ignore) -> Pairs:
    """The T×T picture. All end times t travel backwards together, one matrix product a step.

    The Frobenius norm is the cheap one, and within a factor √n of the spectral norm; ``progress`` is told the share
    that is done.

    Raises:
        ValueError: norm is neither ``frobenius`` nor ``spectral``.
    """
    if norm not in LOG10_NORM:
        raise ValueError(f"norm must be one of {', '.join(LOG10_NORM)}, not {norm!r}")
    direct, gates, beside, lift = (array[0] for array in unrolled([network]).steps.arrays())
    length, n, size = gates.shape
    e = size - n
    latest_first = np.full((length, length), np.nan)
    # ∂s(t)/∂state(u), transposed: (S, end times, n) times 2^exponent, the latest end time first, so that a step back in
    # time is one wide matrix product
    by_state, exponent = np.zeros((size, 0, n)), np.zeros(0, dtype=int)
    identity = np.eye(size, n, -e)[:, None]
    for u in reversed(range(length)):
        by_state = np.concatenate([by_state, identity], axis=1)  # one more end time, t = u
        exponent = np.append(exponent, 0)
        by_memory = by_state[e:]
        if e:
            by_memory = by_memory + _each(lift[u].T, by_state[:e])
        latest_first[: length - u, u] = LOG10_NORM[norm](by_memory.swapaxes(0, 1), exponent)
        if u:
            before = _each(gates[u].T, by_memory)
            before[e:] += by_memory * direct[u][:, None, None] if direct.ndim == 2 else _each(direct[u].T, by_memory)
            if e:
                before += _each(beside[u].T, by_state[:e])
            largest = np.abs(before).max((0, 2))
            shift = np.frexp(largest)[1].clip(-1000, 1000)
            by_state, exponent = before * np.ldexp(1.0, -shift)[:, None], exponent + shift
        progress(1 - (u / length) ** 2)
    return Pairs(frozen(np.arange(1, length + 1)), frozen(latest_first[::-1].copy()), norm)
