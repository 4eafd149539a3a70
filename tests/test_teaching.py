"""What the notes for teachers say: each number is computed here, each preset and section they name is there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from explainer import words
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings
from explainer.figures import networks
from explainer.lesson import SECTIONS
from explainer.maths import depth, gradients, number_formats
from explainer.maths.depth import Stack
from explainer.maths.gradients import gated, vanilla
from explainer.maths.paths import by_path
from explainer.maths.sentences import MAIN

NOTES = (Path(__file__).parents[1] / "docs" / "teaching.md").read_text(encoding="utf-8")
SLUGS = [section.slug for section in SECTIONS]


def part(heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    level = heading.split()[0]
    return re.split(rf"^{level} ", NOTES.partition(f"\n{heading}\n")[2], flags=re.MULTILINE)[0]


def tables(heading: str) -> list[list[str]]:
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


# --- the plans ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [20, 50, 90])
def test_a_plan_takes_its_time_and_names_sections_that_are_there(minutes: int):
    rows = tables(f"## {minutes} minutes")
    assert sum(int(row[0]) for row in rows) == minutes
    assert {slug for row in rows for slug in re.findall(r"`([a-z-]+)`", row[1])} <= set(SLUGS)


def test_every_preset_is_projected_at_some_time_and_no_other():
    named = {
        name.strip()
        for minutes in (20, 50, 90)
        for row in tables(f"## {minutes} minutes")
        for name in re.split(r", then | and (?=Dead)", row[3])
    }
    assert named - {"none", "as above"} == {preset.name for preset in PRESETS}


def test_every_sections_prediction_has_its_misconception():
    rows = tables("## The misconception behind each prediction")
    assert [int(row[0]) for row in rows] == list(range(1, len(SECTIONS) + 1))


# --- the exam -----------------------------------------------------------------------------------------------

_two = Settings(w=1.5, k=2)
_logistic = Settings(act="logistic", w=8.0, k=30)
_float16 = Settings(act="logistic", w=1.0, k=30)
_reading = Settings(gate="state", f=0.9, u=2.0, k=20)


def _number(value: float, digits: int = 3) -> str:
    return words.number(float(value), digits)


def _latest_lags() -> list[str]:
    shares = np.cumsum(networks.shares(Settings(n=16, T=100))["rnn"].fraction, axis=1)
    return [str(int(np.median((shares < 0.9).sum(axis=1) + 1)))]


def _bias(f: float) -> float:
    return Settings(f=f).forget_bias


def _half() -> list[str]:
    f = 0.5 ** (1 / 100)
    assert gated(Settings(f=f, k=100)).gradient[-1] == pytest.approx(0.5)
    return [_number(f, 4), _number(_bias(f))]


def _tenth() -> list[str]:
    f = 0.1 ** (1 / 30)
    assert gated(Settings(f=f, k=30)).gradient[-1] == pytest.approx(0.1)
    return [_number(f), _number(_bias(f))]


def _stack(kind: str) -> str:
    return words.magnitude(float(np.median(depth.by_depth(Stack(kind, 24, 16)).log10_norm[:, -1])))


# by section: the numbers that a question gives, and those that are computed, in the order of the text
EXAM: dict[str, tuple[list[str], Callable[[], list[str]]]] = {
    "through-time": (["16", "100"], _latest_lags),
    "one-recurrence": (
        ["0.9", "0.5", "50", "0", "1"],
        lambda: [_number(vanilla(Settings()).factor[-1]), _number(vanilla(Settings()).factor[0])],
    ),
    "one-step": (
        ["2", "0"],
        lambda: [_number(gradients.vanilla_derivative(Settings(act="logistic", w=2.0), [0.0]).gradient[0])],
    ),
    "two-steps": (
        ["1.5", "2", "0.5"],
        lambda: [*(_number(one) for one in vanilla(_two).factor[::-1]), _number(vanilla(_two).gradient[2])],
    ),
    "k-steps": (
        ["0.9", "0.5", "50"],
        lambda: [
            _number(0.9**50),
            _number(vanilla(Settings()).gradient[-1]),
            _number(vanilla(Settings()).gradient[-1] / 0.9**50),
        ],
    ),
    "vanish-or-explode": (
        ["8", "0.5", "30"],
        lambda: [words.magnitude(vanilla(_logistic).log10_magnitude[-1]), _number(vanilla(_logistic).factor[0])],
    ),
    "gated-state": (
        ["0.5", "0.95", "50"],
        lambda: [words.percent(gated(Settings()).state[0] / 0.5), _number(gated(Settings()).state[0])],
    ),
    "gate-steps": (["0.95", "2"], lambda: [_number(gated(Settings(k=2)).gradient[2], 4)]),
    "product-of-gates": (["100", "1"], _half),
    "many-paths": (
        ["2", "0.9", "0.5", "20"],
        lambda: [
            *(_number(getattr(by_path(_reading), name)[-1]) for name in ("whole", "direct", "around")),
            words.percent(by_path(_reading).direct[-1] / by_path(_reading).whole[-1]),
        ],
    ),
    "number-formats": (
        ["1", "0.5", "30", "0"],
        lambda: [
            str(number_formats.vanilla(_float16, "float16").zero_from),
            words.magnitude(vanilla(_float16).log10_magnitude[-1]),
        ],
    ),
    "does-it-learn": (
        ["0.5", "50"],
        lambda: [words.magnitude(gated(Settings(f=0.5, k=50)).log10_magnitude[-1])],
    ),
    "depth-is-time": (["24", "16", "1", "0"], lambda: [_stack("plain"), _stack("residual")]),
    "gates-without-a-squashed-state": (
        ["0.99", "1 %"],
        lambda: [str(gradients.horizon(gated(Settings(f=0.99, k=600))))],
    ),
    "remembering-on-purpose": (
        ["100", "1"],
        lambda: [
            str(round(math.exp(_bias(0.99)))),
            _number(_bias(0.99), 2),
            words.percent(gated(Settings(f=0.99, k=100)).gradient[-1]),
        ],
    ),
    "your-own-network": (["30", "10 %"], _tenth),
    "one-sentence": ([], lambda: [str(MAIN.lag), str(MAIN.lag), _number(0.5 ** (1 / MAIN.lag), 4)]),
}
NUMBER = r"\d+(?:\.\d+)?(?: × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+| %)?"


def test_there_is_a_question_for_each_section():
    assert re.findall(r"^### (.+)$", part("## An exam question for each section"), re.MULTILINE) == SLUGS
    assert list(EXAM) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_every_number_of_an_exam_question_is_given_or_computed(slug: str):
    text, (given, compute) = part(f"### {slug}"), EXAM[slug]
    assert text.count("**Question.**") == text.count("**Answer.**") == 1
    said, computed = re.findall(NUMBER, re.sub(r"float\d+", "", text)), compute()
    assert set(computed) <= set(said)
    assert [one for one in said if one not in given] == [one for one in computed if one not in given]


def test_the_misconceptions_numbers_are_so():
    assert 36 <= gradients.horizon(gated(Settings(f=0.9, k=100))) <= 60  # a few dozen steps
