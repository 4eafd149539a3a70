"""Taking the page along: what a link shows, links to copy, code to embed, and the files to download."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import streamlit as st

from explainer import downloads, handout, lesson, links, notebook, page, snippets
from explainer.citation import BIBTEX, CITATION
from explainer.controls import CONTROL, CONTROLS, Control
from explainer.lesson import Section
from explainer.links import View
from explainer.sections import SECTIONS
from explainer.settings import Settings

TITLE = "Take it with you"
ANCHOR = "take-it-with-you"
_SLUGS = tuple(map(lesson.slug, SECTIONS))
_MOVED_BY = {lesson.slug(section): section.MOVED_BY for section in SECTIONS}
_AS_LINKED = "settings-of-the-link"
_ABREAST = 3  # controls beside each other in the body


# --- what a link shows --------------------------------------------------------------------------------------


def view() -> View:
    """The part of the page that this reader's link asks for."""
    return links.view(st.query_params.get_all(links.SECTION), st.query_params.get_all(links.CONTROLS_PARAMETER), _SLUGS)


def settings(shown: View) -> Settings:
    """Draw the controls that belong to the view, where there is room for them, and return what all of them say."""
    names = shown.movable(_MOVED_BY)
    if shown.sections is None and not st.context.is_embedded:
        return page.sidebar(names)
    with st.container(key="controls"):
        _controls(names)
    return page.chosen(names)


def _controls(names: Sequence[str]) -> None:
    if not names:
        return
    linked = st.session_state.setdefault(_AS_LINKED, page.linked())
    # a whole lesson has too many of them to stand above it
    with st.expander("Controls", icon=":material/tune:", expanded=len(names) <= 12):
        for group, controls in itertools.groupby((CONTROL[name] for name in names), key=lambda one: one.group):
            st.markdown(f"**{page.heading(group)}**")
            for row in itertools.batched_rows(controls) if hasattr(itertools, "batched_rows") else _rows(controls):
                for place, control in zip(st.columns(_ABREAST, gap="medium"), row, strict=False):
                    with place:
                        page.widget(control, explain=False)
        st.button(
            "Back to the link's values",
            icon=":material/restart_alt:",
            on_click=page.set_controls,
            args=(linked, names),
            key="reset",
        )


def _rows(controls) -> list[tuple[Control, ...]]:
    controls = tuple(controls)
    return [controls[first : first + _ABREAST] for first in range(0, len(controls), _ABREAST)]
