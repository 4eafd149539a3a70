"""A press in a figure, or a drag of its grip, sets controls: the same state as with the sliders, which follow.

An invisible component says what lies under the pointer. It waits for the answer before it says the next, and skips what
the pointer has passed meanwhile; :mod:`explainer.page.live` tells it of answers. While a grip is dragged the figures
follow from a sweep where there is one (:mod:`explainer.page.sweep`); then the server hears of it when it is let go.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL, Number
from explainer.choices.kinds import is_finite
from explainer.languages import say
from explainer.lesson import SECTIONS
from explainer.lesson.opening import FIGURE
from explainer.page import parts
from explainer.page.state import page_state

KEY = "press"
_SCRIPT = Path(__file__).with_name("press.js").read_text(encoding="utf-8")
_PLOTS = (FIGURE, *(plot for section in SECTIONS for plot in section.plots))
_HANDS = {plot.title: plot.hand for plot in _PLOTS if plot.hand}

_component = st.components.v2.component("explainer.press", js=_SCRIPT)


def listen() -> None:
    """Add the component to the end of the page, if there is a control for it to set."""
    parts.add(KEY, lambda _: None, _add, moved_by=())


def _add(_: None) -> None:
    on_the_page = set(page_state().controls)
    hands = {
        say(title): dataclasses.asdict(hand) for title, hand in _HANDS.items() if on_the_page.issuperset(hand.controls)
    }
    _component(key=KEY, data={"hands": hands}, on_pressed_change=_pressed, height=0)


def _pressed() -> None:
    said = st.session_state.get(KEY)
    message = said.get("pressed") if said else None
    if not isinstance(message, dict):
        return
    turn, values, named = message.get("turn"), message.get("values"), message.get("sections")
    page_state().pressed = turn if isinstance(turn, int) else 0
    chosen = {
        name: CONTROL[name].nearest(number)
        for name, number in (values.items() if isinstance(values, dict) else ())
        if name in page_state().controls and isinstance(CONTROL[name], Number) and is_finite(number)
    }
    if isinstance(named, list):
        parts.remember_in_sight([slug for slug in page_state().sections if slug in named])
    parts.set_moved(chosen)
