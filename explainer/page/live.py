"""What the browser tells the server besides the controls: what is in sight, what the pointer drags, when it has time.

Streamlit's slider speaks when the pointer lets go. A component without a face watches the sliders of ``NAMES``, tells
the server what stands under the pointer, and says nothing more until that has been answered: of all the values passed
meanwhile it then sends the last. The slider itself stays Streamlit's own, with its keyboard, its label and the URL.

When a control is touched the component also says which sections are in sight. They answer first; when they have been
painted and the reader pauses, it asks for the others. And it says when the reader comes near a section that has not
been drawn yet.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.page import parts as page_parts

NAMES = ("k", "w", "f")
_KEY, _TURN = "live", "live-turn"
_SCRIPT = Path(__file__).with_name("live.js").read_text(encoding="utf-8")

_browser = st.components.v2.component("explainer.live", js=_SCRIPT)


def listen() -> None:
    """The component, at the end of the page, so that its answer comes after the figures."""
    st.session_state.setdefault(_TURN, 0)
    page_parts.place(page_parts.ANSWER, lambda _: st.session_state[_TURN], _answer, moved_by=())
    _come_near()  # a new session, of a server that has been restarted, begins with what the browser has kept


def _said(what: str) -> dict:
    """What the browser has said, as far as it makes sense."""
    said = st.session_state.get(_KEY)
    value = said.get(what) if said else None
    return value if isinstance(value, dict) else {}


def _sections(said: dict) -> list[str]:
    named = said.get("sections")
    return [slug for slug in page_parts.sections() if slug in named] if isinstance(named, list) else []


def _answer(turn: object) -> None:
    _browser(
        key=_KEY,
        data={
            "controls": tuple(CONTROL),
            "names": NAMES,
            "sections": page_parts.sections(),
            "answered": turn,
            "moves": page_parts.moves(),
            "late": page_parts.late(),
            "drawn": page_parts.drawn(),
            "patience": page_parts.patience(),
        },
        on_moved_change=_follow,
        on_sight_change=_look,
        on_pause_change=_catch_up,
        on_near_change=_come_near,
        height=0,
    )


def _follow() -> None:
    said = _said("moved")
    name, text, st.session_state[_TURN] = said.get("name"), said.get("text"), said.get("turn", 0)
    if name in NAMES and isinstance(text, str):
        value, _ = CONTROL[name].parse([text])
        page_parts.follow_drag(name, value, _sections(said))


def _look() -> None:
    page_parts.look_at(_sections(_said("sight")))


def _catch_up() -> None:
    page_parts.catch_up(_sections(_said("pause")))


def _come_near() -> None:
    page_parts.come_near(_sections(_said("near")))
