"""Links to what the reader sees, and the code that embeds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS, citation
from explainer.page import layout, parts
from explainer.page.state import page_state
from explainer.take import links
from explainer.take.links import View

PANEL = "Take it with you"  # the heading at the end of the page, below which there is more to take along

_SLUGS = tuple(section.slug for section in SECTIONS)
_TITLES = {section.slug: section.title for section in SECTIONS}
_NUMBERED = {section.slug: f"{number}. {section.title}" for number, section in enumerate(SECTIONS, 1)}
_MOVED_BY = {section.slug: section.moved_by for section in SECTIONS}

_READERS_OWN = "the reader's own"
_THEMES = {_READERS_OWN: None, "light": links.LIGHT, "dark": links.DARK}
_ALL, _NONE, _SOME = "all that move it", "none", "only some"


def base() -> str:
    """The address at which the reader's browser has this page, without query and anchor."""
    return f"{(st.context.url or '').rstrip('/')}/"


def link(settings: Settings, anchor: str = "") -> str:
    """A link to exactly this state of the controls, and to a section."""
    return links.address(base(), links.query(settings), anchor)


def buttons() -> None:
    """Where readers look for it: a link to what they see, and the code to embed it."""
    with st.container(key="share", horizontal=True):
        _opens("copy-link", "Copy link", ":material/link:", lambda: _copy_dialog(page_state().chosen))
        embed_button((), "embed-whole")


def embed_button(slugs: Sequence[str], key: str) -> None:
    """A button that opens the dialog with the code that embeds these sections; none is the whole lesson."""
    _opens(key, "Embed …", ":material/code:", lambda: _embed_dialog(page_state().chosen, slugs))


def _opens(key: str, label: str, icon: str, dialog: Callable[[], None]) -> None:
    def button(_: None) -> None:
        if st.button(label, icon=icon, key=key, on_click=parts.rerun, args=(key,)):
            dialog()

    parts.add(key, lambda _: None, button, moved_by=())


@st.dialog("Copy link", width="large")
def _copy_dialog(settings: Settings) -> None:
    st.markdown("A link to exactly this state of every control:")
    layout.code(link(settings))
    st.markdown(f"To one section only, to embed it, and to keep it: *{PANEL}*, at the end of the page.")


@st.dialog("Embed", width="large")
def _embed_dialog(settings: Settings, slugs: Sequence[str]) -> None:
    st.markdown(
        "Paste this into a course page. It opens in exactly this state; readers may move the controls you give."
    )
    picked = st.multiselect(
        "Sections (none chosen: the whole lesson)", _SLUGS, default=list(slugs), format_func=_NUMBERED.__getitem__
    )
    sections = tuple(slug for slug in _SLUGS if slug in picked)
    which = st.segmented_control("Controls that readers may move", (_ALL, _NONE, _SOME), default=_ALL, required=True)
    movable: Sequence[str] | None = {_ALL: None, _NONE: ()}.get(which)
    if which == _SOME:
        moving = View(sections=sections or None).movable(_MOVED_BY)
        movable = st.multiselect("These", moving, format_func=lambda name: f"{CONTROL[name].label} ({name})")
    first, second, third = st.columns(3)
    title = first.text_input(
        "Title, for screen readers",
        "; ".join(_TITLES[slug] for slug in sections) or citation.SHORT_TITLE,
        max_chars=200,
    )
    height = second.number_input("Height in pixels", 200, 5000, 900, 50)
    theme = third.segmented_control("Theme", tuple(_THEMES), default=_READERS_OWN, required=True)
    source = links.address(base(), links.query(settings, sections, movable, embed=True, theme=_THEMES[theme]))
    st.markdown("**The code**")
    layout.code(links.iframe(source, title, int(height)))
    st.markdown(f":small[Where the site puts frames into a sandbox, add `{links.SANDBOX}`.]")
    st.markdown(f"**Its address** ([look at it]({source}))")
    layout.code(source)
