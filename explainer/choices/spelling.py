"""Names of parameters that a link spells otherwise than the page writes them.

Editors of course sites escape a link twice, so that ``&w=2`` becomes ``&amp;w=2`` and names the parameter ``amp;w``;
others put a second question mark; readers type capitals.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

_IN_FRONT = re.compile(r"^(?:amp;|[?&#]|\s)+", re.IGNORECASE)


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that a parameter's name plainly stands for; None if there is none, or more than one."""
    if name in known:
        return name
    bare = _IN_FRONT.sub("", name).strip()
    if bare in known:
        return bare
    alike = [one for one in known if one.lower() == bare.lower()]
    return alike[0] if len(alike) == 1 else None


def respelt(query: Mapping[str, Sequence[str]], known: Collection[str]) -> dict[str, str]:
    """The parameters of a query that are to be read as another one: their names, and the names that they stand for.

    Where the link has a name as the page writes it, that one counts.
    """
    read = {name: meant(name, known) for name in query if name not in known}
    return {name: one for name, one in read.items() if one and one not in query}
