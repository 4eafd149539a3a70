"""The line that stays in sight: what each cell does now, and the contents."""

from __future__ import annotations

import html
import re

import streamlit as st

from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import readings, style
from explainer.figures.sweep import Slice
from explainer.languages import say
from explainer.lesson import SECTIONS
from explainer.maths import gradients
from explainer.page import parts
from explainer.page.state import page_state


def bar() -> None:
    """What each cell does now, and the way to every section."""
    with st.container(key="status-bar", horizontal=True, vertical_alignment="center"):
        parts.add("status", _status, st.html, SCALAR, parts.EVERYWHERE, sweep=_slice)
        parts.add("contents", lambda _: _contents(), _fold_of_contents, moved_by=())


def _status(settings: Settings) -> str:
    """What each cell does now, as HTML."""
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    without, with_gate = html.escape(readings.verdict(vanilla)), html.escape(readings.verdict(gated))
    return (
        '<p role="status" aria-live="polite" class="status">'
        f'<span class="vanilla">{say(style.VANILLA)}</span> {without} '
        f'<span class="aside">·</span> <span class="gated">{say(style.GATED)}</span> {with_gate} '
        f'<span class="aside">{say("at k = {k}", k=settings.k)}</span></p>'
    )


def _slice(settings: Settings) -> Slice:
    return Slice((tuple(html.unescape(piece) for piece in re.split("<.*?>", _status(settings)) if piece.strip()),))


def _contents() -> str:
    """The way to every section, and how many questions the reader has answered, as Markdown."""
    lines = [f"{number}. [{say(section.title)}](#{section.slug})" for number, section in enumerate(SECTIONS, 1)]
    answered = sum(section.slug in page_state().answers for section in SECTIONS)
    short, whole = say("Short route: the lab's ten steps, without folds"), say("The whole lesson")
    return (
        f'<a class="route" href="#" role="button"><span>{short}</span><span>{whole}</span></a>\n\n'
        + "\n".join(lines)
        + f"\n\n[{say('Notation')}](#notation) · [{say('References')}](#references)\n\n"
        + f":small[{say('Predictions made: {answered} of {all}.', answered=answered, all=len(SECTIONS))}]"
    )


def _fold_of_contents(contents: str) -> None:
    """The browser's own fold: unlike Streamlit's popovers, it lets the keyboard in."""
    fold = (
        f'<a class="step previous" href="#" aria-label="{say("Previous section")}">↑</a>'
        f'<a class="step next" href="#" aria-label="{say("Next section")}">↓</a>'
        f'<details class="contents"><summary>{say("Contents")}</summary><div>\n\n{contents}\n\n</div></details>'
    )
    st.markdown(fold, unsafe_allow_html=True, width="content")
