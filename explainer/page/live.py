"""What the browser tells the server besides the controls: what is in sight or near, what is dragged, when to catch up.

Streamlit's slider sends its value when the pointer lets go. An invisible component watches the sliders of ``DRAGGED``.
Unless :mod:`explainer.page.sweep` has sent all ahead that moves, it sends what is under the pointer. It waits for
the answer before it sends the next value, and skips what the pointer has passed meanwhile. The slider stays Streamlit's
own, with its keyboard, its label and the URL.

When a reader touches a control, the component sends which sections are in sight: these answer first. Once they have
been painted and the reader pauses, it asks for the late ones. It also says when the reader comes near a section, and
whether the page stands in a frame.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL, CONTROLS, Number
from explainer.choices.settings import Settings
from explainer.languages import say
from explainer.lesson import LAB_STEPS, SECTIONS
from explainer.lesson.opening import FIGURE
from explainer.page import opening, parts, pop_up, sweep, values, work
from explainer.page.state import page_state

DRAGGED = sweep.SWEPT
# controls by the key of the widget that is dragged
_SLIDERS = {name: name for name in (*DRAGGED, *sweep.OF_NETWORKS)} | opening.SLIDERS
_NUMBERS = {control.name: control.name for control in CONTROLS if isinstance(control, Number)}
_EVERY_SLIDER = _NUMBERS | opening.SLIDERS | work.SLIDERS
KEY = values.BROWSER
_SCRIPT = Path(__file__).with_name("live.js").read_text(encoding="utf-8")


def _reads() -> dict[str, dict[str, tuple[str, ...]]]:
    """The controls of each figure, by its title and the slug of its section."""
    read = {section.slug: {say(plot.title): plot.reads for plot in section.plots} for section in SECTIONS}
    return read | {opening.SLUG: {say(FIGURE.title): FIGURE.reads}}


_component = st.components.v2.component("explainer.live", js=_SCRIPT)


def listen() -> None:
    """Add the component to the end of the page, so that its answer comes after the figures."""
    values.forget_undrawn()
    parts.add(parts.ANSWER, lambda _: page_state().dragged, _answer, moved_by=())
    parts.remember_near(_sections(_message("near")))
    _framed()


def _answer(dragged: int) -> None:
    state = page_state()
    _component(
        key=KEY,
        data={
            "controls": (*CONTROL, *opening.SLIDERS, *work.SLIDERS),
            "sliders": _SLIDERS,
            "slow": sweep.OF_NETWORKS,
            "sections": state.sections,
            "reads": _reads(),
            "beyond": [section.slug for section in SECTIONS[LAB_STEPS:]],
            "idle": _idle(state.now),
            "answered": dragged,
            "pressed": state.pressed,
            "moves": state.moves,
            "told": values.tell(),
            "awaited": _awaited(),
            "late": parts.late_sections(),
            "drawn": parts.drawn(),
            "patience": state.patience,
            "at": parts.at(state.now),
            "query": state.chosen.to_query(),
        },
        on_moved_change=_moved,
        on_sight_change=_sight,
        on_pause_change=_pause,
        on_near_change=_near,
        on_framed_change=_framed,
        height=0,
    )


def _awaited() -> dict[str, str]:
    """Where the sliders stand once the browser has taken over what it is told: their values in words, by their keys.

    Streamlit tells a slider of its new value some moments after the rest of a run. Until then the browser's messages
    still have the old one.
    """
    controls = {key: CONTROL[name] for key, name in _EVERY_SLIDER.items()}
    return {key: controls[key].text(value) for key, value in values.awaited().items() if key in controls}


def _idle(settings: Settings) -> dict[str, str]:
    """The controls that change nothing now in a figure that reads another one too, which this gives by name."""
    asked = [(one.name, *one.only_with) for one in CONTROLS if one.only_with]
    return {name: other for name, other, value in asked if getattr(settings, other) != value}


def _message(kind: str) -> dict:
    """The browser's last message of a kind; empty if there is none, or if it is not what the component sends."""
    messages = st.session_state.get(KEY)
    message = messages.get(kind) if messages else None
    return message if isinstance(message, dict) else {}


def _sections(message: dict) -> list[str]:
    named = message.get("sections")
    return [slug for slug in page_state().sections if slug in named] if isinstance(named, list) else []


def _moved() -> None:
    message = _message("moved")
    name, text = message.get("name"), message.get("text")
    page_state().dragged = message.get("turn", 0)
    if name in DRAGGED and isinstance(text, str):
        value, _ = CONTROL[name].parse([text])
        parts.control_dragged(name, value, _sections(message))


def _sight() -> None:
    parts.set_in_sight(_sections(_message("sight")))


def _pause() -> None:
    parts.catch_up(_sections(_message("pause")))


def _near() -> None:
    parts.come_near(_sections(_message("near")))


def _framed() -> None:
    if _message("framed") and pop_up.learn_of_frame():
        parts.rerun_the_page()
