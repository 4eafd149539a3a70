"""Beyond the lab: the same gradient in four number formats, and where each becomes exactly nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from explainer import words
from explainer.choices.controls import BOTH, GATED, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import formats, hands, readings, style
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients, number_formats
from explainer.maths.number_formats import Comparison, FormatGradient
from explainer.programs import number_formats as programs

_ARGUMENT = r"""
*Beyond the lab.* So far a vanishing gradient was a small number. A computer has only so many small numbers. Below
the smallest one there is nothing, and a gradient that falls below it is not small but **exactly 0**: nothing that
comes afterwards can bring it back.

How soon that happens depends on the **number format**. Networks are often trained in float16 or bfloat16, which
need a quarter of the memory of float64. float16 has few exponents: it ends near $6 \cdot 10^{-8}$. bfloat16 has
the exponents of float32 and ends near $10^{-40}$, but it keeps only about two decimal digits.

Here torch itself runs your two cells in each format, forwards and backwards. Nothing is simulated. Where all four
lines of the first two figures still run together, the other two show how far apart they are: how much of the gradient
that float64 computes is an error in the others. At 100 % nothing of it is left, or, where a line is stuck,
there is twice as much.

**Loss scaling** (Micikevicius et al. 2018) multiplies the loss by a large number before the backward pass and
divides the gradient afterwards. It lifts a small gradient into float16's range, until it lifts it out at the top.
Try it with its control.
"""

_LOOK_CLOSER = r"""
**A factor of 0.25 is gone after 75 steps in float32.** Powers of two make it exact: $0.25^{74} = 2^{-148}$ is
still a subnormal number, and $0.25^{75} = 2^{-150}$ rounds to 0. A logistic cell, whose factor is at most
$|w|/4$, gets there even sooner for $w = 1$.

**Some gradients stop falling instead.** Just above 0 the numbers of a format are evenly spaced. A factor between
1/2 and 1 then takes the smallest of them to themselves, rounded to nearest, and the decay ends at a *subnormal*
number that has nothing to do with the true gradient any more. The figure says where a line is stuck.
"""


def _vanilla(settings: Settings) -> Comparison:
    return number_formats.compare(number_formats.vanilla, settings, {"float16": 2.0**settings.ls})


def _gated(settings: Settings) -> Comparison:
    return number_formats.compare(number_formats.gated, settings, {"float16": 2.0**settings.ls})


def _asked(settings: Settings) -> Asked:
    if "float16" in number_formats.compare(number_formats.vanilla, Settings(k=1), {}).missing:
        return Asked(say("Can torch on this computer run your cell in float16?"), (say("Yes"), say("No")), None)
    # a scale saves what float16 would round to 0; where there is nothing to save, first comes what it cannot hold
    scaled, tiny = {"ls": 15}, {"act": "logistic", "w": 1.0, "ls": 0}
    move = moves.first(
        settings, *((scaled, tiny) if settings.act == "logistic" and not settings.ls else (tiny, scaled))
    )
    return Asked(
        say(
            "{move}. In float16, what is then left of your vanilla gradient at k = {lag}?",
            move=move.in_words(settings),
            lag=settings.k,
        ),
        (
            say("Nothing: it is exactly 0"),
            say("A subnormal number that has lost most of its digits"),
            say("A normal number, or more than float16 can hold"),
        ),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    comparison = _vanilla(asked.after(settings))
    half = comparison.gradients.get("float16")
    if half is None:
        return asked.answered(1, comparison.missing["float16"])
    return asked.answered(
        0 if half.zero_from is not None else 1 if half.subnormal_from is not None else 2,
        say(
            "In float16 it {end}. The smallest normal number there is {normal}, the smallest subnormal one "
            "{subnormal}, and the loss scale is {scale}.",
            end=_end(half),
            normal=words.number(half.format.smallest_normal),
            subnormal=words.number(half.format.smallest_subnormal),
            scale=words.number(2.0 ** asked.after(settings).ls, 6),
        ),
    )


def _end(gradient: FormatGradient) -> str:
    """What becomes of the gradient in its format, within the lags that are drawn."""
    if gradient.not_finite_from is not None:
        return say("overflows at lag {lag}", lag=gradient.not_finite_from)
    if gradient.zero_from is not None:
        return say("is exactly 0 from lag {lag} on", lag=gradient.zero_from)
    if gradient.stuck is not None:
        first, last = gradient.stuck
        size = words.number(abs(float(gradient.gradient[first])), 2)
        if last == gradient.lag[-1]:
            return say("is stuck at {size} from lag {first} on", size=size, first=first)
        return say("is stuck at {size} from lag {first} to lag {last}", size=size, first=first, last=last)
    return say("is still alive at lag {lag}", lag=gradient.lag[-1])


def _fates(comparison: Comparison) -> str:
    """One sentence for all formats; those that end alike are named together."""
    ends: dict[str, list[str]] = {}
    for name, gradient in comparison.gradients.items():
        ends.setdefault(_end(gradient), []).append(name)
    fates = [say("{end} in {formats}", end=end, formats=words.listed(names)) for end, names in ends.items()]
    return say("The gradient {fates}.", fates="; ".join(fates))


def _caption(measure: Callable[[Settings], Comparison], settings: Settings) -> str:
    comparison = measure(settings)
    lacking = [
        say("torch here cannot run {name}: {reason}.", name=name, reason=reason)
        for name, reason in comparison.missing.items()
    ]
    return " ".join([_fates(comparison) + _scaled(settings), *lacking])


def _scaled(settings: Settings) -> str:
    if settings.ls == 0:
        return ""
    return f" {say('float16 runs with a loss scale of {scale}.', scale=f'2{words.superscript(settings.ls)}')}"


def _caption_of_differences(measure: Callable[[Settings], Comparison], settings: Settings) -> str:
    off: dict[str, list[str]] = {}
    for name, differences in measure(settings).differences.items():
        off.setdefault(_off(float(differences[-1])), []).append(name)
    said = say(
        "Of float64's gradient at lag {lag}: {errors}. At the grey line the error is as large as the gradient.",
        lag=settings.k,
        errors="; ".join(
            say("{error} in {formats}", error=how, formats=words.listed(names)) for how, names in off.items()
        ),
    )
    return said + _scaled(settings)


def _off(difference: float) -> str:
    """A format's difference from float64, in words."""
    if np.isnan(difference):
        return say("there is none to compare with")
    if np.isinf(difference):
        return say("too large")
    if difference == -1:
        return say("nothing left")
    return say("all digits right") if difference == 0 else say("{share} off", share=words.percent(abs(difference)))


