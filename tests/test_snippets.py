"""The code behind each figure runs as it stands, in plain torch, and gives the figure's numbers."""

from __future__ import annotations

import ast
import contextlib
import io
import subprocess
import sys

import numpy as np
import pytest
import torch

from explainer import words
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS, does_it_learn
from explainer.lesson.parts import Section
from explainer.maths import training
from explainer.take import data as downloads
from explainer.take import snippets
from explainer.take.snippets import LINES, Snippet

EVERY_NETWORK = ("rnn", "lstm", "gru", "peephole", "mgu")
SITUATIONS = (
    Settings(),
    Settings(act="logistic", w=-2.0, h0=-0.4, k=7, gate="varying", f=0.8, spread=2.0, seed=5, ls=10),
    Settings(act="identity", w=1.1, k=30, gate="state", f=0.9, u=-2.0, T=20, n=4, bf=2.0, gain=2.0, nets=EVERY_NETWORK),
    Settings(act="relu", w=-0.9, k=2, gate="state", f=0.5, u=3.0, T=50, n=2, xs=0.0, ns=7, nets=("mgu",)),
    Settings(act="tanh", w=1.5, h0=0.1, k=200, gate="varying", f=1.0, T=30, bf=-1.0),
    Settings(act="logistic", w=8.0, k=1, f=0.0, T=10, n=1),
)
SHORT = (
    Settings(task="memory", tk=10, tn=2),
    Settings(task="adding", tk=10, tn=1, clip="on", tb=1.0),
    Settings(task="memory-in-noise", tk=10, tn=1),
)
SLUGS = tuple(section.slug for section in SECTIONS)
QUICK = tuple(section for section in SECTIONS if not section.work)


def run(snippet: Snippet) -> dict:
    """What a snippet leaves behind in an empty namespace of its own."""
    namespace: dict = {}
    with contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng():
        exec(compile(snippet.code, "<snippet>", "exec"), namespace)
    return namespace["figure"]


def numbers(values) -> np.ndarray:
    return (values.detach().double() if isinstance(values, torch.Tensor) else torch.tensor(values)).numpy().ravel()


def shown(table, column: str, line: str | None) -> np.ndarray:
    """A column of a figure's table as the page sends it; what is not finite is NaN there."""
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


def compare(snippet: Snippet, figure, rtol: float) -> None:
    table, left = downloads.table_of(figure), run(snippet)
    for line, values in left.items():
        column = snippet.column or line
        expected = shown(table, column, line if snippet.column else None)
        assert_same_numbers(numbers(values), expected, column.startswith("log10"), rtol)


@pytest.mark.parametrize("settings", SITUATIONS, ids=lambda settings: settings.act + str(settings.k))
@pytest.mark.parametrize("section", QUICK, ids=lambda section: section.slug)
def test_the_code_behind_a_figure_gives_its_numbers(section: Section, settings: Settings):
    behind, figures = snippets.of_section(section.slug, settings), section.figures_at(settings)
    assert len(behind) == len(figures)
    for snippet, figure in zip(behind, figures, strict=True):
        if figure.drawing is section.__dict__.get("_cell"):
            said = downloads.table_of(figure)["text"].to_pylist()
            assert {f"{symbol} = {words.number(value)}" for symbol, value in run(snippet).items()} <= set(said)
        else:
            # the norms of real networks are taken another way here: singular values in place of eigenvalues
            compare(snippet, figure, rtol=1e-7 if "log10_spectral" in snippet.code else 1e-9)


@pytest.mark.parametrize("settings", SHORT, ids=lambda settings: settings.task)
def test_the_code_behind_training_gives_the_curves(settings: Settings):
    for _ in training.train(does_it_learn.plan(settings)):
        pass
    behind, figures = snippets.of_section("does-it-learn", settings), SECTIONS[-1].figures_at(settings)
    for snippet, figure in zip(behind, figures, strict=True):
        assert snippet.minutes
        # float32, in another order of sums: rounding grows as the network learns
        compare(snippet, figure, rtol=0.05)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_snippet_needs_torch_alone_and_runs_where_nothing_of_the_project_is(slug: str, tmp_path):
    for snippet in snippets.of_section(slug, Settings()):
        imports = [node for node in ast.walk(ast.parse(snippet.code)) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
        assert names <= {"torch", "numpy", "math"}
        assert all(len(line) <= 120 for line in snippet.code.splitlines())
    if not snippet.minutes:
        file = tmp_path / "snippet.py"
        file.write_text(snippet.code, encoding="utf-8")
        done = subprocess.run([sys.executable, "-I", str(file)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout
