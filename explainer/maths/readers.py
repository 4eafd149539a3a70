"""Two small networks that read a sentence letter by letter and guess the next letter: before and after training.

Each is one layer of torch's own nn.RNN or nn.LSTM over one-hot letters, and a linear layer that gives every letter a
logit. ``scripts/train_readers.py`` trains them and writes ``readers.npz``. What is measured is the *margin* at the
verb: the logit of its right first letter minus the logit of the other verb's. The loss would not do: its gradient is
that of the margin times 1 − p, p the probability of the right letter of the two, and so fades once a network is sure.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from explainer.maths import sentences
from explainer.maths.network import build
from explainer.maths.sentences import LETTERS, Sentence
from explainer.serving.once import once

CELLS = {"vanilla": "rnn", "gated": "lstm"}
UNITS = 24
SEED = 0
FORGET_BIAS = None  # with which the training of the gated reader began: torch's own biases
FILE = Path(__file__).with_name("readers.npz")


@dataclass(frozen=True, eq=False)
class Reader:
    """A network that reads letters: ``network`` takes (T, B, 28) and ``readout`` gives (…, 28) logits from its h."""

    network: nn.Module
    readout: nn.Linear

    def parameters(self) -> dict[str, Tensor]:
        """All weights by name, in torch's order, those of ``readout`` last."""
        named = [*self.network.named_parameters()]
        return dict(named + [(f"readout_{name}", weight) for name, weight in self.readout.named_parameters()])


def start(cell: str, forget_bias: float | None, dtype: torch.dtype = torch.float64, seed: int = SEED) -> Reader:
    """A reader before training, drawn from its seed alone; U(−1/√n, 1/√n) throughout, as torch does.

    Args:
        cell: ``vanilla`` or ``gated``.
        forget_bias: of the gated one, None for torch's own; see :func:`network.build`.
        dtype: of the weights; in every one they are the same, rounded.
        seed: of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    size, bound = len(LETTERS), 1 / math.sqrt(UNITS)
    network = build(
        CELLS[cell], input_size=size, hidden_size=UNITS, forget_bias=forget_bias, generator=generator, dtype=dtype
    )
    readout = nn.Linear(UNITS, size, device="meta", dtype=dtype).to_empty(device="cpu")
    with torch.no_grad():
        for weight in readout.parameters():
            weight.copy_(torch.empty(weight.shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator))
    return Reader(network, readout)


@once(2)
def trained(cell: str) -> Reader:
    """A reader after training, from the shipped file, in float64."""
    reader = start(cell, None)
    with np.load(FILE, allow_pickle=False) as file, torch.no_grad():
        for name, weight in reader.parameters().items():
            weight.copy_(torch.from_numpy(file[f"{cell}_{name}"]))
    return reader


def one_hot(codes: Tensor) -> Tensor:
    """Letters (B, T) by their places in ``LETTERS`` as inputs (T, B, 28), float64; places below 0 are padding."""
    return nn.functional.one_hot(codes.clamp(min=0), len(LETTERS)).double().movedim(0, 1)


def margins(reader: Reader, several: Sequence[Sentence]) -> np.ndarray:
    """The margin of the right letter over the wrong one at each sentence's verb, (sentences,), float64."""
    codes = torch.from_numpy(sentences.codes([one.begin for one in several]))
    each = torch.arange(len(several))
    with torch.no_grad():
        states, _ = reader.network(one_hot(codes))
        logits = reader.readout(states[(codes >= 0).sum(1) - 1, each])
    right, wrong = (
        torch.tensor([LETTERS.index(getattr(one, which)) for one in several]) for which in ("right", "wrong")
    )
    return (logits[each, right] - logits[each, wrong]).numpy()


@dataclass(frozen=True, eq=False)
class Reach:
    """What reaches each letter of a sentence from the margin at its verb.

    Attributes:
        margin: logit of the right letter minus logit of the wrong one.
        gradient: ∂margin/∂x(t−lag) for lag = 0…T−1, shape (T, 28), by one backward pass in float64; x is one-hot.
        log10_norm: log10 of its norm at each lag, (T,); −inf where it is exactly 0.
    """

    margin: float
    gradient: np.ndarray
    log10_norm: np.ndarray


def _reach(reader: Reader, sentence: Sentence) -> Reach:
    inputs = one_hot(torch.from_numpy(sentences.codes([sentence.begin]))).requires_grad_()
    states, _ = reader.network(inputs)
    logits = reader.readout(states[-1, 0])
    margin = logits[LETTERS.index(sentence.right)] - logits[LETTERS.index(sentence.wrong)]
    (gradient,) = torch.autograd.grad(margin, inputs)
    gradient = gradient[:, 0].flip(0)
    return Reach(margin.item(), gradient.numpy(), torch.linalg.vector_norm(gradient, dim=1).log10().numpy())


