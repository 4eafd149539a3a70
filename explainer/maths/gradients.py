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
_GATED_FIELDS = ("gate", "f", "spread", "seed", "u", "h0", "k")


def _cached(fields: tuple[str, ...], size: int) -> Callable:
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


def _unroll(step: Callable[[Tensor, int], Tensor], start: float, steps: int) -> list[Tensor]:
    states = [torch.tensor(start, dtype=torch.float64, requires_grad=True)]
    for i in range(steps):
        states.append(step(states[-1], i))
    return states


def _backward(states: list[Tensor]) -> np.ndarray:
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


def _latest_first(values: Tensor) -> np.ndarray:
    return values.detach().flip(0).numpy()


_BLOCK = 500  # mantissas from 1/2 to 1: so many of them have a product that is a normal number


def _product_from_now(factors: np.ndarray) -> np.ndarray:
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


def _log10_magnitude(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.abs(values))


def _sides(settings: Settings, w: Tensor, steps: int) -> Tensor:
    """The signs of w·h, first step first, shape (steps, *w.shape), for a σ′ that depends on them alone.

    A state that float64 rounds to 0 is still on its side of 0, where σ′ is not what it is at 0.
    """
    h, signs = torch.full_like(w, settings.h0).sign(), []
    for _ in range(4):
        signs.append(w.sign() * h)
        h = cells.vanilla_step(settings, h, w.sign())
    # 0 goes to 0, so from the third step on the other two signs stay, swap or are gone
    return torch.stack(signs)[[i if i < 2 else 2 + i % 2 for i in range(steps)]]


@_cached(_VANILLA_FIELDS, 128)
def vanilla(settings: Settings) -> Gradient:
    """∂h(t)/∂h(t−lag), lag = 0…k, of h(t) = σ(w·h(t−1)) from h(t−k) = h0 (the lab, two and k steps)."""
    sigma, w = cells.ACTIVATIONS[settings.act], float(settings.w)
    states = _unroll(lambda h, i: cells.vanilla_step(settings, h, w), settings.h0, settings.k)
    gradient = _backward(states)
    before = torch.stack(states[:-1]).detach() if settings.k else torch.empty(0, dtype=torch.float64)
    slope = _elementwise(sigma.apply, w * before)
    at = _sides(settings, torch.tensor(w, dtype=torch.float64), settings.k) if sigma.homogeneous else w * before
    closed_factor = _latest_first(w * sigma.slope(at))
    log_factor = _latest_first(sigma.log_slope(at)) / math.log(10) + _log10_magnitude(np.array(w))
    lag = np.arange(settings.k + 1)
    bound, log10_bound = _power(abs(w) * sigma.steepest, lag)
    return Gradient(
        lag=lag,
        state=_latest_first(torch.stack(states)),
        gradient=gradient,
        closed_form=_product_from_now(closed_factor),
        bound=bound,
        log10_magnitude=_sum_from_now(log_factor),
        log10_bound=log10_bound,
        sign=_product_from_now(np.sign(w) * np.isfinite(log_factor)),
        log10_factor=log_factor,
        factor=_latest_first(_elementwise(lambda h: cells.vanilla_step(settings, h, w), before)),
        parts=np.stack([np.full(settings.k, w), _latest_first(slope)], axis=1),
        gates=np.empty(0),
    )


