"""The line that stays in sight: what each cell does now, and the contents."""

from __future__ import annotations

import html
import re

import streamlit as st

from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import readings
from explainer.figures.sweep import Slice
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
    return (
        '<p role="status" aria-live="polite" class="status">'
        f'<span class="vanilla">vanilla</span> {html.escape(readings.verdict(vanilla))} '
        f'<span class="aside">·</span> <span class="gated">gated</span> {html.escape(readings.verdict(gated))} '
        f'<span class="aside">at k = {settings.k}</span></p>'
    )


def _slice(settings: Settings) -> Slice:
    return Slice((tuple(html.unescape(piece) for piece in re.split("<.*?>", _status(settings)) if piece.strip()),))


def _contents() -> str:
    """The way to every section, and how many questions the reader has answered, as Markdown."""
    lines = [f"{number}. [{section.title}](#{section.slug})" for number, section in enumerate(SECTIONS, 1)]
    answered = sum(section.slug in page_state().answers for section in SECTIONS)
    return (
        '<a class="route" href="#" role="button"><span>Short route: the lab\'s ten steps, without folds</span>'
        "<span>The whole lesson</span></a>\n\n"
        + "\n".join(lines)
        + "\n\n[Notation](#notation) · [References](#references)\n\n"
        f":small[Predictions made: {answered} of {len(SECTIONS)}.]"
    )


def _fold_of_contents(contents: str) -> None:
    """The browser's own fold: unlike Streamlit's popovers, it lets the keyboard in."""
    fold = (
        '<a class="step previous" href="#" aria-label="Previous section">↑</a>'
        '<a class="step next" href="#" aria-label="Next section">↓</a>'
        f'<details class="contents"><summary>Contents</summary><div>\n\n{contents}\n\n</div></details>'
    )
    st.markdown(fold, unsafe_allow_html=True, width="content")
