"""What a moved control makes the page do: the parts that change are computed and sent again, and nothing else is."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from explainer.choices.controls import BOTH, CONTROLS, FORMATS, GATED, VANILLA, Control
from explainer.choices.settings import Settings
from explainer.figures.figure import figures_computed
from explainer.lesson import SECTIONS
from explainer.lesson.opening import FIGURE
from explainer.lesson.parts import Section, contents_computed
from explainer.page import layout
from explainer.page.opening import SLUG
from explainer.page.state import KEY
from tests.reader import PATIENCE_SECONDS, Reader, headings

QUICK = [control for control in CONTROLS if control.group in (BOTH, VANILLA, GATED, FORMATS)]
GATES_OWN = {"spread": "varying", "seed": "varying", "u": "state"}  # what moves nothing at another kind of gate


def opened(has_been_through: bool = True, **query: str) -> Reader:
    reader = Reader(has_been_through)
    for name, value in query.items():
        reader.query_params[name] = value
    reader.run()
    assert [problem.message for problem in reader.exception] == []
    return reader


def move(reader: Reader, name: str, value: object) -> None:
    (widget,) = [node for node in (*reader.sidebar, *reader.main) if getattr(node, "key", None) == name]
    widget.set_value(value).run()
    assert [problem.message for problem in reader.exception] == []


def neighbour(control: Control) -> object:
    place = control.values.index(control.default)
    return control.values[place + 1 if place + 1 < len(control.values) else place - 1]


def captions(reader: Reader) -> dict[str, str]:
    """The words of each figure, by the figure's name."""
    names = shown(reader.main)
    said = [node.value for node in reader.main.caption]
    opening = next(text for text in said if "is left of the vanilla cell's gradient" in text)
    return {FIGURE.title: opening} | {name: text for name in names for text in said if f". {name}.**" in text}


def shown(nodes) -> dict[str, dict[str, pa.Table]]:
    """The tables of the charts among these nodes, by the chart's name."""
    charts = [node.proto for node in nodes if node.type == "vega_lite_chart"]
    return {
        chart.alt: {one.name: pa.ipc.open_stream(one.data.data).read_all() for one in chart.datasets}
        for chart in charts
    }


# --- what is sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", QUICK, ids=lambda control: control.name)
def test_a_figure_is_sent_again_if_its_numbers_or_words_have_changed_and_only_then(control: Control):
    gate = GATES_OWN.get(control.name, "constant")
    reader = opened(gate=gate)
    before, words_before = shown(reader.main), captions(reader)
    assert set(words_before) == set(before)
    move(reader, control.name, neighbour(control))
    after, words, sent = shown(reader.main), captions(reader), shown(reader.sent)
    assert {name for name in after if (after[name], words[name]) != (before[name], words_before[name])} == set(sent)
    assert sent  # the control moves something
    assert len(sent) < len(after)  # and leaves something: the training at least


def test_what_a_control_sends_is_what_a_reader_sees_who_opens_its_link():
    moves = {"w": 1.2, "k": 30, "f": 0.99, "h0": -1.0, "act": "logistic", "gate": "state", "u": 2.0, "ls": 8}
    reader = opened()
    for name, value in moves.items():
        move(reader, name, value)
    other = opened(**{name: str(value) for name, value in moves.items()})
    assert shown(reader.main) == shown(other.main)
    said, read = (
        [node.value for node in page.main if node.type in {"markdown", "caption", "code"}] for page in (reader, other)
    )
    assert said == read
    assert [node.value for node in reader.sidebar.caption] == [node.value for node in other.sidebar.caption]


def test_no_prose_is_sent_twice():
    reader = opened()
    arguments = [layout.with_symbols(section.argument, section.slug) for section in SECTIONS]
    prose = {text.strip() for text in (*arguments, *(section.remember for section in SECTIONS))}

    def said() -> set[str]:
        said = [node.value for node in reader.sent if node.type == "markdown"]
        assert said
        return {text for text in prose if any(text in one for one in said)}

    assert said() == prose
    move(reader, "w", 1.1)
    assert said() == set()
    assert headings(reader.main)
    assert [node for node in reader.sent if node.type == "markdown" and "<h2" in node.value] == []


def test_a_control_that_moves_nothing_just_now_sends_no_figure():
    reader = opened(section="k-steps")
    move(reader, "spread", 2.0)  # the gate is constant
    assert shown(reader.sent) == {}
    assert any("spread=2" in node.value for node in reader.sent if node.type == "markdown")  # the way to the lesson


