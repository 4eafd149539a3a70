"""How a link spells a state that the reader has kept for comparison: ``keep=w~1.2_f~0.9``.

What is at its default stays out. The spelling needs no escape in a URL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

KEEP = "keep"  # the link's parameter, once for each kept state
MOST = 3  # kept states

_DEFAULTS = "defaults"  # a state in which everything is at its default
_NEXT, _IS, _AND = "_", "~", "."  # between parameters, before the first value, between values
_LONGEST = 400  # characters


def spelled(query: Mapping[str, Sequence[str]]) -> str:
    """The parameters of a state, as one text."""
    return _NEXT.join(f"{name}{_IS}{_AND.join(texts)}" for name, texts in query.items()) or _DEFAULTS


def read(text: str, several: Sequence[str]) -> dict[str, list[str]] | None:
    """The parameters that a text spells; None if it spells none.

    Args:
        text: whatever stands in the link.
        several: names of the parameters that have several values.
    """
    if text == _DEFAULTS:
        return {}
    pairs = [one.split(_IS) for one in text[: _LONGEST + 1].split(_NEXT)]
    if len(text) > _LONGEST or any(len(pair) != 2 for pair in pairs) or len({name for name, _ in pairs}) < len(pairs):
        return None
    return {name: said.split(_AND) if name in several else [said] for name, said in pairs}
