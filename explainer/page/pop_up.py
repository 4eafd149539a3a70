"""What a button opens: a dialog, or inside a frame a box in place.

A frame may be as tall as its content. A dialog stands in the middle of that, and no reader sees it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from explainer.choices.settings import Settings
from explainer.page import parts
from explainer.page.state import page_state

Draw = Callable[[Settings, Mapping[str, Any]], None]
"""Draws what opens, at some settings; each widget in it takes the keywords, which say what it reruns."""


def button(key: str, label: str, icon: str, draw: Draw, hide: str) -> Callable[[], None]:
    """Add a button that opens something, here.

    Args:
        key, label, icon: the button's.
        draw: draws what opens.
        hide: the label while the box is open.

    Returns:
        a function that adds the place of the box, there; the box goes again at a second press.
    """
    place = _place_of(key)

    def show(_: bool) -> None:
        state = page_state()
        is_open = state.opened == key
        st.button(hide if is_open else label, icon=icon, key=key, on_click=_pressed, args=(key,))
        if state.asked == key and not _is_framed():
            state.asked, state.dialog = "", key
            st.dialog(label.rstrip(" …"), width="large")(draw)(state.chosen, {})

    def content(settings: Settings) -> Settings | None:
        return settings if page_state().opened == key else None

    def show_in_place(settings: Settings | None) -> None:
        if settings is not None:
            with st.container(border=True, key=place):
                draw(settings, {"on_change": parts.rerun, "args": (place,)})

    parts.add(key, lambda _: page_state().opened == key, show, moved_by=())
    return lambda: parts.add(place, content, show_in_place)


def _place_of(key: str) -> str:
    return f"in-place-{key}"


def _is_framed() -> bool:
    return st.context.is_embedded or page_state().is_framed


def learn_of_frame() -> bool:
    """The page stands in a frame, as its browser says: what a dialog has been asked for opens in place instead.

    Returns:
        whether all of the page has to be drawn again: a rerun of some parts closes no dialog.
    """
    state = page_state()
    state.is_framed = True
    asked, state.asked, state.dialog = state.asked or state.dialog, "", ""
    state.opened = asked or state.opened
    return bool(asked)


def _pressed(key: str) -> None:
    state = page_state()
    if not _is_framed():
        state.asked = key  # a run of the whole page may come before it, and knows nothing of a press
        return parts.rerun(key)
    before, state.opened = state.opened, "" if state.opened == key else key
    keys = [key] if before in ("", key) else [before, key]  # one box at a time: their widgets are alike
    return parts.rerun(*keys, *map(_place_of, keys))
