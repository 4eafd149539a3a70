"""The drawings that several sections share, each with the function that makes its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure as figures
from explainer.figures import style
from explainer.figures.figure import Stop, Stops, table
from explainer.maths import gradients
from explainer.maths.gradients import Gradient

SMALLEST_NORMAL = float(np.finfo(np.float64).smallest_normal)
GRADIENT_TITLE = "magnitude of the gradient"


def magnitudes(log10: np.ndarray, sign: np.ndarray) -> list[str]:
    return [words.magnitude(*pair) for pair in zip(log10.tolist(), sign.tolist(), strict=True)]


# --- the gradient by lag ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Series:
    """One line of a by-lag chart: its name in the legend, its cell's colour, and its dashes."""

    name: str
    color: str
    dash: tuple[int, ...]


VANILLA = Series(style.VANILLA, style.VERMILION, (1, 0))
GATED = Series(style.GATED, style.BLUE, (7, 3))


def by_lag(name: str, series: Sequence[Series], references: bool) -> figures.Drawing:
    """Magnitude against lag on a log axis: one line a series, thin grey references labelled at their end."""

    def build() -> alt.LayerChart:
        domain = [one.name for one in series]
        legend = style.line_legend(columns=style.columns(1, 2) if len(series) > 2 else 0)
        color = alt.Color(
            "series:N", legend=legend, scale=alt.Scale(domain=domain, range=[one.color for one in series])
        )
        dash = alt.StrokeDash(
            "series:N",
            legend=legend,
            scale=alt.Scale(domain=domain, range=[list(one.dash) for one in series]),
        )
        x, y = style.lag_x(), style.log10_y(GRADIENT_TITLE)
        tooltip = [
            alt.Tooltip("series:N"),
            alt.Tooltip("lag:Q"),
            alt.Tooltip("reads:N", title="gradient"),
            alt.Tooltip("status:N"),
        ]
        points = alt.Chart(alt.NamedData("gradients")).encode(x=x, color=color)
        lines = points.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=dash, detail="series:N")
        # wide and unseen: something to point at everywhere along a line
        targets = points.mark_circle(size=160, opacity=0, aria=False).encode(y=y, tooltip=tooltip)
        layers = [
            style.invisible_frame(x, y),
            style.line_of_one(),
            style.lag_marker(),
            lines,
            style.off_scale_marks(x, y, color, "gradients", "notes"),
            targets,
            style.walk_marks(x, y, color),
        ]
        if references:
            reference = alt.Chart(alt.NamedData("references")).encode(x=x, y=y)
            label = {"aria": False, "dy": -8, "fontSize": style.FONT_SIZE}
            layers[2:2] = [
                reference.mark_line(color=style.REFERENCE, strokeWidth=1.2, strokeDash=[2, 2], aria=False).encode(
                    detail="name:N"
                ),
                # the words stand above the line, on the side from which it does not come down upon them
                reference.transform_filter("datum.label_side == 'right'")
                .mark_text(align="left", dx=6, **label)
                .encode(text="name:N"),
                reference.transform_filter("datum.label_side == 'left'")
                .mark_text(align="right", dx=-6, **label)
                .encode(text="name:N"),
            ]
        return style.finish(alt.layer(*layers), style.FULL_HEIGHT)

    build.__name__ = name
    return figures.drawing(build)


def line_table(
    series: Series,
    lag: np.ndarray,
    gradient: np.ndarray,
    place: np.ndarray,
    status: np.ndarray,
    reads: list[str],
) -> pa.Table:
    """One line of a by-lag chart: arrays of one shape, place and status as from ``gradients.drawn_log10``."""
    return table(
        lag=lag,
        series=[series.name] * len(lag),
        gradient=gradient,
        log10_magnitude=place,
        status=status,
        reads=reads,
    )


def lag_mark(k: int, last_lag: int) -> pa.Table:
    """Where the reader's lag is marked: nowhere if the axis ends before it."""
    inside = [k] if k <= last_lag else []
    return pa.table({"lag": pa.array(inside, pa.float64()), "label": pa.array([f"k = {k}"] * len(inside), pa.string())})


def at_rest(x: str, name: str) -> pa.Table:
    """The marks of a walk that has not begun: none."""
    return _walk_marks(x, [], name, [], [])


def _walk_marks(x: str, places: Sequence[float], name: str, names: Sequence[str], log10: Sequence[float]) -> pa.Table:
    return pa.table(
        {
            x: pa.array(places, pa.float64()),
            name: pa.array(names, pa.string()),
            "log10_magnitude": figures.column(np.array(log10, dtype=float)),
        }
    )


