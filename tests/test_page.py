"""The page as Streamlit runs it, without a browser: every section, every control, every preset, every kind of link.

Streamlit's own test runner executes ``streamlit_app.py`` and keeps what the script sent. What a chart shows is
read from there, as the browser would get it, and compared with what the section computes at the same settings.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from explainer.choices.controls import CONTROL, CONTROLS, Choice, Control, Number, Several
from explainer.choices.presets import PRESETS, Preset
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.maths import gradients, training
from explainer.page import layout
from tests.reader import PATIENCE_SECONDS, Reader, headings

CANARY = "canary7f3a"  # stands in hostile links, and must not stand on the page

Path_ = tuple[int, ...]


# --- reading the page ---------------------------------------------------------------------------------------


def opened(query: Mapping[str, str | Sequence[str]] | None = None, has_been_through: bool = True) -> AppTest:
    """The page as a reader has it who follows a link with these parameters, and then perhaps goes through it."""
    at = Reader(has_been_through)
    for name, value in (query or {}).items():
        at.query_params[name] = value
    return ran(at.run())


def ran(at: AppTest) -> AppTest:
    """The same page, after making sure that the run has gone well."""
    assert [problem.message for problem in at.exception] == []
    assert [problem.value for problem in at.error] == []
    return at


def notes(at: AppTest) -> list[str]:
    """What the page remarks on the link."""
    return [note.value for note in itertools.chain(at.info, at.warning, at.success)]


def nodes(block, path: Path_ = ()) -> Iterator[tuple[Path_, object]]:
    """Every block and element below a block, in the order of the page, with its place."""
    left = [((*path, index), child) for index, child in reversed(block.children.items())]
    while left:
        path, node = left.pop()
        yield path, node
        if children := getattr(node, "children", None):
            left += [((*path, index), child) for index, child in reversed(children.items())]


def everything(at: AppTest) -> Iterator[tuple[Path_, object]]:
    yield from nodes(at.main, (0,))
    yield from nodes(at.sidebar, (1,))


def by_key(at: AppTest, key: str):
    """The one widget or container with this key."""
    (found,) = [node for _, node in everything(at) if getattr(node, "key", None) == key]
    return found


def below(block, kind: str) -> list:
    return [node for _, node in nodes(block) if node.type == kind]


def section_of(at: AppTest, section: Section):
    return by_key(at, f"section-{section.slug}")


def all_sections_of(at: AppTest) -> dict[str, Block]:
    """The blocks of all sections by their slugs, in the order of the lesson, found in one walk over the page."""
    found = [(node.key, node) for _, node in everything(at) if str(getattr(node, "key", "")).startswith("section-")]
    keys = {section.slug: f"section-{section.slug}" for section in SECTIONS}
    assert sorted(key for key, _ in found if key in keys.values()) == sorted(keys.values())  # each of them once
    return {slug: dict(found)[key] for slug, key in keys.items()}


def prediction_of(at: AppTest, section: Section):
    """The block with a section's question, its options and what a reader is told."""
    key = f"answer-{section.slug}"
    blocks = [node for _, node in nodes(section_of(at, section)) if hasattr(node, "children")]
    (found,) = [one for one in blocks if key in {getattr(child, "key", None) for child in one.children.values()}]
    return found


def charts(block) -> list:
    return [node.proto for node in below(block, "vega_lite_chart")]


def tables(chart) -> dict[str, pa.Table]:
    """A chart's datasets by name, as they go over the wire."""
    return {dataset.name: unpacked(dataset.data.data) for dataset in chart.datasets}


@functools.lru_cache(4096)
def unpacked(sent: bytes) -> pa.Table:
    return pa.ipc.open_stream(sent).read_all()


def numbers_by_section(at: AppTest) -> dict[str, list[dict[str, pa.Table]]]:
    return {slug: [tables(chart) for chart in charts(block)] for slug, block in all_sections_of(at).items()}


def settings_of(at: AppTest) -> Settings:
    """What the widgets say."""
    values = {control.name: at.session_state[control.name] for control in CONTROLS}
    return Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def drawings(at: AppTest) -> list[tuple[str, str]]:
    """Every chart's specification and accessible name."""
    return [(chart.spec, chart.alt) for chart in charts(at.main)]


