"""Pictures that follow the pointer without the server: the figures in sight for every value of a slider, sent ahead.

When the pointer or the focus comes to a slider of ``SWEPT``, the browser asks for its sweep; so it does for the sliders
``OF_NETWORKS``, where the networks are small enough. The script ``sweep.js``
draws from it while the slider moves, in the charts that Streamlit has made. When the slider is let go, the page answers
as it would without a sweep, with the same numbers to the last bit.

How a sweep is computed, and what is left out of it, :mod:`explainer.page.ahead` says. Figures of scalar cells that are
left out follow by messages, as :mod:`explainer.page.live` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.page import parts
from explainer.page.ahead import PATIENCE, Limits, OvertakenError, Work
from explainer.page.state import page_state
from explainer.serving.once import Kept
from explainer.serving.turns import Allowance

SWEPT = ("k", "h0", "w", "f", "spread", "u")
OF_NETWORKS = ("gain", "bf")
KEY = "sweep"

_SMALL = {"n": 16, "T": 100}  # the largest networks of which there are sweeps
_of_cells = Limits(2.0, 300_000, Allowance(0.2, most=2.0), leaves_out=True)
# a whole section of networks moves with a control: better none of it than a part, as none follows by messages
_of_networks = Limits(8.0, 600_000, Allowance(0.2, most=8.0), leaves_out=False)

_script = Path(__file__).with_name("sweep.js").read_text(encoding="utf-8")
_component = st.components.v2.component("explainer.sweep", js=_script)
_kept: Kept[bytes | None] = Kept(48)
_begun: Kept[Work] = Kept(6)  # each holds megabytes


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


def _sweep(name: str, sections: Sequence[str]) -> bytes:
    """The sweep for the reader whose script runs; empty if there is none, or none for now."""
    state = page_state()
    limits = _of_networks if name in OF_NETWORKS else _of_cells
    if name in OF_NETWORKS and any(getattr(state.chosen, size) > most for size, most in _SMALL.items()):
        return b""
    base = state.chosen.replace(**{name: CONTROL[name].default})
    swept = {key: part for key, part in parts.in_sight(name, sections).items() if part.sweep}
    own = state.language, name, tuple(sections), base, tuple((key, part.variant()) for key, part in swept.items())

    def computed() -> bytes | None:
        if not limits.allowance.has_left():
            raise OvertakenError
        packed = _begun.get(own, lambda: Work(name, sections, base, list(swept.values()), limits)).packed()
        _begun.forget(own)
        return packed

    try:
        return _kept.get(own, computed, PATIENCE) or b""
    except (OvertakenError, TimeoutError):
        return b""


def clear() -> None:
    """Forget every sweep: for tests and benchmarks."""
    _kept.clear()
    _begun.clear()
