"""How the gradient travels through real recurrent networks: every quantity by autograd, numpy out.

In: a :class:`explainer.maths.networks.Network`. Out: frozen dataclasses of read-only numpy arrays (float64), kept by
value, so that asking again costs nothing.

Which derivative. s is the cell's memory: c for the LSTMs, h for the others. ∂s(t)/∂s(t−k) is the derivative along
every path of the unrolled graph from the node s(t−k) to the node s(t), which is what ``torch.autograd.grad(s_t,
s_tk)`` returns. For an LSTM that includes the path that leaves at once through h(t−k) = o·tanh(c(t−k)); the c–c block
of ∂(h, c)(t)/∂(h, c)(t−k), which holds h(t−k) fixed, leaves that path out. The *direct* path is the part that goes
from carried memory to carried memory alone, ∏ f(t−i), a diagonal matrix; the *rest* is whole − direct and is
accumulated by itself, never as a difference. c alone is not the whole state, so ∂c(t)/∂c(t−2) is not the product of
two ∂c/∂c: the products are taken over the packed state, then read off.

How. The states are the module's own. One vmapped backward pass gives the Jacobians of all steps of all seeds at
once; their product is taken from t backwards, exactly rescaled by a power of two at every step, so that a norm of
10⁻⁵⁰⁰ or 10⁺⁵⁰⁰ is right in log10. Where a network is chaotic (a positive growth rate) its trajectory is sensitive to
the last digit of float64; the derivatives are those along the trajectory that torch computed. And where tanh is
saturated, float64 loses digits as torch forms 1 − y²: at large gain with n = 1 or 2 up to 10⁻⁵ of a norm.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.maths.gradients import HORIZON
from explainer.maths.logscale import first_below
from explainer.maths.networks import MAX_SEED, RECURRENT_WEIGHT, CellType, Network, Weights, stacked_weights
from explainer.serving.once import Kept

Progress = Callable[[float], None]

SPECTRAL = "spectral"  # the largest singular value: the most that any direction is stretched
FROBENIUS = "frobenius"  # the root of the sum of squares: at least the spectral norm, at most √n times it
MAX_SEEDS = 64

_LOG10_2 = math.log10(2.0)
_SHARED_ELEMENTS = 51_200  # n²·T of a network whose Jacobians, under 3 MB, are worth keeping: n = 16 at T = 200
_SHARED_NETWORKS = 20
_BATCH_ELEMENTS = 2_000_000  # cotangents × pre-activations in one vmapped backward pass (16 MB in float64)


# --- kept results -------------------------------------------------------------------------------------------


def _ignore(fraction: float) -> None:
    """Progress that nobody watches."""


def _kept(entries: int) -> Callable:
    """Keep the latest results by the value of the arguments; of several askers at once, one computes.

    Settings that cannot change a result are not part of its key: a forget bias where the cell has no gate.
    ``progress`` is called only by the one who computes.
    """

    def decorate(function: Callable) -> Callable:
        kept: Kept = Kept(entries)
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(network: Network, *arguments, progress: Progress = _ignore, **options):
            if network.type.keep is None:
                network = dataclasses.replace(network, forget_bias=None)
            bound = signature.bind(network, *arguments, **options)
            bound.apply_defaults()
            return kept.get(bound.args, lambda: function(*bound.args, progress=progress))

        call.cache_clear = kept.clear
        call.cache_size = lambda: kept.counts().currsize
        return call

    return decorate


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


# --- one step, for all steps and seeds at once -----------------------------------------------------------------


@dataclass(frozen=True)
class _Steps:
    """The Jacobians of steps 1…T of b networks, in two parts (index 0 of the time axis is step 1).

    With state = [h, memory], or [memory] alone where e = S − n is 0:

        memory(t) = update(state(t−1), carried)  by state: ``gates`` (b, T, n, S), by carried: diag ``direct`` (b, T, n)
        h(t) = expose(state(t−1), memory(t))     by state: ``beside`` (b, T, e, S), by memory: ``lift`` (b, T, e, n)
    """

    direct: Tensor
    gates: Tensor
    beside: Tensor
    lift: Tensor

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four as numpy arrays: what autograd gave is multiplied there, three times as fast for small matrices."""
        return self.direct.numpy(), self.gates.numpy(), self.beside.numpy(), self.lift.numpy()


