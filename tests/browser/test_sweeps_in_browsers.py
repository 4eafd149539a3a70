"""A slider whose sweep has come: the browser draws what stands under the thumb, and the server need not be asked."""

from __future__ import annotations

import contextlib
import json
import signal
import time

import pytest
from playwright.sync_api import TimeoutError

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson.k_steps import BY_LAG
from explainer.lesson.many_paths import NORMS
from explainer.lesson.many_paths import SECTION as MANY_PATHS
from explainer.page.sweep import OF_NETWORKS
from explainer.page.undocumented import VALUE_TEXT
from tests.browser.conftest import PATIENCE_MILLISECONDS, Heard, Tab, wait_until
from tests.facts import fact

pytestmark = pytest.mark.browser

SECTION = "k-steps"
TALL = 2600  # pixels: the controls and the figure are in sight together

# finds the Vega view of the figure, as sweep.js does
VIEW = f"""() => {{
    const marks = document.querySelectorAll(".st-key-section-{SECTION} svg.marks path");
    const items = [...marks].map((mark) => mark.__data__?.mark?.group?.context?.dataflow);
    return items.find(Boolean);
}}"""


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    return open_shared_page(f"?section={SECTION}", height=TALL)


@pytest.fixture(scope="module")
def networks(open_shared_page) -> Tab:
    """The section of real networks, with all of its controls in sight."""
    tab = open_shared_page("?section=many-paths", height=TALL)
    tab.page.get_by_text("Controls", exact=True).click()
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    tab.settle()
    return tab


@pytest.fixture(scope="module")
def recurrence(open_shared_page) -> Tab:
    """A section with figures that are too large to be sent ahead."""
    return open_shared_page("?section=one-recurrence", height=TALL)


@pytest.fixture(scope="module")
def whole(open_shared_page) -> Tab:
    """The whole page, of which the first sections are drawn."""
    return open_shared_page(near=False)


def value(tab: Tab, name: str) -> str:
    return tab.slider(name).get_attribute(VALUE_TEXT)


def caption(tab: Tab) -> str:
    return tab.page.locator(f".st-key-section-{SECTION} [data-testid=stCaptionContainer]").first.inner_text()


def tables(tab: Tab) -> dict[str, list[dict]]:
    """What the figure draws, without the numbers in words: a sweep leaves those out."""
    names = json.dumps(["gradients", "references", "frame", "marks", "notes"])
    return tab.page.evaluate(
        f"""() => {{
            const view = ({VIEW})();
            const plain = (row) => {{
                const {{ lag, series, name, log10_magnitude, status, label, label_side, one }} = row;
                return {{ lag, series, name, log10_magnitude, status, label, label_side, one }};
            }};
            return Object.fromEntries({names}.map((name) => [name, view.data(name).map(plain)]));
        }}"""
    )


def grab(tab: Tab, name: str) -> tuple[float, float]:
    """Rest on the slider's thumb until its sweep has come, and put the pointer down; where it is then."""
    tab.page.mouse.move(0, 0)
    tab.slider(name).scroll_into_view_if_needed()
    tab.page.mouse.move(*middle_of_the_thumb(tab, name))
    wait_for_the_sweep(tab, name)
    place = middle_of_the_thumb(tab, name)  # the page may have grown meanwhile
    tab.page.mouse.move(*place)
    tab.page.mouse.down()
    return place


def middle_of_the_thumb(tab: Tab, name: str) -> tuple[float, float]:
    knob = tab.page.locator(f".st-key-{name} [data-testid=stSliderThumbValue]").locator("..").bounding_box()
    return knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2


def let_go_at(tab: Tab, name: str, wanted: str, x: float, y: float) -> None:
    """Move a slider that is held to a value, which stands about this place, and let it go."""
    offset = 0
    while value(tab, name) != wanted:
        tab.page.mouse.move(x + offset, y)
        offset = -offset if offset > 0 else 1 - offset
        assert abs(offset) < 20
    tab.page.mouse.up()


def wait_for_the_sweep(tab: Tab, name: str) -> None:
    """Wait until the slider's sweep is there; on a busy machine the page may have given it up, and is asked again."""
    begun = time.monotonic()
    while tab.page.evaluate("document.body.dataset.sweep") != name:
        assert time.monotonic() - begun < PATIENCE_MILLISECONDS / 1000, f"no sweep of {name} comes"
        tab.slider(name).evaluate("slider => { slider.blur(); slider.focus(); }")
        with contextlib.suppress(TimeoutError):
            tab.page.wait_for_function("name => document.body.dataset.sweep === name", arg=name, timeout=4_000)
    tab.settle()


