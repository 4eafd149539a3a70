"""The parts of the page: each is a fragment, and a control reruns only those that it changes.

A full run of the script draws the page. After that, a moved control asks each part in sight what it would show now and
compares that with what the part has shown last; Streamlit reruns the parts that differ. What stays the same is neither
sent nor drawn again. Parts out of sight are late then: the browser asks for them when it has painted and the reader
pauses. A section's parts exist from when the reader first comes near it.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import streamlit as st

from explainer.choices.controls import BOTH, CONTROL, CONTROLS, FORMATS, GATED, VANILLA
from explainer.choices.keeping import KEEP
from explainer.choices.settings import Settings
from explainer.figures.sweep import Slice
from explainer.page import values
from explainer.page.state import PAUSE, Part, Urgency, keep, page_state
from explainer.serving.turns import Permits, Turns

EVERYWHERE = "everywhere"  # the section of a part that is in sight wherever the reader is
ANSWER = "answer"  # the key of the part that tells the browser what it has got; it runs last

_QUICK = (BOTH, VANILLA, GATED, FORMATS)  # other controls take seconds, and change how many figures there are
_FEW, _FIRST = 2, 2  # sections: a page of so few is drawn whole; of a longer one so many are drawn at first
_LATER = (1000, 2000)  # milliseconds after which a browser asks again that has got no permit

turns = Turns()
# While a reader's late parts wait for a turn, that reader's next move waits too. So few readers may wait for theirs.
_permits = Permits(3, seconds=5.0)


def begin(sections: Sequence[str]) -> None:
    """Begin a full run of a page with these sections, by their slugs."""
    state = page_state()
    state.sections = tuple(sections)
    state.near = state.near or set(sections[:_FIRST])
    state.parts, state.shown, state.late, state.drawn, state.drawing = {}, {}, set(), set(), ""
    state.is_whole, state.urgency = False, Urgency.WHOLE_PAGE
    _return_permit()


def end() -> None:
    """End a full run: every part is on the page."""
    page_state().is_whole = True


def rerun_the_page() -> None:
    """Run all of it, from a callback or a fragment."""
    page_state().is_whole = False  # the run may be overtaken before it has begun
    st.rerun()


def _resume() -> None:
    """Run all of the page if such a run has been overtaken; Streamlit does not resume it."""
    if not page_state().is_whole:
        st.rerun()


def _return_permit() -> None:
    state = page_state()
    state.patience = PAUSE
    _permits.give_back(state.reader)


def turn() -> contextlib.AbstractContextManager[None]:
    """A turn to compute, as urgent as this run; one thread of the process has it at a time."""
    return turns.turn(page_state().urgency)


def add(
    key: str,
    content: Callable[[Settings], Any],
    show: Callable[[Any], None],
    moved_by: Collection[str] = (*CONTROL, KEEP),
    section: str = "",
    holds_parts: bool = False,
    sweep: Callable[[Settings], Slice] | None = None,
    variant: Callable[[], Hashable] = lambda: None,
) -> None:
    """Add a part to the page, here: ``show`` draws what ``content`` gives, now and whenever a control changes it.

    Args:
        key: the part's name, and the key of its fragment.
        content, moved_by, section, sweep, variant: see :class:`~explainer.page.state.Part`.
        show: draws the content with Streamlit.
        holds_parts: whether ``show`` adds parts. Each of these takes a turn of its own, so this one takes none for it.
    """
    page_state().parts[key] = Part(content, moved_by, section, sweep, variant, page_state().drawing)

    @st.fragment(key=key)
    def part() -> None:
        state = page_state()
        state.shown.pop(key, None)  # a run that is overtaken leaves a part half drawn
        try:
            with _drawing(key):
                with turn():
                    shown = content(state.now)
                    if not holds_parts:
                        show(shown)
                if holds_parts:
                    show(shown)
        except Exception:  # the page says so; to draw it again and again would be no help
            state.late.discard(key)
            raise
        state.shown[key] = shown
        state.late.discard(key)
        if key == ANSWER:
            state.urgency = Urgency.IN_SIGHT
            _return_permit()

    part()


@contextlib.contextmanager
def _drawing(key: str) -> Iterator[None]:
    """While a part is drawn. Streamlit forgets the fragments in it that it does not add again; so does this."""
    state = page_state()
    earlier = {one: part for one, part in state.parts.items() if part.within == key}
    outer, state.drawing = state.drawing, key
    try:
        yield
    finally:
        state.drawing = outer
        for one, part in earlier.items():
            if state.parts.get(one) is part:
                _forget(one)


def _forget(key: str) -> None:
    """A part has gone from the page, and with it those that it has added."""
    state = page_state()
    for one in [one for one, part in state.parts.items() if part.within == key]:
        _forget(one)
    del state.parts[key]
    state.shown.pop(key, None)
    state.late.discard(key)


# --- what a reader sees -------------------------------------------------------------------------------------


def remember_in_sight(sections: Collection[str]) -> None:
    """The reader has these sections in sight, by their slugs."""
    page_state().in_sight = frozenset(sections)


def set_in_sight(sections: Collection[str]) -> None:
    """The reader has these sections in sight: rerun what is owed, which ends the callback that says so."""
    remember_in_sight(sections)
    _resume()
    if values.is_owing():
        _rerun_late(Urgency.IN_SIGHT, ())


def _out_of_sight() -> set[str]:
    """The sections that can wait: none until the browser has said what is in sight, and none on a short page."""
    state = page_state()
    if len(state.sections) <= _FEW or state.in_sight is None:
        return set()
    return set(state.sections) - state.in_sight


def drawn() -> list[str]:
    """The sections whose parts are drawn, by their slugs: those the reader has come near, or all of a short page."""
    state = page_state()
    return [slug for slug in state.sections if len(state.sections) <= _FEW or slug in state.near]


def come_near(sections: Collection[str]) -> None:
    """The reader has come near these sections: draw their parts, and keep them."""
    state = page_state()
    is_new = not set(sections) <= state.near
    state.near.update(sections)
    _resume()
    if is_new:
        keys = [key for key, part in state.parts.items() if part.section in sections]
        state.late.update(keys)  # until they are drawn, also if this run is overtaken
        _rerun_late(Urgency.IN_SIGHT, keys)


def remember_near(sections: Collection[str]) -> None:
    """Within a full run: the reader of a server that was restarted has come near these sections before."""
    state = page_state()
    if not set(sections) <= state.near:
        state.near.update(sections)
        st.rerun()


def late_sections() -> list[str]:
    """The sections with parts that may not show the present settings yet, by their slugs."""
    state = page_state()
    return sorted({state.parts[key].section for key in state.late})


# --- what a control reruns ----------------------------------------------------------------------------------


def _changed(urgency: Urgency, keys: Collection[str]) -> list[str]:
    """Those of these parts that would show something else now. They will run as urgently as they are compared."""
    state, nothing = page_state(), object()
    state.urgency = urgency
    if not keys:
        return []
    with turn():
        return [key for key in keys if state.shown.get(key, nothing) != _content(key)]


def _content(key: str) -> object:
    """What a part would show now. Where that fails, something that no part shows: the part itself will say so."""
    try:
        return page_state().parts[key].content(page_state().now)
    except Exception:  # noqa: BLE001
        return object()


def _moved_by(name: str) -> dict[str, Part]:
    return {key: part for key, part in page_state().parts.items() if name in part.moved_by}


def in_sight(name: str, sections: Collection[str]) -> dict[str, Part]:
    """The parts that a control can change and that a reader sees who has these sections in sight."""
    return {key: part for key, part in _moved_by(name).items() if part.section in {EVERYWHERE, *sections}}


def at(settings: Settings) -> dict[str, str]:
    """Every control's value in words, as the URL and the widgets write it, and the kept states as the URL does."""
    texts = {control.name: " ".join(control.texts(getattr(settings, control.name))) for control in CONTROLS}
    return texts | {KEEP: " ".join(one.spelled() for one in settings.kept)}


