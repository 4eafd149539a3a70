"""The symbols below an equation say their meaning to the pointer, to the keyboard and to a finger."""

from __future__ import annotations

from playwright.sync_api import expect

SYMBOL = "#through-time-Whh"


def test_a_symbol_says_its_meaning_to_the_pointer_and_to_the_keyboard(open_page):
    tab = open_page("?section=through-time")
    meaning, button = tab.page.locator(SYMBOL), tab.page.locator(f"[aria-describedby={SYMBOL[1:]}]")
    expect(meaning).to_be_hidden()
    button.hover()
    expect(meaning).to_be_visible()
    assert "recurrent weights of a real network" in meaning.inner_text()
    tab.page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    tab.page.mouse.move(0, 0)
    button.focus()
    expect(meaning).to_be_visible()
    tab.page.keyboard.press("Tab")
    expect(meaning).to_be_hidden()


def test_a_tap_on_the_last_symbol_of_a_line_shows_its_meaning_within_a_narrow_screen(open_page):
    tab = open_page("?section=through-time", width=360, height=740, has_touch=True, is_mobile=True)
    button = tab.page.locator("p:has(> .symbols)").first.locator("button").last
    button.tap()
    meaning = tab.page.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(meaning).to_be_visible()
    box = meaning.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert button.bounding_box()["height"] >= 44
    assert not tab.overflows_sideways()
