"""The notebook runs by itself in a fresh kernel, and the page's drawings stand over the page's numbers."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import os
import re
import sys

import nbclient
import nbformat
import numpy as np
import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures.program import needed, text
from explainer.lesson import SECTIONS
from explainer.maths import training
from explainer.take import notebook
from explainer.take.notebook import LINES
from explainer.take.redraw import redraw

LINK = "https://example.org/?w=1.2"
SETTINGS = (
    Settings(T=30, n=8, tk=10, tn=1),
    Settings(
        act="logistic", w=-3.0, h0=-0.3, k=21, gate="state", f=0.9, u=-2.0, ls=12, nets=("lstm", "peephole", "mgu"),
        n=4, T=20, gain=2.0, bf=1.5, task="adding", tk=10, tb=1.0, tn=2, clip="on",
    ),
)  # fmt: skip
ANOTHER = SETTINGS[0].replace(k=80, w=1.1, act="identity", gate="varying")
STEPS = 12  # of training; the page takes hundreds
AS_JSON = "application/json"
FRESH = "%reset -f\nimport altair; altair.renderers.enable('json'); del altair"


def code_of(built: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in built.cells if cell.cell_type == "code"]


def in_few_steps(cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    for cell in cells:
        cell.source = re.sub(r"\bsteps=\d+", f"steps={STEPS}", cell.source)
    return cells


@pytest.fixture(scope="module")
def charts(tmp_path_factory) -> list[tuple[Settings, dict[str, dict]]]:
    """For each of three states, its settings and every chart by its title: one kernel runs all, in an empty folder.

    The third is the first notebook again, after a reader has put other values in the place of its settings.
    """
    whole, ends = nbformat.v4.new_notebook(), []
    for settings in SETTINGS[::-1]:
        built = nbformat.reads(notebook.written(settings, LINK), as_version=4)
        whole.cells += [nbformat.v4.new_code_cell(FRESH), *in_few_steps(built.cells)]
        ends.append(len(whole.cells))
    names = ("k", "w", "act", "gate")
    changed = "; ".join(f"{name} = {getattr(ANOTHER, name)!r}" for name in names)
    again = [cell for cell in built.cells if re.search(r"\bfigure_[1-9]_\d\b", cell.source)]
    whole.cells += [nbformat.v4.new_code_cell(changed), *(nbformat.v4.new_code_cell(cell.source) for cell in again)]
    folder = tmp_path_factory.mktemp("reader")
    client = nbclient.NotebookClient(
        whole, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "", "PYTHONSAFEPATH": ""})
    drawn: list[dict[str, dict]] = [{}, {}, {}]
    for position, cell in enumerate(whole.cells):
        for output in cell.get("outputs", ()):
            assert output.output_type == "execute_result", output
            part = sum(position >= end for end in ends)
            drawn[part][output.data[AS_JSON]["description"]] = output.data[AS_JSON]
    return list(zip((*SETTINGS[::-1], ANOTHER), drawn, strict=True))


def figures_by_title(settings: Settings) -> dict:
    found = []
    for section in SECTIONS:
        result = None
        if section.work is not None:
            *_, result = training.train(dataclasses.replace(section.work.plan(settings), steps=STEPS))
        found += section.figures_of(settings, result)
    return {figure.title: figure for figure in found}


def in_order(rows: list[dict]) -> list[dict]:
    """The rows line by line; which line comes first is nobody's business."""
    return sorted(rows, key=lambda row: [str(row[name]) for name in LINES if name in row])


def assert_same_rows(rows: list[dict], expected: list[dict], rtol: float, columns: set[str] | None = None) -> None:
    assert len(rows) == len(expected)
    pairs = list(zip(in_order(rows), in_order(expected), strict=True))
    for name in columns or dict.fromkeys(name for other in expected for name in other):
        floats = [(row[name], other[name]) for row, other in pairs if isinstance(other[name], float)]
        others = [(row[name], other[name]) for row, other in pairs if not isinstance(other[name], float)]
        tolerance = rtol if name.startswith("log10") else 1e-300
        assert not any(isinstance(value, str) for value, _ in floats), name
        measured, right = np.array(floats, dtype=float).reshape(-1, 2).T
        np.testing.assert_allclose(measured, right, rtol=rtol, atol=tolerance, err_msg=name)
        assert [value for value, _ in others] == [value for _, value in others], name


