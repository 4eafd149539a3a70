"""What is taken hold of in a figure follows the pointer; let go, it has set its control, and the sliders follow."""

from __future__ import annotations

import contextlib
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import TimeoutError

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures.figure import Plot
from explainer.lesson.k_steps import BY_LAG
from explainer.lesson.one_recurrence import GATED_COBWEB, VANILLA_COBWEB
from explainer.lesson.opening import FIGURE
from explainer.lesson.through_time import SHARES, UNROLLED
from tests.browser.conftest import Heard, Tab

pytestmark = pytest.mark.browser

SECTIONS = "through-time,one-recurrence,k-steps"
CHART = "[data-testid=stVegaLiteChart]"


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    return open_shared_page(f"?section={SECTIONS}")


def place(tab: Tab, plot: Plot, marks: str = "[class*=grip_]", which: int = 0) -> tuple[float, float]:
    """Where the middle of a mark is in the window, once its chart has been brought into sight."""
    return tuple(
        tab.page.evaluate(
            """([title, marks, which]) => {
                const chart = document.querySelector(`[data-testid=stVegaLiteChart][aria-label="${title}"]`);
                chart.scrollIntoView({ block: "end" });
                const mark = [...chart.querySelectorAll(`${marks} > *`)].at(which);
                const { x, y, width, height } = mark.getBoundingClientRect();
                return [x + width / 2, y + height / 2];
            }""",
            [plot.title, marks, which],
        )
    )


def rest_on(tab: Tab, plot: Plot, name: str) -> tuple[float, float]:
    """Rest on the grip until its sweep has come, from nearby again where a busy page has given it up; where it is."""
    x, y = place(tab, plot)
    while tab.page.evaluate("document.body.dataset.sweep") != name:
        tab.page.mouse.move(x - 60, y)
        tab.page.mouse.move(x, y)
        with contextlib.suppress(TimeoutError):
            tab.page.wait_for_function("name => document.body.dataset.sweep === name", arg=name, timeout=4_000)
    tab.page.mouse.move(x, y)
    tab.settle()
    return x, y


def wait_for_the_link(tab: Tab, name: str, before: str | None) -> float | int:
    """Wait until the link has another value than before, and for the last one, which the slider says too; that value.

    What the pointer passes on its way may have been said as well.
    """
    tab.page.wait_for_function(
        "([name, before]) => new URLSearchParams(location.search).get(name) !== before", arg=[name, before]
    )
    tab.settle()
    default = CONTROL[name].text(CONTROL[name].default)
    tab.page.wait_for_function(
        """([name, otherwise]) => {
            const text = new URLSearchParams(location.search).get(name) ?? otherwise;
            return document.querySelector(`.st-key-${name} [aria-valuetext]`)?.ariaValueText === text;
        }""",
        arg=[name, default],
    )
    return CONTROL[name].parse([in_the_link(tab, name) or default])[0]


def in_the_link(tab: Tab, name: str) -> str | None:
    return parse_qs(urlsplit(tab.page.url).query).get(name, [None])[0]


def settings(tab: Tab) -> Settings:
    """What the link says of the two controls that these tests move."""
    texts = {name: in_the_link(tab, name) for name in ("k", "h0")}
    return Settings(**{name: CONTROL[name].parse([text])[0] for name, text in texts.items() if text})


def wait_for_the_caption(tab: Tab, plot: Plot, now: Settings) -> None:
    tab.page.wait_for_function("text => document.body.innerText.includes(text)", arg=plot.caption(now))


