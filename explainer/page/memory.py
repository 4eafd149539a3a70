"""The reader's answers to the predictions, kept in the browser so that they survive a reload; the server keeps nothing.

An invisible component hands them to the browser, which stores them, and hands back what it has stored when a session
begins. What comes back is checked as a link is: anybody can write there.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.choices.settings import from_text
from explainer.lesson import SECTIONS
from explainer.page import parts
from explainer.page.state import Answer, page_state

KEY = "memory"
_SCRIPT = Path(__file__).with_name("memory.js").read_text(encoding="utf-8")
_component = st.components.v2.component("explainer.memory", js=_SCRIPT)


def key_of_prediction(slug: str) -> str:
    """The key of the part that asks for a section's prediction."""
    return f"prediction-{slug}"


def listen() -> None:
    """Add the component to the end of the page."""
    parts.add(KEY, lambda _: None, _answer, moved_by=())


def _answer(_: None) -> None:
    state = page_state()
    written = {
        slug: [one.before.spelled(), one.chosen] for slug, one in state.answers.items() if slug not in state.brought
    }
    _component(key=KEY, data={"recalls": state.recalls, "answers": written}, on_recalled_change=_recalled, height=0)


def _recalled() -> None:
    said, state = st.session_state.get(KEY), page_state()
    stored = said.get("recalled") if said else None
    state.recalls = True
    found = {
        section.slug: one
        for section in SECTIONS
        if isinstance(stored, dict) and (one := _read(stored.get(section.slug), section.slug))
    }
    state.answers = found | state.answers
    parts.rerun(*map(key_of_prediction, found), "contents", KEY)  # the browser hears that it has been heard


def _read(stored: object, slug: str) -> Answer | None:
    """A stored answer; None if it is none."""
    (section,) = [one for one in SECTIONS if one.slug == slug]
    match stored:
        case [str(text), int() | None as chosen] if not isinstance(chosen, bool):
            before = from_text(text)
            if before is not None and before == before.only(section.reads):
                options = section.asked(before).options
                if chosen is None or 0 <= chosen < len(options):
                    return Answer(before, chosen)
    return None
