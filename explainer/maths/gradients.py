"""Every measured quantity of the two scalar cells, by autograd, each beside its closed form.

In: :class:`explainer.choices.settings.Settings`. Out: frozen dataclasses of numpy arrays (float64). Both cells start
from ``h0`` k steps ago, so that index ``lag`` of an array belongs to time t − lag and the last entry to the start.
Results are cached by the settings they depend on: do not write into the arrays.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.languages import word
from explainer.maths import cells
from explainer.maths.batches import (
    elementwise,
    lanes,
    latest_first,
    one_backward_pass,
    product_from_now,
    sides,
    sum_from_now,
    unrolled,
)
from explainer.maths.logscale import first_below
from explainer.maths.results import cached

HORIZON = 0.01  # the share of a gradient below which a lag counts as out of reach
EXPLODED = 100.0  # and its mirror image, above which it counts as exploding

# How a magnitude is to be drawn and read
VALUE = word("value")
ROUNDED_TO_ZERO = word("rounds to 0")  # not 0, but float64 cannot hold it (or torch lost it on the way)
OVERFLOW = word("overflows")
EXACTLY_ZERO = word("exactly 0")
UNDEFINED = word("undefined")

VANILLA_FIELDS = ("act", "w", "h0", "k")
_OF_GATE = ("f", "u", "spread")  # what a batch of one kind of gate may differ in
_GATE_FIELDS = ("gate", *_OF_GATE)
GATED_FIELDS = ("gate", "f", "spread", "seed", "u", "h0", "k")


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


def status_of(*columns: np.ndarray, log10: bool = True) -> np.ndarray:
    """What each row of some columns is: ``VALUE``, or what it means that one of its numbers is not finite.

    Args:
        columns: of one shape.
        log10: whether they are logarithms of magnitudes, of which −inf is exactly 0.
    """
    values = np.stack(columns)
    is_zero = np.isneginf(values).any(axis=0)
    return np.select(
        [np.isnan(values).any(axis=0), is_zero if log10 else np.zeros_like(is_zero), np.isinf(values).any(axis=0)],
        [UNDEFINED, EXACTLY_ZERO, OVERFLOW],
        VALUE,
    )


@dataclass(frozen=True, eq=False)
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


def _power(base: float, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(base^exponent, its log10) for base ≥ 0, with 0⁰ = 1."""
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return base ** exponent.astype(float), np.where(exponent == 0, 0.0, exponent * np.log10(base))


def log10_abs(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.abs(values))


_OF_STEPS = ("factor", "log10_factor", "parts", "gates")  # one for each step; of the others, one for each state


def _each(counts: Tensor, bounds: Sequence[tuple[np.ndarray, np.ndarray]], **columns: np.ndarray) -> list[Gradient]:
    """The gradients of a batch.

    Args:
        counts: how many steps each goes, shape (batch,).
        bounds: the bound of each, and its log10.
        columns: the other fields, the batch along the last axis, each column latest first.
    """
    columns["place"], columns["status"] = drawn_log10(columns["gradient"], columns["log10_magnitude"])
    rows = {name: np.ascontiguousarray(np.moveaxis(values, -1, 0)) for name, values in columns.items()}
    made = []
    for i, k in enumerate(counts.tolist()):
        own = {name: values[i, ..., : k if name in _OF_STEPS else k + 1] for name, values in rows.items()}
        drawn, parts = (own.pop("place"), own.pop("status")), np.ascontiguousarray(own.pop("parts").T)
        gradient = Gradient(np.arange(k + 1), bound=bounds[i][0], log10_bound=bounds[i][1], parts=parts, **own)
        gradient.__dict__["drawn"] = drawn  # of all at once
        made.append(gradient)
    return made


