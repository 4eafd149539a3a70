"""Every measured quantity of the two scalar cells, by autograd, each beside its closed form.

In: :class:`explainer.choices.settings.Settings`. Out: frozen dataclasses of numpy arrays (float64). Both cells start
from ``h0`` k steps ago, so that index ``lag`` of an array belongs to time t − lag and the last entry to the start.
Results are cached by the settings they depend on: do not write into the arrays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.maths import cells
from explainer.maths.logscale import first_below
from explainer.serving.once import once

HORIZON = 0.01  # the share of a gradient below which a lag counts as out of reach
EXPLODED = 100.0  # and its mirror image, above which it counts as exploding

# How a magnitude is to be drawn and read
VALUE = "value"
ROUNDED_TO_ZERO = "rounds to 0"  # not 0, but float64 cannot hold it (or torch lost it on the way)
OVERFLOW = "overflows"
EXACTLY_ZERO = "exactly 0"
UNDEFINED = "undefined"

_VANILLA_FIELDS = ("act", "w", "h0", "k")
GATED_FIELDS = ("gate", "f", "spread", "seed", "u", "h0", "k")


def cached(fields: tuple[str, ...], size: int) -> Callable:
    """Cache by those settings alone that the result depends on; the others go to their defaults."""

    def decorate(function: Callable) -> Callable:
        remembered = once(size)(function)

        @functools.wraps(function)
        def call(settings: Settings, *arguments):
            return remembered(settings.only(fields), *arguments)

        call.cache_info = remembered.cache_info
        call.cache_clear = remembered.cache_clear
        return call

    return decorate


def drawn_log10(gradient: np.ndarray, log10_magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where to draw each gradient on a log axis, and as what (any one shape).

    Returns:
        log10|gradient| as autograd computed it; where float64 gave 0 or inf although the product is neither,
        the logarithm of the product; −inf or NaN where there is nothing to draw. And the status of each.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = np.log10(np.abs(gradient))
    status = np.select(
        [
            np.isnan(gradient) | np.isnan(log10_magnitude),
            np.isneginf(log10_magnitude),
            gradient == 0,
            np.isinf(gradient),
        ],
        [UNDEFINED, EXACTLY_ZERO, ROUNDED_TO_ZERO, OVERFLOW],
        VALUE,
    )
    place = np.where(status == VALUE, measured, log10_magnitude)
    return np.where(status == UNDEFINED, np.nan, place), status


@dataclass(frozen=True)
class Gradient:
    """∂s(t)/∂s(t−lag) of one cell for every lag; s is h or c. Arrays have shape (k+1,) unless said.

    Attributes:
        lag: 0, 1, …, k (steps).
        state: s(t−lag).
        gradient: ∂s(t)/∂s(t−lag), one backward pass of autograd for all lags.
        closed_form: the product of the factors' closed forms: ∏ w·σ′(w·h(t−i)) or ∏ (f(t−i) + c·∂f/∂c).
        bound: (sup |factor|)^lag: (|w|·sup σ′)^lag for the vanilla cell.
        log10_magnitude: log10 of the product's magnitude, as a sum of logarithms: right where float64
            under- or overflows; −inf where a factor is exactly 0.
        log10_bound: the same of the bound.
        sign: −1, 0 or 1.
        log10_factor: log10 of each factor's magnitude, from its closed form, shape (k,).
        factor: ∂s(t−i+1)/∂s(t−i) for i = 1…k, by autograd, shape (k,).
        parts: the factor's own two parts by autograd, shape (k, 2): w and σ′ for the vanilla cell; f and
            the rest 1 + c·(∂f/∂c)/f of the factor for the gated cell.
        gates: f(t−i), i = 1…k, shape (k,); empty for the vanilla cell.
    """

    lag: np.ndarray
    state: np.ndarray
    gradient: np.ndarray
    closed_form: np.ndarray
    bound: np.ndarray
    log10_magnitude: np.ndarray
    log10_bound: np.ndarray
    sign: np.ndarray
    log10_factor: np.ndarray
    factor: np.ndarray
    parts: np.ndarray
    gates: np.ndarray

    @functools.cached_property
    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """(place on a log10 axis, status) of each lag; see :func:`drawn_log10`."""
        return drawn_log10(self.gradient, self.log10_magnitude)


def unrolled(step: Callable[[Tensor, int], Tensor], start: float, steps: int) -> list[Tensor]:
    states = [torch.tensor(start, dtype=torch.float64, requires_grad=True)]
    for i in range(steps):
        states.append(step(states[-1], i))
    return states


def one_backward_pass(states: list[Tensor]) -> np.ndarray:
    """∂(last state)/∂(each state), latest first, in one backward pass; 0 where no path leads."""
    gradients = torch.autograd.grad(states[-1], states, allow_unused=True, materialize_grads=True)
    return torch.stack(gradients[::-1]).numpy()


def _elementwise(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The derivative of an elementwise function at each element of ``at``, by autograd; same shape."""
    at = at.detach().requires_grad_(True)
    out = function(at)
    if not out.requires_grad:  # a function that does not depend on its argument
        return torch.zeros_like(at)
    return torch.autograd.grad(out.sum(), at)[0]