def test_an_answer_without_a_move_sends_no_figure():
    reader = opened()
    (radio,) = [node for node in reader.main if getattr(node, "key", None) == "answer-your-own-network"]
    radio.set_value(0).run()
    assert shown(reader.sent) == {}
    assert "Predictions made: 1 of" in "".join(node.value for node in reader.main.markdown)


# --- what is computed ---------------------------------------------------------------------------------------


def random_settings(count: int) -> list[Settings]:
    chance = random.Random(7)
    quick = {control.name for control in QUICK}
    return [
        Settings(**{one.name: chance.choice(one.values) for one in CONTROLS if one.name in quick}) for _ in range(count)
    ]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_a_section_depends_on_the_controls_that_it_names_and_on_no_other(section: Section):
    """Else the page would leave a part that has changed: it asks those sections alone that name the moved control."""
    for settings in random_settings(12):
        own = Settings(**{name: getattr(settings, name) for name in section.reads})
        assert section.question(settings) == section.question(own)
        assert section.figures_at(settings) == section.figures_at(own)
        said, says = section.receipt(settings), section.receipt(own)
        assert repr(said) == repr(says)  # NaN, a side that is undefined, is not equal to itself


def test_a_section_that_a_control_does_not_move_is_not_computed_again():
    reader = opened(k="37")
    before = contents_computed()
    move(reader, "ls", 8)
    assert contents_computed() - before == 1  # the number formats
    move(reader, "ls", 0)
    assert contents_computed() - before == 1  # known already
    unmoved = [section for section in SECTIONS if "w" not in section.moved_by]
    assert unmoved
    before = contents_computed()
    move(reader, "w", 1.11)
    assert contents_computed() - before == len(SECTIONS) - len(unmoved)


def test_a_move_neither_computes_nor_sends_a_section_that_nobody_has_come_near():
    reader = opened(has_been_through=False)
    first = {FIGURE.title, *(figure.title for figure in SECTIONS[0].figures_at(Settings()))}
    assert set(shown(reader.main)) == first
    before = contents_computed()
    move(reader, "k", 113)
    assert contents_computed() - before == 1
    assert set(shown(reader.sent)) == first


def test_how_many_figures_a_section_has_hangs_on_no_quick_control():
    """A control that changes their number has to draw the page anew."""
    numbers = {tuple(len(section.figures_at(settings)) for section in SECTIONS) for settings in random_settings(8)}
    assert len(numbers) == 1


def _a_part_that_holds_parts() -> None:
    import threading

    import streamlit as st

    from explainer.page import parts
    from explainer.page.state import Urgency

    def work() -> None:  # another reader's
        with parts.turns.turn(Urgency.OUT_OF_SIGHT):
            pass

    def show(_: object) -> None:
        other = threading.Thread(target=work, daemon=True)
        other.start()
        other.join(10)
        st.markdown("stands still" if other.is_alive() else "goes on")

    parts.begin(("one",))
    parts.add("whole", lambda _: None, show, holds_parts=True)
    parts.end()


def test_other_readers_go_on_while_a_part_that_holds_parts_is_drawn():
    run = AppTest.from_function(_a_part_that_holds_parts).run()
    assert [problem.message for problem in run.exception] == []
    assert [node.value for node in run.markdown] == ["goes on"]


def _a_press_that_is_overtaken() -> None:
    import streamlit as st

    from explainer.page import parts

    def show(key: str) -> None:
        if key in st.session_state.get("overtaken", ()):
            st.stop()  # as if the next message had ended this run here
        st.session_state.setdefault("drawn", []).append(key)
        st.button(key, key=f"press-{key}", on_click=parts.rerun, args=(key,))

    parts.begin(("one",))
    for key in ("first", "second", parts.ANSWER):
        parts.add(key, lambda _, key=key: key, show, moved_by=())
    parts.end()


def test_what_a_press_opens_is_drawn_although_the_next_press_overtakes_it():
    page = AppTest.from_function(_a_press_that_is_overtaken).run()
    first, second = page.button(key="press-first"), page.button(key="press-second")
    page.session_state["drawn"], page.session_state["overtaken"] = [], ["first"]
    first.click().run()
    assert page.session_state["drawn"] == []
    page.session_state["overtaken"] = []
    first.set_value(False)
    second.click().run()
    assert [problem.message for problem in page.exception] == []
    assert page.session_state["drawn"] == ["second", "first", "answer"]  # what has been pressed last is drawn first


