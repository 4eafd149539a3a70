"""The kinds of control: what each takes from a link, and what it says where a value has to give way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from explainer.languages import decimal, say


@dataclass(frozen=True)
class Control:
    """What every kind of control has.

    Attributes:
        name: field, widget key and URL parameter.
        label: as it stands above the widget.
        group: the heading of the sidebar it stands under.
        help: what it does, in one line.
        default: its value where the URL says nothing.
        values: what the widget and the URL can take, in order.
        limits: the smallest and the largest number that the engine takes, from Python.
        only_with: the control, and the value of it, without which this one changes nothing in a figure that reads both.
    """

    name: str
    label: str
    group: str
    help: str
    default: object
    values: tuple
    limits: tuple[float, float] = (-math.inf, math.inf)
    only_with: tuple[str, str] | None = None

    def check(self, value: object) -> None:
        """Whether the engine can take this value.

        Raises:
            ValueError: it cannot.
        """
        raise NotImplementedError

    def text(self, value) -> str:
        """One value as the URL and the widget write it."""
        return str(value)

    def texts(self, value) -> list[str]:
        """The URL's parameters that say this value."""
        return [self.text(value)]

    def parse(self, texts: Sequence[str]) -> tuple[object, str | None]:
        """The value that the URL's parameters of this name stand for, and a kind note where it had to give way.

        Off the grid becomes the nearest step; out of range, not a number or unknown becomes the default.
        """
        raise NotImplementedError


class Choice(Control):
    """One of several names."""

    def check(self, value: object) -> None:
        if value not in self.values:
            raise ValueError(f"{self.name} must be one of {', '.join(self.values)}, not {value!r}")

    def parse(self, texts: Sequence[str]) -> tuple[object, str | None]:
        if texts[-1] in self.values:
            return texts[-1], None
        if (plain := texts[-1].strip().lower()) in self.values:
            small = say("`{name}` is {value} now, the link's value in small letters", name=self.name, value=plain)
            return plain, small
        return self.default, say(
            "`{name}` takes one of {values}; it is {value} now",
            name=self.name,
            values=", ".join(self.values),
            value=self.default,
        )


class Several(Control):
    """At least one of several names, each a parameter of its own in the URL; kept in the registry's order."""

    def check(self, value: object) -> None:
        if not isinstance(value, tuple) or not value or not set(value) <= set(self.values):
            raise ValueError(f"{self.name} must be some of {', '.join(self.values)}, not {value!r}")

    def texts(self, value: tuple[str, ...]) -> list[str]:
        return list(value)

    def parse(self, texts: Sequence[str]) -> tuple[object, str | None]:
        known = tuple(name for name in self.values if name in texts)
        if known and set(texts) <= set(self.values):
            return known, None
        plain = {one.strip().lower() for text in texts for one in text.split(",")}
        kept = tuple(name for name in self.values if name in plain) or self.default
        return kept, say(
            "`{name}` takes any of {values}; it is {kept} now",
            name=self.name,
            values=", ".join(self.values),
            kept=", ".join(kept),
        )


def is_finite(value: object) -> bool:
    """Whether it is a number that float64 can hold; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False


class Number(Control):
    """A number on a grid; ``None`` in front of the numbers stands for torch's own default.

    Where all numbers of the grid are whole, the engine takes whole numbers alone.
    """

    def check(self, value: object) -> None:
        if value is None and None in self.values:
            return
        if isinstance(self.values[-1], int):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{self.name} must be a whole number, not {value!r}")
        elif not is_finite(value):
            raise ValueError(f"{self.name} must be a finite number, not {value!r}")
        low, high = self.limits
        if not low <= value <= high:
            span = f"at least {low:,}" if math.isinf(high) else f"from {low:,} to {high:,}"
            raise ValueError(f"{self.name} must be {span}, not {value}")

    @property
    def _numbers(self) -> tuple[float | int, ...]:
        return tuple(value for value in self.values if value is not None)

    def nearest(self, number: float) -> float | int:
        """The step of the grid that is nearest to a number; the end of the grid for one beyond it."""
        return min(self._numbers, key=lambda value: abs(value - number))

    def text(self, value: float | int | None) -> str:
        return "torch" if value is None else f"{value:g}"

    def parse(self, texts: Sequence[str]) -> tuple[object, str | None]:
        text = texts[-1]
        if text == self.text(None) and None in self.values:
            return None, None
        numbers = self._numbers
        said = {
            "name": self.name,
            "value": decimal(self.text(self.default)),
            "low": decimal(self.text(numbers[0])),
            "high": decimal(self.text(numbers[-1])),
        }
        try:
            number = float(text) if len(text) <= 32 else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number):
            return self.default, say(
                "`{name}` is {value} now, its default: it takes a number from {low} to {high}", **said
            )
        if not numbers[0] <= number <= numbers[-1]:
            return self.default, say("`{name}` is {value} now, its default: it goes from {low} to {high}", **said)
        nearest = self.nearest(number)
        if nearest == number:
            return nearest, None
        said["value"] = decimal(self.text(nearest))
        return nearest, say("`{name}` is {value} now, the step nearest to the link's value", **said)
