"""What is in sight answers first, the rest when the reader pauses; in the end every figure shows the present state."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from explainer.lesson import SECTIONS
from tests.browser.conftest import PATIENCE_MILLISECONDS, Tab, wait_until
from tests.browser.page_scripts import DRAWING

pytestmark = pytest.mark.browser

SECTION = "k-steps"
AWAY = "number-formats"  # a section out of sight of the other, which every control of the vanilla cell moves
UNMOVED = "depth-is-time"  # has controls of its own, of which ds runs everything
NEVER_NEAR = "gate-steps"  # all that moves the first section moves it; nobody comes near

# Some sections of the lesson, in its order: what is late, and when it comes, is decided from them as from all.
SLUGS = [SECTION, "gated-state", NEVER_NEAR, "product-of-gates", AWAY, UNMOVED]
ADDRESS = f"?act=tanh&gate=state&controls=w,k,h0,ds&section={','.join(SLUGS)}"

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


def opened(open_page, address: str) -> Tab:
    """A tab with the section drawn, and others: the one near it, and those far away."""
    tab = open_page(address, near=False)
    for slug in (AWAY, UNMOVED, SECTION):
        tab.come_near(slug)
    return tab


@pytest.fixture(scope="module")
def shared(open_shared_page) -> Tab:
    return opened(open_shared_page, ADDRESS)


@pytest.fixture
def tab(shared: Tab) -> Tab:
    """The shared tab, with the section in sight. Each test goes on from the settings that the one before has left."""
    look_at_the_section(shared)
    return shared


def look_at_the_section(tab: Tab) -> None:
    """Have the section in sight and the focus on w, which the server knows when w has gone one step on and one back."""
    chart = tab.charts(SECTION).first
    chart.evaluate("chart => chart.scrollIntoView({ block: 'center', behavior: 'instant' })")
    for key in ("ArrowRight", "ArrowLeft"):
        before = tab.drawing(chart)
        press(tab, "w", key)
        tab.wait_until_redrawn(chart, before)
    tab.page.evaluate(WATCH)


def press(tab: Tab, name: str, key: str) -> None:
    """Press a key on a slider, which stands above the sections, as a reader does who has scrolled on from there."""
    tab.slider(name).evaluate("slider => slider.focus({ preventScroll: true })")
    tab.page.keyboard.press(key)


def move(tab: Tab, name: str, *keys: str) -> None:
    """Press keys on a slider, and wait until nothing is left to do."""
    for key in keys:
        press(tab, name, key)
    tab.page.wait_for_selector("[aria-busy=true]", state="attached", timeout=PATIENCE_MILLISECONDS)
    tab.settle()


def drawn_in(tab: Tab) -> list[str]:
    """The sections that have been drawn."""
    return [slug for slug in SLUGS if tab.charts(slug).count()]


def figures(tab: Tab, slugs: list[str]) -> dict[str, list[list[str]]]:
    """What the charts of these sections show, by section."""
    drawings = f"charts => charts.map(chart => ({DRAWING})(chart).sort())"
    return {slug: tab.charts(slug).evaluate_all(drawings) for slug in slugs}


def open_anew(tab: Tab, open_page) -> Tab:
    """What a reader sees who opens this tab's address and comes near the same sections."""
    return opened(open_page, "?" + urlsplit(tab.page.url).query)


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
    assert NEVER_NEAR not in there
    move(tab, "h0", "ArrowRight")
    drawn, busy = tab.page.evaluate("() => [drawn, busy]")
    first = [slug for slug in drawn if slug in in_sight]
    assert drawn[: len(first)] == first
    assert SECTION in first
    assert len(drawn) > len(first)
    moved = {section.slug for section in SECTIONS if "h0" in section.reads}
    assert NEVER_NEAR in moved
    late = set(there) & moved - set(in_sight)
    assert len(late) > 1
    assert set(busy) == late
    assert set(there) - moved  # what the control leaves as it is has nothing to wait for
    assert_shows_its_link(tab, open_page)


def test_moves_in_quick_succession_leave_every_figure_at_the_last(tab: Tab, open_page):
    move(tab, "w", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    move(tab, "k", "ArrowLeft", "ArrowLeft")
    assert_shows_its_link(tab, open_page)


def test_the_rest_waits_while_a_key_is_held(tab: Tab, open_page):
    chart, in_sight = tab.charts(SECTION).first, tab.page.evaluate(IN_SIGHT, SLUGS)
    tab.page.keyboard.down("ArrowRight")  # a press like any other: the rest follows it
    tab.page.wait_for_selector("[aria-busy=true]", state="attached", timeout=PATIENCE_MILLISECONDS)
    tab.settle(held=True)
    tab.page.evaluate("() => { drawn.length = 0; addEventListener('keyup', () => drawn.push('let go')); }")
    for _ in range(8):  # Playwright repeats a key that is down
        before = tab.drawing(chart)
        tab.page.keyboard.down("ArrowRight")
        wait_until(tab.page, lambda before=before: tab.drawing(chart) != before, "the section in sight does not follow")
    assert tab.page.locator("[aria-busy=true]").count()
    tab.page.keyboard.up("ArrowRight")
    tab.settle()
    drawn = tab.page.evaluate("() => drawn")
    assert set(drawn[: drawn.index("let go")]) <= set(in_sight)
    assert set(drawn) > set(in_sight)
    assert_shows_its_link(tab, open_page)


def test_a_section_that_is_scrolled_to_while_it_is_late_comes_at_once(tab: Tab, open_page):
    last = tab.charts(AWAY).first
    before = tab.drawing(last)
    press(tab, "w", "ArrowRight")
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
    press(tab, "w", "ArrowRight")
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
    press(tab, "ds", "ArrowRight")  # runs everything, to see that the watch is awake
    tab.page.wait_for_function("() => faded.some((one) => one.querySelector('h2'))")
    tab.settle()


def test_what_comes_between_does_not_lose_the_rest(tab: Tab, open_page):
    """The last in this tab: the answer to a question stays."""
    press(tab, "w", "ArrowRight")
    tab.page.wait_for_selector("[aria-busy=true]", state="attached")
    tab.page.locator(f".st-key-answer-{SECTION}").get_by_role("radio").first.focus()
    tab.page.keyboard.press("Space")  # has a run of its own
    tab.settle()
    slugs = drawn_in(tab)
    assert figures(tab, slugs) == figures(open_anew(tab, open_page), slugs)
