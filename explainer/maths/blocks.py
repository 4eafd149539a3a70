"""Blocks of deep networks as equations in plain torch: plain, highway, residual, transformer. One registry, `KINDS`.


A block takes x(l), m tokens of d numbers, to x(l+1). It is written in two arguments, as a recurrent cell's step is:

    x(l+1) = block(weights, x(l), carried)      carried = x(l)

`carried` is the x that is passed on, kept apart from the same numbers inside x, which feed the layer itself. So the
derivative by `carried` *is* the direct path, and the derivative by x everything else: 1 and J of a residual block.

If a fourth argument gives the tokens `before`, then the tokens of x do not follow one another: each of them is taken
by itself as the one that follows those before. So copies of the last token go through a block side by side, and one
ordinary backward pass differentiates each of them in another direction.

The plain, highway and residual stacks share one layer, F(x) = tanh(g·W·x), and read one token. The transformer blocks
read `TOKENS` of them under a causal mask: x + attention(norm(x)), then x + mlp(norm(x)), with ReLU. The gain g
multiplies what writes into the stream: W, or the last matrix of each of the two branches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from explainer.languages import word
from explainer.maths.squashing import WITHOUT_CANCELLING

TOKENS = 4
HEADS = 4
NORM_EPSILON = 1e-5  # as in torch's LayerNorm

Weights = Mapping[str, Tensor]
Block = Callable[..., Tensor]
Shapes = Callable[[int], Mapping[str, tuple[int, int]]]

# --- the blocks: weights (..., rows, columns), x and carried (..., m, d), before (..., p, d) → (..., m, d) ---


def _layer(weights: Weights, x: Tensor) -> Tensor:
    """F(x) = tanh(g·W·x)."""
    return WITHOUT_CANCELLING.tanh(x @ weights["layer"].mT)


def _plain(weights: Weights, x: Tensor, carried: Tensor, before: Tensor | None = None) -> Tensor:
    return _layer(weights, x)


def _highway(weights: Weights, x: Tensor, carried: Tensor, before: Tensor | None = None) -> Tensor:
    """t·F(x) + (1 − t)·x, the transform gate t = logistic(W·x + b) (Srivastava, Greff & Schmidhuber 2015, section 2).

    They start b below 0, "e.g. −1, −3" (section 2.2); the networks whose insides they show had −2 and −4 (section 4).
    """
    gate = x @ weights["gate"].mT + weights["gate_bias"]
    return WITHOUT_CANCELLING.logistic(gate) * _layer(weights, x) + WITHOUT_CANCELLING.logistic(-gate) * carried


def _residual(weights: Weights, x: Tensor, carried: Tensor, before: Tensor | None = None) -> Tensor:
    """x + F(x) (He et al. 2016)."""
    return carried + _layer(weights, x)


def _normalised(x: Tensor) -> Tensor:
    """Each token with mean 0 and variance 1, as torch's LayerNorm starts (Ba, Kiros & Hinton 2016)."""
    return layer_norm(x, x.shape[-1:], eps=NORM_EPSILON)


def _attention(weights: Weights, x: Tensor, before: Tensor | None) -> Tensor:
    """Causal self-attention with `HEADS` heads (Vaswani et al. 2017)."""
    m = x.shape[-2]
    if before is None:
        seen, sees = x, torch.ones(m, m, dtype=torch.bool).tril()
    else:
        seen = torch.cat((before, x), -2)
        sees = torch.cat((torch.ones(m, before.shape[-2], dtype=torch.bool), torch.eye(m, dtype=torch.bool)), -1)
    q, k, v = (
        (one @ weights[name].mT).unflatten(-1, (HEADS, -1)).transpose(-3, -2)
        for name, one in (("query", x), ("key", seen), ("value", seen))
    )
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~sees, -math.inf)
    return (scores.softmax(-1) @ v).transpose(-3, -2).flatten(-2) @ weights["output"].mT


def _mlp(weights: Weights, x: Tensor) -> Tensor:
    return torch.relu(x @ weights["up"].mT) @ weights["down"].mT


def _transformer(norm: Callable[[Tensor], Tensor]) -> Block:
    def block(weights: Weights, x: Tensor, carried: Tensor, before: Tensor | None = None) -> Tensor:
        attended = _attention(weights, norm(x), None if before is None else norm(before))
        return carried + attended + _mlp(weights, norm(x + attended))

    return block


# --- the registry -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """One kind of stack.

    Attributes:
        label: the name in legends.
        source: where it was introduced.
        block: one block of it.
        shapes: d → the shapes of a block's matrices by name; each is drawn from N(0, 1/columns).
        writes: which of them write into the stream and are multiplied by the gain.
        tokens: m.
        sure_up_to: how large the numbers in x may be. Beyond, rounding decides what attention without norm looks at:
            its scores are products of two of them, and are compared by their differences.
    """

    label: str
    source: str
    block: Block
    shapes: Shapes
    writes: tuple[str, ...] = ("layer",)
    tokens: int = 1
    sure_up_to: float = math.inf

    @property
    def gated(self) -> bool:
        """Whether the bias of a gate is a part of it."""
        return "gate" in self.shapes(1)


def _one(d: int) -> Mapping[str, tuple[int, int]]:
    return {"layer": (d, d)}


def _attention_and_mlp(d: int) -> Mapping[str, tuple[int, int]]:
    square = dict.fromkeys(("query", "key", "value", "output"), (d, d))
    return square | {"up": (4 * d, d), "down": (d, 4 * d)}


_TRANSFORMER = {"shapes": _attention_and_mlp, "writes": ("output", "down"), "tokens": TOKENS}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "plain": Kind(word("plain"), "Glorot & Bengio 2010", _plain, _one),
        "highway": Kind(
            word("highway"),
            "Srivastava, Greff & Schmidhuber 2015",
            _highway,
            lambda d: {"layer": (d, d), "gate": (d, d)},
        ),
        "residual": Kind(word("residual"), "He et al. 2016", _residual, _one),
        "pre-norm": Kind(
            word("pre-norm transformer"),
            "Vaswani et al. 2017; the norm before each branch: Xiong et al. 2020",
            _transformer(_normalised),
            **_TRANSFORMER,
        ),
        "no-norm": Kind(
            word("transformer without norm"),
            "Vaswani et al. 2017",
            _transformer(lambda x: x),
            **_TRANSFORMER,
            sure_up_to=1e7,
        ),
    }
)
"""Every kind of stack, by name."""