def shape(at: AppTest) -> dict[Path_, str]:
    return {path: node.type for path, node in everything(at)}


def assert_same_shape(one: Mapping[Path_, str], other: Mapping[Path_, str]) -> None:
    """The same elements in the same places; what may be there or not has a place that is kept empty without it."""
    assert one.keys() == other.keys()
    moved = {path: (one[path], other[path]) for path in one if one[path] != other[path]}
    assert {path: kinds for path, kinds in moved.items() if "empty" not in kinds} == {}


def texts(at: AppTest) -> Iterator[str]:
    """What the page says in words."""
    for _, node in everything(at):
        if isinstance(value := getattr(node, "value", None), str):
            yield value
        yield from (said for said in (getattr(node, "label", None), getattr(node, "help", None)) if said)


def assert_engines_numbers(at: AppTest) -> None:
    """Each chart's tables are those that its section computes at the settings that the widgets show."""
    settings, blocks = settings_of(at), all_sections_of(at)
    for section in SECTIONS:
        figures, shown = section.figures_at(settings), charts(blocks[section.slug])
        assert [chart.alt for chart in shown] == [figure.title for figure in figures]
        for figure, chart in zip(figures, shown, strict=True):
            sent = tables(chart)
            assert list(sent) == list(figure.tables)
            for name, table in sent.items():
                assert table.equals(pa.table(figure.tables[name])), f"{figure.title}: {name}"


def assert_nothing_but_numbers(at: AppTest) -> None:
    """No NaN and no infinity is sent to be drawn (null is what a chart leaves out), and none is said."""
    for chart in charts(at.main):
        for name, table in tables(chart).items():
            for column in table.column_names:
                if pa.types.is_floating(table[column].type):
                    values = table[column].drop_null().to_numpy()
                    assert np.isfinite(values).all(), f"{chart.alt}: {name}.{column}"
    assert [text for text in texts(at) if says_what_is_no_number(text)] == []


@functools.lru_cache(16384)
def says_what_is_no_number(text: str) -> bool:
    """Whether there is a nan, an inf or, where a number could stand, a None; elsewhere "none" is a word of English."""
    return re.search(r"\b(nan|inf)\b|= ?None", text) is not None


@pytest.fixture(scope="module")
def untouched() -> AppTest:
    """The page at its defaults. Tests read it; none of them moves a control of it."""
    return opened()


# --- the lesson ---------------------------------------------------------------------------------------------


def test_the_sections_stand_in_order_and_the_references_close_the_page(untouched: AppTest):
    headers = headings(untouched.main)
    sections = [(one.slug, f"{number}. {one.title}") for number, one in enumerate(SECTIONS, 1)]
    first = headers.index(sections[0])
    assert headers[first : first + len(sections)] == sections
    assert headers[-1] == ("references", "References")
    anchors = [anchor for anchor, _ in headers]
    assert len(set(anchors)) == len(anchors)
    assert len(untouched.title) == 1


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_a_section_has_its_five_parts_in_order(untouched: AppTest, section: Section):
    slug, settings = section.slug, Settings()
    whole = section_of(untouched, section)
    order = [
        whole.children[0],
        by_key(untouched, f"answer-{slug}"),
        below(whole, "vega_lite_chart")[0],
        next(node for node in below(whole, "markdown") if "**Receipt**" in node.value),
        next(node for node in below(whole, "markdown") if "**What to remember.**" in node.value),
        *below(whole, "expander"),
    ]
    places = [next(path for path, node in nodes(whole) if node is part) for part in order]
    assert places == sorted(places)

    prediction = section.question(settings)
    assert by_key(untouched, f"answer-{slug}").options == [option.text for option in prediction.options]
    assert layout.with_symbols(section.argument, slug).strip() in order[0].value
    assert prediction.question in below(prediction_of(untouched, section), "markdown")[0].value
    assert section.receipt(settings).equation in order[3].value
    assert section.remember.strip() in order[4].value
    assert any(section.in_torch.strip() in node.value for node in below(whole, "markdown"))
    folded = re.findall(r"<details><summary>Look closer</summary>\n\n(.*)\n\n</details>", order[4].value, re.DOTALL)
    assert folded == [text.strip() for text in (section.look_closer,) if text]
    captions = [node.value for node in below(whole, "caption")]
    for figure in section.figures_at(settings):
        assert len([text for text in captions if figure.title in text and figure.caption in text]) == 1


