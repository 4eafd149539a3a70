"""A second widget of a control, where it is needed: whichever of the two is moved, the other follows.

The first one stands in the sidebar and is bound to the URL; the value is one.
"""

from __future__ import annotations

import functools

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.languages import say
from explainer.page import parts, values
from explainer.page.state import page_state


def add(key: str, name: str, section: str) -> None:
    """Add a second slider of a control to the page, here, as a part with this key."""
    # while a slider is dragged it stands where the pointer is, whatever the figures show
    parts.add(
        key,
        lambda _: getattr(page_state().chosen, name),
        functools.partial(_slider, key, name),
        moved_by=(name,),
        section=section,
    )


def _slider(key: str, name: str, value: object) -> None:
    control = CONTROL[name]
    values.draw_at(key, value, drawn_by=key)
    st.select_slider(
        say(control.label), control.values, format_func=control.text, key=key, on_change=_moved, args=(key, name)
    )


def _moved(key: str, name: str) -> None:
    if not values.is_echo(key):
        parts.set_moved({name: st.session_state[key]})
