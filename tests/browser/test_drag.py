"""A slider under the pointer: the figures in sight follow it; what is chosen changes when it is let go, not before."""

from __future__ import annotations

import signal
from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.controls import CONTROL
from tests.browser.conftest import Tab

NAMES = ("w", "f", "k")
SECTION = "k-steps"
TALL = 2600  # pixels: the controls and the figure are in sight together


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    """The section alone; each test moves a slider that the tests before have left where it was."""
    return open_shared_page(f"?section={SECTION}", height=TALL)


def grab(tab: Tab, name: str) -> tuple[float, float]:
    """Put the pointer down on the slider's thumb; where it is then."""
    thumb = tab.slider(name)
    thumb.scroll_into_view_if_needed()
    # the input itself cannot be seen; the knob that is drawn for it can
    knob = tab.page.locator(f".st-key-{name} [data-testid=stSliderThumbValue]").locator("..").bounding_box()
    box = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    tab.page.mouse.move(*box)
    tab.page.mouse.down()
    return box


def text(tab: Tab, name: str) -> str:
    return tab.slider(name).get_attribute("aria-valuetext")


def caption(tab: Tab) -> str:
    return tab.page.locator(f".st-key-section-{SECTION} [data-testid=stCaptionContainer]").first.inner_text()


def query(tab: Tab) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.page.url).query)


def test_a_slider_that_is_let_go_where_it_began_leaves_everything_as_it_was(tab: Tab):
    chart = tab.charts(SECTION).first
    at_rest, started = tab.drawing(chart), text(tab, "w")
    x, y = grab(tab, "w")
    tab.page.mouse.move(x - 60, y, steps=5)
    tab.wait_until_redrawn(chart, at_rest, held=True)
    offset = 0
    while text(tab, "w") != started:
        tab.page.mouse.move(x - offset, y)
        offset = -offset if offset > 0 else 1 - offset
        assert abs(offset) < 20
    tab.page.mouse.up()
    tab.wait_until_drawn(chart, at_rest)
    assert "w" not in query(tab)


@pytest.mark.parametrize("name", NAMES)
def test_the_figure_in_sight_follows_the_pointer_and_the_link_waits_until_it_lets_go(tab: Tab, open_page, name: str):
    chart = tab.charts(SECTION).first
    at_rest, started = tab.drawing(chart), text(tab, name)
    x, y = grab(tab, name)
    seen = at_rest
    for step in (1, 2, 3):
        before, value = seen, text(tab, name)
        # as far as it takes to reach another value
        offset = 0
        while text(tab, name) == value:
            offset += 2
            assert offset < 200
            tab.page.mouse.move(x - 14 * step - offset, y)
        seen = tab.wait_until_redrawn(chart, before, held=True)
        assert name not in query(tab)
    dragged = text(tab, name)
    assert dragged != started
    tab.page.mouse.up()
    tab.page.wait_for_function("name => new URLSearchParams(location.search).has(name)", arg=name)
    tab.settle()
    assert query(tab)[name] == [dragged]
    assert CONTROL[name].parse([dragged])[1] is None

    fresh = open_page("?" + urlsplit(tab.page.url).query)
    tab.wait_until_drawn(chart, fresh.drawing(fresh.charts(SECTION).first))
    assert caption(tab) == caption(fresh)


def test_what_the_pointer_passes_while_an_answer_is_awaited_is_skipped_and_the_last_value_is_shown(open_page, server):
    tab = open_page(f"?section={SECTION}", height=TALL)
    chart = tab.charts(SECTION).first
    at_rest = tab.drawing(chart)
    x, y = grab(tab, "k")
    sent = []
    session = tab.page.context.new_cdp_session(tab.page)
    session.on("Network.webSocketFrameSent", lambda _: sent.append(1))
    session.send("Network.enable")
    passed = set()
    server.send_signal(signal.SIGSTOP)  # no answer comes
    try:
        for offset in range(1, 101):
            tab.page.mouse.move(x + offset, y)
            passed.add(text(tab, "k"))
    finally:
        server.send_signal(signal.SIGCONT)
    tab.wait_until_redrawn(chart, at_rest, held=True)
    dragged = text(tab, "k")
    tab.page.mouse.up()
    tab.page.wait_for_function("() => new URLSearchParams(location.search).has('k')")
    tab.settle()
    assert len(passed) > 20
    # the first value, the last one, and what the slider itself and the rest of the page have to say when it is let go
    assert 0 < len(sent) < 10
    fresh = open_page(f"?section={SECTION}&k={dragged}")
    tab.wait_until_drawn(chart, fresh.drawing(fresh.charts(SECTION).first))


@pytest.mark.browser
def test_on_the_whole_page_the_section_in_sight_follows(open_page):
    tab = open_page(near=False)
    for slug in ("number-formats", SECTION):
        tab.come_near(slug)
    chart, status = tab.charts(SECTION).first, tab.page.locator(".status")
    chart.scroll_into_view_if_needed()
    before, said = tab.drawing(chart), status.inner_text()
    elsewhere = tab.drawing(tab.charts("number-formats").first)
    x, y = grab(tab, "w")
    tab.page.mouse.move(x - 40, y, steps=4)
    dragged = tab.wait_until_redrawn(chart, before, held=True)
    assert status.inner_text() != said
    assert tab.drawing(tab.charts("number-formats").first) == elsewhere  # waits: it is out of sight
    tab.page.mouse.up()
    tab.wait_until_redrawn(tab.charts("number-formats").first, elsewhere)
    tab.wait_until_drawn(chart, dragged)
