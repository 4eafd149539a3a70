"""The page: its sidebar, what stands above the sections, and the five parts of each."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import html
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from explainer import words
from explainer.choices.controls import CONTROLS, GATED, SCALAR, VANILLA, Choice, Control, Several
from explainer.choices.presets import PRESETS, Preset
from explainer.choices.settings import Settings
from explainer.figures import readings
from explainer.figures.figure import Figure, height
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Prediction, Receipt, Section, contents
from explainer.maths import gradients
from explainer.page import parts as page_parts
from explainer.page import state as page_state
from explainer.page import work as page_work
from explainer.serving.once import once
from explainer.take import links

STYLESHEET = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.html")
ICON = str(Path(__file__).with_name("icon.svg"))
_GROUP_COLOR = {VANILLA: "orange", GATED: "blue"}


@st.cache_resource
def _freeze_imports() -> None:
    gc.collect()
    gc.freeze()


def settle_memory() -> None:
    """Once per process: what the imports brought is here to stay; later collections need not look at it."""
    _freeze_imports()


def prose(title: str, anchor: str, text: str) -> None:
    """A text under its heading.

    They are one element: at each run, Streamlit's front end goes through every element of the page, however still.
    """
    st.markdown(f'<h2 data-anchor="{anchor}">{html.escape(title)}</h2>\n\n{text.strip()}', unsafe_allow_html=True)


# --- the sidebar --------------------------------------------------------------------------------------------


def _moves(control: Control) -> str:
    numbers = [n for n, section in enumerate(SECTIONS, 1) if control.name in section.moved_by]
    return f"Moves {words.sections(numbers)}."


def _group_moves(controls: list[Control]) -> str:
    names = {control.name for control in controls}
    numbers = [n for n, section in enumerate(SECTIONS, 1) if names & set(section.moved_by)]
    return f"These move {words.sections(numbers)}."


def group_heading(group: str) -> str:
    """A group of controls by name, as Markdown in the colour of its cell."""
    return f":{_GROUP_COLOR.get(group, 'gray')}[{group}]"


def widget(control: Control, explain: bool = True) -> None:
    """One control; its help stands below it, or, to save room, with its question mark.

    It is a fragment of its own: when it is moved, Streamlit takes that for a matter of this fragment, and the browser
    does not fade the whole page before it knows what changes.
    """
    st.fragment(_widget, key=f"control-{control.name}")(control, explain)


def _widget(control: Control, explain: bool) -> None:
    said = _moves(control) if explain else f"{control.help} {_moves(control)}"
    shared = {"key": control.name, "bind": "query-params", "help": said}
    shared |= {"on_change": page_parts.follow, "args": (control.name,)}
    if isinstance(control, Choice):
        st.pills(control.label, control.values, default=control.default, required=True, **shared)
    elif isinstance(control, Several):
        st.pills(control.label, control.values, default=control.default, selection_mode="multi", **shared)
    else:
        st.select_slider(control.label, control.values, value=control.default, format_func=control.text, **shared)
    if explain:
        st.caption(control.help)
    if control.name == "f":
        page_parts.place(
            "forget-bias",
            lambda settings: settings.forget_bias,
            lambda bias: st.caption(f"As a forget bias: b = log(f/(1−f)) = {words.number(bias)}."),
            moved_by=("f",),
            section=page_parts.EVERYWHERE,
        )


def sidebar() -> None:
    """Every control, and named states to put them in."""
    with st.sidebar:
        st.markdown("### Try a fact")
        page_parts.place("presets", lambda _: None, _presets, moved_by=())
        st.button(
            "Reset everything",
            icon=":material/restart_alt:",
            on_click=page_state.set_controls,
            args=(Settings(),),
            width="stretch",
            key="reset",
        )
        for group, controls in itertools.groupby(CONTROLS, key=lambda control: control.group):
            controls = list(controls)
            st.markdown(f"### {group_heading(group)}\n\n:small[{_group_moves(controls)}]")
            for control in controls:
                widget(control)


def _presets(_: None) -> None:
    fold = st.expander("Presets", icon=":material/bolt:", key="presets", on_change=page_parts.rerun, args=("presets",))
    with fold:
        if fold.open:
            for preset in PRESETS:
                _preset_button(preset)


def _take_preset(preset: Preset) -> None:
    page_state.set_controls(preset.settings)
    st.rerun()  # everything


def _preset_button(preset: Preset) -> None:
    st.button(
        preset.name,
        on_click=_take_preset,
        args=(preset,),
        width="stretch",
        key=f"preset-{preset.name.lower().replace(' ', '-')}",
    )
    st.markdown(f":small[{preset.fact} · [link](?{links.query(preset.settings)})]")


# --- above the sections -------------------------------------------------------------------------------------


def notes_on_the_link() -> None:
    """The notes on the link, until the reader has seen them: they leave with the next change."""

    def draw(notes: tuple[str, ...]) -> None:
        place = st.empty()  # always there, so that the charts below keep their place
        if notes:
            said = "; ".join(notes)
            place.warning(f"Some of this link could not be used as it is: {said}.", icon=":material/link:")

    page_parts.place("notes", lambda _: page_state.take_notes(), draw)


def status_bar() -> None:
    """What each cell does now, in one line that stays in sight, and the way to every section."""
    with st.container(key="status-bar", horizontal=True, vertical_alignment="center"):
        page_parts.place("status", _status, st.html, SCALAR, page_parts.EVERYWHERE)
        page_parts.place("contents", lambda _: _contents(), _unfolding, moved_by=())


def _unfolding(text: str) -> None:
    """To unfold, by the browser: unlike Streamlit's popovers, it lets the keyboard in."""
    html_and_markdown = f'<details class="contents"><summary>Contents</summary><div>\n\n{text}\n\n</div></details>'
    st.markdown(html_and_markdown, unsafe_allow_html=True, width="content")


