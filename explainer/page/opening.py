"""The first screen: what is left of both gradients, with the two controls that decide it.

The sidebar has these controls too, and their value is one: whichever of the two sliders is moved, the other follows.
"""

from __future__ import annotations

import dataclasses

import streamlit as st

from explainer.choices.settings import Settings
from explainer.figures.sweep import Slice
from explainer.lesson.opening import FIGURE
from explainer.page import figures, keep, parts, second

SLUG = "opening"
NAMES = ("w", "f")
SLIDERS = {f"{SLUG}-{name}": name for name in NAMES}
"""The controls of the second sliders, by the sliders' keys."""


def draw() -> None:
    """Draw the figure, the two controls, and what the figure shows now."""
    with st.container(key=f"section-{SLUG}"):
        moved_by = figures.moved_by(FIGURE)
        parts.add(f"figure-{SLUG}", FIGURE.at, figures.draw_unnumbered, moved_by, SLUG, sweep=_sweep)
        with st.container(key=f"{SLUG}-controls"):
            for key, name in SLIDERS.items():
                second.add(key, name, SLUG)
        parts.add(f"caption-{SLUG}", FIGURE.caption, st.caption, moved_by, SLUG, sweep=_sweep_of_the_caption)
        keep.row(SLUG)


def _sweep(settings: Settings) -> Slice:
    return dataclasses.replace(figures.slice_of(FIGURE, settings), texts=())


def _sweep_of_the_caption(settings: Settings) -> Slice:
    return Slice(((FIGURE.caption(settings),),))
