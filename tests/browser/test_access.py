"""Everyone can read the page and work it: axe-core, names, headings, the keyboard.

WCAG 2.2 AA in both themes. What a rule engine cannot see (does the keyboard reach every control, does a screen
reader hear what changed) is tested beside it. The tests of a file share its tabs, and run from top to bottom.
"""

from __future__ import annotations

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe

from explainer.choices.controls import CONTROL, CONTROLS
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS

pytestmark = pytest.mark.browser

# Every rule that axe-core runs by itself, and the one for WCAG 2.2 that it leaves to the tester. None is off.
RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}

# A state with as many special marks as there can be: factors of exactly 0, values beyond float64, a note on the link.
EXTREME = "?act=relu&w=-8&gate=state&u=-4&f=0.0501&k=200&h0=1&gain=8"


@pytest.fixture(scope="module")
def light(open_shared_page):
    """The page as it opens, in the light theme."""
    return open_shared_page(color_scheme="light")


@pytest.fixture(scope="module")
def dark(open_shared_page):
    """The page at an extreme state, in the dark theme, with nothing drawn but what is near."""
    return open_shared_page(EXTREME, color_scheme="dark", near=False)


@pytest.fixture(scope="module")
def opened(open_shared_page):
    """The page as it opens, with nothing drawn but what is near; it may read and write the clipboard."""
    return open_shared_page(near=False, permissions=["clipboard-read", "clipboard-write"])


# --- names and headings -------------------------------------------------------------------------------------


