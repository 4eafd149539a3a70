"""What a reader meets: a live figure at first sight, and the controls of what is in sight beside it.

And what Vega says of all this in the browser's console: nothing. The tests share their tabs, and run from top to
bottom.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.controls import CONTROL
from explainer.lesson import LAB_STEPS, SECTIONS
from explainer.page import opening
from tests.browser.conftest import Heard, Tab, wait_until

pytestmark = pytest.mark.browser

LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
FIGURE = f".st-key-section-{opening.SLUG} [data-testid=stVegaLiteChart]"
WITH_FIGURES = [section for section in SECTIONS if section.moved_by]

# (top, bottom) of what the first element of each selector shows in the window, and its height
BOXES = """selectors => selectors.map((selector) => {
    const one = document.querySelector(selector);
    if (!one?.checkVisibility()) return null;
    const { top, bottom, height } = one.getBoundingClientRect();
    return [top, bottom, height];
})"""


def outside(tab: Tab, *selectors: str) -> dict[str, list | None]:
    """Which of these do not stand in the window as a whole, and where they stand."""
    height = tab.page.viewport_size["height"]
    boxes = zip(selectors, tab.page.evaluate(BOXES, list(selectors)), strict=True)
    return {selector: box for selector, box in boxes if not box or box[0] < 0 or box[1] > height}


def said(tab: Tab, key: str) -> str:
    return tab.slider(key).get_attribute("aria-valuetext")


def wait_for(tab: Tab, key: str, text: str) -> None:
    tab.page.wait_for_function(
        "([key, text]) => document.querySelector(`.st-key-${key} [aria-valuetext]`)?.ariaValueText === text",
        arg=[key, text],
    )


@pytest.fixture(scope="module")
def arrived(open_shared_page) -> Tab:
    """A laptop's tab, at the top of the page."""
    return open_shared_page(near=False, **LAPTOP)


MOVED_TO = {
    name: CONTROL[name].text(CONTROL[name].values[CONTROL[name].values.index(CONTROL[name].default) + 2])
    for name in opening.NAMES
}


@pytest.fixture(scope="module")
def fresh(open_shared_page) -> Tab:
    """Another reader's, who comes by a link to where the first has moved the controls."""
    return open_shared_page("?" + "&".join(f"{name}={text}" for name, text in MOVED_TO.items()), near=False, **LAPTOP)


@pytest.fixture(scope="module")
def arrived_on_a_phone(open_shared_page) -> Tab:
    return open_shared_page(near=False, **PHONE)


@pytest.mark.parametrize("device", ["arrived", "arrived_on_a_phone"])
def test_the_first_screen_holds_the_title_the_figure_and_its_two_controls(request, device: str):
    tab = request.getfixturevalue(device)
    assert outside(tab, "h1", ".status", FIGURE, *(f".st-key-{key}" for key in opening.SLIDERS)) == {}
    assert tab.charts(opening.SLUG).first.locator("svg.marks").count()
    assert not tab.overflows_sideways()


SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"


def test_the_keys_of_a_presenter_scroll_the_page_on_arrival(arrived: Tab):
    assert arrived.page.evaluate("document.activeElement.tabIndex") == -1  # nobody has pressed anything
    for key in ("PageDown", " "):
        before = arrived.page.evaluate(SCROLLED)
        arrived.page.keyboard.press(key)
        arrived.page.wait_for_function(f"before => ({SCROLLED})() > before + 300", arg=before)
        arrived.settle()
    arrived.page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo({ top: 0, behavior: 'instant' })")


def test_both_sliders_of_a_control_say_the_same_and_move_the_same(arrived: Tab, fresh: Tab):
    chart, moved = arrived.charts(opening.SLUG).first, {}
    for name in opening.NAMES:
        values = CONTROL[name].values
        sliders = [key for key, one in opening.SLIDERS.items() if one == name] + [name]
        for steps, (pressed, other) in enumerate((sliders, reversed(sliders)), 1):
            moved[name] = CONTROL[name].text(values[values.index(CONTROL[name].default) + steps])
            before = arrived.drawing(chart)
            arrived.slider(pressed).press("ArrowRight")
            wait_for(arrived, other, moved[name])
            arrived.wait_until_redrawn(chart, before)
            assert said(arrived, pressed) == said(arrived, other) == moved[name]
    assert moved == MOVED_TO
    assert {name: said(fresh, name) for name in moved} == moved
    assert {name: said(fresh, key) for key, name in opening.SLIDERS.items()} == moved
    assert fresh.drawing(fresh.charts(opening.SLUG).first) == arrived.drawing(chart)


