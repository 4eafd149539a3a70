"""A reader keeps a curve, moves on, and sees both; letting go takes it away again."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.keeping import KEEP
from tests.browser.conftest import Heard, Tab, wait_until
from tests.browser.test_sweeps_in_browsers import VIEW, grab, value, wait_for_the_answer

pytestmark = pytest.mark.browser

SECTION = "k-steps"


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    return open_shared_page(f"?section={SECTION}", height=2600)


def kept(tab: Tab) -> list[dict]:
    """The kept curves as the figure draws them, without their numbers in words."""
    return tab.page.evaluate(
        f"""() => ({VIEW})().data("kept").map(({{ line, number, lag, log10_magnitude, label }}) =>
            ({{ line, number, lag, log10_magnitude, label }}))"""
    )


def labels(tab: Tab) -> set[str]:
    return {row["label"] for row in kept(tab) if row["label"]}


def in_the_link(tab: Tab) -> list[str]:
    return parse_qs(urlsplit(tab.page.url).query).get(KEEP, [])


def test_a_kept_curve_stays_in_figure_words_and_link_until_it_is_let_go(tab: Tab):
    tab.page.get_by_role("button", name="Keep this curve").click()
    wait_until(tab.page, lambda: in_the_link(tab) == ["defaults"], "the link does not say what is kept")
    tab.slider("w").press("ArrowRight")
    wait_until(tab.page, lambda: labels(tab) == {"w = 0.9"}, "the curve from before is not labelled")
    tab.settle()
    said = tab.page.locator(f".st-key-section-{SECTION} [data-testid=stCaptionContainer]").first
    assert "Kept: vanilla with w = 0.9" in said.inner_text()
    assert "w = 0.9" in " ".join(tab.drawing(tab.charts(SECTION).first))  # the label is drawn
    tab.page.get_by_role("button", name="Keep this curve").click()
    tab.page.get_by_role("button", name="Let go of all").click()
    wait_until(tab.page, lambda: kept(tab) == [] and in_the_link(tab) == [], "the curves are still there")
    tab.settle()


@pytest.mark.parametrize("name", ["w", "f"])
def test_while_a_slider_is_held_kept_curves_neither_vanish_nor_move(open_page, name: str):
    tab = open_page(f"?section={SECTION}&keep=w~1.2_f~0.9", height=2600)
    before = kept(tab)
    assert {row["line"] for row in before} == {"vanilla", "gated"}
    x, y = grab(tab, name)
    tab.page.mouse.move(x + 1, y)
    heard, seen = Heard(tab), set()
    chart = tab.charts(SECTION).first
    for offset in (-8, -14, -20):
        drawn = tab.drawing(chart)
        tab.page.mouse.move(x + offset, y)
        tab.wait_until_redrawn(chart, drawn, held=True)
        seen.add(value(tab, name))
        assert kept(tab) == before
    assert len(seen) == 3
    assert heard.messages == []  # all this was drawn from what had been sent ahead
    tab.page.mouse.up()
    wait_for_the_answer(tab, name)
    assert kept(tab) == before
