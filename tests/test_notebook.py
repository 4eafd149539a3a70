"""The notebook runs by itself in a fresh kernel, and its numbers are the page's."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sys

import nbclient
import nbformat
import numpy as np
import pytest

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS, does_it_learn
from explainer.maths import gradients, training
from explainer.take import data as downloads
from explainer.take import notebook
from explainer.take.notebook_figures import plot
from explainer.take.snippets import LINES

LINK = "https://example.org/?w=1.2"
SETTINGS = (
    Settings(T=30, n=8, tk=10, tn=1),
    Settings(
        act="logistic", w=-3.0, h0=-0.3, k=21, gate="state", f=0.9, u=-2.0, ls=12, nets=("lstm", "peephole", "mgu"),
        n=4, T=20, gain=2.0, bf=1.5, task="adding", tk=10, tb=1.0, tn=2, clip="on",
    ),
)  # fmt: skip
NO_NUMBERS = "An LSTM cell with the cell-state path picked out"
READ_OUT = """
import json
print(json.dumps({name: chart.to_dict() for name, chart in list(globals().items()) if name.startswith("figure_")}))
"""


def code_of(built: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in built.cells if cell.cell_type == "code"]


def python_of(source: str) -> str:
    return re.sub(r"\A%%writefile .*\n", "", source)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda settings: settings.act)
def executed(request, tmp_path_factory) -> tuple[Settings, dict, nbformat.NotebookNode]:
    """(settings, every chart as the notebook made it, the notebook with its outputs), run in an empty folder."""
    folder = tmp_path_factory.mktemp("reader")
    built = nbformat.reads(notebook.written(request.param, LINK), as_version=4)
    built.cells.append(nbformat.v4.new_code_cell(READ_OUT))
    client = nbclient.NotebookClient(
        built, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "", "PYTHONSAFEPATH": ""})
    (out,) = built.cells[-1].outputs
    return request.param, json.loads(out.text), built


def figure_rows(chart: dict) -> list[dict]:
    (values,) = chart["datasets"].values() if "datasets" in chart else (chart["data"]["values"],)
    return values


def test_the_notebook_has_the_pages_numbers(executed):
    settings, charts, _ = executed
    for _ in training.train(does_it_learn.plan(settings)):
        pass
    figures = {figure.title: figure for section in SECTIONS for figure in section.figures_at(settings)}
    by_title = {chart["title"]: figure_rows(chart) for chart in charts.values()}
    assert set(by_title) == set(figures) - {NO_NUMBERS}
    compared = 0
    for title, rows in by_title.items():
        table = downloads.table_of(figures[title])
        lines = [name for name in LINES if name in table.column_names]
        for line in dict.fromkeys(row["line"] for row in rows):
            mine = [row for row in rows if row["line"] == line]
            picked = table
            if lines:
                picked = table.filter([value == line for value in table[lines[0]].to_pylist()])
            for column in set(mine[0]) - {"line"}:
                expected = np.array(picked[column].to_pylist(), dtype=float)
                measured = np.array([row[column] for row in mine], dtype=float)
                if title.startswith("The direct path and") or "number formats" in title:
                    # the page writes the place of a magnitude below float64 in as well
                    expected = np.where(np.isnan(measured), np.nan, expected)
                np.testing.assert_allclose(measured, expected, rtol=1e-12, atol=0, err_msg=f"{title}: {line} {column}")
                compared += np.isfinite(measured).sum()
    assert compared > 3000


def test_every_chart_is_shown_and_nothing_is_reported_as_an_error(executed):
    _, charts, built = executed
    outputs = [output for cell in built.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"] == []
    shown = [output for output in outputs if output.output_type == "execute_result"]
    assert len(shown) == len(charts)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.act)
def test_it_imports_torch_numpy_and_altair_alone(settings: Settings):
    imported = set()
    for source in code_of(notebook.build(settings, LINK)):
        for node in ast.walk(ast.parse(python_of(source))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"torch", "numpy", "altair", "explainer"}


def test_its_code_is_the_projects_own_to_the_letter():
    sources = code_of(notebook.build(Settings(), LINK))
    assert any(source.endswith(inspect.getsource(gradients).rstrip()) for source in sources)
    assert any(inspect.getsource(plot).strip() in source for source in sources)
    written = {source.split()[1] for source in sources if source.startswith("%%writefile")}
    assert {f"explainer/maths/{name}.py" for name in ("cells", "jacobians", "training")} <= written
    assert not {name for name in written if "page" in name or "sections" in name}


def test_it_follows_the_lesson_and_leads_back_to_the_page():
    built = notebook.build(Settings(), LINK)
    texts = [cell.source for cell in built.cells if cell.cell_type == "markdown"]
    headings = [text.splitlines()[0] for text in texts if text.startswith("## ")]
    assert headings == [f"## {n}. {section.TITLE}" for n, section in enumerate(SECTIONS, 1)]
    assert LINK in texts[0]
    assert not any(re.search(r":(orange|blue|gray)\[", text) for text in texts)


def test_it_starts_from_the_readers_settings_and_is_the_same_each_time():
    settings = SETTINGS[1]
    (cell,) = [source for source in code_of(notebook.build(settings, LINK)) if "settings = Settings(" in source]
    namespace = {}
    exec(cell, namespace)
    assert namespace["settings"] == settings
    assert notebook.written(settings, LINK) == notebook.written(settings, LINK)
