"""Recurrent networks as torch builds them, and every cell type the page knows: one registry, `CELLS`.

A cell type says how one step goes from the state at t-1 to the state at t, in plain torch and from the
module's own weights, so that a Jacobian can be taken between any two states (torch's fused modules do not
show c(t) on the way). The step is written in two parts, because the argument is about paths:

    memory(t) = update(weights, x(t), state(t-1), carried)      carried = memory(t-1)
    state(t)  = expose(weights, x(t), state(t-1), memory(t))

`memory` is what the cell carries from step to step: c for the LSTMs, h for the others. `carried` is the
memory that a gate multiplies and passes on, kept apart from the same numbers inside `state`, which feed the
gates and the candidate. The derivative of `update` by `carried` therefore *is* the direct path, and its
derivative by `state` everything else; no cell needs a case of its own.

The state is packed into one vector: [h] where h is the memory, [h, c] where c is.

To add a cell type: one entry in `CELLS`, and one oracle in `tests/test_networks.py`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

torch.set_num_threads(1)  # the tensors are tiny and the readers many

Weights = Mapping[str, Tensor]

RECURRENT_WEIGHT = "weight_hh_l0"
"""The name of W_hh in torch's recurrent modules, and in the ones written here."""

MAX_HIDDEN_SIZE = 64
MAX_LENGTH = 200
MAX_GAIN = 100.0
MAX_FORGET_BIAS = 100.0
MAX_INPUT_SCALE = 100.0
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class CellType:
    """One kind of recurrent cell. Shapes: n hidden units, S state size, I inputs, `...` any leading batch.

    label: as it stands in legends.
    Weights are a module's own parameters by name. For a batch of networks (or of copies of one weight) each
    has an extra first axis, as `stacked_weights` makes it, and the vectors have shape (batch, any, size).

    gated: whether a gate multiplies the memory on its way from one step to the next.
    memory: the letter of the state that carries the memory, "h" or "c".
    module: (input_size, hidden_size, **factory) -> a module called as torch's own are, sequence first.
    update: (weights, x (..., I), state (..., S), carried (..., n)) -> memory (..., n); the carried memory
        enters elementwise.
    expose: (weights, x (..., I), previous state (..., S), memory (..., n)) -> state (..., S), whose last n
        entries are the memory itself.
    keep: (weights, x, previous state) -> the gate (..., n) that multiplies the carried memory: the direct
        path of one step. None for a cell that has no such path.
    keep_block: which block of n rows in the biases belongs to that gate.
    keep_sign: +1 where the logistic gate itself is what is kept, -1 where its complement is.
    source: where the cell was introduced.
    """

    label: str
    gated: bool
    memory: str
    module: Callable[..., nn.Module]
    update: Callable[[Weights, Tensor, Tensor, Tensor], Tensor]
    expose: Callable[[Weights, Tensor, Tensor, Tensor], Tensor]
    source: str
    keep: Callable[[Weights, Tensor, Tensor], Tensor] | None = None
    keep_block: int | None = None
    keep_sign: int = 1

    def state_size(self, hidden_size: int) -> int:
        """Length S of the packed state: n, or 2n where h and c are both part of it."""
        return hidden_size if self.memory == "h" else 2 * hidden_size

    def memory_of(self, state: Tensor, hidden_size: int) -> Tensor:
        """The memory (..., n) inside a packed state (..., S): its last n entries."""
        return state[..., -hidden_size:]

    def step(self, weights: Weights, x: Tensor, state: Tensor) -> Tensor:
        """The state at t (..., S) from the input at t (..., I) and the state at t-1 (..., S)."""
        carried = self.memory_of(state, _hidden_size(weights))
        return self.expose(weights, x, state, self.update(weights, x, state, carried))


# ------------------------------------------------------------------------------------------- the steps


def _hidden_size(weights: Weights) -> int:
    return weights[RECURRENT_WEIGHT].shape[-1]


def _rows(weights: Weights, start: int, stop: int) -> slice:
    """The rows of gate blocks start..stop-1; every block has n rows, in torch's order."""
    n = _hidden_size(weights)
    return slice(start * n, stop * n)


def _from_input(weights: Weights, x: Tensor, rows: slice) -> Tensor:
    return x @ weights["weight_ih_l0"][..., rows, :].mT + weights["bias_ih_l0"][..., rows]