def _a_fold_with_a_part_in_it() -> None:
    import streamlit as st

    from explainer.page import parts

    def fold(_: object) -> None:
        if st.session_state.get("open", True):
            parts.add("inside", lambda _: st.session_state.get("inside"), lambda _: None, moved_by=())

    def press() -> None:
        parts.page_state().late.add("inside")  # as a control leaves it
        st.session_state["inside"] = "something else"
        parts.rerun("fold")

    parts.begin(("one",))
    parts.add("button", lambda _: None, lambda _: st.button("Press", key="press", on_click=press), moved_by=())
    parts.add("fold", lambda _: None, fold, moved_by=(), holds_parts=True)
    parts.add(parts.ANSWER, lambda _: None, lambda _: None, moved_by=())
    parts.end()


def test_a_part_in_a_fold_that_has_been_closed_is_no_longer_asked_for():
    page = AppTest.from_function(_a_fold_with_a_part_in_it).run()
    button = page.button(key="press")
    button.click().run()
    assert page.session_state[KEY].shown["inside"] == "something else"
    page.session_state["open"] = False
    button.click().run()
    assert "inside" not in page.session_state[KEY].parts
    button.click().run()
    assert [problem.message for problem in page.exception] == []


def _a_part_that_fails(where: str) -> None:
    import streamlit as st

    from explainer.page import parts

    def fail(here: str) -> None:
        if st.session_state.get("fails") and here == where:
            raise ValueError("a fault of the page's")

    def show(_: object) -> None:
        fail("drawing")
        st.button("Press", key="press", on_click=press)

    def press() -> None:
        parts.page_state().late.add("failing")  # as a control leaves it
        parts.rerun("failing")

    parts.begin(("one",))
    parts.add("failing", lambda _: fail("content"), show, moved_by=())
    parts.add(parts.ANSWER, lambda _: None, lambda _: None, moved_by=())
    parts.end()


@pytest.mark.parametrize("where", ["content", "drawing"])
def test_a_part_that_fails_says_so_and_is_not_asked_for_again_and_again(where: str):
    page = AppTest.from_function(_a_part_that_fails, kwargs={"where": where}).run()
    page.session_state["fails"] = True
    page.button(key="press").click().run()
    assert len(page.exception) == 1
    assert page.session_state[KEY].late == set()


def _a_section_that_notes_who_computes(come_near: bool, trains: bool) -> None:
    import dataclasses
    import threading

    import streamlit as st

    from explainer.lesson import SECTIONS
    from explainer.page import parts, section

    def noting(compute):
        def note(*arguments):
            has_turn = parts.turns._owner == threading.get_ident()
            st.session_state.setdefault("noted", []).append(has_turn)
            return compute(*arguments)

        return note

    (real,) = [one for one in SECTIONS if one.slug == ("does-it-learn" if trains else "through-time")]
    plots = [dataclasses.replace(one, tables=noting(one.tables), caption=noting(one.caption)) for one in real.plots]
    own = dataclasses.replace(
        real, plots=tuple(plots), question=noting(real.question), receipt=noting(real.receipt), slug="own"
    )
    st.session_state["noted"] = []
    parts.begin(("a", "b", "c", "own"))
    if come_near:
        parts.page_state().near.add("own")
    section.draw(1, own)
    parts.end()


@pytest.mark.parametrize("trains", [False, True], ids=["networks", "training"])
def test_a_section_computes_in_a_turn_of_its_readers_and_nothing_before_the_reader_comes_near(trains: bool):
    def noted(come_near: bool) -> list[bool]:
        at = AppTest.from_function(
            _a_section_that_notes_who_computes,
            default_timeout=PATIENCE_SECONDS,
            kwargs={"come_near": come_near, "trains": trains},
        ).run()
        assert [problem.message for problem in at.exception] == []
        return at.session_state["noted"]

    assert noted(come_near=False) == []
    has_turn = noted(come_near=True)
    assert len(has_turn) >= 4  # tables, caption, question, receipt
    assert all(has_turn)


def test_an_open_fold_computes_no_figure_again():
    reader = opened(section="k-steps,two-steps", k="41")
    plots = [plot for section in SECTIONS if section.slug in ("k-steps", "two-steps") for plot in section.plots]
    before = figures_computed()
    for slug in ("k-steps", "two-steps"):
        reader.session_state[f"take-{slug}"] = True  # as if the reader had opened it
    reader.run()
    assert len([node for node in reader.main if node.type == "download_button"]) == len(plots)
    assert figures_computed() == before
    move(reader, "w", 1.07)
    assert figures_computed() - before == len(plots)


# --- what the browser has not heard of ----------------------------------------------------------------------


def put(reader: Reader, **values: object) -> None:
    """One message that says new values of several sliders."""
    for key, value in values.items():
        reader.select_slider(key=key).set_value(value)
    reader.run()


def state_of(reader: Reader) -> Settings:
    return reader.session_state[KEY].chosen


