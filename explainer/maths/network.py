"""One seeded network as a value, and the torch module that it names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from explainer.maths.cell_types import CELLS, RECURRENT_WEIGHT, CellType

torch.set_num_threads(1)  # the tensors are tiny and the readers many

MAX_HIDDEN_SIZE = 64
MAX_LENGTH = 200
MAX_GAIN = 100.0
MAX_FORGET_BIAS = 100.0
MAX_INPUT_SCALE = 100.0
MAX_SEED = 2**31 - 1


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
    weight_hh, where the cell reads its state.

    `forget_bias` is the *effective* bias b_f of the gate that keeps the memory. torch adds two biases, so
    bias_ih gets b_f and bias_hh gets 0 in that gate's rows; None leaves both as drawn. It means the same
    for every cell: with no other input the cell keeps logistic(b_f) of its memory. For an LSTM this is the
    forget gate; for a GRU the update gate z (torch computes h(t) = (1-z)·candidate + z·h(t-1)); for the
    minimal gated unit and the minGRU, which keep 1-f, the bias is set to -b_f; for the minLSTM the input gate gets
    -b_f as well; for fixed a and leaky units it is the parameter itself; for the state space Δ's bias follows from
    it. A cell without such a gate has nothing to set.

    Raises:
        ValueError: the name is unknown, a size below 1, or the gain or the bias out of range.
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
        if cell.reads_state:
            module.get_parameter(RECURRENT_WEIGHT).mul_(gain)
        if forget_bias is not None:
            forget_bias = _real("forget_bias", forget_bias, -MAX_FORGET_BIAS, MAX_FORGET_BIAS)
            if cell.set_keep is not None:
                cell.set_keep(dict(module.named_parameters()), forget_bias)
    return module


@dataclass(frozen=True)
class Network:
    """One seeded network and the sequence it reads: a hashable value, the key of its results.

    Attributes:
        cell: a name in `CELLS`.
        hidden_size: n, 1 to 64.
        length: T, 1 to 200 steps from a zero state.
        gain: factor on the recurrent weights.
        forget_bias: the effective bias b_f (see `build`), or None for torch's default.
        input_scale: standard deviation of the normal inputs, 0 for none.
        input_size: I.
        seed: of the weights and the inputs.

    Raises:
        ValueError: a field is out of its range.
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

    def essential(self) -> Network:
        """The same network but for what cannot change its gradient: one value for all that share it."""
        cell, default = self.type, {field.name: field.default for field in dataclasses.fields(self)}
        idle = {"forget_bias": not cell.gated, "gain": not cell.reads_state, "input_scale": not cell.reads_input}
        return dataclasses.replace(self, **{name: default[name] for name, is_idle in idle.items() if is_idle})

    def materialise(self) -> Materialised:
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