def _from_hidden(weights: Weights, h: Tensor, rows: slice) -> Tensor:
    return h @ weights[RECURRENT_WEIGHT][..., rows, :].mT + weights["bias_hh_l0"][..., rows]


def _preactivation(weights: Weights, x: Tensor, h: Tensor, rows: slice) -> Tensor:
    return _from_input(weights, x, rows) + _from_hidden(weights, h, rows)


def _memory_is_state(weights: Weights, x: Tensor, state: Tensor, memory: Tensor) -> Tensor:
    return memory


def _rnn_update(weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    return torch.tanh(_preactivation(weights, x, h, slice(None)))


def _lstm_update(weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    i, f, g = _preactivation(weights, x, h, _rows(weights, 0, 3)).chunk(3, -1)
    return torch.sigmoid(f) * carried + torch.sigmoid(i) * torch.tanh(g)


def _lstm_expose(weights: Weights, x: Tensor, state: Tensor, memory: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    o = torch.sigmoid(_preactivation(weights, x, h, _rows(weights, 3, 4)))
    return torch.cat((o * torch.tanh(memory), memory), -1)


def _lstm_keep(weights: Weights, x: Tensor, state: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    return torch.sigmoid(_preactivation(weights, x, h, _rows(weights, 1, 2)))


def _gru_update(weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    r_x, z_x, candidate_x = _from_input(weights, x, slice(None)).chunk(3, -1)
    r_h, z_h, candidate_h = _from_hidden(weights, h, slice(None)).chunk(3, -1)
    z = torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(candidate_x + torch.sigmoid(r_x + r_h) * candidate_h) + z * carried


def _gru_keep(weights: Weights, x: Tensor, h: Tensor) -> Tensor:
    return torch.sigmoid(_preactivation(weights, x, h, _rows(weights, 1, 2)))


def _peephole_update(weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, c = state.chunk(2, -1)
    i, f, g = _preactivation(weights, x, h, _rows(weights, 0, 3)).chunk(3, -1)
    f = torch.sigmoid(f + weights["weight_cf_l0"] * c)
    i = torch.sigmoid(i + weights["weight_ci_l0"] * c)
    return f * carried + i * torch.tanh(g)


def _peephole_expose(weights: Weights, x: Tensor, state: Tensor, memory: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    o = _preactivation(weights, x, h, _rows(weights, 3, 4)) + weights["weight_co_l0"] * memory
    return torch.cat((torch.sigmoid(o) * torch.tanh(memory), memory), -1)


def _peephole_keep(weights: Weights, x: Tensor, state: Tensor) -> Tensor:
    h, c = state.chunk(2, -1)
    return torch.sigmoid(_preactivation(weights, x, h, _rows(weights, 1, 2)) + weights["weight_cf_l0"] * c)


def _mgu_update(weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    f = torch.sigmoid(_preactivation(weights, x, h, _rows(weights, 0, 1)))
    candidate = torch.tanh(_preactivation(weights, x, f * h, _rows(weights, 1, 2)))
    return (1 - f) * carried + f * candidate


def _mgu_keep(weights: Weights, x: Tensor, h: Tensor) -> Tensor:
    # 1 - logistic(a), written as logistic(-a): no digits are lost where the gate is nearly closed.
    return torch.sigmoid(-_preactivation(weights, x, h, _rows(weights, 0, 1)))


# ---------------------------------------------------------------------- modules that torch does not have


class SteppedModule(nn.Module):
    """A recurrent module made of an entry of `CELLS`, with the calling convention of `nn.LSTM`.

    Parameters are named as torch names its own: weight_ih_l0 (m·n, I), weight_hh_l0 (m·n, n),
    bias_ih_l0 and bias_hh_l0 (m·n), for m blocks; with peepholes, weight_ci_l0, weight_cf_l0 and
    weight_co_l0 (n): the diagonal weights from c to the input, forget and output gate.
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
        self.weight_ih_l0 = nn.Parameter(torch.empty(rows, input_size, **factory))
        self.weight_hh_l0 = nn.Parameter(torch.empty(rows, hidden_size, **factory))
        self.bias_ih_l0 = nn.Parameter(torch.empty(rows, **factory))
        self.bias_hh_l0 = nn.Parameter(torch.empty(rows, **factory))
        if peepholes:
            self.weight_ci_l0 = nn.Parameter(torch.empty(hidden_size, **factory))
            self.weight_cf_l0 = nn.Parameter(torch.empty(hidden_size, **factory))
            self.weight_co_l0 = nn.Parameter(torch.empty(hidden_size, **factory))

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
            packed = cell.step(weights, x, packed)
            hidden.append(packed[..., : self.hidden_size])
        parts = [part.unsqueeze(0) for part in packed.split(self.hidden_size, -1)]
        return torch.stack(hidden), parts[0] if len(parts) == 1 else tuple(parts)


def _peephole_module(input_size: int, hidden_size: int, **factory: Any) -> nn.Module:
    return SteppedModule(input_size, hidden_size, cell="peephole", blocks=4, peepholes=True, **factory)


def _mgu_module(input_size: int, hidden_size: int, **factory: Any) -> nn.Module:
    return SteppedModule(input_size, hidden_size, cell="mgu", blocks=2, **factory)


# ----------------------------------------------------------------------------------------- the registry

CELLS: Mapping[str, CellType] = MappingProxyType(
    {
        "rnn": CellType(
            label="RNN (tanh)",
            gated=False,
            memory="h",
            module=nn.RNN,
            update=_rnn_update,
            expose=_memory_is_state,
            source="Elman 1990",
        ),
        "lstm": CellType(
            label="LSTM",
            gated=True,
            memory="c",
            module=nn.LSTM,
            update=_lstm_update,
            expose=_lstm_expose,
            keep=_lstm_keep,
            keep_block=1,
            source="Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000",
        ),
        "gru": CellType(
            label="GRU",
            gated=True,
            memory="h",
            module=nn.GRU,
            update=_gru_update,
            expose=_memory_is_state,
            keep=_gru_keep,
            keep_block=1,
            source="Cho et al. 2014",
        ),
        "peephole": CellType(
            label="Peephole LSTM",
            gated=True,
            memory="c",
            module=_peephole_module,
            update=_peephole_update,
            expose=_peephole_expose,
            keep=_peephole_keep,
            keep_block=1,
            source="Gers & Schmidhuber 2000",
        ),
        "mgu": CellType(
            label="Minimal gated unit",
            gated=True,
            memory="h",
            module=_mgu_module,
            update=_mgu_update,
            expose=_memory_is_state,
            keep=_mgu_keep,
            keep_block=0,
            keep_sign=-1,
            source="Zhou, Wu, Zhang & Zhou 2016",
        ),
    }
)
"""Every cell type, by the name it has in settings and links."""


# --------------------------------------------------------------------------------- building and unrolling


def _whole(what: str, value: object, low: int, high: int | None = None) -> int:
    ok = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if not ok or (high is not None and value > high):
        limit = f" and at most {high}" if high is not None else ""
        raise ValueError(f"{what} must be a whole number of at least {low}{limit}, not {value!r}")
    return value


def _real(what: str, value: object, low: float, high: float) -> float:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not ok or not low <= value <= high:
        raise ValueError(f"{what} must be a number between {low:g} and {high:g}, not {value!r}")
    return float(value)


def _known(cell: object) -> str:
    if not isinstance(cell, str) or cell not in CELLS:
        raise ValueError(f"unknown cell type {cell!r}; known are {', '.join(CELLS)}")
    return cell


def build(
    name: str,
    *,
    input_size: int,
    hidden_size: int,
    gain: float = 1.0,
    forget_bias: float | None = None,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """A recurrent module of one layer with seeded weights, called as torch's own: inputs (T, batch, I).

    All parameters are drawn from torch's default for these modules, U(-1/√n, 1/√n), in float64 and from
    `generator` alone, so the same seed means the same network in every dtype. `gain` then multiplies
    weight_hh.

    `forget_bias` is the *effective* bias b_f of the gate that keeps the memory. torch adds two biases, so
    bias_ih gets b_f and bias_hh gets 0 in that gate's rows; None leaves both as drawn. It means the same
    for every cell: with no other input the cell keeps logistic(b_f) of its memory. For an LSTM this is the
    forget gate; for a GRU the update gate z (torch computes h(t) = (1-z)·candidate + z·h(t-1)); for the
    minimal gated unit, which keeps 1-f, the bias is set to -b_f. A cell without such a gate has nothing to
    set.

    Raises ValueError for an unknown name, a size below 1, or a gain or bias out of range.
    """
    cell = CELLS[_known(name)]
    _whole("input_size", input_size, 1)
    n = _whole("hidden_size", hidden_size, 1)
    gain = _real("gain", gain, 0.0, MAX_GAIN)
    # torch's constructors fill the weights from the global generator; on the meta device there is none.
    module = cell.module(input_size, n, device="meta", dtype=dtype).to_empty(device="cpu")
    bound = 1 / math.sqrt(n)
    with torch.no_grad():
        for weight in module.parameters():
            drawn = torch.empty(weight.shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
            weight.copy_(drawn)
        module.get_parameter(RECURRENT_WEIGHT).mul_(gain)
        if forget_bias is not None:
            forget_bias = _real("forget_bias", forget_bias, -MAX_FORGET_BIAS, MAX_FORGET_BIAS)
            if cell.keep_block is not None:
                rows = slice(cell.keep_block * n, (cell.keep_block + 1) * n)
                module.get_parameter("bias_ih_l0")[rows] = cell.keep_sign * forget_bias
                module.get_parameter("bias_hh_l0")[rows] = 0.0
    return module


@dataclass(frozen=True)
class Network:
    """One seeded network and the sequence it reads: a hashable value, the key of its results.

    cell: a name in `CELLS`. hidden_size: n, 1 to 64. length: T, 1 to 200 steps from a zero state.
    gain: factor on the recurrent weights. forget_bias: the effective bias b_f (see `build`), or None for
    torch's default. input_scale: standard deviation of the normal inputs, 0 for none. input_size: I.
    seed: of the weights and the inputs.

    Raises ValueError where a field is out of its range.
    """

    cell: str
    hidden_size: int = 16
    length: int = 100
    gain: float = 1.0
    forget_bias: float | None = None
    input_scale: float = 1.0
    input_size: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _known(self.cell)
        _whole("hidden_size", self.hidden_size, 1, MAX_HIDDEN_SIZE)
        _whole("length", self.length, 1, MAX_LENGTH)
        _real("gain", self.gain, 0.0, MAX_GAIN)
        if self.forget_bias is not None:
            _real("forget_bias", self.forget_bias, -MAX_FORGET_BIAS, MAX_FORGET_BIAS)
        _real("input_scale", self.input_scale, 0.0, MAX_INPUT_SCALE)
        _whole("input_size", self.input_size, 1, MAX_HIDDEN_SIZE)
        _whole("seed", self.seed, 0, MAX_SEED)

    @property
    def type(self) -> CellType:
        """The cell's entry in the registry."""
        return CELLS[self.cell]

    def materialise(self) -> "Materialised":
        """The module, its inputs and a target, drawn from the seed alone.

        Inputs and target are drawn before the weights and the inputs always at full length: the same seed
        gives every cell the same inputs, and a longer sequence begins with the shorter one.
        """
        generator = torch.Generator().manual_seed(self.seed)
        inputs = torch.randn(MAX_LENGTH, self.input_size, generator=generator, dtype=torch.float64)
        target = torch.randn(self.hidden_size, generator=generator, dtype=torch.float64)
        module = build(
            self.cell,
            input_size=self.input_size,
            hidden_size=self.hidden_size,
            gain=self.gain,
            forget_bias=self.forget_bias,
            generator=generator,
        )
        return Materialised(module, self.input_scale * inputs[: self.length], target)


class Materialised(NamedTuple):
    """A network in torch, all float64: the module, its inputs (T, I), and a target (n,) for the last h."""

    module: nn.Module
    inputs: Tensor
    target: Tensor


def stacked_weights(modules: Sequence[nn.Module]) -> dict[str, Tensor]:
    """The detached parameters of several modules of one type, as the steps take a batch of b networks.

    Matrices become (b, rows, columns) and vectors (b, 1, rows), for vectors h of shape (b, any, n).
    """
    stacked = {}
    for name, first in modules[0].named_parameters():
        batch = torch.stack([module.get_parameter(name).detach() for module in modules])
        stacked[name] = batch.unsqueeze(1) if first.dim() == 1 else batch
    return stacked
