"""The moves that predictions ask about: controls go from the reader's values to others, and something follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.languages import say, word

_NAMES = {
    "k": word("the lag k"),
    "h0": word("the start h(t−k)"),
    "act": "σ",
    "ls": word("the loss scale's power of 2"),
    "gain": word("the gain"),
    "bf": "b_f",
    "dg": word("the gain of the layers"),
    "L": word("the depth L"),
}
"""What a sentence calls a control; others by their own names."""


@dataclass(frozen=True)
class Move:
    """Controls that go to other values."""

    changes: tuple[tuple[str, object], ...]

    def after(self, settings: Settings) -> Settings:
        """The settings after the move."""
        return settings.replace(**dict(self.changes))

    def back(self, settings: Settings) -> dict[str, object]:
        """The values that the move's controls have at some settings, by name."""
        return {name: getattr(settings, name) for name, _ in self.changes}

    def in_words(self, settings: Settings) -> str:
        """The move as the beginning of a sentence: ``w goes from 0.9 to 1.2 and the lag k from 50 to 20``."""
        first, *more = [
            {
                "name": say(_NAMES.get(name, name)),
                "before": _value(name, getattr(settings, name)),
                "after": _value(name, value),
            }
            for name, value in self.changes
        ]
        begin = say("{name} goes from {before} to {after}", **first)
        if " " in first["name"]:  # it is no symbol
            begin = words.capital(begin)
        return words.listed([begin, *(say("{name} from {before} to {after}", **one) for one in more)])


def _value(name: str, value: object) -> str:
    if value is None:
        return say("torch's own")
    text = CONTROL[name].text(value)
    return words.plain(text) if isinstance(value, int | float) else text


def first(
    settings: Settings,
    *candidates: Mapping[str, object],
    teaches: Callable[[Settings, Settings], bool] = lambda before, after: True,
) -> Move:
    """The first of these moves that teaches something; if none does, the first that changes something.

    Args:
        settings: from which the reader moves.
        candidates: for each move the values that controls go to. At least one has to change something everywhere.
        teaches: (before, after) → whether the move shows what its section is about.
    """
    moves = []
    for values in candidates:
        changes = tuple((name, value) for name, value in values.items() if getattr(settings, name) != value)
        moves += [Move(changes)] if changes else []
    return next((move for move in moves if teaches(settings, move.after(settings))), moves[0])