def test_a_value_from_before_the_server_has_put_a_slider_elsewhere_is_no_move():
    reader = opened()
    reader.hears = False
    reader.select_slider(key=f"{SLUG}-w").set_value(0.91).run()
    reader.select_slider(key=f"{SLUG}-w").set_value(0.92).run()
    for echo in (0.9, 0.91):  # what the sidebar's slider stood at before, and what it may have heard of
        put(reader, w=echo, k=51)
        assert (state_of(reader).w, state_of(reader).k) == (0.92, 51)
        assert reader.select_slider(key="w").value == 0.92
    reader.hears = True
    put(reader, w=0.9)
    assert state_of(reader).w == 0.9
    assert reader.select_slider(key=f"{SLUG}-w").value == 0.9


def test_a_new_value_is_a_move_also_before_the_browser_has_heard():
    reader = opened()
    reader.hears = False
    reader.select_slider(key=f"{SLUG}-w").set_value(0.91).run()
    put(reader, w=1.2)
    assert state_of(reader).w == 1.2


def test_a_put_that_comes_after_the_readers_move_does_not_undo_it():
    """A run that had begun before the move draws the slider where the server wanted it, and the browser says so."""
    reader = opened()
    reader.hears = False
    reader.select_slider(key=f"{SLUG}-w").set_value(0.91).run()
    put(reader, w=1.2)
    put(reader, w=1.3)
    put(reader, w=0.91, k=51)
    assert (state_of(reader).w, state_of(reader).k) == (1.3, 51)
    assert reader.select_slider(key="w").value == reader.select_slider(key=f"{SLUG}-w").value == 1.3


def test_a_put_that_is_drawn_again_may_come_after_the_browser_has_heard_of_the_first_drawing():
    reader = opened()
    reader.hears = False
    reader.select_slider(key=f"{SLUG}-w").set_value(0.91).run()
    first = reader.session_state[KEY].told
    put(reader, k=51)  # draws again what the browser has not heard of
    reader.session_state[KEY].heard = first
    put(reader, w=1.2)
    put(reader, w=0.91)
    assert state_of(reader).w == reader.select_slider(key="w").value == 1.2


def test_once_the_browser_has_heard_the_reader_can_go_back_to_where_the_server_had_put_a_slider():
    reader = opened()
    reader.hears = False
    reader.select_slider(key=f"{SLUG}-w").set_value(0.91).run()
    put(reader, w=1.2)
    reader.hears = True
    put(reader, k=51)
    put(reader, w=0.91)
    assert state_of(reader).w == reader.select_slider(key=f"{SLUG}-w").value == 0.91


def test_the_second_slider_says_the_old_value_again_and_moves_nothing():
    reader = opened()
    reader.hears = False
    put(reader, w=0.91)
    put(reader, k=51, **{f"{SLUG}-w": 0.9})
    assert (state_of(reader).w, state_of(reader).k) == (0.91, 51)


@pytest.mark.parametrize("overtaken", ["a run of some parts", "a run of the whole page"])
def test_a_press_that_overtakes_a_run_sets_its_control(overtaken: str):
    reader = opened()
    reader.hears = False
    put(reader, w=0.91)
    state = reader.session_state[KEY]
    if overtaken == "a run of some parts":
        state.drawn.clear()  # of the widgets that the server has put elsewhere
    else:
        state.is_whole = False
    reader.say("press", "pressed", {"turn": 1, "values": {"k": 42}, "sections": [SLUG]})
    assert (state_of(reader).w, state_of(reader).k) == (0.91, 42)
    assert reader.select_slider(key="k").value == 42
    assert reader.select_slider(key=f"{SLUG}-w").value == 0.91


# --- what a button opens ------------------------------------------------------------------------------------


def press_embed(reader: Reader) -> Reader:
    (button,) = [one for one in reader.button if one.key == "embed-k-steps"]
    return button.click().run()


def is_open(reader: Reader) -> tuple[bool, bool]:
    """Whether the code for embedding stands in a dialog, and in place."""
    in_place = reader.session_state[KEY].shown.get("in-place-embed-k-steps") is not None
    return bool(reader._tree.get("dialog")), in_place


def test_a_press_opens_also_if_a_run_of_the_whole_page_comes_first():
    reader = opened()
    reader.session_state["take-k-steps"] = True
    reader.run()
    reader.session_state[KEY].is_whole = False
    assert is_open(press_embed(reader)) == (True, False)


def test_what_has_been_asked_for_before_the_frame_is_known_opens_in_place():
    reader = opened()
    reader.session_state["take-k-steps"] = True
    reader.run()
    press_embed(reader)
    reader.keep("live", "framed", {"isFramed": True})
    assert is_open(reader) == (False, True)
