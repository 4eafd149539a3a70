"""The parts of the page that move. Each is a fragment of its own, and a control reruns just those that it changes.

A full run of the script draws the page. After that, a control asks every part in sight what it would show now,
compares that with what the part has shown last, and has Streamlit rerun the parts that differ: what stays the same is
neither sent nor drawn again, and the prose is never sent twice. The parts out of sight are late then; the browser asks
for them as soon as it has painted and the reader pauses.

What moves in a section is part of all this from when the reader first comes near; until then its place is kept.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explainer.choices.controls import BOTH, CONTROL, FORMATS, GATED, VANILLA
from explainer.choices.settings import Settings
from explainer.page import state as page_state
from explainer.serving.turns import Places, Turns

_PARTS, _SHOWN, _WHOLE = "parts", "parts-shown", "parts-are-whole"
_SIGHT, _LATE, _MOVES = "parts-sections-in-sight", "parts-late", "parts-moves"
_SECTIONS, NEAR = "parts-sections", "parts-sections-near"  # slugs: all of the page's, and those come near
_QUICK = (BOTH, VANILLA, GATED, FORMATS)  # the others may take seconds, and change how many figures there are
_FEW, _FIRST = 2, 1  # sections: so few are drawn at once, and so many of a longer page

_turns, _URGENCY = Turns(), "parts-urgency"
# A reader whose rest waits for its turn cannot be answered until it has had it. So no more than these wait at a time.
_rests, _ME, _PATIENCE = Places(3, seconds=5.0), "parts-reader", "parts-patience"
PAUSE, LATER = 30, (1000, 2000)  # milliseconds until the browser asks for the rest, and if there is no place for it
SEEN, WHOLE, UNSEEN = range(3)  # how urgent: what a reader waits for, a whole page, what is out of sight

EVERYWHERE = "everywhere"  # the section of what is in sight wherever the reader is
ANSWER = "answer"  # the key of the part that tells the browser what it has got; it runs last


@dataclass(frozen=True)
class Part:
    """One part of the page.

    Attributes:
        content: what it shows at some settings, to be compared with ==; cheap if it has been asked before.
        moved_by: names of the controls that can change it.
        section: the slug of the section it belongs to, or ``EVERYWHERE``; with neither it waits for the end of a drag.
    """

    content: Callable[[Settings], object]
    moved_by: Collection[str]
    section: str


def begin(sections: Sequence[str]) -> None:
    """A full run begins: every part of these sections, by their slugs, will be placed anew."""
    state = st.session_state
    state[_SECTIONS] = tuple(sections)
    state.setdefault(NEAR, set(sections[:_FIRST]))
    state[_PARTS], state[_SHOWN], state[_LATE], state[_WHOLE], state[_URGENCY] = {}, {}, set(), False, WHOLE
    state.setdefault(_MOVES, 0)
    state.setdefault(_ME, object())
    _give_back()


def _give_back() -> None:
    st.session_state[_PATIENCE] = PAUSE
    _rests.give_back(st.session_state[_ME])


def end() -> None:
    """Every part has been placed."""
    st.session_state[_WHOLE] = True


def place(
    key: str,
    content: Callable[[Settings], Any],
    draw: Callable[[Any], None],
    moved_by: Collection[str] = tuple(CONTROL),
    section: str = "",
    holds_parts: bool = False,
) -> None:
    """A part of the page, here: ``draw`` draws what ``content`` gives, now and whenever a control changes it.

    It is drawn in a turn of this reader's, unless it ``holds_parts``, which take turns of their own.
    """
    st.session_state[_PARTS][key] = Part(content, moved_by, section)

    @st.fragment(key=key)
    def part() -> None:
        shown = st.session_state[_SHOWN]
        shown.pop(key, None)  # a run that is overtaken leaves a part half drawn
        with _turns.turn(st.session_state[_URGENCY]):
            what = content(page_state.now())
            if not holds_parts:
                draw(what)
        if holds_parts:
            draw(what)
        shown[key] = what
        st.session_state[_LATE].discard(key)
        if key == ANSWER:
            st.session_state[_URGENCY] = SEEN
            _give_back()

    part()


# --- what a reader sees -------------------------------------------------------------------------------------


def look_at(sections: Collection[str]) -> None:
    """The reader has these sections in sight, by their slugs. Until the browser says so, every section is."""
    st.session_state[_SIGHT] = frozenset(sections)


def _out_of_sight() -> set[str]:
    """The sections that can wait: none on a page of a few, which are as quick together."""
    shown = set(st.session_state[_SECTIONS])
    return shown - st.session_state.get(_SIGHT, shown) if len(shown) > _FEW else set()


def sections() -> tuple[str, ...]:
    """The sections of this page in order, by their slugs."""
    return st.session_state[_SECTIONS]


def drawn() -> list[str]:
    """The sections whose moving parts are drawn, by their slugs: all of a few, else what the reader has come near."""
    shown = st.session_state[_SECTIONS]
    return [slug for slug in shown if len(shown) <= _FEW or slug in st.session_state[NEAR]]


def come_near(sections: Collection[str]) -> None:
    """The reader has come near these sections: draw what moves in them that is not drawn, now and from now on."""
    if set(sections) <= st.session_state[NEAR]:
        return
    st.session_state[NEAR].update(sections)
    if not st.session_state.get(_WHOLE):
        st.rerun()  # everything
    _rerun_late(SEEN, [key for key, part in st.session_state[_PARTS].items() if part.section in sections])


def moves() -> int:
    """How often this reader has moved a control."""
    return st.session_state[_MOVES]


def late() -> list[str]:
    """The sections with parts that do not show yet what they should, by their slugs."""
    return sorted({st.session_state[_PARTS][key].section for key in st.session_state[_LATE]})


def patience() -> int:
    """Milliseconds without a move after which the browser may ask for what is late."""
    return st.session_state[_PATIENCE]


# --- what a control reruns ----------------------------------------------------------------------------------


def _changed(urgency: int, keys: Iterable[str]) -> list[str]:
    """Which of these parts would show something else now; they and the next run of parts are this urgent."""
    st.session_state[_URGENCY], settings = urgency, page_state.now()
    parts, shown, nothing = st.session_state[_PARTS], st.session_state[_SHOWN], object()
    with _turns.turn(urgency):
        return [key for key in keys if shown.get(key, nothing) != parts[key].content(settings)]


def _moved_by(name: str) -> dict[str, Part]:
    return {key: part for key, part in st.session_state[_PARTS].items() if name in part.moved_by}


def follow(name: str) -> None:
    """What a control does when it has been moved: rerun the parts in sight that change, or the whole page if it must
    be.
    """
    page_state.settle()
    if CONTROL[name].group not in _QUICK or not st.session_state.get(_WHOLE):
        st.rerun()  # everything
    moved = _moved_by(name)
    st.session_state[_LATE].update(moved)
    st.session_state[_MOVES] += 1
    waiting = _out_of_sight()
    _rerun_late(SEEN, [key for key, part in moved.items() if part.section not in waiting])


def catch_up(sections: Collection[str]) -> None:
    """Rerun what is late: what has come in sight, these sections, or else the rest, unless many wait for theirs."""
    if not st.session_state.get(_WHOLE):
        return
    parts, late_ones = st.session_state[_PARTS], st.session_state[_LATE]
    keys = [key for key in parts if key in late_ones]
    seen = [key for key in keys if parts[key].section in {EVERYWHERE, *sections}]
    if seen:
        _rerun_late(SEEN, seen)
    elif _rests.take(st.session_state[_ME]):
        _rerun_late(UNSEEN, keys)
    else:
        st.session_state[_PATIENCE] = random.randint(*LATER)  # so that they do not all come again at once
        st.rerun([ANSWER])


def _rerun_late(urgency: int, keys: list[str]) -> None:
    changed = _changed(urgency, keys)
    st.session_state[_LATE].difference_update(set(keys) - set(changed))
    st.rerun([*changed, ANSWER])


def follow_drag(name: str, value: object, sections: Collection[str]) -> None:
    """While a control is dragged over a value: rerun what changes in these sections."""
    if not st.session_state.get(_WHOLE):
        return
    page_state.drag(name, value)
    moved, in_sight = _moved_by(name), {EVERYWHERE, *sections}
    if page_state.now() == page_state.chosen():  # let go where it began; what has followed may be out of sight by now
        st.session_state[_LATE].update(moved)
    st.rerun([*_changed(SEEN, [key for key, part in moved.items() if part.section in in_sight]), ANSWER])


def rerun(*keys: str) -> None:
    """What a callback does that concerns these parts alone, as far as the page has them.

    Every widget in a part has one that says so: what the browser says in the same moment, such as that the reader has
    come near a section, reruns other parts, and Streamlit then reruns these alone.
    """
    if st.session_state.get(_WHOLE):
        st.rerun([key for key in keys if key in st.session_state[_PARTS]])
