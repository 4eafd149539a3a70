"""A press in a map sets the controls of its axes, a drag across it goes on setting them; the sliders follow."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.settings import from_query
from explainer.lesson.vanish_or_explode import GATED_MAP, VANILLA_MAP
from tests.browser.conftest import Tab

SECTION = "vanish-or-explode"


@pytest.fixture(scope="module")
def tab(open_shared_page) -> Tab:
    """A tab for all tests of this file. Each presses another cell, and goes on from where the last has left."""
    return open_shared_page(f"?section={SECTION}", height=1400)


def middle_of_a_cell(tab: Tab, title: str, share: float) -> tuple[dict[str, float], float, float]:
    """A cell of a map, so far (0 to 1) among its cells: its numbers, and where its middle is in the window."""
    tab.charts(SECTION).first.evaluate("map => map.scrollIntoView({block: 'end'})")
    return tuple(
        tab.page.evaluate(
            """([title, share]) => {
                const map = document.querySelector(`[data-testid=stVegaLiteChart][aria-label="${title}"]`);
                const cells = [...map.querySelectorAll(".mark-rect path")].filter(cell => cell.__data__?.datum?.lag);
                const cell = cells[Math.floor(share * cells.length)];
                const { x, y, width, height } = cell.getBoundingClientRect();
                const { parameter, lag } = cell.__data__.datum;
                return [{ parameter, lag }, x + width / 2, y + height / 2];
            }""",
            [title, share],
        )
    )


def wait_for_the_values(tab: Tab, name: str, cell: dict[str, float]) -> dict[str, str]:
    """Wait until both sliders say what the cell stands for, to the nearest step; what they say."""
    wanted = {key: CONTROL[key].parse([str(cell[field])])[0] for key, field in ((name, "parameter"), ("k", "lag"))}
    texts = {key: CONTROL[key].text(value) for key, value in wanted.items()}
    for key, text in texts.items():
        tab.page.wait_for_function(
            "([key, text]) => document.querySelector(`.st-key-${key} [aria-valuetext]`)?.ariaValueText === text",
            arg=[key, text],
        )
    tab.settle()
    return texts


@pytest.mark.parametrize(("plot", "name"), [(VANILLA_MAP, "w"), (GATED_MAP, "f")], ids=["vanilla", "gated"])
def test_a_press_in_a_map_sets_both_of_its_controls(tab: Tab, plot, name: str):
    cell, x, y = middle_of_a_cell(tab, plot.title, 0.7)
    tab.page.mouse.click(x, y)
    texts = wait_for_the_values(tab, name, cell)
    query = parse_qs(urlsplit(tab.page.url).query)
    assert {key: query[key][0] for key in texts} == texts
    assert plot.caption(from_query(query)[0]) in tab.page.locator(f".st-key-section-{SECTION}").inner_text()


def test_a_drag_across_a_map_goes_on_setting_them(tab: Tab):
    _, x, y = middle_of_a_cell(tab, VANILLA_MAP.title, 0.3)
    last, to_x, to_y = middle_of_a_cell(tab, VANILLA_MAP.title, 0.6)
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(to_x, to_y, steps=5)
    wait_for_the_values(tab, "w", last)
    tab.page.mouse.up()
    tab.page.mouse.move(x, y)  # the pointer is up: nothing is set any more
    wait_for_the_values(tab, "w", last)


def test_the_pointer_says_where_a_map_can_be_pressed(tab: Tab, open_page):
    map_ = tab.charts(SECTION).first
    cursor = "map => map.style.cursor"
    _, x, y = middle_of_a_cell(tab, VANILLA_MAP.title, 0.5)
    tab.page.mouse.move(x, y)
    assert map_.evaluate(cursor) == "crosshair"
    fixed = open_page(f"?section={SECTION}&controls=k", height=1400)  # where w is not to be moved
    _, x, y = middle_of_a_cell(fixed, VANILLA_MAP.title, 0.5)
    fixed.page.mouse.click(x, y)
    assert fixed.charts(SECTION).first.evaluate(cursor) != "crosshair"
    fixed.settle()
    assert "w" not in parse_qs(urlsplit(fixed.page.url).query)