def test_figures_are_numbered_by_section_without_gaps(untouched: AppTest):
    for number, section in enumerate(SECTIONS, 1):
        whole = section_of(untouched, section)
        labels = re.findall(r"\*\*(Figure \d+\.\d+)\. ", "\n".join(node.value for node in below(whole, "caption")))
        assert labels == [f"Figure {number}.{count}" for count in range(1, len(charts(whole)) + 1)]


def test_every_link_within_the_page_leads_somewhere(untouched: AppTest):
    anchors = {anchor for anchor, _ in headings(untouched.main)}
    links = [link for text in texts(untouched) for link in re.findall(r"\]\(#([^)]*)\)", text)]
    assert set(links) <= anchors
    assert set(links) >= {section.slug for section in SECTIONS}  # the table of contents


def test_the_page_leads_back_to_the_labs_notebook(untouched: AppTest):
    notebook = "https://github.com/umbcdata602/fall2020/blob/master/lab_gated_cell_state.ipynb"
    assert any(notebook in text for text in texts(untouched))


def test_every_chart_has_a_name_of_its_own(untouched: AppTest):
    names = [chart.alt for chart in charts(untouched.main)]
    assert all(names)
    assert len(set(names)) == len(names)


# --- the numbers --------------------------------------------------------------------------------------------


def test_the_tables_on_the_page_are_the_engines(untouched: AppTest):
    assert settings_of(untouched) == Settings()
    assert_engines_numbers(untouched)
    assert_nothing_but_numbers(untouched)


def test_the_central_chart_shows_the_gradients_of_the_readers_cells():
    settings = Settings(act="logistic", w=2.0, h0=0.5, k=30, gate="state", f=0.9, u=2.0)
    at = opened(settings.to_query())
    (section,) = [section for section in SECTIONS if section.slug == "k-steps"]
    shown = next(iter(tables(charts(section_of(at, section))[0]).values())).to_pylist()
    for cell, gradient in (("vanilla", gradients.vanilla(settings)), ("gated", gradients.gated(settings))):
        rows = sorted((row for row in shown if row["series"] == cell), key=lambda row: row["lag"])
        assert [row["lag"] for row in rows] == list(range(31))
        drawn = [row["log10_magnitude"] for row in rows]
        np.testing.assert_allclose(drawn, gradient.log10_magnitude, rtol=1e-12, atol=0)
        np.testing.assert_array_equal([row["gradient"] for row in rows], gradient.gradient)
    # from 60-digit arithmetic
    (farthest,) = [row["gradient"] for row in shown if row["series"] == "vanilla" and row["lag"] == 30]
    np.testing.assert_allclose(farthest, 7.6358986554203686e-18, rtol=1e-9, atol=0)


# --- the controls -------------------------------------------------------------------------------------------


def in_widget(control: Control, value: object) -> object:
    """A control's value as its widget holds it."""
    return list(value) if isinstance(control, Several) else value


def other_values(control: Control) -> Iterator[object]:
    """Values besides the default: near it first, then far."""
    if isinstance(control, Several):
        yield control.values
        yield from ((value,) for value in control.values)
        return
    place = control.values.index(control.default)
    near = [control.values[i] for i in (place + 1, place - 1) if 0 <= i < len(control.values)]
    rest = control.values if isinstance(control, Choice) else (control.values[0], control.values[-1])
    yield from dict.fromkeys(value for value in (*near, *rest) if value != control.default)


# A control that belongs to one kind of gate moves nothing while there is another kind.
SITUATIONS: tuple[dict, ...] = ({}, {"gate": "varying"}, {"gate": "state"})


@dataclasses.dataclass(frozen=True)
class Situation:
    """A page on which one control after another is moved and put back, and the numbers that it opened with."""

    at: AppTest
    numbers: dict[str, list[dict[str, pa.Table]]]


