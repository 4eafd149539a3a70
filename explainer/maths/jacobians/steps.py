"""The Jacobians of every single step of real networks, by autograd; their products are taken in the sibling files.

The states are the module's own. One vmapped backward pass gives the Jacobians of all steps of all seeds at once. The
slopes of tanh and the logistic function are taken in a form that does not cancel (:mod:`explainer.maths.squashing`).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.maths.cell_types import CellType, Weights
from explainer.maths.network import MAX_SEED, Network, stacked_weights
from explainer.maths.squashing import TORCHS_OWN, Squashing, Watch
from explainer.serving.once import Kept

Progress = Callable[[float], None]

MAX_SEEDS = 64

_SHARED_ELEMENTS = 51_200  # n²·T of a network whose Jacobians, under 3 MB, are worth keeping: n = 16 at T = 200
_SHARED_NETWORKS = 20
_BATCH_ELEMENTS = 2_000_000  # cotangents × pre-activations in one vmapped backward pass (16 MB in float64)


# --- kept results -------------------------------------------------------------------------------------------


def ignore(fraction: float) -> None:
    """Progress that nobody watches."""


def kept(entries: int) -> Callable:
    """Keep the latest results by the value of the arguments; of several askers at once, one computes.

    Settings that cannot change a gradient are not part of its key: a forget bias where the cell has no gate.
    ``progress`` is called only by the one who computes.
    """

    def decorate(function: Callable) -> Callable:
        results: Kept = Kept(entries)
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(network: Network, *arguments, progress: Progress = ignore, **options):
            network = network.essential()
            bound = signature.bind(network, *arguments, **options)
            bound.apply_defaults()
            return results.get(bound.args, lambda: function(*bound.args, progress=progress))

        call.cache_clear = results.clear
        call.cache_size = lambda: results.counts().currsize
        return call

    return decorate


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only from now on."""
    array.flags.writeable = False
    return array


# --- one step, for all steps and networks at once -----------------------------------------------------------


