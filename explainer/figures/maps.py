"""The gradient as a map over one parameter of a cell and the lag, with slices of it below."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from explainer.figures import figure, style
from explainer.figures.figure import STACKED, Drawing

_ABOVE, _BELOW = 260, 150  # pixels: of the map, and of the slices
HEIGHT = _ABOVE + _BELOW + STACKED


def _edges(values: Sequence[float]) -> list[float]:
    """Where the cells of these values begin and end; a scale that is given this stands still when the diamond moves."""
    half = (values[1] - values[0]) / 2
    return [values[0] - half, values[-1] + half]


def _around_the_slices(values: Sequence[float], lags: Sequence[int]) -> tuple[str, str]:
    """Where the axis below a map ends: around the reader's slice, and around that of the value under the pointer.

    The cells of one value stand together in the table. Vega itself would complain of a pointer that is nowhere.
    """
    place = f"round((pointer.parameter[0] - ({values[0]})) / {values[1] - values[0]}) * {len(lags)}"
    pointed = f"extent(slice(pluck(data('grid'), 'log10_magnitude'), {place}, {place} + {len(lags)}))"
    low, high = style.FRAMED["y"]
    return tuple(
        f"pointer.parameter && isValid({pointed}[{end}]) ? {outer}({own}, {pointed}[{end}]) : {own}"
        for end, (outer, own) in enumerate((("min", low), ("max", high)))
    )


def drawing(symbol: str, title: str, color: str, values: Sequence[float], lags: Sequence[int]) -> Drawing:
    """A map of the gradient over a parameter and the lag; below it, the slices of the reader and of the pointer.

    Args:
        symbol: of the parameter.
        title: of its axis.
        color: of the pointer's slice.
        values: of the parameter, evenly spaced.
        lags: evenly spaced, in steps.
    """

    def build() -> alt.VConcatChart:
        pointer = alt.selection_point(
            name="pointer", on="pointerover", clear="pointerout", fields=["parameter"], empty=False
        )
        extent = {"minExtent": 56, "maxExtent": 56}  # both plots begin at the same place
        across, up = ({"domain": _edges(of)} for of in (values, lags))
        x = style.x("from", title, style.TIGHT | across, ticks=6, grid=False, labelExpr=style.PLAIN_LABEL)
        y = style.y("lag_from", "lag k", style.TIGHT | up, grid=False, **extent)
        cells = (
            style.data("grid")
            .transform_calculate(reads=style.READS)
            .encode(
                x=x,
                x2="to:Q",
                y=y,
                y2="lag_to:Q",
                tooltip=[
                    alt.Tooltip("parameter:Q", title=symbol),
                    "lag:Q",
                    alt.Tooltip("reads:N", title="gradient"),
                    "status:N",
                ],
            )
        )
        alive = "isValid(datum.log10_magnitude)"
        reader = style.data("reader").encode(x=alt.X("parameter:Q"), y=alt.Y("lag:Q"))
        # the selection lives in one layer; a second mark under it would take the pointer away
        above = alt.layer(
            cells.transform_filter("!" + alive).mark_rect(color=style.EXACT_ZERO, aria=False),
            cells.transform_filter(alive).mark_rect().encode(color=style.regime_color()).add_params(pointer),
            reader.mark_point(
                shape="diamond", size=130, filled=True, color="white", stroke="black", strokeWidth=1.5, opacity=1
            ),
        ).properties(height=_ABOVE)
        slice_x = style.x("lag", "lag k", style.TIGHT | {"domain": [0, 200]})
        slice_y = style.log10_y(style.GRADIENT_TITLE, padding=4, ticks=4, **extent)
        own = style.data("own").encode(x=slice_x, y=slice_y)
        under = style.data("grid").transform_filter(pointer)
        below = alt.layer(
            style.invisible_frame(slice_x, slice_y),
            style.line_of_one(),
            own.mark_line(color=style.REFERENCE, strokeDash=[4, 3], strokeWidth=2),
            under.mark_line(color=color, strokeWidth=2.5, aria=False).encode(x=slice_x, y=slice_y),
            own.transform_filter("isValid(datum.label)")
            .mark_text(align="left", dx=6, dy=-8, **style.LABEL)
            .encode(text="label:N"),
            under.transform_filter(f"datum.lag == {lags[0]}")
            .transform_calculate(pointed=f"'under the pointer: {symbol} = ' + format(datum.parameter, '~g')")
            .mark_text(align="right", baseline="top", fontWeight="bold", **style.LABEL)
            .encode(x=alt.value(alt.ExprRef("width")), y=alt.value(2), text="pointed:N"),
        ).properties(height=_BELOW)
        style.hold(below, y=_around_the_slices(values, lags))
        chart = alt.vconcat(above, below, spacing=18)
        chart = chart.configure_view(stroke=None).configure_axis(domain=False, ticks=False)
        # as SVG, however many cells: there the page's colours reach the text
        return chart.properties(usermeta={"embedOptions": {"renderer": "svg"}})

    return figure.drawing(build)
