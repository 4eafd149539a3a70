"""Every type of recurrent cell that the page knows, as equations in plain torch: one registry, `CELLS`.

torch's fused modules do not show c(t) on the way, so each cell's step is written here once more, from the module's own
weights. It is written in two parts, because the argument is about paths:

    memory(t) = update(squash, weights, x(t), state(t−1), carried)      carried = memory(t−1)
    h(t)      = output(squash, weights, x(t), state(t−1), memory(t))    where the memory is not h itself

The memory is what a cell carries from step to step: c for the LSTMs, h for the others. `carried` is the memory that a
gate multiplies and passes on, kept apart from the same numbers inside `state`, which feed the gates and the candidate.
So the derivative of `update` by `carried` *is* the direct path, and its derivative by `state` everything else.

The state is packed into one vector: [h] where the memory is h, [h, c] where it is c.

To add a cell type: one entry in `CELLS`, and one oracle in `tests/test_networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from explainer.maths.squashing import TORCHS_OWN, Squashing

Weights = Mapping[str, Tensor]
Equation = Callable[[Squashing, Weights, Tensor, Tensor, Tensor], Tensor]

RECURRENT_WEIGHT = "weight_hh_l0"
"""The name of W_hh in torch's recurrent modules, and in the ones written here."""


@dataclass(frozen=True)
class CellType:
    """One type of recurrent cell. Shapes: n hidden units, S state size, I inputs, `...` any leading batch.

    Weights are a module's own parameters by name. For a batch of networks (or of copies of one weight) each has an
    extra first axis, as `network.stacked_weights` makes it, and the vectors have shape (batch, any, size).

    Attributes:
        label: the name in legends.
        source: where the cell was introduced.
        module: (input_size, hidden_size, **factory) → a module called as torch's own are, sequence first.
        update: (squash, weights, x (..., I), state (..., S), carried (..., n)) → memory (..., n).
        output: (squash, weights, x (..., I), previous state (..., S), memory (..., n)) → h (..., n); None where the
            memory is h.
        keep_block: which block of n rows in the biases belongs to the gate that multiplies the carried memory; None
            for a cell without such a gate, which has no direct path.
        keep_sign: 1 where that gate is what is kept, −1 where its complement is.
    """

    label: str
    source: str
    module: Callable[..., nn.Module]
    update: Equation
    output: Equation | None = None
    keep_block: int | None = None
    keep_sign: int = 1

    @property
    def gated(self) -> bool:
        """Whether a gate multiplies the memory on its way from one step to the next."""
        return self.keep_block is not None

    @property
    def memory(self) -> str:
        """The letter of the state that carries the memory."""
        return "h" if self.output is None else "c"

    def state_size(self, hidden_size: int) -> int:
        """Length S of the packed state: n, or 2n where h and c are both part of it."""
        return hidden_size if self.output is None else 2 * hidden_size

    def memory_of(self, state: Tensor, hidden_size: int) -> Tensor:
        """The memory (..., n) inside a packed state (..., S): its last n entries."""
        return state[..., -hidden_size:]

    def expose(self, squash: Squashing, weights: Weights, x: Tensor, state: Tensor, memory: Tensor) -> Tensor:
        """The packed state at t (..., S) from the memory at t (..., n) and the state at t−1 (..., S)."""
        if self.output is None:
            return memory
        return torch.cat((self.output(squash, weights, x, state, memory), memory), -1)

    def step(self, squash: Squashing, weights: Weights, x: Tensor, state: Tensor) -> Tensor:
        """The packed state at t (..., S) from the input at t (..., I) and the packed state at t−1 (..., S)."""
        carried = self.memory_of(state, hidden_size_of(weights))
        return self.expose(squash, weights, x, state, self.update(squash, weights, x, state, carried))


# --- what reaches a gate ------------------------------------------------------------------------------------


def hidden_size_of(weights: Weights) -> int:
    """n, from W_hh (..., rows, n)."""
    return weights[RECURRENT_WEIGHT].shape[-1]


def _from(x: Tensor, weight: Tensor, bias: Tensor, n: int, blocks: slice) -> tuple[Tensor, ...]:
    rows = slice(blocks.start * n, blocks.stop * n)
    return (x @ weight[..., rows, :].mT + bias[..., rows]).split(n, -1)


