"""Norms of ∂s(T)/∂s(T−lag) by lag, with the direct path and the rest, over several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.maths.cell_types import CellType, Weights
from explainer.maths.gradients import HORIZON
from explainer.maths.jacobians.backwards import AtLag, backwards
from explainer.maths.jacobians.steps import (
    Progress,
    Steps,
    Unrolled,
    carry,
    chunks,
    draws,
    frozen,
    ignore,
    kept,
    of_states,
    unrolled,
)
from explainer.maths.logscale import (
    FROBENIUS,
    LOG10_NORM,
    SPECTRAL,
    ZERO,
    added,
    first_below,
    log10,
    log10_spectral,
    rescaled,
)
from explainer.maths.network import Network
from explainer.maths.squashing import TORCHS_OWN

NOTICEABLE = 1e-10  # relative error of torch's slopes from which its own derivative is computed as well


@dataclass(frozen=True)
class Norms:
    """log10 of one norm of ∂s(T)/∂s(T−lag) and of its two parts, shape (seeds, T) each; −inf for exactly 0.

    Attributes:
        whole: along every path.
        direct: along the direct path alone, the product of the gates.
        rest: along all other paths, through h, the gates and the candidate.
    """

    whole: np.ndarray
    direct: np.ndarray
    rest: np.ndarray

    @property
    def direct_share(self) -> np.ndarray:
        """‖direct‖/(‖direct‖ + ‖rest‖), shape (seeds, T): 1 where only the direct path is left, 0 where it is gone.

        Between 0 and 1 also where both parts nearly cancel and the whole is smaller than either. NaN where both are 0.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            return 1 / (1 + 10 ** (self.rest - self.direct))


@dataclass(frozen=True)
class Band:
    """Lowest, middle (median) and highest of several seeds, shape (T,) each."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def band(values: np.ndarray) -> Band:
    """The band over seeds of an array (seeds, T)."""
    return Band(frozen(values.min(0)), frozen(np.median(values, axis=0)), frozen(values.max(0)))


@dataclass(frozen=True)
class ByLag:
    """∂s(T)/∂s(T−lag) of one kind of network, for several seeds.

    Attributes:
        seed: the seeds, shape (seeds,).
        lag: 0, 1, …, T−1 (steps), shape (T,); T−lag = 1 is the first state that the network computes.
        spectral: the largest singular value. frobenius: the root of the sum of squares.
        gate: the gate that multiplies the memory at step T−lag, shape (seeds, T, n), by autograd as the derivative of
            a step by its carried memory; |a| where a is complex; 0 for a cell without a direct path.
        growth_rate: log10 of the spectral norm at the longest lag divided by that lag, in decades per step, shape
            (seeds,): the finite-time Lyapunov exponent, in powers of ten, of the memory. NaN where T = 1.
        slope_error: how wrong, relatively, the worst slope is that torch forms from an output here, shape (seeds,).
        torchs_own: ``spectral.whole`` with torch's own slopes, shape (seeds, T); the same numbers where
            ``slope_error`` is below 10⁻¹⁰.
    """

    seed: np.ndarray
    lag: np.ndarray
    spectral: Norms
    frobenius: Norms
    gate: np.ndarray
    growth_rate: np.ndarray
    slope_error: np.ndarray
    torchs_own: np.ndarray

    def horizon(self, threshold: float = HORIZON) -> tuple[int | None, ...]:
        """Per seed: the first lag at which the whole spectral norm is below the threshold; None: not within T−1.

        Raises:
            ValueError: the threshold is not positive.
        """
        return tuple(first_below(row, threshold) for row in self.spectral.whole)


def _log10_directs(gate: np.ndarray) -> dict[str, np.ndarray]:
    """log10 norms (b, T) of the product of the gates at lags 0…T−1, from gates (b, T, n) latest first.

    Per unit as a sum of logarithms; a diagonal matrix's singular values are its entries.
    """
    logs = np.concatenate([np.zeros_like(gate[:, :1]), log10(gate[:, :-1]).cumsum(1)], axis=1)
    largest = logs.max(-1)
    finite = np.where(np.isneginf(largest), 0.0, largest)
    squares = (10 ** (2 * (logs - finite[..., None]))).sum(-1)
    return {SPECTRAL: largest, FROBENIUS: log10(squares) / 2 + finite}


def _by_last_memory(steps: Steps) -> Iterator[AtLag]:
    """The derivatives of memory(T), by every state backwards."""
    b, _, n, size = steps.gates.shape
    return backwards(steps, np.broadcast_to(np.eye(n, size, size - n), (b, n, size)))


def _rests(steps: Steps) -> Iterator[tuple[AtLag, np.ndarray, np.ndarray]]:
    """Each lag's derivatives, and of them what is left without the direct path (b, n, n) times 2^exponent (b,).

    The rest is accumulated by itself with an exponent of its own: each path leaves the direct one at some step.
    """
    direct, gates, beside, lift = steps.arrays()
    e, n = beside.shape[-2], gates.shape[-2]
    left, exponent = np.zeros((len(gates), n, n)), np.full(len(gates), ZERO)
    for at in _by_last_memory(steps):
        by_h = at.by_state[..., :e]
        rest, rest_exponent = added(left, exponent, by_h @ lift[:, at.t], at.exponent) if e else (left, exponent)
        yield at, rest, rest_exponent
        leaving = at.by_memory @ gates[:, at.t, :, e:]
        if e:
            leaving += by_h @ beside[:, at.t, :, e:]
        left, exponent = added(carry(rest, direct[:, at.t]), rest_exponent, leaving, at.exponent)
        left, exponent = rescaled(left, exponent)


def _norms_by_lag(run: Unrolled, gated: bool) -> tuple[dict[str, list[np.ndarray]], np.ndarray]:
    """{norm: [whole, direct, rest]} (b, T) each, and the gates (b, T, n), latest first."""
    if gated:
        lags, rests, rest_exponents = zip(*_rests(run.steps), strict=True)
    else:
        lags = tuple(_by_last_memory(run.steps))
    wholes, exponent = np.stack([at.by_memory for at in lags], 1), np.stack([at.exponent for at in lags], 1)
    gate = run.steps.gate[:, ::-1].copy()
    direct = _log10_directs(gate)
    norms = {}
    for name, log10_norm in LOG10_NORM.items():
        whole = log10_norm(wholes, exponent)
        if gated:
            rest = log10_norm(np.stack(rests, 1), np.stack(rest_exponents, 1))
        else:  # nothing goes straight on: from lag 1 the rest is the whole
            rest = np.where(np.arange(whole.shape[1]) == 0, -np.inf, whole)
        norms[name] = [whole, direct[name], rest]
    return norms, gate


def _log10_spectral_by_lag(steps: Steps) -> np.ndarray:
    """log10 of the spectral norm of the whole, shape (b, T)."""
    lags = tuple(_by_last_memory(steps))
    return log10_spectral(np.stack([at.by_memory for at in lags], 1), np.stack([at.exponent for at in lags], 1))


def _torchs_own(cell: CellType, run: Unrolled, whole: np.ndarray) -> np.ndarray:
    """The whole (b, T) once more with torch's own slopes, where those have lost digits."""
    if (run.steps.slope_error < NOTICEABLE).all():
        return whole
    steps = of_states(cell, run.weights, run.inputs, run.states, TORCHS_OWN)
    noticeable = run.steps.slope_error.numpy()[:, None] >= NOTICEABLE
    return np.where(noticeable, _log10_spectral_by_lag(steps), whole)