VANILLA_FORMATS = Plot(
    title="The vanilla gradient by lag in four number formats",
    reads=(*names_of(BOTH, VANILLA), "ls"),
    drawing=formats.drawing(style.VERMILION),
    tables=lambda settings: formats.tables(_vanilla(settings), settings.k),
    caption=functools.partial(_caption, _vanilla),
    program=Program(programs.vanilla_formats, "gradient"),
    hand=hands.LAG,
)
GATED_FORMATS = Plot(
    title="The gated gradient by lag in four number formats",
    reads=(*names_of(BOTH, GATED), "ls"),
    drawing=formats.drawing(style.BLUE),
    tables=lambda settings: formats.tables(_gated(settings), settings.k),
    caption=functools.partial(_caption, _gated),
    program=Program(programs.gated_formats, "gradient"),
    hand=hands.LAG,
)


VANILLA_DIFFERENCES = Plot(
    title="How far the vanilla gradient is from float64's, by lag",
    reads=VANILLA_FORMATS.reads,
    drawing=formats.drawing_of_differences(style.VERMILION),
    tables=lambda settings: formats.tables_of_differences(_vanilla(settings), settings.k),
    caption=functools.partial(_caption_of_differences, _vanilla),
    program=Program(programs.vanilla_differences, "difference"),
    hand=hands.LAG,
)
GATED_DIFFERENCES = Plot(
    title="How far the gated gradient is from float64's, by lag",
    reads=GATED_FORMATS.reads,
    drawing=formats.drawing_of_differences(style.BLUE),
    tables=lambda settings: formats.tables_of_differences(_gated(settings), settings.k),
    caption=functools.partial(_caption_of_differences, _gated),
    program=Program(programs.gated_differences, "difference"),
    hand=hands.LAG,
)


def _receipt(settings: Settings) -> Receipt:
    exact = gradients.vanilla(settings)
    comparison = _vanilla(settings)
    measured = {name: float(gradient.gradient[-1]) for name, gradient in comparison.gradients.items()}
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k} w\,\sigma'\!\left(w\,h^{(t-i)}\right)",
        Side(say("autograd in {name}", name="float64"), measured.pop("float64")),
        Side(say("∏ w·σ′ in float64"), float(exact.closed_form[-1])),
        others=tuple(Side(say("autograd in {name}", name=name), value) for name, value in measured.items()),
        remark=readings.remark(exact),
    )


SECTION = Section(
    title="Where the gradient becomes exactly nothing",
    argument=_ARGUMENT,
    plots=(VANILLA_FORMATS, GATED_FORMATS, VANILLA_DIFFERENCES, GATED_DIFFERENCES),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="A gradient that underflows is not small but gone, and the number format decides at which lag.",
    look_closer=_LOOK_CLOSER,
)
