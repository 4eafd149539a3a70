"""Curves to compare with: the button that keeps the present state, and for each kept state one that lets it go.

What is kept stands in the link. A figure that compares draws it; see :mod:`explainer.figures.compare`.
"""

from __future__ import annotations

import functools

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.choices.keeping import KEEP, MOST
from explainer.choices.settings import Settings
from explainer.figures.compare import SIGNS, name_of
from explainer.languages import say
from explainer.page import parts
from explainer.page.state import page_state


def row(slug: str) -> None:
    """Draw the buttons, below the figures of a section that compare."""
    show = functools.partial(_buttons, slug)
    parts.add(f"kept-{slug}", _content, show, moved_by=(*CONTROL, KEEP), section=slug)


def _content(settings: Settings) -> tuple[tuple[Settings, ...], bool]:
    """The kept states, and whether the present one is among them."""
    return settings.kept, settings.with_kept(()) in settings.kept


def _buttons(slug: str, kept_and_present: tuple[tuple[Settings, ...], bool]) -> None:
    kept, is_kept = kept_and_present
    with st.container(key=f"kept-row-{slug}", horizontal=True, vertical_alignment="center"):
        label = say("Keep this curve") if len(kept) < MOST else say("Keep this curve ({most} are kept)", most=MOST)
        is_full = is_kept or len(kept) == MOST
        st.button(label, icon=":material/push_pin:", key=f"keep-{slug}", disabled=is_full, on_click=_keep)
        for number, state in enumerate(kept, 1):
            st.button(
                say("Let go of {curve}", curve=f"{SIGNS[number - 1]} {name_of(state)}"),
                key=f"let-go-{slug}-{number}",
                on_click=_let_go,
                args=(state,),
            )
        if len(kept) > 1:
            st.button(say("Let go of all"), key=f"let-go-{slug}", on_click=parts.set_kept, args=((),))


def _keep() -> None:
    chosen = page_state().chosen
    parts.set_kept((*chosen.kept, chosen))


def _let_go(state: Settings) -> None:
    parts.set_kept(tuple(one for one in page_state().chosen.kept if one != state))
