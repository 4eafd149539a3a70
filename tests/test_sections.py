"""Every section at the corners of the sidebar: what it draws, says, asks and checks, against the engine and beyond.

The tests go through ``SECTIONS``: a new section is under them at once. What is particular to a section (its plotted
numbers, the right answer to its question) stands in a table by its slug.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import test_jacobians
import test_one_sentence
import torch

from explainer import lesson, words
from explainer.choices.controls import CONTROL, CONTROLS, Several
from explainer.choices.settings import Settings
from explainer.figures import networks as network_drawings
from explainer.figures.figure import Figure, Stops
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Asked, Prediction, Receipt, Section
from explainer.maths import blocks, depth, gradients, jacobians, number_formats, training
from explainer.maths.grid import gated_grid, vanilla_grid
from explainer.maths.paths import by_path

BY_SLUG = {section.slug: section for section in SECTIONS}


# --- the settings that are tried ----------------------------------------------------------------------------

ACTS = ("identity", "relu", "tanh", "logistic")
GATES = ("constant", "varying", "state")
WEIGHTS = (-8.0, -1.0, 0.0, 0.9, 1.0, 8.0)
STARTS = (-2.0, 0.0, 0.5, 2.0)
LAGS = (1, 2, 50, 200)
OPENINGS = (0.0, 0.5, 1.0, 0.95, 0.05, 0.9999)


def corners() -> Iterator[Settings]:
    """Every activation with every weight and start, and the rest in turn, so that every pair of values meets."""
    for i, (act, w, h0) in enumerate(itertools.product(ACTS, WEIGHTS, STARTS)):
        yield Settings(
            act=act,
            w=w,
            h0=h0,
            k=LAGS[(i + i // 4 + i // 16) % 4],
            gate=GATES[(i + i // 12) % 3],
            f=OPENINGS[(i + i // 6 + i // 36) % 6],
            u=(1.0, -4.0, 0.0, 4.0, -1.0)[i % 5],
            spread=(1.0, 0.0, 3.0)[i // 3 % 3],
            seed=i,
            ls=(0, 15, 24)[i % 3],
        )


EDGES = (
    # a factor that is just within 1 % of 1, on both sides
    Settings(act="identity", w=0.99),
    Settings(act="identity", w=1.01),
    # saturated: torch's slopes have lost digits, yet both sides of a receipt may have lost the same ones
    Settings(w=7.0, h0=1.32),
    # nothing to keep, and a gate that keeps everything
    Settings(h0=0.0, f=1.0),
    # products among float64's subnormal numbers
    Settings(gate="varying", f=0.05, spread=3.0, seed=36, k=199, h0=2.0),
)
SETTINGS = (Settings(), *EDGES, *corners())


def test_every_two_values_meet_in_some_settings():
    named = {"act": ACTS, "w": WEIGHTS, "h0": STARTS, "k": LAGS, "gate": GATES, "f": OPENINGS}
    for (one, values), (other, others) in itertools.combinations(named.items(), 2):
        met = {(getattr(settings, one), getattr(settings, other)) for settings in SETTINGS}
        assert set(itertools.product(values, others)) <= met, (one, other)


def at(settings: Settings) -> str:
    """The settings as far as they are not the default, for messages."""
    return str(settings.to_query())


# Of all sections at once, state by state: the engine still has what one has asked it for when the next asks.


@functools.cache
def all_figures(settings: Settings) -> dict[str, tuple[Figure, ...]]:
    found = {slug: section.figures_at(settings) for slug, section in BY_SLUG.items()}
    all_predictions(settings)
    for slug in BY_SLUG:
        receipt(slug, settings)
        walks(slug, settings)
    return found


@functools.cache
def all_predictions(settings: Settings) -> dict[str, tuple[Prediction, Asked]]:
    """Each section's question with its answer, and the same as it is asked without."""
    return {slug: (section.question(settings), section.asked(settings)) for slug, section in BY_SLUG.items()}


def figures(slug: str, settings: Settings) -> tuple[Figure, ...]:
    return all_figures(settings)[slug]


def prediction(slug: str, settings: Settings) -> Prediction:
    return all_predictions(settings)[slug][0]


@functools.cache
def receipt(slug: str, settings: Settings) -> Receipt:
    return BY_SLUG[slug].receipt(settings)


@functools.cache
def walks(slug: str, settings: Settings) -> list[Stops]:
    """The stops along each product of a section that can be walked."""
    return [plot.walk(settings) for plot in BY_SLUG[slug].plots if plot.walk]


every_section = pytest.mark.parametrize("slug", BY_SLUG)


def column(table: pa.Table, name: str) -> list:
    return table[name].to_pylist()


# --- the order of the lesson --------------------------------------------------------------------------------


def test_every_file_of_the_folder_is_a_section_and_nothing_else():
    folder = Path(lesson.__file__).parent
    pieces = {"__init__", "parts", "moves", "notation", "prose", "citation", "opening"}
    files = {file.stem for file in folder.glob("*.py")} - pieces
    assert sorted(slug.replace("-", "_") for slug in BY_SLUG) == sorted(files)
    assert len(BY_SLUG) == len(SECTIONS)


def test_a_sections_slug_is_the_name_of_its_file():
    for slug, section in BY_SLUG.items():
        for function in (section.asked, section.question):
            assert function.__module__ == f"{lesson.__name__}.{slug.replace('-', '_')}"


@every_section
def test_every_section_has_its_parts(slug: str):
    section: Section = BY_SLUG[slug]
    for part in (section.title, section.argument, section.remember):
        assert part.strip()
    assert "\n" not in section.remember.strip()
    assert section.plots


def test_every_control_moves_a_section():
    assert {name for section in SECTIONS for name in section.moved_by} == set(CONTROL)


# --- drawings -----------------------------------------------------------------------------------------------


def units(
    spec: Mapping, data: str | None = None, made: frozenset = frozenset()
) -> Iterator[tuple[Mapping, str, frozenset]]:
    """Every part of a chart that draws something, with its dataset's name and the columns that it works out itself."""
    data = spec.get("data", {}).get("name", data)
    made = made | {step["as"] for step in spec.get("transform", ()) if "calculate" in step}
    if "mark" in spec:
        yield spec, data, made
    for part in itertools.chain.from_iterable(spec.get(kind, ()) for kind in ("layer", "vconcat", "hconcat", "concat")):
        yield from units(part, data, made)


