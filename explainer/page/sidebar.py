"""The controls: in the sidebar with the presets, or above the sections where a link shows only some of them."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence

import streamlit as st

from explainer import words
from explainer.choices.controls import CONTROL, GATED, VANILLA, Choice, Control, Several
from explainer.choices.presets import PRESETS, Preset
from explainer.choices.settings import Settings
from explainer.figures.sweep import Slice
from explainer.languages import say
from explainer.lesson import SECTIONS
from explainer.page import parts, values
from explainer.page.state import page_state
from explainer.take import links
from explainer.take.links import View

_COLOR = {VANILLA: "orange", GATED: "blue"}  # of a group, in Markdown
_CLASS = {VANILLA: "vanilla", GATED: "gated"}  # and in the stylesheet
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
    values.read_controls()
    if is_whole:
        with st.sidebar:
            _sidebar()
    else:
        with st.container(key="controls"):
            if names:
                _above_the_sections(names)
    values.read_controls()


# --- one control --------------------------------------------------------------------------------------------


def _control(control: Control) -> None:
    """One control, with its help behind its question mark.

    A control is a fragment of its own. Otherwise the browser would fade the whole page at each move.
    """
    st.fragment(_widget, key=values.fragment_of(control.name))(control)


def _widget(control: Control) -> None:
    values.take(control.name)
    label = say(control.label)
    shared = {
        "key": control.name,
        "bind": "query-params",
        "help": f"{say(control.help)} {say('Moves {sections}.', sections=_sections_moved_by(control))}",
        "on_change": parts.control_moved,
        "args": (control.name,),
    }
    if isinstance(control, Choice):
        value = st.pills(label, control.values, default=control.default, required=True, **shared)
    elif isinstance(control, Several):
        value = st.pills(label, control.values, default=control.default, selection_mode="multi", **shared)
    else:
        value = st.select_slider(label, control.values, value=control.default, format_func=control.text, **shared)
    values.has_drawn(control.name, value)
    if control.only_with:
        other, _ = control.only_with
        parts.add(f"idle-{control.name}", _why_idle(control), _say_why_idle, (other,), parts.EVERYWHERE)
    if control.name == "f":
        parts.add(
            "forget-bias",
            lambda settings: settings.forget_bias,
            lambda bias: st.caption(_bias_in_words(bias)),
            moved_by=("f",),
            section=parts.EVERYWHERE,
            sweep=lambda settings: Slice(((_bias_in_words(settings.forget_bias),),)),
        )


def _why_idle(control: Control) -> Callable[[Settings], str]:
    """(settings) → why the control changes nothing, or little, in words; empty where it does what it says."""
    other, value = control.only_with
    always = [
        number
        for number, section in enumerate(SECTIONS, 1)
        if any(control.name in plot.reads and other not in plot.reads for plot in section.plots)
    ]

    def why(settings: Settings) -> str:
        said = {"control": say(CONTROL[other].label), "value": getattr(settings, other)}
        if said["value"] == value:
            return ""
        if not always:
            return say("While “{control}” is {value}, it changes nothing.", **said)
        return say("While “{control}” is {value}, it moves only {sections}.", sections=words.sections(always), **said)

    return why


def _say_why_idle(why: str) -> None:
    # also without a reason, so that what follows keeps its position
    st.html(f'<p class="idle">{html.escape(why)}</p>')


def _bias_in_words(bias: float) -> str:
    return say("As a forget bias: b = log(f/(1−f)) = {bias}.", bias=words.number(bias))


def _sections_moved_by(control: Control) -> str:
    return words.sections([number for number, section in enumerate(SECTIONS, 1) if control.name in section.moved_by])


def _by_group(names: Iterable[str]) -> list[tuple[str, list[Control]]]:
    """Controls by the group that they belong to."""
    groups = itertools.groupby((CONTROL[name] for name in names), key=lambda control: control.group)
    return [(group, list(members)) for group, members in groups]


# --- in the sidebar -----------------------------------------------------------------------------------------


def _sidebar() -> None:
    """Every control, by group. The browser folds away what does not move the section in sight: see follow.js."""
    for group, members in _by_group(CONTROL):
        with st.container(key=f"group-{group.lower().replace(' ', '-')}"):
            st.html(f'<details class="group"><summary class="{_CLASS.get(group, "")}">{say(group)}</summary></details>')
            for control in members:
                _control(control)
    st.markdown(f"### {say('Try a fact')}")
    parts.add("presets", lambda _: (page_state().preset or (None,))[0], _presets, moved_by=())
    _reset_button(say("Reset everything"), Settings(), width="stretch")


def _presets(taken: Preset | None) -> None:
    fold = st.expander(say("Presets"), icon=":material/bolt:", key="presets", on_change=parts.rerun, args=("presets",))
    with fold:
        if fold.open:
            st.markdown(_fact(taken))
            st.button(say("Undo"), icon=":material/undo:", key="preset-undo", disabled=not taken, on_click=_undo)
            for preset in PRESETS:
                _preset(preset)


def _fact(preset: Preset | None) -> str:
    """What the preset that has been taken shows, and where, as Markdown."""
    if preset is None:
        return say("Each sets up one fact.")
    return say(
        "**{name}**: {fact}. [Section {number}](#{slug}) shows it.",
        name=say(preset.name),
        fact=say(preset.fact),
        number=_section(preset),
        slug=preset.section,
    )


def _section(preset: Preset) -> int:
    """The number of the section that shows its fact."""
    return [section.slug for section in SECTIONS].index(preset.section) + 1


def _preset(preset: Preset) -> None:
    """One line: the preset, and the section that shows its fact, which is its link too."""
    key = f"preset-{preset.name.lower().replace(' ', '-')}"
    with st.container(key=f"{key}-line", horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            say(preset.name), on_click=_take_preset, args=(preset,), width="stretch", key=key, help=say(preset.fact)
        )
        link = links.address("", links.query(preset.settings) or "k=50", preset.section)
        st.markdown(f"[§ {_section(preset)}]({link})", width="content")


def _take_preset(preset: Preset) -> None:
    state = page_state()
    state.preset = preset, state.chosen
    parts.set_moved(values.of(preset.settings), "presets")


def _undo() -> None:
    """Go back to the state before the preset."""
    _, before = page_state().preset
    page_state().preset = None
    parts.set_moved(values.of(before), "presets")


def _reset_button(
    label: str, settings: Settings, names: Collection[str] = tuple(CONTROL), width: str = "content"
) -> None:
    def show(_: None) -> None:
        st.button(
            label, icon=":material/restart_alt:", on_click=_reset, args=(settings, names), width=width, key="reset"
        )

    # a part: a press outside of all parts asks for the whole page, and Streamlit forgets its files before the callback
    parts.add("reset", lambda _: None, show, moved_by=())


def _reset(settings: Settings, names: Collection[str] = tuple(CONTROL)) -> None:
    parts.set_kept(settings.kept, values.of(settings, names))


# --- above the sections -------------------------------------------------------------------------------------


def _above_the_sections(names: Sequence[str]) -> None:
    with st.expander(say("Controls"), icon=":material/tune:", expanded=len(names) <= _FEW):
        for group, members in _by_group(names):
            st.markdown(f"**:{_COLOR.get(group, 'gray')}[{say(group)}]**")
            with st.container(horizontal=True, gap="medium"):  # as many abreast as there is room for
                for control in members:
                    with st.container(width=_WIDTH):
                        _control(control)
        _reset_button(say("Back to the link's values"), page_state().linked, names)
