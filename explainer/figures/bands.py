"""Lines of log10 magnitudes with a band over several draws, on one log axis: by depth, or block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer.figures import figure, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Drawing, Measured, decades, stack, table, text
from explainer.maths import gradients

LAYERS = "layers"  # unit of a column that counts blocks


def drawing(*series: Series, x: str, x_title: str, y_title: str, half: bool = False) -> Drawing:
    """The chart of these series.

    Args:
        series: the lines, by name.
        x: the column along the x axis.
        x_title: what it stands for.
        y_title: what the magnitudes are of.
        half: whether it stands in half a row.
    """

    def build() -> alt.LayerChart:
        names = [one.name for one in series]
        legend = style.line_legend(columns=style.columns(1, 2 if half else 3, limit=420))
        color = alt.Color("series:N", legend=legend, scale=alt.Scale(domain=names, range=[one.color for one in series]))
        dash = alt.StrokeDash(
            "series:N", legend=legend, scale=alt.Scale(domain=names, range=[list(one.dash) for one in series])
        )
        x_axis, y_axis = style.lag_x(x_title, x), style.log10_y(y_title)
        base = style.data("bands").encode(x=x_axis)
        tooltip = ["series:N", f"{x}:Q"]
        tooltip += [
            alt.Tooltip(f"{name}:Q", format=".3~f") for name in ("log10_lowest", "log10_magnitude", "log10_highest")
        ]
        return style.finish(
            alt.layer(
                style.invisible_frame(x_axis, y_axis),
                style.line_of_one(),
                base.mark_area(opacity=0.12, aria=False).encode(
                    y=alt.Y("log10_lowest:Q"), y2="log10_highest:Q", color=color
                ),
                base.mark_line(strokeWidth=2.5).encode(y=y_axis, color=color, strokeDash=dash),
                base.mark_circle(size=120, opacity=0, aria=False).encode(y=y_axis, tooltip=tooltip),
            ),
            style.HALF_HEIGHT if half else style.FULL_HEIGHT,
        )

    return figure.drawing(build)


def tables(lines: Mapping[str, np.ndarray], x: str, places: Sequence[int] | np.ndarray) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`: the middle of the draws, and their range.

    Args:
        lines: log10 values (draws, points) by the series' name.
        x: the column along the x axis.
        places: its values, (points,), in blocks.
    """
    places = np.asarray(places, dtype=float)
    rows, ends = [], []
    for name, values in lines.items():
        middle, low, high = np.median(values, axis=0), values.min(0), values.max(0)
        ends += [low, high]
        rows.append(
            table(
                **{x: Measured(places, LAYERS)},
                series=text([name] * len(places)),
                log10_magnitude=decades(middle),
                log10_lowest=decades(low),
                log10_highest=decades(high),
                status=gradients.status_of(middle, low, high),
            )
        )
    return {"bands": stack(*rows), "frame": figure.frame((places[0], places[-1]), ends, x_name=x)}