def test_moves_in_quick_succession_end_at_the_last_in_both_sliders(open_page, arrived: Tab):
    values = CONTROL["w"].values
    begun = [CONTROL["w"].text(value) for value in values].index(said(arrived, "w"))
    last = CONTROL["w"].text(values[begun + 7])
    for _ in range(6):
        arrived.slider("opening-w").press("ArrowRight")
    wait_for(arrived, "w", CONTROL["w"].text(values[begun + 6]))
    arrived.slider("w").press("ArrowRight")  # the other one, as soon as it has followed
    wait_for(arrived, "opening-w", last)
    arrived.settle()
    assert said(arrived, "opening-w") == said(arrived, "w") == last
    fresh = open_page(f"?w={last}&f={said(arrived, 'f')}", near=False, **LAPTOP)
    arrived.wait_until_drawn(arrived.charts(opening.SLUG).first, fresh.drawing(fresh.charts(opening.SLUG).first))


def test_the_page_has_not_heard_of_a_value_before_its_slider_stands_there(fresh: Tab):
    """Until then its messages have the old value, which would be taken for a move of the reader's."""
    tab = fresh
    before = said(tab, "opening-w")
    tab.page.evaluate(
        """before => {
            const thumb = document.querySelector(".st-key-opening-w [aria-valuetext]");
            const keep = () => thumb.ariaValueText !== before && (thumb.ariaValueText = before);
            window.lag = new MutationObserver(keep);
            lag.observe(thumb, { attributes: true });
        }""",
        before,
    )
    messages = Heard(tab)

    def heard() -> list[int]:
        sent = b"".join(message.SerializeToString() for message in messages.messages)
        return [int(number) for number in re.findall(rb'"heard":(\d+)', sent)]

    tab.slider("w").press("ArrowRight")
    wait_until(tab.page, lambda: tab.page.evaluate("() => told.told"), "the server does not move the other slider")
    for count in (1, 2):
        tab.slider("k").press("ArrowRight")
        wait_until(tab.page, lambda count=count: len(heard()) > count, "the page says nothing of what it has heard")
    assert set(heard()) == {0}
    tab.page.evaluate(
        """text => {
            lag.disconnect();
            document.querySelector(".st-key-opening-w [aria-valuetext]").ariaValueText = text;
        }""",
        said(tab, "w"),
    )
    tab.slider("k").press("ArrowRight")
    wait_until(tab.page, lambda: max(heard()) > 0, "the page never hears of it")
    tab.settle()
    assert said(tab, "opening-w") == said(tab, "w") != before


def test_the_figure_follows_the_pointer_on_the_slider_below_it(arrived: Tab):
    tab = arrived
    chart = tab.charts(opening.SLUG).first
    before, address = tab.drawing(chart), parse_qs(urlsplit(tab.page.url).query)
    knob = tab.page.locator(".st-key-opening-w [data-testid=stSliderThumbValue]").locator("..").bounding_box()
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x + 60, y, steps=4)
    dragged = tab.wait_until_redrawn(chart, before, held=True)
    assert parse_qs(urlsplit(tab.page.url).query) == address
    tab.page.mouse.up()
    wait_for(tab, "w", said(tab, "opening-w"))
    tab.settle()
    assert tab.drawing(chart) == dragged


# --- finding one's way --------------------------------------------------------------------------------------


WHERE = "where => document.querySelector('.contents > summary').dataset.where === where"


def test_the_bar_says_where_one_is_and_leads_on(arrived: Tab):
    """Also after a control has moved, and with it the address."""
    tab, arrived_at = arrived, arrived.page.evaluate("performance.timeOrigin")
    moved = {name: said(tab, name) for name in opening.NAMES}
    assert all(moved[name] != CONTROL[name].text(CONTROL[name].default) for name in moved)
    tab.page.get_by_label("Next section").click()
    tab.page.wait_for_function(WHERE, arg=f"1 of {len(SECTIONS)}")
    tab.page.get_by_label("Next section").click()
    tab.page.wait_for_function(WHERE, arg=f"2 of {len(SECTIONS)}")
    assert tab.page.evaluate("performance.timeOrigin") == arrived_at  # the page has not been left
    assert {name: said(tab, name) for name in opening.NAMES} == moved
    assert urlsplit(tab.page.url).fragment == SECTIONS[1].slug
    tab.page.locator(".contents > summary").click()
    here = tab.page.locator(".contents [aria-current]")
    assert here.all_inner_texts() == [SECTIONS[1].title]
    tab.page.locator(".contents > summary").click()
    tab.settle()


