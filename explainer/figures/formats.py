"""One cell's gradient by lag in every number format: the numbers, and how far they are from float64's."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.figures import by_lag, figure, hands, style
from explainer.figures.figure import Drawing, InWords, decades, stack, steps, table, text
from explainer.languages import say, word
from explainer.maths import gradients
from explainer.maths.number_formats import FORMATS, Comparison

_BOTTOM, _TOP = "bottom", "top"  # where a line ends: at exactly 0, or beyond the largest number

_DASHES = {"float64": [1, 0], "float32": [9, 4], "bfloat16": [4, 3], "float16": [1, 3]}
assert set(_DASHES) == set(FORMATS)


def drawing(color: str) -> Drawing:
    """The chart of one cell's gradient in every format, with the formats' own ends."""

    def build() -> alt.LayerChart:
        legend = style.line_legend(columns=style.columns(2, 4))
        legend["symbolStrokeColor"] = color
        x, y = style.lag_x(), style.log10_y(style.GRADIENT_TITLE)
        lines = style.data("formats").encode(x=x)
        limits = style.data("limits").encode(y=alt.Y("log10_magnitude:Q"))
        tooltip = ["format:N", "lag:Q", alt.Tooltip("reads:N", title="gradient"), "status:N"]
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
                *_ends(color),
            ),
            style.FULL_HEIGHT,
            held="x",
            **style.FRAMED,
        )

    return figure.drawing(build)


def _ends(color: str) -> list[alt.Chart]:
    """Where lines end at what has no place on a log axis: marks on its edges, with their words in rows."""
    ends = style.data("ends").encode(x=alt.X("lag:Q"))
    bottom, top = alt.value(alt.ExprRef("height")), alt.value(0)
    marks = {"size": 70, "filled": True, "color": color, "clip": False, "aria": False}
    notes = [
        ends.transform_filter(f"datum.row == {row} && datum.edge == '{edge}'")
        .mark_text(dy=dy, dx=-3, align="right", **style.LABEL)
        .encode(y=rail, text="label:N")
        for row in range(len(FORMATS))
        for edge, rail, dy in ((_BOTTOM, bottom, -9 - 16 * row), (_TOP, top, 14 + 16 * row))
    ]
    return [
        ends.transform_filter(f"datum.edge == '{_BOTTOM}'").mark_point(shape="cross", **marks).encode(y=bottom),
        ends.transform_filter(f"datum.edge == '{_TOP}'").mark_point(shape="triangle-up", **marks).encode(y=top),
        *notes,
    ]


def _table_of_ends(ends: Sequence[tuple[int, str, int, str]]) -> pa.Table:
    """Lag, words, row of the words, and edge of each mark."""
    lag, label, row, edge = zip(*ends, strict=True) if ends else [()] * 4
    return table(lag=np.array(lag, dtype=float), label=text(label), row=np.array(row, dtype=int), edge=text(edge))


def _in_words(values: np.ndarray) -> list[str]:
    return [words.number(value) for value in values.tolist()]


def tables(comparison: Comparison, k: int) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`, up to lag k."""
    lines, ends = [], []
    for row, (name, one) in enumerate(comparison.gradients.items()):
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
            label = say("{name}: 0 from lag {lag}", name=name, lag=one.zero_from)
            ends.append((one.zero_from, label, row, _BOTTOM))
        if one.not_finite_from is not None:
            label = say("{name}: overflows at lag {lag}", name=name, lag=one.not_finite_from)
            ends.append((one.not_finite_from, label, row, _TOP))
    formats = stack(*lines)
    frame = figure.frame((0, k), [formats["log10_magnitude"].to_numpy(zero_copy_only=False)])
    limits = _limits(*frame["log10_magnitude"].to_pylist())
    return {
        "formats": formats,
        "frame": frame,
        "marks": by_lag.lag_mark(k, k),
        "limits": table(
            log10_magnitude=np.array([value for value, _ in limits], dtype=float),
            label=text([label for _, label in limits]),
        ),
        "ends": _table_of_ends(ends),
    }


def drawing_of_differences(color: str) -> Drawing:
    """The chart of how far each other format's gradient is from float64's."""

    def build() -> alt.LayerChart:
        legend = style.line_legend(columns=style.columns(2, 3))
        legend["symbolStrokeColor"] = color
        x, y = style.lag_x(), style.log10_y("relative difference from float64 (log)")
        dashes = {name: dash for name, dash in _DASHES.items() if name != "float64"}
        dash = alt.StrokeDash(
            "format:N", legend=legend, scale=alt.Scale(domain=list(dashes), range=list(dashes.values()))
        )
        lines = style.data("differences").encode(x=x, y=y)
        tooltip = ["format:N", "lag:Q", alt.Tooltip("reads:N", title="difference"), "status:N"]
        return hands.finish(
            alt.layer(
                style.invisible_frame(x, y),
                style.line_of_one(),
                hands.lag_marker(),
                lines.mark_line(strokeWidth=2.5, color=color).encode(strokeDash=dash),
                lines.mark_circle(size=140, opacity=0, aria=False).encode(tooltip=tooltip),
                *_ends(color),
            ),
            style.FULL_HEIGHT,
            held="x",
            **style.FRAMED,
        )

    return figure.drawing(build)


def tables_of_differences(comparison: Comparison, k: int) -> dict[str, pa.Table]:
    """Tables for :func:`drawing_of_differences`, up to lag k."""
    lines, ends = [], []
    for row, (name, difference) in enumerate(comparison.differences.items()):
        with np.errstate(divide="ignore"):
            place, status = gradients.drawn_log10(difference, np.log10(np.abs(difference)))
        lines.append(
            table(
                lag=steps(np.arange(k + 1)),
                format=[name] * len(place),
                difference=difference,
                log10_magnitude=decades(np.where(np.isinf(place), np.nan, place)),
                status=status,
                reads=InWords(functools.partial(_in_words, difference), len(place)),
            )
        )
        for edge, said, is_so in (
            (_BOTTOM, word("{name}: all digits right at lag {lag}"), difference == 0),
            (_BOTTOM, word("{name}: float64 has none from lag {lag}"), np.isnan(difference)),
            (_TOP, word("{name}: overflows at lag {lag}"), np.isinf(difference)),
        ):
            lags = np.flatnonzero(is_so[1:]) + 1  # at lag 0 all are 1
            if len(lags):
                ends.append((int(lags[0]), say(said, name=name, lag=lags[0]), row, edge))
    made = stack(*lines)
    nothing_left = np.zeros(1)  # log10 of 100 %
    return {
        "differences": made,
        "frame": figure.frame((0, k), [made["log10_magnitude"].to_numpy(zero_copy_only=False), nothing_left]),
        "marks": by_lag.lag_mark(k, k),
        "ends": _table_of_ends(ends),
    }


def _limits(lowest: float, highest: float) -> list[tuple[float, str | None]]:
    """The ends of the formats within the axis, from the bottom; labelled where there is room for it."""
    ends = sorted(
        (float(np.log10(value)), said)
        for name, one in FORMATS.items()
        for said, value in (
            (say("smallest normal of {name}", name=name), one.smallest_normal),
            (say("smallest subnormal of {name}", name=name), one.smallest_subnormal),
        )
    )
    shown, last = [], -np.inf
    for place, label in ends:
        if lowest < place < highest:
            has_room = place - last > 0.06 * (highest - lowest)
            shown.append((place, label if has_room else None))
            last = place if has_room else last
    return shown
