"""A recurrence along its own time, and the products of its steps' Jacobians with a few vectors.

The Jacobian of a step is not formed: autograd multiplies it with vectors, from the left or from the right. So memory
grows with the size of the state, however long the sequence is. Only where all of them are small, they are formed in one
pass, which is faster.
"""

from __future__ import annotations

import dataclasses
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
        advance_all, place_all: the same two for all steps at once, (T, S) → (T, S) and (T, n) → (T, S); None where a
            step takes one state at a time.
    """

    states: Tensor
    advance: Callable[[int, Tensor], Tensor]
    place: Callable[[int, Tensor], Tensor]
    measured: slice
    weights: int
    advance_all: Function | None = None
    place_all: Function | None = None

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

    def tabled(self) -> Recurrence:
        """The same recurrence with the Jacobians of its steps formed all at once, where they are small."""
        length, size = self.length, self.states.shape[1]
        if self.advance_all is None or length * size**2 > _TABLED:
            return self
        steps = jacobians(self.advance_all, self.states[:-1])
        places = jacobians(self.place_all, self.states[1:, self.measured])
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(Recurrence)}
        return _Tabled(**own, steps=steps, places=places)


@dataclass(frozen=True, eq=False)
class _Tabled(Recurrence):
    """A recurrence with the Jacobians ∂s(t)/∂s(t−1) (T, S, S) of its steps, and of its places (T, S, n)."""

    steps: Tensor | None = None
    places: Tensor | None = None

    def step_back(self, t: int, rows: Tensor) -> Tensor:
        return rows @ self.steps[t - 1]

    def step_on(self, t: int, columns: Tensor) -> Tensor:
        return columns @ self.steps[t - 1].T

    def leave(self, t: int, rows: Tensor) -> Tensor:
        return rows @ self.places[t - 1]

    def enter(self, t: int, columns: Tensor) -> Tensor:
        return columns @ self.places[t - 1].T


_TABLED = 4_000_000  # elements of all steps' Jacobians: 32 MB


def jacobians(function: Function, at: Tensor) -> Tensor:
    """The Jacobians (T, q, p) of a function from (T, p) to (T, q) that takes each row by itself."""
    at = at.detach().requires_grad_()
    end = function(at)
    length, q = end.shape
    if not end.requires_grad:
        return at.new_zeros(length, q, at.shape[1])
    basis = torch.eye(q, dtype=at.dtype).view(q, 1, q).expand(q, length, q)
    (rows,) = torch.autograd.grad(end, at, basis, is_grads_batched=True, allow_unused=True)
    return at.new_zeros(length, q, at.shape[1]) if rows is None else rows.movedim(0, 1)


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
