"""Beyond the lab: the same gradient in four number formats, and where each becomes exactly nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import BOTH, GATED, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import by_lag, figure, hands, readings, style
from explainer.figures.figure import Drawing, InWords, Plot, decades, stack, steps, table, text
from explainer.figures.program import Program
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients, number_formats
from explainer.maths.number_formats import FORMATS, Comparison, FormatGradient
from explainer.programs import number_formats as programs

_ARGUMENT = r"""
*Beyond the lab.* So far a vanishing gradient was a small number. A computer has only so many small numbers. Below
the smallest one there is nothing, and a gradient that falls below it is not small but **exactly 0**: nothing that
comes afterwards can bring it back.

How soon that happens depends on the **number format**. Networks are often trained in float16 or bfloat16, which
need a quarter of the memory of float64. float16 has few exponents: it ends near $6 \cdot 10^{-8}$. bfloat16 has
the exponents of float32 and ends near $10^{-40}$, but it keeps only about two decimal digits.

Here torch itself runs your two cells in each format, forwards and backwards. Nothing is simulated. If all four
lines still run together, choose a longer lag, or the logistic function.

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

_BOTTOM, _TOP = "bottom", "top"  # where a line ends: at exactly 0, or beyond the largest number

_DASHES = {"float64": [1, 0], "float32": [9, 4], "bfloat16": [4, 3], "float16": [1, 3]}
assert set(_DASHES) == set(FORMATS)


def _vanilla(settings: Settings) -> Comparison:
    return number_formats.compare(number_formats.vanilla, settings, {"float16": 2.0**settings.ls})


def _gated(settings: Settings) -> Comparison:
    return number_formats.compare(number_formats.gated, settings, {"float16": 2.0**settings.ls})


