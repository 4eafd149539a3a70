"""The ladder of a product: two steps back, one factor a rung."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure, readings, style
from explainer.figures.figure import Stop, Stops, decades, stack, steps, table
from explainer.maths import gradients
from explainer.maths.cells import GATES

_START = "start"  # in place of a factor, where nothing has been multiplied yet


@figure.drawing
def drawing() -> alt.LayerChart:
    """The running product of both cells against the steps back, rung by rung, on a log axis."""
    x = alt.X(
        "steps_back:Q",
        scale=alt.Scale(domain=[-0.08, 2.35], nice=False),
        axis=style.axis("steps back", values=[0, 1, 2], format="d"),
    )
    y = style.log10_y("running product")
    rungs = style.data("rungs").encode(x=x, color=style.cell_color())
    on_axis = rungs.transform_filter("isValid(datum.log10_magnitude)").encode(y=y)
    on_rail = rungs.transform_filter("!isValid(datum.log10_magnitude)").encode(y=alt.value(alt.ExprRef("height")))
    label = {"fontSize": style.FONT_SIZE, "align": "center"}
    named = on_axis.transform_filter(f"datum.rung != '{_START}'")
    is_gated = f"datum.cell == '{style.GATED}'"
    tooltip = [
        "cell:N",
        "rung:N",
        alt.Tooltip("factor:Q", format=".4~g"),
        alt.Tooltip("reads:N", title="running product"),
    ]
    return style.finish(
        alt.layer(
            style.invisible_frame(x, y),
            style.line_of_one(),
            on_axis.mark_line(strokeWidth=2.5, interpolate="step-after").encode(strokeDash=style.cell_dash()),
            on_axis.mark_point(size=90, filled=True, opacity=1).encode(shape=style.cell_shape(), tooltip=tooltip),
            on_rail.mark_point(size=90, filled=True, shape="cross", clip=False, aria=False).encode(tooltip=tooltip),
            named.transform_filter(is_gated)
            .mark_text(aria=False, dy=-14, **label)
            .encode(text="rung:N", color=alt.ColorValue("black")),
            named.transform_filter("!(" + is_gated + ")")
            .mark_text(aria=False, dy=18, **label)
            .encode(text="rung:N", color=alt.ColorValue("black")),
            on_rail.mark_text(aria=False, dy=-14, **label).encode(text="rung:N", color=alt.ColorValue("black")),
            style.walk_marks(x, y, style.cell_color()),
        ),
        style.FULL_HEIGHT,
        y=style.FRAMED["y"],
    )


def two_steps(settings: Settings) -> Settings:
    """The settings with a lag of at least 2, so that there are two steps to look at."""
    return settings.replace(k=max(settings.k, 2))


def tables(settings: Settings, gated_first: bool) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`: w, σ′, w, σ′ for the vanilla cell and the gates for the gated one."""
    settings = two_steps(settings)
    vanilla, gated = gradients.vanilla(settings).parts[:2], gradients.gated(settings).parts[:2]
    climb = _rungs(style.VANILLA, ["× w", "× σ′", "× w", "× σ′"], [0.5, 1.0, 1.5, 2.0], vanilla.ravel())
    if GATES[settings.gate].reads_state:
        names = ["× f(t−1)", "× the gate's own slope", "× f(t−2)", "× its slope"]
        gate_climb = _rungs(style.GATED, names, [0.5, 1.0, 1.5, 2.0], gated.ravel())
    else:
        gate_climb = _rungs(style.GATED, ["× f(t−1)", "× f(t−2)"], [1.0, 2.0], gated[:, 0])
    both = stack(gate_climb, climb) if gated_first else stack(climb, gate_climb)
    heights = both["log10_magnitude"].to_numpy(zero_copy_only=False)
    return {
        "rungs": both,
        "frame": figure.frame((0, 2), [heights], x_name="steps_back"),
        "walk": figure.marks("steps_back", [], "cell", [], []),
    }


def _rungs(cell: str, names: list[str], steps_back: list[float], factors: np.ndarray) -> pa.Table:
    factors = np.append(1.0, factors)
    running = np.cumprod(factors)
    with np.errstate(divide="ignore"):
        log10 = np.log10(np.abs(running))
    return table(
        cell=[cell] * len(running),
        rung=[_START, *names],
        steps_back=steps([0.0, *steps_back]),
        factor=factors,
        running_product=running,
        log10_magnitude=decades(log10),
        status=gradients.status_of(log10),
        reads=readings.magnitudes(log10, np.sign(running)),
    )


def walk(settings: Settings, gated_first: bool) -> Stops:
    """The two ladders one rung at a time, in the order in which the chain rule brings the factors in."""
    rungs = tables(settings, gated_first)["rungs"].to_pylist()
    places = sorted({rung["steps_back"] for rung in rungs} - {0.0})

    def stop(at: int) -> Stop:
        place = places[at]
        here = [rung for rung in rungs if rung["steps_back"] == place]
        said = [f"{r['cell']} {r['rung']} = × {words.number(r['factor'])} gives {r['reads']}" for r in here]
        heights = [np.nan if rung["log10_magnitude"] is None else rung["log10_magnitude"] for rung in here]
        marks = figure.marks("steps_back", [place] * len(here), "cell", [rung["cell"] for rung in here], heights)
        return Stop(f"{words.number(place)} step{'' if place == 1 else 's'} back: {'; '.join(said)}.", marks)

    return Stops(len(places), stop)
