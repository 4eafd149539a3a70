"""What is in sight answers first, the rest when the reader pauses; in the end every figure shows the present state."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from explainer.lesson import SECTIONS
from explainer.page import opening
from explainer.page import take as page_take
from tests.browser.conftest import PATIENCE_MILLISECONDS, Tab

SECTION = "k-steps"
AWAY = "number-formats"  # a section out of sight of the other, which every control of the vanilla cell moves
SLUGS = [section.slug for section in SECTIONS]

# notes in which order sections are drawn anew, and which of them have been busy
WATCH = """() => {
    window.drawn = [];
    window.busy = [];
    const slug = (element) => [...element.classList].find((one) => one.startsWith("st-key-section-")).slice(15);
    new MutationObserver((records) => {
        for (const { target, attributeName, type } of records) {
            const section = target.closest("[class*=st-key-section-]");
            const kind = attributeName === "aria-busy" ? "busy" : "drawn";
            if (type === "childList" && !target.closest("svg.marks")) continue;  // a chart that is laid out anew
            if (section && !window[kind].includes(slug(section))) window[kind].push(slug(section));
        }
    }).observe(
        document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["d", "aria-busy"] });
}"""

IN_SIGHT = """slugs => slugs.filter(slug => {
    const box = document.querySelector(`.st-key-section-${slug}`).getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
})"""


def opened(open_page) -> Tab:
    """A tab with the section drawn, and others: those near it, the first ones, and one far away."""
    tab = open_page("?act=tanh&gate=state", near=False)
    for slug in (AWAY, SECTION):
        tab.come_near(slug)
    return tab


@pytest.fixture(scope="module")
def shared(open_shared_page) -> Tab:
    return opened(open_shared_page)


@pytest.fixture
def tab(shared: Tab) -> Tab:
    """The shared tab, with the section in sight. Each test goes on from the settings that the one before has left."""
    look_at_the_section(shared)
    return shared


def look_at_the_section(tab: Tab) -> None:
    tab.charts(SECTION).first.evaluate("chart => chart.scrollIntoView({ block: 'center', behavior: 'instant' })")
    tab.focus_control("w")
    tab.page.evaluate(WATCH)


def move(tab: Tab, name: str, *keys: str) -> None:
    """Press keys on a slider, and wait until nothing is left to do."""
    for key in keys:
        tab.slider(name).press(key)
    tab.page.wait_for_selector("[aria-busy=true]", state="attached", timeout=PATIENCE_MILLISECONDS)
    tab.settle()


def drawn_in(tab: Tab) -> list[str]:
    """The sections that have been drawn."""
    return [slug for slug in SLUGS if tab.charts(slug).count()]


def figures(tab: Tab, slugs: list[str]) -> dict[str, list[list[str]]]:
    """What the charts of these sections show, by section."""
    return {slug: [tab.drawing(chart) for chart in tab.charts(slug).all()] for slug in slugs}


def open_anew(tab: Tab, open_page) -> Tab:
    """What a reader sees who opens this tab's address and comes near the same sections."""
    fresh = open_page("?" + urlsplit(tab.page.url).query, near=False)
    for slug in drawn_in(tab):
        if slug not in drawn_in(fresh):
            fresh.come_near(slug)
    return fresh


def assert_shows_its_link(tab: Tab, open_page) -> None:
    """Every figure, and every word in the sections drawn, is what a reader sees who opens this tab's address."""
    fresh, slugs = open_anew(tab, open_page), drawn_in(tab)
    assert fresh.page.url == tab.page.url
    shown, expected = figures(tab, slugs), figures(fresh, slugs)
    assert [slug for slug in slugs if shown[slug] != expected[slug]] == []
    assert {SECTION, AWAY} < set(slugs)
    for slug in slugs:  # the letters of a chart are in whatever order Vega has put them
        said, read = (
            sorted(page.page.locator(f".st-key-section-{slug}").inner_text().split()) for page in (tab, fresh)
        )
        assert said == read


def test_what_is_in_sight_is_drawn_first_and_the_rest_is_busy_until_it_follows(tab: Tab, open_page):
    in_sight, there = tab.page.evaluate(IN_SIGHT, SLUGS), drawn_in(tab)
    assert SECTION in in_sight
    assert len(in_sight) < 4
    move(tab, "h0", "ArrowRight")
    drawn, busy = tab.page.evaluate("() => [drawn, busy]")
    first = [slug for slug in drawn if slug in in_sight]
    assert drawn[: len(first)] == first
    assert SECTION in first
    assert len(drawn) > len(first)
    moved = {section.slug for section in SECTIONS if "h0" in section.reads}
    late = set(there) & moved - set(in_sight)
    assert len(late) > 1
    # and what stands above and below the sections: the first figure, and the link to the present state
    assert set(busy) - {page_take.ANCHOR, opening.SLUG} == late
    assert set(there) - moved  # what the control leaves as it is has nothing to wait for
    assert_shows_its_link(tab, open_page)


