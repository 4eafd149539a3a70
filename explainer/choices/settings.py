"""One state of the whole page, as a value, and its way into the URL and back."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from explainer.choices import keeping
from explainer.choices.controls import CONTROL, CONTROLS, Several
from explainer.choices.keeping import KEEP, MOST
from explainer.languages import say

_Fields = dataclasses.make_dataclass(
    "_Fields", [*((control.name, object, control.default) for control in CONTROLS), ("kept", tuple, ())], frozen=True
)


@dataclass(frozen=True)
class Settings(_Fields):
    """One state of the whole page, and the only argument of the engine: a field for each control, by its name.

    :mod:`explainer.choices.controls` says what each of them means and what its default is. One field more, ``kept``,
    holds the states whose curves are drawn beside the present one: at most ``MOST``, which keep none themselves.

    Raises:
        ValueError: a field is not finite, not whole, out of its range, or an unknown name; too many states are kept.
    """

    def __post_init__(self) -> None:
        for control in CONTROLS:
            control.check(getattr(self, control.name))
        if len(self.kept) > MOST or not all(isinstance(one, Settings) and not one.kept for one in self.kept):
            raise ValueError(f"at most {MOST} states can be kept, each of which keeps none")

    @property
    def forget_bias(self) -> float:
        """The bias b for which logistic(b) = f: −inf at f = 0, inf at f = 1."""
        if self.f in (0, 1):
            return math.inf if self.f else -math.inf
        return math.log(self.f) - math.log1p(-self.f)

    def replace(self, **changes: object) -> Settings:
        """The same settings but for these fields."""
        if not changes.keys() <= CONTROL.keys():
            return dataclasses.replace(self, **changes)
        for name, value in changes.items():
            CONTROL[name].check(value)
        return _made({**vars(self), **changes})

    def each(self, name: str, values: Iterable[object]) -> list[Settings]:
        """The same settings with each of these values of one control."""
        for value in values:
            CONTROL[name].check(value)
        return [_made({**vars(self), name: value}) for value in values]

    def only(self, names: Iterable[str]) -> Settings:
        """These settings as far as they are named, and the defaults for the rest: what a result depends on."""
        return _only(self, tuple(names))

    def with_kept(self, states: Iterable[Settings]) -> Settings:
        """The same settings with these states kept, without those that they keep, and each once."""
        return self.replace(kept=tuple(dict.fromkeys(one.replace(kept=()) for one in states)))

    def compared(self, names: Iterable[str]) -> Settings:
        """As :meth:`only`, for the kept states alike: what a result beside theirs depends on.

        Each keeps its place; where none differs, none is kept.
        """
        return _compared(self, tuple(names))

    def to_query(self) -> dict[str, list[str]]:
        """The URL's parameters for these settings; what is at its default stays out."""
        query = {
            control.name: control.texts(getattr(self, control.name))
            for control in CONTROLS
            if getattr(self, control.name) != control.default
        }
        return query | ({KEEP: [one.spelled() for one in self.kept]} if self.kept else {})

    def spelled(self) -> str:
        """The controls of this state, as one short text for a link."""
        return keeping.spelled(self.replace(kept=()).to_query())


@functools.lru_cache(1024)  # every result asks for it, and most ask for the same
def _only(settings: Settings, names: tuple[str, ...]) -> Settings:
    return _made({**_DEFAULTS, **{name: getattr(settings, name) for name in names}})


@functools.lru_cache(1024)
def _compared(settings: Settings, names: tuple[str, ...]) -> Settings:
    own = settings.only(names)
    others = tuple(one.only(names) for one in settings.kept)
    return _made({**vars(own), "kept": others}) if set(others) - {own} else own


_DEFAULTS = {control.name: control.default for control in CONTROLS} | {"kept": ()}
_SEVERAL = tuple(control.name for control in CONTROLS if isinstance(control, Several))


def _made(fields: Mapping[str, object]) -> Settings:
    """Settings of fields that have been checked: to check them all takes longer than most of what is done with them."""
    made = object.__new__(Settings)
    vars(made).update(fields)
    return made


def from_query(query: Mapping[str, Sequence[str]]) -> tuple[Settings, tuple[str, ...]]:
    """The settings that a URL asks for, whatever stands in it, and a note for each value that had to give way.

    ``query`` holds every value of each parameter, in the URL's order.
    """
    values, notes = {}, []
    for control in CONTROLS:
        if query.get(control.name):
            values[control.name], note = control.parse(query[control.name])
            notes += [note] if note else []
    asked = query.get(KEEP, ())
    known = [one for text in asked if (one := from_text(text)) is not None]
    kept = tuple(dict.fromkeys(known))[:MOST]
    if len(known) < len(asked):
        notes.append(say("`{name}` has a curve that cannot be read, which has been left out", name=KEEP))
    elif len(kept) < len(asked):
        most = say(
            "`{name}` takes at most {most} different curves; the others have been left out", name=KEEP, most=MOST
        )
        notes.append(most)
    return Settings(**values, kept=kept), tuple(notes)


def from_text(text: str) -> Settings | None:
    """The state that a text of :meth:`Settings.spelled` stands for; None if it stands for none, or not exactly."""
    query = keeping.read(text, _SEVERAL)
    if query is None or not set(query) <= set(CONTROL):
        return None
    state, notes = from_query(query)
    return None if notes else state
