"""An assignment on the page: its tasks beside the sections they belong to, and the hand-in at the end.

The link names the assignment. What a student answers is in the session and, by an invisible component, in the browser;
the server stores nothing.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable
from pathlib import Path

import streamlit as st

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.course import claims, hand_in, shelf
from explainer.course.claims import Standing
from explainer.course.hand_in import LONGEST_NAME, LONGEST_REASON, PredictionAnswer, StateAnswer, UnusableError
from explainer.course.tasks import DamagedError, PredictionTask, StateTask, Task
from explainer.figures.sweep import Slice
from explainer.languages import day_and_time, say, say_counted
from explainer.lesson import SECTIONS
from explainer.page import layout, parts, values
from explainer.page.state import Desk, page_state
from explainer.take import links
from explainer.take.links import View

KEY, HEAD, PANEL = "tasks-kept", "tasks-head", "hand-in"
_SCRIPT = Path(__file__).with_name("tasks.js").read_text(encoding="utf-8")
_NUMBERS = {section.slug: number for number, section in enumerate(SECTIONS, 1)}

_component = st.components.v2.component("explainer.tasks", js=_SCRIPT)


def _desk() -> Desk | None:
    """This student's desk, with the assignment as its file has it now; None where the link names no usable one.

    Raises:
        DamagedError: the file cannot be used.
    """
    state, asked = page_state(), st.query_params.get_all(links.TASKS)
    assignment = shelf.find(asked[-1].strip().lower()) if asked else None
    if assignment is None:
        state.desk = None
    elif state.desk is None or state.desk.assignment.name != assignment.name:
        state.desk = Desk(assignment, hand_in.begun(assignment))
    else:
        state.desk.assignment = assignment
    return state.desk


def head(view: View) -> None:
    """Read which assignment the link names. Draw its title, and the way to each task; or say why there is none."""
    asked = st.query_params.get_all(links.TASKS)
    if not asked:
        page_state().desk = None
        return
    try:
        desk = _desk()
    except DamagedError as error:
        page_state().desk = None
        said = say("This assignment cannot be used as it is. Tell who has set it: {error}", error=error)
        st.warning(said, icon=":material/assignment:")
        return
    if desk is None:
        known = "\n".join(f"- [{name}](?{links.asking(links.TASKS, name)})" for name in shelf.names())
        said = say("There is no assignment of this name. These are there:")
        st.info(f"{said}\n\n{known}", icon=":material/assignment:")
        return
    layout.text(say(desk.assignment.title), "assignment", say(desk.assignment.intro))
    parts.add(HEAD, lambda _: _list(desk, view), st.markdown, moved_by=())


def _list(desk: Desk, view: View) -> str:
    """The tasks in order, each with the way to it and what has become of it, as Markdown."""
    lines = []
    for number, task in enumerate(desk.assignment.tasks, 1):
        slug = task.section.slug
        title = say("Section {number}, {title}", number=_NUMBERS[slug], title=say(task.section.title))
        where = f"[{title}](#{slug})" if view.shows(slug) else say("{section}, not on this page", section=title)
        done = f":material/check: {say('answered')}" if task.name in desk.hand_in.answers else say("open")
        lines.append(f"{number}. {where}: {_kind(task)}, {words.counted(task.points, 'point')}, {done}")
    return "\n".join([*lines, "", say("At the end of the page: [Hand in](#hand-in).")])


def _kind(task: Task) -> str:
    return say("a state to find") if isinstance(task, StateTask) else say("a prediction")


# --- beside a section ---------------------------------------------------------------------------------------


def beside(slug: str) -> None:
    """Draw the tasks of a section."""
    desk = page_state().desk
    for number, task in enumerate(desk.assignment.tasks if desk else (), 1):
        if task.section.slug != slug:
            continue
        with st.container(border=True, key=f"task-box-{task.name}"):
            points, count = words.counted(task.points, "point"), len(desk.assignment.tasks)
            head = say("Task {number} of {count}, {points}.", number=number, count=count, points=points)
            st.markdown(f"**{head}** {say(task.text)}")
            if isinstance(task, StateTask):
                _add_state(desk, task)
            else:
                _add_prediction(desk, task)


def _changed(task: Task) -> None:
    """Rerun what an answer changes."""
    parts.rerun(f"task-{task.name}", HEAD, PANEL, KEY)


def _set_up(task: Task) -> None:
    parts.set_moved(values.of(task.at, page_state().controls))


def _set_up_button(task: Task, label: str) -> None:
    st.button(label, key=f"task-begin-{task.name}", icon=":material/tune:", on_click=_set_up, args=(task,))


def _add_state(desk: Desk, task: StateTask) -> None:
    def content(settings: Settings) -> tuple[str, bool, object]:
        standing = claims.standing(task, settings)
        return _standing_in_words(task, standing), standing.is_met, desk.hand_in.answers.get(task.name)

    def show(said_met_and_kept: tuple[str, bool, object]) -> None:
        said, is_met, kept = said_met_and_kept
        st.markdown(said)
        with st.container(horizontal=True, key=f"task-buttons-{task.name}"):
            _set_up_button(task, say("Set the controls as it begins"))
            st.button(
                say("Hand in this state"),
                key=f"task-keep-{task.name}",
                icon=":material/check:",
                disabled=not is_met,
                on_click=_keep,
                args=(desk, task),
            )
        slot = st.empty()
        if isinstance(kept, StateAnswer):
            answer = {"time": _clock(kept.at), "state": _state_in_words(kept), "reads": claims.in_words(task, kept)}
            slot.markdown(say("Your answer, {time}: {state}: {reads}.", **answer))

    def swept(settings: Settings) -> Slice:
        return Slice((words.pieces(_standing_in_words(task, claims.standing(task, settings))),))

    def variant() -> Hashable:  # two assignments may have tasks of one name
        return task.at, task.move, task.meets

    parts.add(f"task-{task.name}", content, show, task.reads, task.section.slug, sweep=swept, variant=variant)


def _standing_in_words(task: StateTask, standing: Standing) -> str:
    """What a student is told of the present state, as Markdown."""
    if standing.moved:
        controls = claims.controls_in_words(task.at, standing.moved)
        return f":material/info: {say('**Not yet.** The task asks for {controls}.', controls=controls)}"
    said = standing.said
    if standing.is_met:
        return f":material/check: {say('**Met.** Now {said}.', said=said)}"
    wanted = words.listed([one.wanted for one in task.meets])
    return f":material/close: {say('**Not met.** Now {said}; asked for: {wanted}.', said=said, wanted=wanted)}"


def _state_in_words(answer: StateAnswer) -> str:
    try:
        settings = hand_in.settings_of(answer.state)
    except UnusableError:  # what a browser has kept may have been written by anybody
        return say("a state that the page does not have")
    elsewhere = tuple(name for name in CONTROL if getattr(settings, name) != CONTROL[name].default)
    return claims.controls_in_words(settings, elsewhere) if elsewhere else say("every control at its default")


def _keep(desk: Desk, task: StateTask) -> None:
    answer = claims.state_answer(task, page_state().chosen)
    if answer is not None:  # the state may have moved on since the button was drawn
        desk.hand_in = desk.hand_in.with_answer(task.name, answer)
    _changed(task)


def _add_prediction(desk: Desk, task: PredictionTask) -> None:
    shown = tuple(name for name in CONTROL if getattr(task.at, name) != CONTROL[name].default)
    choice, why = f"task-choice-{task.name}", f"task-why-{task.name}"

    def show(answer_and_missing: tuple[PredictionAnswer | None, str]) -> None:
        answer, missing = answer_and_missing
        prediction = claims.asked(task)
        if shown:
            at = say("At {controls}, the rest at its default:", controls=claims.controls_in_words(task.at, shown))
        else:
            at = say("At every control at its default:")
        st.markdown(f"{at} {prediction.question}")
        if isinstance(answer, PredictionAnswer):
            st.markdown(_recorded(task, answer))
            _set_up_button(task, say("Look at this state"))
            return
        options = [option.text for option in prediction.options]
        with st.form(f"task-form-{task.name}", border=False):
            st.radio(
                say("Your prediction"), range(len(options)), index=None, format_func=options.__getitem__, key=choice
            )
            st.text_area(say("Why?"), key=why, max_chars=LONGEST_REASON, height=80)
            st.form_submit_button(
                say("Record this prediction, for good"), icon=":material/lock:", on_click=_predict, args=(desk, task)
            )
        slot = st.empty()
        if missing:
            slot.warning(missing)

    def content(_: Settings) -> tuple[PredictionAnswer | None, str]:
        return desk.hand_in.answers.get(task.name), desk.missing.get(task.name, "")

    parts.add(f"task-{task.name}", content, show, (), task.section.slug)


def _recorded(task: PredictionTask, answer: PredictionAnswer) -> str:
    """What a student is told once the prediction is made, as Markdown."""
    prediction = claims.asked(task)
    right = prediction.options[prediction.right]
    verdict = (
        f":material/check: **{say('Yes.')}**"
        if answer.chosen == prediction.right
        else f":material/close: **{say('It is “{answer}”.', answer=right.text)}**"
    )
    chosen = prediction.options[min(answer.chosen, len(prediction.options) - 1)]
    recorded = say("Recorded, {time}: “{option}”.", time=_clock(answer.at), option=claims.in_words(task, answer))
    return f"{recorded}\n\n{verdict} {chosen.told}"


def _predict(desk: Desk, task: PredictionTask) -> None:
    chosen = st.session_state.get(f"task-choice-{task.name}")
    why = hand_in.plain(st.session_state.get(f"task-why-{task.name}") or "", LONGEST_REASON)
    desk.missing.pop(task.name, None)
    if chosen is None or len(why.split()) < task.words:
        desk.missing[task.name] = say_counted(
            "Choose one, and give a reason of at least {count} word.",
            "Choose one, and give a reason of at least {count} words.",
            task.words,
        )
    else:
        desk.hand_in = desk.hand_in.with_answer(task.name, claims.prediction_answer(task, chosen, why))
    _changed(task)


def _clock(at: str) -> str:
    """A time of a hand-in for a reader: ``25 November, 09:30 UTC``."""
    return day_and_time(datetime.datetime.fromisoformat(at))


# --- the end ------------------------------------------------------------------------------------------------


def hand_in_panel() -> None:
    """Draw where a student hands in."""
    desk = page_state().desk
    if desk is None:
        return
    layout.text(
        say("Hand in"),
        PANEL,
        say(
            "Save the file and hand it in where your course asks for it. It holds your name, your states, your "
            "predictions as they were made, and the times. This browser keeps your answers; the server stores nothing."
        ),
    )
    parts.add(PANEL, lambda _: (desk.hand_in, desk.keeps), lambda _: _panel(desk), moved_by=())


def _panel(desk: Desk) -> None:
    made, assignment, key = desk.hand_in, desk.assignment, "student-name"
    if not desk.keeps:
        st.warning(say("This browser keeps nothing here: save the file before you leave the page."))
    values.draw_at(key, made.student, drawn_by=PANEL)
    st.text_input(say("Your name"), key=key, max_chars=LONGEST_NAME, on_change=_named, args=(desk, key))
    answered = sum(task.name in made.answers for task in assignment.tasks)
    tasks = words.counted(len(assignment.tasks), "task")
    st.markdown(say("{answered} of {tasks} answered.", answered=answered, tasks=tasks))
    slug = re.sub(r"[^a-z0-9]+", "-", made.student.lower()).strip("-") or "nameless"
    with st.container(horizontal=True, key="hand-in-buttons"):
        st.download_button(
            say("Save the hand-in"),
            lambda: hand_in.written(hand_in.saved(made)),
            f"{assignment.name}-{slug}.json",
            "application/json",
            key="hand-in-file",
            on_click="ignore",
            icon=":material/download:",
        )
        with st.popover(say("Forget my answers …")):
            st.markdown(say("For the next student at this computer. What has not been saved is lost."))
            st.button(say("Forget them"), key="hand-in-forget", on_click=_forget, args=(desk,))


def _named(desk: Desk, key: str) -> None:
    if not values.is_echo(key):
        desk.hand_in = desk.hand_in.named(hand_in.plain(st.session_state[key], LONGEST_NAME))
    parts.rerun(PANEL, KEY)


def _forget(desk: Desk) -> None:
    desk.hand_in, desk.missing = hand_in.begun(desk.assignment), {}
    parts.rerun_the_page()


# --- what the browser keeps ---------------------------------------------------------------------------------


def listen() -> None:
    """Add the component that keeps the answers to the end of the page, if there is an assignment."""
    desk = page_state().desk
    if desk is not None:
        parts.add(KEY, lambda _: (desk.hand_in, desk.heard, desk.turn), lambda _: _answer(desk), moved_by=())


def _answer(desk: Desk) -> None:
    _component(
        key=KEY,
        data={
            "key": f"explainer-hand-in-{desk.assignment.name}",
            "record": hand_in.written(desk.hand_in),
            "heard": desk.heard,
            "turn": desk.turn,
        },
        on_kept_change=_kept,
        height=0,
    )


def _kept() -> None:
    """The browser says what it has kept: it may be from before, from another tab, or from anybody."""
    said, desk = st.session_state.get(KEY), page_state().desk
    message = said.get("kept") if said else None
    if desk is None or not isinstance(message, dict):
        return
    desk.heard, desk.keeps, record = True, message.get("keeps") is not False, message.get("record")
    desk.turn += 1
    if isinstance(record, str) and record:
        try:
            kept = hand_in.read(record)
            if kept.assignment == desk.assignment.name:
                desk.hand_in = desk.hand_in.joined(kept)
        except UnusableError:
            pass  # the next answer takes its place
    parts.rerun(*(f"task-{task.name}" for task in desk.assignment.tasks), HEAD, PANEL, KEY)
