"""All of Streamlit's churn in one place: the URL, the sidebar, and the five parts of a section."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import html
import itertools
from collections.abc import Collection, Iterator
from pathlib import Path

import streamlit as st

from explainer import drawings, gradients, lesson, links, page_work, words
from explainer.controls import CONTROL, CONTROLS, GATED, VANILLA, Choice, Control, Several
from explainer.figures import Figure
from explainer.lesson import Prediction, Receipt, Section
from explainer.presets import PRESETS, Preset
from explainer.sections import SECTIONS
from explainer.settings import Settings, from_query

STYLESHEET = Path(__file__).with_name("page.css")
SCRIPT = Path(__file__).with_name("page.html")
ICON = str(Path(__file__).with_name("icon.svg"))
_NOTES = "notes-on-the-link"
_GROUP_COLOR = {VANILLA: "orange", GATED: "blue"}


@st.cache_resource
def _freeze_imports() -> None:
    gc.collect()
    gc.freeze()


def settle_memory() -> None:
    """Once per process: what the imports brought is here to stay; later collections need not look at it."""
    _freeze_imports()


# --- the URL ------------------------------------------------------------------------------------------------


def read_link() -> None:
    """On a reader's first run: put the URL right where it asks for what cannot be, and note it once."""
    if _NOTES in st.session_state:
        return
    asked = {control.name: st.query_params.get_all(control.name) for control in CONTROLS}
    settings, st.session_state[_NOTES] = from_query(asked)
    canonical = settings.to_query()
    unlike = [name for name, texts in asked.items() if texts and texts != canonical.get(name)]
    for name in unlike:  # no widget is there yet; each takes its value from the URL
        if name in canonical:
            st.query_params[name] = canonical[name]
        else:
            del st.query_params[name]
    if unlike:
        st.rerun()


