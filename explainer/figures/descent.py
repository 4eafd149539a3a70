"""What becomes of a training that meets an exploding gradient, with gradient clipping and without."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer.figures import figure, style
from explainer.figures.figure import Drawing, decades, stack, table, text
from explainer.languages import word
from explainer.maths import cliff
from explainer.maths.cliff import Descent

LINES = {
    word("no clipping"): (None, style.VERMILION, (1, 0)),
    word("clipped at norm 1"): (cliff.CLIP, style.VERMILION, (7, 3)),
}


def descents() -> dict[str, Descent]:
    """Both descents by the name of their line."""
    return {name: cliff.descend(clip) for name, (clip, _, _) in LINES.items()}


def drawing(column: str, y: alt.Y) -> Drawing:
    """A column of :func:`tables` against the training step."""

    def build() -> alt.LayerChart:
        legend, names = style.line_legend(), list(LINES)
        x = style.x("training_step", "training step", {"zero": True, "nice": False, "padding": 4})
        lines = style.data("descents").encode(x=x, y=y)
        return style.finish(
            alt.layer(
                style.invisible_frame(x, y),
                *([style.line_of_one()] if column == "log10_norm" else ()),
                lines.mark_line(strokeWidth=2.2).encode(
                    color=alt.Color(
                        "series:N",
                        legend=legend,
                        scale=alt.Scale(domain=names, range=[c for _, c, _ in LINES.values()]),
                    ),
                    strokeDash=alt.StrokeDash(
                        "series:N",
                        legend=legend,
                        scale=alt.Scale(domain=names, range=[[*d] for *_, d in LINES.values()]),
                    ),
                ),
                lines.mark_circle(size=90, opacity=0, aria=False).encode(
                    tooltip=["series:N", "training_step:Q", alt.Tooltip(f"{column}:Q", format=".3~g")]
                ),
            ),
            style.HALF_HEIGHT,
        )

    return figure.drawing(build)


def tables(column: str) -> dict[str, pa.Table]:
    """Both descents: ``loss`` or ``log10_norm`` by training step."""
    step = np.arange(cliff.STEPS + 1.0)

    def values(one: Descent) -> dict:
        return {"loss": one.loss} if column == "loss" else {"log10_norm": decades(np.log10(one.norm))}

    made = descents()
    rows = [table(training_step=step, series=text([name] * len(step)), **values(one)) for name, one in made.items()]
    ends = (0.0, float(cliff.STEPS))
    if column == "loss":
        frame = table(training_step=np.array(ends), loss=np.array([0.0, 0.5]))
    else:
        norms = [np.log10(one.norm) for one in made.values()]
        frame = figure.frame(ends, norms, x_name="training_step", y_name="log10_norm")
    return {"descents": stack(*rows), "frame": frame}
