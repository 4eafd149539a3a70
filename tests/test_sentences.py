"""Numbers in sentences: in the singular, the plural and in order; where float64 has lost digits; who is cited."""

import re

import numpy as np
import pytest

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import networks, readings
from explainer.lesson import SECTIONS, prose
from explainer.lesson.opening import FIGURE as FIRST_FIGURE
from explainer.maths import jacobians

BY_SLUG = {section.slug: section for section in SECTIONS}
SATURATED = Settings(n=1, gain=8.0, xs=4.0, T=50)
ONES = (
    Settings(k=1, n=1, T=10, tn=1),
    Settings(k=1, n=1, T=10, f=0.0, gain=8.0, nets=("rnn",)),
    Settings(k=2, n=1, T=10, f=0.0, act="relu", gate="state"),
)


def test_numbers_are_counted_and_put_in_order():
    assert [words.counted(n, "unit") for n in (0, 1, 2, 1000)] == ["0 units", "1 unit", "2 units", "1,000 units"]
    spoken = {1: "first", 2: "second", 3: "third", 4: "4th", 9: "9th", 11: "11th", 12: "12th", 13: "13th"}
    spoken |= {21: "21st", 22: "22nd", 23: "23rd", 24: "24th", 101: "101st", 111: "111th", 112: "112th", 113: "113th"}
    assert {n: words.ordinal(n) for n in spoken} == spoken


@pytest.mark.parametrize("settings", ONES, ids=("ones", "rnn", "relu"))
def test_no_sentence_says_one_of_many(settings):
    """``1 units``, ``1 steps``, ``2th``: in no caption, question, answer or remark."""
    for section in SECTIONS:
        question, receipt = section.question(settings), section.receipt(settings)
        said = [question.question, receipt.remark, *(option.told for option in question.options)]
        said += [figure.caption for figure in section.figures_at(settings)]
        said.append(FIRST_FIGURE.caption(settings))
        for text in said:
            assert not re.search(r"\b1 (units|steps|lags|draws|seeds|networks|states|sections)\b", text), text
            assert not re.search(r"\b\d*(?<!1)[123]th\b", text), text


def test_a_gradient_that_comes_back_is_not_said_to_stay_away():
    assert readings.where_below(np.log10([1, 0.5, 0.02])) == "nowhere up to lag 2"
    assert readings.where_below(np.log10([1, 0.5, 0.009])) == "from lag 2 on"
    assert (
        readings.where_below(np.log10([1, 0.009, 0.02])) == "at lag 1 for the first time, but not at every lag after it"
    )
    (plot,) = BY_SLUG["k-steps"].plots
    assert "the vanilla cell at lag 5 for the first time" in plot.caption(Settings(w=1.5, h0=0.01, k=20))


def test_the_caption_says_where_a_format_is_stuck_though_it_moves_again():
    plot = BY_SLUG["number-formats"].plots[0]
    assert re.search(r"is stuck at \S+ × 10\S+ from lag 142 to lag 198 in float16", plot.caption(Settings(k=200)))


def test_what_comes_after_an_overflow_is_too_large_and_not_without_a_comparison():
    plot = BY_SLUG["number-formats"].plots[2]
    assert "too large in float16" in plot.caption(Settings(w=8.0, k=20, ls=16))


def test_the_caption_says_where_torchs_own_slopes_have_lost_digits():
    norms = next(plot for plot in BY_SLUG["many-paths"].plots if plot.title.startswith("Real networks"))
    assert "a function is saturated" in norms.at(SATURATED).caption
    assert "a function is saturated" not in norms.at(Settings()).caption
    measured = networks.by_lag("rnn", SATURATED)
    off = abs(10 ** (measured.torchs_own - measured.spectral.whole)[:, -1] - 1)
    assert f"a relative {words.number(off.max(), 2)} off" in norms.at(SATURATED).caption
    assert f"In {(off > words.AGREE).sum()} of 5 draws of the RNN" in norms.at(SATURATED).caption


def test_the_receipt_says_where_backward_has_lost_digits():
    receipt = BY_SLUG["through-time"].receipt
    wrong = Settings(n=1, gain=8.0, xs=1.0, T=50)
    assert jacobians.shares(networks.network("rnn", wrong)).relative_difference[0] > words.AGREE
    assert "backward() forms its slope as 1 − y²" in receipt(wrong).remark
    assert "backward() forms" not in receipt(Settings()).remark


# --- citations ----------------------------------------------------------------------------------------------

NAME = r"[A-Z][\w-]+"
CITED = re.compile(rf"({NAME})(?: et al\.|(?:, {NAME})* & {NAME}) \(?(\d{{4}})")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_whoever_is_cited_is_among_the_references(section):
    references = [" ".join(one.split()) for one in prose.REFERENCES.split("\n- ")]
    for name, year in CITED.findall(" ".join((section.argument + section.in_torch + section.look_closer).split())):
        assert [one for one in references if one.startswith(f"{name}, ") and f"({year})" in one], f"{name} {year}"
