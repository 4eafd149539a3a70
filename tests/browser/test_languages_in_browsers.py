"""The page in German and Spanish, in a browser: its document, its charts, the way to another language."""

from __future__ import annotations

import re

import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.languages import speaking
from explainer.lesson import SECTIONS
from explainer.lesson.k_steps import BY_LAG
from tests.browser.conftest import Heard, Tab
from tests.browser.test_sweeps_in_browsers import TALL, caption, grab, value, wait_for_the_answer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def reader(open_shared_page) -> Tab:
    """A reader with a phone's narrow window, who goes from language to language; the tests run from top to bottom."""
    return open_shared_page("?lang=de&w=1.2#k-steps", width=360, height=800)


def language(tab: Tab) -> str:
    return tab.page.evaluate("document.documentElement.lang")


CHARTS = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].map(chart => ({
    drawn: chart.querySelectorAll('svg.marks').length,
    texts: [...chart.querySelectorAll('svg text')].map(text => text.textContent),
    label: chart.getAttribute('aria-label'),
}))"""


def is_drawn_whole_on_a_phone(tab: Tab) -> None:
    charts = tab.page.evaluate(CHARTS)
    assert len(charts) > 40
    assert all(chart["drawn"] for chart in charts)
    assert not tab.overflows_sideways()
    texts = [text for chart in charts for text in chart["texts"]]
    assert any(re.fullmatch(r"\d,\d+", text) for text in texts)
    assert [text for text in texts if re.search(r"\d\.\d", text)] == []
    english = {plot.title for section in SECTIONS for plot in section.plots}
    assert not english & {chart["label"] for chart in charts}


def test_a_page_in_german_is_drawn_whole_on_a_phone(reader: Tab):
    assert language(reader) == "de"
    is_drawn_whole_on_a_phone(reader)


def test_the_way_to_another_language_keeps_the_state_and_the_section(reader: Tab):
    tab = reader
    assert language(tab) == "de"
    assert tab.page.title() == tab.page.locator("h1").inner_text() == "Warum Gates sich erinnern"
    tab.page.locator(".languages").get_by_text("English").click()
    tab.page.get_by_role("heading", name="Why gates remember").wait_for()
    tab.settle()
    assert language(tab) == "en"
    assert tab.page.url.partition("?")[2] == "w=1.2#k-steps"
    assert value(tab, "w") == "1.2"
    tab.page.locator(".languages").get_by_text("Español").focus()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("heading", name="Por qué recuerdan las compuertas").wait_for()
    assert "lang=es" in tab.page.url
    assert "w=1.2" in tab.page.url


def test_a_page_in_spanish_is_drawn_whole_on_a_phone(reader: Tab):
    reader.settle()
    reader.come_near_everything()
    assert language(reader) == "es"
    is_drawn_whole_on_a_phone(reader)


def test_the_way_to_other_languages_scrolls_away_with_the_title(open_page):
    tab = open_page(near=False)
    top = "() => document.querySelector('.languages').getBoundingClientRect().top"
    title = "() => document.querySelector('h1').getBoundingClientRect().top"
    apart = tab.page.evaluate(title) - tab.page.evaluate(top)
    assert 0 < apart < 80
    tab.page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo({ top: 900, behavior: 'instant' })")
    tab.page.wait_for_function(f"() => ({title})() < 0")
    assert tab.page.evaluate(title) - tab.page.evaluate(top) == apart


@pytest.mark.parametrize("code", ["en", "de", "es"])  # one after the other: what is sent ahead is of one language
def test_pictures_follow_the_pointer_in_every_language(open_page, code: str):
    tab = open_page(f"?lang={code}&section=k-steps", height=TALL)
    x, y = grab(tab, "w")
    tab.page.mouse.move(x + 1, y)
    heard = Heard(tab)
    tab.page.mouse.move(x + 30, y, steps=3)
    settings = Settings(w=CONTROL["w"].parse([value(tab, "w")])[0])
    with speaking(code):
        expected = BY_LAG.caption(settings)
    tab.page.wait_for_function("text => document.body.innerText.includes(text)", arg=expected)
    assert heard.messages == []
    said = caption(tab)
    tab.page.mouse.up()
    wait_for_the_answer(tab, "w")
    assert caption(tab) == said