def walk_by_lag(lines: Mapping[Series, Gradient]) -> Stops:
    """The product one factor at a time, lag by lag, along every line at once."""

    def stop(place: int) -> Stop:
        lag = place + 1
        said = [
            f"{series.name} × {words.number(float(one.factor[lag - 1]))} gives "
            f"{words.magnitude(one.log10_magnitude[lag], one.sign[lag])}"
            for series, one in lines.items()
        ]
        marks = _walk_marks(
            "lag", [lag] * len(lines), "series", [s.name for s in lines], [one.drawn[0][lag] for one in lines.values()]
        )
        return Stop(f"Lag {lag}: {'; '.join(said)}.", marks)

    return Stops(len(next(iter(lines.values())).lag) - 1, stop)


def lines_tables(
    rows: Sequence[pa.Table], k: int, last_lag: int, references: Iterable[np.ndarray] = ()
) -> dict[str, pa.Table]:
    """The tables of a by-lag chart from those of its lines; the references only stretch the axis."""
    places = [one["log10_magnitude"].to_numpy(zero_copy_only=False) for one in rows]
    return {
        "gradients": figures.stack(*rows),
        "frame": figures.frame((0, last_lag), [*places, *references]),
        "marks": lag_mark(k, last_lag),
        "notes": _first_of_each_status(rows),
        "walk": at_rest("lag", "series"),
    }


_STATUS_WORDS = {
    gradients.ROUNDED_TO_ZERO: "float64 rounds to 0 from here",
    gradients.OVERFLOW: "float64 overflows from here",
    gradients.EXACTLY_ZERO: "exactly 0",
    gradients.UNDEFINED: "undefined",
}


def _first_of_each_status(rows: Sequence[pa.Table]) -> pa.Table:
    lag, place, kind, label = [], [], [], []
    for row in rows:
        status = row["status"].to_numpy(zero_copy_only=False)
        for said, text in _STATUS_WORDS.items():
            first = np.flatnonzero(status == said)[:1]
            if len(first):
                lag.append(row["lag"][first[0]].as_py())
                place.append(row["log10_magnitude"][first[0]].as_py())
                kind.append(said)
                label.append(text)
    return pa.table(
        {
            "lag": pa.array(lag, pa.float64()),
            "log10_magnitude": pa.array(place, pa.float64()),
            "status": pa.array(kind, pa.string()),
            "label": pa.array(label, pa.string()),
        }
    )


def by_lag_tables(
    lines: Mapping[Series, Gradient], k: int, references: Mapping[str, np.ndarray] | None = None
) -> dict[str, pa.Table]:
    """Tables for :func:`by_lag`; a reference is its name and its log10 values by lag."""
    references = references or {}
    rows = [
        line_table(
            series,
            gradient.lag,
            gradient.gradient,
            *gradient.drawn,
            magnitudes(gradient.log10_magnitude, gradient.sign),
        )
        for series, gradient in lines.items()
    ]
    tables = lines_tables(rows, k, k, references.values())
    if references:
        tables["references"] = figures.stack(*(_reference(name, log10) for name, log10 in references.items()))
    return tables


def _reference(name: str, log10: np.ndarray) -> pa.Table:
    """One grey line, named once: at its end if it rises, half way if it falls (-inf is no place)."""
    lag = np.arange(len(log10))
    rises = bool(log10[-1] >= 0)
    place = len(log10) - 1 if rises else len(log10) // 2
    side = np.where(lag == place, "left" if rises else "right", "")
    return table(name=[name] * len(lag), lag=lag, log10_magnitude=log10, label_side=side)


# --- the factor of each single step -------------------------------------------------------------------------


