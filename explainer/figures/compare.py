"""Curves that the reader has kept, beside the present ones in a figure over the lag.

A kept curve is what the figure would draw at the kept state, computed as any other. Its line is thin, has dashes of its
own, and is labelled at its end with what differs from the present state. A line that would lie upon the present one is
left out, and so is one that has been drawn for an earlier kept state.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import languages, words
from explainer.choices.controls import CONTROL, Number
from explainer.choices.settings import Settings
from explainer.figures import figure, rows, style
from explainer.figures.figure import Plot, Table, decades, stack, steps, table, text
from explainer.languages import say
from explainer.maths.results import one_by_one
from explainer.serving.once import once

KEPT = "kept"  # the dataset of the kept curves
SHAPES = ("circle", "square", "triangle-up")  # at the end of the first, second and third kept state's lines
SIGNS = ("○", "□", "△")  # the same in a text
_DASHES = ([1, 3], [9, 3, 2, 3], [4, 4])
_LABEL_ABOVE, _LABEL_HEIGHT = 12, 16  # pixels
_AT_END = "isValid(datum.label)"
_AXIS, _LEGEND_LINE = 85, 24  # pixels that the axis and a line of the legend take of a chart's height

Tables = Callable[[Settings], Mapping[str, Table]]


def said(settings: Settings, names: Collection[str]) -> str:
    """These controls' values in words: ``w = 1.2, f = 0.95``."""
    shown = []
    for name, control in CONTROL.items():
        if name in names:
            value = ", ".join(control.texts(getattr(settings, name)))
            shown.append(f"{name} = {words.plain(value) if isinstance(control, Number) else value}")
    return words.joined(shown)


def name_of(state: Settings) -> str:
    """A kept state in words: w, f, and what else is not at its default."""
    return said(state, {"w", "f", *differing(state, Settings())})


def differing(one: Settings, other: Settings, names: Collection[str] = tuple(CONTROL)) -> tuple[str, ...]:
    """Names of the controls in which two states differ, without those that change nothing in either."""
    unlike = [name for name in names if getattr(one, name) != getattr(other, name)]
    return tuple(name for name in unlike if any(_counts(name, state, names) for state in (one, other)))


def _counts(name: str, settings: Settings, names: Collection[str]) -> bool:
    only_with = CONTROL[name].only_with
    return not only_with or only_with[0] not in names or getattr(settings, only_with[0]) == only_with[1]


# --- the drawing --------------------------------------------------------------------------------------------


def lines(x: alt.X, y: alt.Y, colors: Mapping[str, str]) -> list[alt.Chart]:
    """The kept curves of a chart over the lag, for below its own lines; ``colors`` are those of its lines, by name."""
    kept, color = style.data(KEPT).encode(x=x, y=y), _one_of("line", colors)
    numbers = [str(number) for number in range(1, len(SHAPES) + 1)]
    return [
        kept.mark_line(strokeWidth=1.6, aria=False).encode(
            detail=["line:N", "number:N"],
            stroke=color,
            strokeDash=_one_of("number", dict(zip(numbers, _DASHES, strict=True))),
        ),
        kept.transform_filter(_AT_END)
        .mark_point(size=60, strokeWidth=1.8, opacity=1, aria=False)
        .encode(
            stroke=color,
            shape=_one_of("number", dict(zip(numbers, SHAPES, strict=True))),
            tooltip=["line:N", "label:N", "lag:Q", alt.Tooltip("reads:N", title="gradient")],
        ),
    ]


def labels(x: alt.X, y: alt.Y) -> alt.Chart:
    """The labels at their ends, for above everything."""
    return (
        style.data(KEPT)
        .transform_filter(_AT_END)
        .mark_text(
            align=alt.ExprRef("datum.label_align"),
            dx=alt.ExprRef("datum.label_align == 'left' ? 8 : -6"),
            **style.LABEL,
        )
        .encode(x=x, y=_y_of_label(y), text="label:N")
    )


def _y_of_label(y: alt.Y) -> alt.Y:
    """The same axis for the places of the labels."""
    moved = y.copy(deep=False)
    moved["shorthand"] = "label_log10:Q"
    return moved


