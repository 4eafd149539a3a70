"""The gradient against the lag: one line a series on a log axis, with a mark for what has no place there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import languages, words
from explainer.figures import compare, figure, hands, readings, rows, style
from explainer.figures.figure import Drawing, InWords, Plot, Stop, Stops, decades, stack, steps, table, text
from explainer.languages import say, word
from explainer.maths import gradients
from explainer.maths.gradients import Gradient
from explainer.serving.once import once


@dataclass(frozen=True)
class Series:
    """One line of the chart: its name in the legend, its cell's colour, and its dashes."""

    name: str
    color: str
    dash: tuple[int, ...]


VANILLA = Series(style.VANILLA, style.VERMILION, (1, 0))
GATED = Series(style.GATED, style.BLUE, (7, 3))


def compared(plot: Plot, reads: Mapping[Series, Collection[str]], height: int = style.FULL_HEIGHT) -> Plot:
    """The same plot, beside the curves that the reader has kept.

    Args:
        plot: its drawing is :func:`drawing` with ``compares``, of this height.
        reads: names of the controls that move each of its series.
        height: in pixels.
    """
    return compare.compared(plot, {series.name: names for series, names in reads.items()}, height)


def drawing(
    *series: Series,
    references: bool = False,
    height: int = style.FULL_HEIGHT,
    compares: bool = False,
    has_grip: bool = False,
) -> Drawing:
    """The chart of these series; with references, thin grey lines labelled at their end.

    One that compares has the curves that the reader has kept as well.

    Where the marked lag is the control k, the marker has a grip: then the plot's ``hand`` is ``hands.LAG``.
    """

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
        x, y = style.lag_x(), style.log10_y(style.GRADIENT_TITLE)
        tooltip = ["series:N", "lag:Q", alt.Tooltip("reads:N", title="gradient"), "status:N"]
        points = style.data("gradients").encode(x=x, color=color)
        lines = points.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=dash, detail="series:N")
        # wide and unseen: something to point at everywhere along a line
        targets = points.mark_circle(size=160, opacity=0, aria=False).encode(y=y, tooltip=tooltip)
        finish = functools.partial(hands.finish, held="x") if has_grip else style.finish
        return finish(
            alt.layer(
                style.invisible_frame(x, y),
                style.line_of_one(),
                *(_reference_layers(x, y) if references else ()),
                *(compare.lines(x, y, {one.name: one.color for one in series}) if compares else ()),
                hands.lag_marker() if has_grip else style.lag_marker(),
                lines,
                style.off_scale_marks(x, y, color, "gradients", "notes"),
                targets,
                style.walk_marks(x, y, color),
                *([compare.labels(x, y)] if compares else ()),
            ),
            height,
            **style.FRAMED,
        )

    return figure.drawing(build)