@pytest.fixture(scope="module")
def situations() -> dict[int, Situation]:
    """The situations that have been opened. Whoever moves something takes one out, and puts it back as it was."""
    return {}


def taken(situations: dict[int, Situation], number: int) -> Situation:
    """A page in this situation, opened if nobody has, or if whoever had it has failed to put it back."""
    if number in situations:
        return situations.pop(number)
    at = opened({name: str(value) for name, value in SITUATIONS[number].items()})
    return Situation(at, numbers_by_section(at))


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_moves_just_the_sections_that_it_says(
    untouched: AppTest, situations: dict[int, Situation], control: Control
):
    declared = {section.slug for section in SECTIONS if control.name in section.moved_by}
    planned = {section: section.work.plan(Settings()) for section in SECTIONS if section.work}
    still, moved = drawings(untouched), set()
    for number, situation in enumerate(SITUATIONS):
        if moved == declared:
            break
        here = taken(situations, number)
        at, before = here.at, here.numbers
        for value in other_values(control):
            if moved == declared:
                break
            ran(by_key(at, control.name).set_value(in_widget(control, value)).run())
            assert settings_of(at) == Settings(**{**situation, control.name: value})
            if isinstance(control, Several):  # shows fewer or more of the same drawings
                assert {drawing for drawing, _ in drawings(at)} == {drawing for drawing, _ in still}
            else:
                assert drawings(at) == still
            after = numbers_by_section(at)
            moved |= {slug for slug in after if after[slug] != before[slug]}
            # work that nobody has begun shows no numbers yet; what moves is what it would compute
            moved |= {one.slug for one, plan in planned.items() if one.work.plan(settings_of(at)) != plan}
            assert moved <= declared
        base = Settings(**situation)
        if getattr(base, control.name) is None:
            continue  # to Streamlit's test runner None means that a widget is left as it stands
        ran(by_key(at, control.name).set_value(in_widget(control, getattr(base, control.name))).run())
        assert settings_of(at) == base
        assert numbers_by_section(at) == before
        situations[number] = here
    assert declared
    assert moved == declared


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_is_bound_to_its_parameter_and_explains_itself(untouched: AppTest, control: Control):
    widget = by_key(untouched, control.name)
    assert widget.proto.query_param_key == control.name
    assert widget.label == control.label
    sidebar = [node for _, node in nodes(untouched.sidebar)]
    said = "\n".join(
        text
        for node in sidebar
        for text in (getattr(node, "help", None), getattr(node, "value", None) if node.type == "caption" else None)
        if text
    )
    assert control.help in said


def test_the_sidebar_says_which_forget_bias_a_gate_corresponds_to():
    at = opened({"f": "0.9"}, has_been_through=False)
    assert any("forget bias" in node.value and "2.2" in node.value for node in below(at.sidebar, "caption"))


@pytest.mark.parametrize(
    "control", [control for control in CONTROLS if isinstance(control, Several)], ids=lambda control: control.name
)
def test_a_reader_who_unselects_everything_still_has_a_page(control: Control):
    at = opened()
    ran(by_key(at, control.name).set_value([]).run())
    assert_nothing_but_numbers(at)


# --- presets and reset --------------------------------------------------------------------------------------


def press(at: AppTest, label: str) -> AppTest:
    (button,) = [node for node in below(at.sidebar, "button") if node.label == label]
    return ran(button.click().run())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_sets_its_state_and_reset_takes_it_back(untouched: AppTest, preset: Preset):
    # start from a state that no preset names, so that a preset has to set every control
    away = {"w": "-3", "h0": "0.25", "f": "0.2", "spread": "0.3", "seed": "7", "u": "-1", "k": "9"}
    at = opened(away)
    assert settings_of(at) not in {Settings(), preset.settings}
    press(at, preset.name)
    assert settings_of(at) == preset.settings
    assert drawings(at) == drawings(untouched)
    assert_same_shape(shape(at), shape(untouched))
    assert_engines_numbers(at)
    assert_nothing_but_numbers(at)

    press(at, "Reset everything")
    assert settings_of(at) == Settings()
    assert numbers_by_section(at) == numbers_by_section(untouched)