def _one_of(field: str, values: Mapping[str, object]) -> dict:
    """An encoding without scale and legend: the value for each text of a field."""
    *tested, last = values.items()
    condition = [{"test": f"datum.{field} == '{name}'", "value": value} for name, value in tested]
    return {"condition": condition, "value": last[1]} if condition else {"value": last[1]}


# --- the numbers --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """A line of a kept state.

    Attributes:
        name: of the line.
        number: of the state, from 1.
        rows: its part of the kept state's table.
        unlike: in what its state differs from the present one, in words.
        label: the same, with the line's name where two lines of the state differ alike.
    """

    name: str
    number: int
    rows: Table
    unlike: str
    label: str

    @property
    def places(self) -> np.ndarray:
        return self.rows["log10_magnitude"].to_numpy(zero_copy_only=False)

    @property
    def end(self) -> int:
        """The last row that has a place: lag 0 always has."""
        return int(np.flatnonzero(np.isfinite(self.places))[-1])


def compared(plot: Plot, reads: Mapping[str, Collection[str]], height: int) -> Plot:
    """The same plot over the lag, beside the curves that the reader has kept.

    Args:
        plot: its drawing has the :func:`lines` and :func:`labels` of kept curves.
        reads: names of the controls that move each line, by the line's name.
        height: of the drawing, in pixels.
    """

    @once(8, also=languages.spoken)  # a table and a caption ask for the same
    def drawn(own: Settings, _: bool) -> list[_Line]:
        return _lines(plot.tables, reads, own)

    def lines_at(settings: Settings) -> list[_Line]:
        own = settings.compared(plot.reads)
        return drawn(own, rows.are_bare()) if own.kept else []

    def tables(settings: Settings) -> dict[str, Table]:
        now, lines = dict(plot.tables(settings)), lines_at(settings)
        if not lines:
            return now | {KEPT: _nothing(rows.are_bare())}
        frame = _frame(now["frame"], lines)
        legend_lines = len(reads) if len(reads) > 2 else 1  # on a narrow page
        return now | {"frame": frame, KEPT: _table(lines, frame, height - _AXIS - legend_lines * _LEGEND_LINE)}

    def caption(settings: Settings) -> str:
        lines = lines_at(settings)
        return " ".join([plot.caption(settings), *([_in_words(lines)] if lines else [])])

    return dataclasses.replace(plot, tables=tables, caption=caption, compares=True)


def _lines(tables: Tables, reads: Mapping[str, Collection[str]], settings: Settings) -> list[_Line]:
    """The kept lines that differ from the present ones."""
    drawn = {name: [_numbers(one)] for name, one in _by_line(tables(settings)["gradients"]).items()}
    short, lines = _short(reads), []
    for number, state in enumerate(settings.kept, 1):
        unlike = {name: said(state, differing(state, settings, moving)) for name, moving in reads.items()}
        for name, one in _kept_lines(tables, state, rows.are_bare()).items():
            if not unlike[name] or _numbers(one) in drawn[name]:
                continue
            drawn[name].append(_numbers(one))
            is_alone = list(unlike.values()).count(unlike[name]) == 1
            label = unlike[name] if is_alone else f"{short[name]}, {unlike[name]}"
            lines.append(_Line(name, number, one, unlike[name], label))
    return lines


@once(64, also=languages.spoken)  # while a control moves, the kept curves stay
def _kept_lines(tables: Tables, state: Settings, _: bool) -> dict[str, Table]:
    with one_by_one():
        return _by_line(tables(state)["gradients"])


def _by_line(gradients: Table) -> dict[str, Table]:
    """The rows of each line of a table, in which they stand one below the other."""
    names = gradients["series"].to_pylist()
    begins = [i for i, name in enumerate(names) if not i or name != names[i - 1]]
    ends = [*begins[1:], len(names)]
    return {names[begin]: gradients.slice(begin, end - begin) for begin, end in zip(begins, ends, strict=True)}


def _numbers(line: Table) -> bytes:
    return line["log10_magnitude"].to_numpy(zero_copy_only=False).tobytes()


def _short(names: Collection[str]) -> dict[str, str]:
    """For each name of a line what it says before its colon, or else after it, if that is no other's."""
    said = {name: say(name) for name in names}
    for place in (0, -1):
        parts = {name: one.split(": ")[place] for name, one in said.items()}
        if len(set(parts.values())) == len(parts):
            return parts
    return said


