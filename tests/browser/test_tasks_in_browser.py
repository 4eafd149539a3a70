"""A student works at an assignment in a real browser: by keyboard, over a reload, up to the file that is graded."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from explainer.course import claims, hand_in, shelf

pytestmark = pytest.mark.browser

TASKS = "?tasks=first-look"
LINK = f"{TASKS}&section=k-steps,vanish-or-explode"


def test_answers_survive_a_reload_and_the_file_earns_its_points(open_page, tmp_path: Path):
    tab = open_page(LINK)
    page = tab.page
    state, prediction = page.locator(".st-key-task-box-one-percent"), page.locator(".st-key-task-box-above-one")
    page.locator(".st-key-task-begin-one-percent button").press("Enter")
    expect(state).to_contain_text("Not met.")
    tab.settle()
    for _ in range(7):  # from 0.9 to 0.97
        tab.slider("w").press("ArrowRight")
    expect(state).to_contain_text("Met. Now 1.2 %")
    keep = page.locator(".st-key-task-keep-one-percent button")
    expect(keep).to_be_enabled()
    keep.press("Enter")
    expect(state).to_contain_text("k = 80 and w = 0.97: 1.2 %")

    prediction.get_by_role("radio").first.press("Space")
    prediction.get_by_role("textbox").fill("the slopes of tanh are below one there")
    prediction.get_by_role("button", name="Record this prediction").press("Enter")
    expect(prediction).to_contain_text("Recorded, ")
    expect(prediction.get_by_role("radio")).to_have_count(0)
    name = page.get_by_label("Your name")
    name.fill("Ada Lovelace")
    name.press("Enter")
    page.wait_for_function("() => (localStorage.getItem('explainer-hand-in-first-look') ?? '').includes('Ada')")

    page.reload()
    tab.settle()
    expect(state).to_contain_text("k = 80 and w = 0.97: 1.2 %")
    expect(prediction).to_contain_text("Recorded, ")
    expect(name).to_have_value("Ada Lovelace")
    expect(page.locator("body")).to_contain_text("2 of 5 tasks answered.")
    with page.expect_download() as download:
        page.locator(".st-key-hand-in-file button").press("Enter")
    assert download.value.suggested_filename == "first-look-ada-lovelace.json"
    file = tmp_path / "made.json"
    download.value.save_as(file)
    verdicts = claims.verdicts(shelf.find("first-look"), hand_in.read(file.read_bytes()))
    assert {task: one.points for task, one in verdicts.items() if one.points} == {"one-percent": 1, "above-one": 1}

    page.get_by_role("button", name="Forget my answers").press("Enter")
    page.locator(".st-key-hand-in-forget button").press("Enter")
    expect(page.locator("body")).to_contain_text("0 of 5 tasks answered.")
    page.wait_for_function("() => !localStorage.getItem('explainer-hand-in-first-look').includes('Ada')")


def test_what_a_browser_has_kept_may_be_anything(open_page):
    tab = open_page(f"{TASKS}&section=k-steps")
    for kept in ("{", '"x"', '{"kind": "hand-in of Why gates remember", "version": 1, "answers": {"one-percent": 7}}'):
        tab.page.evaluate("kept => localStorage.setItem('explainer-hand-in-first-look', kept)", kept)
        tab.page.reload()
        tab.settle()
        expect(tab.page.locator("body")).to_contain_text("0 of 5 tasks answered.")
        tab.page.wait_for_function("() => localStorage.getItem('explainer-hand-in-first-look').includes('fingerprint')")


def test_the_tasks_are_accessible_and_fit_a_small_phone(open_page):
    tab = open_page(LINK, width=360, height=740, color_scheme="light")
    for color_scheme in ("light", "dark"):
        tab.wear(color_scheme)
        expect(tab.page.locator(".st-key-task-box-above-one")).to_be_visible()
        assert not tab.overflows_sideways()
        found = Axe().run(tab.page, context=".st-key-task-box-above-one, .st-key-task-box-one-percent")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == []
