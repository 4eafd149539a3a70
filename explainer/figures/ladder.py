"""The ladder of a product: two steps back, one factor a rung, each rung a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure, readings, style
from explainer.figures.figure import Stop, Stops, decades, stack, steps, table, text
from explainer.languages import say, word
from explainer.maths import gradients
from explainer.maths.cells import GATES

_START = word("start")  # in place of a factor, where nothing has been multiplied yet
_BAR = 12  # pixels: how thick a bar is
_GAP = 0.4  # of a row, between the two cells
_READING_GATE = ["× f(t−1)", word("× what f's slope adds"), "× f(t−2)", word("× what its slope adds")]


@figure.drawing
def drawing() -> alt.LayerChart:
    """The running product of both cells as bars, one below the other: what each factor leaves of the bar above."""
    x = style.x("running_product", "running product", {"nice": False, "padding": 6}, labelExpr=style.PLAIN_LABEL)
    y = alt.Y("row:Q", axis=None, scale=alt.Scale(reverse=True, nice=False, zero=False))
    rungs = style.data("rungs").encode(y=y)
    bars = rungs.encode(color=style.cell_color(legend=False), x2=alt.datum(0))
    tooltip = [
        "cell:N",
        "rung:N",
        alt.Tooltip("factor:Q", format=".4~g"),
        alt.Tooltip("reads:N", title="running product"),
    ]
    line = style.data("frame").encode(x=alt.X("one:Q"))
    ring = style.data("walk").encode(x=x, y=y, color=style.cell_color(legend=False))
    return style.finish(
        alt.layer(
            style.data("frame").mark_point(opacity=0, tooltip=None, aria=False).encode(x=x),
            line.mark_rule(color=style.REFERENCE, strokeDash=[2, 2], aria=False),
            bars.mark_bar(size=_BAR, opacity=0.25, aria=False).encode(x=alt.X("before:Q")),
            bars.mark_bar(size=_BAR).encode(x=x, tooltip=tooltip),
            rungs.mark_text(align="left", dy=-_BAR - 2, **style.LABEL).encode(x=alt.value(0), text="label:N"),
            ring.mark_point(size=330, filled=False, strokeWidth=3, opacity=1, aria=False),
        ),
        style.FULL_HEIGHT,
        x=style.ends("frame", "running_product"),
        y=("-0.8", f"{style.ends('rungs', 'row')[1]} + 0.4"),
    )


def two_steps(settings: Settings) -> Settings:
    """The settings with a lag of at least 2, so that there are two steps to look at."""
    return settings.replace(k=max(settings.k, 2))


def tables(settings: Settings, gated_first: bool) -> dict[str, pa.Table]:
    """Tables for :func:`drawing`: w, σ′, w, σ′ for the vanilla cell and the gates for the gated one."""
    settings = two_steps(settings)
    vanilla, gated = gradients.vanilla(settings).parts[:2], gradients.gated(settings).parts[:2]
    halves = [0.5, 1.0, 1.5, 2.0]
    climbs = [
        (style.VANILLA, ["× w", "× σ′", "× w", "× σ′"], halves, vanilla.ravel()),
        (style.GATED, _READING_GATE, halves, gated.ravel())
        if GATES[settings.gate].reads_state
        else (style.GATED, ["× f(t−1)", "× f(t−2)"], [1.0, 2.0], gated[:, 0]),
    ]
    upper, lower = reversed(climbs) if gated_first else climbs
    both = stack(_rungs(0.0, *upper), _rungs(len(upper[1]) + 1 + _GAP, *lower))
    products = both["running_product"].to_numpy(zero_copy_only=False)
    return {
        "rungs": both,
        "frame": table(running_product=[min(0.0, products.min()), max(1.0, products.max())], one=[1.0, 1.0]),
        "walk": _marks([]),
    }


def _marks(rungs: Sequence[Mapping]) -> pa.Table:
    """The marks of one stop of a walk: a ring at the end of each of these bars."""
    return table(
        steps_back=steps(np.array([rung["steps_back"] for rung in rungs], dtype=float)),
        cell=text([rung["cell"] for rung in rungs]),
        running_product=np.array([rung["running_product"] for rung in rungs], dtype=float),
        row=np.array([rung["row"] for rung in rungs], dtype=float),
    )


def _rungs(row: float, cell: str, names: list[str], steps_back: list[float], factors: np.ndarray) -> pa.Table:
    values, factors = factors.tolist(), np.append(1.0, factors)
    running = np.cumprod(factors)
    with np.errstate(divide="ignore"):
        log10 = np.log10(np.abs(running))
    names = [say(name) for name in names]
    return table(
        cell=[cell] * len(running),
        rung=[say(_START), *names],
        steps_back=steps([0.0, *steps_back]),
        factor=factors,
        running_product=running,
        before=np.append(1.0, running[:-1]),
        row=row + np.arange(len(running)),
        label=text(
            [f"{say(cell)}: 1", *(f"{name} = {words.number(one)}" for name, one in zip(names, values, strict=True))]
        ),
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
        said = [
            say(
                "{cell} {rung} = × {factor} gives {product}",
                cell=say(rung["cell"]),
                rung=rung["rung"],
                factor=words.number(rung["factor"]),
                product=rung["reads"],
            )
            for rung in here
        ]
        back = word("{place} step back: {said}.") if place == 1 else word("{place} steps back: {said}.")
        return Stop(say(back, place=words.number(place), said="; ".join(said)), _marks(here))

    return Stops(len(places), stop)
