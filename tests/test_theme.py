"""The theme is legible: WCAG 2.2 contrast of its colours in both themes, and Streamlit knows every option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from explainer.page.server import STYLESHEETS

ROOT = Path(__file__).parents[1]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]

TEXT, MARK = 4.5, 3.0  # WCAG 2.2, success criteria 1.4.3 (text, level AA) and 1.4.11 (graphical objects)
VERMILION, BLUE = "#D55E00", "#0072B2"

THEMES = ("light", "dark")
WORDS = ("textColor", "grayTextColor", "linkColor", "primaryColor", "orangeTextColor", "blueTextColor")


def relative_luminance(color: str) -> float:
    """Of ``#RRGGBB``, from 0 (black) to 1 (white), as WCAG 2.2 defines it."""

    def linear(channel: int) -> float:
        value = channel / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel) for channel in bytes.fromhex(color.removeprefix("#")))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white), as WCAG 2.2 defines it."""
    darker, lighter = sorted(map(relative_luminance, (color, other)))
    return (lighter + 0.05) / (darker + 0.05)


def color(theme: str, option: str) -> str:
    return THEME[theme].get(option, THEME.get(option))


def grounds(theme: str) -> dict[str, str]:
    """What text or a mark may stand on: the page, the sidebar, and the fields on each."""
    return {
        f"{part} {option}": colors[option]
        for part, colors in (("page", THEME[theme]), ("sidebar", THEME[theme]["sidebar"]))
        for option in ("backgroundColor", "secondaryBackgroundColor")
    }


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("#000000", "#FFFFFF", 21.0), ("#FFFFFF", "#FFFFFF", 1.0), ("#777777", "#FFFFFF", 4.478089)],
)
def test_the_contrast_is_that_of_wcag(first: str, second: str, ratio: float):
    assert contrast(first, second) == pytest.approx(ratio, rel=1e-6, abs=0)
    assert contrast(second, first) == contrast(first, second)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("theme", THEMES)
def test_words_are_legible(theme: str, word: str):
    ratios = {name: contrast(color(theme, word), ground) for name, ground in grounds(theme).items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio < TEXT} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_code_is_legible(theme: str):
    assert contrast(color(theme, "codeTextColor"), color(theme, "codeBackgroundColor")) >= TEXT


@pytest.mark.parametrize("mark", [VERMILION, BLUE])
@pytest.mark.parametrize("theme", THEMES)
def test_the_cells_marks_can_be_seen(theme: str, mark: str):
    ratios = {name: contrast(mark, ground) for name, ground in grounds(theme).items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio < MARK} == {}


@pytest.mark.parametrize("theme", THEMES)
def test_the_white_tick_in_a_checked_box_can_be_seen(theme: str):
    assert contrast("#FFFFFF", color(theme, "primaryColor")) >= MARK


@pytest.mark.parametrize("theme", THEMES)
def test_the_cells_have_the_same_marks_in_both_themes(theme: str):
    assert color(theme, "orangeColor") == VERMILION
    assert color(theme, "blueColor") == BLUE
    assert color(theme, "chartCategoricalColors")[:2] == [VERMILION, BLUE]


@pytest.mark.parametrize("theme", THEMES)
def test_what_belongs_to_the_page_has_no_cells_colour(theme: str):
    of_the_cells = {color(theme, option) for option in ("orangeTextColor", "blueTextColor", "orangeColor", "blueColor")}
    assert not of_the_cells & {color(theme, option) for option in ("primaryColor", "linkColor", "codeTextColor")}


@pytest.mark.parametrize("scale", ["chartSequentialColors", "chartDivergingColors"])
@pytest.mark.parametrize("theme", THEMES)
def test_a_colour_scale_has_the_ten_colours_that_streamlit_takes(theme: str, scale: str):
    assert len(set(color(theme, scale))) == 10


@pytest.mark.parametrize(("theme", "sign"), [("light", -1), ("dark", 1)])
def test_more_is_further_from_the_ground(theme: str, sign: int):
    luminances = [relative_luminance(one) for one in color(theme, "chartSequentialColors")]
    assert luminances == sorted(luminances, reverse=sign < 0)


def test_streamlit_knows_every_option():
    """An option that Streamlit does not know, or a value that it does not take, is only a line in its log."""
    shown = subprocess.run(
        [sys.executable, "-m", "streamlit", "config", "show"],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    complaints = [line for line in (shown.stdout + shown.stderr).splitlines() if "not a valid" in line.lower()]
    assert complaints == []
    assert shown.stderr == ""


def test_no_rule_asks_every_element_what_it_has():
    """A bare :has() is asked of every element at each change; with five of them a move took twice as long.

    What it asks for is an element of a class: a selector that fits every element, or asks where one stands, is asked
    again at each mark that a chart draws.
    """
    page = "".join(sheet.read_text(encoding="utf-8") for sheet in STYLESHEETS)
    assert re.findall(r"(?:^|[\s>+~,]):has\(.*", page, re.MULTILINE) == []
    asked = re.findall(r":has\((.*?)\)", page)
    assert asked
    assert [what for what in asked if not re.fullmatch(r"(> )?\.[\w-]+(\[open\])?", what)] == []
