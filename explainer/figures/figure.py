"""A figure is a drawing that stands still, tables whose numbers move, and a caption that says what it shows.

A drawing is built by Altair over *named* datasets, once per process; a run only sends tables. The browser keeps
the chart and swaps the numbers as long as the drawing is the same, so whatever moves is a column of a table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import languages
from explainer.choices.settings import Settings
from explainer.figures import rows, style
from explainer.figures.hands import Grip, Press
from explainer.figures.program import Program
from explainer.figures.spoken import in_words
from explainer.serving.once import once

Drawing = Callable[[], Mapping]
Table = pa.Table | rows.Rows
STACKED = 194  # pixels that two stacked views take besides their heights: legend, axes, the space between

STEPS, DECADES, PURE, TEXT = "steps", "log10", "1", "text"  # units of a column; a step is a time step

# --- figures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """One figure at one state of the page.

    Attributes:
        title: the chart's accessible name; the same at every state.
        drawing: gives the Vega-Lite specification, built once.
        tables: the numbers by dataset name; the first is the one that a reader opens and saves.
        caption: one or two sentences that say what the figure shows now.
        half: whether it shares its row with the next figure on wide screens.
    """

    title: str
    drawing: Drawing
    tables: Mapping[str, pa.Table]
    caption: str
    half: bool = False


@dataclass(frozen=True, eq=False)
class Plot:
    """One figure of the lesson at every state of the page.

    Attributes:
        title: the chart's accessible name.
        reads: names of the controls that change its tables or its caption.
        drawing: gives the Vega-Lite specification, built once.
        tables: (settings) → the numbers by dataset name. A plot of long work takes its result so far as well:
            (settings, result), where None means that nothing has been done.
        caption: (settings) → what the figure shows, in one or two sentences; of long work (settings, result).
        program: the code behind it.
        half: whether it shares its row with the next figure on wide screens.
        height: of the drawing, in pixels. Said here, as to build every drawing takes seconds.
        walk: (settings) → the stops along its product, if the product can be walked; its tables hold a ``walk`` then.
        shown: (settings) → whether the reader has chosen to see it.
        hand: what a reader can press in it, or take hold of, to set controls; None if nothing.
        is_kept: whether its figures are kept for all readers; not if they show what one of them has brought.
        compares: whether it draws the curves that the reader has kept beside the present ones.
    """

    title: str
    reads: tuple[str, ...]
    drawing: Drawing
    tables: Callable[..., Mapping[str, pa.Table]]
    caption: Callable[..., str]
    program: Program
    half: bool = False
    height: int = style.FULL_HEIGHT
    walk: Callable[[Settings], Stops] | None = None
    shown: Callable[[Settings], bool] = lambda settings: True
    hand: Press | Grip | None = None
    is_kept: bool = True
    compares: bool = False

    def at(self, settings: Settings, result: Any = None) -> Figure:
        """The figure at these settings, computed once for all readers who ask for the same.

        Args:
            settings: the state of the page; only what the plot reads counts.
            result: of long work, as far as it has got. It changes, so such a figure is not kept.
        """
        own = settings.compared(self.reads) if self.compares else settings.only(self.reads)
        if result is not None:
            return _figure(self, own, result)
        return _kept_figure(self, own) if self.is_kept else _figure(self, own)


def _figure(plot: Plot, *state: Any) -> Figure:
    return Figure(plot.title, plot.drawing, plot.tables(*state), plot.caption(*state), plot.half)


_kept_figure = once(512, also=languages.spoken)(_figure)


def figures_computed() -> int:
    """How often a figure that is kept has been computed in this process."""
    return _kept_figure.cache_info().misses


# --- drawings -----------------------------------------------------------------------------------------------


def drawing(build: Callable[[], alt.TopLevelMixin]) -> Drawing:
    """Build the chart once for each language, and keep its specification.

    To check it against Vega-Lite's schema is left to the tests.
    """

    @once(len(languages.LANGUAGES), also=languages.spoken)
    @functools.wraps(build)
    def specification() -> Mapping:
        return in_words(build().to_dict(validate=False))

    return specification


# --- tables -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The values of a column, and the unit they are in."""

    values: Sequence | np.ndarray
    unit: str


def steps(values: Sequence | np.ndarray) -> Measured:
    """The values of a column that counts time steps."""
    return Measured(values, STEPS)


def decades(values: Sequence | np.ndarray) -> Measured:
    """The values of a column of magnitudes, given by their log10."""
    return Measured(values, DECADES)


@dataclass(frozen=True)
class InWords:
    """The values of a column of numbers in words, which nothing but a tooltip says."""

    values: Callable[[], Sequence[str]]
    length: int


def table(**columns: Sequence | np.ndarray | Measured | InWords) -> Table:
    """An Arrow table; what is not a finite number becomes null, which a chart leaves out and a reader sees.

    The unit of a column is metadata of its field. Unless it says another, words are text and numbers are pure. Within
    :func:`rows.bare` there are bare rows instead.

    Raises:
        pa.ArrowInvalid: the columns differ in length.
    """
    if rows.are_bare():
        return rows.Rows({name: _bare(values) for name, values in columns.items()})
    arrays, fields = [], []
    for name, values in columns.items():
        values, unit = (values.values, values.unit) if isinstance(values, Measured) else (values, None)
        arrays.append(column(text(values.values()) if isinstance(values, InWords) else values))
        fields.append(_field(name, arrays[-1].type, unit))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _bare(values: Sequence | np.ndarray | Measured | InWords) -> np.ndarray:
    if isinstance(values, InWords):
        return np.full(values.length, rows.LATER, dtype=object)
    return np.asarray(values.values if isinstance(values, Measured) else values)


@functools.cache
def _field(name: str, kind: pa.DataType, unit: str | None) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit or (TEXT if kind == pa.string() else PURE)})


def unit(field: pa.Field) -> str:
    """The unit of a column that :func:`table` has made."""
    return field.metadata[b"unit"].decode()


def column(values: Sequence | np.ndarray) -> pa.Array:
    """One Arrow column; what is not a finite number becomes null, and so does None among words."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        return pa.array(values, mask=~np.isfinite(values))
    if values.dtype.kind in "UO":
        return pa.array(values.tolist(), pa.string())
    return pa.array(values)


def text(values: Sequence[str | None]) -> np.ndarray:
    """The values of a column of text, which stays one also where it is empty."""
    return np.array(values, dtype=object)


def stack(*tables: Table) -> Table:
    """The rows of all tables, one table below the other."""
    return rows.stack(tables) if rows.are_bare() else pa.concat_tables(tables)


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
    finite = np.concatenate([*map(np.ravel, y), [one]])
    finite = finite[np.isfinite(finite)]
    low, high = math.floor(finite.min()), math.ceil(finite.max())
    low, high = (low - 1, high) if high == low else (low, high)
    return table(
        **{
            x_name: np.array(x, dtype=float),
            y_name: np.array([low, high], dtype=float),
            "one": np.array([one, one], dtype=float),
        }
    )


# --- walks along a product ----------------------------------------------------------------------------------


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


def marks(x_name: str, x: Sequence[float], line_name: str, lines: Sequence[str], log10: Sequence[float]) -> pa.Table:
    """The marks of one stop: a place along x, and the log10 of the product there, for each line.

    Before a walk has begun there are none: all three are empty.
    """
    return table(
        **{
            x_name: np.array(x, dtype=float),
            line_name: text(lines),
            "log10_magnitude": np.array(log10, dtype=float),
        }
    )