def _as_widget(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def show_notes() -> None:
    """The notes on the link, until the reader has seen them: they leave with the next change."""
    place = st.empty()  # always there, so that the charts below keep their place
    if notes := st.session_state[_NOTES]:
        place.warning("Some of this link could not be used as it is: " + "; ".join(notes) + ".", icon=":material/link:")
        st.session_state[_NOTES] = ()


# --- the sidebar --------------------------------------------------------------------------------------------


def linked() -> Settings:
    """What the URL says. A control that is not drawn keeps this value, and its place in the URL."""
    return from_query({control.name: st.query_params.get_all(control.name) for control in CONTROLS})[0]


def set_controls(settings: Settings, names: Collection[str] = tuple(CONTROL)) -> None:
    """Put the controls of these names, all of them drawn, at the values of the settings."""
    for name in names:
        st.session_state[name] = _as_widget(getattr(settings, name))


def _moves(control: Control) -> str:
    numbers = [n for n, section in enumerate(SECTIONS, 1) if control.name in section.MOVED_BY]
    return f"Moves {words.sections(numbers)}."


def _group_moves(controls: list[Control]) -> str:
    names = {control.name for control in controls}
    numbers = [n for n, section in enumerate(SECTIONS, 1) if names & set(section.MOVED_BY)]
    return f"These move {words.sections(numbers)}."


def group_heading(group: str) -> str:
    """A group of controls by name, as Markdown in the colour of its cell."""
    return f":{_GROUP_COLOR.get(group, 'gray')}[{group}]"


def widget(control: Control, explain: bool = True) -> None:
    """One control; its help stands below it, or, to save room, with its question mark."""
    said = _moves(control) if explain else f"{control.help} {_moves(control)}"
    shared = {"key": control.name, "bind": "query-params", "help": said}
    if isinstance(control, Choice):
        st.pills(control.label, control.values, default=control.default, required=True, **shared)
    elif isinstance(control, Several):
        st.pills(control.label, control.values, default=control.default, selection_mode="multi", **shared)
    else:
        st.select_slider(control.label, control.values, value=control.default, format_func=control.text, **shared)
    if explain:
        st.caption(control.help)
    if control.name == "f":
        bias = Settings(f=st.session_state["f"]).forget_bias
        st.caption(f"As a forget bias: b = log(f/(1−f)) = {words.number(bias)}.")


def sidebar() -> Settings:
    """Draw every control and return what they say."""
    with st.sidebar:
        st.subheader("Try a fact", anchor=False)
        with st.expander("Presets", icon=":material/bolt:"):
            for preset in PRESETS:
                _preset_button(preset)
        st.button(
            "Reset everything",
            icon=":material/restart_alt:",
            on_click=set_controls,
            args=(Settings(),),
            width="stretch",
            key="reset",
        )
        for group, controls in itertools.groupby(CONTROLS, key=lambda control: control.group):
            st.subheader(group_heading(group), anchor=False)
            controls = list(controls)
            st.caption(_group_moves(controls))
            for control in controls:
                widget(control)
    return chosen(tuple(CONTROL))


def chosen(names: Collection[str]) -> Settings:
    """The settings: of the controls that are drawn, what they say; of the others, what the URL says."""
    return linked().replace(**{name: _chosen(CONTROL[name]) for name in names})


def _chosen(control: Control) -> object:
    value = st.session_state[control.name]
    if isinstance(control, Several):
        return tuple(name for name in control.values if name in value) or control.default  # none is no choice
    return value


def _preset_button(preset: Preset) -> None:
    st.button(
        preset.name,
        on_click=set_controls,
        args=(preset.settings,),
        width="stretch",
        key=f"preset-{preset.name.lower().replace(' ', '-')}",
    )
    st.markdown(f":small[{preset.fact} · [link](?{links.query(preset.settings)})]")


# --- above the sections -------------------------------------------------------------------------------------


def status_bar(settings: Settings) -> None:
    """What each cell does now, in one line that stays in sight, and the way to every section."""
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    with st.container(key="status-bar", horizontal=True, vertical_alignment="center"):
        st.html(
            '<p role="status" aria-live="polite" class="status">'
            f'<span class="vanilla">vanilla</span> {html.escape(drawings.verdict(vanilla))} '
            f'<span class="aside">·</span> <span class="gated">gated</span> {html.escape(drawings.verdict(gated))} '
            f'<span class="aside">at k = {settings.k}</span></p>'
        )
        with st.popover("Contents", icon=":material/toc:", width="content"):
            st.markdown(contents())
            st.caption(_progress())


def _progress() -> str:
    answered = sum(st.session_state.get(_answer_key(lesson.slug(section))) is not None for section in SECTIONS)
    return f"Predictions made: {answered} of {len(SECTIONS)}."


def _answer_key(slug: str) -> str:
    return f"answer-{slug}"


def contents() -> str:
    """The table of contents as Markdown."""
    lines = [f"{n}. [{section.TITLE}](#{lesson.slug(section)})" for n, section in enumerate(SECTIONS, 1)]
    return "\n".join(lines) + "\n\n[Notation](#notation) · [References](#references)"


# --- a section ----------------------------------------------------------------------------------------------


def section(number: int, module: Section, settings: Settings) -> None:
    """One section in its five parts, always the same elements in the same order."""
    slug = lesson.slug(module)
    with st.container(key=f"section-{slug}"):
        st.header(f"{number}. {module.TITLE}", anchor=slug)
        st.markdown(module.ARGUMENT)
        with _patience() if "n" in module.MOVED_BY else contextlib.nullcontext():
            prediction = module.prediction(settings)
            receipt = module.receipt(settings)
            by_itself = hasattr(module, "plan") or hasattr(module, "walk")
            figures = () if by_itself else module.figures_at(settings)
        _prediction(slug, prediction)
        if hasattr(module, "plan"):
            page_work.panel(slug, module, settings, lambda drawn: _figures(number, drawn))
        elif hasattr(module, "walk"):
            _walk(number, module, settings)
        else:
            _figures(number, figures)
        _receipt(receipt)
        with st.container(key=f"remember-{slug}"):
            st.markdown(f"**What to remember.** {module.REMEMBER}")
        if module.LOOK_CLOSER:
            with st.expander("Look closer", icon=":material/zoom_in:"):
                st.markdown(module.LOOK_CLOSER)


def _patience() -> contextlib.AbstractContextManager:
    """What a reader of large networks sees meanwhile; appears only after half a second."""
    return st.spinner("Computing these networks …", show_time=True)


def _prediction(slug: str, prediction: Prediction) -> None:
    with st.container(key=f"predict-{slug}"):
        st.markdown(f"**Before you look.** {prediction.question}")
        texts = [option.text for option in prediction.options]
        chosen = st.radio(
            "Your prediction",
            range(len(texts)),
            index=None,
            format_func=texts.__getitem__,
            key=_answer_key(slug),
            label_visibility="collapsed",
        )
        answer = st.empty()  # keeps its place while there is no answer
        if chosen is not None:
            right, told = chosen == prediction.right, prediction.options[chosen].told
            lead = (
                ""
                if prediction.right is None
                else (
                    ":material/check: **Yes.**"
                    if right
                    else (f":material/close: **Not with these settings.** It is “{texts[prediction.right]}”.")
                )
            )
            answer.markdown(f"{lead} {told}")


@st.fragment
def _walk(number: int, module: Section, settings: Settings) -> None:
    """The figures of a section whose product can be walked, one factor at a time; a step redraws nothing else."""
    figures, stops = module.figures_at(settings), module.walk(settings)
    key = f"walk-{lesson.slug(module)}"
    at = min(st.session_state.get(key, 0), len(stops))
    st.session_state[key] = at

    def go(step: int) -> None:
        st.session_state[key] = min(max(st.session_state[key] + step, 0), len(stops))

    with st.container(key=f"{key}-controls", horizontal=True, vertical_alignment="bottom"):
        st.button("Back", icon=":material/arrow_back:", key=f"{key}-back", disabled=at == 0, on_click=go, args=(-1,))
        st.button(
            "Next factor",
            icon=":material/arrow_forward:",
            key=f"{key}-next",
            disabled=at == len(stops),
            on_click=go,
            args=(1,),
        )
        st.slider("Walk the product", 0, len(stops), key=key, width="stretch")
    first = figures[0]
    if at:
        first = dataclasses.replace(first, tables={**first.tables, "walk": stops[at - 1].marks})
    _figures(number, (first, *figures[1:]))
    st.caption(f"**Step {at} of {len(stops)}.** {stops[at - 1].words if at else 'Take the factors one by one.'}")


def _figures(number: int, figures: tuple[Figure, ...]) -> None:
    for count, row in _rows(figures):
        places = st.columns(2, gap="large") if row[0].half else [st.container()]
        for place, (offset, figure) in zip(places, enumerate(row), strict=False):  # a last half may stand alone
            with place:
                _figure(f"Figure {number}.{count + offset}", figure)


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
    place.vega_lite_chart({**drawing, "datasets": dict(figure.tables)}, width="stretch", alt=figure.name)
    st.caption(f"**{label}. {figure.name}.** {figure.words}")


def _receipt(receipt: Receipt) -> None:
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
    with st.container(border=True):
        st.markdown(f"**Receipt**\n\n$$\n{receipt.equation}\n$$\n\n{rows}\n\n{verdict} {receipt.remark}")
