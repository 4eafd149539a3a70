"""tanh and the logistic function, with slopes that keep their digits where the function is flat.

torch forms the slopes from the outputs, as 1 − y² and y·(1 − y). Where the output has come near ±1 these differences
lose digits: at |x| = 9 in tanh half of them, from |x| = 19 on all, and the slope is 0 or noise. A gradient that runs
through such a step is then wrong in torch by as much. :func:`without_cancelling` gives autograd the same functions with
their slopes as e/(1 + e)², e = exp(−|x|), which no digit is lost in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Squashing(NamedTuple):
    """The two functions that recurrent cells are made of; elementwise, any shape."""

    tanh: Callable[[Tensor], Tensor]
    logistic: Callable[[Tensor], Tensor]


TORCHS_OWN = Squashing(torch.tanh, torch.sigmoid)


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        e = torch.exp(-2 * x.abs())
        return gradient * (4 * e / (1 + e).square())


class _Logistic(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        e = torch.exp(-x.abs())
        return gradient * (e / (1 + e).square())


WITHOUT_CANCELLING = Squashing(_Tanh.apply, _Logistic.apply)


class Watch:
    """Squashing without cancelling that remembers how far each network's functions were saturated.

    Every argument has the networks along its first axis.
    """

    def __init__(self) -> None:
        self.squash = Squashing(self._tanh, self._logistic)
        self._largest: Tensor | None = None  # |x| in tanh, |x|/2 in the logistic function, by network

    def _note(self, x: Tensor, scale: float) -> None:
        largest = scale * x.detach().flatten(1).abs().amax(1)
        self._largest = largest if self._largest is None else torch.maximum(self._largest, largest)

    def _tanh(self, x: Tensor) -> Tensor:
        self._note(x, 1.0)
        return WITHOUT_CANCELLING.tanh(x)

    def _logistic(self, x: Tensor) -> Tensor:
        self._note(x, 0.5)
        return WITHOUT_CANCELLING.logistic(x)

    def slope_error(self, networks: int) -> np.ndarray:
        """The largest relative error of a slope that torch forms from an output, by network; at most 1.

        An output of tanh near 1 may be off by a unit in its last place, ε/2; 1 − y² is then off by ε, and is itself
        about 4·exp(−2|x|).
        """
        if self._largest is None:  # nothing was squashed
            return np.zeros(networks)
        rounding = torch.finfo(torch.float64).eps / 4
        return (rounding * torch.exp(2 * self._largest.clamp(max=math.log(1 / rounding) / 2))).numpy()
