"""Work that takes longer than a reader waits: begun by a button, watched while it runs, stopped by another."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure
from explainer.lesson.parts import Section
from explainer.serving import jobs

WATCH_EVERY = 0.7  # seconds between two looks at work that runs


def panel(section: Section, settings: Settings, show: Callable[[tuple[Figure, ...]], None]) -> None:
    """The buttons, the progress, the figures as far as the work has got, and its outcomes when it is done."""
    slug, plan = section.slug, section.work.plan(settings)
    asked, ticket = st.session_state.get(_key(slug), (None, None))
    if ticket is not None and asked != plan:  # the reader has moved on; the figures below belong to the new plan
        ticket.leave()
        st.session_state[_key(slug)] = (None, None)
        ticket = None
    watching = ticket is not None and not ticket.poll().over
    st.fragment(_watch, run_every=WATCH_EVERY if watching else None)(section, plan, settings, show, watching)


def _key(slug: str) -> str:
    return f"ticket-{slug}"


def _begin(section: Section, plan: object) -> None:
    st.session_state[_key(section.slug)] = (plan, section.work.start(plan))
    st.rerun()  # the whole page: to look at this part again and again from now on


def _stop(slug: str) -> None:
    st.session_state[_key(slug)][1].leave()


def _watch(
    section: Section,
    plan: object,
    settings: Settings,
    show: Callable[[tuple[Figure, ...]], None],
    watching: bool,
) -> None:
    slug = section.slug
    _, ticket = st.session_state.get(_key(slug), (None, None))
    status = ticket.poll() if ticket is not None else None
    under_way = status is not None and not status.over
    if under_way != watching:
        st.rerun()  # the whole page: as in _begin, or to look no more
    known = section.work.known(plan)
    result = known if known is not None else status.value if status is not None else None
    with st.container(horizontal=True, vertical_alignment="center", key=f"work-{slug}"):
        st.button(
            section.work.title,
            icon=":material/play_arrow:",
            key=f"train-{slug}",
            disabled=under_way or known is not None,
            on_click=_begin,
            args=(section, plan),
        )
        st.button(
            "Stop", icon=":material/stop:", key=f"stop-{slug}", disabled=not under_way, on_click=_stop, args=(slug,)
        )
    fraction = 1.0 if known is not None else result.fraction if result is not None else 0.0
    st.progress(fraction, text=_progress_words(status, known is not None))
    show(section.figures_of(settings, result))
    table = st.empty()
    if result is not None and result.complete:
        table.markdown(section.work.outcomes(result))


def _progress_words(status: jobs.Status | None, is_known: bool) -> str:
    if is_known:
        return "Done. The result is kept: the same choice again costs nothing."
    if status is None:
        return "Not begun."
    if status.state == jobs.WAITING:
        return f"In line behind {words.others(status.ahead)}."
    if status.state == jobs.STOPPED:
        return "Stopped. What was reached stays in the figures."
    if status.remaining is None:
        return "Beginning …"
    return f"About {words.seconds(status.remaining)} to go."
