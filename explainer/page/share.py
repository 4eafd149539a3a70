"""Links to what the reader sees, and the code that embeds it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.languages import say, word
from explainer.lesson import SECTIONS, citation
from explainer.page import layout, pop_up
from explainer.take import links
from explainer.take.links import View

PANEL = word("Take it with you")  # the heading at the end of the page, below which there is more to take along

_SLUGS = tuple(section.slug for section in SECTIONS)
_TITLES = {section.slug: section.title for section in SECTIONS}
_NUMBERS = {section.slug: number for number, section in enumerate(SECTIONS, 1)}
_MOVED_BY = {section.slug: section.moved_by for section in SECTIONS}

_READERS_OWN = word("the reader's own")
_THEMES = {_READERS_OWN: None, word("light"): links.LIGHT, word("dark"): links.DARK}
_ALL, _NONE, _SOME = word("all that move it"), word("none"), word("only some")


def base() -> str:
    """The address at which the reader's browser has this page, without query and anchor."""
    return f"{(st.context.url or '').rstrip('/')}/"


def link(settings: Settings, anchor: str = "") -> str:
    """A link to exactly this state of the controls, and to a section."""
    return links.address(base(), links.query(settings), anchor)


def buttons() -> None:
    """Where readers look for it: a link to what they see, and the code to embed it."""
    with st.container(key="share", horizontal=True):
        place_of_the_link = pop_up.button(
            "copy-link", say("Copy link"), ":material/link:", _copy_link, say("Hide the link")
        )
        place_of_the_code = embed_button((), "embed-whole")
    place_of_the_link()
    place_of_the_code()


def embed_button(slugs: Sequence[str], key: str) -> Callable[[], None]:
    """A button that opens the code that embeds these sections; none is the whole lesson.

    Returns:
        a function that adds the place where the code opens inside a frame.
    """
    draw = functools.partial(_embed, slugs)
    return pop_up.button(key, say("Embed …"), ":material/code:", draw, say("Hide the code"))


def _copy_link(settings: Settings, _: Mapping[str, Any]) -> None:
    st.markdown(say("A link to exactly this state of every control:"))
    layout.code(link(settings))
    st.markdown(
        say("To one section only, to embed it, and to keep it: *{panel}*, at the end of the page.", panel=say(PANEL))
    )


def _embed(slugs: Sequence[str], settings: Settings, changed: Mapping[str, Any]) -> None:
    st.markdown(
        say("Paste this into a course page. It opens in exactly this state; readers may move the controls you give.")
    )
    picked = st.multiselect(
        say("Sections (none chosen: the whole lesson)"),
        _SLUGS,
        default=list(slugs),
        format_func=lambda slug: f"{_NUMBERS[slug]}. {say(_TITLES[slug])}",
        **changed,
    )
    sections = tuple(slug for slug in _SLUGS if slug in picked)
    which = st.segmented_control(
        say("Controls that readers may move"),
        (_ALL, _NONE, _SOME),
        default=_ALL,
        required=True,
        format_func=say,
        **changed,
    )
    movable: Sequence[str] | None = {_ALL: None, _NONE: ()}.get(which)
    if which == _SOME:
        moving = View(sections=sections or None).movable(_MOVED_BY)
        movable = st.multiselect(
            say("These"), moving, format_func=lambda name: f"{say(CONTROL[name].label)} ({name})", **changed
        )
    first, second, third = st.columns((3, 2, 3))  # the names of the themes take room
    title = first.text_input(
        say("Title, for screen readers"),
        "; ".join(say(_TITLES[slug]) for slug in sections) or say(citation.SHORT_TITLE),
        max_chars=200,
        **changed,
    )
    height = second.number_input(say("Height in pixels"), 200, 5000, 900, 50, **changed)
    theme = third.segmented_control(
        say("Theme"), tuple(_THEMES), default=_READERS_OWN, required=True, format_func=say, **changed
    )
    source = links.address(base(), links.query(settings, sections, movable, embed=True, theme=_THEMES[theme]))
    st.markdown(f"**{say('The code')}**")
    layout.code(links.iframe(source, title, int(height)))
    sandbox = say("Where the site puts frames into a sandbox, add `{attribute}`.", attribute=links.SANDBOX)
    st.markdown(f":small[{sandbox}]")
    st.markdown(say("**Its address** ([look at it]({address}))", address=source))
    layout.code(source)