@once(64)
def before(cell: str, forget_bias: float | None) -> Reach:
    """What reaches each letter of the main sentence before training."""
    return _reach(start(cell, forget_bias if cell == "gated" else None), sentences.MAIN)


@once(2)
def after(cell: str) -> Reach:
    """What reaches each letter of the main sentence after training."""
    return _reach(trained(cell), sentences.MAIN)


def margin_without(cell: str, lag: int) -> float:
    """The trained reader's margin of the main sentence if the letter so many steps back is left out."""
    begin = sentences.MAIN.begin
    place = len(begin) - 1 - lag
    changed = dataclasses.replace(sentences.MAIN, begin=begin[:place] + begin[place + 1 :])
    return float(margins(trained(cell), [changed])[0])


@once(4)
def right_chance(cell: str, is_plural: bool) -> np.ndarray:
    """The trained reader's probability of the right verb of the two, by its first letter, for each rung, (6,)."""
    return 1 / (1 + np.exp(-margins(trained(cell), sentences.ladder(is_plural))))


@once(16)
def accuracy(cell: str, clauses: int, count: int = 200) -> float:
    """The share of sentences with places that training never had beside their subject, at whose verb it is right."""
    return float((margins(trained(cell), sentences.held_out(clauses, count)) > 0).mean())


# --- by hand ------------------------------------------------------------------------------------------------


@once(256)
def product_of_steps(cell: str, lag: int) -> float:
    """‖∂margin/∂x(t−lag)‖ of the trained reader as the explicit product of the Jacobians of its steps, no autograd.

    The state of a step is h, or h above c for the gated reader; each Jacobian is written out from the equations.
    """
    sentence, weights = sentences.MAIN, {name: one.detach() for name, one in trained(cell).parameters().items()}
    steps = _vanilla_steps if cell == "vanilla" else _gated_steps
    columns = weights["weight_ih_l0"].T[sentences.codes([sentence.begin])[0].tolist()]
    out = weights["readout_weight"]
    row = out[LETTERS.index(sentence.right)] - out[LETTERS.index(sentence.wrong)]
    by_state, by_input = steps(weights, columns)
    row = torch.cat((row, row.new_zeros(len(by_state[0]) - len(row))))
    for jacobian in by_state[::-1][:lag]:
        row = row @ jacobian
    return torch.linalg.vector_norm(row @ by_input[len(columns) - 1 - lag]).item()


def _vanilla_steps(weights: dict[str, Tensor], columns: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """∂h(t)/∂h(t−1) (n, n) and ∂h(t)/∂x(t) (n, 28) of every step: a slope times the weights."""
    state, by_state, by_input = columns.new_zeros(UNITS), [], []
    recurrent, biases = weights["weight_hh_l0"], weights["bias_ih_l0"] + weights["bias_hh_l0"]
    for column in columns:
        state = torch.tanh(column + recurrent @ state + biases)
        slope = (1 - state * state)[:, None]
        by_state.append(slope * recurrent)
        by_input.append(slope * weights["weight_ih_l0"])
    return by_state, by_input


def _gated_steps(weights: dict[str, Tensor], columns: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """∂(h, c)(t)/∂(h, c)(t−1) (2n, 2n) and ∂(h, c)(t)/∂x(t) (2n, 28) of every step, from the LSTM's equations."""
    h = c = columns.new_zeros(UNITS)
    by_state, by_input = [], []
    recurrent, biases = weights["weight_hh_l0"], weights["bias_ih_l0"] + weights["bias_hh_l0"]
    for column in columns:
        arrives = column + recurrent @ h + biases
        i, f, g, o = arrives.chunk(4)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        slopes = torch.cat((g * i * (1 - i), c * f * (1 - f), i * (1 - g * g)))[:, None]
        c = f * c + i * g
        squashed = torch.tanh(c)
        h = o * squashed
        opens, through = (squashed * o * (1 - o))[:, None], (o * (1 - squashed * squashed))[:, None]

        def chained(matrix: Tensor, slopes=slopes, opens=opens, through=through) -> Tensor:
            """∂(h, c)/∂ of what enters the four gates through this matrix (4n, any)."""
            of_c = (slopes * matrix[: 3 * UNITS]).unflatten(0, (3, UNITS)).sum(0)
            return torch.cat((through * of_c + opens * matrix[3 * UNITS :], of_c))

        along = torch.cat((through * torch.diag(f), torch.diag(f)))
        by_state.append(torch.cat((chained(recurrent), along), dim=1))
        by_input.append(chained(weights["weight_ih_l0"]))
    return by_state, by_input
