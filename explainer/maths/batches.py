"""Many runs of a scalar cell as one batch: their states, one backward pass, and products along them.

A batch stands in columns: arrays have shape (steps, batch).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.maths import cells

LANES = 16  # at most so many numbers at a time go through torch's kernels


def lanes(values: Sequence[float]) -> Tensor:
    """The numbers as a float64 tensor, filled up with the last of them to a multiple of ``LANES``.

    Torch takes so many numbers at a time, and what is left over one by one, which may round otherwise. Where nothing is
    left over, a number's results are the same to the last bit wherever it stands in a batch, or in a batch of its own.
    """
    return torch.tensor([*values, *[values[-1]] * (-len(values) % LANES)], dtype=torch.float64)


def unrolled(step: Callable[[Tensor, int], Tensor], start: Tensor, counts: Tensor) -> list[Tensor]:
    """The states of a batch, the first of them ``start``, each of shape (batch,).

    Args:
        step: (states, number of the step) → the next states.
        start: shape (batch,).
        counts: how many steps each goes. From then on it stays at 0, so that nothing of it overflows later.
    """
    states, fewest = [start.clone().requires_grad_(True)], int(counts.min())
    for i in range(int(counts.max())):
        after = step(states[-1], i)
        states.append(after if i < fewest else torch.where(counts > i, after, 0.0))
    return states


def one_backward_pass(states: list[Tensor], counts: Tensor) -> Tensor:
    """∂(last state)/∂(each state), first state first, in one backward pass; 0 where no path leads."""
    last = states[-1] if counts.min() == counts.max() else torch.stack(states).gather(0, counts[None])
    return torch.stack(torch.autograd.grad(last.sum(), states, allow_unused=True, materialize_grads=True))


def elementwise(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The derivative of an elementwise function at each element of ``at``, by autograd; same shape."""
    at = at.detach().requires_grad_(True)
    out = function(at)
    if not out.requires_grad:  # a function that does not depend on its argument
        return torch.zeros_like(at)
    return torch.autograd.grad(out.sum(), at)[0]


def latest_first(values: Tensor, counts: Tensor) -> np.ndarray:
    """A batch turned round, without what fills it up: of each column the last of its rows first.

    Args:
        values: shape (rows, batch or more).
        counts: how many rows of each column count, shape (batch,); below them its first row stands again.
    """
    values = values.detach()[:, : len(counts)]
    if not len(values) or counts.min() == counts.max():
        return values.flip(0).contiguous().numpy()
    rows = (counts - 1 - torch.arange(len(values))[:, None]).clamp(min=0)
    return values.gather(0, rows).numpy()


_BLOCK = 500  # mantissas from 1/2 to 1: so many of them have a product that is a normal number


def product_from_now(factors: np.ndarray) -> np.ndarray:
    """The running product from 1 along the first axis, rounded at each step.

    It is right also where it leaves float64's range and comes back.
    """
    mantissa, exponent = np.frexp(np.concatenate([np.ones((1, *factors.shape[1:])), factors]))
    exponent = np.cumsum(exponent, axis=0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(mantissa) - 1, _BLOCK):
            last = min(start + _BLOCK, len(mantissa) - 1)  # the next block goes on from here
            mantissa[start : last + 1] = np.cumprod(mantissa[start : last + 1], axis=0)
            mantissa[last], carried = np.frexp(mantissa[last])
            exponent[last:] += carried
        return np.ldexp(mantissa, exponent)


def sum_from_now(logarithms: np.ndarray) -> np.ndarray:
    """The running sum from 0 along the first axis."""
    return np.concatenate([np.zeros((1, *logarithms.shape[1:])), np.cumsum(logarithms, axis=0)])


def sides(settings: Settings, h0: Tensor | float, w: Tensor, steps: int) -> Tensor:
    """The signs of w·h, first step first, shape (steps, *w.shape), for a σ′ that depends on them alone.

    A state that float64 rounds to 0 is still on its side of 0, where σ′ is not what it is at 0.
    """
    h, signs = (torch.zeros_like(w) + h0).sign(), []
    for _ in range(4):
        signs.append(w.sign() * h)
        h = cells.vanilla_step(settings, h, w.sign())
    # 0 goes to 0, so from the third step on the other two signs stay, swap or are gone
    return torch.stack(signs)[[i if i < 2 else 2 + i % 2 for i in range(steps)]]
