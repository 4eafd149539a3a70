"""Every type of recurrent cell that the page knows, as equations in plain torch: one registry, `CELLS`.

torch's fused modules do not show c(t) on the way, so each cell's step is written here once more, from the module's own
weights. It is written in two parts, because the argument is about paths:

    memory(t) = update(squash, weights, x(t), state(t−1), carried)      carried = memory(t−1)
    h(t)      = output(squash, weights, x(t), state(t−1), memory(t))    where the memory is not h itself

The memory is what a cell carries from step to step: c for the LSTMs, h for the others. `carried` is the memory that a
gate multiplies and passes on, kept apart from the same numbers inside `state`, which feed the gates and the candidate.
So the derivative of `update` by `carried` *is* the direct path, and its derivative by `state` everything else.

The state is packed into one vector: [h] where the memory is h, [h, c] where it is c.

The equations stand in :mod:`explainer.maths.equations`, and those of cells whose gates do not read the state at all in
:mod:`explainer.maths.linear_recurrences`.

To add a cell type: its equations, one entry in `CELLS`, and one oracle in `tests/test_networks.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from explainer.languages import word
from explainer.maths import equations
from explainer.maths import linear_recurrences as linear
from explainer.maths.equations import RECURRENT_WEIGHT, Equation, Weights
from explainer.maths.squashing import TORCHS_OWN, Squashing


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
        blocks: how many blocks of n rows weight_ih_l0 has.
        set_keep: (parameters, b) sets them in place so that, with no other input, logistic(b) of the carried memory is
            kept; b is one number or one for each unit. None for a cell without such a gate: it has no direct path.
        reads_state: whether gates or candidate read the state before; without it there is no weight_hh_l0.
        reads_input: whether what one step does to the memory before depends on what is read.
        turns: whether the direct path turns pairs of numbers besides scaling them, as complex a does.
    """

    label: str
    source: str
    module: Callable[..., nn.Module]
    update: Equation
    output: Equation | None = None
    blocks: int = 1
    set_keep: Callable[[Weights, Tensor | float], None] | None = None
    reads_state: bool = True
    reads_input: bool = True
    turns: bool = False

    @property
    def gated(self) -> bool:
        """Whether a gate multiplies the memory on its way from one step to the next."""
        return self.set_keep is not None

    @property
    def memory(self) -> str:
        """The letter of the state that carries the memory."""
        return "h" if self.output is None else "c"

    def hidden_size(self, weights: Weights) -> int:
        """n, from weight_ih_l0 (..., rows, I)."""
        return weights["weight_ih_l0"].shape[-2] // self.blocks

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
        carried = self.memory_of(state, self.hidden_size(weights))
        return self.expose(squash, weights, x, state, self.update(squash, weights, x, state, carried))


# --- modules that torch does not have -----------------------------------------------------------------------