def test_contents_can_be_pressed_when_the_sidebar_is_folded_away(arrived: Tab):
    tab = arrived
    tab.come_near("gated-state")
    tab.page.locator("[data-testid=stSidebar]").hover()
    tab.page.locator("[data-testid=stSidebarCollapseButton] button").click()
    tab.page.wait_for_selector("[data-testid=stExpandSidebarButton]")
    tab.page.locator(".contents > summary").click()
    assert tab.page.locator(".contents ol").is_visible()
    tab.page.keyboard.press("Escape")
    tab.page.locator("[data-testid=stExpandSidebarButton]").click()
    tab.page.wait_for_selector("[data-testid=stSidebar][data-collapsed=false]")


# --- the controls of what is in sight -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def laptop(arrived: Tab) -> Tab:
    """With everything drawn."""
    arrived.come_near_everything()
    return arrived


@pytest.fixture(scope="module")
def phone(arrived_on_a_phone: Tab) -> Tab:
    tab = arrived_on_a_phone
    tab.come_near_everything()
    tab.page.locator("[data-testid=stExpandSidebarButton]").tap()  # the one action
    return tab


def look_at_first_figure(tab: Tab, slug: str, top: int) -> float:
    """Scroll so that the section's first figure begins this far down; how much of it is seen then, from 0 to 1."""
    tab.charts(slug).first.evaluate(
        """(chart, top) => {
            const main = document.querySelector("[data-testid=stMain]");
            main.scrollTop += chart.getBoundingClientRect().top - top;
        }""",
        top,
    )
    tab.page.wait_for_function(
        "number => document.querySelector('.contents > summary').dataset.where.startsWith(`${number} `)",
        arg=[section.slug for section in SECTIONS].index(slug) + 1,
    )
    return tab.charts(slug).first.evaluate(
        """chart => {
            const { top, bottom, height } = chart.getBoundingClientRect();
            const bar = document.querySelector(".st-key-status-bar").getBoundingClientRect().bottom;
            const sheet = document.querySelector("[data-testid=stSidebar]").getBoundingClientRect();
            const end = sheet.top > 0 && sheet.top < innerHeight ? sheet.top : innerHeight;
            return (Math.min(bottom, end) - Math.max(top, bar)) / height;
        }"""
    )


def moving(slug: str) -> list[str]:
    """The controls that move the section's first figure at the default settings."""
    reads = next(section for section in SECTIONS if section.slug == slug).plots[0].reads
    needs = {control.name: control.only_with for control in CONTROL.values() if control.only_with}
    return [
        name
        for name in reads
        if name not in needs or needs[name][0] not in reads or CONTROL[needs[name][0]].default == needs[name][1]
    ]


@pytest.mark.parametrize("section", WITH_FIGURES, ids=lambda section: section.slug)
def test_on_a_laptop_the_controls_of_a_figure_stand_beside_it(laptop: Tab, section):
    assert look_at_first_figure(laptop, section.slug, 100) >= 0.6
    assert outside(laptop, *(f".st-key-{name}" for name in moving(section.slug))) == {}
    folded = set(CONTROL) - set(section.plots[0].reads)
    shown = laptop.page.evaluate(
        "names => names.filter(name => document.querySelector(`.st-key-${name}`).checkVisibility())", sorted(folded)
    )
    others = {name for plot in section.plots for name in plot.reads}  # of a figure that is in sight as well
    assert set(shown) <= others


@pytest.mark.parametrize("section", WITH_FIGURES, ids=lambda section: section.slug)
def test_on_a_phone_the_controls_come_from_below_and_leave_the_figure_in_sight(phone: Tab, section):
    assert (
        look_at_first_figure(phone, section.slug, 130) >= 0.6
        or phone.charts(section.slug).first.bounding_box()["height"] > 500
    )
    sidebar = phone.page.locator("[data-testid=stSidebar]").bounding_box()
    assert sidebar["y"] > 0.5 * PHONE["height"]
    for name in moving(section.slug):
        assert phone.page.locator(f".st-key-{name}").first.is_visible()
    heroes = [f".st-key-{name}" for name in ("w", "f", "bf") if name in moving(section.slug)]
    assert outside(phone, *heroes) == {}  # what the lesson is about needs no swipe


