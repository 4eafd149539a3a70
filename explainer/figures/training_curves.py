"""What becomes of networks in training: a line for each, with the range of its seeds."""

from __future__ import annotations

import altair as alt

from explainer.figures import figure, style
from explainer.figures.figure import Drawing


def _legend_channels(color: alt.Scale, dash: alt.Scale) -> dict:
    legend = style.line_legend(columns=style.columns(1, 2))
    legend.values = alt.ExprRef("pluck(data('drawn'), 'learner')")  # a fifth network only where there is one
    return {
        "color": alt.Color("learner:N", scale=color, legend=legend),
        "strokeDash": alt.StrokeDash("learner:N", scale=dash, legend=legend),
    }


def drawing(title: str, label_format: str, color: alt.Scale, dash: alt.Scale) -> Drawing:
    """The chart of a measure of training against the training step, a line with its range for each learner.

    Args:
        title: of the vertical axis.
        label_format: of its labels.
        color, dash: of the learners, by their names.
    """

    def build() -> alt.LayerChart:
        x = style.x("step", "training step", {"zero": True, "nice": False})
        y = style.y("middle", title, style.PADDED, format=label_format)
        curve = style.data("curves").encode(x=x)
        guess = style.data("guess").encode(y=alt.Y("middle:Q"))
        return style.finish(
            alt.layer(
                style.data("guess").mark_point(opacity=0, tooltip=None, aria=False).encode(x=x, y=y),
                style.data("drawn").mark_point(opacity=0, tooltip=None, aria=False).encode(detail="learner:N"),
                guess.transform_filter("isValid(datum.label)").mark_rule(
                    aria=False, color=style.REFERENCE, strokeDash=[2, 3]
                ),
                guess.transform_filter("isValid(datum.label)")
                .mark_text(align="right", dy=-7, **style.LABEL)
                .encode(x=alt.value(alt.ExprRef("width")), text="label:N"),
                curve.mark_area(opacity=0.14, aria=False).encode(
                    y=alt.Y("lowest:Q"), y2="highest:Q", color=_legend_channels(color, dash)["color"]
                ),
                curve.mark_line(strokeWidth=2.2).encode(y=y, **_legend_channels(color, dash)),
            ),
            style.HALF_HEIGHT,
            x=("0", style.ends("guess", "step")[1]),
            y=tuple(
                f"{which}({guess}, isValid({drawn}) ? {drawn} : {guess})"
                for which, guess, drawn in zip(
                    ("min", "max"),
                    style.ends("guess", "middle"),
                    (style.ends("curves", "lowest")[0], style.ends("curves", "highest")[1]),
                    strict=True,
                )
            ),
        )

    return figure.drawing(build)