def _vanilla_each(many: Sequence[Settings]) -> list[Gradient]:
    """:func:`vanilla` of settings that have the same activation, in one batch."""
    one, sigma = many[0], cells.ACTIVATIONS[many[0].act]
    w, h0, k = (lanes([getattr(settings, name) for settings in many]) for name in ("w", "h0", "k"))
    steps, counts = k.long(), k.long()[: len(many)]
    states = unrolled(lambda h, i: cells.vanilla_step(one, h, w), h0, steps)
    gradient, visited = one_backward_pass(states, steps), torch.stack(states).detach()
    before = visited[:-1]
    slope = elementwise(sigma.apply, w * before)
    at = sides(one, h0, w, len(before)) if sigma.homogeneous else w * before
    log_factor = latest_first(sigma.log_slope(at), counts) / math.log(10) + log10_abs(w[: len(many)].numpy())
    slope = latest_first(slope, counts)
    weight = w[: len(many)].expand(slope.shape).numpy()
    return _each(
        counts,
        [_power(abs(float(settings.w)) * sigma.steepest, np.arange(settings.k + 1)) for settings in many],
        state=latest_first(visited, counts + 1),
        gradient=latest_first(gradient, counts + 1),
        closed_form=product_from_now(latest_first(w * sigma.slope(at), counts)),
        log10_magnitude=sum_from_now(log_factor),
        sign=product_from_now(np.sign(weight) * np.isfinite(log_factor)),
        log10_factor=log_factor,
        factor=latest_first(elementwise(lambda h: cells.vanilla_step(one, h, w), before), counts),
        parts=np.stack([weight, slope]),
        gates=np.empty((0, len(many))),
    )


@cached(VANILLA_FIELDS, 128, _vanilla_each)
def vanilla(settings: Settings) -> Gradient:
    """∂h(t)/∂h(t−lag), lag = 0…k, of h(t) = σ(w·h(t−1)) from h(t−k) = h0 (the lab, two and k steps)."""
    return _vanilla_each([settings])[0]


def _gated_each(many: Sequence[Settings]) -> list[Gradient]:
    """:func:`gated` of settings that have the same kind of gate and the same seed, in one batch."""
    one, gate = many[0], cells.GATES[many[0].gate]
    f, u, spread, c0, k = (lanes([getattr(settings, name) for settings in many]) for name in (*_OF_GATE, "h0", "k"))
    steps, counts = k.long(), k.long()[: len(many)]
    inputs = cells.gate_inputs(one, int(steps.max()), f, u, spread)
    states = unrolled(lambda c, i: cells.gated_step(one, inputs, c, i), c0, steps)
    gradient, visited = one_backward_pass(states, steps), torch.stack(states).detach()
    before, step = visited[:-1], torch.arange(int(steps.max()))
    opening = gate.opening(inputs, before, step)
    closed_factor = latest_first(opening + before * gate.slope(inputs, before), counts)
    factor = latest_first(elementwise(lambda c: cells.gated_step(one, inputs, c, step), before), counts)
    gates, log_factor = latest_first(opening, counts), log10_abs(closed_factor)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.where(factor == gates, 1.0, factor / gates)
    return _each(
        counts,
        [_power(_largest_factor(settings.only(_GATE_FIELDS)), np.arange(settings.k + 1)) for settings in many],
        state=latest_first(visited, counts + 1),
        gradient=latest_first(gradient, counts + 1),
        closed_form=product_from_now(closed_factor),
        log10_magnitude=sum_from_now(log_factor),
        sign=product_from_now(np.sign(closed_factor)),
        log10_factor=log_factor,
        factor=factor,
        parts=np.stack([gates, rest]),
        gates=gates,
    )


@functools.lru_cache(512)  # it takes longer than the rest where the gate reads its state
def _largest_factor(settings: Settings) -> float:
    return cells.GATES[settings.gate].largest_factor(settings)


@cached(GATED_FIELDS, 128, _gated_each)
def gated(settings: Settings) -> Gradient:
    """∂c(t)/∂c(t−lag), lag = 0…k, of c(t) = c(t−1)·f(t−1) from c(t−k) = h0 (the lab's gated cell state)."""
    return _gated_each([settings])[0]


@cached(("w", "k"), 128)
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
        gradient=elementwise(lambda x: cells.vanilla_step(settings, x, w), h).numpy(),
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
        gradient=elementwise(lambda x: cells.gated_step(settings, inputs, x, last), c).numpy(),
        closed_form=(f + c * gate.slope(inputs, c)).numpy(),
    )
