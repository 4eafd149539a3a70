"""What one reader has chosen: what the link says, what the controls say, and what a control being dragged would say."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from explainer.choices.controls import CONTROL, CONTROLS, Several
from explainer.choices.settings import Settings, from_query

_NOTES = "notes-on-the-link"
_DRAWN = "controls-drawn"
_CHOSEN, _SEEN = "settings-chosen", "settings-seen"


def read_link() -> None:
    """On a reader's first run: put the URL right where it asks for what cannot be, and note it once."""
    if _NOTES in st.session_state:
        return
    asked = {control.name: st.query_params.get_all(control.name) for control in CONTROLS}
    settings, st.session_state[_NOTES] = from_query(asked)
    canonical = settings.to_query()
    unlike = [name for name, texts in asked.items() if texts and texts != canonical.get(name)]
    for name in unlike:  # no widget is there yet; each takes its value from the URL
        if name in canonical:
            st.query_params[name] = canonical[name]
        else:
            del st.query_params[name]
    if unlike:
        st.rerun()


def take_notes() -> tuple[str, ...]:
    """The notes on the link, to the first who asks; then they are gone."""
    notes, st.session_state[_NOTES] = st.session_state[_NOTES], ()
    return notes


def linked() -> Settings:
    """What the URL says. A control that is not drawn keeps this value, and its place in the URL."""
    return from_query({control.name: st.query_params.get_all(control.name) for control in CONTROLS})[0]


def draw(names: Collection[str]) -> None:
    """A full run begins, and draws these controls."""
    st.session_state[_DRAWN] = tuple(names)
    settle()


def settle() -> None:
    """Look at the controls: what they say now counts, and what was dragged no more."""
    st.session_state[_CHOSEN] = st.session_state[_SEEN] = _chosen()


def _chosen() -> Settings:
    """Of the controls that are drawn, what they say; of the others, what the URL says."""
    names = [name for name in st.session_state[_DRAWN] if name in st.session_state]
    return linked().replace(**{name: _value(name) for name in names})


def _value(name: str) -> object:
    value = st.session_state[name]
    if isinstance(control := CONTROL[name], Several):
        return tuple(one for one in control.values if one in value) or control.default  # none is no choice
    return value


def set_controls(settings: Settings, names: Collection[str] = tuple(CONTROL)) -> None:
    """Put the controls of these names, all of them drawn, at the values of the settings."""
    for name in names:
        value = getattr(settings, name)
        st.session_state[name] = list(value) if isinstance(value, tuple) else value


def chosen() -> Settings:
    """The settings that the reader has chosen."""
    return st.session_state[_CHOSEN]


def now() -> Settings:
    """What the figures show: what is chosen, with a control that is being dragged where the pointer has it."""
    return st.session_state[_SEEN]


def drag(name: str, value: object) -> None:
    """A control is being dragged over this value: what is chosen stays as it is."""
    st.session_state[_SEEN] = chosen().replace(**{name: value})
