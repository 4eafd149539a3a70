"""Pictures that follow the pointer without the server: the figures in sight for every value of a slider, sent ahead.

When the pointer or the focus comes to a slider of ``SWEPT``, the browser asks for its sweep; so it does for the sliders
``OF_NETWORKS``, where the networks are small enough. The script ``sweep.js``
draws from it while the slider moves, in the charts that Streamlit has made. When the slider is let go, the page answers
as it would without a sweep, with the same numbers to the last bit.

A sweep takes its turns to compute after everybody else. What takes too long, or makes it too large, is left out: these
figures follow by messages, as :mod:`explainer.page.live` says.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures import rows
from explainer.figures.sweep import Slice, pack
from explainer.maths.results import at_once
from explainer.page import parts
from explainer.page.state import Part, Urgency, page_state
from explainer.serving.once import Kept
from explainer.serving.turns import Allowance

SWEPT = ("k", "h0", "w", "f", "spread", "u")
OF_NETWORKS = ("gain", "bf")
KEY = "sweep"

_SMALL = {"n": 16, "T": 100}  # the largest networks of which there are sweeps
_PATIENCE = 0.1  # seconds that a sweep waits for a turn: until it is there, the reader's next move waits as well
_TURN = 0.01  # seconds after which others may compute


Swept = tuple[Mapping[str, str], Sequence[Slice]]  # where a part stands, and its slices, one for each value


@dataclass(frozen=True)
class Limits:
    """What a sweep may cost.

    Attributes:
        seconds: of computing.
        bytes: of what is sent.
        allowance: of all readers; where many drag at a time, most of them get no sweep.
    """

    seconds: float
    bytes: int
    allowance: Allowance


_of_cells = Limits(2.0, 300_000, Allowance(0.2, most=2.0))
_of_networks = Limits(8.0, 600_000, Allowance(0.2, most=8.0))

_script = Path(__file__).with_name("sweep.js").read_text(encoding="utf-8")
_component = st.components.v2.component("explainer.sweep", js=_script)
_kept: Kept[bytes | None] = Kept(48)


def listen() -> None:
    """Add the component to the end of the page."""
    parts.add(KEY, lambda _: None, _answer, moved_by=(), holds_parts=True)


def _answer(_: None) -> None:
    state = page_state()
    wanted, state.sweep = state.sweep, None
    _component(key=KEY, data=_sweep(*wanted) if wanted else b"", on_wanted_change=_wanted, height=0)


def _wanted() -> None:
    """The browser asks for a sweep: of which control, and with which sections in sight."""
    said = st.session_state.get(KEY)
    message = said.get("wanted") if said else None
    if not isinstance(message, dict) or message.get("name") not in (*SWEPT, *OF_NETWORKS):
        return
    named, state = message.get("sections"), page_state()
    sections = tuple(slug for slug in state.sections if slug in named) if isinstance(named, list) else ()
    if state.is_whole and message["name"] in state.controls:
        state.sweep = message["name"], sections
        parts.rerun_after_sight(KEY, sections)


class OvertakenError(Exception):
    """There is no time for a sweep: its reader has said something else since, or has left, or too many ask."""


def _sweep(name: str, sections: Sequence[str]) -> bytes:
    """The sweep for the reader whose script runs; empty if there is none, or none for now."""
    state = page_state()
    limits = _of_networks if name in OF_NETWORKS else _of_cells
    if name in OF_NETWORKS and any(getattr(state.chosen, size) > most for size, most in _SMALL.items()):
        return b""
    base = state.chosen.replace(**{name: CONTROL[name].default})
    swept = {key: part for key, part in parts.in_sight(name, sections).items() if part.sweep}
    own = name, tuple(sections), base, tuple((key, part.variant()) for key, part in swept.items())
    try:
        return _kept.get(own, lambda: _packed(name, sections, base, list(swept.values()), limits)) or b""
    except (OvertakenError, TimeoutError):
        return b""


def _packed(name: str, sections: Sequence[str], base: Settings, swept: Sequence[Part], limits: Limits) -> bytes | None:
    """The sweep, computed in many short turns; None if nothing of it is quick and small enough."""
    if not limits.allowance.has_left():
        raise OvertakenError
    made = _computed(name, base, swept, limits)
    header = {
        "name": name,
        "sections": list(sections),
        "at": parts.at(base),
        "values": [CONTROL[name].text(value) for value in CONTROL[name].values],
    }

    def pack_all(some: Sequence[Swept]) -> bytes:
        with parts.turns.turn(Urgency.AHEAD, _PATIENCE):
            return pack(header | {"partial": len(some) < len(swept)}, some)

    packed = pack_all(made)
    if len(packed) > limits.bytes:
        made = _smallest(made, limits.bytes - len(pack_all([])))
        packed = pack_all(made)
    is_worth_it = made or not swept  # where nothing is in sight that moves, there is nothing to ask the server for
    return packed if is_worth_it and len(packed) <= limits.bytes else None


def _computed(name: str, base: Settings, swept: Sequence[Part], limits: Limits) -> list[Swept]:
    """Of each part where it stands, and its slices; without the parts for which there is no time.

    The turn is always with the part that has had the least time, so none is in the way of others.
    """
    many = base.each(name, CONTROL[name].values)
    slices, taken = [[] for _ in swept], [0.0 for _ in swept]
    waiting = set(range(len(swept)))
    with at_once(name, CONTROL[name].values), rows.bare():
        while waiting and sum(taken) < limits.seconds:
            if _is_overtaken():
                raise OvertakenError
            which = min(waiting, key=taken.__getitem__)
            made, part, before = slices[which], swept[which], taken[which]
            with parts.turns.turn(Urgency.AHEAD, _PATIENCE):
                now = time.thread_time()
                while len(made) < len(many) and taken[which] - before < _TURN:
                    made.append(part.sweep(many[len(made)]))
                    taken[which], now = taken[which] + time.thread_time() - now, time.thread_time()
                limits.allowance.spend(taken[which] - before)
            if len(made) == len(many):
                waiting.remove(which)
    return [({"section": one.section}, slices[which]) for which, one in enumerate(swept) if which not in waiting]


def _smallest(made: Sequence[Swept], most: int) -> list[Swept]:
    """As many parts as so many bytes have room for, the smallest first; in the order of the page."""
    sizes = []
    for one in made:
        with parts.turns.turn(Urgency.AHEAD, _PATIENCE):
            sizes.append(len(pack({}, [one])))
    smallest_first = sorted(range(len(made)), key=sizes.__getitem__)
    sums = itertools.accumulate(sizes[which] for which in smallest_first)
    kept = {which for which, size in zip(smallest_first, sums, strict=True) if size <= most}
    return [one for which, one in enumerate(made) if which in kept]


def _is_overtaken() -> bool:
    """Whether another message of this reader waits, or the reader has gone: the run that computes has to end."""
    context = get_script_run_ctx()
    return context is not None and context.script_requests._state is not ScriptRequestType.CONTINUE


def clear() -> None:
    """Forget every sweep: for tests and benchmarks."""
    _kept.clear()
