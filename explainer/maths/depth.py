"""The gradient through layers: seeded stacks of the blocks of :mod:`explainer.maths.blocks`, and their derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from explainer.maths.blocks import HEADS, KINDS, TOKENS, Kind, Weights
from explainer.maths.jacobians.norms import Norms, of_steps
from explainer.maths.jacobians.steps import Steps, frozen
from explainer.maths.logscale import log10_spectral, rescaled
from explainer.serving.once import once

MAX_DEPTH = 200
MAX_SEED = 2**31 - 1
NUMBERS_AT_ONCE = 2_000_000  # of weights: 16 MB


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
    sizes = [rows * columns for rows, columns in shapes.values()]
    starts = torch.empty(stack.seeds, TOKENS, stack.width, dtype=torch.float64)
    drawn = torch.empty(stack.seeds, stack.layers, sum(sizes), dtype=torch.float64)
    for i in range(stack.seeds):
        generator = torch.Generator().manual_seed(stack.seed + i)
        starts[i].normal_(generator=generator)
        drawn[i].normal_(generator=generator)
    weights = {}
    for (name, shape), part in zip(shapes.items(), drawn.split(sizes, -1), strict=True):
        part *= (stack.gain if name in kind.writes else 1.0) / math.sqrt(shape[1])
        weights[name] = part.unflatten(-1, shape)
    if kind.gated:
        bias = torch.full((stack.width,), float(stack.gate_bias), dtype=torch.float64)
        weights["gate_bias"] = bias.expand(stack.seeds, stack.layers, 1, -1)
    return weights, stack.input_scale * starts[:, -kind.tokens :]


def _parts(stack: Stack) -> Iterator[Stack]:
    """The same draws as stacks of fewer, so that the weights of each take little memory."""
    numbers = stack.layers * sum(rows * columns for rows, columns in stack.type.shapes(stack.width).values())
    at_once = max(1, NUMBERS_AT_ONCE // numbers)
    for first in range(0, stack.seeds, at_once):
        yield replace(stack, seed=stack.seed + first, seeds=min(at_once, stack.seeds - first))


def states(stack: Stack, weights: Weights, start: Tensor) -> list[Tensor]:
    """x(0) … x(L), one graph of autograd if the start asks for it.

    Args:
        stack: whose blocks they are.
        weights: (seeds, L, rows, columns), or of one draw (L, rows, columns).
        start: (seeds, m, d), or (m, d).
    """
    found = [start]
    for layer in range(stack.layers):
        found.append(stack.type.block(_of_block(weights, layer), found[-1], found[-1]))
    return found


def _of_block(weights: Weights, layer: int) -> dict[str, Tensor]:
    return {name: weight[..., layer, :, :] for name, weight in weights.items()}


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
    """The norms at all depths: back through all blocks, all numbers of the last token at once.

    Between two blocks the derivative is scaled by a power of two, so that it stays within float64 however it grows.
    """
    norms, sizes = zip(*(_by_depth(part) for part in _parts(stack)), strict=True)
    return ByDepth(frozen(np.concatenate(norms)), frozen(np.concatenate(sizes)))


def _by_depth(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    weights, start = materialise(stack)
    x = states(stack, weights, start)
    derivative = np.tile(np.eye(stack.width), (stack.seeds, 1, 1))
    exponent, unsure = np.zeros(stack.seeds, dtype=int), np.zeros(stack.seeds, dtype=bool)
    passed = [(derivative, exponent, unsure)]
    for layer in reversed(range(stack.layers)):
        last = _copies(x[layer])
        after = stack.type.block(_of_block(weights, layer), last, last, x[layer][:, :-1])
        (onward,) = torch.autograd.grad(after, last, torch.from_numpy(derivative))
        derivative, exponent = rescaled(onward.numpy(), exponent)
        unsure = unsure | _is_unsure(stack, x[layer])
        passed.append((derivative, exponent, unsure))
    derivatives, exponents, unsures = (np.stack(one, 1) for one in zip(*passed, strict=True))
    norms = np.where(unsures, np.nan, log10_spectral(derivatives, exponents))
    return norms, torch.stack([one[:, -1].square().mean(-1).sqrt() for one in x], 1).numpy()


def _copies(x: Tensor) -> Tensor:
    """The last token of x (seeds, m, d), d times, to be differentiated by: (seeds, d, d).

    With a copy for each number of the output, one ordinary backward pass finds the derivatives of all of them. The
    tokens before are constants: under the causal mask none of them depends on the last.
    """
    return x[:, -1:].repeat(1, x.shape[-1], 1).requires_grad_()


def _is_unsure(stack: Stack, x: Tensor) -> np.ndarray:
    """Whether a block that reads this x (seeds, m, d) is not sure of its digits, (seeds,)."""
    return (x.abs().amax((1, 2)) > stack.type.sure_up_to).numpy()


def _each_block(stack: Stack) -> tuple[Tensor, Tensor, np.ndarray]:
    """The last token's derivatives of every block, by its own x and by what it carries: (seeds, L, d, d) each.

    And whether the block is not sure of them, (seeds, L).
    """
    each_number = torch.eye(stack.width, dtype=torch.float64).expand(stack.seeds, -1, -1)
    weights, start = materialise(stack)
    by_x, by_carried, unsure = [], [], []
    for layer, x in enumerate(states(stack, weights, start)[:-1]):
        last, carried = _copies(x), _copies(x)
        after = stack.type.block(_of_block(weights, layer), last, carried, x[:, :-1])
        passed = torch.autograd.grad(after, (last, carried), each_number, allow_unused=True, materialize_grads=True)
        by_x.append(passed[0])
        by_carried.append(passed[1])
        unsure.append(_is_unsure(stack, x))
    return torch.stack(by_x, 1), torch.stack(by_carried, 1), np.stack(unsure, 1)


def steps(stack: Stack) -> Steps:
    """The Jacobians of all blocks of stacks with one token, as those of the steps of a recurrent network.

    Before the first block stands a step that changes nothing, so that the product reaches x(0).

    Raises:
        ValueError: the blocks read several tokens.
    """
    if stack.type.tokens > 1:
        raise ValueError(f"only stacks of one token are split by path, not a {stack.type.label}")
    gates, direct, _ = _each_block(stack)
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
    norms = []
    for part in _parts(stack):
        by_x, _, unsure = _each_block(part)
        norms.append(np.where(unsure, np.nan, log10_spectral(by_x.numpy())))
    return frozen(np.concatenate(norms))
