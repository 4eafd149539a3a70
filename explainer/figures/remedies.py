"""Remedies side by side, a row for each: what each does to the product at the start, and what comes of it in training.

Which remedies there are, and which of them belong to a gated cell, the section says: ``{"LSTM, b_f = 1": True, ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from explainer.figures import figure, style
from explainer.figures.figure import Drawing

ROW = 30  # pixels of a remedy


def _colors(remedies: Mapping[str, bool]) -> alt.Scale:
    colors = [style.BLUE if is_gated else style.VERMILION for is_gated in remedies.values()]
    return alt.Scale(domain=list(remedies), range=colors)


def _rows(remedies: Mapping[str, bool]) -> alt.Y:
    axis = style.axis(None, labelLimit=180, grid=True)
    return alt.Y("series:N", sort=list(remedies), axis=axis, scale=alt.Scale(domain=list(remedies), padding=0.8))


def _log10_x(title: str) -> alt.X:
    return style.x("log10_magnitude", title, style.PADDED, tickMinStep=1, labelExpr=style.POWER_OF_TEN_LABEL)


def start(remedies: Mapping[str, bool]) -> Drawing:
    """The chart of the product at the start: for each remedy the middle and the range of its seeds."""

    def build() -> alt.LayerChart:
        x, y = _log10_x("gradient at lag k, before training"), _rows(remedies)
        placed, nothing = "isValid(datum.log10_magnitude)", "!isValid(datum.log10_magnitude)"
        color = alt.Color("series:N", scale=_colors(remedies), legend=None)
        shape = alt.Shape(
            "kind:N", scale=alt.Scale(domain=["gated", "vanilla"], range=["square", "circle"]), legend=None
        )
        base = style.data("start").encode(y=y)
        return style.finish(
            alt.layer(
                style.data("frame").mark_point(opacity=0, tooltip=None, aria=False).encode(x=x),
                style.data("frame").mark_rule(color=style.REFERENCE, aria=False).encode(x="one:Q"),
                style.data("frame")
                .mark_rule(color=style.REFERENCE, strokeDash=[2, 3], aria=False)
                .encode(x="horizon:Q"),
                base.transform_filter("isValid(datum.log10_lowest)")
                .mark_rule(strokeWidth=4, opacity=0.35, aria=False)
                .encode(x="log10_lowest:Q", x2="log10_highest:Q", color=color),
                base.transform_filter(placed)
                .mark_point(filled=True, size=110, opacity=1)
                .encode(
                    x=x,
                    color=color,
                    shape=shape,
                    tooltip=["series:N", alt.Tooltip("reads:N", title="norm"), "horizon:N"],
                ),
                base.transform_filter(placed)
                .mark_text(align="left", dx=10, dy=-9, **style.LABEL)
                .encode(x=x, text="reads:N"),
                base.transform_filter(nothing)
                .mark_point(shape="cross", size=60, filled=True)
                .encode(
                    x=alt.value(0), color=color, tooltip=["series:N", alt.Tooltip("reads:N", title="norm"), "horizon:N"]
                ),
                base.transform_filter(nothing)
                .mark_text(align="left", dx=10, dy=-9, **style.LABEL)
                .encode(x=alt.value(0), text="reads:N"),
            ),
            ROW * len(remedies),
        )

    return figure.drawing(build)


def outcome(remedies: Mapping[str, bool]) -> Drawing:
    """The chart of what came of it: for each remedy a mark for every seed."""

    def build() -> alt.LayerChart:
        scale = {"domain": [0.3, 1.06], "nice": False, "zero": False, "clamp": True}
        x, y = style.x("accuracy", "accuracy at the end, each seed", scale, format="%"), _rows(remedies)
        color = alt.Color("series:N", scale=_colors(remedies), legend=None)
        shapes = alt.Scale(domain=["learned", "not learned"], range=["circle", "cross"])
        legend = alt.Legend(
            title=None,
            orient="top",
            labelFontSize=style.FONT_SIZE,
            symbolSize=90,
            symbolFillColor=style.REFERENCE,
            symbolStrokeColor=style.REFERENCE,
        )
        shape = alt.Shape("outcome:N", scale=shapes, legend=legend)
        return style.finish(
            alt.layer(
                style.data("guess")
                .mark_rule(color=style.REFERENCE, strokeDash=[2, 3], aria=False)
                .encode(x="accuracy:Q"),
                style.data("came")
                .mark_point(filled=True, size=90, opacity=0.85, aria=False)
                .encode(
                    x=x,
                    y=y,
                    color=color,
                    shape=shape,
                    tooltip=["series:N", alt.Tooltip("order:Q", title="seed"), "accuracy:Q", "outcome:N"],
                ),
            ),
            ROW * len(remedies),
        )

    return figure.drawing(build)