def test_one_undo_takes_a_preset_back():
    at = opened({"w": "-3", "k": "9"})
    before = settings_of(at)
    assert by_key(at, "preset-undo").proto.disabled
    press(at, PRESETS[3].name)
    assert settings_of(at) == PRESETS[3].settings
    press(at, "Undo")
    assert settings_of(at) == before
    assert by_key(at, "preset-undo").proto.disabled


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_link_opens_the_state_it_was_made_from(preset: Preset):
    at = opened(preset.settings.to_query(), has_been_through=False)  # what is drawn in the state, other tests see
    assert settings_of(at) == preset.settings
    assert notes(at) == []


# --- the corners --------------------------------------------------------------------------------------------


def corners() -> Iterator[Settings]:
    """Every pair of activation and gate, with all numbers at their first, at their last, or at 0 where they can.

    Each activation and each gate is seen at all three. With zeros the networks are not also as wide as they can be:
    they are that at the last, and a width changes nothing about a zero.
    """
    ends = (
        lambda control: control.values[0],
        lambda control: control.values[-1],
        lambda control: (
            0 if 0 in control.values else control.default if control.name in ("n", "d") else control.values[-1]
        ),
    )
    numbers = [control for control in CONTROLS if isinstance(control, Number)]
    for i, act in enumerate(CONTROL["act"].values):
        for j, gate in enumerate(CONTROL["gate"].values):
            end = ends[(i + j) % len(ends)]
            yield Settings(act=act, gate=gate, **{control.name: end(control) for control in numbers})
    # the fastest growth and decay that the page can show, and the gate that keeps everything
    yield Settings(act="identity", w=CONTROL["w"].values[-1], h0=0.01, k=200, f=1.0)
    yield Settings(act="logistic", w=0.05, h0=2.0, k=200, f=0.05)


@pytest.mark.parametrize(
    "settings", tuple(corners()), ids=lambda s: "-".join(text for texts in s.to_query().values() for text in texts)
)
def test_the_page_holds_in_the_corners(untouched: AppTest, settings: Settings):
    at = opened(settings.to_query())
    assert settings_of(at) == settings
    assert notes(at) == []
    assert drawings(at) == drawings(untouched)
    assert_same_shape(shape(at), shape(untouched))
    assert_engines_numbers(at)
    assert_nothing_but_numbers(at)


# --- predictions --------------------------------------------------------------------------------------------


def feedback(at: AppTest, section: Section) -> str:
    """What stands below the options of a section's prediction."""
    place = prediction_of(at, section)
    return "\n".join(node.value for node in below(place, "markdown")[1:])


def test_nothing_is_answered_before_the_reader_does(untouched: AppTest):
    for section in SECTIONS:
        assert by_key(untouched, f"answer-{section.slug}").value is None
        assert feedback(untouched, section) == ""


# --- walking a product, factor by factor --------------------------------------------------------------------


@pytest.mark.parametrize("section", [one for one in SECTIONS if one.plots[0].walk], ids=lambda section: section.slug)
def test_a_product_can_be_walked_one_factor_at_a_time(untouched: AppTest, section: Section):
    slug, settings = section.slug, Settings(k=5)
    stops = section.plots[0].walk(settings)
    at = opened(settings.to_query())
    elsewhere = {name: shown for name, shown in numbers_by_section(at).items() if name != slug}

    def assert_stands_at(step: int) -> None:
        said = [node.value for node in below(section_of(at, section), "caption")]
        assert len([text for text in said if f"**Step {step} of {len(stops)}.**" in text]) == 1
        expected = section.figures_at(settings)[0].tables
        if step:
            stop = stops[step - 1]
            assert any(stop.words in text for text in said)
            expected = {**expected, "walk": stop.marks}
        shown = tables(charts(section_of(at, section))[0])
        assert {name: table.equals(pa.table(expected[name])) for name, table in shown.items()} == dict.fromkeys(
            expected, True
        )
        assert by_key(at, f"walk-{slug}").value == step
        assert by_key(at, f"walk-{slug}-back").proto.disabled == (step == 0)
        assert by_key(at, f"walk-{slug}-next").proto.disabled == (step == len(stops))
        assert drawings(at) == drawings(untouched)
        assert_same_shape(shape(at), shape(untouched))
        assert_nothing_but_numbers(at)
        assert {name: shown for name, shown in numbers_by_section(at).items() if name != slug} == elsewhere

    assert_stands_at(0)
    for step in range(1, len(stops) + 1):
        ran(by_key(at, f"walk-{slug}-next").click().run())
        assert_stands_at(step)
    ran(by_key(at, f"walk-{slug}-back").click().run())
    assert_stands_at(len(stops) - 1)
    ran(by_key(at, f"walk-{slug}").set_value(1).run())
    assert_stands_at(1)
    marks = [stop.marks for stop in stops]
    assert all(one != other for one, other in itertools.pairwise(marks))

    # a shorter product, while the reader stands at the end of the longer one
    ran(by_key(at, f"walk-{slug}").set_value(len(stops)).run())
    ran(by_key(at, "k").set_value(1).run())
    shorter = len(section.plots[0].walk(Settings(k=1)))
    assert by_key(at, f"walk-{slug}").value <= shorter
    assert_nothing_but_numbers(at)