def _from_input(weights: Weights, x: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """W·x + b of these blocks of n rows, in torch's order."""
    return _from(x, weights["weight_ih_l0"], weights["bias_ih_l0"], hidden_size_of(weights), blocks)


def _from_hidden(weights: Weights, h: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """U·h + b of these blocks of n rows."""
    return _from(h, weights[RECURRENT_WEIGHT], weights["bias_hh_l0"], hidden_size_of(weights), blocks)


def _arrives(weights: Weights, x: Tensor, h: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """W·x + U·h + both biases, of these blocks of n rows."""
    pairs = zip(_from_input(weights, x, blocks), _from_hidden(weights, h, blocks), strict=True)
    return tuple(from_input + from_hidden for from_input, from_hidden in pairs)


def _mix(squash: Squashing, keep: Tensor, carried: Tensor, candidate: Tensor) -> Tensor:
    """z·carried + (1 − z)·candidate, z = logistic(keep); 1 − z as logistic(−keep), so that it keeps its digits."""
    return squash.logistic(keep) * carried + squash.logistic(-keep) * candidate


# --- the equations ------------------------------------------------------------------------------------------


def _rnn_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (a,) = _arrives(weights, x, h, slice(0, 1))
    return squash.tanh(a)


def _lstm_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    i, f, g = _arrives(weights, x, h, slice(0, 3))
    return squash.logistic(f) * carried + squash.logistic(i) * squash.tanh(g)


def _lstm_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    (o,) = _arrives(weights, x, h, slice(3, 4))
    return squash.logistic(o) * squash.tanh(c)


def _peephole_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, c = state.chunk(2, -1)
    i, f, g = _arrives(weights, x, h, slice(0, 3))
    f, i = f + weights["weight_cf_l0"] * c, i + weights["weight_ci_l0"] * c
    return squash.logistic(f) * carried + squash.logistic(i) * squash.tanh(g)


def _peephole_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    (o,) = _arrives(weights, x, h, slice(3, 4))
    return squash.logistic(o + weights["weight_co_l0"] * c) * squash.tanh(c)


def _gru_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    r_x, z_x, n_x = _from_input(weights, x, slice(0, 3))
    r_h, z_h, n_h = _from_hidden(weights, h, slice(0, 3))
    candidate = squash.tanh(n_x + squash.logistic(r_x + r_h) * n_h)
    return _mix(squash, z_x + z_h, carried, candidate)


def _mgu_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (f,) = _arrives(weights, x, h, slice(0, 1))
    (a,) = _arrives(weights, x, squash.logistic(f) * h, slice(1, 2))
    return _mix(squash, -f, carried, squash.tanh(a))


# --- modules that torch does not have -----------------------------------------------------------------------


class SteppedModule(nn.Module):
    """A recurrent module made of an entry of `CELLS`, with the calling convention of `nn.LSTM`.

    Parameters are named as torch names its own: weight_ih_l0 (m·n, I), weight_hh_l0 (m·n, n), bias_ih_l0 and
    bias_hh_l0 (m·n), for m blocks; with peepholes, weight_ci_l0, weight_cf_l0 and weight_co_l0 (n): the diagonal
    weights from c to the input, forget and output gate.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str,
        blocks: int,
        peepholes: bool = False,
        **factory: Any,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = blocks * hidden_size
        shapes = {
            "weight_ih_l0": (rows, input_size),
            "weight_hh_l0": (rows, hidden_size),
            "bias_ih_l0": (rows,),
            "bias_hh_l0": (rows,),
        }
        if peepholes:
            shapes |= {f"weight_c{gate}_l0": (hidden_size,) for gate in "ifo"}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, **factory)))

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """h(t) for all t, and the last state, from inputs (T, batch, I) or (T, I).

        The state, given and returned, has a leading axis of one layer: h, or the pair (h, c).
        """
        cell = CELLS[self.cell]
        if state is None:
            packed = inputs.new_zeros(*inputs.shape[1:-1], cell.state_size(self.hidden_size))
        else:
            packed = torch.cat([part[0] for part in ((state,) if isinstance(state, Tensor) else state)], -1)
        weights = dict(self.named_parameters())
        hidden = []
        for x in inputs:
            packed = cell.step(TORCHS_OWN, weights, x, packed)
            hidden.append(packed[..., : self.hidden_size])
        parts = [part.unsqueeze(0) for part in packed.split(self.hidden_size, -1)]
        return torch.stack(hidden), parts[0] if len(parts) == 1 else tuple(parts)


def _peephole_module(input_size: int, hidden_size: int, **factory: Any) -> nn.Module:
    return SteppedModule(input_size, hidden_size, cell="peephole", blocks=4, peepholes=True, **factory)


def _mgu_module(input_size: int, hidden_size: int, **factory: Any) -> nn.Module:
    return SteppedModule(input_size, hidden_size, cell="mgu", blocks=2, **factory)


# --- the registry -------------------------------------------------------------------------------------------

CELLS: Mapping[str, CellType] = MappingProxyType(
    {
        "rnn": CellType("RNN (tanh)", "Elman 1990", nn.RNN, _rnn_update),
        "lstm": CellType(
            "LSTM",
            "Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000",
            nn.LSTM,
            _lstm_update,
            _lstm_output,
            keep_block=1,
        ),
        "gru": CellType("GRU", "Cho et al. 2014", nn.GRU, _gru_update, keep_block=1),
        "peephole": CellType(
            "Peephole LSTM",
            "Gers & Schmidhuber 2000",
            _peephole_module,
            _peephole_update,
            _peephole_output,
            keep_block=1,
        ),
        "mgu": CellType(
            "Minimal gated unit",
            "Zhou, Wu, Zhang & Zhou 2016",
            _mgu_module,
            _mgu_update,
            keep_block=0,
            keep_sign=-1,
        ),
    }
)
"""Every cell type, by the name it has in settings and links."""
