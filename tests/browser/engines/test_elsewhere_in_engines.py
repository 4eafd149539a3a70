"""One section in both themes, on paper, on a phone, and in a course page; in all three engines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from explainer.choices.settings import Settings
from explainer.languages import say, speaking
from explainer.lesson import one_sentence
from explainer.lesson.k_steps import BY_LAG
from tests.browser.engines.engine import PATIENCE_SECONDS, moments
from tests.browser.engines.reader import CHART, Reader
from tests.browser.test_take import served
from tests.test_theme import TEXT, THEME, contrast

ROOT = Path(__file__).parents[3]
SECTION = "k-steps"
FRAMES = ("k-steps", "product-of-gates")
DESK = (1280, 900)

COLOURS = """chart => {
    const styles = (selector) => [...document.querySelectorAll(selector)].map(getComputedStyle);
    return {
        ground: getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor,
        prose: styles("[data-testid=stMarkdownContainer] p").map((style) => style.color),
        labels: styles(`${chart} svg.marks text`).filter((style) => style.opacity !== "0").map((style) => style.fill),
    };
}"""


def hexadecimal(colour: str) -> str:
    """``#RRGGBB`` of what a browser calls ``rgb(…)``."""
    return "#" + "".join(f"{round(float(part)):02X}" for part in re.findall(r"[\d.]+", colour)[:3])


def open_section(reader: Reader, server: str) -> None:
    """The section alone, in a state that a link in another spelling says."""
    reader.open(f"{server}/?section={SECTION}#{SECTION}?act=logistic&amp;w=2")
    reader.wait_for("() => new URLSearchParams(location.search).get('w') === '2'", otherwise="the link is not read")
    reader.come_near_everything()


# --- one section --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_section_wears_the_theme_of_the_readers_system(reader: Reader, served_page: str, scheme: str):
    reader.engine.prefer(scheme)
    open_section(reader, served_page)
    assert reader.value("w") == "2"
    colours = reader.evaluate(COLOURS, CHART)
    ground = hexadecimal(colours["ground"])
    assert ground == THEME[scheme]["backgroundColor"]
    assert colours["labels"]
    read = {hexadecimal(colour) for colour in colours["prose"] + colours["labels"]}
    assert {colour: contrast(colour, ground) for colour in read if contrast(colour, ground) < TEXT} == {}


def test_a_figures_numbers_are_saved_as_csv(reader: Reader, served_page: str):
    open_section(reader, served_page)
    reader.click(f".st-key-take-{SECTION} summary")
    reader.wait_for("() => document.querySelector('.st-key-csv-5-1 button')")
    file = reader.engine.saved(lambda: reader.click(".st-key-csv-5-1 button"))
    assert re.search(r"act=logistic_w=2.*\.csv$", file.name)
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert len(rows) == 2 * 51


LETTER = """(chart, lag) => {
    const shown = document.querySelector(chart);
    const rule = [...shown.querySelectorAll(".mark-rule line")].find(one => one.__data__?.datum?.lag === lag
        && one.__data__.datum.letter);
    const { left, right, top, bottom } = rule.getBoundingClientRect();
    return [(left + right) / 2, (top + bottom) / 2];
}"""


def test_a_press_on_a_letter_of_the_sentence_makes_its_lag_the_readers(reader: Reader, served_page: str):
    reader.open(f"{served_page}/?section=one-sentence&k=5")
    reader.look_at_chart("one-sentence")
    reader.engine.point(*reader.evaluate(LETTER, CHART, 30))
    reader.engine.down()
    reader.engine.up()
    reader.wait_for_query(k="30")
    assert one_sentence.LETTERS.caption(Settings(k=30)) in reader.words(".st-key-section-one-sentence")


def test_a_link_to_another_language_is_read_in_it(reader: Reader, served_page: str):
    reader.open(f"{served_page}/?lang=de&section={SECTION}")
    assert reader.evaluate("() => document.documentElement.lang") == "de"
    reader.look_at_chart(SECTION)
    reader.focus("w")
    reader.press("ArrowRight")
    reader.wait_for_query(w="0.91")
    with speaking("de"):
        assert BY_LAG.caption(Settings(w=0.91)) in reader.words(f".st-key-section-{SECTION}")
        title = say(BY_LAG.title)
    assert reader.evaluate("chart => document.querySelector(chart).ariaLabel", CHART) == title


# Reads the rules for paper as if they were for the screen, which every engine lets a script do.
AS_ON_PAPER = """() => {
    const read = (rules) => {
        for (const rule of rules) {
            const medium = rule instanceof CSSMediaRule && rule.media.mediaText;
            if (medium === "print") rule.media.mediaText = "all";
            if (medium === "screen") rule.media.mediaText = "not all";
            if (rule.cssRules) read(rule.cssRules);
        }
    };
    for (const sheet of document.styleSheets) read(sheet.cssRules);
}"""

# Symbols that say what they mean are buttons, and words of the lesson.
STILL_SEEN = """() => [...document.querySelectorAll(
    "button, input, [role=slider], [role=radiogroup], [data-testid=stSidebar], [data-testid=stHeader]"
)].filter((one) => !one.closest(".symbol")
    && one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && one.getBoundingClientRect().height > 1
).map((one) => `${one.tagName} ${one.dataset.testid ?? ""} ${one.ariaLabel ?? one.innerText.slice(0, 40)}`)"""


