"""The whole lesson, read in Chromium and Firefox. The checks share one page and run from top to bottom."""

from __future__ import annotations

import itertools
import zipfile

import nbformat
import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.lesson.k_steps import BY_LAG
from explainer.lesson.vanish_or_explode import VANILLA_MAP
from explainer.page import take as page_take
from tests.browser.engines.engine import moments
from tests.browser.engines.reader import CHART, Reader
from tests.browser.installed import CHROMIUM, FIREFOX

# WebKit without a graphics card takes a minute to draw the whole lesson; it reads single sections, in the file beside.
pytestmark = pytest.mark.parametrize("engine", [CHROMIUM, FIREFOX], indirect=True, scope="session")

SECTION, MAPS = "k-steps", "vanish-or-explode"
STATE = {"act": "logistic", "w": "2", "k": "30"}
STATUS = ".status"


def section(slug: str) -> str:
    return f".st-key-section-{slug}"


@pytest.fixture(scope="module")
def lesson(reader: Reader, served_page: str) -> Reader:
    """A reader of the whole lesson, opened by a link to a section in a state."""
    state = "&".join(f"{name}={text}" for name, text in STATE.items())
    reader.open(f"{served_page}/?{state}#{SECTION}")
    return reader


def settings_of(reader: Reader) -> Settings:
    """The settings that the address says."""
    query = {name: CONTROL[name].parse(texts)[0] for name, texts in reader.query().items() if name in CONTROL}
    return Settings(**query)


# --- arriving -----------------------------------------------------------------------------------------------


def test_a_link_opens_its_state_and_comes_to_rest_at_its_section(lesson: Reader):
    lesson.wait_for(
        """slug => {
            const top = document.getElementById(slug).getBoundingClientRect().top;
            const bar = document.querySelector(".st-key-status-bar").getBoundingClientRect().bottom;
            return top >= bar - 1 && top < innerHeight / 2;
        }""",
        SECTION,
    )
    assert {name: lesson.value(name) for name in ("w", "k")} == {"w": "2", "k": "30"}
    lesson.come_near(SECTION)
    assert "At lag 30 the vanilla gradient is 7.64 × 10⁻¹⁸" in lesson.words(section(SECTION))


def test_the_whole_page_is_drawn(lesson: Reader):
    lesson.come_near_everything()
    settings = settings_of(lesson)
    for one in SECTIONS:
        marks = lesson.evaluate(
            "(slug, chart) => [...document.querySelectorAll(`.st-key-section-${slug} ${chart}`)].map(chart => {"
            "  const { width, height } = chart.querySelector('svg.marks, canvas.marks').getBoundingClientRect();"
            "  return width > 150 && height > 100; })",
            one.slug, CHART,
        )  # fmt: skip
        assert len(marks) == len(one.plots_at(settings)), one.slug
        assert all(marks), one.slug
        assert one.title in lesson.words(f"{section(one.slug)} h2")
    equations = (
        "() => [...document.querySelectorAll('.katex-html')].filter(one => one.checkVisibility())"
        ".map(one => one.getBoundingClientRect().width)"
    )
    widths = lesson.evaluate(equations)
    assert len(widths) > 100
    assert min(widths) > 0
    fonts = "() => [...document.fonts].filter(font => font.status === 'loaded').map(font => font.family).join()"
    assert all(family in lesson.evaluate(fonts) for family in ("Source Sans", "Source Serif", "KaTeX"))
    assert not lesson.evaluate("() => document.scrollingElement.scrollWidth > innerWidth + 1")


# --- controls -----------------------------------------------------------------------------------------------


def test_a_key_on_a_slider_moves_figures_status_and_address(lesson: Reader):
    lesson.look_at_chart(SECTION)
    before, said = lesson.drawing(SECTION), lesson.words(STATUS)
    lesson.focus("w")
    lesson.press("ArrowRight")
    lesson.wait_for_query(w="2.25")
    assert lesson.value("w") == "2.25"
    assert lesson.drawing(SECTION) != before
    assert lesson.words(STATUS) != said
    assert BY_LAG.caption(settings_of(lesson)) in lesson.words(section(SECTION))