@kept(128)
def by_lag(network: Network, seeds: int = 5, *, progress: Progress = ignore) -> ByLag:
    """The norms of ∂s(T)/∂s(T−lag) for all lags, with the direct path and the rest, over several seeds.

    The singular-value argument: Pascanu, Mikolov & Bengio 2013 §2.1. ``seeds`` networks, of the seeds network.seed,
    network.seed + 1, … ; ``progress`` is told the share that is done.

    Raises:
        ValueError: seeds is not a whole number from 1 to 64.
    """
    drawn = draws(network, seeds)
    parts, gates, errors, torchs_own = [], [], [], []
    for chunk in chunks(drawn):
        run = unrolled(chunk)
        norms, gate = _norms_by_lag(run, network.type.gated)
        parts.append(norms)
        gates.append(gate)
        errors.append(run.steps.slope_error.numpy())
        torchs_own.append(_torchs_own(network.type, run, norms[SPECTRAL][0]))
        progress(sum(map(len, gates)) / seeds)
    joined = {
        name: Norms(*(frozen(np.concatenate([part[name][i] for part in parts])) for i in range(3)))
        for name in LOG10_NORM
    }
    whole = joined[SPECTRAL].whole
    with np.errstate(invalid="ignore"):
        rate = whole[:, -1] / np.array(network.length - 1.0) if network.length > 1 else np.full(seeds, np.nan)
    return ByLag(
        seed=frozen(np.array([draw.seed for draw in drawn])),
        lag=frozen(np.arange(network.length)),
        spectral=joined[SPECTRAL],
        frobenius=joined[FROBENIUS],
        gate=frozen(np.concatenate(gates)),
        growth_rate=frozen(rate),
        slope_error=frozen(np.concatenate(errors)),
        torchs_own=frozen(np.concatenate(torchs_own)),
    )


def of_steps(steps: Steps) -> Norms:
    """Spectral norms of the product of the last steps' Jacobians, lag = 0…T−1, whole and by path, from one-part states.

    The norms of ∂s(T)/∂s(T−lag) as in :func:`by_lag`, for any chain of steps whose state is its memory.
    """
    lags, rests, rest_exponents = zip(*_rests(steps), strict=True)
    wholes, exponent = np.stack([at.by_memory for at in lags], 1), np.stack([at.exponent for at in lags], 1)
    direct = _log10_directs(steps.gate[:, ::-1])[SPECTRAL]
    rest = log10_spectral(np.stack(rests, 1), np.stack(rest_exponents, 1))
    return Norms(frozen(log10_spectral(wholes, exponent)), frozen(direct), frozen(rest))


def log10_spectral_of(cell: CellType, weights: Weights, inputs: Tensor) -> np.ndarray:
    """log10 of the spectral norm of ∂s(T)/∂s(T−lag), lag = 0…T−1, of one network on b sequences: shape (b, T).

    Args:
        cell: the network's type.
        weights: its parameters by name, in float64.
        inputs: (b, T, I), in float64, read from a zero state.
    """
    state = inputs.new_zeros(len(inputs), cell.state_size(cell.hidden_size(weights)))
    states = [state]
    for x in inputs.unbind(1):
        states.append(cell.step(TORCHS_OWN, weights, x, states[-1]))
    return _log10_spectral_by_lag(of_states(cell, weights, inputs, torch.stack(states, 1)))