def wait_for_the_answer(tab: Tab, name: str) -> None:
    """Wait until the server has answered for the value under the thumb."""
    said = value(tab, name)
    tab.page.wait_for_function(
        "([name, said]) => new URLSearchParams(location.search).get(name) === said",
        arg=[name, said],
        timeout=PATIENCE_MILLISECONDS,
    )
    tab.settle()
    tab.page.wait_for_function("() => !document.body.dataset.swept", timeout=PATIENCE_MILLISECONDS)


@pytest.mark.parametrize("name", ["w", "f", "k", "h0", "u", "spread"])
def test_a_drag_needs_no_run_and_its_end_brings_what_is_drawn_already(tab: Tab, name: str):
    before = {one: value(tab, one) for one in ("w", "f", "k", "h0", "u", "spread")}
    x, y = grab(tab, name)
    tab.page.mouse.move(x + 1, y)
    heard, seen = Heard(tab), set()
    direction = -1 if name == "f" else 1
    for offset in range(4, 40, 6):
        tab.page.mouse.move(x + direction * offset, y)
        said = value(tab, name)
        settings = Settings(**{key: CONTROL[key].parse([text])[0] for key, text in (before | {name: said}).items()})
        expected = BY_LAG.caption(settings)
        tab.page.wait_for_function(
            "([slug, text]) => document.querySelector(`.st-key-section-${slug}`).innerText.includes(text)",
            arg=[SECTION, expected],
        )
        seen.add(said)
    assert len(seen) > 3
    assert heard.messages == []
    drawn, rows, said = tab.drawing(tab.charts(SECTION).first), tables(tab), caption(tab)
    tab.page.mouse.up()
    wait_for_the_answer(tab, name)
    assert tables(tab) == rows
    assert tab.drawing(tab.charts(SECTION).first) == drawn
    assert caption(tab) == said
    assert all(row["status"] for row in tables(tab)["gradients"])
    fresh_words = tab.page.evaluate(f"() => ({VIEW})().data('gradients').map((row) => row.reads)")
    assert "…" not in fresh_words  # the server's own tables are there


def pictures(tab: Tab) -> list[tuple]:
    """What each figure of the section shows, with the colours of its marks: the squares move in nothing else."""
    fills = "chart => [...chart.querySelectorAll('svg.marks path')].map((mark) => mark.getAttribute('fill'))"
    return [(tab.drawing(chart), chart.evaluate(fills)) for chart in tab.charts("many-paths").all()]


def words_of_the_section(tab: Tab, slug: str) -> list[str]:
    """All that a section says, line by line, also within its charts: in whatever order Vega has put that."""
    return sorted(tab.page.locator(f".st-key-section-{slug}").inner_text().splitlines())


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_real_networks_follow_the_pointer_as_well(networks: Tab, name: str):
    tab, at = networks, {one: value(networks, one) for one in OF_NETWORKS}  # where the tests before have left them
    x, y = grab(tab, name)
    tab.page.mouse.move(x + 1, y)
    heard, before, stood = Heard(tab), pictures(tab), value(tab, name)
    tab.page.mouse.move(x + 60, y, steps=3)
    wait_until(tab.page, lambda: value(tab, name) != stood, "the thumb does not follow")
    settings = Settings(**{one: CONTROL[one].parse([text])[0] for one, text in (at | {name: value(tab, name)}).items()})
    wait_until(tab.page, lambda: NORMS.caption(settings) in tab.page.inner_text("body"), "the caption does not follow")
    tab.settle(held=True)
    assert heard.messages == []
    drawn = pictures(tab)
    assert [one != other for one, other in zip(before, drawn, strict=True)] == [
        name in plot.reads for plot in MANY_PATHS.plots_at(Settings())
    ]
    tab.page.mouse.up()
    wait_for_the_answer(tab, name)
    assert pictures(tab) == drawn


def test_figures_that_are_too_large_to_be_sent_ahead_follow_by_messages(recurrence: Tab):
    tab = recurrence
    x, y = grab(tab, "h0")
    charts = tab.charts("one-recurrence").all()
    before = [tab.drawing(chart) for chart in charts]
    tab.page.mouse.move(x + 30, y, steps=3)
    for chart, shown in zip(charts, before, strict=True):
        tab.wait_until_redrawn(chart, shown, held=True)
    tab.page.mouse.up()
    wait_for_the_answer(tab, "h0")


