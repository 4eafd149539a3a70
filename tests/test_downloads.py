"""The files of numbers hold what the figures hold, with units and settings."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from explainer.choices.controls import CONTROL, CONTROLS
from explainer.choices.settings import Settings
from explainer.figures.figure import table as made_of
from explainer.lesson import SECTIONS
from explainer.take import data as downloads

EXTREME = Settings(
    k=200, h0=-0.33, act="identity", w=-7.75, gate="constant", f=0.9995, spread=2.7, seed=99, u=-3.3, ls=24,
    nets=("rnn", "lstm", "gru", "peephole", "mgu"), n=64, T=20, gain=7.5, bf=-1.5, xs=0.25, ns=99,
    task="memory-in-noise", tk=100, tb=5.5, tn=5, clip="on",
)  # fmt: skip
SITUATIONS = (Settings(), EXTREME)


def figures(settings: Settings):
    for number, section in enumerate(SECTIONS, 1):
        for count, figure in enumerate(section.figures_at(settings), 1):
            yield number, count, figure, section


def same(text: str, value) -> bool:
    if isinstance(value, str) or value is None:
        return text == value
    return float(text) == value and not text.startswith("-0" if value == 0 else " ")


@pytest.mark.parametrize("settings", SITUATIONS, ids=["defaults", "extreme"])
def test_a_csv_holds_the_figures_table_to_the_last_digit(settings: Settings):
    for _, _, figure, _ in figures(settings):
        table = pa.table(downloads.table_of(figure))
        head, *lines = csv.reader(io.StringIO(downloads.csv(table).decode("utf-8-sig")))
        assert [name.partition(" (")[0] for name in head] == table.column_names
        rows = [list(row.values()) for row in table.to_pylist()]
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows, strict=True):
            assert all(same(text, "" if value is None else value) for text, value in zip(line, row, strict=True)), line


def test_every_header_gives_a_unit():
    for number, _, figure, _ in figures(EXTREME):
        head = downloads.csv(downloads.table_of(figure)).decode("utf-8-sig").splitlines()[0]
        names = next(csv.reader([head]))
        assert all(re.fullmatch(r"\w+ \((steps|layers|log10|1|text)\)", name) for name in names), names
        if "lag" in downloads.table_of(figure).column_names:
            assert {"lag (steps)", "lag (layers)"} & set(names)
        if number == 6 and "from" in downloads.table_of(figure).column_names:
            assert "from (1)" in names  # the edge of a weight, not of a time


@pytest.mark.parametrize("settings", SITUATIONS, ids=["defaults", "extreme"])
def test_a_name_says_every_setting_that_moves_the_figure_and_fits_any_disk(settings: Settings):
    names = [
        downloads.file_name(n, count, figure, section, settings) for n, count, figure, section in figures(settings)
    ]
    assert len(set(names)) == len(names)
    for name, (_, _, _, section) in zip(names, figures(settings), strict=True):
        assert re.fullmatch(r"[A-Za-z0-9._=,+-]{1,255}", name)
        named = name.removesuffix(".csv").partition("__")[2]
        said = dict(part.split("=") for part in named.split("_")) if named else {}
        assert set(said) == set(section.moved_by)
        for control, text in said.items():
            assert CONTROL[control].parse(text.split(",")) == (getattr(settings, control), None)


def test_the_zip_holds_every_table_and_the_settings():
    content = downloads.all_tables(SECTIONS, EXTREME, "https://example.org/?w=-7.75")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    files = {name.removeprefix("why-gates-remember/"): archive.read(name) for name in archive.namelist()}
    note = files.pop("README.txt").decode()
    every = {f"{downloads.stem(n, count, figure)}.csv": figure for n, count, figure, _ in figures(EXTREME)}
    expected = {name: figure for name, figure in every.items() if len(downloads.table_of(figure))}
    assert set(files) == set(expected) < set(every)
    for name in set(every) - set(expected):
        assert f"(no {name}: there is nothing to save yet)" in note
    for name, figure in expected.items():
        assert files[name] == downloads.csv(downloads.table_of(figure))
        assert name in note
    assert "https://example.org/?w=-7.75" in note
    for control in CONTROLS:
        assert f"{control.name} = {', '.join(control.texts(getattr(EXTREME, control.name)))}" in note


def test_the_same_settings_give_the_same_zip():
    assert downloads.all_tables(SECTIONS, Settings(), "") == downloads.all_tables(SECTIONS, Settings(), "")


def test_a_zero_has_no_sign_and_a_spreadsheet_knows_the_encoding():
    table = made_of(gradient=np.array([-0.0, 0.0, -1.5, np.nan]), cell=["σ′", "w", "a", "b"])
    content = downloads.csv(table)
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig").splitlines() == [
        '"gradient (1)","cell (text)"', '0,"σ′"', '0,"w"', '-1.5,"a"', ',"b"',
    ]  # fmt: skip
