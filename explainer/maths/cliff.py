"""A weight trained to where its gradient explodes: the cliff of Pascanu, Mikolov & Bengio (2013, §2.3)."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

UNROLLED = 50  # steps of the cell
START_STATE, TARGET = 0.5, 0.7
START = (5.0, -2.6)  # w and b
LEARNING_RATE, STEPS = 0.1, 40  # with more, a cliff met again and again enlarges the last digits of float64
CLIP = 1.0


@dataclass(frozen=True)
class Descent:
    """Gradient descent of h(t) = logistic(w·h(t−1) + b) on L = (h(50) − 0.7)²; arrays (STEPS + 1,), the start first.

    Attributes:
        weight: w.
        bias: b.
        loss: L there.
        norm: norm of (∂L/∂w, ∂L/∂b) there, by autograd, before any clipping.
    """

    weight: np.ndarray
    bias: np.ndarray
    loss: np.ndarray
    norm: np.ndarray


def clipped(gradient: torch.Tensor, largest: float) -> torch.Tensor:
    """The gradient in its own direction, cut to this norm if it was larger, as ``clip_grad_norm_`` does it."""
    return gradient * (largest / (gradient.norm() + 1e-6)).clamp(max=1.0)


@functools.cache
def descend(clip: float | None) -> Descent:
    """Plain gradient descent from ``START``; every gradient is cut to the norm ``clip``, unless that is None."""
    parameters, rows = torch.tensor(START, dtype=torch.float64), []
    for _ in range(STEPS + 1):
        w, b = parameters.requires_grad_()
        h = torch.tensor(START_STATE, dtype=torch.float64)
        for _ in range(UNROLLED):
            h = torch.sigmoid(w * h + b)
        loss = (h - TARGET).square()
        (gradient,) = torch.autograd.grad(loss, parameters)
        rows.append((w.item(), b.item(), loss.item(), gradient.norm().item()))
        with torch.no_grad():
            step = gradient if clip is None else clipped(gradient, clip)
            parameters = parameters.add(step, alpha=-LEARNING_RATE)  # to the last bit as torch.optim.SGD does it
    return Descent(*np.array(rows).T)