def test_moves_in_quick_succession_leave_every_figure_at_the_last(tab: Tab, open_page):
    move(tab, "w", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    move(tab, "k", "ArrowLeft", "ArrowLeft")
    assert_shows_its_link(tab, open_page)


def test_the_rest_waits_while_a_key_is_held(tab: Tab, open_page):
    status, in_sight = tab.page.locator(".status"), tab.page.evaluate(IN_SIGHT, SLUGS)
    tab.page.keyboard.down("ArrowRight")  # a press like any other: the rest follows it
    tab.page.wait_for_selector("[aria-busy=true]", state="attached", timeout=PATIENCE_MILLISECONDS)
    tab.settle(held=True)
    tab.page.evaluate("() => { drawn.length = 0; addEventListener('keyup', () => drawn.push('let go')); }")
    for _ in range(8):  # Playwright repeats a key that is down
        said = status.inner_text()
        tab.page.keyboard.down("ArrowRight")
        expect(status).not_to_have_text(said, use_inner_text=True)
    assert tab.page.locator("[aria-busy=true]").count()
    tab.page.keyboard.up("ArrowRight")
    tab.settle()
    drawn = tab.page.evaluate("() => drawn")
    assert set(drawn[: drawn.index("let go")]) <= set(in_sight)
    assert set(drawn) > set(in_sight)
    assert_shows_its_link(tab, open_page)


def test_what_comes_between_does_not_lose_the_rest(open_page):
    tab = opened(open_page)  # of its own: the answer to a question stays
    look_at_the_section(tab)
    tab.slider("w").press("ArrowRight")
    tab.page.wait_for_selector("[aria-busy=true]", state="attached")
    tab.page.locator(f".st-key-answer-{SECTION}").get_by_role("radio").first.focus()
    tab.page.keyboard.press("Space")  # has a run of its own
    tab.settle()
    slugs = drawn_in(tab)
    assert figures(tab, slugs) == figures(open_anew(tab, open_page), slugs)


def test_a_section_that_is_scrolled_to_while_it_is_late_comes_at_once(tab: Tab, open_page):
    last = tab.charts(AWAY).first
    before = tab.drawing(last)
    tab.slider("w").press("ArrowRight")
    tab.page.wait_for_selector("[aria-busy=true]", state="attached")
    last.scroll_into_view_if_needed()
    tab.wait_until_redrawn(last, before)
    tab.settle()
    assert_shows_its_link(tab, open_page)


def busy_together(tab: Tab, going_to: str) -> list[int]:
    """How many sections are busy, each time that it changes, while a reader moves w and goes to one that is late."""
    look_at_the_section(tab)
    tab.page.evaluate(
        """slug => {
            window.busyTogether = [];
            window.watch?.disconnect();
            window.watch = new MutationObserver(() => {
                const busy = document.querySelectorAll("[aria-busy=true]").length;
                if (!window.busyTogether.length) document.querySelector(`.st-key-section-${slug}`).scrollIntoView();
                window.busyTogether.push(busy);
            });
            window.watch.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["aria-busy"] });
        }""",
        going_to,
    )
    tab.slider("w").press("ArrowRight")
    tab.page.wait_for_function("() => window.busyTogether.at(-1) === 0", timeout=PATIENCE_MILLISECONDS)
    tab.settle()
    return tab.page.evaluate("() => window.busyTogether")


def test_a_late_section_that_has_come_is_busy_no_more_though_others_are(tab: Tab):
    """Where the machine is busy the page may hear of all at once; then the reader moves on."""
    for _ in range(10):
        busy = busy_together(tab, AWAY)
        assert busy == sorted(busy, reverse=True)
        if len(set(busy)) > 2:  # all that are late, those that are left when what is in sight has come, none
            return
    pytest.fail("the sections that were late are never busy one without the others")


def test_a_move_marks_no_heading_as_out_of_date(tab: Tab):
    """Streamlit fades what a run may still change; a run of the whole page would mark, and paint, every element."""
    assert tab.page.locator("[data-stale]:has(h2)").count() >= len(SLUGS)
    tab.page.evaluate(
        """() => {
            window.faded = [];
            new MutationObserver((records) => {
                for (const { target } of records)
                    if (target.dataset.stale === "true") window.faded.push(target);
            }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-stale"] });
        }"""
    )
    move(tab, "w", "ArrowRight")
    headings = "() => faded.filter((one) => one.querySelector('h2')).length"
    assert tab.page.evaluate(headings) == 0
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    tab.slider("n").press("ArrowRight")  # runs everything, to see that the watch is awake
    tab.page.wait_for_function("() => faded.some((one) => one.querySelector('h2'))")