def test_a_group_that_is_unfolded_shows_all_its_controls_and_says_why_one_does_nothing(laptop: Tab):
    look_at_first_figure(laptop, "k-steps", 100)
    group = laptop.page.locator(".st-key-group-gated-cell")
    assert "spread 1" in group.locator("summary").get_attribute("data-values")
    assert not group.locator(".st-key-spread").is_visible()
    group.locator("summary").click()
    assert group.locator(".st-key-spread").is_visible()
    assert group.locator(".idle").all_inner_texts() == [
        f"While “Kind of gate” is constant, it moves only {where}."
        for where in ("section 9", "section 9", "sections 9 and 10")
    ]
    group.locator("summary").click()
    assert not group.locator(".st-key-spread").is_visible()


def test_what_has_the_focus_is_not_folded_away(laptop: Tab):
    look_at_first_figure(laptop, "k-steps", 100)
    laptop.slider("f").focus()
    look_at_first_figure(laptop, "depth-is-time", 100)
    assert laptop.page.locator(".st-key-f").is_visible()
    laptop.slider("f").blur()
    laptop.page.wait_for_selector(".st-key-f", state="hidden")


# --- a part of it -------------------------------------------------------------------------------------------


def test_embedded_controls_stay_in_sight_with_the_figure(open_page):
    tab = open_page("?section=vanish-or-explode&controls=w,f&embed=true", width=900, height=600)
    tab.charts("vanish-or-explode").first.evaluate("chart => chart.scrollIntoView({block: 'end'})")
    assert outside(tab, ".st-key-w", ".st-key-f") == {}
    assert tab.charts("vanish-or-explode").first.bounding_box()["y"] < 600


def test_the_short_route_is_the_labs_own_steps_without_folds(fresh: Tab):
    tab = fresh
    tab.come_near("one-step")
    fold = tab.page.locator(".st-key-section-one-step details").first
    assert fold.is_visible()
    tab.page.locator(".contents > summary").click()
    tab.page.get_by_role("button", name="Short route").click()  # as each link there, it folds the contents away
    tab.page.locator(".contents > summary").click()
    assert tab.page.locator(".contents ol li:visible").count() == LAB_STEPS
    assert not fold.is_visible()
    shown = [one.slug for one in SECTIONS if tab.page.locator(f".st-key-section-{one.slug}").is_visible()]
    assert shown == [one.slug for one in SECTIONS[:LAB_STEPS]]
    tab.page.wait_for_function(
        "steps => document.querySelector('.contents > summary').dataset.where === `3 of ${steps}`", arg=LAB_STEPS
    )
    tab.page.reload()  # the choice stays for the visit
    tab.settle()
    tab.page.locator(".contents > summary").click()
    tab.page.get_by_role("button", name="The whole lesson").click()
    tab.page.locator(".contents > summary").click()
    assert tab.page.locator(".contents ol li:visible").count() == len(SECTIONS)
    tab.settle()


# --- the console --------------------------------------------------------------------------------------------


MOVED = ("w", "k", "f", "h0", "n", "d")
UNFOLD = """slider => {
    slider.closest('[class*="st-key-group-"]').querySelector('.group').open = true;
}"""


def test_vega_has_nothing_to_complain_of(laptop: Tab):
    """While the page is read, and its controls and maps are moved, with everything drawn.

    A control in a group that is folded away takes no key.
    """
    tab = laptop
    tab.page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo({ top: 0, behavior: 'instant' })")
    for name in MOVED:
        tab.slider(name).evaluate(UNFOLD)
        before = said(tab, name)
        tab.slider(name).press("ArrowRight")
        tab.page.wait_for_function(
            "([key, before]) => document.querySelector(`.st-key-${key} [aria-valuetext]`).ariaValueText !== before",
            arg=[name, before],
        )
    tab.settle()
    for chart in tab.charts("vanish-or-explode").all()[:2]:
        chart.hover(position={"x": 200, "y": 150})
        tab.page.mouse.down()
        chart.hover(position={"x": 240, "y": 120})
        tab.page.mouse.up()
        tab.settle()
    assert tab.warnings == []