@figures.drawing
def factor_by_step() -> alt.LayerChart:
    x = style.lag_x("i: the step from t−i to t−i+1", "step")
    y = alt.Y(
        "factor:Q",
        scale=alt.Scale(zero=False, padding=6),
        axis=style.axis("factor of one step", tickCount=5, labelExpr=style.PLAIN_LABEL),
    )
    lines = alt.Chart(alt.NamedData("factors")).encode(x=x, y=y, color=style.cell_color())
    return style.finish(
        alt.layer(
            alt.Chart(alt.NamedData("frame")).mark_point(opacity=0, tooltip=None, aria=False).encode(x=x, y=y),
            alt.Chart(alt.NamedData("one")).mark_rule(aria=False, color=style.REFERENCE).encode(y="factor:Q"),
            alt.Chart(alt.NamedData("one"))
            .mark_text(aria=False, align="left", dx=4, dy=-7, fontSize=style.FONT_SIZE)
            .encode(x=alt.value(0), y="factor:Q", text="label:N"),
            lines.mark_line(strokeWidth=2.5).encode(strokeDash=style.cell_dash()),
            lines.mark_point(size=40, filled=True).encode(
                shape=style.cell_shape(),
                tooltip=[
                    alt.Tooltip("cell:N"),
                    alt.Tooltip("step:Q"),
                    alt.Tooltip("factor:Q", format=".4~g"),
                ],
            ),
        ),
        style.HALF_HEIGHT,
    )


def factor_tables(settings: Settings) -> dict[str, pa.Table]:
    step = np.arange(1, settings.k + 1)
    cells = ((style.VANILLA, gradients.vanilla(settings)), (style.GATED, gradients.gated(settings)))
    rows = [table(step=step, cell=[name] * len(step), factor=gradient.factor) for name, gradient in cells]
    return {
        "factors": figures.stack(*rows),
        "frame": table(step=[0.5, settings.k + 0.5], factor=[0.0, 1.1]),
        "one": table(factor=[1.0], label=["1: neither shrinks nor grows"]),
    }


# --- the ladder of a product --------------------------------------------------------------------------------


@figures.drawing
def ladder() -> alt.LayerChart:
    x = alt.X(
        "steps_back:Q",
        scale=alt.Scale(domain=[-0.08, 2.35], nice=False),
        axis=style.axis("steps back", values=[0, 1, 2], format="d"),
    )
    y = style.log10_y("running product")
    rungs = alt.Chart(alt.NamedData("rungs")).encode(x=x, color=style.cell_color())
    on_axis = rungs.transform_filter("isValid(datum.log10_magnitude)").encode(y=y)
    on_rail = rungs.transform_filter("!isValid(datum.log10_magnitude)").encode(y=alt.value(alt.ExprRef("height")))
    label = {"fontSize": style.FONT_SIZE, "align": "center"}
    is_gated = f"datum.cell == '{style.GATED}'"
    tooltip = [
        alt.Tooltip("cell:N"),
        alt.Tooltip("rung:N"),
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
            on_axis.transform_filter(is_gated)
            .mark_text(aria=False, dy=-14, **label)
            .encode(text="rung:N", color=alt.ColorValue("black")),
            on_axis.transform_filter("!(" + is_gated + ")")
            .mark_text(aria=False, dy=18, **label)
            .encode(text="rung:N", color=alt.ColorValue("black")),
            on_rail.mark_text(aria=False, dy=-14, **label).encode(text="rung:N", color=alt.ColorValue("black")),
            style.walk_marks(x, y, style.cell_color(legend=False)),
        ),
        style.FULL_HEIGHT,
    )


def _rungs(cell: str, labels: list[str], steps_back: list[float], factors: list[float]) -> pa.Table:
    running = np.cumprod([1.0, *factors])
    with np.errstate(divide="ignore"):
        log10 = np.log10(np.abs(running))
    return table(
        cell=[cell] * len(running),
        rung=["", *labels],
        steps_back=[0.0, *steps_back],
        factor=[1.0, *factors],
        running_product=running,
        log10_magnitude=log10,
        reads=magnitudes(log10, np.sign(running)),
    )


def two_steps(settings: Settings) -> Settings:
    """The settings with a lag of at least 2, so that there are two steps to look at."""
    return settings.replace(k=max(settings.k, 2))


def ladder_tables(settings: Settings, gated_first: bool) -> dict[str, pa.Table]:
    """Two steps back, one factor a rung: w, σ′, w, σ′ for the vanilla cell and the gates for the gated one."""
    settings = two_steps(settings)
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    climb = _rungs(
        style.VANILLA,
        ["× w", "× σ′", "× w", "× σ′"],
        [0.5, 1.0, 1.5, 2.0],
        vanilla.parts[:2].ravel().tolist(),
    )
    gates, rests = gated.parts[:2, 0].tolist(), gated.parts[:2, 1].tolist()
    if settings.gate == "state":
        gate_climb = _rungs(
            style.GATED,
            ["× f(t−1)", "× the gate's own slope", "× f(t−2)", "× its slope"],
            [0.5, 1.0, 1.5, 2.0],
            [gates[0], rests[0], gates[1], rests[1]],
        )
    else:
        gate_climb = _rungs(style.GATED, ["× f(t−1)", "× f(t−2)"], [1.0, 2.0], gates)
    rows = (gate_climb, climb) if gated_first else (climb, gate_climb)
    both = figures.stack(*rows)
    heights = both["log10_magnitude"].to_numpy(zero_copy_only=False)
    return {
        "rungs": both,
        "frame": figures.frame((0, 2), [heights], x_name="steps_back"),
        "walk": at_rest("steps_back", "cell"),
    }


