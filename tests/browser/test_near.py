"""What moves in a section is drawn when a reader first comes near; until then its place is kept."""

from __future__ import annotations

import pytest

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.page import take as page_take
from tests.browser.conftest import PATIENCE_MILLISECONDS, Tab

pytestmark = pytest.mark.browser

SLUGS = [section.slug for section in SECTIONS]


def drawn(tab: Tab) -> list[str]:
    return [slug for slug in SLUGS if tab.charts(slug).count()]


def wait_for(tab: Tab, slug: str) -> None:
    tab.page.wait_for_selector(f".st-key-section-{slug} svg.marks", timeout=PATIENCE_MILLISECONDS)
    tab.settle()


@pytest.fixture(scope="module")
def going_down(open_shared_page) -> Tab:
    """A reader's tab at the top of the page; the tests that share it run from top to bottom.

    Its link names no section, and cannot be decoded: it opens the page as a link without it does.
    """
    return open_shared_page("#%E0%A4%A", near=False)


def test_a_long_page_opens_with_what_is_near_and_with_all_of_its_prose(going_down: Tab):
    tab = going_down
    assert drawn(tab)[0] == SLUGS[0]
    assert len(drawn(tab)) < 4
    for section in SECTIONS:
        words = tab.page.locator(f".st-key-section-{section.slug}").inner_text()
        assert section.title in words
        assert "What to remember." in words
    last = SECTIONS[-1]
    figures = last.figures_at(Settings())
    kept = tab.page.locator(f".st-key-section-{SLUGS[-1]} .undrawn").inner_text()
    assert [figure.title for figure in figures if figure.title not in kept] == []
    assert tab.page.locator("pre").count() == 0  # for code the browser fetches a large script, before the first chart


def test_what_comes_late_shows_the_present_state(open_page, going_down: Tab):
    tab, late = going_down, "number-formats"
    assert late not in drawn(tab)
    tab.focus_control("w")
    tab.slider("w").press("ArrowRight")
    tab.settle()
    tab.come_near(late)
    fresh = open_page("?" + tab.page.url.partition("?")[2], near=False)
    fresh.come_near(late)
    for slug in (late, SLUGS[0]):  # the one has come late, the other was there
        shown, expected = ([one.drawing(chart) for chart in one.charts(slug).all()] for one in (tab, fresh))
        assert shown == expected


def test_a_section_comes_when_the_page_shrinks_above_it(going_down: Tab):
    tab = going_down
    tab.page.locator(f".st-key-take-{SLUGS[0]} summary").click()
    tab.page.wait_for_selector(f".st-key-take-{SLUGS[0]} code", timeout=PATIENCE_MILLISECONDS)
    tab.settle()
    tab.page.locator(f".st-key-take-{SLUGS[0]} summary").scroll_into_view_if_needed()
    away = next(slug for slug in SLUGS if slug not in drawn(tab))
    place = f"document.querySelector('.st-key-section-{away}').getBoundingClientRect().top"
    first = f"document.querySelector('.st-key-section-{SLUGS[0]}').style.display"
    assert tab.page.evaluate(f"{place} > 2 * innerHeight")
    tab.page.evaluate(f"document.querySelector('[data-testid=stMain]').style.overflowAnchor = 'none'; {first} = 'none'")
    wait_for(tab, away)
    tab.page.evaluate(f"document.querySelector('[data-testid=stMain]').style.overflowAnchor = ''; {first} = ''")


def test_a_section_comes_when_it_is_scrolled_to_and_stays(going_down: Tab):
    tab = going_down
    for slug in (SLUGS[6], SLUGS[-1]):
        tab.page.locator(f"#{slug}").scroll_into_view_if_needed()
        wait_for(tab, slug)
    tab.page.locator("h1").scroll_into_view_if_needed()
    assert {SLUGS[0], SLUGS[6], SLUGS[-1]} <= set(drawn(tab))
    assert len(drawn(tab)) < len(SLUGS)
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    tab.slider("ds").press("ArrowRight")  # runs the whole page
    tab.page.wait_for_function("() => location.search.includes('ds=1')")
    tab.settle()
    assert {SLUGS[0], SLUGS[6], SLUGS[-1]} <= set(drawn(tab))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("query", ["", "?w=0.9&f=0.99&h0=0.505"])  # w is the default, h0 no value: put right
def test_a_link_to_a_section_comes_to_rest_at_its_heading_and_draws_it(open_page, query: str, width: int, height: int):
    slug = "many-paths"
    tab = open_page(f"{query}#{slug}", near=False, width=width, height=height)
    wait_for(tab, slug)
    tab.page.wait_for_function(
        """slug => {
            const top = document.getElementById(slug).getBoundingClientRect().top;
            const bar = document.querySelector(".st-key-status-bar").getBoundingClientRect().bottom;
            return top >= bar - 1 && top < innerHeight / 2;
        }""",
        arg=slug,
        timeout=PATIENCE_MILLISECONDS,
    )


HEIGHTS = """slugs => Object.fromEntries(slugs.map((slug) => [
    slug, document.querySelector(`.st-key-section-${slug}`).getBoundingClientRect().height
]))"""


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_for_printing_everything_comes_and_is_about_as_tall_as_its_place(open_page, width: int, height: int):
    tab = open_page(near=False, width=width, height=height)
    waiting = [slug for slug in SLUGS if slug not in drawn(tab)]
    assert len(waiting) > len(SLUGS) / 2
    kept = tab.page.evaluate(HEIGHTS, waiting)
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.page.wait_for_function("() => !document.querySelector('.undrawn')", timeout=PATIENCE_MILLISECONDS)
    tab.settle()
    assert drawn(tab) == SLUGS
    assert tab.page.locator(f".st-key-section-{page_take.ANCHOR} code").count()
    taken = tab.page.evaluate(HEIGHTS, waiting)
    grown = {slug: round(taken[slug] / kept[slug], 2) for slug in waiting}
    assert {slug: by for slug, by in grown.items() if not 0.8 < by < 1.25} == {}
