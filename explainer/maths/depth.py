"""The gradient through layers: seeded stacks of the blocks of :mod:`explainer.maths.blocks`, and their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from explainer.maths.blocks import HEADS, KINDS, TOKENS, Kind, Weights
from explainer.maths.jacobians.norms import Norms, of_steps
from explainer.maths.jacobians.steps import Steps, frozen
from explainer.maths.logscale import log10_spectral
from explainer.serving.once import once

MAX_DEPTH = 200
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Stack:
    """Seeded stacks of one kind: a hashable value, the key of its results.

    Attributes:
        kind: a name in `KINDS`.
        layers: L, 1 to 200 blocks.
        width: d, a positive multiple of `HEADS`.
        gain: g, on the weights that write into the stream.
        gate_bias: b of the highway's transform gate, which opens to the layer; other kinds have none.
        input_scale: standard deviation of the normal x(0).
        seed: of the first of the stacks; those after it have the seeds after it.
        seeds: how many there are.

    Raises:
        ValueError: a field is out of its range.
    """

    kind: str
    layers: int = 24
    width: int = 16
    gain: float = 1.0
    gate_bias: float = -2.0
    input_scale: float = 1.0
    seed: int = 0
    seeds: int = 5

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of stack {self.kind!r}; known are {', '.join(KINDS)}")
        for name, low, high in (("layers", 1, MAX_DEPTH), ("width", 1, 64), ("seed", 0, MAX_SEED), ("seeds", 1, 64)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        if self.width % HEADS:
            raise ValueError(f"width must be a multiple of {HEADS}, not {self.width}")
        for name, low, high in (("gain", 0, 100), ("gate_bias", -100, 100), ("input_scale", 0, 100)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} must be a number from {low} to {high}, not {value!r}")

    @property
    def type(self) -> Kind:
        """The kind's entry in the registry."""
        return KINDS[self.kind]


# --- stacks in torch ----------------------------------------------------------------------------------------


def materialise(stack: Stack) -> tuple[dict[str, Tensor], Tensor]:
    """The weights by name, (seeds, L, rows, columns), and x(0), (seeds, m, d), drawn from the seeds alone.

    x(0) is drawn before the weights, and the weights block by block: a deeper stack begins with the shallower one.
    """
    kind, shapes = stack.type, stack.type.shapes(stack.width)
    starts, drawn = [], {name: [] for name in shapes}
    for seed in range(stack.seed, stack.seed + stack.seeds):
        generator = torch.Generator().manual_seed(seed)
        starts.append(torch.randn(TOKENS, stack.width, generator=generator, dtype=torch.float64)[-kind.tokens :])
        for _ in range(stack.layers):
            for name, shape in shapes.items():
                weight = torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(shape[1])
                drawn[name].append(stack.gain * weight if name in kind.writes else weight)
    weights = {
        name: torch.stack(all_of_them).unflatten(0, (stack.seeds, stack.layers)) for name, all_of_them in drawn.items()
    }
    if kind.gated:
        bias = torch.full((stack.width,), float(stack.gate_bias), dtype=torch.float64)
        weights["gate_bias"] = bias.expand(stack.seeds, stack.layers, 1, -1)
    return weights, stack.input_scale * torch.stack(starts)


def states(stack: Stack, weights: Weights, start: Tensor) -> list[Tensor]:
    """x(0) … x(L), one graph of autograd if the start asks for it.

    Args:
        stack: whose blocks they are.
        weights: (seeds, L, rows, columns), or of one draw (L, rows, columns).
        start: (seeds, m, d), or (m, d).
    """
    found = [start]
    for layer in range(stack.layers):
        own = {name: weight[..., layer, :, :] for name, weight in weights.items()}
        found.append(stack.type.block(own, found[-1], found[-1]))
    return found


@dataclass(frozen=True)
class ByDepth:
    """∂x(L)/∂x(L−k) of one kind of stack, of the last token, k = 0 … L.

    Attributes:
        log10_norm: log10 of the spectral norm, (seeds, L+1), by autograd back through the whole stack; NaN through a
            block that is not sure of its digits.
        size: the root mean square of x(l), l = 0 … L, of the last token, (seeds, L+1).
    """

    log10_norm: np.ndarray
    size: np.ndarray


