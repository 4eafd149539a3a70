"""The gradient by lag as torch computes it in each number format: where it is exactly 0, or inf, or stuck.

State, weight, gate and backward pass are all kept in the format; the recurrences are those of
:mod:`explainer.maths.cells`. Nothing is simulated: a number here is what torch returned on this machine's CPU,
widened to float64 (exactly). What torch itself does: its CPU kernels compute one operation on float16 or
bfloat16 numbers in float32 and round the result to the format, so that 1 − y² inside the derivative of tanh
is not rounded on the way, while every product from step to step is. The backward pass of the logistic function is
different in float16: there torch rounds 1 − y, g·(1 − y) and the product with y one by one.

Formats: IEEE 754-2019 §3.3 (binary64, binary32, binary16); bfloat16 has binary32's exponents with 8
significant bits. Loss scaling: Micikevicius et al. 2018, "Mixed precision training", §3.2.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.maths import cells
from explainer.serving.once import once


@dataclass(frozen=True)
class NumberFormat:
    """One floating-point format, from ``torch.finfo``; the limits are exact float64 numbers.

    Attributes:
        name: torch's name of the dtype.
        bits: width of one number.
        precision: significant bits of a normal number, the implicit one counted.
        largest: the largest finite number; the next one up is inf.
        smallest_normal: the smallest positive number with full precision.
        smallest_subnormal: the smallest positive number; results at or below half of it round to 0.
    """

    name: str
    bits: int
    precision: int
    largest: float
    smallest_normal: float
    smallest_subnormal: float


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"{name!r} is none of torch's floating-point formats")
    return dtype


def describe(name: str) -> NumberFormat:
    """The limits of any of torch's floating-point formats.

    Raises:
        ValueError: torch has no such floating-point format.
    """
    limits = torch.finfo(_dtype(name))
    return NumberFormat(
        name=name,
        bits=limits.bits,
        precision=1 - round(math.log2(limits.eps)),
        largest=limits.max,
        smallest_normal=limits.smallest_normal,
        smallest_subnormal=limits.smallest_normal * limits.eps,
    )


FORMATS: Mapping[str, NumberFormat] = MappingProxyType(
    {name: describe(name) for name in ("float64", "float32", "bfloat16", "float16")}
)
"""The formats that the page compares, widest first."""


@dataclass(frozen=True)
class FormatGradient:
    """∂s(t)/∂s(t−lag) of one cell, computed by torch in one format; arrays of float64, shape (k+1,).

    Attributes:
        format: the format everything was computed in.
        scale: what the backward pass was started with (loss scaling), and what the result was divided by.
        lag: 0, 1, …, k (steps).
        state: s(t−lag), exactly as the format holds it.
        scaled: the gradient as the format holds it, times ``scale``; inf where it overflowed.
        gradient: ``scaled`` / ``scale``, divided in float64.
    """

    format: NumberFormat
    scale: float
    lag: np.ndarray
    state: np.ndarray
    scaled: np.ndarray
    gradient: np.ndarray

    @property
    def zero_from(self) -> int | None:
        """The lag from which the gradient is exactly 0 in this format, up to k; None: not within k."""
        if self.scaled[-1] != 0:
            return None
        alive = np.flatnonzero(self.scaled != 0)
        return int(alive[-1]) + 1 if len(alive) else 0

    @property
    def not_finite_from(self) -> int | None:
        """The first lag at which the gradient is inf or NaN in this format; None: not within k."""
        lost = np.flatnonzero(~np.isfinite(self.scaled))
        return int(lost[0]) if len(lost) else None

    @property
    def stuck(self) -> tuple[int, int] | None:
        """(first, last) lag of the longest stretch in which the gradient keeps one subnormal magnitude.

        Rounding to nearest: a factor between 1/2 and 1 takes the smallest subnormal numbers to themselves,
        not to 0, so the decay ends in this format though not in arithmetic. None: no stretch of three lags.
        """
        magnitude = np.abs(self.scaled)
        subnormal = (magnitude > 0) & (magnitude < self.format.smallest_normal)
        edges = np.flatnonzero(magnitude[1:] != magnitude[:-1]) + 1
        starts, ends = np.r_[0, edges], np.r_[edges, len(magnitude)]
        longest = np.argmax(np.where(subnormal[starts], ends - starts, 0))
        first, last = int(starts[longest]), int(ends[longest]) - 1
        return (first, last) if subnormal[first] and last - first >= 2 else None

    @property
    def subnormal_from(self) -> int | None:
        """The first lag at which the gradient lies below the smallest normal number (0 included)."""
        below = np.flatnonzero(np.abs(self.scaled) < self.format.smallest_normal)
        return int(below[0]) if len(below) else None


def _run(
    number_format: NumberFormat, scale: float, start: float, steps: int, step: Callable[[Tensor, int], Tensor]
) -> FormatGradient:
    dtype = _dtype(number_format.name)
    states = [torch.tensor(start, dtype=dtype, requires_grad=True)]
    for i in range(steps):
        states.append(step(states[-1], i))
        if states[-1].dtype != dtype:
            raise RuntimeError(f"a step left {number_format.name} for {states[-1].dtype}")
    seed = torch.tensor(scale, dtype=dtype)
    gradients = torch.autograd.grad(states[-1], states, seed, allow_unused=True, materialize_grads=True)
    scaled = torch.stack(gradients[::-1]).double().numpy()
    return FormatGradient(
        format=number_format,
        scale=scale,
        lag=np.arange(steps + 1),
        state=torch.stack(states[::-1]).detach().double().numpy(),
        scaled=scaled,
        gradient=scaled / scale,
    )


def _positive(scale: float) -> float:
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a finite number above 0, not {scale!r}")
    return float(scale)


@once(256)
def _vanilla(settings: Settings, name: str, scale: float) -> FormatGradient:
    w = torch.tensor(settings.w, dtype=_dtype(name))  # the weight, too, is stored in the format
    return _run(describe(name), scale, settings.h0, settings.k, lambda h, i: cells.vanilla_step(settings, h, w))


@once(256)
def _gated(settings: Settings, name: str, scale: float) -> FormatGradient:
    dtype = _dtype(name)
    inputs = cells.gate_inputs(settings, settings.k)
    inputs = dataclasses.replace(inputs, f=inputs.f.to(dtype), bias=inputs.bias.to(dtype), swing=inputs.swing.to(dtype))
    return _run(describe(name), scale, settings.h0, settings.k, lambda c, i: cells.gated_step(settings, inputs, c, i))


def vanilla(settings: Settings, name: str, scale: float = 1.0) -> FormatGradient:
    """∂h(t)/∂h(t−lag) of h(t) = σ(w·h(t−1)), lag = 0…k, in one format: one forward and one backward pass.

    Args:
        name: a key of ``FORMATS``, or any other of torch's floating-point formats.
        scale: the backward pass starts with this number, rounded to the format, in place of 1.

    Raises:
        ValueError: the format is unknown, or the scale is not a finite number above 0.
        RuntimeError: torch on this CPU lacks an operation in the format (see :func:`compare`).
    """
    relevant = Settings(act=settings.act, w=settings.w, h0=settings.h0, k=settings.k)
    return _vanilla(relevant, name, _positive(scale))


def gated(settings: Settings, name: str, scale: float = 1.0) -> FormatGradient:
    """∂c(t)/∂c(t−lag) of c(t) = c(t−1)·f(t−1), in one format; the rest as in :func:`vanilla`."""
    relevant = Settings(
        gate=settings.gate,
        f=settings.f,
        spread=settings.spread,
        seed=settings.seed,
        u=settings.u,
        h0=settings.h0,
        k=settings.k,
    )
    return _gated(relevant, name, _positive(scale))


@dataclass(frozen=True)
class Comparison:
    """One cell in every format of ``FORMATS``.

    Attributes:
        gradients: format name → result, in the order of ``FORMATS``.
        missing: format name → torch's own message, for a format in which this CPU lacks an operation.
    """

    gradients: Mapping[str, FormatGradient]
    missing: Mapping[str, str]

    @property
    def differences(self) -> dict[str, np.ndarray]:
        """How far each format's gradient is from float64's, relative to it: by name, shape (k+1,).

        −1 where it is exactly 0; inf where it overflows, or is no number after that; NaN where float64 itself gives 0
        or overflows too.
        """
        exact = self.gradients["float64"].gradient
        with np.errstate(divide="ignore", invalid="ignore"):
            off = {name: one.gradient / exact - 1 for name, one in self.gradients.items() if name != "float64"}
        return {
            name: np.where((exact == 0) | ~np.isfinite(exact), np.nan, np.where(np.isnan(one), np.inf, one))
            for name, one in off.items()
        }


def compare(
    cell: Callable[[Settings, str, float], FormatGradient],
    settings: Settings,
    scale: Mapping[str, float] = MappingProxyType({}),
    names: tuple[str, ...] = tuple(FORMATS),
) -> Comparison:
    """:func:`vanilla` or :func:`gated` in several formats; ``scale`` by format name, 1 where not given."""
    gradients, missing = {}, {}
    for name in names:
        try:
            gradients[name] = cell(settings, name, scale.get(name, 1.0))
        except RuntimeError as lacking:  # torch's way of saying that a kernel does not exist
            missing[name] = str(lacking).splitlines()[0]
    return Comparison(MappingProxyType(gradients), MappingProxyType(missing))
