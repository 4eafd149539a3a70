"""The sum of backpropagation through time, opened up: what each lag contributes to ∂L(T)/∂W_hh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from explainer.maths.cell_types import RECURRENT_WEIGHT
from explainer.maths.jacobians.backwards import backwards
from explainer.maths.jacobians.steps import Progress, chunks, draws, frozen, ignore, kept, unrolled
from explainer.maths.logscale import log10_frobenius
from explainer.maths.network import Network
from explainer.maths.squashing import WITHOUT_CANCELLING


@dataclass(frozen=True)
class Shares:
    """What each lag contributes to ∂L(T)/∂W_hh, L(T) = ½‖h(T) − y‖² with a seeded target y.

    Attributes:
        seed: the seeds, shape (seeds,).
        lag: 0, 1, …, T−1, shape (T,); lag k is the use of W_hh in the step that ends at T−k.
        log10_norm: log10 of the Frobenius norm of each lag's share, shape (seeds, T); −inf for exactly 0.
        fraction: each share's projection on the total over the total's square, shape (seeds, T): signed, sums to 1.
            NaN where the total is 0, as at T = 1: the state before the first step is 0.
        total_norm: Frobenius norm of the sum of the shares, shape (seeds,).
        backward_norm: the same of the gradient that ``backward()`` leaves on the module itself, shape (receipts,): for
            the first seeds, at least the network's own.
        relative_difference: ‖sum of shares − backward()‖/‖backward()‖, shape (receipts,).
        slope_error: how wrong, relatively, the worst slope is that ``backward()`` forms from an output, shape (seeds,).
    """

    seed: np.ndarray
    lag: np.ndarray
    log10_norm: np.ndarray
    fraction: np.ndarray
    total_norm: np.ndarray
    backward_norm: np.ndarray
    relative_difference: np.ndarray
    slope_error: np.ndarray


def backward_gradient(network: Network) -> np.ndarray:
    """∂L(T)/∂W_hh (rows, n) as ``backward()`` leaves it on the module itself."""
    module, inputs, target = network.materialise()
    (0.5 * (module(inputs)[0][-1] - target).square().sum()).backward()
    return module.get_parameter(RECURRENT_WEIGHT).grad.numpy()


def shares_by_lag(networks: Sequence[Network]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares by lag (b, T, rows, n) times 2^exponent (b, T), and torch's slope error (b,)."""
    cell, n = networks[0].type, networks[0].hidden_size
    run = unrolled(networks)
    b, length, _ = run.inputs.shape
    last = np.zeros((b, 1, cell.state_size(n)))
    last[:, 0, :n] = run.states[:, -1, :n] - run.targets
    lags = tuple(backwards(run.steps, last))
    adjoints, exponents = (
        np.stack(column, 1) for column in zip(*((a.by_state, a.exponent) for a in lags), strict=True)
    )
    # every step with its own copy of W_hh, as a batch of b × T networks of one step each, latest first
    weights = {name: weight.unsqueeze(1) for name, weight in run.weights.items()}
    copies = weights[RECURRENT_WEIGHT].expand(-1, length, -1, -1).requires_grad_()
    before, now = run.states[:, :-1].flip(1), run.inputs.flip(1)
    after = cell.step(WITHOUT_CANCELLING, {**weights, RECURRENT_WEIGHT: copies}, now.unsqueeze(2), before.unsqueeze(2))
    (shares,) = torch.autograd.grad(after, copies, torch.from_numpy(adjoints))
    return shares.numpy(), exponents, run.steps.slope_error.numpy()


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; NaN for 0 / 0, inf where only the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return part / whole


@kept(64)
def shares(network: Network, seeds: int = 1, receipts: int = 1, *, progress: Progress = ignore) -> Shares:
    """Each lag's share of ∂L(T)/∂W_hh, and the receipt: their sum beside ``backward()`` on the torch module.

    The lab's sum over k (Raschka & Mirjalili, chapter 16; Werbos 1990): the step that ends at T−k gets its own copy
    of W_hh, and ∂L(T)/∂state(T−k) as what arrives there. The first ``receipts`` of the seeds get their receipt, which
    costs as much as the rest together. ``progress`` is told the share that is done.

    Raises:
        ValueError: seeds is not a whole number from 1 to 64, or receipts not one from 1 to seeds; or the cell does not
            read its state, so that there is no W_hh.
    """
    if not network.type.reads_state:
        raise ValueError(f"{network.type.label} does not read its state: it has no W_hh to share a gradient of")
    drawn = draws(network, seeds)
    if isinstance(receipts, bool) or not isinstance(receipts, int) or not 1 <= receipts <= seeds:
        raise ValueError(f"receipts must be a whole number from 1 to {seeds}, not {receipts!r}")
    rows, totals, done = [], [], 0
    for chunk in chunks(drawn):
        matrices, exponents, slope_error = shares_by_lag(chunk)
        plain = np.ldexp(matrices, exponents[..., None, None])
        total = plain.sum(1)
        totals.append(total)
        fraction = _ratio(np.einsum("btij,bij->bt", plain, total), np.square(total).sum((1, 2))[:, None])
        rows.append((log10_frobenius(matrices, exponents), fraction, np.linalg.norm(total, axis=(1, 2)), slope_error))
        done += len(chunk)
        progress(done / seeds)
    log10_norm, fraction, total_norm, slope_error = (
        frozen(np.concatenate(column)) for column in zip(*rows, strict=True)
    )
    gradients = np.stack([backward_gradient(draw) for draw in drawn[:receipts]])
    backward_norm = np.linalg.norm(gradients, axis=(1, 2))
    difference = np.linalg.norm(np.concatenate(totals)[:receipts] - gradients, axis=(1, 2))
    return Shares(
        seed=frozen(np.array([draw.seed for draw in drawn])),
        lag=frozen(np.arange(network.length)),
        log10_norm=log10_norm,
        fraction=fraction,
        total_norm=total_norm,
        backward_norm=frozen(backward_norm),
        relative_difference=frozen(_ratio(difference, backward_norm)),
        slope_error=slope_error,
    )