def _status(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    return (
        '<p role="status" aria-live="polite" class="status">'
        f'<span class="vanilla">vanilla</span> {html.escape(readings.verdict(vanilla))} '
        f'<span class="aside">·</span> <span class="gated">gated</span> {html.escape(readings.verdict(gated))} '
        f'<span class="aside">at k = {settings.k}</span></p>'
    )


def _answer_key(slug: str) -> str:
    return f"answer-{slug}"


def _contents() -> str:
    """The way to every section, and how many of its questions the reader has answered, as Markdown."""
    lines = [f"{n}. [{section.title}](#{section.slug})" for n, section in enumerate(SECTIONS, 1)]
    answered = sum(st.session_state.get(_answer_key(section.slug)) is not None for section in SECTIONS)
    return (
        "\n".join(lines) + "\n\n[Notation](#notation) · [References](#references)\n\n"
        f":small[Predictions made: {answered} of {len(SECTIONS)}.]"
    )


# --- a section ----------------------------------------------------------------------------------------------


def section(number: int, module: Section, take: Callable[[int, Section], None]) -> None:
    """One section in its five parts, in the same order in every section, and what a reader can ``take``.

    What moves is computed, sent and drawn when a reader first comes near; until then its place is kept, as tall as it
    is at the default settings.
    """
    slug = module.slug

    def draw(is_drawn: bool) -> None:
        if is_drawn:
            _moving(number, module)
            st.markdown(_closing(module), unsafe_allow_html=True)
            take(number, module)
        else:
            st.markdown(f"{_undrawn(number, module)}\n\n{_closing(module)}", unsafe_allow_html=True)

    with st.container(key=f"section-{slug}"):
        prose(f"{number}. {module.title}", slug, module.argument)
        page_parts.place(
            f"body-{slug}",
            lambda _: slug in page_parts.drawn(),
            draw,
            moved_by=(),
            section=slug,
            holds_parts=True,
        )


def _moving(number: int, module: Section) -> None:
    settings = page_state.now()
    if "n" in module.moved_by:
        with _patience():
            contents(module, settings)
    _prediction(module)
    if module.work:
        page_work.panel(module, settings, lambda figures: _figures(number, figures))
    else:
        _moving_figures(number, module, contents(module, settings).figures)
    _receipt(module)


_TEXT_HEIGHTS = {"a prediction": 230, "a caption": 110, "a receipt": 330}  # pixels, about


@once(size=len(SECTIONS))
def _undrawn(number: int, module: Section) -> str:
    """The place of what moves in a section, about as tall as that will be, as HTML."""
    settings = Settings()
    figures = module.figures_of(settings, None) if module.work else contents(module, settings).figures
    boxes = [("", _TEXT_HEIGHTS["a prediction"], "")]
    for count, figure in enumerate(figures, 1):
        tall = height(figure.drawing()) + _TEXT_HEIGHTS["a caption"]
        boxes.append(("half" if figure.half else "", tall, f"Figure {number}.{count}. {figure.title}"))
    boxes.append(("", _TEXT_HEIGHTS["a receipt"], ""))
    return kept_places(boxes)


def kept_places(boxes: Sequence[tuple[str, int, str]]) -> str:
    """Places for what is not drawn yet, as HTML.

    ``boxes`` holds for each its width (``half`` or nothing), its height in pixels, and its name.
    """
    places = "".join(
        f'<p class="{width}" style="height: {tall}px">{html.escape(name)}</p>' for width, tall, name in boxes
    )
    return f'<div class="undrawn">{places}</div>'


def _place(module: Section, what: str, content: Callable[[Settings], Any], draw: Callable[[Any], None]) -> None:
    slug = module.slug
    page_parts.place(f"{what}-{slug}", content, draw, module.reads, slug)


def _patience() -> contextlib.AbstractContextManager:
    """What a reader of large networks sees meanwhile; appears only after half a second."""
    return st.spinner("Computing these networks …", show_time=True)


def _prediction(module: Section) -> None:
    slug = module.slug

    def told(settings: Settings, chosen: int | None) -> str:
        return "" if chosen is None else _told(contents(module, settings).prediction, chosen)

    def content(settings: Settings) -> tuple[str, tuple[str, ...], str]:
        prediction = contents(module, settings).prediction
        options = tuple(option.text for option in prediction.options)
        return prediction.question, options, told(settings, st.session_state.get(_answer_key(slug)))

    def ask(question_options_and_told: tuple[str, tuple[str, ...], str]) -> None:
        question, options, _ = question_options_and_told
        st.markdown(f"**Before you look.** {question}")
        chosen = st.radio(
            "Your prediction",
            range(len(options)),
            index=None,
            format_func=options.__getitem__,
            key=_answer_key(slug),
            label_visibility="collapsed",
            on_change=page_parts.rerun,
            args=(f"prediction-{slug}", "contents"),
        )
        place = st.empty()  # keeps its place while there is no answer
        if chosen is not None:  # in a new session the answer that the browser has kept is known only now
            place.markdown(told(page_state.now(), chosen))

    _place(module, "prediction", content, ask)


def _told(prediction: Prediction, chosen: int) -> str:
    """What a reader hears who has picked this option."""
    told = prediction.options[chosen].told
    if prediction.right is None:
        return told
    if chosen == prediction.right:
        return f":material/check: **Yes.** {told}"
    right = prediction.options[prediction.right].text
    return f":material/close: **Not with these settings.** It is “{right}”. {told}"


def _moving_figures(number: int, module: Section, figures: tuple[Figure, ...]) -> None:
    """The figures of a section, each a part of its own; the first can be walked if the section's product can."""
    for count, row in _rows(figures):
        for place, offset in zip(_places(row), range(len(row)), strict=False):
            with place:
                label, index = f"Figure {number}.{count + offset}", count + offset - 1
                if index == 0 and module.plots[0].walk:
                    _walk(label, module)
                else:
                    content = functools.partial(_figure_of, module, index)
                    _place(module, f"figure-{index + 1}", content, functools.partial(_figure, label))


def _figure_of(module: Section, index: int, settings: Settings) -> Figure:
    return contents(module, settings).figures[index]


def _walk(label: str, module: Section) -> None:
    """A figure whose product can be walked, one factor at a time; a step redraws nothing else."""
    walk = module.plots[0].walk

    def walked(settings: Settings) -> tuple[Figure, str]:
        figure, stops = _figure_of(module, 0, settings), walk(settings)
        at = _step(module, len(stops))
        if at:
            figure = dataclasses.replace(figure, tables={**figure.tables, "walk": stops[at - 1].marks})
        return figure, f"**Step {at} of {len(stops)}.** {stops[at - 1].words if at else 'Take the factors one by one.'}"

    def show(figure_and_step: tuple[Figure, str]) -> None:
        figure, step = figure_and_step
        _figure(label, figure)
        st.caption(step)

    _place(module, "walk", lambda settings: len(walk(settings)), functools.partial(_walk_controls, module))
    _place(module, "figure-1", walked, show)


def _step(module: Section, whole: int) -> int:
    """How many factors the reader has taken, of a product of so many."""
    return min(st.session_state.get(f"walk-{module.slug}", 0), whole)


def _walk_controls(module: Section, whole: int) -> None:
    slug = module.slug
    key = f"walk-{slug}"
    at = st.session_state[key] = _step(module, whole)

    def follow() -> None:
        page_parts.rerun(f"walk-{slug}", f"figure-1-{slug}")

    def go(step: int) -> None:
        st.session_state[key] = min(max(st.session_state[key] + step, 0), whole)
        follow()

    with st.container(key=f"{key}-controls", horizontal=True, vertical_alignment="bottom"):
        st.button("Back", icon=":material/arrow_back:", key=f"{key}-back", disabled=at == 0, on_click=go, args=(-1,))
        st.button(
            "Next factor",
            icon=":material/arrow_forward:",
            key=f"{key}-next",
            disabled=at == whole,
            on_click=go,
            args=(1,),
        )
        st.slider("Walk the product", 0, whole, key=key, width="stretch", on_change=follow)


def _figures(number: int, figures: tuple[Figure, ...]) -> None:
    for count, row in _rows(figures):
        for place, (offset, figure) in zip(_places(row), enumerate(row), strict=False):
            with place:
                _figure(f"Figure {number}.{count + offset}", figure)


def _places(row: tuple[Figure, ...]) -> list:
    """Where the figures of a row go; a last half may stand alone."""
    return st.columns(2, gap="large") if row[0].half else [contextlib.nullcontext()]


def _rows(figures: tuple[Figure, ...]) -> Iterator[tuple[int, tuple[Figure, ...]]]:
    """(number of the first figure, the figures) of each row: halves share one, the others have their own."""
    count = 1
    for half, run in itertools.groupby(figures, key=lambda figure: figure.half):
        run = tuple(run)
        size = 2 if half else 1
        for first in range(0, len(run), size):
            row = run[first : first + size]
            yield count, row
            count += len(row)


def _figure(label: str, figure: Figure) -> None:
    drawing = figure.drawing()
    # Streamlit gives each view of a stacked chart the whole width and forgets the axis beside it
    place = st.container(key=f"stacked-{label.replace(' ', '-').replace('.', '-')}") if "vconcat" in drawing else st
    place.vega_lite_chart({**drawing, "datasets": dict(figure.tables)}, width="stretch", alt=figure.title)
    st.caption(f"**{label}. {figure.title}.** {figure.caption}")


def _closing(module: Section) -> str:
    """What to remember, and what the lab simplifies, to unfold, as Markdown: the browser's own fold is a light one."""
    remember = f"**What to remember.** {module.remember.strip()}"
    if not module.look_closer:
        return remember
    return f"{remember}\n\n<details><summary>Look closer</summary>\n\n{module.look_closer.strip()}\n\n</details>"


def _receipt(module: Section) -> None:
    def content(settings: Settings) -> tuple[str, str]:
        receipt = contents(module, settings).receipt
        return receipt.equation, _sides(receipt)

    def show(equation_and_sides: tuple[str, str]) -> None:
        equation, sides = equation_and_sides  # apart: the browser need not set an equation again for other numbers
        st.markdown(f'<strong class="receipt">Receipt</strong>\n\n$$\n{equation}\n$$', unsafe_allow_html=True)
        st.markdown(sides)

    _place(module, "receipt", content, show)


def _sides(receipt: Receipt) -> str:
    """Both sides with all their digits, and how far they agree, as Markdown."""
    if receipt.agrees:
        verdict = (
            ":material/check: The two sides are equal, to the last digit."
            if receipt.difference == 0
            else f":material/check: The two sides agree: relative difference {words.number(receipt.difference, 2)}."
        )
    else:
        verdict = f":material/warning: Relative difference {words.number(receipt.difference, 2)}."
    sides = (("left side", receipt.autograd), ("right side", receipt.formula))
    sides += tuple(("for comparison", other) for other in receipt.others)
    rows = "\n".join(f"- **{words.all_digits(side.value)}**, {role}: {side.what}" for role, side in sides)
    return f"{rows}\n\n{verdict} {receipt.remark}"