def test_the_marker_of_the_lag_follows_the_pointer_without_a_run(tab: Tab):
    x, y = rest_on(tab, BY_LAG, "k")
    before, heard = in_the_link(tab, "k"), Heard(tab)
    tab.page.mouse.down()
    for offset in (60, 180, 300):
        tab.page.mouse.move(x - offset, y)
        tab.page.wait_for_function(
            """([title, x]) => {
                const { left, right } = document
                    .querySelector(`[data-testid=stVegaLiteChart][aria-label="${title}"] [class*=grip_] > *`)
                    .getBoundingClientRect();
                return Math.abs((left + right) / 2 - x) < 12;  // half a step of the lag, and some
            }""",
            arg=[BY_LAG.title, x - offset],
        )
    assert heard.messages == []
    tab.page.mouse.up()
    k = wait_for_the_link(tab, "k", before)
    assert 25 < k < 40  # of 50, on a plot that is about 800 pixels wide
    wait_for_the_caption(tab, BY_LAG, settings(tab))
    assert abs(place(tab, BY_LAG)[0] - x) < 12  # the axis ends at the lag again


def test_beyond_the_end_of_its_axis_the_marker_takes_the_lag_further(tab: Tab):
    x, y = rest_on(tab, BY_LAG, "k")
    before, k = in_the_link(tab, "k"), settings(tab).k
    tab.page.mouse.down()
    tab.page.mouse.move(x + 40, y, steps=4)
    tab.page.mouse.up()
    assert abs(wait_for_the_link(tab, "k", before) - 2 * k) <= 1
    wait_for_the_caption(tab, BY_LAG, settings(tab))


@pytest.mark.parametrize(
    ("plot", "name", "offset"),
    [(SHARES, "k", -90), (VANILLA_COBWEB, "h0", -60), (GATED_COBWEB, "h0", 25)],
    ids=["shares", "vanilla cobweb", "gated cobweb"],
)
def test_a_grip_sets_its_control_wherever_it_is(tab: Tab, plot: Plot, name: str, offset: int):
    x, y = place(tab, plot)
    before, value = in_the_link(tab, name), getattr(settings(tab), name)
    tab.page.mouse.move(x, y)
    tab.page.wait_for_function(
        "title => document.querySelector(`[aria-label='${title}']`).style.cursor", arg=plot.title
    )
    tab.page.mouse.down()
    tab.page.mouse.move(x + offset, y, steps=4)
    tab.page.mouse.up()
    now = wait_for_the_link(tab, name, before)
    assert (now - value) * offset > 0
    wait_for_the_caption(tab, plot, settings(tab))


def test_a_press_on_a_state_of_the_unrolled_network_sets_the_lag(tab: Tab):
    x, y = place(tab, UNROLLED, ".mark-symbol", which=3)
    lag = tab.page.evaluate("([x, y]) => document.elementFromPoint(x, y).__data__.datum.lag", [x, y])
    before = in_the_link(tab, "k")
    tab.page.mouse.click(x, y)
    assert wait_for_the_link(tab, "k", before) == lag
    wait_for_the_caption(tab, UNROLLED, settings(tab))


def test_a_finger_drags_the_marker_of_the_first_figure(open_page):
    tab = open_page(near=False, width=390, height=844, has_touch=True, is_mobile=True)
    x, y = place(tab, FIGURE)
    session = tab.page.context.new_cdp_session(tab.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", (x, y))
    for offset in range(10, 110, 10):
        touch("touchMove", (x - offset, y))
    touch("touchEnd")
    k = wait_for_the_link(tab, "k", None)
    assert 25 < k < 45  # from 50, on a plot of about 310 pixels
    wait_for_the_caption(tab, FIGURE, Settings(k=k))


def test_where_the_lag_is_not_to_be_moved_its_marker_has_no_knob(tab: Tab, open_page):
    knob = f'{CHART}[aria-label="{BY_LAG.title}"] [class*=grip_k] path'
    opacity = "knob => getComputedStyle(knob).opacity"
    assert tab.page.locator(knob).evaluate(opacity) == "1"
    fixed = open_page("?section=k-steps&controls=w", height=1400)
    x, y = place(fixed, BY_LAG)
    fixed.page.mouse.move(x, y)
    fixed.page.mouse.down()
    fixed.page.mouse.move(x - 100, y, steps=3)
    fixed.page.mouse.up()
    fixed.settle()
    assert fixed.page.locator(knob).evaluate(opacity) == "0"
    assert in_the_link(fixed, "k") is None