def _frame(frame: Table, lines: Sequence[_Line]) -> Table:
    """The frame of the present curves, widened so that it holds the kept ones."""
    first, last = frame["lag"].to_pylist()
    places = frame["log10_magnitude"].to_numpy(zero_copy_only=False)
    longest = max(len(line.rows) - 1 for line in lines)
    return figure.frame((first, max(last, longest)), [places, *(line.places for line in lines)])


def _table(lines: Sequence[_Line], frame: Table, height: int) -> Table:
    """The rows of all lines; ``height`` is that of the plot within its axes, in pixels."""
    low, high = frame["log10_magnitude"].to_pylist()
    middle = sum(frame["lag"].to_pylist()) / 2
    pixel = (high - low) / height
    at_end = [float(line.places[line.end]) + _LABEL_ABOVE * pixel for line in lines]
    beside = _apart(at_end, _LABEL_HEIGHT * pixel, low + _LABEL_HEIGHT * pixel / 2, high - _LABEL_HEIGHT * pixel / 2)
    return stack(*(_rows(line, place, line.end < middle) for line, place in zip(lines, beside, strict=True)))


def _apart(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """These places in their order, moved so that they lie between two ends and so far apart, if there is room."""
    moved = [0.0] * len(places)
    beneath = low - least
    for i in sorted(range(len(places)), key=places.__getitem__):
        moved[i] = beneath = max(places[i], beneath + least)
    above = high + least
    for i in sorted(range(len(places)), key=moved.__getitem__, reverse=True):
        moved[i] = above = min(moved[i], above - least)
    return moved


def _rows(line: _Line, label_place: float, ends_early: bool) -> Table:
    count = len(line.rows)
    label, place = text([None] * count), np.full(count, np.nan)
    label[line.end], place[line.end] = line.label, label_place
    columns = {name: line.rows[name] for name in ("lag", "gradient", "log10_magnitude", "status", "reads")}
    values = {name: _values(one) for name, one in columns.items()}
    return table(
        line=text([line.name] * count),
        number=text([str(line.number)] * count),
        lag=steps(values["lag"]),
        gradient=values["gradient"],
        log10_magnitude=decades(values["log10_magnitude"]),
        status=text(values["status"]),
        reads=text(values["reads"]),
        label=label,
        label_log10=decades(place),
        label_align=text(["left" if ends_early else "right"] * count),
    )


def _values(column: pa.ChunkedArray | rows.Values) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False)


@functools.lru_cache(2)
def _nothing(_: bool) -> Table:
    """The table of no kept curve, as an Arrow table or bare."""
    words_of = {name: text([]) for name in ("status", "reads", "label")}
    places = {name: decades(np.array([], dtype=float)) for name in ("log10_magnitude", "label_log10")}
    return table(
        line=text([]),
        number=text([]),
        lag=steps(np.array([], dtype=int)),
        gradient=np.array([], dtype=float),
        log10_magnitude=places["log10_magnitude"],
        **words_of,
        label_log10=places["label_log10"],
        label_align=text([]),
    )


def _in_words(lines: Sequence[_Line]) -> str:
    """Where each kept curve ends, as a sentence."""
    ends = [
        say(
            "{line} with {changes}: {size} at lag {lag}",
            line=say(line.name),
            changes=line.unlike,
            size=words.magnitude(float(line.places[line.end])),
            lag=line.end,
        )
        for line in lines
    ]
    return say("Kept: {ends}.", ends="; ".join(ends))


def with_kept(tables: Mapping[str, Table]) -> pa.Table:
    """The table that a reader opens and saves: a figure's first, and below it the rows of the kept curves."""
    first, kept = next(iter(tables.values())), tables.get(KEPT)
    if kept is None or not len(kept):
        return first
    names = [
        f"{line}, kept {number}"
        for line, number in zip(kept["line"].to_pylist(), kept["number"].to_pylist(), strict=True)
    ]
    columns = [pa.array(names) if field.name == "series" else kept[field.name] for field in first.schema]
    return pa.concat_tables([first, pa.Table.from_arrays(columns, schema=first.schema)])
