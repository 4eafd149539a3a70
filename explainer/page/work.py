"""Work that takes longer than a reader waits: a button begins it, the page follows it, another button stops it."""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure
from explainer.languages import say
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.page import parts, second
from explainer.page.state import page_state
from explainer.serving import jobs
from explainer.serving.jobs import Ticket

WATCH_EVERY = 0.7  # seconds between two looks at work that runs

SLIDERS = {f"{section.slug}-{name}": name for section in SECTIONS if section.work for name in section.work.controls}
"""The controls of the sliders beside the buttons, by the sliders' keys."""


def panel(section: Section, settings: Settings, draw: Callable[[tuple[Figure, ...]], None]) -> None:
    """The buttons, the progress, the figures as far as the work has got, and its outcomes when it is done."""
    begun = page_state().work.get(section.slug)
    if begun and begun[0] != section.work.plan(settings):  # the reader has changed the plan
        begun[1].leave()
        del page_state().work[section.slug]
    if set(page_state().controls) >= set(CONTROL):  # elsewhere the controls stand above the section
        with st.container(key=f"controls-{section.slug}"):
            for name in section.work.controls:
                second.add(f"{section.slug}-{name}", name, section.slug)
    is_watched = _runs(_ticket(section))
    st.fragment(_watch, run_every=WATCH_EVERY if is_watched else None)(section, settings, draw, is_watched)


def _ticket(section: Section) -> Ticket | None:
    """Of the work that this reader has begun."""
    return page_state().work.get(section.slug, (None, None))[1]


def _runs(ticket: Ticket | None) -> bool:
    return ticket is not None and not ticket.poll().over


def _begin(section: Section, plan: object) -> None:
    page_state().work[section.slug] = (plan, section.work.start(plan))
    parts.rerun_the_page()  # which then looks at this part again and again


def _watch(section: Section, settings: Settings, draw: Callable[[tuple[Figure, ...]], None], is_watched: bool) -> None:
    ticket, plan = _ticket(section), section.work.plan(settings)
    status = ticket.poll() if ticket else None
    runs = status is not None and not status.over
    if runs != is_watched:
        parts.rerun_the_page()  # to begin or to end looking again and again
    known = section.work.known(plan)
    result = known if known is not None else status.value if status else None
    with st.container(horizontal=True, vertical_alignment="center", key=f"work-{section.slug}"):
        st.button(
            say("Go on") if status and status.state == jobs.STOPPED else say(section.work.title),
            icon=":material/play_arrow:",
            key=f"train-{section.slug}",
            disabled=runs or known is not None,
            on_click=_begin,
            args=(section, plan),
        )
        st.button(
            say("Stop"),
            icon=":material/stop:",
            key=f"stop-{section.slug}",
            disabled=not runs,
            on_click=ticket.leave if ticket else None,
        )
    fraction = 1.0 if known is not None else result.fraction if result is not None else 0.0
    st.progress(fraction, text=_progress_words(status, known is not None))
    verdict = section.work.verdict(result) if result is not None else say("Nothing is trained yet.")
    st.html(f'<p class="says">{html.escape(verdict)}</p>')
    with parts.turn():
        draw(section.figures_of(settings, result))
        slot = st.empty()
        if result is not None and result.complete:
            slot.markdown(section.work.outcomes(result))


def _progress_words(status: jobs.Status | None, is_known: bool) -> str:
    if is_known:
        return say("Done. The result is kept: the same choice again costs nothing.")
    if status is None:
        return say("Not begun.")
    if status.state == jobs.WAITING:
        return say("In line behind {others}.", others=words.others(status.ahead))
    if status.state == jobs.STOPPED:
        return say("Stopped. What was reached stays in the figures, and the training can go on from there.")
    if status.remaining is None:
        return say("Beginning …")
    return say("About {seconds} to go.", seconds=words.seconds(status.remaining))
