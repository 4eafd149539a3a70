"""A prediction: the reader picks what a move will bring, the page makes the move, and the figures answer.

An answer belongs to the settings that it was given at. While these settings, or those after the move, are the present
ones, a press makes the move or takes it back. When the reader has gone on, the answer says so.
"""

from __future__ import annotations

import functools

import streamlit as st

from explainer.choices.keeping import MOST
from explainer.choices.settings import Settings
from explainer.figures.compare import differing, said
from explainer.figures.sweep import Slice
from explainer.languages import say
from explainer.lesson.parts import Asked, Prediction, Section, answer, contents
from explainer.page import memory, parts, values
from explainer.page.state import Answer, page_state

CONTENTS = "contents"  # the key of the part that says how many predictions have been made


def ask(section: Section) -> None:
    """Draw the question of a section, the answers to pick from, and what a reader who has picked is told."""
    show, swept = functools.partial(_show, section), functools.partial(_swept, section)
    content, given = functools.partial(_content, section), functools.partial(_given, section)
    key = memory.key_of_prediction(section.slug)
    parts.add(key, content, show, section.reads, section.slug, sweep=swept, variant=given)


def _given(section: Section) -> Answer | None:
    return page_state().answers.get(section.slug)


Shown = tuple[Asked, Answer | None, Prediction | None, Settings | None]


def _content(section: Section, settings: Settings) -> Shown:
    """What is asked; and of a reader who has answered the answer, what is told of it, and the present settings."""
    given = _given(section)
    if given is None:
        return contents(section, settings).asked, None, None, None
    told = answer(section, given.before)
    return told.asked, given, told, settings.only(section.reads)


def _show(section: Section, shown: Shown) -> None:
    asked, given, told, now = shown
    slug = section.slug
    st.markdown(f"**{say('Before you look.')}** {asked.question}")
    key = f"answer-{slug}"
    if given:
        values.draw_at(key, given.chosen, memory.key_of_prediction(slug))
    else:
        values.take(key)
    st.radio(
        say("Your prediction"),
        range(len(asked.options)),
        index=None,
        format_func=asked.options.__getitem__,
        key=key,
        label_visibility="collapsed",
        on_change=_picked,
        args=(section, key),
    )
    with st.container(key=f"move-{slug}", horizontal=True):
        if given:
            _way_back(section, asked, given, now)
        else:
            st.button(
                say("Show me"),
                icon=":material/visibility:",
                key=f"show-{slug}",
                on_click=_answered,
                args=(section, None),
            )
    slot = st.empty()  # also without an answer, so that the figures keep their position
    if given:
        slot.markdown(f"{_told(told, given.chosen)}{_moved_on(section, asked, given, now)}")


def _swept(section: Section, settings: Settings) -> Slice:
    if _given(section):  # what is told stays while a slider moves
        return Slice()
    asked = section.asked(settings)
    return Slice(((asked.question,), *((option,) for option in asked.options)))


# --- what is told -------------------------------------------------------------------------------------------


def _told(prediction: Prediction, chosen: int | None) -> str:
    """What a reader who has picked this option is told, as Markdown."""
    if prediction.right is None:
        return prediction.options[chosen or 0].told
    right = prediction.options[prediction.right]
    if chosen is None:
        return f":material/visibility: **{right.text}.** {right.told}"
    told = prediction.options[chosen].told
    if chosen == prediction.right:
        return f":material/check: **{say('Yes.')}** {told}"
    it_is = say("It is “{answer}”.", answer=right.text)
    return f":material/close: **{say('No.')}** {it_is} {told}"


def _moved_on(section: Section, asked: Asked, given: Answer, now: Settings) -> str:
    """That the settings are no longer those of the answer, nor those after its move, as Markdown; or nothing."""
    if now in (given.before, asked.after(given.before)):
        return ""
    unlike = differing(given.before, now, section.reads)
    asked_at = said(given.before, unlike)
    return f" *{say('This was asked at {settings}; the settings have moved on since.', settings=asked_at)}*"


# --- the move -----------------------------------------------------------------------------------------------


def _way_back(section: Section, asked: Asked, given: Answer, now: Settings) -> None:
    """The buttons of a reader who has answered."""
    slug = section.slug
    if _can_move(asked):
        if now == asked.after(given.before):
            st.button(
                say("Take the move back"),
                icon=":material/undo:",
                key=f"back-{slug}",
                on_click=_take_back,
                args=(section,),
            )
        elif now == given.before:
            st.button(say("Make the move"), icon=":material/redo:", key=f"make-{slug}", on_click=_make, args=(section,))
    st.button(say("Ask me again"), icon=":material/replay:", key=f"again-{slug}", on_click=_forget, args=(section,))


def _can_move(asked: Asked) -> bool:
    """Whether there is a move whose controls are all on the page."""
    return asked.move is not None and {name for name, _ in asked.move.changes} <= set(page_state().controls)


def _picked(section: Section, key: str) -> None:
    if values.is_echo(key):
        return
    chosen = st.session_state[key]
    given = _given(section)
    if given is None:
        _answered(section, chosen)
    elif chosen is not None:
        page_state().answers[section.slug] = Answer(given.before, chosen)
        _rerun(section)


def _answered(section: Section, chosen: int | None) -> None:
    """Take the reader's answer, and make the move."""
    state = page_state()
    state.answers[section.slug], state.recalls = Answer(state.chosen.only(section.reads), chosen), True
    _make(section)


def _make(section: Section) -> None:
    """Make the move; a figure over the lag keeps the curve from before."""
    chosen = page_state().chosen
    asked = section.asked(chosen)
    if not _can_move(asked):
        _rerun(section)
    kept = chosen.kept
    if any(plot.compares for plot in section.plots):
        kept = (*[one for one in kept if one != chosen.with_kept(())][: MOST - 1], chosen)
    parts.set_kept(kept, dict(asked.move.changes), *_keys(section))


def _take_back(section: Section) -> None:
    """Put the controls back to where they were before the move, and let go of the curve from before."""
    before, chosen = _given(section).before, page_state().chosen
    asked = section.asked(before)
    kept = [one for one in chosen.kept if one.only(section.reads) != before]
    parts.set_kept(kept, asked.move.back(before), *_keys(section))


def _forget(section: Section) -> None:
    """Forget the answer: the question is asked at the present settings."""
    page_state().answers.pop(section.slug)
    values.put(f"answer-{section.slug}", None, memory.key_of_prediction(section.slug))
    _rerun(section)


def _keys(section: Section) -> tuple[str, ...]:
    return memory.key_of_prediction(section.slug), CONTENTS, memory.KEY


def _rerun(section: Section) -> None:
    parts.rerun(*_keys(section))
