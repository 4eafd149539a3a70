"""The activation function with its tangents at steps of the vanilla cell: where the slopes in the product come from."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure, style
from explainer.figures.figure import table, text
from explainer.languages import say, word
from explainer.maths import gradients

REACH = 0.16  # of the axis: how far a tangent goes to either side
_LEAST = 3.0  # the axis goes at least so far to either side


@figure.drawing
def drawing() -> alt.LayerChart:
    """σ(x) in grey, and at each place a tangent with its slope in words."""
    x = style.x("x", "x = w·h, what σ is applied to", style.TIGHT, labelExpr=style.PLAIN_LABEL)
    y = style.y("y", "σ(x)", style.PADDED, labelExpr=style.PLAIN_LABEL)
    color = alt.ColorValue(style.VERMILION)
    touches = style.data("touches").encode(x=x, y=y)
    tooltip = ["step:N", *(alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("x", "y", "slope"))]
    return style.finish(
        alt.layer(
            style.data("curve").mark_line(color=style.REFERENCE, strokeWidth=2).encode(x=x, y=y, order="x:Q"),
            style.data("tangents")
            .mark_line(strokeWidth=3)
            .encode(x=x, y=y, color=color, strokeDash=alt.StrokeDash("step:N", legend=None), detail="step:N"),
            touches.mark_point(size=110, filled=True, opacity=1).encode(color=color, tooltip=tooltip),
            # one mark: Vega complains where a filter leaves nothing
            touches.mark_text(
                align=_by_side("'left'", "'right'"), dx=_by_side("8", "-8"), dy=_by_side("18", "-14"), **style.LABEL
            ).encode(text="label:N"),
        ),
        style.HALF_HEIGHT,
    )


def _by_side(left: str, right: str) -> alt.ExprRef:
    """One expression for a label at a place left of 0, or at 0, and another to its right."""
    return alt.ExprRef(f"datum.x > 0 ? {right} : {left}")


def tables(settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`: the last step and the first one of the vanilla cell."""
    places = _places(settings)
    x = np.array([*places.values()])
    furthest = max(_LEAST, 1.1 * np.abs(x).max())
    grid = furthest * np.arange(-100, 101) / 100
    curve, touch = (gradients.vanilla_derivative(settings.replace(w=1.0), at.tolist()) for at in (grid, x))
    reach = REACH * furthest / np.hypot(1.0, touch.gradient)
    ends = np.array([-reach, reach]).T  # (places, 2)
    names = [*places]
    slopes = [words.number(one) for one in touch.gradient]
    return {
        "curve": table(x=grid, y=curve.next_state, slope=curve.gradient),
        "touches": table(
            step=text(names),
            x=x,
            y=touch.next_state,
            slope=touch.gradient,
            label=text([f"{say(name)}: σ′ = {slope}" for name, slope in zip(names, slopes, strict=True)]),
        ),
        "tangents": table(
            step=text([name for name in names for _ in range(2)]),
            x=(x[:, None] + ends).ravel(),
            y=(touch.next_state[:, None] + touch.gradient[:, None] * ends).ravel(),
        ),
    }


def _places(settings: Settings) -> dict[str, float]:
    """What σ is applied to in the first step and, if it is another one, in the last."""
    state = gradients.vanilla(settings).state
    steps = {word("the first step"): state[-1]} | ({word("the last step"): state[1]} if settings.k > 1 else {})
    return {name: float(settings.w * h) for name, h in steps.items() if np.isfinite(h)}