@_cached(_GATED_FIELDS, 128)
def gated(settings: Settings) -> Gradient:
    """∂c(t)/∂c(t−lag), lag = 0…k, of c(t) = c(t−1)·f(t−1) from c(t−k) = h0 (the lab's gated cell state)."""
    gate, inputs = cells.GATES[settings.gate], cells.gate_inputs(settings, settings.k)
    states = _unroll(lambda c, i: cells.gated_step(settings, inputs, c, i), settings.h0, settings.k)
    gradient = _backward(states)
    before = torch.stack(states[:-1]).detach() if settings.k else torch.empty(0, dtype=torch.float64)
    steps = torch.arange(settings.k)
    f = gate.opening(inputs, before, steps)
    closed_factor = _latest_first(f + before * gate.slope(inputs, before))
    factor = _latest_first(_elementwise(lambda c: cells.gated_step(settings, inputs, c, steps), before))
    gates = _latest_first(f)
    lag = np.arange(settings.k + 1)
    bound, log10_bound = _power(gate.largest_factor(settings), lag)
    log_factor = _log10_magnitude(closed_factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(factor == gates, 1.0, factor / gates)
    return Gradient(
        lag=lag,
        state=_latest_first(torch.stack(states)),
        gradient=gradient,
        closed_form=_product_from_now(closed_factor),
        bound=bound,
        log10_magnitude=_sum_from_now(log_factor),
        log10_bound=log10_bound,
        sign=_product_from_now(np.sign(closed_factor)),
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


# --- the map over a parameter and the lag -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Grid:
    """∂s(t)/∂s(t−k) over a parameter (w or f) and the lag, from s(t−k) = h0.

    Attributes:
        parameter: shape (p,).
        lag: shape (m,) (steps).
        gradient: by autograd, all parameters and lags in one backward pass, shape (p, m).
        log10_magnitude: of the closed form, shape (p, m); −inf where a factor is exactly 0.
    """

    parameter: np.ndarray
    lag: np.ndarray
    gradient: np.ndarray
    log10_magnitude: np.ndarray

    @functools.cached_property
    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """(place on a log10 axis, status), shape (p, m) each; see :func:`drawn_log10`."""
        return drawn_log10(self.gradient, self.log10_magnitude)


def _check_grid(settings: Settings, name: str, values: tuple[float, ...], lags: tuple[int, ...]) -> None:
    if not values or not lags or list(lags) != sorted(lags):
        raise ValueError(f"a grid needs at least one {name}, and lags that ascend")
    settings.replace(k=lags[0])  # the settings say what they refuse
    settings.replace(k=lags[-1])
    for value in [value for value in values if not math.isfinite(value)] or (min(values), max(values)):
        settings.replace(**{name: value})


def _grid(
    parameter: Tensor,
    lags: tuple[int, ...],
    start: float,
    step: Callable[[Tensor, Tensor, int], Tensor],
    log10_factors: Callable[[Tensor], np.ndarray],
) -> Grid:
    """``step(s, parameter, i)``: a batch (p, any), a parameter (p, 1); ``log10_factors``: the states (steps, p)."""
    column = parameter[:, None]
    starts = torch.full((len(parameter), len(lags)), start, dtype=torch.float64, requires_grad=True)
    running, arrived, states = starts, [], [torch.empty(0, len(parameter), dtype=torch.float64)]
    for i in range(max(lags)):
        while len(arrived) < len(lags) and lags[len(arrived)] == i:  # this column has gone its lag
            arrived.append(running[:, :1])
            running = running[:, 1:]
        states.append(running[:, -1].detach()[None])
        running = step(running, column, i)
    arrived.append(running)
    gradient = torch.autograd.grad(torch.cat(arrived, dim=1).sum(), starts)[0]
    sums = np.cumsum(log10_factors(torch.cat(states)), axis=0)
    log10_magnitude = np.concatenate([np.zeros((1, len(parameter))), sums])
    return Grid(parameter.numpy(), np.array(lags), gradient.numpy(), log10_magnitude[list(lags)].T)


@_cached(("act", "h0"), 32)
def vanilla_grid(settings: Settings, w: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂h(t)/∂h(t−k) over w and k as one batch (the lab's vanishing and exploding gradients).

    Raises:
        ValueError: a weight or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "w", w, lags)
    sigma, weights = cells.ACTIVATIONS[settings.act], torch.tensor(w, dtype=torch.float64)
    log10_weights = _log10_magnitude(weights.numpy())
    sides = _sides(settings, weights, max(lags)) if sigma.homogeneous else None

    def log10_factors(h: Tensor) -> np.ndarray:
        at = weights * h if sides is None else sides[: len(h)]
        return sigma.log_slope(at).numpy() / math.log(10) + log10_weights

    return _grid(
        weights,
        lags,
        settings.h0,
        lambda h, w, i: cells.vanilla_step(settings, h, w),
        log10_factors,
    )


@_cached(("gate", "spread", "seed", "u", "h0"), 32)
def gated_grid(settings: Settings, f: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂c(t)/∂c(t−k) over the gate's own value f and k as one batch.

    Raises:
        ValueError: a gate or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "f", f, lags)
    gate, values = cells.GATES[settings.gate], torch.tensor(f, dtype=torch.float64)
    in_a_row = cells.gate_inputs(settings, max(lags), values)
    in_columns = cells.gate_inputs(settings, max(lags), values[:, None])

    def log10_factors(c: Tensor) -> np.ndarray:
        opening = gate.opening(in_a_row, c, torch.arange(len(c))[:, None])
        return _log10_magnitude((opening + c * gate.slope(in_a_row, c)).numpy())

    return _grid(
        values,
        lags,
        settings.h0,
        lambda c, f, i: cells.gated_step(settings, in_columns, c, i),
        log10_factors,
    )


# --- several paths ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paths:
    """∂c(t)/∂c(t−lag) of the gated cell, split by path; arrays of shape (k+1,).

    Attributes:
        lag: 0, 1, …, k (steps).
        whole: by autograd, all paths.
        direct: by autograd with every gate held fixed: the path along the cell state alone.
        around: every path that runs through at least one gate: whole − direct, but summed path by path, since
            the difference of two near-equal numbers would not keep its digits; a gate's slope from its closed form, for
            torch's f·(1 − f) loses them where the gate is nearly open.
        product_of_gates: ∏ f(t−i), i = 1…lag: the closed form of ``direct``.
        one_gate_more: ∏ f(t−i), i = 0…lag: the product with the lab's printed index, k + 1 factors.
    """

    lag: np.ndarray
    whole: np.ndarray
    direct: np.ndarray
    around: np.ndarray
    product_of_gates: np.ndarray
    one_gate_more: np.ndarray


@_cached(_GATED_FIELDS, 128)
def paths(settings: Settings) -> Paths:
    """The direct path of ∂c(t)/∂c(t−lag) and the paths through the gate (the lab's last step)."""
    gate, inputs = cells.GATES[settings.gate], cells.gate_inputs(settings, settings.k + 1)
    states = _unroll(lambda c, i: c * gate.opening(inputs, c, i).detach(), settings.h0, settings.k)
    whole, direct = gated(settings), _backward(states)
    product = _product_from_now(whole.gates)
    gate_now = gate.opening(inputs, states[-1].detach(), settings.k).item()
    before = torch.from_numpy(whole.state[:0:-1].copy())
    through_gate = _latest_first(before * gate.slope(inputs, before))
    around = np.zeros(settings.k + 1)
    for i in range(settings.k):  # either a path has been through a gate before, or it goes through this one
        around[i + 1] = around[i] * whole.factor[i] + direct[i] * through_gate[i]
    return Paths(whole.lag, whole.gradient, direct, around, product, gate_now * product)