@once(size=64)
def by_depth(stack: Stack) -> ByDepth:
    """The norms at all depths: for each draw back through all blocks, all numbers of the last token at once.

    Between two blocks the derivative is scaled by a power of two, so that it stays within float64 however it grows.
    """
    weights, start = materialise(stack)
    norms, sizes = [], []
    for draw, x0 in enumerate(start):  # the weights of one draw at a time: one matrix times many rows is quickest
        own = {name: weight[draw] for name, weight in weights.items()}
        blocks = _forward(stack, own, x0)
        passed, exponents = [torch.eye(stack.width, dtype=torch.float64)], [0]
        for before, after in reversed(blocks):
            (onward,) = torch.autograd.grad(after[-1], before, passed[-1], is_grads_batched=True)
            last = onward[:, -1]  # under the causal mask no other token depends on the last
            shift = math.frexp(float(last.abs().max()))[1]
            passed.append(torch.ldexp(last, torch.tensor(-shift)))
            exponents.append(exponents[-1] + shift)
        log10_norm = log10_spectral(torch.stack(passed).numpy(), np.array(exponents))
        unsure = [False, *(_is_unsure(stack, before) for before, _ in reversed(blocks))]
        norms.append(np.where(np.logical_or.accumulate(unsure), np.nan, log10_norm))
        x = [x0, *(after.detach() for _, after in blocks)]
        sizes.append(torch.stack([one[-1].square().mean().sqrt() for one in x]).numpy())
    return ByDepth(frozen(np.stack(norms)), frozen(np.stack(sizes)))


def _is_unsure(stack: Stack, x: Tensor) -> bool:
    """Whether a block that reads this x is not sure of its digits."""
    return float(x.detach().abs().max()) > stack.type.sure_up_to


def _forward(stack: Stack, weights: Weights, start: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each block's x before and after it, from the first to the last, with a graph of autograd of its own."""
    pairs, x = [], start
    for layer in range(stack.layers):
        before = x.detach().requires_grad_()
        own = {name: weight[layer] for name, weight in weights.items()}
        pairs.append((before, stack.type.block(own, before, before)))
        x = pairs[-1][1]
    return pairs


def _each_block(stack: Stack) -> tuple[Tensor, Tensor]:
    """The last token's derivatives of every block, by its own x and by what it carries: (seeds, L, d, d) each.

    Each draw takes one backward pass, from all blocks at once.
    """
    weights, start = materialise(stack)
    rows, by_x, by_carried = [torch.eye(stack.width, dtype=torch.float64)] * stack.layers, [], []
    for draw, x0 in enumerate(start):
        own = [{name: weight[draw, layer] for name, weight in weights.items()} for layer in range(stack.layers)]
        with torch.no_grad():
            before = states(stack, {name: weight[draw] for name, weight in weights.items()}, x0)[:-1]
        x, carried = ([one.clone().requires_grad_() for one in before] for _ in range(2))
        after = [stack.type.block(*block)[-1] for block in zip(own, x, carried, strict=True)]
        passed = torch.autograd.grad(after, [*x, *carried], rows, is_grads_batched=True, allow_unused=True)
        nothing = rows[0].new_zeros(stack.width, *x0.shape)
        last = torch.stack([(nothing if one is None else one)[:, -1] for one in passed])
        by_x.append(last[: stack.layers])
        by_carried.append(last[stack.layers :])
    return torch.stack(by_x), torch.stack(by_carried)


def steps(stack: Stack) -> Steps:
    """The Jacobians of all blocks of stacks with one token, as those of the steps of a recurrent network.

    Before the first block stands a step that changes nothing, so that the product reaches x(0).

    Raises:
        ValueError: the blocks read several tokens.
    """
    if stack.type.tokens > 1:
        raise ValueError(f"only stacks of one token are split by path, not a {stack.type.label}")
    gates, direct = _each_block(stack)
    gates, direct = pad(gates, (0, 0, 0, 0, 1, 0)), pad(direct.diagonal(dim1=-2, dim2=-1), (0, 0, 1, 0), value=1.0)
    nothing = gates.new_zeros(*gates.shape[:2], 0, stack.width)
    return Steps(direct, gates, nothing, nothing, gates.new_zeros(stack.seeds))


@once(size=64)
def by_path(stack: Stack) -> Norms:
    """Spectral norms of ∂x(L)/∂x(L−k), k = 0 … L: whole, along the direct path, and the rest; of stacks with one token.

    Each is a product or a sum of products of the blocks' own Jacobians, accumulated by itself.

    Raises:
        ValueError: the blocks read several tokens.
    """
    return of_steps(steps(stack))


@once(size=64)
def branch_norms(stack: Stack) -> np.ndarray:
    """log10 of the spectral norm of J(l), the last token's derivative of a block by its own x, (seeds, L).

    The x that is carried past the layer is left out of it: of a residual block it is J, not 1 + J. NaN where a block
    is not sure of its digits.
    """
    norms = log10_spectral(_each_block(stack)[0].numpy())
    weights, start = materialise(stack)
    x = states(stack, weights, start)[:-1]
    unsure = [[_is_unsure(stack, one[draw]) for one in x] for draw in range(stack.seeds)]
    return frozen(np.where(unsure, np.nan, norms))
