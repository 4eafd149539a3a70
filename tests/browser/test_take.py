"""What a reader takes along, in a browser: links, the iframe in a course page, and every file opened."""

from __future__ import annotations

import contextlib
import csv
import functools
import http.server
import io
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.page import take as page_take
from tests.browser import installed
from tests.browser.conftest import (
    CHROMIUM_ARGUMENTS,
    PATIENCE_MILLISECONDS,
    Tab,
    serving,
    wait_until,
    wait_until_settled,
)
from tests.facts import fact
from tests.serving import free_port

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
FRAMES = ("k-steps", "product-of-gates")
STATE = "?act=logistic&w=2&k=30&f=0.9"
SLUGS = tuple(section.slug for section in SECTIONS)


@pytest.fixture(scope="module")
def whole(open_shared_page) -> Tab:
    """The whole page in STATE, for the tests that leave it there."""
    return open_shared_page(STATE, near=False, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture(scope="module")
def section(open_shared_page) -> Tab:
    """One section in STATE, with what a reader can take from it unfolded."""
    tab = open_shared_page(f"{STATE}&section=k-steps")
    tab.page.locator(".st-key-take-k-steps summary").click()
    tab.page.wait_for_selector(".st-key-csv-5-1")
    tab.page.locator(".st-key-embed-k-steps button").first.wait_for()
    tab.settle()  # what comes above a button moves it
    return tab


def code_in(page: Page, within: str) -> str:
    return page.locator(f"{within} [data-testid=stCode] code").first.inner_text().replace("\n", "")


def downloaded(page: Page, key: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.locator(f".st-key-{key} button").first.click()
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    return file


# --- links --------------------------------------------------------------------------------------------------


def test_a_copied_link_opens_the_same_state_in_another_browser(open_page, whole: Tab):
    chart = whole.charts("k-steps").first
    whole.come_near("k-steps")
    first = whole.drawing(chart)
    whole.slider("w").press("ArrowRight")
    drawing = whole.wait_until_redrawn(chart, first)
    whole.come_near(page_take.ANCHOR)
    link = code_in(whole.page, ".st-key-take-link")
    assert "w=2.25" in link
    other = open_page(f"?{urlsplit(link).query}", near=False)
    other.come_near("k-steps")
    assert other.drawing(other.charts("k-steps").first) == drawing
    whole.slider("w").press("ArrowLeft")  # the other tests find it as it was
    whole.wait_until_drawn(chart, first)


def test_the_link_of_a_section_comes_to_rest_there(open_page, whole: Tab):
    tab = whole
    tab.come_near("product-of-gates")
    tab.page.locator(".st-key-take-product-of-gates summary").click()
    tab.page.wait_for_selector(".st-key-take-product-of-gates [data-testid=stCode]")
    link = urlsplit(code_in(tab.page, ".st-key-take-product-of-gates"))
    assert link.fragment == "product-of-gates"
    other = open_page(f"?{link.query}#{link.fragment}", near=False)
    expect(other.page.locator("#product-of-gates")).to_be_in_viewport()


def test_the_link_is_copied_with_one_press(whole: Tab):
    tab = whole
    tab.page.locator(".st-key-share").get_by_role("button", name="Copy link").click()
    shown = tab.page.get_by_role("dialog").get_by_test_id("stCode")
    shown.hover()
    shown.get_by_role("button", name="Copy to clipboard").click()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == shown.locator("code").inner_text()
    assert urlsplit(copied).query == "k=30&act=logistic&w=2&f=0.9"
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="detached")


def test_what_the_readers_may_not_move_stays_in_the_address(open_page):
    tab = open_page("?embed=true&section=k-steps&controls=w&k=30&act=logistic")
    assert tab.page.locator("[role=slider], input[type=range]").count() == 2  # w, and the walk along the product
    before = tab.drawing(tab.charts("k-steps").first)
    tab.slider("w").press("ArrowRight")
    tab.wait_until_redrawn(tab.charts("k-steps").first, before)
    query = urlsplit(tab.page.url).query
    assert all(part in query for part in ("k=30", "act=logistic", "w=0.91", "section=k-steps", "controls=w"))
    expect(tab.page.get_by_text("At lag 30 the vanilla gradient")).to_be_visible()


@pytest.mark.parametrize("theme", ["light_theme", "dark_theme"])
def test_an_embedded_section_fits_its_frame(open_page, theme: str):
    tab = open_page(f"?embed=true&embed_options={theme}&section=k-steps,does-it-learn", width=1280)
    for width in (1280, 760, 390):
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.wait_for_function("() => document.scrollingElement.scrollWidth <= innerWidth + 1")
        tab.settle()
        assert not tab.overflows_sideways()
    assert tab.page.locator("[data-testid=stSidebar]").count() == 0
    assert [tab.page.locator(f".st-key-section-{slug}").count() for slug in SLUGS] == [
        int(slug in {"k-steps", "does-it-learn"}) for slug in SLUGS
    ]


def test_the_embed_dialog_writes_code_that_shows_what_it_says(section: Tab, chromium: Browser, tmp_path: Path):
    tab = section
    tab.page.locator(".st-key-embed-k-steps button").first.click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_text("none", exact=True).click()
    dialog.get_by_text("dark", exact=True).click()
    dialog.get_by_label("Title, for screen readers").fill('Gradient "by lag"')
    dialog.get_by_label("Title, for screen readers").press("Enter")
    code = dialog.locator("code").first
    expect(code).to_contain_text("by lag")
    expect(code).to_contain_text("dark_theme")
    expect(code).to_contain_text("controls=none")
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><title>t</title>{code.inner_text()}", encoding="utf-8")
    with served(tmp_path) as address:
        context = chromium.new_context()
        reader = context.new_page()
        reader.set_default_timeout(PATIENCE_MILLISECONDS)
        reader.goto(f"{address}/page.html")
        frame = reader.frame_locator('iframe[title="Gradient \\"by lag\\""]')
        expect(frame.locator(".st-key-section-k-steps svg.marks").first).to_be_visible()
        assert frame.locator(".st-key-w").count() == 0
        context.close()
    tab.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


# --- a course page, from another origin ---------------------------------------------------------------------


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


class served:  # noqa: N801
    """A folder's files at another origin than the page's: 127.0.0.1, and the page is at localhost."""

    def __init__(self, folder: Path) -> None:
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
        )

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *problem) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def course_page(chromium: Browser, served_page: str, tmp_path: Path) -> Iterator[Page]:
    """The sample course page in a browser that keeps no cookie of a frame from elsewhere."""
    source = (ROOT / "examples" / "course_page.html").read_text(encoding="utf-8")
    assert source.count("http://localhost:8501/") == 2
    (tmp_path / "course.html").write_text(source.replace("http://localhost:8501", served_page), encoding="utf-8")
    strict = chromium.browser_type.launch(
        executable_path=installed.chromium(), args=[*CHROMIUM_ARGUMENTS, "--test-third-party-cookie-phaseout"]
    )
    with served(tmp_path) as address:
        page = strict.new_context(viewport={"width": 1000, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(f"{address}/course.html")
        yield page
    strict.close()


def height_of(page: Page, frame: str) -> float:
    return page.locator(f"#{frame}").bounding_box()["height"]


def wait_for_height(page: Page, frame: str, holds: Callable[[float], bool]) -> float:
    """Wait until a frame is so high, and holds all of the section in it; its height then.

    A frame measures itself when something in it changes. On a busy machine its last change may come before it listens;
    it then measures itself again when it becomes wider or narrower, and after an eighth of the time it does. One that
    is out of sight paints nothing, and may not come to rest.
    """
    page.locator(f"#{frame}").evaluate("frame => frame.scrollIntoView({ behavior: 'instant' })")
    page.frame_locator(f"#{frame}").locator("svg.marks").first.wait_for()
    nudge_at = time.monotonic() + PATIENCE_MILLISECONDS / 8000

    def is_so_high() -> bool:
        nonlocal nudge_at
        if time.monotonic() > nudge_at:
            nudge_at += PATIENCE_MILLISECONDS / 8000
            size = dict(page.viewport_size)
            for width in (size["width"] + 8, size["width"]):  # a frame is as wide as its page, and hears of that alone
                page.set_viewport_size(size | {"width": width})
                page.wait_for_timeout(100)
        return hidden_below(page, frame) == 0 and holds(height_of(page, frame))

    with contextlib.suppress(pytest.fail.Exception):
        wait_until(page, is_so_high, "of another height")
    assert is_so_high(), f"{frame}: {height_of(page, frame)} high, {hidden_below(page, frame)} below that"
    return height_of(page, frame)


def hidden_below(page: Page, frame: str) -> float:
    main = page.frame_locator(f"#{frame}").locator("[data-testid=stMain]")
    return main.evaluate("main => main.scrollHeight - main.clientHeight")


@fact("iframe-resizer")
def test_a_course_page_embeds_two_sections_that_grow_and_shrink_by_themselves(course_page: Page):
    for frame in FRAMES:
        wait_until_settled(course_page.locator(f"#{frame}").element_handle().content_frame())
    first = {frame: wait_for_height(course_page, frame, lambda height: height > 1200) for frame in FRAMES}
    inside = course_page.frame_locator("#k-steps")
    fold = inside.locator("details").filter(has_text="Look closer")
    fold.locator("summary").click()
    expect(fold).to_have_attribute("open", "")
    wait_for_height(course_page, "k-steps", lambda height: height > first["k-steps"] + 40)
    fold.locator("summary").click()
    wait_for_height(course_page, "k-steps", lambda height: abs(height - first["k-steps"]) <= 4)
    assert height_of(course_page, "product-of-gates") == first["product-of-gates"]


def test_an_embedded_section_answers_to_its_controls_and_needs_no_cookie(course_page: Page):
    wait_for_height(course_page, "product-of-gates", lambda height: height > 1200)
    inside = course_page.frame_locator("#product-of-gates")
    chart = inside.locator("svg.marks").first
    before = chart.inner_html()
    inside.locator(".st-key-f [role=slider], .st-key-f input[type=range]").first.press("ArrowRight")
    wait_until(course_page, lambda: chart.inner_html() != before, "the chart has not changed")
    assert course_page.context.cookies() == []


# --- files --------------------------------------------------------------------------------------------------


def test_the_files_of_the_lesson_open_and_hold_the_state(whole: Tab, chromium: Browser, tmp_path: Path):
    tab = whole
    tab.come_near(page_take.ANCHOR)
    notebook = nbformat.read(downloaded(tab.page, "take-notebook", tmp_path), as_version=4)
    nbformat.validate(notebook)
    (cell,) = [cell.source for cell in notebook.cells if cell.source.startswith("# the page's settings")]
    namespace: dict = {}
    exec(cell, namespace)
    settings = Settings(act="logistic", w=2.0, k=30, f=0.9)
    assert {name: namespace[name] for name in CONTROL} == {name: getattr(settings, name) for name in CONTROL}

    archive = zipfile.ZipFile(downloaded(tab.page, "take-data", tmp_path))
    (name,) = [name for name in archive.namelist() if "figure-5-1" in name]
    lines = list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
    last = [line for line in lines if line["series (text)"] == "vanilla"][-1]
    assert last["lag (steps)"] == "30"
    assert float(last["gradient (1)"]) == pytest.approx(7.6358986554203686e-18, rel=1e-9, abs=0)

    handout = downloaded(tab.page, "take-handout", tmp_path)
    context = chromium.new_context(offline=True)
    reader, problems, asked = context.new_page(), [], []
    reader.set_default_timeout(PATIENCE_MILLISECONDS)
    reader.on("console", lambda message: message.type == "error" and problems.append(message.text))
    reader.on("pageerror", lambda error: problems.append(str(error)))
    reader.on("request", lambda request: asked.append(request.url))
    reader.goto(handout.as_uri())
    charts = reader.locator(".chart")
    expect(reader.locator(".chart svg.marks")).to_have_count(charts.count())
    assert charts.count() > 20
    assert problems == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    expect(reader.get_by_text("At lag 30 the vanilla gradient is 7.64 × 10⁻¹⁸")).to_be_visible()
    # still interactive: the slice under the pointer
    map_ = reader.locator("#figure-6-1")
    before = map_.inner_html()
    map_.scroll_into_view_if_needed()
    map_.hover(position={"x": 150, "y": 100})
    wait_until(reader, lambda: map_.inner_html() != before, "the map draws no slice")
    for width in (1280, 390):
        reader.set_viewport_size({"width": width, "height": 900})
        reader.wait_for_function("document.scrollingElement.scrollWidth <= window.innerWidth + 1")
    context.close()


def test_a_figures_csv_names_its_settings(section: Tab, tmp_path: Path):
    file = downloaded(section.page, "csv-5-1", tmp_path)
    assert re.search(r"__.*k=30_.*act=logistic_w=2_.*f=0.9_.*\.csv$", file.name)
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    assert len(rows) == 2 * 31


# --- below a path -------------------------------------------------------------------------------------------


def test_a_link_works_below_a_path(open_at, tmp_path: Path):
    port = free_port()
    address = f"http://localhost:{port}/a/lesson/"
    with serving(port, tmp_path / "streamlit.log", "--server.baseUrlPath", "a/lesson"):
        tab = open_at(address, STATE, near=False)
        tab.come_near(page_take.ANCHOR)
        link = code_in(tab.page, ".st-key-take-link")
        assert link == f"{address}?k=30&act=logistic&w=2&f=0.9"
        other = open_at(link, "&section=k-steps")
        expect(other.page.get_by_text("At lag 30 the vanilla gradient is 7.64")).to_be_attached()
        for one in (tab, other):
            one.page.context.close()
