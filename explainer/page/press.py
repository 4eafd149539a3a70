"""A press in a figure sets the controls that its axes stand for: the same state as with the sliders, which follow.

An invisible component says what lies under the pointer. It waits for the answer before it says the next, and skips what
the pointer has passed meanwhile.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.lesson import SECTIONS
from explainer.page import parts
from explainer.page.state import page_state

KEY = "press"
_SCRIPT = Path(__file__).with_name("press.js").read_text(encoding="utf-8")
_PRESSES = {plot.title: dict(plot.presses) for section in SECTIONS for plot in section.plots if plot.presses}

_component = st.components.v2.component("explainer.press", js=_SCRIPT)


def listen() -> None:
    """Add the component to the end of the page, if there is a control for it to set."""
    parts.add(KEY, lambda _: page_state().pressed, _answer, moved_by=())


def _answer(turn: int) -> None:
    on_the_page = page_state().controls
    presses = {title: fields for title, fields in _PRESSES.items() if set(fields.values()) <= set(on_the_page)}
    _component(key=KEY, data={"presses": presses, "turn": turn}, on_pressed_change=_pressed, height=0)


def _pressed() -> None:
    said = st.session_state.get(KEY)
    message = said.get("pressed") if said else None
    if not isinstance(message, dict):
        return
    turn, values = message.get("turn"), message.get("values")
    page_state().pressed = turn if isinstance(turn, int) else 0
    chosen = {
        name: CONTROL[name].parse([text])[0]
        for name, text in (values.items() if isinstance(values, dict) else ())
        if name in page_state().controls and isinstance(text, str)
    }
    parts.set_moved(chosen, KEY)
