"""∂c(t)/∂c(t−lag) of the gated cell, split by path: along the cell state alone, and through the gates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from explainer.choices.settings import Settings
from explainer.maths import cells
from explainer.maths.batches import lanes, latest_first, one_backward_pass, product_from_now, unrolled
from explainer.maths.gradients import GATED_FIELDS, gated
from explainer.maths.results import cached


@dataclass(frozen=True)
class Paths:
    """∂c(t)/∂c(t−lag) of the gated cell, split by path; arrays of shape (k+1,).

    Attributes:
        lag: 0, 1, …, k (steps).
        whole: by autograd, all paths.
        direct: by autograd with every gate held fixed: the path along the cell state alone.
        around: every path that runs through at least one gate: whole − direct, but summed path by path, since
            the difference of two near-equal numbers would not keep its digits; a gate's slope from its closed form, for
            torch's f·(1 − f) loses them where the gate is nearly open.
        product_of_gates: ∏ f(t−i), i = 1…lag: the closed form of ``direct``.
        one_gate_more: ∏ f(t−i), i = 0…lag: the product with the lab's printed index, k + 1 factors.
    """

    lag: np.ndarray
    whole: np.ndarray
    direct: np.ndarray
    around: np.ndarray
    product_of_gates: np.ndarray
    one_gate_more: np.ndarray


@cached(GATED_FIELDS, 128)
def by_path(settings: Settings) -> Paths:
    """The direct path of ∂c(t)/∂c(t−lag) and the paths through the gate (the lab's last step)."""
    gate, k = cells.GATES[settings.gate], settings.k
    f, u, spread, c0 = (lanes([getattr(settings, name)]) for name in ("f", "u", "spread", "h0"))
    inputs, counts = cells.gate_inputs(settings, k + 1, f, u, spread), torch.tensor([k])
    states = unrolled(lambda c, i: c * gate.opening(inputs, c, i).detach(), c0, counts)
    whole, direct = gated(settings), latest_first(one_backward_pass(states, counts), counts + 1)[:, 0]
    product = product_from_now(whole.gates)
    gate_now = gate.opening(inputs, states[-1].detach(), k)[0].item()
    before = torch.stack(states[:-1]).detach() if k else torch.empty(0, len(c0), dtype=torch.float64)
    through_gate = latest_first(before * gate.slope(inputs, before), counts)[:, 0]
    around = np.zeros(k + 1)
    for i in range(k):  # either a path has been through a gate before, or it goes through this one
        around[i + 1] = around[i] * whole.factor[i] + direct[i] * through_gate[i]
    return Paths(whole.lag, whole.gradient, direct, around, product, gate_now * product)