def _jacobians(output: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """∂output/∂input at every (batch, time), one vmapped backward pass: (b, T, m) by (b, T, p) -> (b, T, m, p)."""
    m = output.shape[-1]
    if m == 0:
        return [output.new_zeros(*output.shape, x.shape[-1]) for x in inputs]
    basis = torch.eye(m, dtype=output.dtype).view(m, 1, 1, m).expand(m, *output.shape)
    rows = torch.autograd.grad(output, inputs, basis, is_grads_batched=True, allow_unused=True)
    return [
        x.new_zeros(*output.shape, x.shape[-1]) if row is None else row.movedim(0, -2)
        for x, row in zip(inputs, rows, strict=True)
    ]


def _steps(cell: CellType, weights: Weights, inputs: Tensor, states: Tensor) -> _Steps:
    """From weights of b networks, inputs (b, T, I) and states (b, T+1, S)."""
    n = weights[RECURRENT_WEIGHT].shape[-1]
    before = states[:, :-1].clone().requires_grad_()
    carried = cell.memory_of(states[:, :-1], n).clone().requires_grad_()
    memory = cell.update(weights, inputs, before, carried)
    gates, direct = _jacobians(memory, (before, carried))
    memory = memory.detach().requires_grad_()
    exposed = cell.expose(weights, inputs, before, memory)[..., :-n]
    beside, lift = _jacobians(exposed, (before, memory))
    return _Steps(direct.diagonal(dim1=-2, dim2=-1), gates, beside, lift)


def _trajectory(cell: CellType, weights: Weights, inputs: Tensor, hidden: Tensor) -> Tensor:
    """The packed states (b, T+1, S) at times 0…T, the first one zero, from inputs (b, T, I).

    h is the module's own, ``hidden`` (b, T, n). Where the memory is not h, torch keeps it to itself: it follows
    step by step from the module's h.
    """
    b, length, n = hidden.shape
    zero = hidden.new_zeros(b, 1, n)
    before = torch.cat((zero, hidden), 1)
    if cell.state_size(n) == n:
        return before
    memories = [zero]
    for t in range(length):
        state = torch.cat((before[:, t : t + 1], memories[-1]), -1)
        memories.append(cell.update(weights, inputs[:, t : t + 1], state, memories[-1]))
    return torch.cat((before, torch.cat(memories, 1)), -1)


@dataclass(frozen=True)
class _Unrolled:
    """b networks run over their inputs (b, T, I): states (b, T+1, S), Jacobians of all steps; targets (b, n)."""

    weights: Weights
    inputs: Tensor
    targets: Tensor
    states: Tensor
    steps: _Steps

    def parts(self) -> list[_Unrolled]:
        """The networks one by one, as views."""
        one_by_one = [tensor.split(1) for tensor in _leaves(self)]
        return [_like(self, leaves) for leaves in zip(*one_by_one, strict=True)]


def _leaves(unrolled: _Unrolled) -> list[Tensor]:
    steps = unrolled.steps
    fixed = [unrolled.inputs, unrolled.targets, unrolled.states, steps.direct, steps.gates, steps.beside, steps.lift]
    return [*fixed, *unrolled.weights.values()]


def _like(unrolled: _Unrolled, leaves: Sequence[Tensor]) -> _Unrolled:
    inputs, targets, states, direct, gates, beside, lift, *weights = leaves
    named = dict(zip(unrolled.weights, weights, strict=True))
    return _Unrolled(named, inputs, targets, states, _Steps(direct, gates, beside, lift))


def _compute_unrolled(networks: Sequence[Network]) -> _Unrolled:
    cell = networks[0].type
    built = [network.materialise() for network in networks]
    weights = stacked_weights([network.module for network in built])
    inputs = torch.stack([network.inputs for network in built])
    with torch.no_grad():
        hidden = torch.stack([network.module(network.inputs)[0] for network in built])
        states = _trajectory(cell, weights, inputs, hidden)
    targets = torch.stack([network.target for network in built])
    return _Unrolled(weights, inputs, targets, states, _steps(cell, weights, inputs, states))


@functools.lru_cache(maxsize=_SHARED_NETWORKS)
def _place(network: Network) -> list[_Unrolled]:
    """Where one small network's Jacobians lie for the next figure that is drawn of it; at first empty."""
    return []


def forget_shared() -> None:
    """Empty the places that networks' Jacobians are kept in, as for a first visit."""
    _place.cache_clear()


def _unroll(networks: Sequence[Network]) -> _Unrolled:
    """Networks of one kind run over their inputs, the small ones from their places."""
    if networks[0].hidden_size ** 2 * networks[0].length > _SHARED_ELEMENTS:
        return _compute_unrolled(networks)
    places = [_place(network) for network in networks]
    found = [place[0] for place in places if place]
    if len(found) == len(places):
        return _like(found[0], [torch.cat(leaves) for leaves in zip(*map(_leaves, found), strict=True)])
    unrolled = _compute_unrolled(networks)
    for place, part in zip(places, unrolled.parts(), strict=True):
        place[:] = [part]
    return unrolled


def _draws(network: Network, seeds: int) -> list[Network]:
    """The same network with as many seeds, one after the other, beginning with its own."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MAX_SEEDS:
        raise ValueError(f"seeds must be a whole number from 1 to {MAX_SEEDS}, not {seeds!r}")
    return [dataclasses.replace(network, seed=(network.seed + i) % (MAX_SEED + 1)) for i in range(seeds)]


def _chunks(networks: list[Network]) -> list[list[Network]]:
    """As many networks at a time as one backward pass should hold."""
    network = networks[0]
    each = network.length * network.hidden_size * 4 * network.hidden_size
    size = max(1, _BATCH_ELEMENTS // each)
    return [networks[i : i + size] for i in range(0, len(networks), size)]


# --- products that leave float64 ---------------------------------------------------------------------------------


def _power_of_two(largest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2^−shift, shift) that brings the largest magnitudes near 1 without losing a digit; 1 and 0 for 0."""
    shift = np.frexp(largest)[1].clip(-1000, 1000)
    return np.ldexp(1.0, -shift), shift


class _Backwards:
    """∂s(T)/∂s(T−k) for k = 0, 1, …, for a batch of b networks, kept as 2^exponent × matrix.

    ``through`` (b, n, S) is ∂s(T)/∂state(T−k) without the direct path, ``direct`` (b, n) the direct path.
    """

    def __init__(self, b: int, n: int, size: int) -> None:
        self.through = np.zeros((b, n, size))
        self.direct = np.ones((b, n))
        self.exponent = np.zeros(b, dtype=int)

    def read(self, lift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(rest, whole), (b, n, n) each, times 2^−exponent, from ``lift`` of the step that ended at T−k."""
        e, n = lift.shape[-2:]
        rest = self.through[..., e:]
        if e:
            rest = rest + self.through[..., :e] @ lift
        whole = rest.copy()
        whole.reshape(-1, n * n)[:, :: n + 1] += self.direct  # on the diagonal
        return rest, whole

    def advance(
        self, rest: np.ndarray, whole: np.ndarray, direct: np.ndarray, gates: np.ndarray, beside: np.ndarray
    ) -> None:
        """One step further back, through the step that ended at T−k."""
        e = beside.shape[-2]
        through = whole @ gates  # through h, the gates and the candidate, from the whole; and the rest straight on
        through[..., e:] += rest * direct[:, None]
        if e:
            through += self.through[..., :e] @ beside
        carried = self.direct * direct
        largest = np.maximum(np.abs(through).reshape(len(through), -1).max(1), carried.max(1))
        scale, shift = _power_of_two(largest)
        through *= scale[:, None, None]
        carried *= scale[:, None]
        self.through, self.direct, self.exponent = through, carried, self.exponent + shift


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(values)


def _scaled(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (..., n, n) with their largest entry at 1 (all 0 stays 0), and log10 of what it was."""
    largest = np.abs(matrices).max((-2, -1)).clip(np.finfo(float).tiny)
    return matrices / largest[..., None, None], np.log10(largest)


def _log10_frobenius(matrices: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """log10 of the Frobenius norm of 2^exponent × matrices (..., n, n); −inf for 0."""
    squared = np.einsum("...ij,...ij->...", matrices, matrices)
    if ((squared > 1e-200) & (squared < 1e200)).all():  # no square has left float64
        return np.log10(squared) / 2 + exponent * _LOG10_2
    scaled, log10_largest = _scaled(matrices)
    return _log10(np.square(scaled).sum((-2, -1))) / 2 + log10_largest + exponent * _LOG10_2


def _log10_spectral(matrices: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """log10 of the largest singular value of 2^exponent × matrices (..., n, n); −inf for 0.

    The root of the largest eigenvalue of M·Mᵀ: for the largest one that loses no digits, and it takes half the time.
    """
    scaled, log10_largest = _scaled(matrices)
    squared = np.linalg.eigvalsh(scaled @ scaled.swapaxes(-2, -1))[..., -1].clip(0)
    return _log10(squared) / 2 + log10_largest + exponent * _LOG10_2


_LOG10_NORM = {SPECTRAL: _log10_spectral, FROBENIUS: _log10_frobenius}


# --- norms by lag, with their paths --------------------------------------------------------------------------------


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
    return Band(_frozen(values.min(0)), _frozen(np.median(values, axis=0)), _frozen(values.max(0)))


@dataclass(frozen=True)
class ByLag:
    """∂s(T)/∂s(T−lag) of one kind of network, for several seeds.

    Attributes:
        seed: the seeds, shape (seeds,).
        lag: 0, 1, …, T−1 (steps), shape (T,); T−lag = 1 is the first state that the network computes.
        spectral: the largest singular value. frobenius: the root of the sum of squares.
        gate: the gate that multiplies the memory at step T−lag, shape (seeds, T, n), by autograd as the derivative of
            a step by its carried memory; 0 for a cell without a direct path.
        growth_rate: log10 of the spectral norm at the longest lag divided by that lag, in decades per step, shape
            (seeds,): the finite-time Lyapunov exponent, in powers of ten, of the memory. NaN where T = 1.
    """

    seed: np.ndarray
    lag: np.ndarray
    spectral: Norms
    frobenius: Norms
    gate: np.ndarray
    growth_rate: np.ndarray

    def horizon(self, threshold: float = HORIZON) -> tuple[int | None, ...]:
        """Per seed: the first lag at which the whole spectral norm is below the threshold; None: not within T−1.

        Raises:
            ValueError: the threshold is not positive.
        """
        return tuple(first_below(row, threshold) for row in self.spectral.whole)


def _directs(gate: np.ndarray) -> dict[str, np.ndarray]:
    """log10 norms (b, T) of the product of the gates at lags 0…T−1, from gates (b, T, n) latest first.

    Per unit as a sum of logarithms; a diagonal matrix's singular values are its entries.
    """
    logs = np.concatenate([np.zeros_like(gate[:, :1]), _log10(gate[:, :-1]).cumsum(1)], axis=1)
    largest = logs.max(-1)
    finite = np.where(np.isneginf(largest), 0.0, largest)
    squares = (10 ** (2 * (logs - finite[..., None]))).sum(-1)
    return {SPECTRAL: largest, FROBENIUS: _log10(squares) / 2 + finite}


def _norms_by_lag(networks: list[Network]) -> tuple[dict[str, list[np.ndarray]], np.ndarray]:
    """{norm: [whole, direct, rest]} (b, T) each, and the gates (b, T, n), latest first."""
    direct, gates, beside, lift = _unroll(networks).steps.arrays()
    b, length, n, size = gates.shape
    product = _Backwards(b, n, size)
    rests, wholes, exponents = [], [], []
    for t in reversed(range(length)):
        rest, whole = product.read(lift[:, t])
        rests.append(rest)
        wholes.append(whole)
        exponents.append(product.exponent)
        if t:
            product.advance(rest, whole, direct[:, t], gates[:, t], beside[:, t])
    gate = direct[:, ::-1].copy()
    norm_of_direct = _directs(gate)
    norms = {}
    exponent = np.stack(exponents, 1)
    for name, log10_norm in _LOG10_NORM.items():
        whole = log10_norm(np.stack(wholes, 1), exponent)
        if networks[0].type.keep is None:  # nothing goes straight on: from lag 1 the rest is the whole
            rest = np.where(np.arange(length) == 0, -np.inf, whole)
        else:
            rest = log10_norm(np.stack(rests, 1), exponent)
        norms[name] = [whole, norm_of_direct[name], rest]
    return norms, gate


@_kept(64)
def by_lag(network: Network, seeds: int = 5, *, progress: Progress = _ignore) -> ByLag:
    """The norms of ∂s(T)/∂s(T−lag) for all lags, with the direct path and the rest, over several seeds.

    The singular-value argument: Pascanu, Mikolov & Bengio 2013 §2.1. ``seeds`` networks, of the seeds network.seed,
    network.seed + 1, … ; ``progress`` is told the share that is done.

    Raises:
        ValueError: seeds is not a whole number from 1 to 64.
    """
    draws = _draws(network, seeds)
    parts, gates = [], []
    for chunk in _chunks(draws):
        norms, gate = _norms_by_lag(chunk)
        parts.append(norms)
        gates.append(gate)
        progress(sum(map(len, gates)) / seeds)
    joined = {
        name: Norms(*(_frozen(np.concatenate([part[name][i] for part in parts])) for i in range(3)))
        for name in _LOG10_NORM
    }
    whole = joined[SPECTRAL].whole
    with np.errstate(invalid="ignore"):
        rate = whole[:, -1] / np.array(network.length - 1.0) if network.length > 1 else np.full(seeds, np.nan)
    return ByLag(
        seed=_frozen(np.array([draw.seed for draw in draws])),
        lag=_frozen(np.arange(network.length)),
        spectral=joined[SPECTRAL],
        frobenius=joined[FROBENIUS],
        gate=_frozen(np.concatenate(gates)),
        growth_rate=_frozen(rate),
    )


# --- all pairs of times --------------------------------------------------------------------------------------------


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


@_kept(32)
def pairs(network: Network, norm: str = FROBENIUS, *, progress: Progress = _ignore) -> Pairs:
    """The T×T picture. All end times t travel backwards together, one matrix product a step.

    The Frobenius norm is the cheap one, and within a factor √n of the spectral norm; ``progress`` is told the share
    that is done.

    Raises:
        ValueError: norm is neither ``frobenius`` nor ``spectral``.
    """
    if norm not in _LOG10_NORM:
        raise ValueError(f"norm must be one of {', '.join(_LOG10_NORM)}, not {norm!r}")
    direct_of, gates, beside, lift = (array[0] for array in _unroll([network]).steps.arrays())
    length, n, size = gates.shape
    e = size - n
    latest_first = np.full((length, length), np.nan)
    # ∂s(t)/∂state(u), transposed: (S, end times, n), the latest end time first, so that a step back in time is one wide
    # matrix product; the direct path (end times, n) apart from it, both times 2^−exponent
    through, direct, exponent = np.zeros((size, 0, n)), np.ones((0, n)), np.zeros(0, dtype=int)
    diagonal = np.arange(n)
    for u in reversed(range(length)):
        # one more end time, t = u, where the derivative is the identity
        through = np.concatenate([through, np.zeros((size, 1, n))], axis=1)
        direct = np.concatenate([direct, np.ones((1, n))])
        exponent = np.append(exponent, 0)
        rest = through[e:]
        if e:
            rest = rest + _each(lift[u].T, through[:e])
        whole = rest.copy()
        whole[diagonal, :, diagonal] += direct.T
        latest_first[: length - u, u] = _LOG10_NORM[norm](whole.swapaxes(0, 1), exponent)
        if u:
            before = _each(gates[u].T, whole)
            before[e:] += rest * direct_of[u][:, None, None]
            if e:
                before += _each(beside[u].T, through[:e])
            carried = direct * direct_of[u]
            scale, shift = _power_of_two(np.maximum(np.abs(before).max(0).max(1), carried.max(1)))
            before *= scale[:, None]
            carried *= scale[:, None]
            through, direct, exponent = before, carried, exponent + shift
        progress(1 - (u / length) ** 2)
    return Pairs(_frozen(np.arange(1, length + 1)), _frozen(latest_first[::-1].copy()), norm)


# --- the same derivative in one pass through the unrolled graph ------------------------------------------------------


@dataclass(frozen=True)
class OnePass:
    """∂s(T)/∂s(T−lag) as one backward pass through all steps computes it, in plain float64.

    Attributes:
        lag: 0, 1, …, T−1, shape (T,).
        spectral: the largest singular value, shape (T,); 0 or inf where float64 ends.
    """

    lag: np.ndarray
    spectral: np.ndarray


@_kept(64)
def one_pass(network: Network, *, progress: Progress = _ignore) -> OnePass:
    """The receipt of :func:`by_lag`: no product of Jacobians, but n vmapped backward passes through T steps."""
    cell, n = network.type, network.hidden_size
    module, inputs, _ = network.materialise()
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    state = inputs.new_zeros(cell.state_size(n), requires_grad=True)
    carried, memories = cell.memory_of(state, n), []
    for x in inputs:
        carried = cell.update(weights, x, state, carried)
        state = cell.expose(weights, x, state, carried)
        memories.append(carried)
    basis = torch.eye(n, dtype=torch.float64)
    rows = torch.autograd.grad(carried, memories[::-1], basis, is_grads_batched=True)
    with np.errstate(over="ignore"):
        spectral = 10 ** _log10_spectral(torch.stack(rows).numpy(), np.zeros(len(inputs)))
    progress(1.0)
    return OnePass(_frozen(np.arange(network.length)), _frozen(spectral))


# --- the sum of backpropagation through time, opened up ----------------------------------------------------------


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
    """

    seed: np.ndarray
    lag: np.ndarray
    log10_norm: np.ndarray
    fraction: np.ndarray
    total_norm: np.ndarray
    backward_norm: np.ndarray
    relative_difference: np.ndarray


def _adjoints(steps: _Steps, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∂L/∂state(T−k) for k = 0…T−1, (b, T, S) times 2^exponent (b, T), from ∂L/∂state(T) (b, S)."""
    direct, gates, beside, lift = steps.arrays()
    e = beside.shape[-2]
    adjoint, exponent = last[:, None], np.zeros(len(last), dtype=int)
    adjoints, exponents = [], []
    for t in reversed(range(direct.shape[1])):
        scale, shift = _power_of_two(np.abs(adjoint[:, 0]).max(1))
        adjoint, exponent = adjoint * scale[:, None, None], exponent + shift
        adjoints.append(adjoint)
        exponents.append(exponent)
        by_memory = adjoint[..., e:]
        if e:
            by_memory = by_memory + adjoint[..., :e] @ lift[:, t]
        before = by_memory @ gates[:, t]
        before[..., e:] += by_memory * direct[:, t, None]
        if e:
            before += adjoint[..., :e] @ beside[:, t]
        adjoint = before
    return np.concatenate(adjoints, axis=1), np.stack(exponents, axis=1)


def _backward(network: Network) -> np.ndarray:
    """∂L(T)/∂W_hh (rows, n) as ``backward()`` leaves it on the module itself."""
    module, inputs, target = network.materialise()
    (0.5 * (module(inputs)[0][-1] - target).square().sum()).backward()
    return module.get_parameter(RECURRENT_WEIGHT).grad.numpy()


def _shares(networks: Sequence[Network]) -> tuple[np.ndarray, np.ndarray]:
    """Shares by lag (b, T, rows, n) times 2^exponent (b, T)."""
    cell, n = networks[0].type, networks[0].hidden_size
    unrolled = _unroll(networks)
    b, length, _ = unrolled.inputs.shape
    last = np.zeros((b, cell.state_size(n)))
    last[:, :n] = unrolled.states[:, -1, :n] - unrolled.targets
    adjoints, exponents = _adjoints(unrolled.steps, last)
    # every step with its own copy of W_hh, as a batch of b × T networks of one step each, latest first
    weights = {name: weight.unsqueeze(1) for name, weight in unrolled.weights.items()}
    copies = weights[RECURRENT_WEIGHT].expand(-1, length, -1, -1).requires_grad_()
    before, now = unrolled.states[:, :-1].flip(1), unrolled.inputs.flip(1)
    after = cell.step({**weights, RECURRENT_WEIGHT: copies}, now.unsqueeze(2), before.unsqueeze(2))
    (shares,) = torch.autograd.grad(after, copies, torch.from_numpy(adjoints).unsqueeze(2))
    return shares.numpy(), exponents


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; NaN for 0 / 0."""
    with np.errstate(invalid="ignore"):
        return part / whole


def share_matrices(network: Network) -> np.ndarray:
    """Each lag's own share of ∂L(T)/∂W_hh, shape (T, rows of W_hh, n), in plain float64; not kept."""
    shares, exponents = _shares([network])
    return _frozen(np.ldexp(shares[0], exponents[0][:, None, None]))


@_kept(64)
def shares(network: Network, seeds: int = 1, receipts: int = 1, *, progress: Progress = _ignore) -> Shares:
    """Each lag's share of ∂L(T)/∂W_hh, and the receipt: their sum beside ``backward()`` on the torch module.

    The lab's sum over k (Raschka & Mirjalili, chapter 16; Werbos 1990): the step that ends at T−k gets its own copy
    of W_hh, and ∂L(T)/∂state(T−k) as what arrives there. The first ``receipts`` of the seeds get their receipt, which
    costs as much as the rest together. ``progress`` is told the share that is done.

    Raises:
        ValueError: seeds is not a whole number from 1 to 64, or receipts not one from 1 to seeds.
    """
    draws = _draws(network, seeds)
    if isinstance(receipts, bool) or not isinstance(receipts, int) or not 1 <= receipts <= seeds:
        raise ValueError(f"receipts must be a whole number from 1 to {seeds}, not {receipts!r}")
    rows, totals, done = [], [], 0
    for chunk in _chunks(draws):
        matrices, exponents = _shares(chunk)
        plain = np.ldexp(matrices, exponents[..., None, None])
        total = plain.sum(1)
        totals.append(total)
        fraction = _ratio(np.einsum("btij,bij->bt", plain, total), np.square(total).sum((1, 2))[:, None])
        rows.append((_log10_frobenius(matrices, exponents), fraction, np.linalg.norm(total, axis=(1, 2))))
        done += len(chunk)
        progress(done / seeds)
    log10_norm, fraction, total_norm = (_frozen(np.concatenate(column)) for column in zip(*rows, strict=True))
    gradients = np.stack([_backward(draw) for draw in draws[:receipts]])
    backward_norm = np.linalg.norm(gradients, axis=(1, 2))
    difference = np.linalg.norm(np.concatenate(totals)[:receipts] - gradients, axis=(1, 2))
    return Shares(
        seed=_frozen(np.array([draw.seed for draw in draws])),
        lag=_frozen(np.arange(network.length)),
        log10_norm=log10_norm,
        fraction=fraction,
        total_norm=total_norm,
        backward_norm=_frozen(backward_norm),
        relative_difference=_frozen(_ratio(difference, backward_norm)),
    )
