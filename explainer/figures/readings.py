"""What there is to read off a gradient, in words: its size, its verdict, and what float64 has done to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from explainer import words
from explainer.figures import style
from explainer.languages import say, say_counted, word
from explainer.maths import gradients
from explainer.maths.gradients import Gradient
from explainer.maths.logscale import first_below
from explainer.maths.plans import Training

STAYS = 0.005  # decades: a gradient that is so near 1 has stayed as it was
SMALLEST_NORMAL = float(np.finfo(np.float64).smallest_normal)

_LESS_IS_LEFT = {
    style.VANILLA: word("the vanilla cell {where}"),
    style.GATED: word("the gated cell {where}"),
    "constant-gate": word("the constant-gate cell {where}"),
    "varying-gate": word("the varying-gate cell {where}"),
    "state-dependent-gate": word("the state-dependent-gate cell {where}"),
}
"""Where less than the horizon's share is left, by the cell."""


def magnitudes(log10: np.ndarray, sign: np.ndarray) -> list[str]:
    """Each number in words, given by its log10 and its sign; arrays of one shape (points,)."""
    return [words.magnitude(*pair) for pair in zip(log10.tolist(), sign.tolist(), strict=True)]


def verdict(gradient: Gradient) -> str:
    """The verdict as a predicate: ``vanishes, 2.3 × 10⁻³`` or ``keeps 7.7 %``; computed from the gradient."""
    size = words.magnitude(gradient.log10_magnitude[-1], 1)
    said = gradients.verdict(gradient)
    if said == "dead":
        return say("is dead: exactly 0")
    if said == "neither":
        fraction = 10 ** gradient.log10_magnitude[-1]
        share = words.percent(fraction)
        return say("keeps {share}", share=share) if fraction <= 1 else say("grows to {share}", share=share)
    return say("vanishes, {size}", size=size) if said == "vanishes" else say("explodes, {size}", size=size)


def at_end(gradient: Gradient) -> str:
    """The gradient at lag k in words, with what float64 made of it."""
    status = gradient.drawn[1][-1]
    size = words.magnitude(gradient.log10_magnitude[-1], gradient.sign[-1])
    if status == gradients.ROUNDED_TO_ZERO:
        return say("{size} (in float64 it rounds to 0)", size=size)
    return say("{size} (in float64 it overflows)", size=size) if status == gradients.OVERFLOW else size


def rule_of_w(w: float, gradient: Gradient) -> str:
    """Whether |w| alone foretells what the vanilla gradient does at lag k, as the rest of a sentence.

    The rule: it shrinks for |w| < 1, grows for |w| > 1 and stays as it is for |w| = 1.
    """
    size, actual = abs(w), float(gradient.log10_magnitude[-1])
    shrinks, grows, stays = say("|w| < 1: it shrinks"), say("|w| > 1: it grows"), say("|w| = 1: it stays")
    rule = shrinks if size < 1 else grows if size > 1 else stays
    holds = actual < 0 if size < 1 else actual > 0 if size > 1 else abs(actual) < STAYS
    if holds:
        return say("the rule “{rule}” holds here.", rule=rule)
    lags = int(gradient.lag[-1])
    with np.errstate(invalid="ignore"):
        slopes = actual - lags * np.log10(size)
    return say_counted(
        "the rule “{rule}” does not hold here, since the slope σ′ is {product}.",
        "the rule “{rule}” does not hold here, since the {count} slopes σ′ multiply to {product}.",
        lags,
        rule=rule,
        product=words.magnitude(slopes),
    )


def horizons(cells: Mapping[str, Gradient]) -> str:
    """For each cell the lag at which less than the horizon's share is left, as one sentence."""
    parts = [say(_LESS_IS_LEFT[cell], where=where_below(gradient.log10_magnitude)) for cell, gradient in cells.items()]
    return say("Less than {share} is left: {cells}.", share=words.percent(gradients.HORIZON), cells="; ".join(parts))


def where_below(log10_magnitude: np.ndarray) -> str:
    """At which lags less than the horizon's share is left, in words; the magnitudes (lags,) as their log10."""
    lag = first_below(log10_magnitude, gradients.HORIZON)
    if lag is None:
        return say("nowhere up to lag {lag}", lag=len(log10_magnitude) - 1)
    comes_back = (log10_magnitude[lag:] >= math.log10(gradients.HORIZON)).any()
    if comes_back:
        return say("at lag {lag} for the first time, but not at every lag after it", lag=lag)
    return say("from lag {lag} on", lag=lag)


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
        return say(
            "float64 rounds this gradient to 0. Its magnitude, from the sum of logarithms, is {size}.", size=size
        )
    if status == gradients.OVERFLOW:
        return say("float64 overflows here. The magnitude, from the sum of logarithms, is {size}.", size=size)
    if status == gradients.EXACTLY_ZERO:
        return say("One factor is exactly 0, and so is everything behind it.")
    exact = float(gradient.closed_form[lag]) if formula is None else formula
    return lost_digits(float(gradient.gradient[lag]), exact)


def lost_digits(measured: float, formula: float) -> str:
    """Why two sides differ that float64 should have made equal; nothing where they agree."""
    if words.relative_difference(measured, formula) <= words.AGREE:
        return ""
    if abs(formula) < SMALLEST_NORMAL:
        return say("Below 2.2 × 10⁻³⁰⁸ float64 keeps fewer and fewer digits; here it shows.")
    return say(
        "The two sides differ because σ is saturated: torch forms σ′ as 1 − y² or y·(1 − y) from a y next to "
        "1 and loses digits; the formula here does not."
    )


def learned(result: Training, labels: Sequence[str]) -> str:
    """Who has learned so far, by most of the seeds; the labels are those of the plan's learners, in order."""
    most = [say(label) for i, label in enumerate(labels) if 2 * sum(result.outcome(i).learned) > result.plan.seeds]
    if not most:
        return say_counted(
            "After {done} of {count} step, none has learned by most of the seeds.",
            "After {done} of {count} steps, none has learned by most of the seeds.",
            result.plan.steps,
            done=result.steps_done,
        )
    return say_counted(
        "After {done} of {count} step, learned by most of the seeds: {learners}.",
        "After {done} of {count} steps, learned by most of the seeds: {learners}.",
        result.plan.steps,
        done=result.steps_done,
        learners="; ".join(most),
    )
