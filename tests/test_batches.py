"""Batches over a control, and the tables of figures from them: equal to the last bit to those of a single value."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from test_sections import columns_read as fields_of
from test_sections import units

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures import rows
from explainer.figures.figure import Plot
from explainer.figures.rows import Rows
from explainer.figures.sweep import columns_read
from explainer.lesson import SECTIONS
from explainer.lesson.k_steps import BY_LAG
from explainer.lesson.vanish_or_explode import LAGS
from explainer.maths import gradients, grid
from explainer.maths.batches import LANES, lanes
from explainer.maths.cells import ACTIVATIONS, GATES
from explainer.maths.results import at_once
from explainer.page.sweep import SWEPT

SOME = 17  # every so many-th value of a control is looked at


def same_bits(one: object, other: object) -> bool:
    """Whether two results, dataclasses of arrays, are equal to the last bit."""
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)]
    return all(
        a.shape == b.shape and a.dtype == b.dtype and np.array(a).tobytes() == np.array(b).tobytes() for a, b in pairs
    )


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize(("act", "gate"), [*zip(ACTIVATIONS, [*GATES, "state"], strict=True)])
def test_a_batch_over_a_control_equals_single_runs_to_the_last_bit(name: str, act: str, gate: str):
    base, values = Settings(act=act, gate=gate, w=1.1, h0=-0.7, f=0.93, k=57), CONTROL[name].values
    measures = ((gradients.vanilla, ()), (gradients.gated, ()), (grid.own_weight, (LAGS,)), (grid.own_gate, (LAGS,)))
    for measure, arguments in measures:
        with at_once(name, values):
            swept = [measure(one, *arguments) for one in base.each(name, values)]
        for one, settings in [*zip(swept, base.each(name, values), strict=True)][::SOME]:
            assert same_bits(one, measure.__wrapped__(settings, *arguments)), (measure, settings)


def test_where_a_number_stands_in_a_batch_does_not_matter():
    """Within whole lots of ``LANES``; the same numbers in another order."""
    numbers = np.random.default_rng(0).normal(0, 3, 5 * LANES + 3)
    order = np.random.default_rng(1).permutation(len(numbers))
    for function in (*(one.apply for one in ACTIVATIONS.values()), *(one.log_slope for one in ACTIVATIONS.values())):
        straight, mixed = (function(lanes(values)).numpy() for values in (numbers, numbers[order]))
        assert straight[: len(numbers)][order].tobytes() == mixed[: len(numbers)].tobytes()


def test_a_sweep_computes_each_batch_once(monkeypatch):
    calls = []
    monkeypatch.setattr(gradients, "unrolled", lambda *a, run=gradients.unrolled: calls.append(1) or run(*a))
    values = CONTROL["w"].values
    with at_once("w", values):
        for settings in Settings(h0=0.123).each("w", values):
            gradients.vanilla(settings)
            gradients.vanilla(settings.replace(act="relu"))
    assert len(calls) == 2


def test_settings_at_each_value_of_a_control_are_those_that_replace_it():
    settings = Settings(k=7, act="relu")
    assert settings.each("w", (0.5, -8.0)) == [settings.replace(w=0.5), settings.replace(w=-8.0)]
    with pytest.raises(ValueError, match="w must be"):
        settings.each("w", (0.5, float("nan")))


# --- tables -------------------------------------------------------------------------------------------------


PLOTS = [(section.slug, plot) for section in SECTIONS for plot in section.plots if {*plot.reads} & {*SWEPT}]


@pytest.mark.parametrize(("slug", "plot"), PLOTS, ids=lambda one: one if isinstance(one, str) else one.title)
def test_bare_rows_are_those_of_the_tables_that_a_reader_sees(slug: str, plot: Plot):
    base = Settings(gate="state", act="relu", n=4)
    for name in [name for name in SWEPT if name in plot.reads]:
        values = CONTROL[name].values[:: len(CONTROL[name].values) // 4]
        with at_once(name, values), rows.bare():
            swept = [plot.tables(settings) for settings in base.each(name, values)]
        for bare, settings in zip(swept, base.each(name, values), strict=True):
            tables = plot.tables(settings)
            assert bare.keys() == tables.keys()
            for dataset, table in tables.items():
                assert isinstance(bare[dataset], Rows)
                for column in table.column_names:
                    assert_same_column(bare[dataset].columns[column], table[column])


def assert_same_column(bare: np.ndarray, column: pa.ChunkedArray) -> None:
    said = bare.tolist()
    if said and all(one == rows.LATER for one in said):  # words that a sweep leaves out
        assert len(said) == len(column)
    elif pa.types.is_floating(column.type):
        numbers = np.where(np.isfinite(bare), bare, np.nan)
        assert numbers.tobytes() == column.to_numpy().tobytes()
    else:
        assert said == column.to_pylist()


def test_what_a_drawing_reads_of_a_dataset_is_among_what_is_sent_and_a_title_reads_nothing():
    for _, plot in PLOTS:
        drawing, sent = plot.drawing(), columns_read(plot.drawing)
        for unit, data, made in units(drawing):
            expressions = json.dumps(unit)
            read = fields_of(unit) | set(re.findall(r"datum\.(\w+)", expressions))
            assert read - made <= sent[data] | {"value", "label"}, (plot.title, data)  # those are an axis's own
            for other, column in re.findall(r"data\('(\w+)'\), '(\w+)'", expressions):
                assert column in sent[other], (plot.title, other)
    assert "gradient" not in columns_read(BY_LAG.drawing)["gradients"]  # a title says it
