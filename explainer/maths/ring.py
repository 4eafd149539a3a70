"""What is particular to linear recurrences: the complex numbers that they multiply by, and states in a few rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from explainer.maths.jacobians.steps import frozen
from explainer.maths.linear_recurrences import rounds
from explainer.maths.network import Network
from explainer.maths.squashing import TORCHS_OWN
from explainer.serving.once import once


@once(size=64)
def factors(network: Network, lag: int) -> np.ndarray:
    """The complex numbers that ∂h(T)/∂h(T−lag) of an LRU multiplies its pairs by, (⌈n/2⌉,), by autograd.

    The Jacobian has a block (re, −im; im, re) for each pair of numbers, and for an odd one out its real factor.

    Raises:
        ValueError: the cell does not turn pairs of numbers.
    """
    cell, n = network.type, network.hidden_size
    if not cell.turns:
        raise ValueError(f"{cell.label} does not turn its memory")
    module, inputs, _ = network.materialise()
    weights = {name: weight.detach() for name, weight in module.named_parameters()}

    def later(state: torch.Tensor) -> torch.Tensor:
        for x in inputs[len(inputs) - lag :]:
            state = cell.step(TORCHS_OWN, weights, x, state)
        return state

    before = module(inputs)[0][len(inputs) - lag - 1].detach()
    jacobian = torch.autograd.functional.jacobian(later, before, vectorize=True).numpy()
    blocks = np.pad(jacobian, (0, n % 2))
    return frozen(blocks.diagonal()[::2] + 1j * blocks.diagonal(-1)[::2])


@once(size=64)
def through_the_scan(network: Network, lag: int) -> float:
    """The spectral norm of ∂h(T)/∂h(T−lag) through a network's own scan of the last ``lag`` steps, by autograd.

    Raises:
        ValueError: the cell reads its state, so that there is nothing to scan.
    """
    cell = network.type
    if cell.reads_state:
        raise ValueError(f"{cell.label} reads its state: its steps cannot be joined before they are taken")
    if lag == 0:
        return 1.0
    module, inputs, _ = network.materialise()
    before, after = inputs[: len(inputs) - lag], inputs[len(inputs) - lag :]
    jacobian = torch.autograd.functional.jacobian(
        lambda state: module(after, state)[0][-1], module(before)[0][-1].detach(), vectorize=True
    )
    return float(torch.linalg.matrix_norm(jacobian, 2))


@dataclass(frozen=True)
class Scan:
    """A network's states by a parallel scan, beside one step after the other.

    Attributes:
        rounds: how many rounds the scan takes one after the other.
        difference: the largest difference between the states, relative to the largest state.
    """

    rounds: int
    difference: float


@once(size=64)
def scanned(network: Network) -> Scan:
    """A network's own forward pass, which scans, against its steps in order.

    Raises:
        ValueError: the cell reads its state, so that there is nothing to scan.
    """
    cell = network.type
    if cell.reads_state:
        raise ValueError(f"{cell.label} reads its state: its steps cannot be joined before they are taken")
    module, inputs, _ = network.materialise()
    weights = dict(module.named_parameters())
    with torch.no_grad():
        state, states = inputs.new_zeros(network.hidden_size), []
        for x in inputs:
            state = cell.step(TORCHS_OWN, weights, x, state)
            states.append(state)
        in_order, at_once = torch.stack(states), module(inputs)[0]
    largest = in_order.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    return Scan(rounds(len(inputs)), float((at_once - in_order).abs().max() / largest))