def _reference_layers(x: alt.X, y: alt.Y) -> list[alt.Chart]:
    reference = style.data("references").encode(x=x, y=y)
    label = {"aria": False, "dy": -8, "fontSize": style.FONT_SIZE}
    return [
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


# --- one line -----------------------------------------------------------------------------------------------


def line(
    name: str,
    lag: np.ndarray,
    gradient: np.ndarray,
    place: np.ndarray,
    status: np.ndarray,
    reads: Callable[[], list[str]],
) -> pa.Table:
    """The rows of one line.

    Args:
        name: its series' name.
        lag: (points,), and so are the others.
        gradient: the numbers themselves.
        place: where they are drawn, and status as what: see ``gradients.drawn_log10``.
        reads: gives the numbers in words.
    """
    return table(
        lag=steps(lag),
        series=text([name] * len(lag)),
        gradient=gradient,
        log10_magnitude=decades(place),
        status=status,
        reads=InWords(reads, len(lag)),
    )


def line_of(name: str, gradient: Gradient) -> pa.Table:
    """The rows of one line: a gradient of a scalar cell."""
    return _kept_line(name, gradient, rows.are_bare())


@once(64, also=languages.spoken)  # while one cell's parameter moves, the other cell's line stays
def _kept_line(name: str, gradient: Gradient, _: bool) -> pa.Table:
    def reads() -> list[str]:
        return readings.magnitudes(gradient.log10_magnitude, gradient.sign)

    return line(name, gradient.lag, gradient.gradient, *gradient.drawn, reads)


def line_of_norms(name: str, log10_norm: np.ndarray) -> pa.Table:
    """The rows of one line: norms from lag 0 on, given by their log10 (lags,), which may be far outside float64."""
    with np.errstate(over="ignore", under="ignore"):
        norm = 10.0**log10_norm
    _, status = gradients.drawn_log10(norm, log10_norm)
    lag = np.arange(len(log10_norm))
    return line(name, lag, norm, log10_norm, status, lambda: [words.magnitude(value) for value in log10_norm.tolist()])


# --- the tables of a chart ----------------------------------------------------------------------------------


def tables(
    lines: Mapping[Series, Gradient], k: int, references: Mapping[str, np.ndarray] | None = None
) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`.

    Args:
        lines: the gradient of each series, up to lag k.
        k: the reader's lag.
        references: log10 values by lag, (k+1,), of each grey line by its name.
    """
    references = references or {}
    made = tables_of([line_of(series.name, one) for series, one in lines.items()], k, k, references.values())
    if references:
        made["references"] = stack(*(_reference(name, log10) for name, log10 in references.items()))
    return made


def tables_of(
    lines: Sequence[pa.Table], k: int, last_lag: int, references: Iterable[np.ndarray] = ()
) -> dict[str, pa.Table]:
    """Tables for :func:`drawing` from those of its lines; the references only stretch the axis."""
    places = [one["log10_magnitude"].to_numpy(zero_copy_only=False) for one in lines]
    return {
        "gradients": stack(*lines),
        "frame": figure.frame((0, last_lag), [*places, *references]),
        "marks": lag_mark(k, last_lag),
        "notes": _first_of_each_status(lines),
        "walk": figure.marks("lag", [], "series", [], []),
    }


def lag_mark(k: int, last_lag: int) -> pa.Table:
    """Where the reader's lag is marked: nowhere if the axis ends before it."""
    inside = [k] if k <= last_lag else []
    return table(lag=np.array(inside, dtype=float), label=text([f"k = {lag}" for lag in inside]))


_STATUS_WORDS = {
    gradients.ROUNDED_TO_ZERO: word("float64 rounds to 0 from here"),
    gradients.OVERFLOW: word("float64 overflows from here"),
    gradients.EXACTLY_ZERO: gradients.EXACTLY_ZERO,
    gradients.UNDEFINED: gradients.UNDEFINED,
}


def _first_of_each_status(lines: Sequence[pa.Table]) -> pa.Table:
    notes = []
    for one in lines:
        status = one["status"].to_pylist()
        seen = {*status}
        for said in [said for said in _STATUS_WORDS if said in seen]:
            first = status.index(said)
            place, lag = (one[name].slice(first, 1).to_pylist()[0] for name in ("log10_magnitude", "lag"))
            notes.append((lag, np.nan if place is None else place, said, say(_STATUS_WORDS[said])))
    lag, place, status, label = zip(*notes, strict=True) if notes else [()] * 4
    return table(
        lag=np.array(lag, dtype=float),
        log10_magnitude=np.array(place, dtype=float),
        status=text(status),
        label=text(label),
    )


def _reference(name: str, log10: np.ndarray) -> pa.Table:
    """One grey line, named once: near its end if it rises, half way if it falls (-inf is no place).

    Not at its very end: there stands the mark of the lag.
    """
    lag = np.arange(len(log10))
    rises = bool(log10[-1] >= 0)
    place = (len(log10) - 1) * 4 // 5 if rises else len(log10) // 2
    side = np.where(lag == place, "left" if rises else "right", "")
    return table(name=[name] * len(lag), lag=steps(lag), log10_magnitude=decades(log10), label_side=side)


# --- its walk -----------------------------------------------------------------------------------------------


def walk(lines: Mapping[Series, Gradient]) -> Stops:
    """The product one factor at a time, lag by lag, along every line at once."""

    def stop(place: int) -> Stop:
        lag = place + 1
        said = [
            say(
                "{series} × {factor} gives {product}",
                series=say(series.name),
                factor=words.number(float(one.factor[lag - 1])),
                product=words.magnitude(one.log10_magnitude[lag], one.sign[lag]),
            )
            for series, one in lines.items()
        ]
        heights = [one.drawn[0][lag] for one in lines.values()]
        marks = figure.marks("lag", [lag] * len(lines), "series", [series.name for series in lines], heights)
        return Stop(say("Lag {lag}: {products}.", lag=lag, products="; ".join(said)), marks)

    return Stops(len(next(iter(lines.values())).lag) - 1, stop)