class SteppedModule(nn.Module):
    """A recurrent module made of an entry of `CELLS`, with the calling convention of `nn.LSTM`.

    Parameters are named as torch names its own: weight_ih_l0 (m·n, I), weight_hh_l0 (m·n, n), bias_ih_l0 and
    bias_hh_l0 (m·n), for m blocks. ``vectors`` names further ones, one number a unit: with peepholes weight_ci_l0,
    weight_cf_l0 and weight_co_l0, the diagonal weights from c to the input, forget and output gate; of leaky units
    keep_l0.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str,
        blocks: int,
        vectors: tuple[str, ...] = (),
        **factory: Any,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = blocks * hidden_size
        shapes = {
            "weight_ih_l0": (rows, input_size),
            RECURRENT_WEIGHT: (rows, hidden_size),
            "bias_ih_l0": (rows,),
            "bias_hh_l0": (rows,),
        }
        shapes |= dict.fromkeys(vectors, (hidden_size,))
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


def _stepped(cell: str, blocks: int, *vectors: str) -> Callable[..., nn.Module]:
    return functools.partial(SteppedModule, cell=cell, blocks=blocks, vectors=vectors)


def _scanned(terms: linear.Terms, blocks: int, shapes: linear.Shapes = lambda n: {}) -> Callable[..., nn.Module]:
    return functools.partial(linear.ScannedModule, terms=terms, blocks=blocks, shapes=shapes)


def _linear_update(terms: linear.Terms) -> Equation:
    """a(t)·carried + u(t): nothing of the step reads the state."""

    def update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
        a, u = terms(weights, x)
        return (
            linear.as_real(a * linear.as_complex(carried) + u, carried.shape[-1]) if a.is_complex() else a * carried + u
        )

    return update


# --- the registry -------------------------------------------------------------------------------------------

CELLS: Mapping[str, CellType] = MappingProxyType(
    {
        "rnn": CellType("RNN (tanh)", "Elman 1990", nn.RNN, equations.rnn_update),
        "lstm": CellType(
            "LSTM",
            "Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000",
            nn.LSTM,
            equations.lstm_update,
            equations.lstm_output,
            blocks=4,
            set_keep=equations.keep_block(1, 4),
        ),
        "gru": CellType(
            "GRU", "Cho et al. 2014", nn.GRU, equations.gru_update, blocks=3, set_keep=equations.keep_block(1, 3)
        ),
        "peephole": CellType(
            word("Peephole LSTM"),
            "Gers & Schmidhuber 2000",
            _stepped("peephole", 4, "weight_ci_l0", "weight_cf_l0", "weight_co_l0"),
            equations.peephole_update,
            equations.peephole_output,
            blocks=4,
            set_keep=equations.keep_block(1, 4),
        ),
        "mgu": CellType(
            word("Minimal gated unit"),
            "Zhou, Wu, Zhang & Zhou 2016",
            _stepped("mgu", 2),
            equations.mgu_update,
            blocks=2,
            set_keep=equations.keep_block(0, 2, -1),
        ),
        "relu": CellType(
            "RNN (ReLU)",
            "Le, Jaitly & Hinton 2015",
            functools.partial(nn.RNN, nonlinearity="relu"),
            equations.relu_update,
        ),
        "leaky": CellType(
            word("Leaky units"),
            "Jaeger, Lukoševičius, Popovici & Siewert 2007",
            _stepped("leaky", 1, "keep_l0"),
            equations.leaky_update,
            set_keep=linear.keep_by_parameter,
        ),
        "coupled": CellType(
            word("LSTM, coupled gates"),
            "Greff, Srivastava, Koutník, Steunebrink & Schmidhuber 2017",
            _stepped("coupled", 3),
            equations.coupled_update,
            equations.coupled_output,
            blocks=3,
            set_keep=equations.keep_block(0, 3),
        ),
        "linear": CellType(
            word("Linear, fixed a"),
            "Orvieto et al. 2023",
            _scanned(linear.fixed_terms, 1, lambda n: {"keep_l0": (n,)}),
            _linear_update(linear.fixed_terms),
            set_keep=linear.keep_by_parameter,
            reads_state=False,
            reads_input=False,
        ),
        "lru": CellType(
            word("LRU, complex a"),
            "Orvieto et al. 2023",
            _scanned(linear.complex_terms, 1, lambda n: {"keep_l0": ((n + 1) // 2,), "angle_l0": (n // 2,)}),
            _linear_update(linear.complex_terms),
            set_keep=linear.keep_by_parameter,
            reads_state=False,
            reads_input=False,
            turns=True,
        ),
        "mingru": CellType(
            "minGRU",
            "Feng et al. 2024",
            _scanned(linear.min_gru_terms, 2),
            _linear_update(linear.min_gru_terms),
            blocks=2,
            set_keep=linear.keep_by_input_gate,
            reads_state=False,
        ),
        "minlstm": CellType(
            "minLSTM",
            "Feng et al. 2024",
            _scanned(linear.min_lstm_terms, 3),
            _linear_update(linear.min_lstm_terms),
            blocks=3,
            set_keep=linear.keep_by_both_gates,
            reads_state=False,
        ),
        "ssm": CellType(
            word("Selective state space"),
            "Gu & Dao 2023",
            _scanned(linear.state_space_terms, 2, lambda n: {"rate_l0": (n,)}),
            _linear_update(linear.state_space_terms),
            blocks=2,
            set_keep=linear.keep_by_step_size,
            reads_state=False,
        ),
    }
)
"""Every cell type, by the name it has in settings and links."""