def walk_ladder(settings: Settings, gated_first: bool) -> Stops:
    """The two ladders one rung at a time, in the order in which the chain rule brings the factors in."""
    rungs = ladder_tables(settings, gated_first)["rungs"].to_pylist()
    places = sorted({rung["steps_back"] for rung in rungs} - {0.0})

    def stop(at: int) -> Stop:
        place = places[at]
        here = [rung for rung in rungs if rung["steps_back"] == place]
        said = [f"{r['cell']} {r['rung']} = × {words.number(r['factor'])} gives {r['reads']}" for r in here]
        heights = [np.nan if rung["log10_magnitude"] is None else rung["log10_magnitude"] for rung in here]
        marks = _walk_marks("steps_back", [place] * len(here), "cell", [rung["cell"] for rung in here], heights)
        return Stop(f"{words.number(place)} step{'' if place == 1 else 's'} back: {'; '.join(said)}.", marks)

    return Stops(len(places), stop)


# --- what to say beside a receipt ---------------------------------------------------------------------------


def remark(gradient: Gradient, lag: int = -1, formula: float | None = None) -> str:
    """What float64 did to the gradient at a lag (the largest unless given), where it did something; else nothing.

    ``formula`` is what it is compared with, the closed form unless given.
    """
    status = gradient.drawn[1][lag]
    size = words.magnitude(gradient.log10_magnitude[lag], gradient.sign[lag])
    if status == gradients.ROUNDED_TO_ZERO:
        return f"float64 rounds this gradient to 0. Its magnitude, from the sum of logarithms, is {size}."
    if status == gradients.OVERFLOW:
        return f"float64 overflows here. The magnitude, from the sum of logarithms, is {size}."
    if status == gradients.EXACTLY_ZERO:
        return "One factor is exactly 0, and so is everything behind it."
    exact = float(gradient.closed_form[lag]) if formula is None else formula
    return lost_digits(float(gradient.gradient[lag]), exact)


def lost_digits(measured: float, formula: float) -> str:
    """Why two sides differ that float64 should have made equal; nothing where they agree."""
    if words.relative_difference(measured, formula) <= words.AGREE:
        return ""
    if abs(formula) < SMALLEST_NORMAL:
        return "Below 2.2 × 10⁻³⁰⁸ float64 keeps fewer and fewer digits; here it shows."
    return (
        "The two sides differ because σ is saturated: torch forms σ′ as 1 − y² or y·(1 − y) from a y next to "
        "1 and loses digits; the formula here does not."
    )


def verdict(gradient: Gradient) -> str:
    """The verdict as a predicate: ``vanishes, 2.3 × 10⁻³`` or ``keeps 7.7 %``; computed from the gradient."""
    size = words.magnitude(gradient.log10_magnitude[-1], 1)
    said = gradients.verdict(gradient)
    if said == "dead":
        return "is dead: exactly 0"
    if said == "neither":
        fraction = 10 ** gradient.log10_magnitude[-1]
        return f"keeps {words.percent(fraction)}" if fraction <= 1 else f"grows to {words.percent(fraction)}"
    return f"{said}, {size}"


def at_end(gradient: Gradient) -> str:
    """The gradient at lag k in words, with what float64 made of it."""
    status = gradient.drawn[1][-1]
    size = words.magnitude(gradient.log10_magnitude[-1], gradient.sign[-1])
    return f"{size} (in float64 it {status})" if status in (gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW) else size


def horizons(cells: Mapping[str, Gradient]) -> str:
    """For each cell the lag at which less than the horizon's share is left, as one sentence."""
    parts = []
    for cell, gradient in cells.items():
        lag = gradients.horizon(gradient)
        parts.append(
            f"the {cell} cell never within these {words.steps(gradient.lag[-1])}"
            if lag is None
            else f"the {cell} cell from lag {lag} on"
        )
    return f"Less than {words.percent(gradients.HORIZON)} is left: {'; '.join(parts)}."