def test_the_figure_follows_the_thumb_while_it_is_held(lesson: Reader):
    name = "k"
    lesson.look_at_chart(SECTION)
    before, address = settings_of(lesson), lesson.query()
    x, y = lesson.grab(name)
    pictures = []
    for offset in (12, 24, 36, 48):
        value = lesson.value(name)
        lesson.engine.point(x + offset, y)
        for _ in moments("the slider does not follow the pointer"):
            if lesson.value(name) != value:
                break
        value = lesson.value(name)
        now = Settings(**{**vars(before), name: CONTROL[name].parse([value])[0]})
        lesson.wait_for(
            "(section, caption) => document.body.dataset.swept"
            " && document.querySelector(section).innerText.includes(caption)",
            section(SECTION), BY_LAG.caption(now),
            otherwise=f"no figure of a sweep comes for {name} = {value}",
        )  # fmt: skip
        lesson.settle(held=True)
        pictures.append(lesson.drawing(SECTION))
    assert all(one != other for one, other in itertools.pairwise(pictures))
    assert lesson.query() == address
    lesson.engine.up()
    lesson.wait_for_query(**{name: value})
    lesson.wait_for("() => !document.body.dataset.swept")
    assert lesson.drawing(SECTION) == pictures[-1]


def test_a_preset_moves_every_control_and_reset_takes_it_back(lesson: Reader):
    preset = next(preset for preset in PRESETS if preset.name == "Exploding")
    lesson.click(".st-key-presets summary")
    lesson.click(".st-key-presets button", preset.name)
    lesson.wait_for_query(act="identity", w=CONTROL["w"].text(preset.settings.w))
    assert settings_of(lesson) == preset.settings
    assert lesson.value("w") == CONTROL["w"].text(preset.settings.w)
    lesson.come_near(SECTION)
    assert BY_LAG.caption(preset.settings) in lesson.words(section(SECTION))
    lesson.click(".st-key-reset button")
    lesson.wait_for("() => !new URLSearchParams(location.search).has('act')")
    lesson.settle()
    assert settings_of(lesson) == Settings()


# --- inside a figure ----------------------------------------------------------------------------------------


CELL = """(title, chart, share) => {
    const map = [...document.querySelectorAll(chart)].find(one => one.ariaLabel === title);
    const cells = [...map.querySelectorAll(".mark-rect path")].filter(cell => cell.__data__?.datum?.lag);
    const cell = cells[Math.floor(share * cells.length)];
    const { x, y, width, height } = cell.getBoundingClientRect();
    const { parameter, lag } = cell.__data__.datum;
    return [[x + width / 2, y + height / 2], parameter, lag];
}"""


def test_a_map_draws_the_slice_under_the_pointer_and_a_press_sets_its_controls(lesson: Reader):
    lesson.look_at_chart(MAPS)
    place, w, lag = lesson.evaluate(CELL, VANILLA_MAP.title, CHART, 0.7)
    before = lesson.drawing(MAPS)
    lesson.engine.point(place[0] + 3, place[1])
    lesson.engine.point(*place)
    lesson.wait_for(
        "(section, chart) => [...document.querySelectorAll(`${section} ${chart} svg text`)]"
        ".some(text => text.textContent.includes('w = '))",
        section(MAPS), CHART,
    )  # fmt: skip
    assert lesson.drawing(MAPS) != before
    lesson.engine.down()
    lesson.engine.up()
    wanted = {name: CONTROL[name].parse([str(number)])[0] for name, number in (("w", w), ("k", lag))}
    lesson.wait_for_query(**{name: CONTROL[name].text(value) for name, value in wanted.items()})
    assert {name: lesson.value(name) for name in wanted} == {name: CONTROL[name].text(wanted[name]) for name in wanted}


# --- questions and folds ------------------------------------------------------------------------------------


def test_a_question_takes_an_answer_and_says_why(lesson: Reader):
    slug = SECTIONS[1].slug
    lesson.come_near(slug)
    asked = lesson.words(section(slug))
    lesson.click(f"{section(slug)} [data-testid=stRadioOption]")
    lesson.wait_for("(section, asked) => document.querySelector(section).innerText.length > asked", section(slug),
                    len(asked) + 20, otherwise="no reason is given")  # fmt: skip
    lesson.settle()


