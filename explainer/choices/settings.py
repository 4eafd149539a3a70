"""One state of the whole page, as a value, and its way into the URL and back."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from explainer.choices.controls import CONTROL, CONTROLS

_Fields = dataclasses.make_dataclass(
    "_Fields", [(control.name, object, control.default) for control in CONTROLS], frozen=True
)


@dataclass(frozen=True)
class Settings(_Fields):
    """One state of the whole page, and the only argument of the engine: a field for each control, by its name.

    :mod:`explainer.choices.controls` says what each of them means and what its default is.

    Raises:
        ValueError: a field is not finite, not whole, out of its range, or an unknown name.
    """

    def __post_init__(self) -> None:
        for control in CONTROLS:
            control.check(getattr(self, control.name))

    @property
    def forget_bias(self) -> float:
        """The bias b for which logistic(b) = f: −inf at f = 0, inf at f = 1."""
        if self.f in (0, 1):
            return math.inf if self.f else -math.inf
        return math.log(self.f) - math.log1p(-self.f)

    def replace(self, **changes: object) -> Settings:
        """The same settings but for these fields."""
        return dataclasses.replace(self, **changes)

    def each(self, name: str, values: Iterable[object]) -> list[Settings]:
        """The same settings with each of these values of one control."""
        for value in values:
            CONTROL[name].check(value)
        return [_made({**vars(self), name: value}) for value in values]

    def only(self, names: Iterable[str]) -> Settings:
        """These settings as far as they are named, and the defaults for the rest: what a result depends on."""
        return _only(self, tuple(names))

    def to_query(self) -> dict[str, list[str]]:
        """The URL's parameters for these settings; what is at its default stays out."""
        return {
            control.name: control.texts(getattr(self, control.name))
            for control in CONTROLS
            if getattr(self, control.name) != control.default
        }


@functools.lru_cache(1024)  # every result asks for it, and most ask for the same
def _only(settings: Settings, names: tuple[str, ...]) -> Settings:
    return _made({**_DEFAULTS, **{name: getattr(settings, name) for name in names}})


_DEFAULTS = {control.name: control.default for control in CONTROLS}


def _made(fields: Mapping[str, object]) -> Settings:
    """Settings of fields that have been checked: a sweep makes thousands."""
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
    return Settings(**values), tuple(notes)
