"""The cells of torch's own recurrent modules, as equations: those of the lesson, and one that it has no figure for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explainer.languages import say, word
from explainer.maths.cell_types import CELLS, CellType
from explainer.maths.equations import Weights, keep_block
from explainer.maths.squashing import TORCHS_OWN, WITHOUT_CANCELLING, Squashing
from explainer.reach.recurrence import Recurrence


def _blocks(weights: Weights, x: Tensor, h: Tensor) -> Tensor:
    """W·x + U·h + both biases, all rows."""
    from_input = x @ weights["weight_ih_l0"].mT + weights["bias_ih_l0"]
    return from_input + h @ weights["weight_hh_l0"].mT + weights["bias_hh_l0"]


def _projected_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    n = c.shape[-1]
    i, f, g, _ = _blocks(weights, x, state[..., :-n]).split(n, -1)
    return squash.logistic(f) * c + squash.logistic(i) * squash.tanh(g)


def _projected_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    n = c.shape[-1]
    *_, o = _blocks(weights, x, state[..., :-n]).split(n, -1)
    return (squash.logistic(o) * squash.tanh(c)) @ weights["weight_hr_l0"].mT


PROJECTED = CellType(
    word("LSTM with projection"),
    "Sak, Senior & Beaufays 2014",
    nn.LSTM,
    _projected_update,
    _projected_output,
    blocks=4,
    set_keep=keep_block(1, 4),
)

MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN, "rnn-relu": nn.RNN}
"""torch's module of each kind of cell that a file of weights can hold, by the name it is asked for with."""


def type_of(module: nn.RNNBase) -> CellType:
    """The equations of a module's cell."""
    if isinstance(module, nn.LSTM):
        return PROJECTED if module.proj_size else CELLS["lstm"]
    if isinstance(module, nn.GRU):
        return CELLS["gru"]
    return CELLS["relu" if module.nonlinearity == "relu" else "rnn"]


def name_in_words(number: int, is_reverse: bool) -> str:
    """A layer's name as a reader reads it."""
    return say("layer {number} reverse", number=number) if is_reverse else say("layer {number}", number=number)


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer and direction of a module: its equations and its own weights, all float64.

    Attributes:
        name: ``layer 0``, ``layer 1 reverse``.
        type: the equations.
        weights: as torch names those of a first layer; what the module has none of is 0.
        memory_size: n, of the memory: of c for an LSTM, else of h.
        output_size: of h.
    """

    name: str
    type: CellType
    weights: dict[str, Tensor]
    memory_size: int
    output_size: int

    @property
    def state_size(self) -> int:
        """S, of the packed state: h, and c behind it."""
        return self.memory_size + (self.output_size if self.type.output else 0)

    @property
    def multiplications(self) -> int:
        """What a step costs for one vector, about."""
        return sum(
            weight.numel() for name, weight in self.weights.items() if name.startswith(("weight_hh", "weight_hr"))
        )

    def step(self, squash: Squashing, x: Tensor, state: Tensor) -> Tensor:
        """The packed state after a step, (..., S) from x (..., I) and the packed state before."""
        memory = self.type.update(squash, self.weights, x, state, state[..., -self.memory_size :])
        return self.type.expose(squash, self.weights, x, state, memory)

    def run(self, inputs: Tensor, start: Tensor) -> Tensor:
        """The packed states at 0…T, (T+1, …, S), from inputs (T, …, I) and the first state (…, S)."""
        states = [start]
        with torch.no_grad():
            for x in inputs:
                states.append(self.step(TORCHS_OWN, x, states[-1]))
        return torch.stack(states)

    def recurrence(self, inputs: Tensor, states: Tensor) -> Recurrence:
        """What is measured of this layer: its memory, along every path from the node memory(T−lag)."""

        def advance(t: int, state: Tensor) -> Tensor:
            return self.step(WITHOUT_CANCELLING, inputs[t - 1], state)

        def place(t: int, memory: Tensor) -> Tensor:
            return self.type.expose(WITHOUT_CANCELLING, self.weights, inputs[t - 1], states[t - 1], memory)

        def advance_all(before: Tensor) -> Tensor:
            return self.step(WITHOUT_CANCELLING, inputs, before)

        def place_all(memories: Tensor) -> Tensor:
            return self.type.expose(WITHOUT_CANCELLING, self.weights, inputs, states[:-1], memories)

        size = self.state_size
        measured = slice(size - self.memory_size, size)
        return Recurrence(states, advance, place, measured, self.multiplications, advance_all, place_all)

    def gates(self, inputs: Tensor, states: Tensor) -> Tensor | None:
        """The gate that multiplies the carried memory at steps 1…T, (T, …, n), by autograd; None without one."""
        if not self.type.gated:
            return None
        carried = states[:-1, ..., -self.memory_size :].clone().requires_grad_()
        memory = self.type.update(WITHOUT_CANCELLING, self.weights, inputs, states[:-1], carried)
        return torch.autograd.grad(memory.sum(), carried)[0]

    @property
    def keep_rows(self) -> slice:
        """The rows of the gate that keeps, torch's second block: an LSTM's forget gate, a GRU's update gate."""
        return slice(self.memory_size, 2 * self.memory_size)

    def with_bias_added(self, amounts: Tensor) -> Layer:
        """As many copies of the layer (b,) as a batch, with so much added to the bias of the gate that keeps."""
        bias = self.weights["bias_ih_l0"].repeat(len(amounts), 1)
        bias[:, self.keep_rows] += amounts[:, None]
        return dataclasses.replace(self, weights=self.weights | {"bias_ih_l0": bias})