# --- work that takes longer than a reader waits --------------------------------------------------------------


LONG = tuple(section for section in SECTIONS if section.work)
SHORTEST = Settings(tk=CONTROL["tk"].values[0], tn=CONTROL["tn"].values[0])
LONGEST = Settings(tk=CONTROL["tk"].values[-1], tn=CONTROL["tn"].values[-1])


def until(at: AppTest, done: Callable[[], bool]) -> None:
    """Look at the page again and again, as the browser does while work runs, until something is so.

    Each look reruns the whole page and takes its time from the work, so the looks become rarer.
    """
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.1
    while not done():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(pause)
        pause = min(2 * pause, 1.6)
        ran(at.run())


@pytest.mark.parametrize("section", LONG[:1], ids=lambda section: section.slug)  # the same buttons in all of them
def test_long_work_is_done_on_demand_and_kept(untouched: AppTest, section: Section):
    slug, plan = section.slug, section.work.plan(SHORTEST)
    training.forget()  # another test may have done the same work
    at = opened(SHORTEST.to_query())
    assert section.work.known(plan) is None
    ran(by_key(at, f"answer-{slug}").set_value(0).run())
    assert "**" not in feedback(at, section)  # neither right nor wrong as long as nobody knows
    assert by_key(at, f"stop-{slug}").proto.disabled

    ran(by_key(at, f"train-{slug}").click().run())
    until(at, lambda: section.work.known(plan) is not None and by_key(at, f"stop-{slug}").proto.disabled)
    ran(at.run())
    assert_engines_numbers(at)
    assert_nothing_but_numbers(at)
    assert all(next(iter(tables(chart).values())).num_rows for chart in charts(section_of(at, section)))
    assert drawings(at) == drawings(untouched)
    assert_same_shape(shape(at), shape(untouched))
    outcomes = section.work.outcomes(section.work.known(plan))
    assert len([node for node in below(section_of(at, section), "markdown") if node.value == outcomes]) == 1
    assert section.question(SHORTEST).right is not None
    assert "**" in feedback(at, section)

    # the next reader who asks for the same has it at once
    other = opened(SHORTEST.to_query())
    assert numbers_by_section(other) == numbers_by_section(at)
    assert by_key(other, f"train-{slug}").proto.disabled


@pytest.mark.parametrize("section", LONG, ids=lambda section: section.slug)
def test_long_work_can_be_stopped_and_is_left_when_the_reader_moves_on(untouched: AppTest, section: Section):
    slug = section.slug
    at = opened(LONGEST.to_query())
    ran(by_key(at, f"train-{slug}").click().run())
    assert not by_key(at, f"stop-{slug}").proto.disabled
    assert by_key(at, f"train-{slug}").proto.disabled
    ran(by_key(at, f"stop-{slug}").click().run())
    until(at, lambda: by_key(at, f"stop-{slug}").proto.disabled)
    assert not by_key(at, f"train-{slug}").proto.disabled
    assert by_key(at, f"train-{slug}").label == "Go on"
    assert section.work.known(section.work.plan(LONGEST)) is None
    assert_same_shape(shape(at), shape(untouched))

    ran(by_key(at, f"train-{slug}").click().run())
    ran(by_key(at, "tk").set_value(CONTROL["tk"].default).run())
    assert by_key(at, f"stop-{slug}").proto.disabled
    assert_engines_numbers(at)
    assert_same_shape(shape(at), shape(untouched))