def test_a_slider_let_go_where_it_began_before_an_answer_has_come_brings_every_figure_back(recurrence: Tab, server):
    tab = recurrence
    x, y = grab(tab, "h0")
    started, said = value(tab, "h0"), words_of_the_section(tab, "one-recurrence")
    heard = Heard(tab)

    def asked() -> int:
        return sum(b"moved" in message.SerializeToString() for message in heard.messages)

    server.send_signal(signal.SIGSTOP)
    try:
        tab.page.mouse.move(x + 30, y, steps=3)
        wait_until(tab.page, asked, "nothing is asked")
        let_go_at(tab, "h0", started, x, y)
        wait_until(tab.page, lambda: asked() == 2, "it is not asked for the start")
    finally:
        server.send_signal(signal.SIGCONT)
    tab.page.wait_for_function("() => !document.body.dataset.swept")
    tab.settle()
    assert words_of_the_section(tab, "one-recurrence") == said


def test_a_section_that_comes_into_sight_during_a_drag_leaves_nothing_behind_at_its_end(whole: Tab):
    tab = whole
    tab.come_near(SECTION)
    tab.charts(SECTION).first.evaluate("chart => chart.scrollIntoView({ block: 'center', behavior: 'instant' })")
    tab.settle()
    x, y = grab(tab, "w")
    chart, started = tab.charts(SECTION).first, value(tab, "w")
    before, said = tab.drawing(chart), caption(tab)
    tab.page.mouse.move(x + 30, y, steps=3)
    tab.wait_until_redrawn(chart, before, held=True)
    tab.page.evaluate(
        "document.querySelector('.st-key-section-vanish-or-explode').scrollIntoView({ behavior: 'instant' })"
    )
    let_go_at(tab, "w", started, x, y)
    tab.wait_until_drawn(chart, before)
    wait_until(tab.page, lambda: caption(tab) == said, "the caption stays behind")


def test_each_repeat_of_a_held_key_is_drawn_and_nothing_comes_after_it(tab: Tab):
    slider = tab.slider("w")
    slider.focus()
    wait_for_the_sweep(tab, "w")
    chart = tab.charts(SECTION).first
    pictures = []
    for _ in range(6):
        before, said = tab.drawing(chart), value(tab, "w")
        tab.page.keyboard.down("ArrowLeft")
        tab.page.wait_for_function(
            "([slug, before]) => document.querySelector(`.st-key-${slug} [aria-valuetext]`).ariaValueText !== before",
            arg=["w", said],
        )
        tab.wait_until_redrawn(chart, before, held=True)
        pictures.append(tab.drawing(chart))
    tab.page.keyboard.up("ArrowLeft")
    wait_for_the_answer(tab, "w")
    assert len({json.dumps(one) for one in pictures}) == 6
    assert tab.drawing(chart) == pictures[-1]


def test_a_slider_that_is_let_go_where_it_began_says_nothing_and_leaves_all_as_it_was(tab: Tab):
    chart, started = tab.charts(SECTION).first, value(tab, "k")
    at_rest, said = tab.drawing(chart), caption(tab)
    x, y = grab(tab, "k")
    tab.page.mouse.move(x + 1, y)
    heard = Heard(tab)
    tab.page.mouse.move(x + 40, y, steps=5)
    tab.page.wait_for_function(
        "([slug, said]) => !document.querySelector(`.st-key-section-${slug}`).innerText.includes(said)",
        arg=[SECTION, said],
    )
    let_go_at(tab, "k", started, x, y)
    tab.wait_until_drawn(chart, at_rest)
    assert caption(tab) == said
    assert heard.messages == []


def test_a_slider_with_nothing_of_it_in_sight_is_answered_as_well(whole: Tab):
    tab = whole
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    tab.slider("bf").focus()
    wait_for_the_sweep(tab, "bf")
    tab.page.keyboard.down("ArrowRight")
    tab.page.wait_for_function("() => document.body.dataset.swept")
    tab.page.keyboard.up("ArrowRight")
    wait_for_the_answer(tab, "bf")


# --- what Streamlit does not document -----------------------------------------------------------------------


@fact("a chart's view")
def test_the_marks_of_a_chart_lead_to_its_view(tab: Tab):
    assert tab.page.evaluate(f"() => typeof ({VIEW})()?.runAsync") == "function"


@fact("data reaches the view")
def test_new_numbers_come_to_the_view_through_data_insert_and_remove(tab: Tab):
    tab.page.mouse.click(5, 5)  # there is no sweep any more
    tab.settle()
    tab.page.evaluate(
        f"""() => {{
            const view = ({VIEW})();
            window.handed = [];
            for (const way of ["data", "insert", "remove"]) {{
                const own = view[way];
                view[way] = (name, ...rest) => (rest.length && handed.push(name), own.call(view, name, ...rest));
            }}
        }}"""
    )
    tab.slider("w").press("ArrowRight")
    tab.page.wait_for_function("() => handed.includes('gradients')", timeout=PATIENCE_MILLISECONDS)
    tab.settle()
