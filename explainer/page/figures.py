"""The figures of a section: rows of them, each with its caption, and the walk along a product."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import streamlit as st

from explainer.choices.keeping import KEEP
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Plot, Stops
from explainer.figures.sweep import Slice, columns_read
from explainer.languages import say
from explainer.lesson.parts import Section
from explainer.page import keep, parts
from explainer.page.undocumented import DATASETS


def add_all(number: int, section: Section, settings: Settings) -> None:
    """Add the figures of section ``number``, each as a part of the page."""
    for count, plot in _laid_out(section.plots_at(settings)):
        if plot.walk:
            _add_walk(number, count, section, plot)
        else:
            show = functools.partial(_draw, number, count)
            swept = functools.partial(slice_of, plot)
            parts.add(f"figure-{count}-{section.slug}", plot.at, show, moved_by(plot), section.slug, sweep=swept)
    if any(plot.compares for plot in section.plots):
        keep.row(section.slug)


def label(number: int, count: int) -> str:
    """What a figure is called: ``Figure 5.1``."""
    return say("Figure {section}.{count}", section=number, count=count)


def moved_by(plot: Plot) -> tuple[str, ...]:
    """What changes a figure on the page: controls, and the kept curves if it draws them."""
    return (*plot.reads, KEEP) if plot.compares else plot.reads


def draw_all(number: int, figures: Sequence[Figure]) -> None:
    """Draw figures of section ``number`` that are no parts of their own."""
    for count, figure in _laid_out(figures):
        _draw(number, count, figure)


def _laid_out(figures: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Each figure or plot with its number, in its column while it is drawn: halves that follow each other share a row.

    Two share it; of an odd number the last three, so that none leaves a hole beside it.
    """
    numbered = enumerate(figures, 1)
    for is_half, run in itertools.groupby(numbered, key=lambda one: one[1].half):
        run = list(run)
        while run:
            abreast = 3 if len(run) == 3 else 2
            # a single half stands alone
            columns = st.columns(abreast, gap="large") if is_half else [contextlib.nullcontext()]
            row, run = run[: len(columns)], run[len(columns) :]
            for column, one in zip(columns, row, strict=False):
                with column:
                    yield one


def slice_of(plot: Plot, settings: Settings) -> Slice:
    """What the browser can redraw of a figure at some settings: its numbers and its caption."""
    columns = columns_read(plot.drawing)
    return Slice(((plot.caption(settings),),), say(plot.title), plot.tables(settings), columns)


def draw_unnumbered(figure: Figure) -> None:
    """Draw a figure that stands outside of the sections, without its caption."""
    st.vega_lite_chart({**figure.drawing(), DATASETS: dict(figure.tables)}, width="stretch", alt=say(figure.title))


def _draw(number: int, count: int, figure: Figure) -> None:
    drawing = figure.drawing()
    # Streamlit gives each view of a stacked chart the whole width and forgets the axis beside it
    holder = st.container(key=f"stacked-{number}-{count}") if "vconcat" in drawing else st
    title = say(figure.title)
    holder.vega_lite_chart({**drawing, DATASETS: dict(figure.tables)}, width="stretch", alt=title)
    st.caption(f"**{label(number, count)}. {title}.** {figure.caption}")


# --- a walk along a product ---------------------------------------------------------------------------------


def _add_walk(number: int, count: int, section: Section, plot: Plot) -> None:
    """Add a figure whose product can be walked, one factor at a time, and the controls of the walk."""
    walk, figure = f"walk-{section.slug}", f"figure-{count}-{section.slug}"

    def walked(settings: Settings) -> tuple[Figure, str]:
        shown, stops = plot.at(settings), plot.walk(settings)
        step = _step(walk, len(stops))
        if not step:
            return shown, f"**{_at(0, stops)}** {say('Take the factors one by one.')}"
        stop = stops[step - 1]
        shown = dataclasses.replace(shown, tables={**shown.tables, "walk": stop.marks})
        return shown, f"**{_at(step, stops)}** {stop.words}"

    def show(figure_and_step: tuple[Figure, str]) -> None:
        shown, step = figure_and_step
        _draw(number, count, shown)
        st.caption(step)

    def swept(settings: Settings) -> Slice:
        shown, stops = slice_of(plot, settings), plot.walk(settings)
        step = _step(walk, len(stops))
        if not step:
            return dataclasses.replace(shown, texts=(*shown.texts, (_at(0, stops),)))
        stop = stops[step - 1]
        said = (_at(step, stops), stop.words)
        return dataclasses.replace(shown, texts=(*shown.texts, said), tables={**shown.tables, "walk": stop.marks})

    controls = functools.partial(_walk_controls, walk, figure)
    parts.add(walk, lambda settings: len(plot.walk(settings)), controls, plot.reads, section.slug)
    steps = functools.partial(st.session_state.get, walk, 0)
    parts.add(figure, walked, show, moved_by(plot), section.slug, sweep=swept, variant=steps)


def _at(step: int, stops: Stops) -> str:
    return say("Step {step} of {steps}.", step=step, steps=len(stops))


def _step(walk: str, steps: int) -> int:
    """How many factors the reader has taken, of a product of so many."""
    return min(st.session_state.get(walk, 0), steps)


def _walk_controls(walk: str, figure: str, steps: int) -> None:
    """A slider and two buttons; ``walk`` is the slider's key, ``figure`` that of the part that it moves."""
    at = st.session_state[walk] = _step(walk, steps)

    def moved() -> None:
        parts.rerun(walk, figure)

    def go(step: int) -> None:
        st.session_state[walk] = min(max(st.session_state[walk] + step, 0), steps)
        moved()

    with st.container(key=f"{walk}-controls", horizontal=True, vertical_alignment="bottom"):
        st.button(
            say("Back"),
            icon=":material/arrow_back:",
            key=f"{walk}-back",
            disabled=at == 0,
            on_click=go,
            args=(-1,),
        )
        st.button(
            say("Next factor"),
            icon=":material/arrow_forward:",
            key=f"{walk}-next",
            disabled=at == steps,
            on_click=go,
            args=(1,),
        )
        st.slider(say("Walk the product"), 0, steps, key=walk, width="stretch", on_change=moved)