# --- links --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Link:
    """What a link says, what the page should make of it, and whether it should say so."""

    query: Mapping[str, str | list[str]]
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    noted: bool = True


LINKS = {
    "script as a number": Link({"w": f"<script>alert('{CANARY}')</script>"}),
    "script as a choice": Link({"act": f"<script>alert('{CANARY}')</script>"}),
    "markup in every control": Link({c.name: f'"><img src=x onerror={CANARY}>' for c in CONTROLS}),
    "Markdown": Link({"gate": f"[{CANARY}](javascript:alert(1)) :red[{CANARY}]", "k": f"**{CANARY}**"}),
    "LaTeX": Link({"h0": rf"$$\def\x{{\x\x}}\x \{CANARY}$$"}),
    "template": Link({"f": "{{" + CANARY + "}}", "u": "%s%n" + CANARY, "seed": "${" + CANARY + "}"}),
    "control characters": Link({"w": "1\x00\r\n\x1b[31m" + CANARY, "act": "\u202e" + CANARY}),
    "a lone surrogate's stand-in": Link({"w": "\ufffd" + CANARY}),
    "huge": Link({"w": CANARY * 20_000, "act": CANARY * 20_000}),
    "many digits": Link({"w": "0." + "9" * 5_000, "k": "1" * 5_000}),
    "not a number": Link({"w": "nan", "h0": "NaN", "f": "-nan", "k": "nan"}),
    "infinite": Link({"w": "inf", "h0": "-inf", "f": "Infinity", "k": "+inf"}),
    "beyond float64": Link({"w": "1e999", "h0": "-1e999", "k": "1e400"}),
    "out of range": Link({"w": "9", "h0": "-2.01", "k": "0", "f": "1.0001", "seed": "100"}),
    "negative": Link({"k": "-1", "f": "-0.5", "spread": "-1", "seed": "-1"}),
    "other notations": Link({"w": "0x1", "k": "5e", "f": "0,5", "h0": "1/2", "u": "²"}),
    "empty": Link({control.name: "" for control in CONTROLS}),
    "an empty choice": Link({"act": ""}),
    "an empty kind of gate": Link({"gate": ""}),
    "blank": Link({"w": " ", "act": " ", "k": "\t"}),
    "another case": Link({"act": "ReLU", "gate": "STATE"}, {"act": "relu", "gate": "state"}),
    "names in capitals": Link({"ACT": "logistic", "W": "2"}, {"act": "logistic", "w": 2.0}),
    "names in small letters": Link({"t": "30"}, {"T": 30}),
    "escaped twice": Link({"act": "logistic", "amp;w": "2", "amp;amp;k": "7"}, {"act": "logistic", "w": 2.0, "k": 7}),
    "two question marks": Link({"?w": "2"}, {"w": 2.0}),
    "in two spellings": Link({"w": "2", "W": "3", "amp;w": "4"}, {"w": 2.0}, noted=False),
    "a value that gives way, in another spelling": Link({"W": CANARY, "amp;f": "0.95004"}),
    "unknown choice": Link({"act": "softplus", "gate": "none"}),
    "the name of an attribute": Link({"act": "__class__", "gate": "default", "k": "__init__"}),
    "half a step": Link({"h0": "0.505"}, {"h0": 0.5}),
    "off the grid": Link(
        {"w": "0.913", "f": "0.95004", "k": "12.4", "h0": "-0.1251"}, {"w": 0.91, "k": 12, "h0": -0.13}
    ),
    "one good, one bad": Link({"w": "1.1", "f": CANARY}, {"w": 1.1}),
    "written otherwise": Link({"w": "1.10", "k": "1e2", "h0": "+.25"}, {"w": 1.1, "k": 100, "h0": 0.25}, noted=False),
    "minus zero": Link({"w": "-0", "h0": "-0.0"}, {"w": 0.0, "h0": 0.0}, noted=False),
    "the default, said": Link({"w": "0.9", "act": "tanh", "gate": "constant", "k": "50"}, noted=False),
    "unknown names": Link({CANARY: CANARY, "ww": "3", "act[]": "relu", "__proto__": CANARY}, noted=False),
    "the session's own names": Link(
        {"page-state": CANARY, "reset": "true", "answer-k-steps": "1", "status-bar": CANARY}, noted=False
    ),
    "embedded": Link({"embed": "true", "embed_options": "dark_theme", "w": "1.1"}, {"w": 1.1}, noted=False),
}


