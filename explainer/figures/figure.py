"""A figure is a drawing that stands still, tables whose numbers move, and the words that say what it shows.

A drawing is built by Altair over *named* datasets, once per process; a run only sends tables. The browser keeps
the chart and swaps the numbers as long as the drawing is the same, so whatever moves is a column of a table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pyarrow as pa

from explainer.serving.once import once

Drawing = Callable[[], Mapping]
STACKED = 194  # pixels that two stacked views take besides their heights: legend, axes, the space between


@dataclass(frozen=True)
class Figure:
    """One figure at one state of the page.

    Attributes:
        name: the chart's accessible name; the same at every state.
        drawing: gives the Vega-Lite specification, built once.
        tables: the numbers by dataset name; the first is the one that a reader opens and saves.
        words: one or two sentences that say what the figure shows now.
        half: whether it shares its row with the next figure on wide screens.
    """

    name: str
    drawing: Drawing
    tables: Mapping[str, pa.Table]
    words: str
    half: bool = False


def drawing(build: Callable[[], alt.TopLevelMixin]) -> Drawing:
    """Build the chart once and keep its specification; checking it against Vega-Lite's schema is left to the tests."""

    @once(size=1)
    @functools.wraps(build)
    def specification() -> Mapping:
        return build().to_dict(validate=False)

    return specification


def height(drawing: Mapping) -> int:
    """How tall a drawing stands on the page, in pixels: its own height, or that of its views with what lies between."""
    if "vconcat" in drawing:
        return sum(view["height"] for view in drawing["vconcat"]) + STACKED
    return drawing["height"]


def table(**columns: Sequence | np.ndarray) -> pa.Table:
    """An Arrow table; what is not a finite number becomes null, which a chart leaves out and a reader sees."""
    return pa.table({name: column(values) for name, values in columns.items()})


def column(values: Sequence | np.ndarray) -> pa.Array:
    """One Arrow column; what is not a finite number becomes null."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        return pa.array(values, mask=~np.isfinite(values))
    if values.dtype.kind == "U":
        return pa.array(values.tolist(), pa.string())
    return pa.array(values)


def stack(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables)


def frame(
    x: tuple[float, float],
    y: Sequence[np.ndarray],
    one: float = 0.0,
    x_name: str = "lag",
    y_name: str = "log10_magnitude",
) -> pa.Table:
    """The rows that stretch the axes: from x to x, and from and to the whole powers of ten around every y.

    Args:
        x: first and last value of the x axis.
        y: arrays of log10 values; what is not finite does not count.
        one: where the line of 1 stands, always within the axis.
    """
    finite = np.concatenate([np.ravel(values)[np.isfinite(np.ravel(values))] for values in y] + [[one]])
    low, high = math.floor(finite.min()), math.ceil(finite.max())
    low, high = (low - 1, high) if high == low else (low, high)
    return table(
        **{
            x_name: np.array(x, dtype=float),
            y_name: np.array([low, high], dtype=float),
            "one": np.array([one, one], dtype=float),
        }
    )


@dataclass(frozen=True)
class Stop:
    """One stop of a walk along a product, factor by factor: what to say there, and the marks that show it."""

    words: str
    marks: pa.Table


@dataclass(frozen=True)
class Stops(Sequence[Stop]):
    """The stops of a walk, in order; each is made when a reader gets there."""

    length: int
    make: Callable[[int], Stop]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, place: int) -> Stop:
        return self.make(range(self.length)[place])
