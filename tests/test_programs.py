"""The program behind each figure runs where nothing of the project is, and gives the figure's numbers."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from explainer import programs, words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures import networks
from explainer.figures.figure import Figure, Plot
from explainer.figures.program import Program
from explainer.lesson import SECTIONS
from explainer.maths import training
from explainer.take.notebook import LINES

EVERY_NETWORK = CONTROL["nets"].values
SITUATIONS = (
    Settings(),
    Settings(
        act="logistic", w=-2.0, h0=-0.4, k=7, gate="varying", f=0.8, spread=2.0, seed=5, ls=10, T=30, L=8, d=8, dg=2.0
    ),
    Settings(
        act="identity", w=1.1, k=30, gate="state", f=0.9, u=-2.0, T=20, n=4, bf=2.0, gain=2.0, nets=EVERY_NETWORK, L=4
    ),
    Settings(
        act="relu", w=-0.9, k=2, gate="state", f=0.5, u=3.0, T=50, n=2, xs=0.0, ns=7, nets=("mgu",), L=1, db=1.0, dx=0.1
    ),
    Settings(
        act="tanh", w=1.5, h0=0.1, k=200, gate="varying", f=1.0, T=30, bf=-1.0, L=12, dg=0.5, db=-4.0, dx=4.0, ds=7
    ),
    Settings(act="logistic", w=8.0, k=1, f=0.0, T=10, n=1, L=2, nets=("relu", "lru")),
)
TRAININGS = (
    Settings(task="memory", tk=10, tn=2),
    Settings(task="adding", tk=10, tn=1, clip="on", tb=1.0, also="mingru"),
    Settings(task="memory-in-noise", tk=10, tn=1),
)
STEPS = 12  # of training; the page takes hundreds

QUICK = [section for section in SECTIONS if section.work is None]
LONG = [section for section in SECTIONS if section.work is not None]

# One process for all programs, each in an empty namespace of its own; numbers and figures go as JSON.
RUN_ALL = """
import contextlib, io, json, sys, torch
torch.set_num_threads(1)

def plain(value):
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value.tolist() if isinstance(value, torch.Tensor) else value

left = []
for code in json.load(open(sys.argv[1], encoding="utf-8")):
    namespace, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "<program>", "exec"), namespace)
    left.append([plain(namespace["figure"]), bool(said.getvalue())])
assert not {name for name in sys.modules if name.split(".")[0] in ("explainer", "streamlit", "altair")}
print(json.dumps(left))
"""


def name_of(plot: Plot) -> str:
    return plot.title


def text_of(program: Program, settings: Settings) -> str:
    """What a reader runs; of training only so many steps."""
    short = dataclasses.replace(program, fixed=program.fixed | {"steps": STEPS}) if program.minutes else program
    return short.code(settings)


def plots_of(sections, settings: Settings) -> list[Plot]:
    return [plot for section in sections for plot in section.plots_at(settings)]


ALL = [(plot, settings) for settings in SITUATIONS for plot in plots_of(QUICK, settings)]
ALL += [(plot, settings) for settings in TRAININGS for plot in plots_of(LONG, settings)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict[str, dict]:
    """What every program leaves in ``figure``, by its text; all of them in one process that knows nothing else."""
    folder = tmp_path_factory.mktemp("reader")
    codes = list(dict.fromkeys(text_of(plot.program, settings) for plot, settings in ALL))
    (folder / "programs.json").write_text(json.dumps(codes), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN_ALL, "programs.json"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert all(printed for _, printed in left)
    return {code: figure for code, (figure, _) in zip(codes, left, strict=True)}


def first_table(figure: Figure) -> pa.Table:
    return next(iter(figure.tables.values()))


def column_of(table: pa.Table, column: str, line: str | None) -> np.ndarray:
    """A column of a figure's table as the page sends it, of one line if it has lines; what is not finite is NaN."""
    values = table[column].to_numpy(zero_copy_only=False).astype(float)
    if line is None:
        return values
    (key,) = [name for name in LINES if name in table.column_names]
    return values[table[key].to_numpy(zero_copy_only=False) == line]


def assert_same_numbers(measured: np.ndarray, expected: np.ndarray, is_log: bool, rtol: float) -> None:
    assert measured.shape == expected.shape
    assert len(measured)
    both = np.isfinite(measured) & np.isfinite(expected)
    normal = both & ((expected > -300) if is_log else (np.abs(expected) > 1e-300))
    if is_log:
        measured, expected = 10 ** (measured - expected), np.ones_like(expected)
    np.testing.assert_allclose(measured[normal], expected[normal], rtol=rtol, atol=0)
    # where float64 has nothing to hold, neither side has a number
    assert (np.isfinite(expected[~normal]) <= (is_log | (np.abs(np.nan_to_num(expected[~normal])) <= 1e-300))).all()
    assert (np.abs(measured[both & ~normal & (not is_log)]) <= 1.1e-300).all()