def test_on_paper_there_are_figures_and_open_folds_and_no_controls(reader: Reader, served_page: str):
    open_section(reader, served_page)
    paper = reader.engine.on_paper()
    assert paper is None or (paper.startswith(b"%PDF") and len(paper) > 20_000)
    reader.settle()
    reader.evaluate(AS_ON_PAPER)
    reader.settle()
    assert reader.evaluate(STILL_SEEN) == []
    charts = "chart => [...document.querySelectorAll(chart)].every(one => one.getBoundingClientRect().height > 100)"
    assert reader.evaluate(charts, CHART)
    fold = "[data-testid=stMarkdownContainer] details > :not(summary)"
    assert reader.evaluate("fold => document.querySelector(fold).getBoundingClientRect().height", fold) > 10


# --- in a page from elsewhere ---------------------------------------------------------------------------------


@pytest.fixture
def at_another_origin(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """``at_another_origin("<p>Week 7")``: serves this page at another origin than the lesson's; its address."""

    def put(page: str) -> str:
        whole = page.replace("<title>", '<link rel="icon" href="data:,"><title>', 1)
        (tmp_path / "course.html").write_text(whole, encoding="utf-8")
        return f"{address}/course.html"

    with served(tmp_path) as address:
        yield put


def test_on_a_phone_nothing_is_wider_than_the_screen(reader: Reader, served_page: str, at_another_origin):
    # in a frame: a window of WebKit is never so narrow
    address = f"{served_page}/?section={SECTION}"
    frame = f'<iframe id="phone" title="phone" style="width: 360px; height: 740px; border: 0" src="{address}">'
    reader.engine.open(at_another_origin(f"<!DOCTYPE html><title>phone</title>{frame}</iframe>"))
    phone = Reader(reader.engine, "phone")
    phone.settle()
    phone.come_near_everything()
    phone.wait_for(
        """chart => [...document.querySelectorAll(chart)].every(one =>
            one.querySelector("svg.marks, canvas.marks").getBoundingClientRect().right <= innerWidth + 1)""",
        CHART,
        otherwise="a chart is wider than the screen",
    )
    assert phone.evaluate("() => [innerWidth, document.scrollingElement.scrollWidth]") == [360, 360]
    wide = phone.evaluate(
        """() => [...document.querySelectorAll("[data-testid=stMain], [data-testid=stMain] *")].filter(
            one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0
                && ["auto", "scroll"].includes(getComputedStyle(one).overflowX) && !one.matches(".katex-display")
        ).map(one => `${one.dataset.testid ?? one.className}: ${one.scrollWidth} > ${one.clientWidth}`)"""
    )
    assert wide == []


def height_of(reader: Reader, frame: str) -> float:
    return reader.evaluate("id => document.getElementById(id).getBoundingClientRect().height", frame)


def wait_for_height(reader: Reader, frame: str, holds: Callable[[float], bool]) -> float:
    """Wait until a frame is so high, and holds all of the section in it; its height then.

    On a busy machine a frame's last change may come before it listens. It measures itself again when the window
    changes, and now and then the window does.
    """
    inside = Reader(reader.engine, frame)
    inside.wait_for(f"() => document.querySelector('{CHART} svg.marks')")
    hidden = "() => { const main = document.querySelector('[data-testid=stMain]');" + (
        " return main.scrollHeight - main.clientHeight; }"
    )
    for count, _ in enumerate(moments(f"{frame}: of another height")):
        height = height_of(reader, frame)
        if inside.evaluate(hidden) == 0 and holds(height):
            return height
        if count % (5 * PATIENCE_SECONDS) == 5 * PATIENCE_SECONDS - 1:
            reader.engine.resize(DESK[0], DESK[1] + 1 + count % 2)
    raise AssertionError


def test_in_a_course_page_frames_grow_and_shrink_and_answer_to_their_controls(
    reader: Reader, served_page: str, at_another_origin
):
    page = (ROOT / "examples" / "course_page.html").read_text(encoding="utf-8")
    reader.engine.open(at_another_origin(page.replace("http://localhost:8501", served_page)))
    reader.wait_for("() => document.querySelectorAll('iframe').length === 2")
    for frame in FRAMES:
        Reader(reader.engine, frame).settle()
    first = {frame: wait_for_height(reader, frame, lambda height: height > 1200) for frame in FRAMES}
    inside, fold = Reader(reader.engine, SECTION), "[data-testid=stMarkdownContainer] details summary"
    entries = reader.evaluate("() => history.length")
    inside.click(fold)
    wait_for_height(reader, SECTION, lambda height: height > first[SECTION] + 40)
    inside.click(fold)
    wait_for_height(reader, SECTION, lambda height: abs(height - first[SECTION]) <= 4)
    assert height_of(reader, FRAMES[1]) == first[FRAMES[1]]

    before = inside.drawing(SECTION)
    inside.middle(".st-key-w [data-testid=stSlider]")
    inside.focus("w")
    inside.press("ArrowRight")
    inside.wait_until_redrawn(SECTION, before)
    assert reader.evaluate("() => history.length") == entries
