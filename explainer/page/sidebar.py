"""The controls: in the sidebar with the presets, or above the sections where a link shows only some of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import streamlit as st

from explainer import words
from explainer.choices.controls import CONTROL, GATED, VANILLA, Choice, Control, Several
from explainer.choices.presets import PRESETS, Preset
from explainer.choices.settings import Settings
from explainer.figures.sweep import Slice
from explainer.lesson import SECTIONS
from explainer.page import parts
from explainer.page.state import page_state, read_controls, set_controls
from explainer.take import links
from explainer.take.links import View

_GROUP_COLOR = {VANILLA: "orange", GATED: "blue"}
_WIDTH = 300  # pixels of a control above the sections
_FEW = 12  # so many controls above the sections stand open; more are folded away


def controls(view: View) -> None:
    """Draw the view's controls and take over what they say.

    The whole page has them in its sidebar. A part of it, or an iframe, has them above the sections. A control that is
    not drawn keeps its value in the link.
    """
    is_whole = view.sections is None and view.controls is None and not st.context.is_embedded
    names = tuple(CONTROL) if is_whole else view.movable({section.slug: section.moved_by for section in SECTIONS})
    page_state().controls = names
    read_controls()
    if is_whole:
        with st.sidebar:
            _sidebar()
    else:
        with st.container(key="controls"):
            if names:
                _above_the_sections(names)
    read_controls()


# --- one control --------------------------------------------------------------------------------------------


def _control(control: Control, explain: bool) -> None:
    """One control. To ``explain`` it, its help stands below it; otherwise it stands behind its question mark.

    A control is a fragment of its own. Otherwise the browser would fade the whole page at each move.
    """
    st.fragment(_widget, key=f"control-{control.name}")(control, explain)


def _widget(control: Control, explain: bool) -> None:
    moves = f"Moves {_sections_moved_by([control])}."
    shared = {
        "key": control.name,
        "bind": "query-params",
        "help": moves if explain else f"{control.help} {moves}",
        "on_change": parts.control_moved,
        "args": (control.name,),
    }
    if isinstance(control, Choice):
        st.pills(control.label, control.values, default=control.default, required=True, **shared)
    elif isinstance(control, Several):
        st.pills(control.label, control.values, default=control.default, selection_mode="multi", **shared)
    else:
        st.select_slider(control.label, control.values, value=control.default, format_func=control.text, **shared)
    if explain:
        st.caption(control.help)
    if control.name == "f":
        parts.add(
            "forget-bias",
            lambda settings: settings.forget_bias,
            lambda bias: st.caption(_bias_in_words(bias)),
            moved_by=("f",),
            section=parts.EVERYWHERE,
            sweep=lambda settings: Slice(((_bias_in_words(settings.forget_bias),),)),
        )


def _bias_in_words(bias: float) -> str:
    return f"As a forget bias: b = log(f/(1−f)) = {words.number(bias)}."


def _sections_moved_by(moving: Iterable[Control]) -> str:
    names = {control.name for control in moving}
    return words.sections([number for number, section in enumerate(SECTIONS, 1) if names & set(section.moved_by)])


def _by_group(names: Iterable[str]) -> list[tuple[str, list[Control]]]:
    """Controls under the heading of their group, in the colour of its cell (Markdown)."""
    groups = itertools.groupby((CONTROL[name] for name in names), key=lambda control: control.group)
    return [(f":{_GROUP_COLOR.get(group, 'gray')}[{group}]", list(members)) for group, members in groups]


# --- in the sidebar -----------------------------------------------------------------------------------------


def _sidebar() -> None:
    st.markdown("### Try a fact")
    parts.add("presets", lambda _: None, _presets, moved_by=())
    st.button(
        "Reset everything",
        icon=":material/restart_alt:",
        on_click=set_controls,
        args=(Settings(),),
        width="stretch",
        key="reset",
    )
    for heading, members in _by_group(CONTROL):
        st.markdown(f"### {heading}\n\n:small[These move {_sections_moved_by(members)}.]")
        for control in members:
            _control(control, explain=True)


def _presets(_: None) -> None:
    fold = st.expander("Presets", icon=":material/bolt:", key="presets", on_change=parts.rerun, args=("presets",))
    with fold:
        if fold.open:
            for preset in PRESETS:
                _preset(preset)


def _preset(preset: Preset) -> None:
    st.button(
        preset.name,
        on_click=_take_preset,
        args=(preset,),
        width="stretch",
        key=f"preset-{preset.name.lower().replace(' ', '-')}",
    )
    st.markdown(f":small[{preset.fact} · [link](?{links.query(preset.settings)})]")


def _take_preset(preset: Preset) -> None:
    set_controls(preset.settings)
    st.rerun()  # the whole page


# --- above the sections -------------------------------------------------------------------------------------


def _above_the_sections(names: Sequence[str]) -> None:
    with st.expander("Controls", icon=":material/tune:", expanded=len(names) <= _FEW):
        for heading, members in _by_group(names):
            st.markdown(f"**{heading}**")
            with st.container(horizontal=True, gap="medium"):  # as many abreast as there is room for
                for control in members:
                    with st.container(width=_WIDTH):
                        _control(control, explain=False)
        st.button(
            "Back to the link's values",
            icon=":material/restart_alt:",
            on_click=set_controls,
            args=(page_state().linked, names),
            key="reset",
        )
