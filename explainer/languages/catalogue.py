"""The translations into one language, read from its folder.

``messages.po`` is a gettext catalogue. The Markdown files hold the prose in pieces. Above each stands a comment that
says what it is and which English text it translates, by the first digits of that text's hash::

    <!-- k_steps argument 1f3c9a20 -->

Where the English has changed since, the hash differs, and the English is shown until the translation follows.
"""

from __future__ import annotations

import gettext
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
MESSAGES = "messages.po"

_HEAD = re.compile(r"<!-- (\w+) (\w+) ([0-9a-f]{8}) -->\n")


@dataclass(frozen=True)
class Catalogue:
    """The translations into one language.

    Attributes:
        messages: by their English text.
        plurals: the forms of a text that depends on a number, by its two in English.
        form: which of them a number takes.
        prose: pieces of Markdown by the digest of their English text.
        decimal, group: the decimal sign, and what stands between thousands.
    """

    messages: Mapping[str, str] = field(default_factory=dict)
    plurals: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    form: Callable[[int], int] = lambda count: int(count != 1)
    prose: Mapping[str, str] = field(default_factory=dict)
    decimal: str = "."
    group: str = ","

    def translated(self, text: str) -> str:
        """The translation of a text; the text itself where there is none."""
        found = self.messages.get(text)
        if found is None and "\n" in text:
            found = self.prose.get(digest(text))
        return text if found is None else found

    def counted(self, one: str, many: str, count: int) -> str:
        """The translation of a text that depends on a number, for this one; the English where there is none."""
        forms = self.plurals.get((one, many))
        return forms[self.form(count)] if forms else one if count == 1 else many


def digest(text: str) -> str:
    """The digits that name an English piece of prose; space at its ends does not count."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Piece:
    """A piece of prose in one language.

    Attributes:
        file, name: the file of the lesson that it stands in, and what it is there.
        of: the digest of the English text that it translates.
        text: in Markdown.
    """

    file: str
    name: str
    of: str
    text: str


def pieces(markdown: str) -> list[Piece]:
    """The pieces of prose of a Markdown file."""
    _, *parts = _HEAD.split(markdown)
    return [Piece(*parts[i : i + 3], parts[i + 3].strip()) for i in range(0, len(parts), 4)]


def read(language: str, folder: Path = FOLDER) -> Catalogue:
    """The translations into a language, by its code, from its folder in this one."""
    # only who speaks another language waits for Babel
    from babel import numbers
    from babel.messages.pofile import read_po

    messages, plurals = {}, {}
    with (folder / language / MESSAGES).open("rb") as file:
        written = read_po(file, locale=language)
    for message in written:
        if not message.id or message.fuzzy:
            continue
        if isinstance(message.id, tuple):
            if all(message.string):
                plurals[message.id] = tuple(message.string)
        elif message.string:
            messages[message.id] = message.string
    prose = {}
    for path in sorted((folder / language).glob("*.md")):
        prose |= {one.of: f"\n{one.text}\n" for one in pieces(path.read_text(encoding="utf-8"))}
    return Catalogue(
        messages,
        plurals,
        gettext.c2py(written.plural_expr),
        prose,
        numbers.get_decimal_symbol(language),
        numbers.get_group_symbol(language),
    )