def fields(value) -> Iterator[str]:
    """Every column that an encoding reads."""
    if isinstance(value, Mapping):
        if isinstance(value.get("field"), str):
            yield value["field"]
        for inner in value.values():
            yield from fields(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from fields(inner)


def columns_read(unit: Mapping) -> set[str]:
    read = set(fields(unit.get("encoding", {})))
    for step in unit.get("transform", ()):
        for expression in (step.get("filter"), step.get("calculate")):
            if isinstance(expression, str):
                read |= set(re.findall(r"datum\.(\w+)", expression))
    return read


@every_section
def test_drawings_are_valid_and_read_exactly_the_tables_that_are_sent(slug: str):
    for figure in figures(slug, Settings()):
        spec = figure.drawing()
        alt.Root.validate(dict(spec))  # against Vega-Lite's schema
        parts = list(units(spec))
        assert {data for _, data, _ in parts} == set(figure.tables), figure.title
        for unit, data, made in parts:
            missing = columns_read(unit) - made - set(figure.tables[data].column_names)
            assert not missing, f"{figure.title}: {data} has no {missing}"


@every_section
def test_the_drawing_stands_still(slug: str):
    first = figures(slug, Settings())
    for settings in SETTINGS:
        now = figures(slug, settings)
        assert [figure.title for figure in now] == [figure.title for figure in first], at(settings)
        assert [figure.half for figure in now] == [figure.half for figure in first], at(settings)
        for one, other in zip(first, now, strict=True):
            assert one.drawing() is other.drawing(), at(settings)
            assert list(one.tables) == list(other.tables), at(settings)


@every_section
def test_names_of_figures_are_their_own(slug: str):
    names = [figure.title for figure in figures(slug, Settings())]
    assert len(set(names)) == len(names)


# --- tables -------------------------------------------------------------------------------------------------


@every_section
def test_columns_keep_their_types(slug: str):
    """A chart that gets a column of another type draws it as something else."""
    schemas = [{name: table.schema for name, table in figure.tables.items()} for figure in figures(slug, Settings())]
    for settings in SETTINGS:
        for figure, expected in zip(figures(slug, settings), schemas, strict=True):
            for name, table in figure.tables.items():
                assert table.schema.equals(expected[name]), f"{figure.title}: {name} at {at(settings)}"


@every_section
def test_no_table_has_a_nan_or_an_infinity(slug: str):
    for settings in SETTINGS:
        for figure in figures(slug, settings):
            for name, table in figure.tables.items():
                for label in table.column_names:
                    if pa.types.is_floating(table[label].type):
                        values = table[label].drop_null().to_numpy()
                        assert np.isfinite(values).all(), f"{figure.title}: {name}.{label} at {at(settings)}"


PLACED = {gradients.VALUE, gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW}
NOT_PLACED = {gradients.EXACTLY_ZERO, gradients.UNDEFINED}


@every_section
def test_every_row_has_a_place_on_the_axis_or_a_mark_that_says_why_not(slug: str):
    for settings in SETTINGS:
        for figure in figures(slug, settings):
            for name, table in figure.tables.items():
                if "status" not in table.column_names:
                    continue
                floats = [one.name for one in table.schema if pa.types.is_floating(one.type)]
                places = [one for one in floats if one.startswith("log10")] or floats
                # in a narrow format a magnitude beyond its end has no place: nothing says how large it would be
                placed = PLACED - ({gradients.OVERFLOW} if name in ("formats", "differences") else set())
                has_place = np.ones(table.num_rows, bool)
                for one in places:
                    has_place &= table[one].is_valid().to_numpy()
                for reason, is_placed in set(zip(column(table, "status"), has_place.tolist(), strict=True)):
                    assert reason in PLACED | NOT_PLACED
                    assert is_placed == (reason in placed), f"{figure.title}: {reason} at {at(settings)}"


@every_section
def test_every_empty_number_that_a_reader_saves_has_a_status(slug: str):
    for settings in SETTINGS:
        for figure in figures(slug, settings):
            table = next(iter(figure.tables.values()))
            has_empty = np.zeros(table.num_rows, bool)
            for label in table.column_names:
                has_empty |= table[label].is_null().to_numpy()
            for row in table.filter(has_empty).to_pylist():
                assert row.get("status", gradients.VALUE) != gradients.VALUE, f"{figure.title} at {at(settings)}"


@every_section
def test_the_axes_hold_every_row(slug: str):
    """The invisible rows of a frame reach around everything that is drawn in the same view."""
    for settings in SETTINGS:
        for figure in figures(slug, settings):
            frame = figure.tables.get("frame")
            if frame is None or "log10_magnitude" not in frame.column_names:
                continue
            low, high = column(frame, "log10_magnitude")
            assert low == math.floor(low)
            assert high == math.ceil(high)
            for name, table in figure.tables.items():
                if name in ("frame", "grid") or "log10_magnitude" not in table.column_names:
                    continue  # the map's own colours have a scale of their own
                places = table["log10_magnitude"].drop_null().to_numpy()
                assert ((low <= places) & (places <= high)).all(), f"{figure.title}: {name} at {at(settings)}"


# --- words --------------------------------------------------------------------------------------------------

NO_WORD = re.compile(
    r"\b(nan|inf|null)\b|= ?None|\bNone\b "  # what is no number
    r"|\d[eE][+-]?\d"  # 1e-20
    r"|(?<![\w⁻])-\d"  # a hyphen in place of a minus
    r"|\{|\}|\$\$"  # braces of a format that was not filled in
    r"|  | [,.;:]"  # what stays where a word is missing
)


def said(slug: str, settings: Settings) -> Iterator[tuple[str, str]]:
    for figure in figures(slug, settings):
        yield figure.title, figure.caption
    asked, checked = prediction(slug, settings), receipt(slug, settings)
    yield "question", asked.question
    for option in asked.options:
        yield "option", option.text
        yield "told", option.told
    yield "remark", checked.remark
    for side in (checked.autograd, checked.formula, *checked.others):
        yield "side", side.what
    for stops in walks(slug, settings):
        for stop in stops:
            yield "walk", stop.words


@every_section
def test_words_are_words(slug: str):
    for settings in SETTINGS:
        for where, text in said(slug, settings):
            assert not (found := NO_WORD.search(text)), f"{found[0]!r} in {where}: {text!r} at {at(settings)}"


@every_section
def test_every_figure_says_what_it_shows(slug: str):
    for settings in SETTINGS:
        for figure in figures(slug, settings):
            assert figure.caption.endswith((".", ".)")), figure.title
            assert len(figure.caption) > 20, figure.title


# --- the plotted numbers are the engine's -------------------------------------------------------------------


def rows_of(table: pa.Table, **where) -> list[dict]:
    """The rows in which the columns have these values, in order."""
    for name, value in where.items():
        table = table.filter(pc.equal(table[name], value))
    return table.to_pylist()


def same(values: list, expected) -> None:
    """Equal to the last bit, null where a number is not finite; and not a row more or less."""
    expected = np.asarray(expected)
    if expected.dtype.kind == "f":
        assert values == [value if math.isfinite(value) else None for value in expected.tolist()]
    else:
        assert values == expected.tolist()


def check_line(table: pa.Table, name: str, gradient: gradients.Gradient) -> None:
    rows = rows_of(table, series=name)
    same([row["lag"] for row in rows], gradient.lag)
    same([row["gradient"] for row in rows], gradient.gradient)
    same([row["log10_magnitude"] for row in rows], gradient.drawn[0])
    same([row["status"] for row in rows], gradient.drawn[1])


def check_lines(figure: Figure, lines: Mapping[str, gradients.Gradient], k: int) -> None:
    table = figure.tables["gradients"]
    assert table.num_rows == (k + 1) * len(lines)
    for name, gradient in lines.items():
        check_line(table, name, gradient)
    assert figure.tables["marks"].to_pylist() == [{"lag": k, "label": f"k = {k}"}]
    # one note for the first point of each kind that is no plain number
    kinds = [set(gradient.drawn[1]) - {gradients.VALUE} for gradient in lines.values()]
    assert sorted(column(figure.tables["notes"], "status")) == sorted(itertools.chain.from_iterable(kinds))


def two_cells(settings: Settings) -> dict[str, gradients.Gradient]:
    return {"vanilla": gradients.vanilla(settings), "gated": gradients.gated(settings)}


def check_factors(figure: Figure, settings: Settings) -> None:
    table = figure.tables["factors"]
    assert table.num_rows == 2 * settings.k
    for name, gradient in two_cells(settings).items():
        rows = rows_of(table, cell=name)
        same([row["step"] for row in rows], gradient.lag[1:])
        same([row["factor"] for row in rows], gradient.factor)


def unrolled_network(settings: Settings, shown: tuple[Figure, ...]) -> None:
    k, nodes, links = settings.k, shown[0].tables["nodes"], shown[0].tables["links"]
    for name, gradient in two_cells(settings).items():
        rows = rows_of(nodes, cell=name)
        lags = [int(row["lag"]) for row in rows]
        # every state up to 25 of them, then every so many-th, the last one always
        assert lags[0] == 0
        assert lags[-1] == k
        assert lags == list(range(k + 1)) if k <= 24 else len(lags) <= 26
        same([row["state"] for row in rows], gradient.state[lags])
        same([row["log10_magnitude"] for row in rows], gradient.drawn[0][lags])
        # each link ends at the node whose gradient it carries
        ends = [(row["nearer_lag"], row["lag"], row["log10_magnitude"]) for row in rows_of(links, cell=name)]
        assert ends == [(a["lag"], b["lag"], b["log10_magnitude"]) for a, b in itertools.pairwise(rows)]
    bands = shown[1].tables["bands"]
    assert bands.num_rows == 2 * settings.T
    for cell, label in (("rnn", "RNN"), ("lstm", "LSTM")):
        measured = jacobians.shares(network_drawings.network(cell, settings), network_drawings.SEEDS)
        found = [row for row in bands.to_pylist() if label in row["cell"]]
        same([row["share"] for row in found], np.median(measured.fraction, axis=0))
        same([row["lowest_share"] for row in found], measured.fraction.min(axis=0))
        same([row["highest_share"] for row in found], measured.fraction.max(axis=0))


def cobwebs(settings: Settings, shown: tuple[Figure, ...]) -> None:
    for figure, gradient in zip(shown, two_cells(settings).values(), strict=False):
        orbit, web = gradient.state[::-1].tolist(), figure.tables["web"]
        assert web.num_rows == 2 * settings.k + 1
        same(column(web, "order"), np.arange(web.num_rows))
        # up (or down) to the curve, across to the diagonal, from state to state
        points = list(zip(column(web, "state"), column(web, "next_state"), strict=True))
        expected = [(orbit[0], orbit[0])]
        for before, after in itertools.pairwise(orbit):
            expected += [(before, after), (after, after)]
        assert points == expected
        curve = {row["state"]: row["next_state"] for row in figure.tables["curve"].to_pylist()}
        assert set(orbit) <= set(curve)
        if settings.gate != "varying" or figure is shown[0]:  # the drawn gate is the last step's
            corners = [curve[state] for state in orbit[:-1]]
            np.testing.assert_allclose(corners, orbit[1:], rtol=1e-12, atol=1e-300)
        same(column(figure.tables["ends"], "state"), [orbit[0], orbit[-1]])
        beside = two_cells(settings.replace(h0=settings.h0 + 0.1))["vanilla" if figure is shown[0] else "gated"].state
        same(column(figure.tables["neighbour"], "next_state"), [*np.repeat(beside[::-1], 2)[1:]])
        same(column(figure.tables["gaps"], "state"), [orbit[0], orbit[-1]])
        same(column(figure.tables["gaps"], "state_end"), beside[[-1, 0]])
    check_factors(shown[2], settings)


def derivative_of_one_step(settings: Settings, shown: tuple[Figure, ...]) -> None:
    (figure,) = shown
    for name, gradient in two_cells(settings).items():
        (here,) = rows_of(figure.tables["here"], cell=name)
        same([here["state"], here["gradient"]], [gradient.state[1], gradient.factor[0]])
    first = gradients.vanilla(settings)
    start = figure.tables["start"].to_pylist()
    assert [(row["state"], row["gradient"]) for row in start] == [(settings.h0, first.factor[-1])][: settings.k - 1]
    for name, gradient in two_cells(settings).items():
        curve = rows_of(figure.tables["derivative"], cell=name)
        states = tuple(row["state"] for row in curve)
        assert len(states) >= 201
        assert gradient.state[1] in states  # the mark stands on the curve
        measure = gradients.vanilla_derivative if name == "vanilla" else gradients.gated_derivative
        same([row["gradient"] for row in curve], measure(settings, states).gradient)


def ladders(settings: Settings, shown: tuple[Figure, ...]) -> None:
    last, *more = shown
    check_ladder(settings, last)
    if more:
        first, slopes = more
        check_ladder(settings.replace(k=2), first)  # out of the start
        check_slopes(settings, slopes)


def check_slopes(settings: Settings, figure: Figure) -> None:
    sigma, slope = SIGMA[settings.act]
    for row in figure.tables["curve"].to_pylist():
        assert row["y"] == pytest.approx(sigma(row["x"]), rel=1e-12, abs=1e-15)
    touches = figure.tables["touches"].to_pylist()
    assert touches[0]["x"] == settings.w * settings.h0
    assert len(touches) == min(settings.k, 2)
    for row in touches:
        (low, high) = rows_of(figure.tables["tangents"], step=row["step"])
        assert row["y"] == pytest.approx(sigma(row["x"]), rel=1e-12, abs=1e-15)
        assert row["slope"] == pytest.approx(slope(row["x"]), rel=1e-9, abs=1e-12)
        assert low["x"] < row["x"] < high["x"]
        assert high["y"] - low["y"] == pytest.approx(row["slope"] * (high["x"] - low["x"]), rel=1e-9, abs=1e-12)


def check_ladder(settings: Settings, figure: Figure) -> None:
    first = "gated" if "gates first" in figure.title else "vanilla"
    assert column(figure.tables["rungs"], "cell")[0] == first
    at_least_two = settings.replace(k=max(settings.k, 2))
    for name, gradient in two_cells(at_least_two).items():
        rungs = rows_of(figure.tables["rungs"], cell=name)
        parts = gradient.parts[:2].ravel() if name == "vanilla" or settings.gate == "state" else gradient.gates[:2]
        same([row["factor"] for row in rungs], [1.0, *parts])
        product = list(itertools.accumulate([row["factor"] for row in rungs], lambda a, b: a * b))
        np.testing.assert_allclose([row["running_product"] for row in rungs], product, rtol=1e-15, atol=0)
        np.testing.assert_allclose(rungs[-1]["running_product"], gradient.gradient[2], rtol=1e-12, atol=1e-300)
        places = [math.log10(abs(value)) if value else None for value in product]
        assert [row["log10_magnitude"] is None for row in rungs] == [place is None for place in places]
        for row, place in zip(rungs, places, strict=True):
            assert place is None or row["log10_magnitude"] == pytest.approx(place, rel=1e-13, abs=1e-13)
    assert figure.tables["rungs"].num_rows == (10 if settings.gate == "state" else 8)


def central_chart(settings: Settings, shown: tuple[Figure, ...]) -> None:
    (figure,) = shown
    check_lines(figure, two_cells(settings), settings.k)
    references, (_, power) = figure.tables["references"], gradients.power_of_w(settings)
    bound = gradients.vanilla(settings).log10_bound
    names = sorted(set(column(references, "name")))
    assert names == (["bound", "|w|ᵏ"] if (bound != power).any() else ["|w|ᵏ = bound"])
    assert references.num_rows == (settings.k + 1) * len(names)
    for name in names:
        rows = rows_of(references, name=name)
        same([row["log10_magnitude"] for row in rows], bound if "bound" in name else power)
        assert sum(row["label_side"] != "" for row in rows) == 1


def maps(settings: Settings, shown: tuple[Figure, ...]) -> None:
    for figure, measure, value in zip(shown[:2], (vanilla_grid, gated_grid), (settings.w, settings.f), strict=True):
        grid = figure.tables["grid"]
        parameter, lags = sorted(set(column(grid, "parameter"))), sorted(set(column(grid, "lag")))
        assert (len(parameter), len(lags), grid.num_rows) == (81, 34, 81 * 34)
        measured = measure(settings, tuple(parameter), tuple(lags))
        same(column(grid, "gradient"), measured.gradient.ravel())
        same(column(grid, "log10_magnitude"), measured.drawn[0].ravel())
        same(column(grid, "status"), measured.drawn[1].ravel())
        # the tiles leave no gap and do not overlap
        tiles = sorted({(row["from"], row["to"]) for row in grid.to_pylist()})
        np.testing.assert_allclose([b[0] for b in tiles[1:]], [a[1] for a in tiles[:-1]], rtol=1e-9, atol=1e-9)
        own = figure.tables["own"]
        alone = measure(settings, (float(value),), tuple(int(lag) for lag in column(own, "lag")))
        same(column(own, "log10_magnitude"), alone.drawn[0][0])
        assert figure.tables["reader"].to_pylist() == [{"parameter": value, "lag": settings.k}]


def gates_and_states(settings: Settings, shown: tuple[Figure, ...]) -> None:
    vanilla, gated = two_cells(settings).values()
    (back,) = shown[0].tables["back"].to_pylist()
    assert back["label"].endswith(f"= {words.number(gated.factor[0])}")
    assert back["x_end"] < back["x"]  # against time
    states = shown[1].tables["states"]
    assert states.num_rows == 3 * (settings.k + 1)
    same([row["value"] for row in rows_of(states, series="h(t), vanilla")], vanilla.state)
    same([row["value"] for row in rows_of(states, series="c(t), gated")], gated.state)
    # f(t) itself is not used: the step from t−1 to t takes f(t−1)
    same([row["value"] for row in rows_of(states, series="gate f(t)")], [math.nan, *gated.gates])
    same([row["lag"] for row in rows_of(states, series="gate f(t)")], gated.lag)
    check_factors(shown[2], settings)


def three_gates(settings: Settings, shown: tuple[Figure, ...]) -> None:
    (figure,) = shown
    lines = {"vanilla": gradients.vanilla(settings)}
    for kind, name in (("constant", "constant f"), ("varying", "varying f"), ("state", "f set by the state")):
        lines[f"gated: {name}"] = gradients.gated(settings.replace(gate=kind))
    check_lines(figure, lines, settings.k)


def paths(settings: Settings, shown: tuple[Figure, ...]) -> None:
    table, split = shown[0].tables["gradients"], by_path(settings.replace(gate="state"))
    assert table.num_rows == 4 * (settings.k + 1)
    check_line(table, "vanilla", gradients.vanilla(settings))
    for name, values in (
        ("whole derivative", split.whole),
        ("direct path: ∏ f", split.direct),
        ("paths through the gate", split.around),
    ):
        same([row["gradient"] for row in rows_of(table, series=name)], values)


def formats(settings: Settings, shown: tuple[Figure, ...]) -> None:
    gradient, difference = shown[:2], shown[2:]
    for figure, measure in zip(difference, (number_formats.vanilla, number_formats.gated), strict=True):
        table, exact = figure.tables["differences"], measure(settings, "float64").gradient
        assert table.num_rows == 3 * (settings.k + 1)
        for name in ("float32", "bfloat16", "float16"):
            measured = measure(settings, name, 2.0**settings.ls if name == "float16" else 1.0).gradient
            with np.errstate(divide="ignore", invalid="ignore"):
                expected = np.where(exact == 0, np.nan, measured / exact - 1)
            same([row["difference"] for row in rows_of(table, format=name)], expected)
    for figure, measure in zip(gradient, (number_formats.vanilla, number_formats.gated), strict=True):
        table = figure.tables["formats"]
        assert table.num_rows == 4 * (settings.k + 1)
        for name in ("float64", "float32", "bfloat16", "float16"):
            measured = measure(settings, name, 2.0**settings.ls if name == "float16" else 1.0)
            rows = rows_of(table, format=name)
            same([row["lag"] for row in rows], measured.lag)
            same([row["gradient"] for row in rows], measured.gradient)


def test_every_format_that_ends_is_marked_where_it_ends():
    """Exactly 0 or beyond the largest number: neither has a place on a log axis, and neither may just stop."""
    for settings in SETTINGS:
        shown = figures("number-formats", settings)[:2]
        for figure, measure in zip(shown, (number_formats.vanilla, number_formats.gated), strict=True):
            marked = {(row["lag"], row["label"].partition(":")[0]) for row in figure.tables["ends"].to_pylist()}
            for name in number_formats.FORMATS:
                measured = measure(settings, name, 2.0**settings.ls if name == "float16" else 1.0)
                for lag in {measured.zero_from, measured.not_finite_from} - {None}:
                    assert (lag, name) in marked, f"{figure.title}: {name} at {at(settings)}"


def test_the_figures_of_training_hold_its_numbers_as_far_as_it_has_got():
    section, settings = BY_SLUG["does-it-learn"], Settings(tk=10, tn=2)
    plan = dataclasses.replace(section.work.plan(settings), steps=25, hidden_size=3)
    for result in training.train(plan, every=10):
        curves = {"accuracy": result.accuracy, "loss": result.loss}
        accuracy, loss, *norms = section.figures_of(settings, result)
        for figure, values in zip((accuracy, loss), curves.values(), strict=True):
            table = figure.tables["curves"]
            assert table.num_rows == 4 * result.steps_done
            for learner, name in enumerate(dict.fromkeys(column(table, "learner"))):
                rows = rows_of(table, learner=name)
                means = np.array([values[learner, :, max(0, s - 19) : s + 1].mean(axis=1) for s in range(len(rows))])
                same([row["step"] for row in rows], np.arange(1.0, len(rows) + 1))
                for which, over_seeds in (("lowest", np.min), ("middle", np.median), ("highest", np.max)):
                    expected = over_seeds(means, axis=1)
                    np.testing.assert_allclose([row[which] for row in rows], expected, rtol=1e-12, atol=1e-12)
        for figure, learner in zip(norms, (0, 2), strict=True):
            table = figure.tables["gradients"]
            assert table.num_rows == 11 * len(result.snapshot_step)
            middle = np.median(result.log10_norm[learner], axis=0)
            same(column(table, "log10_magnitude"), middle.ravel())
            same(column(table, "lag"), np.tile(np.arange(11), len(middle)))
        for figure in (accuracy, loss, *norms):
            assert figure.caption.endswith("."), figure.title
            empty = next(one for one in section.figures_of(settings, None) if one.title == figure.title)
            assert {name: t.schema for name, t in figure.tables.items()} == {
                n: t.schema for n, t in empty.tables.items()
            }
            assert figure.drawing() is empty.drawing()


def draws_by(table: pa.Table, names: Mapping[str, np.ndarray]) -> None:
    """Each line is the middle of its draws, in its range; and there is no other line."""
    assert table.num_rows == sum(values.shape[1] for values in names.values())
    for name, values in names.items():
        rows = rows_of(table, **{"series" if "series" in table.column_names else "cell": name})
        for label, over_draws in (("magnitude", np.median), ("lowest", np.min), ("highest", np.max)):
            same([row[f"log10_{label}"] for row in rows], over_draws(values, axis=0))


def stacks(settings: Settings, shown: tuple[Figure, ...]) -> None:
    def stack(kind: str) -> depth.Stack:
        bias = {"gate_bias": settings.db} if kind == "highway" else {}
        return depth.Stack(kind, settings.L, settings.d, settings.dg, input_scale=settings.dx, seed=settings.ds, **bias)

    labels = {kind: blocks.KINDS[kind].label for kind in blocks.KINDS}
    by_depth = {labels[kind]: depth.by_depth(stack(kind)).log10_norm for kind in labels}
    draws_by(shown[0].tables["bands"], by_depth)
    for figure, kind in zip(shown[1:3], ("residual", "highway"), strict=True):
        norms = depth.by_path(stack(kind))
        draws_by(figure.tables["bands"], {"whole": norms.whole, "direct path": norms.direct, "rest": norms.rest})
    added = {labels[kind]: depth.branch_norms(stack(kind)) for kind in ("pre-norm", "no-norm")}
    draws_by(shown[3].tables["bands"], added)


def linear_recurrences(settings: Settings, shown: tuple[Figure, ...]) -> None:
    def norms(cell: str) -> jacobians.Norms:
        return jacobians.by_lag(network_drawings.network(cell, settings), network_drawings.SEEDS).spectral

    cells = ("lstm", "linear", "lru", "mingru", "minlstm", "ssm")
    draws_by(shown[0].tables["bands"], {network_drawings.label(cell): norms(cell).whole for cell in cells})
    for cell, name in (("lstm", "LSTM"), ("mingru", "minGRU")):
        for log10, what in ((norms(cell).whole, "whole"), (norms(cell).direct, "product of gates")):
            rows = rows_of(shown[1].tables["gradients"], series=f"{name}: {what}")
            same([row["log10_magnitude"] for row in rows], np.median(log10, axis=0))
    sizes = norms("lru").direct[0]
    for name, lag in (("one step: a", 1), ("k steps: aᵏ", min(settings.k, settings.T - 1))):
        rows = rows_of(shown[2].tables["factors"], series=name)
        assert len(rows) == (settings.n + 1) // 2
        assert max(row["size"] for row in rows) == pytest.approx(10 ** sizes[lag], rel=1e-9)
        np.testing.assert_allclose(
            [math.hypot(row["real"], row["imaginary"]) for row in rows], [r["size"] for r in rows]
        )


PLOTTED = {
    "depth-is-time": stacks,
    "gates-without-a-squashed-state": linear_recurrences,
    "one-sentence": test_one_sentence.tables_of_the_sentence,
    "through-time": unrolled_network,
    "one-recurrence": cobwebs,
    "one-step": derivative_of_one_step,
    "two-steps": ladders,
    "k-steps": central_chart,
    "vanish-or-explode": maps,
    "gated-state": gates_and_states,
    "gate-steps": ladders,
    "product-of-gates": three_gates,
    "many-paths": paths,
    "number-formats": formats,
}


@pytest.mark.parametrize("slug", PLOTTED)
def test_no_row_is_dropped_and_every_plotted_number_is_the_engines(slug: str):
    for settings in SETTINGS:
        try:
            PLOTTED[slug](settings, figures(slug, settings))
        except AssertionError as error:
            error.add_note(at(settings))
            raise


# --- the right answer, worked out in another way ------------------------------------------------------------


def sech(x: float) -> float:
    return 1 / math.cosh(x) if abs(x) < 700 else 0.0


SIGMA = {
    "identity": (lambda x: x, lambda x: 1.0),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "tanh": (math.tanh, lambda x: sech(x) ** 2),
    "logistic": (lambda x: 0.5 * (1 + math.tanh(x / 2)), lambda x: sech(x / 2) ** 2 / 4),
}
SUP = {"identity": 1.0, "relu": 1.0, "tanh": 1.0, "logistic": 0.25}


def vanilla_factors(settings: Settings) -> list[float]:
    """w·σ′, the latest step first, in plain Python."""
    (sigma, slope), h, factors = SIGMA[settings.act], settings.h0, []
    for _ in range(settings.k):
        factors.append(settings.w * slope(settings.w * h))
        h = sigma(settings.w * h)
    return factors[::-1]


def gate_values(settings: Settings) -> tuple[list[float], list[float]]:
    """(gates, whole factors), the latest step first, in plain Python; a varying gate's are the engine's."""
    if settings.gate == "varying":
        return (gradients.gated(settings).gates.tolist(),) * 2
    c, gates, factors = settings.h0, [], []
    for _ in range(settings.k):
        f = settings.f
        if settings.gate == "state" and 0 < f < 1:
            f = 1 / (1 + (1 - f) / f * math.exp(-settings.u * c))
        reads = settings.u * c if settings.gate == "state" else 0.0
        gates.append(f)
        factors.append(f * (1 + reads * (1 - f)))
        c *= f
    return gates[::-1], factors[::-1]


def log10_of(factors: list[float]) -> float:
    return sum(math.log10(abs(f)) if f else -math.inf for f in factors)


def latest_lags_for_nine_tenths(settings: Settings) -> int:
    fraction = jacobians.shares(network_drawings.network("rnn", settings), network_drawings.SEEDS).fraction
    lags = min(lag for lag in range(1, settings.T + 1) if np.median(fraction[:, :lag].sum(axis=1)) >= 0.9)
    return 0 if lags <= settings.T / 10 else 1 if lags <= settings.T / 2 else 2


def last_factor(settings: Settings) -> int:
    last = abs(vanilla_factors(settings)[0])
    return 1 if 0.99 <= last <= 1.01 else 0 if last < 1 else 2


def share_of_the_largest_factor(settings: Settings) -> int:
    if settings.w == 0:
        return 0  # it is 0, and can be nothing else
    share = abs(vanilla_factors(settings)[0]) / (abs(settings.w) * SUP[settings.act])
    return 0 if share >= 0.99 else 1 if share > 0.5 else 2


def square_of_one_step(settings: Settings) -> int:
    one, before = (abs(f) for f in vanilla_factors(settings.replace(k=max(settings.k, 2)))[:2])
    if one == 0:
        return 0
    return 0 if 0.99 <= before / one <= 1.01 else 1 if before > one else 2


def change_at_lag_k(before: Settings, after: Settings) -> int:
    then, now = (log10_of(vanilla_factors(one)) for one in (before, after))
    return 1 if then == now or abs(now - then) <= 0.3 else 0 if now > then else 2


def fate(settings: Settings) -> int:
    size = log10_of(vanilla_factors(settings))
    return 0 if size < -2 else 2 if size > 2 else 1


def left_of_the_state(settings: Settings) -> int:
    kept = 10 ** log10_of(gate_values(settings)[0])
    return 0 if kept > 0.5 else 1 if kept >= 0.01 else 2


def larger_after_two_steps(settings: Settings) -> int:
    settings = settings.replace(k=max(settings.k, 2))
    gated = abs(math.prod(gate_values(settings)[1][:2]))
    vanilla = abs(math.prod(vanilla_factors(settings)[:2]))
    return 2 if abs(gated - vanilla) <= 0.01 * max(gated, vanilla) else 0 if gated > vanilla else 1


def reach_of_a_constant_gate(settings: Settings) -> int:
    reach = next((lag for lag in range(settings.k + 1) if settings.f**lag < 0.01), None)
    return 2 if reach is None else 0 if reach <= 20 else 1


def whole_beside_direct(settings: Settings) -> int:
    gates, factors = gate_values(settings.replace(gate="state"))
    if 0 in gates:
        return 2
    ratio = abs(math.prod(factor / f for factor, f in zip(factors, gates, strict=True)))
    return 2 if 0.99 <= ratio <= 1 / 0.99 else 0 if ratio > 1 else 1


def left_in_float16(settings: Settings) -> int:
    at_k = abs(number_formats.vanilla(settings, "float16", 2.0**settings.ls).scaled[-1])
    return 0 if at_k == 0 else 1 if at_k < 2.0**-14 else 2


def reach_of_a_residual_stack(settings: Settings) -> int:
    """Without autograd: the Jacobian 1 + J of each block, J = diag(1 − tanh²)·W, multiplied in numpy."""
    norms = []
    for seed in range(settings.ds, settings.ds + 5):
        generator = torch.Generator().manual_seed(seed)
        x = settings.dx * torch.randn(4, settings.d, generator=generator, dtype=torch.float64).numpy()[-1]
        product = np.eye(settings.d)
        for _ in range(settings.L):
            weight = torch.randn(settings.d, settings.d, generator=generator, dtype=torch.float64).numpy()
            weight *= settings.dg / math.sqrt(settings.d)
            y = np.tanh(weight @ x)
            product, x = (np.eye(settings.d) + (1 - y**2)[:, None] * weight) @ product, x + y
        norms.append(np.linalg.norm(product, 2))
    middle = np.median(norms)
    return 0 if middle < 0.01 else 2 if middle > 100 else 1


def larger_of_lstm_and_min_gru(settings: Settings) -> int:
    lag = min(settings.k, settings.T - 1)
    lstm, min_gru = (
        np.median([np.linalg.norm(one[-1, -1 - lag], 2) for one in map(derivatives, draws_of(cell, settings))])
        for cell in ("lstm", "mingru")
    )
    return 2 if 0.5 <= lstm / min_gru <= 2 else 0 if lstm > min_gru else 1


def draws_of(cell: str, settings: Settings) -> list:
    network = network_drawings.network(cell, settings)
    return [dataclasses.replace(network, seed=network.seed + i) for i in range(5)]


@functools.cache
def derivatives(network) -> np.ndarray:
    """∂s(t)/∂s(u) of a network by complex steps."""
    return test_jacobians.derivatives(network)


ANSWERS = {
    "depth-is-time": reach_of_a_residual_stack,
    "gates-without-a-squashed-state": larger_of_lstm_and_min_gru,
    "through-time": latest_lags_for_nine_tenths,
    "one-recurrence": last_factor,
    "one-step": share_of_the_largest_factor,
    "two-steps": square_of_one_step,
    "k-steps": change_at_lag_k,
    "vanish-or-explode": fate,
    "gated-state": left_of_the_state,
    "gate-steps": larger_after_two_steps,
    "product-of-gates": reach_of_a_constant_gate,
    "many-paths": whole_beside_direct,
    "number-formats": left_in_float16,
    "does-it-learn": lambda settings: None,  # nothing is trained in these tests
    "remembering-on-purpose": lambda settings: None,
    "one-sentence": test_one_sentence.answer,
    "your-own-network": lambda settings: 0,  # the example: 0.14 against 10⁻⁵; tests/test_your_own_network.py
}


def test_every_section_has_a_right_answer_worked_out_here():
    assert set(ANSWERS) == set(BY_SLUG)


def sweep() -> Iterator[Settings]:
    """Every third w of the sidebar, and the rest in turn: answers change in between the corners."""
    for i, w in list(enumerate(CONTROL["w"].values))[::3]:
        turn = {"h0": 7 * i, "f": i, "k": 3 * i, "u": 5 * i, "spread": i, "seed": i, "ls": 2 * i}
        values = {name: CONTROL[name].values[at % len(CONTROL[name].values)] for name, at in turn.items()}
        yield Settings(w=w, act=ACTS[(i // 2) % 4], gate=GATES[(i // 3) % 3], **values)


@pytest.mark.parametrize("slug", sorted(ANSWERS))
def test_the_right_answer_is_right(slug: str):
    for settings in (*SETTINGS, *sweep()):
        asked = prediction(slug, settings)
        states = [settings, settings.replace(**dict(asked.move.changes)) if asked.move else settings]
        takes = len(inspect.signature(ANSWERS[slug]).parameters)  # what is so after the move, or what it has changed
        assert asked.right == ANSWERS[slug](*states[-takes:]), at(settings)


@every_section
def test_a_prediction_has_different_answers_and_something_to_tell_for_each(slug: str):
    for settings in SETTINGS:
        asked = prediction(slug, settings)
        assert asked.question.endswith("?")
        assert len({option.text for option in asked.options}) == len(asked.options) >= 2
        assert all(option.told for option in asked.options)
        assert all_predictions(settings)[slug][1] == asked.asked
        assert asked.right is None or 0 <= asked.right < len(asked.options)


# --- receipts -----------------------------------------------------------------------------------------------


@every_section
def test_a_receipt_agrees_or_says_why_not(slug: str):
    for settings in SETTINGS:
        checked = receipt(slug, settings)
        assert checked.equation.strip()
        if checked.agrees:
            assert "two sides differ" not in checked.remark, f"{checked} at {at(settings)}"
        else:
            assert re.search(r"float64|saturated", checked.remark), f"{checked} at {at(settings)}"


@every_section
def test_a_receipt_agrees_at_the_defaults(slug: str):
    assert receipt(slug, Settings()).difference < 1e-12


RECEIPT_OF = {
    # what stands on the right, worked out here
    "one-step": lambda s: vanilla_factors(s)[0],
    "two-steps": lambda s: math.prod(vanilla_factors(s.replace(k=max(s.k, 2)))[:2]),
    "k-steps": lambda s: math.prod(vanilla_factors(s)),
    "vanish-or-explode": lambda s: abs(math.prod(vanilla_factors(s))),
    "gated-state": lambda s: s.h0 * math.prod(gate_values(s)[0]),
    "gate-steps": lambda s: math.prod(gate_values(s.replace(k=max(s.k, 2)))[1][:2]),
    "product-of-gates": lambda s: math.prod(gate_values(s)[1]),
    "many-paths": lambda s: math.prod(gate_values(s)[0]),
    "number-formats": lambda s: math.prod(vanilla_factors(s)),
}


@pytest.mark.parametrize("slug", RECEIPT_OF)
def test_the_right_side_of_a_receipt_is_the_equations(slug: str):
    for settings in SETTINGS:
        value, expected = receipt(slug, settings).formula.value, RECEIPT_OF[slug](settings)
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-290), at(settings)


def test_the_receipt_of_the_product_shows_the_labs_index_beside_the_right_one():
    checked = receipt("product-of-gates", Settings(f=0.9, k=10))
    too_many = checked.others[-1]
    assert checked.formula.value == pytest.approx(0.9**10)
    assert too_many.value == pytest.approx(0.9**11)
    assert "i = 0" in too_many.what


# --- what moves a section -----------------------------------------------------------------------------------

SMALL = {"n": 4, "T": 20, "nets": ("rnn", "gru"), "L": 4}
BASES = (
    Settings(k=20, **SMALL),
    Settings(k=20, gate="varying", act="logistic", w=1.0, **SMALL),
    Settings(k=30, gate="state", act="logistic", w=1.0, **SMALL),
    Settings(k=5, **SMALL),  # within the networks' length
)


def others(name: str, value) -> list:
    """The neighbour on the grid, and a value far away."""
    control = CONTROL[name]
    if isinstance(control, Several):
        return [("rnn", "lstm"), ("lstm", "gru", "mgu")]
    at, count = control.values.index(value), len(control.values)
    return [control.values[(at + 1) % count], control.values[(at + max(2, count // 2)) % count]]


@functools.cache
def made_of(slug: str, index: int, settings: Settings) -> tuple:
    """Everything that a plot makes of the whole settings, whatever it says it reads; of long work also the plan."""
    section = BY_SLUG[slug]
    plot = section.plots[index]
    return dict(plot.tables(settings)), plot.caption(settings), section.work and section.work.plan(settings)


def alike(one: tuple, other: tuple) -> bool:
    """Whether two of these are the same but for the last digits, which may hang on what has been computed together."""
    tables, others = one[0], other[0]
    if one[1:] != other[1:] or any(not table.schema.equals(others[name].schema) for name, table in tables.items()):
        return False
    return all(
        table.num_rows == others[name].num_rows and alike_columns(table[label], others[name][label])
        for name, table in tables.items()
        for label in table.column_names
    )


def alike_columns(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(one.type):
        return one.equals(other)
    values, expected = (column.to_numpy() for column in (one, other))  # null becomes NaN
    return np.allclose(values, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", [control.name for control in CONTROLS])
@every_section
def test_a_plot_reads_the_controls_that_it_names_and_no_other(slug: str, name: str):
    for index, plot in enumerate(BY_SLUG[slug].plots):
        moved = [
            not alike(made_of(slug, index, base), made_of(slug, index, base.replace(**{name: value})))
            for base in BASES
            for value in others(name, getattr(base, name))
        ]
        assert any(moved) == (name in plot.reads), plot.title


@every_section
def test_the_controls_that_choose_figures_move_the_section(slug: str):
    section = BY_SLUG[slug]
    for name in CONTROL:
        shown = {section.plots_at(Settings(**{name: value})) for value in others(name, CONTROL[name].default)}
        assert shown == {section.plots_at(Settings())} or name in section.moved_by


@every_section
def test_what_moves_a_section_is_what_its_figures_read_in_the_order_of_the_sidebar(slug: str):
    section = BY_SLUG[slug]
    read = [name for name in CONTROL if any(name in plot.reads for plot in section.plots)]
    assert section.moved_by == tuple(read)
    assert section.reads == tuple(name for name in CONTROL if name in {*read, *section.receipt_reads})
    assert not set(section.receipt_reads) & set(read)


@every_section
def test_a_figure_is_made_once_for_all_that_read_the_same(slug: str):
    section = BY_SLUG[slug]
    unread = next(name for name in CONTROL if name not in section.moved_by and name != "nets")
    elsewhere = Settings(**{unread: others(unread, CONTROL[unread].default)[0]})
    for one, other in zip(section.figures_at(Settings()), section.figures_at(elsewhere), strict=True):
        assert one is other


# --- walks --------------------------------------------------------------------------------------------------

WALKED = {slug: section for slug, section in BY_SLUG.items() if any(plot.walk for plot in section.plots)}


def test_the_products_can_be_walked():
    assert set(WALKED) >= {"two-steps", "k-steps", "gate-steps", "product-of-gates"}


@pytest.mark.parametrize("slug", WALKED)
def test_a_walk_goes_from_row_to_row_of_the_figure(slug: str):
    for settings in SETTINGS:
        first, stops = figures(slug, settings)[0], walks(slug, settings)[0]
        main = next(iter(first.tables.values()))
        at_rest = first.tables["walk"]
        assert at_rest.num_rows == 0
        names = at_rest.column_names
        rows = {tuple(row[name] for name in names) for row in main.select(names).to_pylist()}
        places = [column(stop.marks, names[0]) for stop in stops]
        for stop in stops:
            assert stop.marks.schema.equals(at_rest.schema), at(settings)
            assert {tuple(row[name] for name in names) for row in stop.marks.to_pylist()} <= rows, at(settings)
        # every place but the start, in order
        assert [place[0] for place in places] == sorted(set(column(main, names[0])) - {0}), at(settings)