@dataclass(frozen=True)
class Steps:
    """The Jacobians of steps 1…T of b networks, in two parts (index 0 of the time axis is step 1).

    With state = [h, memory], or [memory] alone where e = S − n is 0:

        memory(t) = update(state(t−1), carried)  by state: ``gates`` (b, T, n, S), by carried: ``direct``, the diagonal
                    (b, T, n) of the Jacobian, or all of it (b, T, n, n) where the cell turns its memory
        h(t) = output(state(t−1), memory(t))     by state: ``beside`` (b, T, e, S), by memory: ``lift`` (b, T, e, n)

    ``slope_error`` (b,): see :meth:`explainer.maths.squashing.Watch.slope_error`; 0 where torch's own slopes are used.
    """

    direct: Tensor
    gates: Tensor
    beside: Tensor
    lift: Tensor
    slope_error: Tensor

    @property
    def gate(self) -> np.ndarray:
        """By how much each number of the carried memory is multiplied, (b, T, n), without the turn if there is one."""
        direct = self.direct.numpy()
        return direct if direct.ndim == 3 else np.sqrt(np.square(direct).sum(-2))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The four as numpy arrays: what autograd gave is multiplied there, three times as fast for small matrices."""
        return self.direct.numpy(), self.gates.numpy(), self.beside.numpy(), self.lift.numpy()


def _jacobians(output: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """∂output/∂input at every (batch, time), one vmapped backward pass: (b, T, m) by (b, T, p) -> (b, T, m, p)."""
    m = output.shape[-1]
    basis = torch.eye(m, dtype=output.dtype).view(m, 1, 1, m).expand(m, *output.shape)
    rows = torch.autograd.grad(output, inputs, basis, is_grads_batched=True, allow_unused=True)
    return [
        x.new_zeros(*output.shape, x.shape[-1]) if row is None else row.movedim(0, -2)
        for x, row in zip(inputs, rows, strict=True)
    ]


def of_states(
    cell: CellType, weights: Weights, inputs: Tensor, states: Tensor, squash: Squashing | None = None
) -> Steps:
    """The steps of b networks of one type from inputs (b, T, I) and packed states (b, T+1, S).

    ``squash`` is watched, without cancelling, unless it is given.
    """
    n = cell.hidden_size(weights)
    watch = Watch()
    used = watch.squash if squash is None else squash
    before = states[:, :-1].clone().requires_grad_()
    carried = cell.memory_of(states[:, :-1], n).clone().requires_grad_()
    memory = cell.update(used, weights, inputs, before, carried)
    gates, direct = _jacobians(memory, (before, carried))
    if cell.output is None:
        beside, lift = gates.new_zeros(*gates.shape[:2], 0, n), gates.new_zeros(*gates.shape[:2], 0, n)
    else:
        memory = memory.detach().requires_grad_()
        beside, lift = _jacobians(cell.output(used, weights, inputs, before, memory), (before, memory))
    error = torch.zeros(len(states)) if squash is not None else torch.from_numpy(watch.slope_error(len(states)))
    if not cell.turns:
        direct = direct.diagonal(dim1=-2, dim2=-1)
    return Steps(direct, gates, beside, lift, error)


def carry(derivative: np.ndarray, direct: np.ndarray) -> np.ndarray:
    """Derivatives by a memory (..., m, n) as derivatives by what it has carried: through the diagonal or the matrix.

    ``direct`` is of one step, (..., n) or (..., n, n); its leading axes are those of ``derivative`` without m.
    """
    if direct.ndim == derivative.ndim:
        return derivative @ direct
    return derivative * direct[..., None, :]


def trajectory(cell: CellType, weights: Weights, inputs: Tensor, hidden: Tensor) -> Tensor:
    """The packed states (b, T+1, S) at times 0…T, the first one zero, from inputs (b, T, I).

    h is the module's own, ``hidden`` (b, T, n). Where the memory is not h, torch keeps it to itself: it follows
    step by step from the module's h.
    """
    b, length, n = hidden.shape
    zero = hidden.new_zeros(b, 1, n)
    before = torch.cat((zero, hidden), 1)
    if cell.output is None:
        return before
    memories = [zero]
    for t in range(length):
        state = torch.cat((before[:, t : t + 1], memories[-1]), -1)
        memories.append(cell.update(TORCHS_OWN, weights, inputs[:, t : t + 1], state, memories[-1]))
    return torch.cat((before, torch.cat(memories, 1)), -1)


# --- networks run over their inputs -------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrolled:
    """b networks run over their inputs (b, T, I): states (b, T+1, S), Jacobians of all steps; targets (b, n)."""

    weights: Weights
    inputs: Tensor
    targets: Tensor
    states: Tensor
    steps: Steps

    def parts(self) -> list[Unrolled]:
        """The networks one by one, as views."""
        one_by_one = [tensor.split(1) for tensor in _leaves(self)]
        return [_like(self, leaves) for leaves in zip(*one_by_one, strict=True)]


def _leaves(unrolled: Unrolled) -> list[Tensor]:
    steps = [getattr(unrolled.steps, field.name) for field in dataclasses.fields(Steps)]
    return [unrolled.inputs, unrolled.targets, unrolled.states, *steps, *unrolled.weights.values()]


def _like(unrolled: Unrolled, leaves: Sequence[Tensor]) -> Unrolled:
    inputs, targets, states, direct, gates, beside, lift, error, *weights = leaves
    named = dict(zip(unrolled.weights, weights, strict=True))
    return Unrolled(named, inputs, targets, states, Steps(direct, gates, beside, lift, error))


def _compute_unrolled(networks: Sequence[Network]) -> Unrolled:
    cell = networks[0].type
    built = [network.materialise() for network in networks]
    weights = stacked_weights([network.module for network in built])
    inputs = torch.stack([network.inputs for network in built])
    with torch.no_grad():
        hidden = torch.stack([network.module(network.inputs)[0] for network in built])
        states = trajectory(cell, weights, inputs, hidden)
    targets = torch.stack([network.target for network in built])
    return Unrolled(weights, inputs, targets, states, of_states(cell, weights, inputs, states))


@functools.lru_cache(maxsize=_SHARED_NETWORKS)
def _shelf(network: Network) -> list[Unrolled]:
    """Where one small network's Jacobians lie for the next figure that is drawn of it; at first empty."""
    return []


def forget_shared() -> None:
    """Drop the Jacobians that are kept from figure to figure, as for a first visit."""
    _shelf.cache_clear()


def unrolled(networks: Sequence[Network]) -> Unrolled:
    """Networks of one type run over their inputs; those of small networks are kept."""
    if networks[0].hidden_size ** 2 * networks[0].length > _SHARED_ELEMENTS:
        return _compute_unrolled(networks)
    shelves = [_shelf(network) for network in networks]
    found = [shelf[0] for shelf in shelves if shelf]
    if len(found) == len(shelves):
        return _like(found[0], [torch.cat(leaves) for leaves in zip(*map(_leaves, found), strict=True)])
    computed = _compute_unrolled(networks)
    for shelf, part in zip(shelves, computed.parts(), strict=True):
        shelf[:] = [part]
    return computed


def draws(network: Network, seeds: int) -> list[Network]:
    """The same network with as many seeds, one after the other, beginning with its own.

    Raises:
        ValueError: seeds is not a whole number from 1 to 64.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MAX_SEEDS:
        raise ValueError(f"seeds must be a whole number from 1 to {MAX_SEEDS}, not {seeds!r}")
    return [dataclasses.replace(network, seed=(network.seed + i) % (MAX_SEED + 1)) for i in range(seeds)]


def chunks(networks: list[Network]) -> list[list[Network]]:
    """As many networks at a time as one backward pass should hold."""
    network = networks[0]
    each = network.length * network.hidden_size * 4 * network.hidden_size
    size = max(1, _BATCH_ELEMENTS // each)
    return [networks[i : i + size] for i in range(0, len(networks), size)]