def test_folds_open_and_close(lesson: Reader):
    lesson.come_near(SECTION)
    fold = f"{section(SECTION)} [data-testid=stMarkdownContainer] details"
    for is_open in (True, False):
        lesson.click(f"{fold} summary")
        lesson.wait_for("(fold, is) => document.querySelector(fold).open === is", fold, is_open)
    lesson.click(f".st-key-take-{SECTION} summary")
    lesson.wait_for("slug => document.querySelector(`.st-key-take-${slug} code`)", SECTION)
    lesson.settle()


def test_the_contents_lead_to_a_section_by_keyboard(lesson: Reader):
    slug = SECTIONS[-1].slug
    lesson.evaluate("() => document.querySelector('.contents summary').focus()")
    lesson.press("Enter")
    lesson.wait_for("() => document.querySelector('.contents').open")
    lesson.press("Escape")
    lesson.wait_for("() => !document.querySelector('.contents').open")
    lesson.press("Enter")
    lesson.wait_for("() => document.querySelector('.contents').open")
    lesson.evaluate("slug => document.querySelector(`.contents a[href='#${slug}']`).focus()", slug)
    lesson.press("Enter")
    lesson.wait_for(
        """slug => {
            const { top, bottom } = document.getElementById(slug).getBoundingClientRect();
            const bar = document.querySelector(".st-key-status-bar").getBoundingClientRect().bottom;
            return top >= bar - 1 && bottom <= innerHeight && !document.querySelector(".contents").open;
        }""",
        slug,
    )


# --- files --------------------------------------------------------------------------------------------------


def test_the_notebook_and_the_data_hold_the_state(lesson: Reader):
    lesson.come_near(page_take.ANCHOR)
    settings = settings_of(lesson)
    notebook = nbformat.read(lesson.engine.saved(lambda: lesson.click(".st-key-take-notebook button")), as_version=4)
    nbformat.validate(notebook)
    (code,) = [cell.source for cell in notebook.cells if cell.source.startswith("# the page's settings")]
    namespace: dict = {}
    exec(code, namespace)
    assert {name: namespace[name] for name in CONTROL} == {name: vars(settings)[name] for name in CONTROL}

    archive = zipfile.ZipFile(lesson.engine.saved(lambda: lesson.click(".st-key-take-data button")))
    assert archive.testzip() is None
    assert any("figure-5-1" in name for name in archive.namelist())
    (note,) = [name for name in archive.namelist() if name.endswith("README.txt")]
    assert f"w = {CONTROL['w'].text(settings.w)}:" in archive.read(note).decode()


def test_nothing_has_gone_wrong_so_far(lesson: Reader):
    assert lesson.engine.errors() == []


def test_the_handout_opens_without_a_server(lesson: Reader):
    lesson.come_near(page_take.ANCHOR)
    handout = lesson.engine.saved(lambda: lesson.click(".st-key-take-handout button"))
    lesson.engine.open(handout.as_uri())
    lesson.wait_for(
        "() => { const charts = [...document.querySelectorAll('.chart')];"
        " return charts.length > 20 && charts.every(chart => chart.querySelector('svg.marks')); }",
        otherwise="not every chart of the handout is drawn",
    )
    lesson.evaluate("() => { document.querySelector('#figure-6-1').scrollIntoView({ block: 'center' }); }")
    before = lesson.evaluate("() => document.querySelector('#figure-6-1').innerHTML")
    x, y = lesson.middle("#figure-6-1 .mark-rect")
    for step in (0, 3):  # still interactive: the slice under the pointer
        lesson.engine.point(x + step, y)
    lesson.wait_for("before => document.querySelector('#figure-6-1').innerHTML !== before", before)
    asked = lesson.evaluate("() => performance.getEntriesByType('resource').map(one => one.name)")
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    equations = "() => [...document.querySelectorAll('math')].map(one => one.getBoundingClientRect().width)"
    assert min(lesson.evaluate(equations)) > 0