def latest_first(values: Tensor) -> np.ndarray:
    return values.detach().flip(0).numpy()


_BLOCK = 500  # mantissas from 1/2 to 1: so many of them have a product that is a normal number


def product_from_now(factors: np.ndarray) -> np.ndarray:
    """The running product from 1, rounded at each step, also where it leaves float64's range and comes back."""
    mantissa, exponent = np.frexp(np.concatenate([[1.0], factors]))
    exponent = np.cumsum(exponent)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(mantissa) - 1, _BLOCK):
            last = min(start + _BLOCK, len(mantissa) - 1)  # the next block goes on from here
            mantissa[start : last + 1] = np.cumprod(mantissa[start : last + 1])
            mantissa[last], carried = np.frexp(mantissa[last])
            exponent[last:] += carried
        return np.ldexp(mantissa, exponent)


def _sum_from_now(logarithms: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(logarithms)])


def _power(base: float, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(base^exponent, its log10) for base ≥ 0, with 0⁰ = 1."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return base ** exponent.astype(float), np.where(exponent == 0, 0.0, exponent * np.log10(base))


def log10_abs(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.abs(values))


def sides(settings: Settings, w: Tensor, steps: int) -> Tensor:
    """The signs of w·h, first step first, shape (steps, *w.shape), for a σ′ that depends on them alone.

    A state that float64 rounds to 0 is still on its side of 0, where σ′ is not what it is at 0.
    """
    h, signs = torch.full_like(w, settings.h0).sign(), []
    for _ in range(4):
        signs.append(w.sign() * h)
        h = cells.vanilla_step(settings, h, w.sign())
    # 0 goes to 0, so from the third step on the other two signs stay, swap or are gone
    return torch.stack(signs)[[i if i < 2 else 2 + i % 2 for i in range(steps)]]


@cached(_VANILLA_FIELDS, 128)
def vanilla(settings: Settings) -> Gradient:
    """∂h(t)/∂h(t−lag), lag = 0…k, of h(t) = σ(w·h(t−1)) from h(t−k) = h0 (the lab, two and k steps)."""
    sigma, w = cells.ACTIVATIONS[settings.act], float(settings.w)
    states = unrolled(lambda h, i: cells.vanilla_step(settings, h, w), settings.h0, settings.k)
    gradient = one_backward_pass(states)
    before = torch.stack(states[:-1]).detach() if settings.k else torch.empty(0, dtype=torch.float64)
    slope = _elementwise(sigma.apply, w * before)
    at = sides(settings, torch.tensor(w, dtype=torch.float64), settings.k) if sigma.homogeneous else w * before
    closed_factor = latest_first(w * sigma.slope(at))
    log_factor = latest_first(sigma.log_slope(at)) / math.log(10) + log10_abs(np.array(w))
    lag = np.arange(settings.k + 1)
    bound, log10_bound = _power(abs(w) * sigma.steepest, lag)
    return Gradient(
        lag=lag,
        state=latest_first(torch.stack(states)),
        gradient=gradient,
        closed_form=product_from_now(closed_factor),
        bound=bound,
        log10_magnitude=_sum_from_now(log_factor),
        log10_bound=log10_bound,
        sign=product_from_now(np.sign(w) * np.isfinite(log_factor)),
        log10_factor=log_factor,
        factor=latest_first(_elementwise(lambda h: cells.vanilla_step(settings, h, w), before)),
        parts=np.stack([np.full(settings.k, w), latest_first(slope)], axis=1),
        gates=np.empty(0),
    )


@cached(GATED_FIELDS, 128)
def gated(settings: Settings) -> Gradient:
    """∂c(t)/∂c(t−lag), lag = 0…k, of c(t) = c(t−1)·f(t−1) from c(t−k) = h0 (the lab's gated cell state)."""
    gate, inputs = cells.GATES[settings.gate], cells.gate_inputs(settings, settings.k)
    states = unrolled(lambda c, i: cells.gated_step(settings, inputs, c, i), settings.h0, settings.k)
    gradient = one_backward_pass(states)
    before = torch.stack(states[:-1]).detach() if settings.k else torch.empty(0, dtype=torch.float64)
    steps = torch.arange(settings.k)
    f = gate.opening(inputs, before, steps)
    closed_factor = latest_first(f + before * gate.slope(inputs, before))
    factor = latest_first(_elementwise(lambda c: cells.gated_step(settings, inputs, c, steps), before))
    gates = latest_first(f)
    lag = np.arange(settings.k + 1)
    bound, log10_bound = _power(gate.largest_factor(settings), lag)
    log_factor = log10_abs(closed_factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(factor == gates, 1.0, factor / gates)
    return Gradient(
        lag=lag,
        state=latest_first(torch.stack(states)),
        gradient=gradient,
        closed_form=product_from_now(closed_factor),
        bound=bound,
        log10_magnitude=_sum_from_now(log_factor),
        log10_bound=log10_bound,
        sign=product_from_now(np.sign(closed_factor)),
        log10_factor=log_factor,
        factor=factor,
        parts=np.stack([gates, rest], axis=1),
        gates=gates,
    )


def power_of_w(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """(|w|^lag, its log10) for lag = 0…k: the lab's proportionality taken at its word."""
    return _power(abs(settings.w), np.arange(settings.k + 1))


def horizon(gradient: Gradient, threshold: float = HORIZON) -> int | None:
    """The first lag at which the magnitude is below the threshold; None: never within reach (0…k).

    Raises:
        ValueError: the threshold is not positive.
    """
    return first_below(gradient.log10_magnitude, threshold)


def verdict(gradient: Gradient) -> str:
    """What the gradient at lag k says: ``dead`` (exactly 0), ``vanishes``, ``explodes`` or ``neither``."""
    magnitude = gradient.log10_magnitude[-1]
    if np.isneginf(magnitude):
        return "dead"
    if magnitude < math.log10(HORIZON):
        return "vanishes"
    return "explodes" if magnitude > math.log10(EXPLODED) else "neither"


# --- one step -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Derivative:
    """The derivative of one step of a cell over its state; arrays of one shape (points,).

    Attributes:
        state: s(t−1).
        next_state: s(t).
        gradient: ∂s(t)/∂s(t−1) by autograd.
        closed_form: w·σ′(w·h(t−1)), or f + c·∂f/∂c.
    """

    state: np.ndarray
    next_state: np.ndarray
    gradient: np.ndarray
    closed_form: np.ndarray


def vanilla_derivative(settings: Settings, states: Sequence[float]) -> Derivative:
    """One vanilla step at each of the states (the lab's ∂h(t)/∂h(t−1) = w·σ′(w·h(t−1)))."""
    h, w = torch.tensor(states, dtype=torch.float64), float(settings.w)
    return Derivative(
        state=h.numpy(),
        next_state=cells.vanilla_step(settings, h, w).numpy(),
        gradient=_elementwise(lambda x: cells.vanilla_step(settings, x, w), h).numpy(),
        closed_form=(w * cells.ACTIVATIONS[settings.act].slope(w * h)).numpy(),
    )


def gated_derivative(settings: Settings, states: Sequence[float]) -> Derivative:
    """The last gated step, t−1 to t, at each of the states (the lab's ∂c(t)/∂c(t−1) = f(t−1))."""
    c, gate = torch.tensor(states, dtype=torch.float64), cells.GATES[settings.gate]
    last = max(settings.k, 1) - 1
    inputs = cells.gate_inputs(settings, last + 1)
    f = gate.opening(inputs, c, last)
    return Derivative(
        state=c.numpy(),
        next_state=cells.gated_step(settings, inputs, c, last).numpy(),
        gradient=_elementwise(lambda x: cells.gated_step(settings, inputs, x, last), c).numpy(),
        closed_form=(f + c * gate.slope(inputs, c)).numpy(),
    )
