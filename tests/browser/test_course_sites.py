"""The page in frames as course sites make them, on a page from elsewhere, in a browser without third-party cookies.

What each site makes of its snippet in ``examples/`` is written down here, from its own sources and documentation; the
tests see what a reader then has. README's table says the same.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.take import links
from tests.browser import installed
from tests.browser.conftest import CHROMIUM_ARGUMENTS, PATIENCE_MILLISECONDS, wait_until, wait_until_settled
from tests.browser.test_take import served

pytestmark = pytest.mark.faults
EXAMPLES = Path(__file__).parents[2] / "examples"
HOST = "https://your-host/"
SECTION = "k-steps"

# the sandbox of Notion's embed block, without allow-downloads
NOTION = (
    "allow-scripts allow-popups allow-top-navigation-by-user-activation allow-forms allow-same-origin "
    "allow-storage-access-by-user-activation allow-popups-to-escape-sandbox"
)


def as_written(snippet: str) -> str:
    (tag,) = re.findall(r"<iframe.*?</iframe>", snippet, re.DOTALL)
    return tag


def by_canvas(snippet: str) -> str:
    """Canvas keeps of a frame what its list of attributes has: neither ``allow`` nor ``loading``."""
    return re.sub(r'\s(allow|loading)="[^"]*"', "", as_written(snippet))


def _address(snippet: str) -> str:
    return html.escape(re.search(rf"{HOST}\S*", snippet).group())


def by_jupyter_book(snippet: str) -> str:
    """The theme of MyST writes the frame itself, into a box of a fixed shape."""
    return (
        '<div style="position: relative; padding-bottom: 60%; width: min(max(100%, 500px), 100%)">'
        f'<iframe width="100%" height="100%" src="{_address(snippet)}" allowfullscreen allow="autoplay" '
        'style="width: 100%; height: 100%; position: absolute; top: 0; left: 0; border: none"></iframe></div>'
    )


def by_notion(snippet: str) -> str:
    return (
        f'<iframe src="{_address(snippet)}" sandbox="{NOTION}" allowfullscreen '
        'style="width: 100%; height: 900px; border: 0"></iframe>'
    )


SITES = {
    "Canvas": ("canvas.html", by_canvas),
    "Moodle": ("moodle.html", as_written),
    "Jupyter Book": ("jupyter_book.md", by_jupyter_book),
    "Notion": ("notion.md", by_notion),
    "Quarto": ("quarto.qmd", as_written),
}
SAVES_NO_FILE = {"Notion"}


@dataclass
class Course:
    """A page of a course, and what the console has said."""

    page: Page
    said: list[str] = field(default_factory=list)

    def frame(self, name: str) -> Frame:
        """The lesson in the frame within the element of this id, as soon as it has a chart."""
        holder = self.page.locator(f"[id='{name}'] iframe")
        holder.scroll_into_view_if_needed()
        frame = holder.element_handle().content_frame()
        frame.wait_for_selector("svg.marks", timeout=PATIENCE_MILLISECONDS)
        return frame


@pytest.fixture(scope="module")
def strict(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that keeps no cookie of a frame from elsewhere."""
    browser = chromium.browser_type.launch(
        executable_path=installed.chromium(), args=[*CHROMIUM_ARGUMENTS, "--test-third-party-cookie-phaseout"]
    )
    yield browser.new_context(
        viewport={"width": 1000, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    browser.close()


@pytest.fixture(scope="module")
def course_of(strict: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """``course_of(frames, width=1000)``: a page at another origin with these frames, each in an element of its own."""
    folder, courses = tmp_path_factory.mktemp("course"), []
    with served(folder) as address:

        def open_one(frames: dict[str, str], width: int = 1000) -> Course:
            body = "".join(f'<h2>{name}</h2><div id="{name}">{frame}</div>' for name, frame in frames.items())
            head = '<!DOCTYPE html><meta charset="utf-8"><title>Week 7</title><style>body { margin: 0 }</style>'
            (folder / f"{len(courses)}.html").write_text(head + body, encoding="utf-8")
            page = strict.new_page()
            page.set_default_timeout(PATIENCE_MILLISECONDS)
            page.set_viewport_size({"width": width, "height": 900})
            course = Course(page)
            page.on("console", lambda message: course.said.append(message.text))
            page.on("pageerror", lambda error: course.said.append(str(error)))
            page.goto(f"{address}/{len(courses)}.html")
            courses.append(course)
            return course

        yield open_one
    assert strict.cookies() == []
    assert [text for course in courses for text in course.said if text.startswith("WARN")] == []


@pytest.fixture(scope="module")
def sites(course_of, served_page: str) -> Course:
    """One page with a frame of every site."""
    written = {name: made((EXAMPLES / file).read_text(encoding="utf-8")) for name, (file, made) in SITES.items()}
    assert all(frame.count(HOST) == 1 for frame in written.values())
    return course_of({name: frame.replace(HOST, f"{served_page}/") for name, frame in written.items()})


@pytest.mark.parametrize("file", [file for file, _ in SITES.values()])
def test_a_snippet_embeds_as_the_dialog_does(file: str):
    snippet = (EXAMPLES / file).read_text(encoding="utf-8")
    source = links.address(HOST, links.query(Settings(act="logistic", w=2.0), (SECTION,), ("w", "k"), embed=True))
    written = links.iframe(source, "The gradient against the lag", 900)
    assert (written if "<iframe" in snippet else source) in snippet


@pytest.mark.parametrize("site", SITES)
def test_on_a_course_site_the_section_works_and_says_what_the_site_denies(sites: Course, site: str):
    page, frame = sites.page, sites.frame(site)
    entries, chart = page.evaluate("history.length"), frame.locator(f".st-key-section-{SECTION} svg.marks").first
    before = chart.inner_html()
    frame.locator(".st-key-w [role=slider], .st-key-w input[type=range]").first.press("ArrowRight")
    wait_until(page, lambda: chart.inner_html() != before, "the chart has not changed")
    frame.locator(f".st-key-take-{SECTION} summary").click()
    frame.locator(f".st-key-embed-{SECTION} button").wait_for()
    wait_until_settled(frame)  # what comes above a button moves it
    code = frame.locator(f".st-key-section-{SECTION}").get_by_test_id("stCode").first
    code.hover()
    code.get_by_role("button", name="Copy to clipboard").click()
    wait_until(
        page,
        lambda: page.evaluate("navigator.clipboard.readText()") == code.locator("code").inner_text(),
        "it is not copied",
    )
    button = frame.locator(".st-key-csv-5-1 button")
    if site in SAVES_NO_FILE:
        button.click()
        expect(frame.locator(".button-note").last).to_contain_text("allow-downloads")
    else:
        with page.expect_download():
            button.click()
    assert page.evaluate("history.length") == entries
    assert frame.evaluate("document.scrollingElement.scrollWidth <= innerWidth + 1")


def test_in_a_sandbox_without_allow_same_origin_a_frame_stays_blank(course_of, served_page: str):
    source = html.escape(f"{served_page}/?embed=true&section={SECTION}")
    course = course_of({"blank": f'<iframe sandbox="allow-scripts" src="{source}"></iframe>'})
    denied = ("sandboxed", "origin 'null'")
    wait_until(course.page, lambda: any(one in text for text in course.said for one in denied), "nothing is denied")
    assert course.page.frames[1].evaluate("document.body.innerText.trim()") == ""


def test_eight_sections_on_one_page_are_drawn_on_a_phone_when_one_comes_to_them(course_of, served_page: str):
    slugs = [section.slug for section in SECTIONS[:8]]
    sources = {slug: links.address(f"{served_page}/", links.query(Settings(), (slug,), embed=True)) for slug in slugs}
    course = course_of({slug: links.iframe(source, slug, 900) for slug, source in sources.items()}, width=360)
    for slug in slugs:
        frame = course.frame(slug)
        expect(frame.locator(f".st-key-section-{slug} svg.marks").first).to_be_visible()
        assert frame.evaluate("document.scrollingElement.scrollWidth <= innerWidth + 1")
