"""The values of the widgets: what the reader has put one at, or the server.

A browser says the values of all its widgets with each message. Where the server has put a widget elsewhere meanwhile, a
message that was on its way says the old value again: an echo, not a move. So the browser says what it has heard of, and
until then a widget stands where the server has put it, unless the browser says a value that it has not said before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from explainer.choices.controls import CONTROL, Several
from explainer.choices.keeping import KEEP
from explainer.choices.settings import Settings, from_query
from explainer.page.state import Overruled, Put, page_state

BROWSER = "live"  # the key of the component that speaks for the browser


def put(key: str, value: object, drawn_by: str = "") -> None:
    """Put a widget at a value, from when it is drawn next.

    A callback cannot set it: a run that is overtaken may have set it before the browser hears of it.

    Args:
        key: of the widget.
        value: of the widget.
        drawn_by: the key of the fragment that draws it; of a control, its own.
    """
    state = page_state()
    earlier = state.puts.get(key)
    before = (*earlier.before, earlier.value) if earlier else ()
    state.put += 1
    wanted = list(value) if isinstance(value, tuple) else value
    state.puts[key] = Put(wanted, drawn_by or fragment_of(key), (*before, st.session_state.get(key)), state.put)
    state.drawn.discard(key)


def fragment_of(name: str) -> str:
    """The key of the fragment that draws a control."""
    return f"control-{name}"


def take(key: str) -> None:
    """Before a widget is drawn: put it where the server wants it.

    Each drawing has a number of its own: until the browser has heard of the last, one may be on its way.
    """
    state = page_state()
    if key in _unheard():
        state.put += 1
        state.puts[key] = replace(state.puts[key], number=state.put)
        st.session_state[key] = state.puts[key].value
        state.drawn.add(key)


def has_drawn(key: str, value: object) -> None:
    """After a widget has been drawn: it may stand elsewhere than the server wanted, as after a step back."""
    state = page_state()
    earlier = state.puts.get(key)
    if earlier is None or earlier.value == value:
        return
    state.put += 1
    state.puts[key] = Put(value, earlier.drawn_by, (*earlier.before, earlier.value), state.put)
    state.drawn.add(key)


def draw_at(key: str, value: object, drawn_by: str) -> None:
    """Before a widget is drawn: put it at this value, if it does not stand there."""
    if key not in st.session_state:
        st.session_state[key] = value
    elif _standing(key) != value:  # or a slider that is just being moved would be put back
        put(key, value, drawn_by)
    take(key)


def _standing(key: str) -> object:
    return page_state().puts[key].value if key in _unheard() else st.session_state[key]


def is_echo(key: str) -> bool:
    """Whether a widget that has changed says only where it stood before the server has put it elsewhere.

    If not, the reader has moved it, and what the server wanted is over. But a run that has begun before may still draw
    the widget there: then the browser says that value as if the reader had gone back, and the reader's own is restored.
    """
    state, said = page_state(), st.session_state[key]
    if key not in _unheard():
        return _comes_back(key, said)
    one = state.puts[key]
    if said in (*one.before, one.value):
        return True
    del state.puts[key]
    state.put += 1
    state.overruled[key] = Overruled(one.value, said, one.drawn_by, state.put)
    return False


def _comes_back(key: str, said: object) -> bool:
    """Whether the browser says what the reader has overruled; if so, put the widget where the reader had it."""
    overruled = page_state().overruled
    one = overruled.pop(key, None)
    if one is None:
        return False
    if said == one.value:
        put(key, one.by, one.drawn_by)
        return True
    overruled[key] = replace(one, by=said)
    return False


# --- what the browser has heard of --------------------------------------------------------------------------


def _unheard() -> list[str]:
    """The keys of the widgets that the server has put where the browser has not heard of."""
    state, said = page_state(), st.session_state.get(BROWSER)
    for kind in ("sight", "pause"):
        message = said.get(kind) if said else None
        heard = message.get("heard") if isinstance(message, dict) else None
        if isinstance(heard, int) and heard <= state.told:  # more than that a server has told that is gone
            state.heard = max(state.heard, heard)
    state.puts = {key: one for key, one in state.puts.items() if one.number > state.heard}
    state.drawn &= set(state.puts)
    state.overruled = {
        key: one
        for key, one in state.overruled.items()
        if one.number > state.heard or st.session_state.get(key) == one.value  # which has just come back
    }
    return list(state.puts)


def is_owing() -> bool:
    """Whether a widget has not been drawn yet where the server wants it: a run that should have is overtaken."""
    return not page_state().drawn.issuperset(_unheard())


def forget_undrawn() -> None:
    """At the end of a full run: what has not been drawn is not on the page."""
    state = page_state()
    state.puts = {key: one for key, one in state.puts.items() if key in state.drawn}


def draw_again() -> list[str]:
    """The keys of the fragments that draw what the browser has not heard of; whoever asks has them run."""
    waiting = _unheard()
    page_state().drawn.clear()
    return [page_state().puts[key].drawn_by for key in waiting]


def awaited() -> dict[str, object]:
    """Where the server has put widgets that it has told of, by their keys, until the browser says that it has heard."""
    state = page_state()
    return {key: state.puts[key].value for key in _unheard() if state.puts[key].number <= state.told}


def tell() -> int:
    """At the end of a run: the number of the last value that the browser is told of."""
    state = page_state()
    if not is_owing():
        state.told = state.put
    return state.told


# --- the controls -------------------------------------------------------------------------------------------


def read_controls() -> None:
    """Take over what the controls say; a drag is over."""
    state = page_state()
    # a control that is not on the page keeps its value in the URL
    in_the_url, _ = from_query({name: st.query_params.get_all(name) for name in (*CONTROL, KEEP)})
    names = [name for name in state.controls if name in st.session_state]
    state.chosen = state.now = in_the_url.replace(**{name: _value(name) for name in names})


def _value(name: str) -> object:
    """A control's value, from its widget's."""
    said = _standing(name)
    if isinstance(control := CONTROL[name], Several):
        return tuple(one for one in control.values if one in said) or control.default  # none is no choice
    return said


def of(settings: Settings, names: Iterable[str] = tuple(CONTROL)) -> dict[str, object]:
    """The values of these controls."""
    return {name: getattr(settings, name) for name in names}
