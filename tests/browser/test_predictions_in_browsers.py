"""A reader predicts what a move brings: the page makes it, the figures answer, and the browser remembers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.keeping import KEEP
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from tests.browser.conftest import Tab, wait_until

pytestmark = pytest.mark.browser

SCALAR = SECTIONS[1:9]  # their moves are of the two small cells, and quick
BY_SLUG = {section.slug: section for section in SECTIONS}


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    return open_shared_page("?section=" + ",".join(section.slug for section in SCALAR))


def query(tab: Tab) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.page.url).query)


def press(tab: Tab, key: str) -> None:
    tab.page.locator(f".st-key-{key} button").click()


def drawings(tab: Tab, slug: str) -> list[list[str]]:
    charts = tab.charts(slug)
    return [tab.drawing(charts.nth(i)) for i in range(charts.count())]


@pytest.mark.parametrize("section", SCALAR, ids=lambda section: section.slug)
def test_no_prediction_has_its_answer_drawn_and_one_press_takes_the_move_back(tab: Tab, section):
    slug, move = section.slug, section.asked(Settings()).move
    assert f"{move.in_words(Settings())}" in tab.page.locator(f".st-key-section-{slug}").inner_text()
    before = drawings(tab, slug)
    press(tab, f"show-{slug}")
    moved = move.after(Settings()).to_query()
    wait_until(tab.page, lambda: moved.items() <= query(tab).items(), "the move is not made")
    tab.page.wait_for_selector(f".st-key-back-{slug}")
    tab.settle()
    wait_until(tab.page, lambda: drawings(tab, slug) != before, "the figures do not answer")
    press(tab, f"back-{slug}")
    wait_until(tab.page, lambda: not {*moved, KEEP} & set(query(tab)), "the move is not taken back")
    tab.page.wait_for_selector(f".st-key-make-{slug}")
    tab.settle()
    wait_until(tab.page, lambda: drawings(tab, slug) == before, "the figures do not come back")


def test_an_answer_survives_a_reload_and_says_what_it_was_asked_at(open_page):
    tab = open_page("?section=k-steps&k=20", near=False)
    section = BY_SLUG["k-steps"]
    radio = tab.page.locator(".st-key-answer-k-steps").get_by_role("radio").first
    radio.focus()
    tab.page.keyboard.press("Space")
    tab.page.wait_for_selector(".st-key-back-k-steps")
    tab.settle()
    tab.slider("k").press("ArrowRight")
    moved_on = "asked at k = 20, w = 0.9; the settings have moved on"
    tab.page.get_by_text(moved_on).wait_for()
    tab.settle()
    tab.page.reload()
    tab.page.get_by_text(moved_on).wait_for()
    told = section.question(Settings(k=20)).options[0].told
    assert told in tab.page.locator(".st-key-section-k-steps").inner_text()
    assert radio.is_checked()
    assert query(tab)["w"] == ["1.2"]
    press(tab, "again-k-steps")
    tab.page.wait_for_selector(".st-key-show-k-steps")
    tab.settle()
    tab.page.reload()
    tab.page.wait_for_selector(".st-key-show-k-steps")
    tab.settle()
    assert tab.page.locator(".st-key-show-k-steps").count()
    assert tab.page.get_by_text("moved on").count() == 0
