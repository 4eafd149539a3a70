"""Figures that follow a control while it is dragged, not only when it is let go.

Streamlit's slider speaks when the pointer lets go. A component without a face watches the sliders of ``NAMES``, tells
the server what stands under the pointer, and says nothing more until that has been answered: of all the values passed
meanwhile it then sends the last. The slider itself stays Streamlit's own, with its keyboard, its label and the URL.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer import lesson, page_parts
from explainer.controls import CONTROL
from explainer.sections import SECTIONS

NAMES = ("k", "w", "f")
_KEY = "live"
_SCRIPT = Path(__file__).with_name("page_live.js").read_text(encoding="utf-8")
_SLUGS = tuple(map(lesson.slug, SECTIONS))

_pointer = st.components.v2.component("explainer.live", js=_SCRIPT)


def follow_the_pointer() -> None:
    """The component, at the end of the page, so that its answer comes after the figures."""
    page_parts.place(_KEY, lambda _: _said().get("turn", 0), _watch, moved_by=())


def _said() -> dict:
    """What the browser has said, as far as it makes sense."""
    said = st.session_state.get(_KEY)
    moved = said.get("moved") if said else None
    return moved if isinstance(moved, dict) else {}


def _watch(turn: object) -> None:
    _pointer(key=_KEY, data={"names": NAMES, "sections": _SLUGS, "answered": turn}, on_moved_change=_follow, height=0)


def _follow() -> None:
    said = _said()
    name, text = said.get("name"), said.get("text")
    seen = [slug for slug in _SLUGS if slug in said.get("sections", ())]
    if name in NAMES and isinstance(text, str):
        value, _ = CONTROL[name].parse([text])
        page_parts.follow_drag(name, value, seen, _KEY)
