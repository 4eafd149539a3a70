"""torch's recurrent modules taken apart: layers and directions, each run over its inputs in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from explainer.languages import say
from explainer.maths.squashing import WITHOUT_CANCELLING
from explainer.reach.cells import Layer, name_in_words, type_of
from explainer.reach.recurrence import Recurrence


@dataclass(frozen=True, eq=False)
class Run:
    """One layer and direction on one sequence, in its own order of time: inputs (T, I), states (T+1, S)."""

    layer: Layer
    inputs: Tensor
    states: Tensor

    @property
    def recurrence(self) -> Recurrence:
        return self.layer.recurrence(self.inputs, self.states)

    @property
    def gates(self) -> Tensor | None:
        return self.layer.gates(self.inputs, self.states)

    def gates_with_bias_added(self, amounts: Tensor) -> Tensor:
        """The gates (b, T, n) after the network has run again with so much (b,) added to the bias of that gate."""
        layer, inputs = self.layer.with_bias_added(amounts), self.inputs.unsqueeze(1)
        states = layer.run(inputs, self.states[0].expand(len(amounts), -1))
        return layer.gates(inputs, states).transpose(0, 1)


def checked(module: object) -> nn.RNNBase:
    """The module, if it is one of torch's recurrent ones with usable weights.

    Raises:
        TypeError: it is another module; the message names the recurrent ones within it.
        ValueError: a weight is not finite.
    """
    if not isinstance(module, nn.LSTM | nn.GRU | nn.RNN):
        inside = (
            [f"model.{name}" for name, one in module.named_modules() if isinstance(one, nn.RNNBase)]
            if isinstance(module, nn.Module)
            else []
        )
        hint = f"it holds {', '.join(inside)}: pass that one" if inside else "for any other cell there is reach.of_step"
        raise TypeError(f"model must be an nn.LSTM, nn.GRU or nn.RNN, not {type(module).__name__}; {hint}")
    for name, weight in module.named_parameters():
        if not torch.isfinite(weight).all():
            raise ValueError(f"{name} holds values that are not finite; training has diverged")
    return module


def layers_of(module: nn.RNNBase) -> list[list[Layer]]:
    """The layers from below, and the directions of each."""
    directions = ("", "_reverse") if module.bidirectional else ("",)
    return [
        [_layer(module, f"_l{number}{direction}", direction) for direction in directions]
        for number in range(module.num_layers)
    ]


def _layer(module: nn.RNNBase, ending: str, direction: str) -> Layer:
    def own(name: str) -> Tensor:
        return module.get_parameter(f"{name}{ending}").detach().to("cpu", torch.float64)

    weights = {"weight_ih_l0": own("weight_ih"), "weight_hh_l0": own("weight_hh")}
    rows = len(weights["weight_hh_l0"])
    for name in ("bias_ih", "bias_hh"):
        weights[f"{name}_l0"] = own(name) if module.bias else torch.zeros(rows, dtype=torch.float64)
    if module.proj_size:
        weights["weight_hr_l0"] = own("weight_hr")
    name = f"layer {ending.removeprefix('_l').partition('_')[0]}{' reverse' if direction else ''}"
    return Layer(name, type_of(module), weights, module.hidden_size, module.proj_size or module.hidden_size)


def sequences_of(module: nn.RNNBase, inputs: object) -> Tensor:
    """The inputs as (B, T, I) in float64, as the module would read them.

    Raises:
        TypeError: the inputs are packed, or no tensor.
        ValueError: their shape does not fit the module, or a value is not finite.
    """
    if isinstance(inputs, PackedSequence):
        raise TypeError("packed sequences differ in length: pass one of them, or several of one length, as a tensor")
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs must be a tensor, not {type(inputs).__name__}")
    if inputs.dim() not in (2, 3) or inputs.shape[-1] != module.input_size or 0 in inputs.shape:
        batch = "(B, T, I)" if module.batch_first else "(T, B, I)"
        raise ValueError(
            f"inputs must be (T, I) or {batch} with I = {module.input_size} and at least one step, "
            f"not {tuple(inputs.shape)}"
        )
    inputs = inputs.detach().to("cpu", torch.float64)
    if not torch.isfinite(inputs).all():
        raise ValueError("inputs hold values that are not finite")
    if inputs.dim() == 2:
        return inputs.unsqueeze(0)
    return inputs if module.batch_first else inputs.transpose(0, 1)


def starts_of(module: nn.RNNBase, state: Tensor | Sequence[Tensor] | None, sequences: int) -> Tensor:
    """The first packed states (B, layers·directions, S): as given, in torch's own shape, or 0.

    Raises:
        ValueError: the state does not fit the module.
    """
    is_lstm, count = isinstance(module, nn.LSTM), module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.proj_size or module.hidden_size] + ([module.hidden_size] if is_lstm else [])
    if state is None:
        return torch.zeros(sequences, count, sum(sizes), dtype=torch.float64)
    given = [state] if isinstance(state, Tensor) else list(state)
    parts = [one.detach().to("cpu", torch.float64) for one in given]
    parts = [one.unsqueeze(1) if one.dim() == 2 else one for one in parts]
    expected = [(count, sequences, size) for size in sizes]
    if [tuple(one.shape) for one in parts] != expected:
        raise ValueError(f"state must have the shapes {expected}, not {[tuple(one.shape) for one in given]}")
    return torch.cat(parts, -1).transpose(0, 1)


def runs_of(layers: Sequence[Sequence[Layer]], inputs: Tensor, starts: Tensor) -> list[list[Run]]:
    """Every layer and direction run over one sequence (T, I) from its first states (layers·directions, S).

    Raises:
        ValueError: a state overflows.
    """
    runs, place = [], 0
    for number, directions in enumerate(layers):
        own = []
        for backwards, layer in enumerate(directions):
            read = inputs.flip(0) if backwards else inputs
            own.append(Run(layer, read, _finite(layer.run(read, starts[place]), number, bool(backwards))))
            place += 1
        hidden = [run.states[1:, : run.layer.output_size] for run in own]
        inputs = torch.cat([hidden[0], *(one.flip(0) for one in hidden[1:])], -1)
        runs.append(own)
    return runs


def _finite(states: Tensor, number: int, is_reverse: bool) -> Tensor:
    if torch.isfinite(states).all():
        return states
    first = int((~torch.isfinite(states)).any(1).nonzero()[0])
    raise ValueError(
        say(
            "the states of {layer} leave the range of float64 at step {step}: there is nothing to measure",
            layer=name_in_words(number, is_reverse),
            step=first,
        )
    )


def stack_of(runs: Sequence[Sequence[Run]]) -> Recurrence | None:
    """The states of all layers taken together, as one recurrence; None where no order of time holds for all.

    Of one layer with two directions, each goes its own way, and lag k counts back along it. In a deeper module with
    two directions every state depends on every input.
    """
    if len(runs) > 1 and len(runs[0]) > 1:
        return None
    members = [run for own in runs for run in own]
    sizes = [run.layer.state_size for run in members]
    states = torch.cat([run.states for run in members], -1)
    is_deep = len(runs) > 1

    def advance(t: int, state: Tensor) -> Tensor:
        parts, x = [], None
        for run, part in zip(members, state.split(sizes), strict=True):
            x = run.inputs[t - 1] if x is None or not is_deep else x
            parts.append(run.layer.step(WITHOUT_CANCELLING, x, part))
            x = parts[-1][: run.layer.output_size]
        return torch.cat(parts)

    cost = sum(run.layer.multiplications + is_deep * run.layer.weights["weight_ih_l0"].numel() for run in members)
    return Recurrence(states, advance, lambda t, whole: whole, slice(0, sum(sizes)), cost)


def with_weight(layer: Layer, weight_hh: Tensor) -> Layer:
    """The same layer with another W_hh."""
    return dataclasses.replace(layer, weights=layer.weights | {"weight_hh_l0": weight_hh})
