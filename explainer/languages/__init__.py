"""The languages that the page speaks, and every text in the reader's own.

English stands in the code. :func:`say` gives it in the language that is spoken now; what is not translated stays
English. The translations are in a folder for each language: ``messages.po`` has the short texts, and a Markdown file
for each file of the lesson has its prose. ``make words`` brings the catalogue up to date with the code, and says where
the prose is behind.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import functools
from collections.abc import Callable, Iterator
from typing import Any

from explainer.languages.catalogue import Catalogue, read

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch", "es": "Español"}
"""Every language by its code in links (BCP 47), under the name that its own speakers give it."""

_spoken: contextvars.ContextVar[str | None] = contextvars.ContextVar("language", default=None)


def _english() -> str:
    return ENGLISH


_ask: Callable[[], str] = _english  # whom to ask in a thread that speaks no language yet


def spoken() -> str:
    """The code of the language that is spoken now."""
    return _spoken.get() or _ask()


def ask(whom: Callable[[], str]) -> None:
    """In a thread that speaks no language yet, ask this for it from now on; English is what nobody else has said."""
    global _ask
    _ask = whom


def speak(language: str) -> None:
    """Speak this language from now on, in this thread.

    Raises:
        ValueError: the page does not speak it.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
    _spoken.set(language)


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within this block, speak this language.

    Raises:
        ValueError: the page does not speak it.
    """
    before = _spoken.get()
    speak(language)
    try:
        yield
    finally:
        _spoken.set(before)


def bound(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which speaks the present language also in another thread."""
    language = spoken()

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with speaking(language):
            return function(*arguments, **named)

    return call


@functools.cache
def catalogue(language: str) -> Catalogue:
    """All translations into a language; English has none."""
    return Catalogue() if language == ENGLISH else read(language)


def word(text: str) -> str:
    """Mark a text that is said elsewhere: ``make words`` finds it. It stays English until :func:`say` gets it."""
    return text


def word_counted(one: str, many: str) -> tuple[str, str]:
    """As :func:`word`, of a text that :func:`say_counted` gets."""
    return one, many


def say(text: str, /, **values: object) -> str:
    """A text in the language that is spoken now; in English where it is not translated.

    Args:
        text: in English, as a template where there are values: ``At lag {lag} it is {size}``. Without values, braces
            are braces, as in LaTeX.
        values: what stands in the braces, in the language that is spoken now.
    """
    language = spoken()
    said = text if language == ENGLISH else catalogue(language).translated(text)
    return said.format(**values) if values else said


def say_counted(one: str, many: str, count: int, /, **values: object) -> str:
    """A text that depends on a number, which stands in it as ``{count}``.

    Args:
        one: in English, for a count of 1.
        many: in English, for every other.
        count: a whole number.
        values: what else stands in the braces.
    """
    language = spoken()
    said = (one if count == 1 else many) if language == ENGLISH else catalogue(language).counted(one, many, count)
    return said.format(count=whole(count), **values)


# --- numbers ------------------------------------------------------------------------------------------------


def whole(count: int) -> str:
    """A whole number: ``1,000`` in English, ``1.000`` in German."""
    return f"{count:,}".replace(",", catalogue(spoken()).group)


def day_and_time(time: datetime.datetime) -> str:
    """``25 November, 09:30 UTC``, from a time in UTC."""
    language = spoken()
    if language == ENGLISH:
        return f"{time.day} {time:%B, %H:%M} UTC"
    from babel.dates import format_skeleton

    return f"{format_skeleton('MMMMd', time, locale=language)}, {time:%H:%M} UTC"


def decimal(digits: str) -> str:
    """A number with the decimal sign of the language that is spoken now: ``0.5`` in English, ``0,5`` in German."""
    language = spoken()
    return digits if language == ENGLISH else digits.replace(".", catalogue(language).decimal)