def compare(program: Program, left: dict, figure: Figure, rtol: float) -> None:
    """Every number that a program has left is the figure's, and no line of the figure is without."""
    table = first_table(figure)
    if program.column == "text":
        assert {f"{name} = {words.number(value)}" for name, value in left.items()} <= set(table["text"].to_pylist())
        return
    if program.column:
        (key,) = [name for name in LINES if name in table.column_names]
        assert set(left) == set(table[key].to_pylist())
    for line, values in left.items():
        for column, numbers in (values if isinstance(values, dict) else {program.column or line: values}).items():
            expected = column_of(table, column, line if program.column else None)
            assert_same_numbers(np.array(numbers, dtype=float).ravel(), expected, column.startswith("log10"), rtol)


@pytest.mark.parametrize("settings", SITUATIONS, ids=lambda settings: settings.act + str(settings.k))
@pytest.mark.parametrize("section", QUICK, ids=lambda section: section.slug)
def test_the_program_behind_a_figure_gives_its_numbers(section, settings: Settings, ran):
    for plot in section.plots_at(settings):
        # the norms of real networks are taken another way here: singular values in place of eigenvalues
        rtol = 1e-7 if "log10_norms" in plot.program.code(settings) else 1e-9
        compare(plot.program, ran[text_of(plot.program, settings)], plot.at(settings), rtol)


@pytest.mark.parametrize("settings", TRAININGS, ids=lambda settings: settings.task)
def test_the_programs_behind_training_give_its_curves(settings: Settings, ran):
    for section in LONG:
        *_, result = training.train(dataclasses.replace(section.work.plan(settings), steps=STEPS))
        for plot, figure in zip(section.plots, section.figures_of(settings, result), strict=True):
            text = text_of(plot.program, settings)
            assert plot.program.minutes == (f"steps={result.plan.steps}" in text)
            # float32, and sums in another order
            compare(plot.program, ran[text], figure, rtol=1e-4)


@pytest.mark.parametrize("plot", plots_of(SECTIONS, SITUATIONS[2]), ids=name_of)
def test_a_program_is_called_with_what_its_plot_reads(plot: Plot):
    arguments = plot.program.arguments(SITUATIONS[2])
    assert set(arguments) <= set(CONTROL) | set(plot.program.fixed)
    # an RNN has no gate for a forget bias; what does not read its state has no gain, and of fixed a no input matters
    cell = arguments.get("cell")
    idle = {"bf", "tb"} if cell == "rnn" else set(networks.NETWORK) - set(networks.moves(cell)) if cell else set()
    assert set(arguments) - set(plot.program.fixed) <= set(plot.reads) | idle


@pytest.fixture(scope="module")
def formatted(tmp_path_factory) -> dict[str, str]:
    """Every program by its text, as a formatter leaves it; one call formats them all."""
    folder = tmp_path_factory.mktemp("formatted")
    codes = list(dict.fromkeys(plot.program.code(SITUATIONS[2]) for plot in plots_of(SECTIONS, SITUATIONS[2])))
    files = [folder / f"program_{number}.py" for number in range(len(codes))]
    for file, code in zip(files, codes, strict=True):
        file.write_bytes(code.encode())
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--line-length", "120", folder]
    subprocess.run(command, capture_output=True, check=True)
    return {code: file.read_bytes().decode() for file, code in zip(files, codes, strict=True)}


@pytest.mark.parametrize("plot", plots_of(SECTIONS, SITUATIONS[2]), ids=name_of)
def test_a_program_shows_what_it_needs_and_nothing_else(plot: Plot, formatted: dict[str, str]):
    """Every definition and every import is used, and the text is as a formatter would leave it."""
    code = plot.program.code(SITUATIONS[2])
    tree = ast.parse(code)
    imported = {
        (alias.asname or alias.name): (getattr(node, "module", None) or alias.name)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in imported.values()} <= {
        "torch",
        "numpy",
        "math",
        "functools",
        "base64",
        "json",
        "pathlib",
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    defined |= {node.targets[0].id for node in tree.body if isinstance(node, ast.Assign)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert (defined | set(imported)) <= used
    assert code == formatted[code]


def test_no_two_programs_use_one_name_and_none_a_controls():
    """A notebook puts them side by side, below the settings."""
    (folder,) = programs.__path__
    names = [
        node.name if isinstance(node, ast.FunctionDef) else node.targets[0].id
        for file in Path(folder).glob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.Assign)
    ]
    assert len(names) == len(set(names))
    assert not set(names) & {*CONTROL, "figure", "redraw", "filled", "written", "Drawing", "BANDS", "BESIDE"}
