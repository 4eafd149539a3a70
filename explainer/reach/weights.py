"""Recurrent networks found in a file of weights, by the names and the shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explainer import words
from explainer.languages import say, whole
from explainer.reach.cells import MODULES
from explainer.reach.files import Unusable, shown

MOST_UNITS = 1_024
MOST_LAYERS = 64

_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<what>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(?:_l(?P<layer>\d{1,3}))?(?P<way>_reverse)?"
)
_CELL_OF_BLOCKS = {4: "lstm", 3: "gru", 1: "rnn"}


@dataclass(frozen=True, eq=False)
class Found:
    """One recurrent network in a file.

    Attributes:
        prefix: what stands in front of its names, as it can be shown; ``the network`` where nothing does.
        cell: ``lstm``, ``gru``, ``rnn`` or ``rnn-relu``.
        is_ambiguous: whether tanh or ReLU cannot be told from the file.
        module: torch's module with these weights, in float64.
        whole_prefix: what stands in front of its names, as it is.
    """

    prefix: str
    cell: str
    is_ambiguous: bool
    module: nn.RNNBase
    whole_prefix: str = ""

    @property
    def label(self) -> str:
        """What it is, in a few words."""
        module = self.module
        said = [f"{self.prefix}: {self.cell.upper()}", f"{module.input_size} → {module.hidden_size}"]
        if module.num_layers > 1:
            said.append(words.counted(module.num_layers, "layer"))
        if module.bidirectional:
            said.append(say("both directions"))
        return ", ".join(said)


def find(tensors: Mapping[str, Tensor], cell: str | None = None) -> list[Found]:
    """The recurrent networks among the tensors, in the order of the file.

    RNN, LSTM and GRU are told apart by their rows: W_hh has n, 4n or 3n of them. Modules of a single step (LSTMCell)
    count as one layer.

    Args:
        tensors: by name, with any prefix.
        cell: what they are; None to tell it from the shapes, tanh for an RNN.

    Raises:
        Unusable: there is none, or the one there is does not fit together.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        if match:
            own = f"{match['what']}_l{int(match['layer'] or 0)}{match['way'] or ''}"
            groups.setdefault(match["prefix"], {})[own] = tensor
    groups = {prefix: own for prefix, own in groups.items() if "weight_hh_l0" in own}
    if not groups:
        known = ", ".join(shown(name) for name in list(tensors)[:3]) or say("nothing")
        raise Unusable(
            say(
                "This file holds no recurrent weights: none is called weight_hh_l0, with whatever in front. "
                "It holds {known}.",
                known=known,
            )
        )
    return [_found(prefix, own, cell) for prefix, own in groups.items()]


def _found(prefix: str, own: Mapping[str, Tensor], cell: str | None) -> Found:
    name = shown(prefix.rstrip(".")) or say("the network")
    for label, tensor in own.items():
        if tensor.dim() != (1 if label.startswith("bias") else 2) or 0 in tensor.shape:
            raise Unusable(
                say(
                    "{network}: {weight} has the shape {shape}, which no weight of this name has.",
                    network=name,
                    weight=label,
                    shape=tuple(tensor.shape),
                )
            )
    w_hh, w_ih, w_hr = own["weight_hh_l0"], own.get("weight_ih_l0"), own.get("weight_hr_l0")
    if w_ih is None:
        raise Unusable(say("{network}: there is a weight_hh_l0 and no weight_ih_l0 beside it.", network=name))
    rows, outputs = w_hh.shape
    n = w_hr.shape[1] if w_hr is not None else outputs
    told = _CELL_OF_BLOCKS.get(rows // n) if rows % n == 0 else None
    if told is None or (w_hr is not None and told != "lstm"):
        raise Unusable(
            say(
                "{network}: W_hh is {size}; an RNN has n, a GRU 3n and an LSTM 4n rows for n columns.",
                network=name,
                size=f"{rows} × {outputs}",
            )
        )
    if cell is not None and cell.removesuffix("-relu") != told:
        raise Unusable(
            say(
                "{network}: W_hh is {size}, which is that of a network of type {told}, not {asked}.",
                network=name,
                size=f"{rows} × {outputs}",
                told=told,
                asked=cell,
            )
        )
    layers = 1 + max(int(label.rpartition("_l")[2].partition("_")[0]) for label in own)
    if n > MOST_UNITS or w_ih.shape[1] > MOST_UNITS or layers > MOST_LAYERS:
        raise Unusable(
            say(
                "{network}: {units}, {inputs}, {layers}; at most {most_units} units and inputs and {most_layers} "
                "layers can be measured.",
                network=name,
                units=words.counted(n, "unit"),
                inputs=words.counted(w_ih.shape[1], "input"),
                layers=words.counted(layers, "layer"),
                most_units=whole(MOST_UNITS),
                most_layers=MOST_LAYERS,
            )
        )
    for label, tensor in own.items():
        if not torch.isfinite(tensor).all():
            raise Unusable(
                say(
                    "{network}: {weight} holds values that are not finite; training has diverged.",
                    network=name,
                    weight=label,
                )
            )
    kind = cell or told
    return Found(name, kind, cell is None and told == "rnn", _module(name, kind, own, n, layers), prefix)


def _module(name: str, kind: str, own: Mapping[str, Tensor], n: int, layers: int) -> nn.RNNBase:
    options: dict = {"nonlinearity": "relu"} if kind == "rnn-relu" else {}
    if "weight_hr_l0" in own:
        options["proj_size"] = own["weight_hr_l0"].shape[0]
        if not options["proj_size"] < n:
            raise Unusable(
                say(
                    "{network}: its projection has {rows} rows; expected are fewer than {most}.",
                    network=name,
                    rows=options["proj_size"],
                    most=n,
                )
            )
    with torch.device("meta"):
        module = MODULES[kind](
            own["weight_ih_l0"].shape[1],
            n,
            num_layers=layers,
            bias="bias_ih_l0" in own,
            bidirectional="weight_hh_l0_reverse" in own,
            dtype=torch.float64,
            **options,
        )
    expected = {label: tuple(one.shape) for label, one in module.named_parameters()}
    missing = [label for label in expected if label not in own]
    if missing:
        raise Unusable(say("{network}: {weight} is missing; the file is incomplete.", network=name, weight=missing[0]))
    wrong = [label for label, shape in expected.items() if tuple(own[label].shape) != shape]
    if wrong:
        raise Unusable(
            say(
                "{network}: {weight} has the shape {shape}; expected is {expected}.",
                network=name,
                weight=wrong[0],
                shape=tuple(own[wrong[0]].shape),
                expected=expected[wrong[0]],
            )
        )
    module = module.to_empty(device="cpu")
    with torch.no_grad():
        for label, weight in module.named_parameters():
            weight.copy_(own[label])
    return module.eval()
