"""The parts of the page that move. Each is a fragment of its own, and a control reruns just those that it changes.

A full run of the script draws everything. After that, a control asks every part what it would show now, compares that
with what the part has shown last, and has Streamlit rerun the parts that differ: what stays the same is neither sent
nor drawn again, and the prose is never sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explainer import page_state
from explainer.controls import BOTH, CONTROL, FORMATS, GATED, VANILLA
from explainer.settings import Settings

_PARTS, _SHOWN, _WHOLE = "parts", "parts-shown", "parts-are-whole"
_QUICK = (BOTH, VANILLA, GATED, FORMATS)  # the others may take seconds, and change how many figures there are


EVERYWHERE = "everywhere"  # the section of what is in sight wherever the reader is


@dataclass(frozen=True)
class Part:
    """One part of the page.

    Attributes:
        content: what it shows at some settings, to be compared with ==; cheap if it has been asked before.
        moved_by: names of the controls that can change it.
        section: the slug of the section it belongs to, or ``EVERYWHERE``; with neither it waits for the end of a drag.
    """

    content: Callable[[Settings], object]
    moved_by: Collection[str]
    section: str


def begin() -> None:
    """A full run begins: every part will be placed anew."""
    st.session_state[_PARTS], st.session_state[_SHOWN], st.session_state[_WHOLE] = {}, {}, False


def end() -> None:
    """Every part has been placed."""
    st.session_state[_WHOLE] = True


def place(
    key: str,
    content: Callable[[Settings], Any],
    draw: Callable[[Any], None],
    moved_by: Collection[str] = tuple(CONTROL),
    section: str = "",
) -> None:
    """A part of the page, here: ``draw`` draws what ``content`` gives, now and whenever a control changes it."""
    st.session_state[_PARTS][key] = Part(content, moved_by, section)

    @st.fragment(key=key)
    def part() -> None:
        shown = st.session_state[_SHOWN]
        shown.pop(key, None)  # a run that is overtaken leaves a part half drawn
        what = content(page_state.now())
        draw(what)
        shown[key] = what

    part()


def _changed(settings: Settings, parts: Iterable[tuple[str, Part]]) -> list[str]:
    shown, nothing = st.session_state[_SHOWN], object()
    return [key for key, part in parts if shown.get(key, nothing) != part.content(settings)]


def follow(name: str) -> None:
    """What a control does when it has been moved: rerun the parts that change, or the whole page if it must be."""
    page_state.settle()
    if CONTROL[name].group not in _QUICK or not st.session_state.get(_WHOLE):
        return  # Streamlit reruns everything
    parts = st.session_state[_PARTS]
    changed = _changed(page_state.now(), [(key, part) for key, part in parts.items() if name in part.moved_by])
    st.rerun(changed or list(parts)[:1])


def follow_drag(name: str, value: object, sections: Collection[str], answer: str) -> None:
    """While a control is dragged over a value: rerun what changes in these sections, and the part ``answer``, last."""
    if not st.session_state.get(_WHOLE):
        return
    page_state.drag(name, value)
    in_sight = {EVERYWHERE, *sections}
    parts = st.session_state[_PARTS].items()
    moved = [(key, part) for key, part in parts if name in part.moved_by and part.section in in_sight]
    st.rerun([*_changed(page_state.now(), moved), answer])


def rerun(*keys: str) -> None:
    """What a callback does that concerns these parts alone."""
    if st.session_state.get(_WHOLE):
        st.rerun(list(keys))