@pytest.mark.parametrize("state", [0, 1])
def test_every_drawing_of_the_page_stands_over_the_numbers_that_the_notebook_has_computed(state: int, charts):
    settings, drawn = charts[state]
    figures = figures_by_title(settings)
    assert list(drawn) == list(figures)
    long = {plot.title: plot.program.column for section in SECTIONS for plot in section.plots if plot.program.minutes}
    for title, figure in figures.items():
        drawing, chart = dict(figure.drawing()), drawn[title]
        marks = "layer" if "layer" in drawing else "vconcat"
        assert len(chart[marks]) == len(drawing[marks])
        assert list(chart["datasets"]) == list(figure.tables)
        first = next(iter(figure.tables))
        if title in long:  # the page's tables were empty: nothing but the lines is there
            expected = figure.tables[first].to_pylist()
            line = next(name for name in LINES if name in expected[0])
            x = next(name for name in ("step", "lag", "order") if name in expected[0])
            assert_same_rows(chart["datasets"][first], expected, 1e-4, {line, x, long[title]})
        else:
            for name, table in figure.tables.items():
                assert_same_rows(chart["datasets"][name], table.to_pylist(), 1e-6)


def test_the_lines_follow_a_reader_who_changes_the_settings(charts):
    (_, as_on_the_page), (settings, drawn) = charts[1:]
    assert len(drawn) > 10
    plots = [plot for section in SECTIONS for plot in section.plots if plot.title in drawn]
    for plot in plots:
        first, table = next(iter(plot.at(settings).tables.items()))
        rows, expected = drawn[plot.title]["datasets"][first], table.to_pylist()
        if plot.program.column == "text":
            assert rows != as_on_the_page[plot.title]["datasets"][first]
            continue
        filled = plot.program.column or next(one for one in ("gradient", "next_state", "y") if one in expected[0])
        shared = {name for name in LINES if name in expected[0]} | {filled}
        assert_same_rows(rows, expected, 1e-6, shared)
        if "k" in inspect.signature(plot.program.function).parameters:
            assert not {"reads", "factor"} - shared & set(rows[-1])  # what the page said of other numbers


def test_it_imports_torch_numpy_and_altair_alone():
    imported = set()
    for source in code_of(notebook.build(SETTINGS[1], LINK)):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"torch", "numpy", "altair"}


def test_its_code_is_the_programs_that_the_page_shows_each_definition_once():
    built = notebook.build(SETTINGS[1], LINK)
    sources = "\n\n\n".join(code_of(built))
    plots = [plot for section in SECTIONS for plot in section.plots_at(SETTINGS[1])]
    for piece in needed(*(plot.program.function for plot in plots), redraw):
        assert sources.count(piece.source) == 1
        assert piece.source in text([piece])
    minutes = [cell.source for cell in built.cells if "takes minutes" in cell.source]
    assert len(minutes) == sum(plot.program.minutes for plot in plots)


def test_it_follows_the_lesson_and_leads_back_to_the_page():
    built = notebook.build(Settings(), LINK)
    texts = [cell.source for cell in built.cells if cell.cell_type == "markdown"]
    headings = [text.splitlines()[0] for text in texts if re.match(r"## \d", text)]
    assert headings == [f"## {n}. {section.title}" for n, section in enumerate(SECTIONS, 1)]
    assert LINK in texts[0]
    assert not any(re.search(r":(orange|blue|gray)\[", text) for text in texts)


def test_it_starts_from_the_readers_settings():
    settings = SETTINGS[1]
    (cell,) = [
        source for source in code_of(notebook.build(settings, LINK)) if source.startswith("# the page's settings")
    ]
    namespace = {}
    exec(cell, namespace)
    assert {name: namespace[name] for name in CONTROL} == {name: getattr(settings, name) for name in CONTROL}


def test_it_is_the_same_each_time_whatever_has_been_trained_meanwhile():
    settings = SETTINGS[0]
    (work,) = [section.work for section in SECTIONS if section.slug == "does-it-learn"]
    before = notebook.written(settings, LINK)
    for _ in training.train(work.plan(settings)):
        pass
    assert work.known(work.plan(settings)) is not None
    assert notebook.written(settings, LINK) == before


def test_a_drawing_that_has_no_place_for_the_numbers_says_so():
    drawing = json.dumps({"datasets": {"grid": {"t": [1.0], "gradient": [0.5]}}})
    with pytest.raises(ValueError, match="other axes"):
        redraw({"gradient": [0.5, 0.25]}, "", "gradient", drawing)