def control_moved(name: str) -> None:
    """Rerun the parts in sight that a control has changed, or the whole page if it must be."""
    if not values.is_echo(name):
        _moved((name,))


def set_moved(wanted: Mapping[str, object], *then: str) -> None:
    """Put controls, which are on the page, at these values: rerun them, what that changes in sight, and these parts."""
    values.read_controls()
    moved = [name for name, value in wanted.items() if value != getattr(page_state().chosen, name)]
    for name in moved:
        values.put(name, wanted[name])
    _moved(moved, then)


def set_kept(states: Sequence[Settings], wanted: Mapping[str, object] | None = None, *then: str) -> None:
    """Keep these states and no others for comparison; and put controls at other values, as :func:`set_moved`."""
    keep(states)
    page_state().late.update(_moved_by(KEEP))
    set_moved(wanted or {}, *then)


def _moved(names: Sequence[str], then: Sequence[str] = ()) -> None:
    values.read_controls()
    state = page_state()
    _resume()
    if any(CONTROL[name].group not in _QUICK for name in names):
        rerun_the_page()
    state.late.update(key for name in names for key in _moved_by(name))
    state.moves += 1
    _rerun_late(Urgency.IN_SIGHT, _late_in_sight(), then)


def _late_in_sight() -> list[str]:
    state, waiting = page_state(), _out_of_sight()
    return [key for key, part in state.parts.items() if key in state.late and part.section not in waiting]


