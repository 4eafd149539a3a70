"""The page in a frame whose site allows little: what its buttons then say."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.conftest import PATIENCE_MILLISECONDS, wait_until, wait_until_settled
from tests.browser.test_take import served

pytestmark = pytest.mark.faults
SECTION = "k-steps"
CLIPBOARD = "navigator.clipboard.readText()"


@pytest.fixture
def framed(chromium: Browser, served_page: str, tmp_path: Path) -> Iterator[Callable[[str], tuple[Page, FrameLocator]]]:
    """A page from elsewhere with a section in a frame that has these attributes: the page, and its frame."""
    contexts = []

    def open_one(attributes: str) -> tuple[Page, FrameLocator]:
        source = html.escape(f"{served_page}/?embed=true&section={SECTION}")
        frame = f'<iframe title="lesson" width="1000" height="800" src="{source}" {attributes}></iframe>'
        (tmp_path / "course.html").write_text(f"<!DOCTYPE html><title>Week 7</title>{frame}", encoding="utf-8")
        contexts.append(chromium.new_context(permissions=["clipboard-read", "clipboard-write"]))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(f"{address}/course.html")
        frame = page.frame_locator("iframe")
        frame.locator(f".st-key-take-{SECTION} summary").click()
        frame.locator(f".st-key-embed-{SECTION} button").wait_for()
        wait_until_settled(page.frames[1])  # what comes above a button moves it
        return page, frame

    with served(tmp_path) as address:
        yield open_one
        for context in contexts:
            context.close()


def test_in_a_frame_that_allows_nothing_the_buttons_do_their_work_or_say_why_not(framed):
    page, frame = framed('sandbox="allow-scripts allow-same-origin"')
    code = frame.locator(f".st-key-section-{SECTION}").get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button", name="Copy to clipboard").click()
    expect(frame.locator(".button-note")).to_have_text("Copied.")
    assert page.evaluate(CLIPBOARD) == code.locator("code").inner_text()
    frame.locator(".st-key-csv-5-1 button").click()
    expect(frame.locator(".button-note").last).to_contain_text("allow-downloads")


def test_where_nothing_copies_the_text_is_selected_and_the_page_says_what_is_missing(framed):
    page, frame = framed('sandbox="allow-scripts allow-same-origin allow-downloads"')
    page.frames[1].evaluate("document.execCommand = () => false")  # as browsers do that have dropped it
    code = frame.locator(f".st-key-section-{SECTION}").get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button", name="Copy to clipboard").click()
    expect(frame.locator(".button-note")).to_contain_text("Ctrl+C")
    expect(frame.locator(".button-note")).to_contain_text("clipboard-write")
    assert page.frames[1].evaluate("getSelection().toString()") == code.locator("code").inner_text()


def test_in_a_frame_without_a_sandbox_the_buttons_are_as_silent_as_they_should_be(framed):
    page, frame = framed('allow="clipboard-write"')
    code = frame.locator(f".st-key-section-{SECTION}").get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button", name="Copy to clipboard").click()
    wait_until(page, lambda: page.evaluate(CLIPBOARD) == code.locator("code").inner_text(), "it is not copied")
    with page.expect_download():
        frame.locator(".st-key-csv-5-1 button").click()
    expect(frame.locator(".button-note")).to_have_count(0)
