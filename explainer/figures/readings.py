"""What there is to read off a gradient, in words: its size, its verdict, and what float64 has done to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from explainer import words
from explainer.maths import gradients
from explainer.maths.gradients import Gradient
from explainer.maths.logscale import first_below
from explainer.maths.plans import Training

STAYS = 0.005  # decades: a gradient that is so near 1 has stayed as it was
SMALLEST_NORMAL = float(np.finfo(np.float64).smallest_normal)


def magnitudes(log10: np.ndarray, sign: np.ndarray) -> list[str]:
    """Each number in words, given by its log10 and its sign; arrays of one shape (points,)."""
    return [words.magnitude(*pair) for pair in zip(log10.tolist(), sign.tolist(), strict=True)]


def verdict(gradient: Gradient) -> str:
    """The verdict as a predicate: ``vanishes, 2.3 × 10⁻³`` or ``keeps 7.7 %``; computed from the gradient."""
    size = words.magnitude(gradient.log10_magnitude[-1], 1)
    said = gradients.verdict(gradient)
    if said == "dead":
        return "is dead: exactly 0"
    if said == "neither":
        fraction = 10 ** gradient.log10_magnitude[-1]
        return f"keeps {words.percent(fraction)}" if fraction <= 1 else f"grows to {words.percent(fraction)}"
    return f"{said}, {size}"


def at_end(gradient: Gradient) -> str:
    """The gradient at lag k in words, with what float64 made of it."""
    status = gradient.drawn[1][-1]
    size = words.magnitude(gradient.log10_magnitude[-1], gradient.sign[-1])
    return f"{size} (in float64 it {status})" if status in (gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW) else size


def rule_of_w(w: float, gradient: Gradient) -> str:
    """Whether |w| alone foretells what the vanilla gradient does at lag k, as the rest of a sentence.

    The rule: it shrinks for |w| < 1, grows for |w| > 1 and stays as it is for |w| = 1.
    """
    size, actual = abs(w), float(gradient.log10_magnitude[-1])
    rule, sign = ("it shrinks", "< 1") if size < 1 else ("it grows", "> 1") if size > 1 else ("it stays", "= 1")
    holds = actual < 0 if size < 1 else actual > 0 if size > 1 else abs(actual) < STAYS
    if holds:
        return f"the rule “|w| {sign}: {rule}” holds here."
    lags = int(gradient.lag[-1])
    with np.errstate(invalid="ignore"):
        slopes = actual - lags * np.log10(size)
    many = "the slope σ′ is" if lags == 1 else f"the {lags:,} slopes σ′ multiply to"
    return f"the rule “|w| {sign}: {rule}” does not hold here, since {many} {words.magnitude(slopes)}."


def horizons(cells: Mapping[str, Gradient]) -> str:
    """For each cell the lag at which less than the horizon's share is left, as one sentence."""
    parts = [f"the {cell} cell {where_below(gradient.log10_magnitude)}" for cell, gradient in cells.items()]
    return f"Less than {words.percent(gradients.HORIZON)} is left: {'; '.join(parts)}."


def where_below(log10_magnitude: np.ndarray) -> str:
    """At which lags less than the horizon's share is left, in words; the magnitudes (lags,) as their log10."""
    lag = first_below(log10_magnitude, gradients.HORIZON)
    if lag is None:
        return f"nowhere up to lag {len(log10_magnitude) - 1}"
    comes_back = (log10_magnitude[lag:] >= math.log10(gradients.HORIZON)).any()
    return f"at lag {lag} for the first time, but not at every lag after it" if comes_back else f"from lag {lag} on"


# --- beside a receipt ---------------------------------------------------------------------------------------


def remark(gradient: Gradient, lag: int = -1, formula: float | None = None) -> str:
    """What float64 did to the gradient at a lag, where it did something; else nothing.

    Args:
        gradient: the gradient by lag.
        lag: the largest unless given.
        formula: what the gradient is compared with; its closed form unless given.
    """
    status = gradient.drawn[1][lag]
    size = words.magnitude(gradient.log10_magnitude[lag], gradient.sign[lag])
    if status == gradients.ROUNDED_TO_ZERO:
        return f"float64 rounds this gradient to 0. Its magnitude, from the sum of logarithms, is {size}."
    if status == gradients.OVERFLOW:
        return f"float64 overflows here. The magnitude, from the sum of logarithms, is {size}."
    if status == gradients.EXACTLY_ZERO:
        return "One factor is exactly 0, and so is everything behind it."
    exact = float(gradient.closed_form[lag]) if formula is None else formula
    return lost_digits(float(gradient.gradient[lag]), exact)


def lost_digits(measured: float, formula: float) -> str:
    """Why two sides differ that float64 should have made equal; nothing where they agree."""
    if words.relative_difference(measured, formula) <= words.AGREE:
        return ""
    if abs(formula) < SMALLEST_NORMAL:
        return "Below 2.2 × 10⁻³⁰⁸ float64 keeps fewer and fewer digits; here it shows."
    return (
        "The two sides differ because σ is saturated: torch forms σ′ as 1 − y² or y·(1 − y) from a y next to "
        "1 and loses digits; the formula here does not."
    )


def learned(result: Training, labels: Sequence[str]) -> str:
    """Who has learned so far, by most of the seeds; the labels are those of the plan's learners, in order."""
    most = [label for i, label in enumerate(labels) if 2 * sum(result.outcome(i).learned) > result.plan.seeds]
    said = f"learned by most of the seeds: {'; '.join(most)}" if most else "none has learned by most of the seeds"
    return f"After {result.steps_done} of {words.steps(result.plan.steps)}, {said}."