def control_dragged(name: str, value: object, sections: Collection[str]) -> None:
    """Rerun what changes in these sections while a control is dragged over a value; what is chosen stays as it is."""
    _resume()
    state = page_state()
    state.now = state.chosen.replace(**{name: value})
    moved = _moved_by(name)
    if state.now == state.chosen:  # let go where it began: parts that have followed may be out of sight by now
        state.late.update(moved)
    changed = _changed(Urgency.IN_SIGHT, in_sight(name, sections))
    st.rerun([*changed, ANSWER])


def catch_up(sections: Collection[str]) -> None:
    """Rerun the late parts of these sections, which are in sight; if there are none, all late parts.

    Those out of sight need a permit. A reader who gets none is told to ask again later.
    """
    _resume()
    state = page_state()
    keys = [key for key in state.parts if key in state.late]
    in_sight = [key for key in keys if state.parts[key].section in {EVERYWHERE, *sections}]
    if in_sight:
        _rerun_late(Urgency.IN_SIGHT, in_sight)
    elif _permits.take(state.reader):
        _rerun_late(Urgency.OUT_OF_SIGHT, keys)
    else:
        state.patience = random.randint(*_LATER)  # each reader another time
        st.rerun([ANSWER])


def rerun_after_sight(key: str, sections: Collection[str]) -> None:
    """Rerun a part, and before it what is late of these sections, which are in sight.

    The message that asks for it may have overtaken the run of a move, and Streamlit does not resume that.
    """
    state = page_state()
    late = [one for one in state.parts if one in state.late and state.parts[one].section in {EVERYWHERE, *sections}]
    _rerun_late(Urgency.IN_SIGHT, late, after_the_answer=(key,))


def _rerun_late(
    urgency: Urgency,
    keys: Sequence[str],
    then: Sequence[str] = (),
    first: Sequence[str] = (),
    after_the_answer: Sequence[str] = (),
) -> None:
    changed = _changed(urgency, keys)
    page_state().late.difference_update(set(keys) - set(changed))
    # what the browser has not heard of, also if the run that has drawn it has been overtaken
    waiting = values.draw_again()
    in_order = [*waiting, *_owed(first), *changed, *_owed(then), ANSWER, *after_the_answer]
    st.rerun(list(dict.fromkeys(in_order)))


def _owed(keys: Iterable[str]) -> list[str]:
    """Those of these parts that are on the page. They are late until they have been drawn, whatever they show."""
    state = page_state()
    owed = [key for key in keys if key in state.parts]
    for key in owed:
        state.shown.pop(key, None)
    state.late.update(owed)
    return owed


def rerun(*keys: str) -> None:
    """Rerun these parts, as far as the page has them, and no other that is not late: what a widget's callback does.

    Every widget within a part needs such a callback. Streamlit may handle it together with another message, such as
    that the reader has come near a section, and then reruns only what the callbacks name. And this run, like any
    other, may overtake one, and may be overtaken: what has not been drawn then stays late.
    """
    _resume()
    _rerun_late(Urgency.IN_SIGHT, _late_in_sight(), first=keys)
