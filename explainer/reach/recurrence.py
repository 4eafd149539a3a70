"""A recurrence along its own time, and the products of its steps' Jacobians with a few vectors.

No Jacobian of a step is ever formed: autograd multiplies it with vectors, from the left or from the right. So memory
grows with the size of the state, however long the sequence is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A packed state s of size S that is carried from step to step, and the part of it that is measured.

    Attributes:
        states: (T+1, S), s(0) to s(T).
        advance: (t, s(t−1)) → s(t), differentiable; t is 1 to T.
        place: (t, part (n,)) → s(t), differentiable: the state at t with this part in the place of its own. What the
            same step makes of the part, as an LSTM's h of its c, follows it; all else is held.
        measured: where the part stands in the state.
        weights: how many multiplications a step costs for one vector, about.
    """

    states: Tensor
    advance: Callable[[int, Tensor], Tensor]
    place: Callable[[int, Tensor], Tensor]
    measured: slice
    weights: int

    @property
    def length(self) -> int:
        """T, the number of steps."""
        return len(self.states) - 1

    @property
    def size(self) -> int:
        """n, the size of the measured part."""
        return len(range(*self.measured.indices(self.states.shape[1])))

    def in_the_state(self, parts: Tensor) -> Tensor:
        """Vectors (m, n) of the measured part as vectors (m, S) of the state, 0 elsewhere."""
        whole = parts.new_zeros(len(parts), self.states.shape[1])
        whole[:, self.measured] = parts
        return whole

    def step_back(self, t: int, rows: Tensor) -> Tensor:
        """rows (m, S) · ∂s(t)/∂s(t−1), shape (m, S)."""
        return vjp(functools.partial(self.advance, t), self.states[t - 1], rows)

    def step_on(self, t: int, columns: Tensor) -> Tensor:
        """∂s(t)/∂s(t−1) · each of the columns (m, S), shape (m, S)."""
        return jvp(functools.partial(self.advance, t), self.states[t - 1], columns)

    def leave(self, t: int, rows: Tensor) -> Tensor:
        """rows (m, S), derivatives by s(t), as derivatives (m, n) by the measured part at t."""
        return vjp(functools.partial(self.place, t), self.states[t, self.measured], rows)

    def enter(self, t: int, columns: Tensor) -> Tensor:
        """Changes (m, n) of the measured part at t as changes (m, S) of s(t)."""
        return jvp(functools.partial(self.place, t), self.states[t, self.measured], columns)


def vjp(function: Function, at: Tensor, rows: Tensor) -> Tensor:
    """rows (m, q) · J of a function from (p,) to (q,), shape (m, p), in one vectorised backward pass."""
    at = at.detach().requires_grad_()
    end = function(at)
    if not end.requires_grad:
        return rows.new_zeros(len(rows), len(at))
    (product,) = torch.autograd.grad(end, at, rows, is_grads_batched=True, allow_unused=True)
    return rows.new_zeros(len(rows), len(at)) if product is None else product


def jvp(function: Function, at: Tensor, columns: Tensor) -> Tensor:
    """J · each of the columns (m, p) of a function from (p,) to (q,), shape (m, q).

    A row u times J is linear in u, and its derivative by u is J: two backward passes make a forward one.
    """
    at = at.detach().requires_grad_()
    end = function(at)
    if not end.requires_grad:
        return columns.new_zeros(len(columns), len(end))
    row = torch.zeros_like(end, requires_grad=True)
    (product,) = torch.autograd.grad(end, at, row, create_graph=True, allow_unused=True)
    if product is None or not product.requires_grad:
        return columns.new_zeros(len(columns), len(end))
    (result,) = torch.autograd.grad(product, row, columns, is_grads_batched=True)
    return result
