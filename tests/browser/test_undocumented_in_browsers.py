"""What the page relies on although Streamlit does not document it: the facts that take a browser, or a server."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from benchmarks.reader import Reader
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.page.undocumented import LAYOUT_WRAPPER, TEST_IDS, VALUE_TEXT
from tests.browser.conftest import PATIENCE_MILLISECONDS, Heard, Tab, wait_until
from tests.facts import fact
from tests.serving import connected, first_run

pytestmark = pytest.mark.browser

SLUG = "k-steps"
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def desk(open_shared_page) -> Tab:
    """The whole page, drawn."""
    return open_shared_page()


@pytest.fixture(scope="module")
def phone(open_shared_page) -> Tab:
    return open_shared_page(near=False, **PHONE)


def values_of(states: dict, name: str) -> list[str]:
    return list(states[name].string_array_value.data) if name in states else []


# --- the shape of the page ----------------------------------------------------------------------------------


# what is there for a moment only, while a page opens
WATCH_TEST_IDS = """window.testIds = new Set();
new MutationObserver(() => {
    for (const one of document.querySelectorAll("[data-testid]")) testIds.add(one.dataset.testid);
}).observe(document, { childList: true, subtree: true });"""


@fact("test ids")
def test_every_element_that_the_page_selects_is_there(desk: Tab, phone: Tab):
    found = "() => [...document.querySelectorAll('[data-testid]')].map(one => one.dataset.testid)"
    there = {*desk.page.evaluate(found), *phone.page.evaluate(found)}
    desk.page.get_by_role("button", name="Embed …").first.click()
    desk.page.get_by_role("dialog").wait_for()
    there |= set(desk.page.evaluate(found))
    desk.page.keyboard.press("Escape")
    desk.page.get_by_role("dialog").wait_for(state="detached")
    opening = desk.page.context.new_page()
    opening.add_init_script(WATCH_TEST_IDS)
    opening.goto(f"{desk.page.url.partition('?')[0]}?section={SLUG}")
    opening.wait_for_selector("svg.marks", timeout=PATIENCE_MILLISECONDS)
    there |= set(opening.evaluate("[...testIds]"))
    opening.close()
    assert set(TEST_IDS) - there == set()


@fact("wrappers")
def test_what_stands_in_a_row_stands_in_wrappers(desk: Tab):
    wrapper = f"[data-testid={LAYOUT_WRAPPER}]"
    assert desk.page.locator(f"{wrapper}:has(> .st-key-status-bar)").count() == 1
    assert desk.page.locator(f".st-key-status-bar > {wrapper}").count() == 2  # the status, the contents
    assert desk.page.locator(f".st-key-share > {wrapper}").count() == 2  # to copy, to embed
    assert desk.page.locator(f".st-key-take-files > {wrapper}").count() >= 1


@fact("the header's height")
def test_the_status_line_of_a_phone_stops_below_the_header(phone: Tab):
    header, rem = phone.page.evaluate(
        """() => [document.querySelector('[data-testid=stHeader]').getBoundingClientRect().bottom,
            parseFloat(getComputedStyle(document.documentElement).fontSize)]"""
    )
    assert 3.25 * rem < header <= 3.75 * rem + 1


@fact("a folded sidebar")
def test_the_sidebar_says_whether_it_is_folded(desk: Tab):
    desk.page.locator("[data-testid=stSidebar]").hover()
    desk.page.locator("[data-testid=stSidebarCollapseButton] button").click()
    desk.page.wait_for_selector("[data-testid=stSidebar][data-collapsed=true]", state="attached")
    desk.page.locator("[data-testid=stExpandSidebarButton]").click()
    desk.page.wait_for_selector("[data-testid=stSidebar][data-collapsed=false]")


@fact("anchors")
def test_a_heading_has_the_anchor_as_its_id_and_nothing_but_its_title(desk: Tab):
    shown = {
        one["id"]: one["text"]
        for one in desk.page.evaluate(
            "() => [...document.querySelectorAll('h2[id]')].map(one => ({id: one.id, text: one.innerText.trim()}))"
        )
    }
    expected = {section.slug: f"{number}. {section.title}" for number, section in enumerate(SECTIONS, 1)}
    assert {slug: shown.get(slug) for slug in expected} == expected


# --- sliders and charts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(open_shared_page) -> Tab:
    """One section, with all that moves it in sight."""
    return open_shared_page(f"?section={SLUG}", height=2600)


@fact("charts are kept")
def test_a_chart_with_new_numbers_is_the_same_chart(alone: Tab):
    chart = alone.charts(SLUG).first
    chart.locator("svg.marks").evaluate("svg => svg.classList.add('of-before')")
    before = alone.drawing(chart)
    alone.slider("w").press("ArrowRight")
    alone.wait_until_redrawn(chart, before)
    assert chart.locator("svg.of-before").count() == 1


@pytest.fixture(scope="module")
def dragged(alone: Tab) -> tuple[Tab, Heard, str]:
    """A slider that live.js does not watch, dragged to another value and still held; that value."""
    tab = alone
    heard, slider = Heard(tab), tab.slider("h0")
    knob = tab.page.locator(".st-key-h0 [data-testid=stSliderThumbValue]").locator("..")
    knob.scroll_into_view_if_needed()
    box, before = knob.bounding_box(), slider.get_attribute(VALUE_TEXT)
    tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 60, box["y"] + box["height"] / 2, steps=5)
    tab.page.wait_for_function(
        f"before => document.querySelector('.st-key-h0 [{VALUE_TEXT}]').getAttribute('{VALUE_TEXT}') !== before",
        arg=before,
        timeout=PATIENCE_MILLISECONDS,
    )
    return tab, heard, slider.get_attribute(VALUE_TEXT)


@fact("a slider's text")
def test_a_slider_says_its_value_while_it_is_dragged(dragged):
    tab, _, text = dragged
    assert CONTROL["h0"].parse([text])[1] is None
    assert "h0" not in urlsplit(tab.page.url).query


@fact("a slider speaks late")
def test_a_slider_tells_the_server_when_the_pointer_lets_go_and_not_before(dragged):
    tab, heard, text = dragged
    assert [values_of(states, "h0") for states in heard.states() if values_of(states, "h0") == [text]] == []
    tab.page.mouse.up()
    tab.page.wait_for_function("() => new URLSearchParams(location.search).has('h0')", timeout=PATIENCE_MILLISECONDS)
    wait_until(tab.page, lambda: any(values_of(one, "h0") == [text] for one in heard.states()), "nothing is said of h0")


@fact("whether the script runs")
def test_the_page_says_whether_the_script_is_running(desk: Tab):
    desk.page.evaluate("""() => {
        const app = document.querySelector("[data-testid=stApp]");
        const state = () => app.dataset.testScriptState;
        window.states = [state()];
        new MutationObserver(() => states.push(state())).observe(app, { attributeFilter: ["data-test-script-state"] });
    }""")
    desk.slider("k").press("ArrowRight")
    desk.page.wait_for_function("() => states.includes('running') && states.at(-1) === 'notRunning'")
    desk.settle()


@fact("sight first")
def test_what_is_in_sight_is_said_no_later_than_the_move(desk: Tab):
    tab = desk
    tab.come_near(SLUG)
    tab.charts(SLUG).first.scroll_into_view_if_needed()
    heard = Heard(tab)
    tab.slider("w").press("ArrowRight")  # gives it the focus first
    tab.page.wait_for_function("() => new URLSearchParams(location.search).has('w')", timeout=PATIENCE_MILLISECONDS)
    asked = tab.slider("w").get_attribute(VALUE_TEXT)
    wait_until(tab.page, lambda: any(values_of(one, "w") == [asked] for one in heard.states()), "nothing is said of w")
    first = next(states for states in heard.states() if values_of(states, "w") == [asked])
    said = json.loads(first["live"].json_value)
    assert SLUG in said["sight"]["sections"]


# --- messages -----------------------------------------------------------------------------------------------


@fact("a session's messages")
def test_a_reader_without_a_face_speaks_as_a_browser_does(served_page: str):
    async def session() -> tuple[list[str], bool, bool]:
        reader = Reader(Settings(), sight=SLUG)
        await reader.open(urlsplit(served_page).port)
        await reader.set("w", 1.1)
        after_the_move = reader.is_late
        await reader.pause()
        drawn, after_the_pause = reader.known["drawn"], reader.is_late
        reader.leave()
        return drawn, after_the_move, after_the_pause

    with ThreadPoolExecutor(1) as apart:  # Playwright keeps an event loop running in this thread
        drawn, *is_late = apart.submit(lambda: asyncio.run(session())).result()
    assert SLUG in drawn
    assert is_late == [True, False]


@fact("no references")
def test_a_message_that_the_browser_has_is_sent_in_full_all_the_same(served_page: str):
    with connected(served_page) as server:
        first = first_run(server, "section=k-steps")
        assert max(len(message.SerializeToString()) for message in first) > 10_000  # Streamlit's own limit
        again = first_run(server, "section=k-steps", [message.hash for message in first])
    assert [message.ref_hash for message in again if message.ref_hash] == []
