"""The factor that each single step puts into the gradient, of both cells."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer.choices.settings import Settings
from explainer.figures import figure, style
from explainer.figures.figure import stack, steps, table
from explainer.languages import say
from explainer.maths import gradients


@figure.drawing
def drawing() -> alt.LayerChart:
    """Factor against step, on a linear axis that holds 0 and the line of 1."""
    x = style.lag_x("i: the step from t−i to t−i+1 (past →)", "step")
    y = style.y("factor", "factor of one step", {"zero": False, "padding": 6}, labelExpr=style.PLAIN_LABEL)
    lines = style.data("factors").encode(x=x, y=y, color=style.cell_color())
    return style.finish(
        alt.layer(
            style.invisible_frame(x, y),
            style.data("one").mark_rule(aria=False, color=style.REFERENCE).encode(y="factor:Q"),
            style.data("one")
            .mark_text(align="left", dx=4, dy=-7, **style.LABEL)
            .encode(x=alt.value(0), y="factor:Q", text="label:N"),
            lines.mark_line(strokeWidth=2.5).encode(strokeDash=style.cell_dash()),
            lines.mark_point(size=40, filled=True).encode(
                shape=style.cell_shape(),
                tooltip=["cell:N", "step:Q", alt.Tooltip("factor:Q", format=".4~g")],
            ),
        ),
        style.HALF_HEIGHT,
    )


def tables(settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`: the factors of steps 1…k, the latest step first."""
    step = np.arange(1, settings.k + 1)
    cells = ((style.VANILLA, gradients.vanilla(settings)), (style.GATED, gradients.gated(settings)))
    rows = [table(step=steps(step), cell=[name] * len(step), factor=gradient.factor) for name, gradient in cells]
    return {
        "factors": stack(*rows),
        "frame": table(step=[0.5, settings.k + 0.5], factor=[0.0, 1.1]),
        "one": table(factor=[1.0], label=[say("1: neither shrinks nor grows")]),
    }
