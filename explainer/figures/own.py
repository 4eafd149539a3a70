"""The drawings of a network from a file: how its gates stand, and what each lag contributes."""

from __future__ import annotations

import functools

import altair as alt

from explainer.figures import by_lag, figure, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Drawing


@functools.cache
def norms(*series: Series) -> Drawing:
    """The gradient by lag; the same drawing for the same lines."""
    return by_lag.drawing(*series)


@functools.cache
def gates(*series: Series) -> Drawing:
    """How often a gate stands where: steps over 20 bins."""

    def build() -> alt.LayerChart:
        x = style.x("gate", "forget gate", {"domain": [0, 1], "nice": False}, format="~g")
        y = style.y("share", "share of units and steps", {"zero": True, "nice": False, "padding": 6}, format="%")
        base = style.data("gates").encode(x=x, y=y, **_channels(series))
        tooltip = ["series:N", "gate:Q", alt.Tooltip("share:Q", format=".1%")]
        return style.finish(
            alt.layer(
                base.mark_line(strokeWidth=2.2, interpolate="step"),
                base.mark_circle(size=140, opacity=0, aria=False).encode(tooltip=tooltip),
            ),
            style.HALF_HEIGHT,
        )

    return figure.drawing(build)


@functools.cache
def shares(*series: Series) -> Drawing:
    """The share of the weight gradient by lag."""

    def build() -> alt.LayerChart:
        x = style.lag_x()
        y = style.y("share", "share of ∂L(t)/∂W_hh", {"zero": True, "nice": False, "padding": 6}, format="%")
        base = style.data("shares").encode(x=x, y=y, **_channels(series))
        tooltip = ["series:N", "lag:Q", alt.Tooltip("share:Q", format=".2%")]
        return style.finish(
            alt.layer(
                style.invisible_frame(x, y),
                base.mark_line(strokeWidth=2.2),
                base.mark_circle(size=140, opacity=0, aria=False).encode(tooltip=tooltip),
            ),
            style.HALF_HEIGHT,
        )

    return figure.drawing(build)


def _channels(series: tuple[Series, ...]) -> dict:
    domain, legend = [one.name for one in series], style.line_legend(columns=style.columns(1, 2))
    color = alt.Scale(domain=domain, range=[one.color for one in series])
    dash = alt.Scale(domain=domain, range=[list(one.dash) for one in series])
    return {
        "color": alt.Color("series:N", scale=color, legend=legend),
        "strokeDash": alt.StrokeDash("series:N", scale=dash, legend=legend),
    }
