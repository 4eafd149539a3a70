"""∂L(T)/∂W_hh of one network term by term, each term the product of its three factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.maths.cell_types import RECURRENT_WEIGHT
from explainer.maths.jacobians.backwards import backwards
from explainer.maths.jacobians.shares import backward_gradient
from explainer.maths.jacobians.steps import Progress, Unrolled, frozen, ignore, kept, unrolled
from explainer.maths.network import Network
from explainer.maths.squashing import WITHOUT_CANCELLING


@dataclass(frozen=True)
class Terms:
    """The terms ∂L(T)/∂h(T) · ∂h(T)/∂h(T−k) · ∂⁺h(T−k)/∂W_hh, L(T) = ½‖h(T) − y‖², of a network whose state is h.

    ∂⁺ is the immediate derivative: of one step by its weights, with the state before it held fixed.

    Attributes:
        lag: k = 0, 1, …, T−1, shape (T,).
        norm: Frobenius norm of each term, shape (T,).
        of_copies: the same of the gradient of a copy of W_hh that this step alone uses, by one backward pass through
            all steps, shape (T,).
        worst_term: the largest ‖term − gradient of the copy‖/‖gradient of the copy‖ over the lags.
        total_norm: Frobenius norm of the sum of the terms.
        backward_norm: the same of the gradient that ``backward()`` leaves on the module.
        relative_difference: ‖sum of the terms − backward()‖/‖backward()‖.
    """

    lag: np.ndarray
    norm: np.ndarray
    of_copies: np.ndarray
    worst_term: float
    total_norm: float
    backward_norm: float
    relative_difference: float


def _by_factors(network: Network, run: Unrolled) -> Tensor:
    """The terms (T, n, n), from three derivatives by autograd, latest step first."""
    cell, n = network.type, network.hidden_size
    last = run.states[0, -1].clone().requires_grad_()
    loss = 0.5 * (last - run.targets[0]).square().sum()
    (by_last_state,) = torch.autograd.grad(loss, last)
    by_lag = backwards(run.steps, np.eye(n)[None])
    jacobians = np.stack([np.ldexp(one.by_state[0], one.exponent[0]) for one in by_lag])
    arrives = by_last_state @ torch.from_numpy(jacobians)
    # every step as a network of its own, its state before given and fixed
    weights = {name: weight[0].expand(network.length, *weight.shape[1:]) for name, weight in run.weights.items()}
    copies = weights[RECURRENT_WEIGHT].clone().requires_grad_()
    before, inputs = run.states[0, :-1].flip(0).unsqueeze(1), run.inputs[0].flip(0).unsqueeze(1)
    after = cell.step(WITHOUT_CANCELLING, {**weights, RECURRENT_WEIGHT: copies}, inputs, before)
    (terms,) = torch.autograd.grad(after, copies, arrives.unsqueeze(1))
    return terms


def _by_copies(network: Network, run: Unrolled) -> Tensor:
    """The gradient of each step's own copy of W_hh (T, n, n), latest step first, by one backward pass."""
    state, copies = run.states[:, :1], []
    for t, x in enumerate(run.inputs[0], 1):
        copies.append(run.weights[RECURRENT_WEIGHT].clone().requires_grad_())
        weights = {**run.weights, RECURRENT_WEIGHT: copies[-1]}
        state = network.type.step(WITHOUT_CANCELLING, weights, x[None, None], state)
        state = run.states[:, t : t + 1] + (state - state.detach())  # on torch's own trajectory, to the last digit
    loss = 0.5 * (state[0, 0] - run.targets[0]).square().sum()
    return torch.stack(torch.autograd.grad(loss, copies[::-1]))[:, 0]


def _frobenius(matrices: Tensor) -> np.ndarray:
    """Frobenius norms (T,) of matrices (T, n, n), whose squares may be too small for float64."""
    largest = matrices.abs().amax((1, 2))
    scaled = matrices / torch.where(largest > 0, largest, 1.0)[:, None, None]
    return (largest * torch.linalg.matrix_norm(scaled)).numpy()


@kept(16)
def terms(network: Network, *, progress: Progress = ignore) -> Terms:
    """The sum of backpropagation through time, term by term, beside ``backward()`` on the torch module.

    Raises:
        ValueError: the cell's state is not h alone, or it does not read its state.
    """
    if network.type.output is not None or not network.type.reads_state:
        raise ValueError(f"{network.type.label} has no state of h alone that W_hh reads")
    run = unrolled([network])
    by_factors, by_copies = _by_factors(network, run), _by_copies(network, run)
    norm, of_copies, apart = (_frobenius(each) for each in (by_factors, by_copies, by_factors - by_copies))
    there = of_copies > np.finfo(np.float64).tiny / np.finfo(np.float64).eps  # below, float64 has fewer digits
    total, backward = by_factors.sum(0).numpy(), backward_gradient(network)
    backward_norm = float(np.linalg.norm(backward))
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.linalg.norm(total - backward) / np.float64(backward_norm)
    progress(1.0)
    return Terms(
        lag=frozen(np.arange(network.length)),
        norm=frozen(norm),
        of_copies=frozen(of_copies),
        worst_term=float((apart[there] / of_copies[there]).max(initial=0.0)),
        total_norm=float(np.linalg.norm(total)),
        backward_norm=backward_norm,
        relative_difference=float(difference),
    )
