"""A section on the page: its five parts, in the same order in every section, and what a reader can take along.

What moves in a section is computed, sent and drawn when the reader first comes near. Until then boxes as tall as that
keep its room. Lines of code come with it: Streamlit shows them with 1.6 MB of script, for which the first chart would
wait.
"""

from __future__ import annotations

import functools

import streamlit as st

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures.sweep import Slice
from explainer.languages import LANGUAGES, say, spoken
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Receipt, Section, contents
from explainer.page import figures, layout, own, parts, prediction, take, tasks, work
from explainer.page.state import page_state
from explainer.serving.once import once

_IN_TORCH, _PREDICTION, _CAPTION, _RECEIPT, _PANEL, _FOLLOWS, _KEPT, _WORK = (
    450,
    290,
    110,
    330,
    330,
    330,
    60,
    330,
)  # pixels: about how tall they stand


def draw(number: int, section: Section) -> None:
    """Draw section ``number`` of the lesson."""

    def body(is_near: bool) -> None:
        if is_near:
            if section.in_torch:
                st.markdown(say(section.in_torch))
            tasks.beside(section.slug)
            _moving_parts(number, section)
            st.markdown(_closing(section), unsafe_allow_html=True)
            take.below_a_section(number, section)
        else:
            st.markdown(f"{_placeholders(number, SECTIONS[number - 1])}\n\n{_closing(section)}", unsafe_allow_html=True)

    with st.container(key=f"section-{section.slug}"):
        argument = layout.with_symbols(say(section.argument), section.slug)
        layout.text(f"{number}. {say(section.title)}", section.slug, argument)
        parts.add(
            f"body-{section.slug}",
            lambda _: section.slug in parts.drawn(),
            body,
            moved_by=(),
            section=section.slug,
            holds_parts=True,
        )


def _moving_parts(number: int, section: Section) -> None:
    settings = page_state().now
    if {"n", "d"} & set(section.moved_by):
        # large networks take seconds; says so if it takes longer than half of one
        with st.spinner(say("Computing these networks …"), show_time=True), parts.turn():
            section.figures_at(settings)
    if section.of_readers_own:
        own.panel(section)
    prediction.ask(section)
    if section.work:
        work.panel(section, settings, functools.partial(figures.draw_all, number))
    else:
        figures.add_all(number, section, settings)
    if section.follows:
        parts.add(f"follows-{section.slug}", section.follows, st.markdown, section.reads, section.slug)
    _receipt(section)


@once(len(LANGUAGES) * len(SECTIONS), also=spoken)
def _placeholders(number: int, section: Section) -> str:
    """Boxes about as tall as what moves in a section at the default settings, as HTML."""
    boxes = [("", _IN_TORCH, "")] if section.in_torch else []
    if section.of_readers_own:
        boxes.append(("", _PANEL, ""))
    boxes.append(("", _PREDICTION, ""))
    if section.work:
        boxes.append(("", _WORK, ""))
    for count, plot in enumerate(section.plots_at(Settings()), 1):
        width = "half" if plot.half else ""
        boxes.append((width, plot.height + _CAPTION, f"{figures.label(number, count)}. {say(plot.title)}"))
    if any(plot.compares for plot in section.plots):
        boxes.append(("", _KEPT, ""))
    if section.follows:
        boxes.append(("", _FOLLOWS, ""))
    return layout.placeholders([*boxes, ("", _RECEIPT, "")])


def _closing(section: Section) -> str:
    """What to remember, and what the lab simplifies in a fold of the browser's own, which costs little, as Markdown."""
    remember = f"**{say('What to remember.')}** {say(section.remember).strip()}"
    if not section.look_closer:
        return remember
    closer, summary = say(section.look_closer).strip(), say("Look closer")
    return f"{remember}\n\n<details><summary>{summary}</summary>\n\n{closer}\n\n</details>"


# --- the receipt --------------------------------------------------------------------------------------------


def _receipt(section: Section) -> None:
    def content(settings: Settings) -> tuple[str, str]:
        receipt = contents(section, settings).receipt
        return receipt.equation, _sides(receipt)

    def show(equation_and_sides: tuple[str, str]) -> None:
        equation, sides = equation_and_sides  # two elements: new numbers do not set the equation again
        with st.container(key=f"slip-{section.slug}"):
            st.markdown(f"**{say('Receipt')}**\n\n$$\n{equation}\n$$")
            st.markdown(sides)

    def swept(settings: Settings) -> Slice:
        return Slice((words.pieces(_sides(section.receipt(settings))),))

    parts.add(f"receipt-{section.slug}", content, show, section.reads, section.slug, sweep=swept)


def _sides(receipt: Receipt) -> str:
    """Both sides with all their digits, and how far they agree, as Markdown."""
    apart = words.number(receipt.difference, 2)
    if receipt.difference == 0:
        verdict = f":material/check: {say('The two sides are equal, to the last digit.')}"
    elif receipt.agrees:
        verdict = f":material/check: {say('The two sides agree: relative difference {apart}.', apart=apart)}"
    else:
        verdict = f":material/warning: {say('Relative difference {apart}.', apart=apart)}"
    sides = [(say("left side"), receipt.autograd), (say("right side"), receipt.formula)]
    sides += [(say("for comparison"), other) for other in receipt.others]
    rows = "\n".join(f"- **{words.all_digits(side.value)}**, {role}: {side.what}" for role, side in sides)
    return f"{rows}\n\n{verdict} {receipt.remark}"