def _asked(settings: Settings) -> Asked:
    if "float16" in number_formats.compare(number_formats.vanilla, Settings(k=1), {}).missing:
        return Asked("Can torch on this computer run your cell in float16?", ("Yes", "No"), None)
    # a scale saves what float16 would round to 0; where there is nothing to save, first comes what it cannot hold
    scaled, tiny = {"ls": 15}, {"act": "logistic", "w": 1.0, "ls": 0}
    move = moves.first(
        settings, *((scaled, tiny) if settings.act == "logistic" and not settings.ls else (tiny, scaled))
    )
    return Asked(
        f"{move.in_words(settings)}. In float16, what is then left of your vanilla gradient at k = {settings.k}?",
        (
            "Nothing: it is exactly 0",
            "A subnormal number that has lost most of its digits",
            "A normal number, or more than float16 can hold",
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
        f"In float16 it {_end(half)}. The smallest normal number there is "
        f"{words.number(half.format.smallest_normal)}, the smallest subnormal one "
        f"{words.number(half.format.smallest_subnormal)}, and the loss scale is "
        f"{words.number(2.0 ** asked.after(settings).ls, 6)}.",
    )


def _end(gradient: FormatGradient) -> str:
    """What becomes of the gradient in its format, within the lags that are drawn."""
    if gradient.not_finite_from is not None:
        return f"overflows at lag {gradient.not_finite_from}"
    if gradient.zero_from is not None:
        return f"is exactly 0 from lag {gradient.zero_from} on"
    if gradient.stuck is not None and gradient.stuck[1] == gradient.lag[-1]:
        stuck = words.number(abs(float(gradient.gradient[-1])), 2)
        return f"is stuck at {stuck} from lag {gradient.stuck[0]} on"
    return f"is still alive at lag {gradient.lag[-1]}"


def _fates(comparison: Comparison) -> str:
    """One sentence for all formats; those that end alike are named together."""
    ends: dict[str, list[str]] = {}
    for name, gradient in comparison.gradients.items():
        ends.setdefault(_end(gradient), []).append(name)
    return "The gradient " + "; ".join(f"{end} in {words.listed(names)}" for end, names in ends.items()) + "."


def _drawing(color: str) -> Drawing:
    def build() -> alt.LayerChart:
        legend = style.line_legend(columns=style.columns(2, 4))
        legend["symbolStrokeColor"] = color
        x, y = style.lag_x(), style.log10_y(style.GRADIENT_TITLE)
        lines = style.data("formats").encode(x=x)
        limits = style.data("limits").encode(y=alt.Y("log10_magnitude:Q"))
        ends = style.data("ends").encode(x=alt.X("lag:Q"))
        bottom, top = alt.value(alt.ExprRef("height")), alt.value(0)
        tooltip = ["format:N", "lag:Q", alt.Tooltip("reads:N", title="gradient"), "status:N"]
        notes = [
            ends.transform_filter(f"datum.row == {row} && datum.edge == '{edge}'")
            .mark_text(dy=dy, dx=-3, align="right", **style.LABEL)
            .encode(y=rail, text="label:N")
            for row in range(len(FORMATS))
            for edge, rail, dy in ((_BOTTOM, bottom, -9 - 16 * row), (_TOP, top, 14 + 16 * row))
        ]
        crosses = {"size": 70, "filled": True, "color": color, "clip": False, "aria": False}
        return hands.finish(
            alt.layer(
                style.invisible_frame(x, y),
                style.line_of_one(),
                hands.lag_marker(),
                limits.mark_rule(aria=False, color=style.REFERENCE, strokeDash=[2, 2]),
                limits.mark_text(aria=False, align="right", dy=-6, fontSize=style.FONT_SIZE - 1).encode(
                    x=alt.value(alt.ExprRef("width")), text="label:N"
                ),
                lines.mark_line(strokeWidth=2.5, color=color).encode(
                    y=y,
                    strokeDash=alt.StrokeDash(
                        "format:N",
                        legend=legend,
                        scale=alt.Scale(domain=list(_DASHES), range=list(_DASHES.values())),
                    ),
                ),
                lines.mark_circle(size=140, opacity=0, aria=False).encode(y=y, tooltip=tooltip),
                ends.transform_filter(f"datum.edge == '{_BOTTOM}'")
                .mark_point(shape="cross", **crosses)
                .encode(y=bottom),
                ends.transform_filter(f"datum.edge == '{_TOP}'")
                .mark_point(shape="triangle-up", **crosses)
                .encode(y=top),
                *notes,
            ),
            style.FULL_HEIGHT,
            held="x",
            **style.FRAMED,
        )

    return figure.drawing(build)


def _in_words(gradient: np.ndarray) -> list[str]:
    return [words.number(value) for value in gradient.tolist()]


def _tables(measure: Callable[[Settings], Comparison], settings: Settings) -> dict[str, pa.Table]:
    lines, ends = [], []
    for row, (name, one) in enumerate(measure(settings).gradients.items()):
        with np.errstate(divide="ignore"):
            place, status = gradients.drawn_log10(one.gradient, np.log10(np.abs(one.gradient)))
        lines.append(
            table(
                lag=steps(one.lag),
                format=[name] * len(place),
                gradient=one.gradient,
                log10_magnitude=decades(place),
                status=np.where(np.isinf(one.gradient), gradients.OVERFLOW, status),
                reads=InWords(functools.partial(_in_words, one.gradient), len(place)),
            )
        )
        if one.zero_from is not None:
            ends.append((one.zero_from, f"{name}: 0 from lag {one.zero_from}", row, _BOTTOM))
        if one.not_finite_from is not None:
            ends.append((one.not_finite_from, f"{name}: overflows at lag {one.not_finite_from}", row, _TOP))
    formats = stack(*lines)
    frame = figure.frame((0, settings.k), [formats["log10_magnitude"].to_numpy(zero_copy_only=False)])
    limits = _limits(*frame["log10_magnitude"].to_pylist())
    lag, label, row, edge = zip(*ends, strict=True) if ends else [()] * 4
    return {
        "formats": formats,
        "frame": frame,
        "marks": by_lag.lag_mark(settings.k, settings.k),
        "limits": table(
            log10_magnitude=np.array([value for value, _ in limits], dtype=float),
            label=text([label for _, label in limits]),
        ),
        "ends": table(lag=np.array(lag, dtype=float), label=text(label), row=np.array(row, dtype=int), edge=text(edge)),
    }


def _limits(lowest: float, highest: float) -> list[tuple[float, str | None]]:
    """The ends of the formats within the axis, from the bottom; labelled where there is room for it."""
    ends = sorted(
        (float(np.log10(value)), f"{kind} of {name}")
        for name, one in FORMATS.items()
        for kind, value in (("smallest normal", one.smallest_normal), ("smallest subnormal", one.smallest_subnormal))
    )
    shown, last = [], -np.inf
    for place, label in ends:
        if lowest < place < highest:
            has_room = place - last > 0.06 * (highest - lowest)
            shown.append((place, label if has_room else None))
            last = place if has_room else last
    return shown


def _caption(measure: Callable[[Settings], Comparison], settings: Settings) -> str:
    comparison = measure(settings)
    scaled = "" if settings.ls == 0 else f" float16 runs with a loss scale of 2{words.superscript(settings.ls)}."
    lacking = "".join(f" torch here cannot run {name}: {said}." for name, said in comparison.missing.items())
    return f"{_fates(comparison)}{scaled}{lacking}"


VANILLA_FORMATS = Plot(
    title="The vanilla gradient by lag in four number formats",
    reads=(*names_of(BOTH, VANILLA), "ls"),
    drawing=_drawing(style.VERMILION),
    tables=functools.partial(_tables, _vanilla),
    caption=functools.partial(_caption, _vanilla),
    program=Program(programs.vanilla_formats, "gradient"),
    hand=hands.LAG,
)
GATED_FORMATS = Plot(
    title="The gated gradient by lag in four number formats",
    reads=(*names_of(BOTH, GATED), "ls"),
    drawing=_drawing(style.BLUE),
    tables=functools.partial(_tables, _gated),
    caption=functools.partial(_caption, _gated),
    program=Program(programs.gated_formats, "gradient"),
    hand=hands.LAG,
)


def _receipt(settings: Settings) -> Receipt:
    exact = gradients.vanilla(settings)
    comparison = _vanilla(settings)
    measured = {name: float(gradient.gradient[-1]) for name, gradient in comparison.gradients.items()}
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k} w\,\sigma'\!\left(w\,h^{(t-i)}\right)",
        Side("autograd in float64", measured.pop("float64")),
        Side("∏ w·σ′ in float64", float(exact.closed_form[-1])),
        others=tuple(Side(f"autograd in {name}", value) for name, value in measured.items()),
        remark=readings.remark(exact),
    )


SECTION = Section(
    title="Where the gradient becomes exactly nothing",
    argument=_ARGUMENT,
    plots=(VANILLA_FORMATS, GATED_FORMATS),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="A gradient that underflows is not small but gone, and the number format decides at which lag.",
    look_closer=_LOOK_CLOSER,
)