@pytest.mark.parametrize("link", tuple(LINKS.values()), ids=tuple(LINKS))
def test_any_link_leaves_a_working_page_and_a_kind_note(untouched: AppTest, link: Link):
    at = opened(link.query)
    assert settings_of(at) == Settings(**link.settings)
    assert len(notes(at)) == link.noted  # one note, however much there is to say
    assert_same_shape(shape(at), shape(untouched))
    assert drawings(at) == drawings(untouched)
    assert_engines_numbers(at)
    assert_nothing_but_numbers(at)

    # nothing of what the link says is repeated: not in words, not in a label, not in a number
    for path, node in everything(at):
        proto = getattr(node, "proto", None)
        if proto is not None:
            assert CANARY.encode() not in proto.SerializeToString(), f"{path}: {node.type}"
    odd = [text for value in link.query.values() for text in ([value] if isinstance(value, str) else value)]
    for note in notes(at):
        assert not any(text in note for text in odd if len(text) > 8)
        assert not re.search(r"error|invalid|illegal|wrong|traceback", note, re.IGNORECASE)

    # the note is gone at the next run, the state stays
    ran(at.run())
    assert notes(at) == []
    assert settings_of(at) == Settings(**link.settings)
    assert_same_shape(shape(at), shape(untouched))


@pytest.mark.parametrize(
    "texts_asked",
    [["1.1", "1.2"], ["1.1", CANARY], [CANARY, "1.1"], ["1.1", "1.1"], ["", ""], ["9"] * 200],
    ids=lambda asked: "-".join(asked)[:24] or "empty",
)
@pytest.mark.parametrize("also", [{}, {"act": ["relu", "logistic"], "gate": ["state", ""]}], ids=["w", "w, act, gate"])
def test_a_repeated_parameter_means_one_of_its_values_or_the_default(
    untouched: AppTest, texts_asked: list[str], also: dict
):
    at = opened({"w": texts_asked, **also})
    settings = settings_of(at)
    assert settings.w in {1.1, 1.2, Settings().w}
    assert settings.act in {"relu", "logistic", "tanh"}
    assert settings.gate in {"state", "constant"}
    # what is not taken over as it stands is not passed over in silence
    asked = {name: [value] if isinstance(value, str) else value for name, value in {"w": texts_asked, **also}.items()}
    taken = all(CONTROL[name].texts(getattr(settings, name))[0] in values for name, values in asked.items())
    assert taken or len(notes(at)) == 1
    assert len(notes(at)) <= 1
    assert_same_shape(shape(at), shape(untouched))
    assert_engines_numbers(at)
    for _, node in everything(at):
        if (proto := getattr(node, "proto", None)) is not None:
            assert CANARY.encode() not in proto.SerializeToString()


def test_a_page_after_a_bad_link_answers_to_its_controls():
    at = opened({"w": CANARY, "h0": "0.505"})
    ran(by_key(at, "w").set_value(1.2).run())
    assert settings_of(at) == Settings(w=1.2, h0=0.5)
    assert_engines_numbers(at)


# --- one shape, one set of drawings -------------------------------------------------------------------------


def test_every_drawing_is_valid_json_over_named_tables_only(untouched: AppTest):
    for chart in charts(untouched.main):
        drawing = json.loads(chart.spec)
        named = set(re.findall(r'"data": ?\{"name": ?"([^"]*)"\}', chart.spec))
        assert named == set(tables(chart)), chart.alt
        assert '"values": [{' not in chart.spec
        assert "datasets" not in drawing
