"""The symbols of each section are explained where they first stand in an equation of it, from the table's own list."""

from __future__ import annotations

import re

import pytest

from explainer.lesson import SECTIONS, notation
from explainer.lesson.notation import SYMBOLS
from explainer.page import layout

IN_AN_EQUATION = {"Whh": r"\mathbf{W}_{hh}", "slope": r"\sigma'", "immediate": r"\partial^{+}"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_each_symbol_of_a_section_is_explained_once(section):
    stretches = list(notation.explained(section.argument))
    assert "".join(text for text, _ in stretches) == section.argument
    explained = [symbol.name for _, symbols in stretches for symbol in symbols]
    assert len(explained) == len(set(explained))
    for name, latex in IN_AN_EQUATION.items():
        assert (name in explained) == (latex in section.argument), name
    for text, symbols in stretches[:-1]:
        assert symbols
        assert text.endswith("$$")


def test_a_symbol_stands_below_the_first_equation_that_it_is_met_in():
    text = "$k$ is met in\n$$\nw^k\n$$\nand\n$$\nw^2\n$$\nthen $\\sigma'(x)$ comes."
    (first, below), (rest, at_the_end) = notation.explained(text)
    assert (first, [one.name for one in below]) == ("$k$ is met in\n$$\nw^k\n$$", ["k", "w"])
    assert (rest, [one.name for one in at_the_end]) == (text[len(first) :], ["slope"])


def test_words_that_hold_a_letter_are_no_symbols():
    ((_, symbols),) = notation.explained(
        r"$\mathrm{network}$ and $\sqrt{\kappa}$, $\tanh(x)$ with a week's text in between"
    )
    assert symbols == ()


def test_the_table_and_the_buttons_say_the_same():
    rows = dict(line.strip("| ").split(" | ", 1) for line in notation.table().splitlines()[2:])
    assert rows == {one.text: one.meaning for one in SYMBOLS}
    written = layout.with_symbols(SECTIONS[0].argument, SECTIONS[0].slug)
    ids = re.findall(r'id="([^"]+)"', written)
    assert re.findall(r'aria-describedby="([^"]+)"', written) == ids
    assert len(ids) == len(set(ids)) > 5
    for one in SYMBOLS:
        if f"{SECTIONS[0].slug}-{one.name}" in ids:
            assert f">{one.text}: {one.meaning}</span>" in written
