"""The projector view: one section at a time, next and back by a remote's keys, with the section's controls in sight."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from explainer.lesson import SECTIONS
from tests.browser.conftest import wait_until

pytestmark = pytest.mark.browser

SHOWN = """() => [...document.querySelectorAll("[class*='st-key-section-']")]
    .filter(section => section.getBoundingClientRect().height)
    .map(section => section.className.match(/st-key-section-([a-z-]+)/)[1])"""


def shown(page: Page) -> list[str]:
    return page.evaluate(SHOWN)


def wait_for(page: Page, slug: str) -> None:
    wait_until(page, lambda: shown(page) == [slug], f"{slug} does not come to stand alone")


def press_until_it_turns(page: Page, key: str) -> None:
    """Press a key until another section is shown: one that is taller than the screen takes several."""
    before = shown(page)
    for _ in range(20):
        page.keyboard.press(key)
        if shown(page) != before:
            return
    raise AssertionError(f"{key} does not leave {before}")


def test_a_remote_goes_from_section_to_section_and_back(open_page):
    tab = open_page("?view=projector", near=False)
    page, slugs = tab.page, [section.slug for section in SECTIONS]
    wait_for(page, "opening")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for slug in slugs[:3]:
        press_until_it_turns(page, "PageDown")
        wait_for(page, slug)
        tab.settle()
        assert page.evaluate("location.hash") == f"#{slug}"
        expect(tab.charts(slug).first).to_be_visible()
    press_until_it_turns(page, "Space")
    wait_for(page, slugs[3])
    press_until_it_turns(page, "PageUp")
    wait_for(page, slugs[2])


def test_the_controls_of_the_section_are_in_sight_and_the_keys_work_from_them(open_page):
    tab = open_page("?view=projector#product-of-gates", settle=False)  # charts that are hidden are not drawn
    page = tab.page
    page.wait_for_function("() => document.body.dataset.listening")
    wait_for(page, "product-of-gates")
    expect(tab.charts("product-of-gates").first.locator("svg.marks")).to_be_visible()
    expect(page.locator(".st-key-f")).to_be_in_viewport()
    expect(page.locator(".st-key-task")).to_be_hidden()  # moves nothing here
    slider = tab.slider("f")
    value = slider.get_attribute("aria-valuetext")
    slider.focus()
    press_until_it_turns(page, "PageDown")
    wait_for(page, "many-paths")
    assert tab.slider("f").get_attribute("aria-valuetext") == value
    press_until_it_turns(page, "PageUp")
    wait_for(page, "product-of-gates")


def test_it_is_larger_and_any_other_view_is_the_page_as_ever(open_page):
    size = "() => parseFloat(getComputedStyle(document.querySelector('[data-testid=stMarkdownContainer] h2')).fontSize)"
    projected = open_page("?view=projector&section=k-steps", near=False)
    ordinary = open_page("?view=cinema&section=k-steps", near=False)
    expect(ordinary.page.locator("body")).to_contain_text("view takes projector alone")
    assert projected.page.evaluate(size) > 1.2 * ordinary.page.evaluate(size)