def test_headings_are_in_order(light):
    headings = light.page.locator("[data-testid=stMain] :is(h1, h2, h3, h4, h5, h6)").evaluate_all(
        "all => all.map(heading => [Number(heading.tagName[1]), heading.innerText])"
    )
    levels = [level for level, _ in headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    titles = [section.title for section in SECTIONS]
    assert [title for title in titles if any(title in text for level, text in headings if level == 2)] == titles


def test_every_chart_has_the_figures_name_and_words_beside_it(light):
    for section in SECTIONS:
        slug, figures = section.slug, section.figures_at(Settings())
        named = light.charts(slug).evaluate_all(
            "charts => charts.map(chart => [chart.getAttribute('role'), chart.getAttribute('aria-label')])"
        )
        assert named == [["graphics-document", figure.title] for figure in figures]
        captions = light.page.locator(f".st-key-section-{slug} [data-testid=stCaptionContainer]").all_inner_texts()
        for figure in figures:
            assert any(figure.title in caption for caption in captions)


def test_the_verdict_is_announced_politely(light):
    status = light.page.get_by_role("status").first
    assert status.get_attribute("aria-live") in {None, "polite"}  # polite is what the role implies
    assert "vanilla" in status.inner_text()
    assert "gated" in status.inner_text()


# --- the keyboard -------------------------------------------------------------------------------------------


# The place of the focus, and whether the place before it looked otherwise as long as it had the focus. A ring may be
# on the element itself, on what it stands in, or on what stands beside it.
STOP = """() => {
    const look = elements => elements.map(element => {
        const style = getComputedStyle(element);
        return [style.outline, style.boxShadow, style.borderColor, style.backgroundColor, style.color].join();
    }).join('|');
    const one = document.activeElement;
    const near = [one, ...(one.closest('label, [data-rac]')?.querySelectorAll('*') ?? [])];
    for (let up = 0, holder = one.parentElement; up < 4 && holder; up++, holder = holder.parentElement)
        near.push(holder);
    const before = window.stopBefore;
    const shown = before && look(before.near) != before.look;
    window.stopBefore = {near, look: look(near)};
    const keyed = one.closest('[class*="st-key-"]');
    return {
        tag: one.tagName,
        key: keyed ? /st-key-(\\S+)/.exec(keyed.className)[1] : '',
        shown,
        html: one.outerHTML.slice(0, 200),
    };
}"""


def walk(tab) -> list[dict]:
    """Every place where Tab stops, from the top of the page to its end, and whether the focus is to be seen there."""
    tab.page.evaluate("document.activeElement?.blur()")
    stops = []
    while len(stops) < 1_000:
        tab.page.keyboard.press("Tab")
        stop = tab.page.evaluate(STOP)
        if stops:
            stops[-1]["shows"] = stop["shown"]
        if stop["tag"] == "BODY":
            break
        stops.append(stop)
    return stops


def test_tab_reaches_every_control_in_the_order_of_the_page_and_the_focus_shows(light):
    light.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    stops = walk(light)
    keys = [stop["key"] for stop in stops if stop["key"]]
    controls = [control.name for control in CONTROLS]
    assert [key for key in dict.fromkeys(keys) if key in controls] == controls
    assert {"reset", *(f"answer-{section.slug}" for section in SECTIONS)} <= set(keys)
    assert len([stop for stop in stops if stop["tag"] == "SUMMARY"]) == light.page.locator("summary").count()
    assert [stop["html"] for stop in stops if not stop["shows"]] == []


def test_tab_reaches_every_preset_once_their_list_is_open(light):
    light.page.locator(".st-key-presets summary").focus()
    light.page.keyboard.press("Enter")
    light.page.wait_for_selector(f"text={PRESETS[-1].name}")
    light.settle()
    names, reached = [preset.name for preset in PRESETS], []
    for _ in range(3 * len(names)):  # whatever else stands beside each of them
        light.page.keyboard.press("Tab")
        reached.append(light.page.evaluate("document.activeElement.innerText").strip())
    assert [name for name in reached if name in names] == names


def test_the_keyboard_goes_through_the_contents_and_comes_back(light):
    fold = light.page.locator(".contents > summary")
    fold.focus()
    light.page.keyboard.press("Enter")
    reached = []
    for _ in ("the short route", *SECTIONS):
        light.page.keyboard.press("Tab")
        reached.append(light.page.evaluate("document.activeElement.getAttribute('href')"))
    assert reached == ["#", *(f"#{section.slug}" for section in SECTIONS)]
    light.page.keyboard.press("Escape")
    assert fold.evaluate("fold => fold === document.activeElement")
    assert not light.page.locator(".contents a").first.is_visible()
    light.page.keyboard.press("Enter")
    light.page.keyboard.press("Shift+Tab")  # away
    assert not light.page.locator(".contents a").first.is_visible()


def test_a_figures_tools_show_when_a_key_reaches_them(light):
    tool = light.page.get_by_test_id("stElementToolbar").locator("button").first
    light.page.mouse.move(1, 1)
    shows = "tool => tool.checkVisibility({ opacityProperty: true })"
    assert not tool.evaluate(shows)
    tool.focus()
    light.page.wait_for_function(f"({shows})(document.activeElement)")
    tool.blur()


CODE = "[data-testid=stCode]"


def test_the_keyboard_copies_the_link(opened):
    tab = opened
    tab.page.locator(".st-key-copy-link button").focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("[role=dialog] code")
    box, copy = (tab.page.locator(f"[role=dialog] {one}") for one in (CODE, f"{CODE} [aria-label='Copy to clipboard']"))
    for _ in range(5):
        if copy.and_(tab.page.locator(":focus")).count():
            break
        tab.page.keyboard.press("Tab")
        if box.and_(tab.page.locator(":focus-within")).count():
            copy.wait_for()  # the box shows its button while it has the focus
    tab.page.keyboard.press("Enter")
    shown = tab.page.locator("[role=dialog] code").inner_text()
    tab.page.wait_for_function("shown => navigator.clipboard.readText().then(text => text === shown)", arg=shown)
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("[role=dialog]", state="detached")


def test_a_slider_answers_to_the_keyboard_and_the_verdict_follows(dark):
    before = dark.page.get_by_role("status").first.inner_text()
    slider = dark.slider("w")
    slider.focus()
    for key in ("Home", "End", "ArrowLeft"):
        dark.page.keyboard.press(key)
    assert slider.get_attribute("aria-valuetext") == f"{CONTROL['w'].values[-2]:g}"
    dark.page.wait_for_function("before => document.querySelector('[role=status]').innerText != before", arg=before)
    dark.page.keyboard.press("Home")
    dark.page.wait_for_function("before => document.querySelector('[role=status]').innerText == before", arg=before)
    dark.settle()


# --- axe-core -----------------------------------------------------------------------------------------------


def violations(tab, within: str | None = None) -> str:
    """What axe-core finds, one line for each kind and place; nothing at best."""
    lines = []
    for violation in Axe().run(tab.page, within, RULES).response["violations"]:
        for node in violation["nodes"]:
            place = tab.page.evaluate(
                """selector => {
                    const one = document.querySelector(selector);
                    const keyed = one?.closest('[class*="st-key-"]'), chart = one?.closest('.stVegaLiteChart');
                    return `${keyed?.className.match(/st-key-\\S+/)[0]} ${chart?.ariaLabel ?? ''}`;
                }""",
                node["target"][-1],
            )
            why = node["failureSummary"].split("\n")[1].strip()
            lines.append(f"{violation['id']} in {place}: {node['html'][:160]} ({why})")
    return "\n".join(dict.fromkeys(lines))


def unfold(tab) -> None:
    """Open everything that a reader can open on the page, and wait until it has been drawn."""
    closed = "details:not([open], .contents) > summary"  # the contents fold away when another fold is touched: last
    tab.page.evaluate("closed => document.querySelectorAll(closed).forEach(fold => fold.click())", closed)
    tab.page.wait_for_function("closed => !document.querySelector(closed)", arg=closed)
    tab.page.locator(".contents").evaluate("fold => (fold.open = true)")
    # what has scrolled below the button that folds the sidebar is no smaller for it
    tab.page.get_by_test_id("stSidebarContent").evaluate("sidebar => (sidebar.scrollTop = 0)")
    tab.settle()


def answer_one(tab) -> None:
    """Give an answer to a prediction that moves nothing, and wait for the feedback."""
    selector = f"[data-testid=stVerticalBlock]:has(> .st-key-answer-{SECTIONS[-1].slug})"
    before = tab.page.locator(selector).inner_text()
    tab.page.locator(selector).get_by_role("radio").first.focus()
    tab.page.keyboard.press("Space")
    tab.page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerText != before", arg=[selector, before]
    )
    tab.settle()


def test_axe_finds_nothing_on_the_whole_page_as_it_opens(light):
    answer_one(light)
    unfold(light)
    assert light.page.locator(".contents a").first.is_visible()
    assert violations(light) == ""


def test_axe_finds_nothing_on_the_whole_page_in_the_dark_at_an_extreme_state(dark):
    dark.come_near_everything()
    unfold(dark)
    assert violations(dark) == ""


@pytest.mark.parametrize("name", ["Copy link", "Embed …"])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_pops_up(color_scheme: str, name: str, opened):
    opened.wear(color_scheme)
    opened.page.locator(".st-key-share").get_by_role("button", name=name).click()
    opened.page.wait_for_selector("[role=dialog] code")
    assert violations(opened, "[role=dialog]") == ""
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_selector("[role=dialog]", state="detached")


def test_axe_finds_nothing_in_a_phones_sidebar(open_page):
    tab = open_page(width=390, height=844, has_touch=True, is_mobile=True, near=False)
    tab.page.get_by_test_id("stExpandSidebarButton").click()
    tab.page.wait_for_function("document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().left >= 0")
    assert violations(tab, "[data-testid=stSidebar]") == ""
