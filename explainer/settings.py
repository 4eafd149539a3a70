"""What the reader can choose: every control's name, values, default and words; the presets; the URL.

A control's name is at once the field of :class:`Settings`, the widget's key and the URL's parameter. Names,
defaults and grids are a public interface: a link made today must mean the same tomorrow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

LARGEST_LAG = 10_000


def _steps(*stretches: tuple[float, float, float]) -> tuple[float, ...]:
    """A grid that is fine in some stretches: (first, last, step), joined, without repeats, exact decimals."""
    values: list[float] = []
    for first, last, step in stretches:
        for i in range(round((last - first) / step) + 1):
            value = round(first + i * step, 6) + 0.0
            if not values or value > values[-1]:
                values.append(value)
    return tuple(values)


def _mirrored(positive: tuple[float, ...]) -> tuple[float, ...]:
    return (*(-v for v in reversed(positive)), 0.0, *positive)


@dataclass(frozen=True)
class Control:
    """One control of the sidebar: its name in code and URL, the values it can take, and its words."""

    name: str
    label: str
    group: str
    help: str
    default: str | float | int
    values: tuple

    @property
    def is_named_choice(self) -> bool:
        return isinstance(self.default, str)

    def text(self, value: str | float | int) -> str:
        """The value as the URL and the slider write it."""
        return value if isinstance(value, str) else f"{value:g}"

    def parse(self, text: str) -> tuple[str | float | int, str | None]:
        """The value that a URL's text stands for, and a kind note where it is not what the text says.

        Off the grid becomes the nearest step; out of range, not a number or unknown becomes the default.
        """
        if self.is_named_choice:
            if text in self.values:
                return text, None
            return (
                self.default,
                f"`{self.name}` takes one of {', '.join(self.values)}; it is {self.default} now",
            )
        fallback = f"`{self.name}` is {self.text(self.default)} now, its default"
        span = f"{self.text(self.values[0])} to {self.text(self.values[-1])}"
        try:
            number = float(text) if len(text) <= 32 else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number):
            return self.default, f"{fallback}: it takes a number from {span}"
        if not self.values[0] <= number <= self.values[-1]:
            return self.default, f"{fallback}: it goes from {span}"
        nearest = min(self.values, key=lambda value: abs(value - number))
        if nearest == number:
            return nearest, None
        return nearest, f"`{self.name}` is {self.text(nearest)} now, the step nearest to the link's value"


BOTH, VANILLA, GATED, FORMATS = "Both cells", "Vanilla cell", "Gated cell", "Number formats"

_W = _mirrored(_steps((0.05, 0.8, 0.05), (0.8, 1.2, 0.01), (1.2, 2.0, 0.05), (2.0, 8.0, 0.25)))
_F = _steps((0, 0.9, 0.05), (0.9, 0.99, 0.01), (0.99, 0.999, 0.001), (0.999, 1.0, 0.0001))

CONTROLS: tuple[Control, ...] = (
    Control("k", "Lag k", BOTH, "How many steps back the gradient has to reach.", 50, tuple(range(1, 201))),
    Control(
        "h0",
        "Start h(t−k)",
        BOTH,
        "The value from which both cells start, k steps ago.",
        0.5,
        _mirrored(_steps((0.01, 2.0, 0.01))),
    ),
    Control(
        "act",
        "Activation σ",
        VANILLA,
        "The function around w·h(t−1).",
        "tanh",
        ("identity", "relu", "tanh", "logistic"),
    ),
    Control("w", "Recurrent weight w", VANILLA, "Multiplies the state at every step; fine steps near ±1.", 0.9, _W),
    Control(
        "gate",
        "Kind of gate",
        GATED,
        "Constant, varying from step to step, or set by the state itself.",
        "constant",
        ("constant", "varying", "state"),
    ),
    Control(
        "f",
        "Gate f",
        GATED,
        "How much of the cell state one step keeps: its typical value if the gate varies.",
        0.95,
        _F,
    ),
    Control(
        "spread",
        "Spread of the varying gate",
        GATED,
        "Standard deviation of the forget bias from step to step.",
        1.0,
        _steps((0.0, 3.0, 0.1)),
    ),
    Control(
        "seed",
        "Seed of the varying gate",
        GATED,
        "Another seed, another sequence of gates.",
        0,
        tuple(range(100)),
    ),
    Control(
        "u",
        "State weight u",
        GATED,
        "How strongly the state-dependent gate reads c: f = logistic(u·c + b).",
        1.0,
        _mirrored(_steps((0.1, 4.0, 0.1))),
    ),
    Control(
        "ls",
        "Loss scale of float16, as a power of 2",
        FORMATS,
        "The backward pass in float16 starts with 2 to this power.",
        0,
        tuple(range(25)),
    ),
)
CONTROL: Mapping[str, Control] = {control.name: control for control in CONTROLS}


@dataclass(frozen=True)
class Settings:
    """One state of the whole page, and the only argument of the engine.

    Attributes:
        act: activation σ of the vanilla cell: ``identity``, ``relu``, ``tanh`` or ``logistic``.
        w: recurrent weight of the vanilla cell, any finite number.
        h0: the state k steps ago, h(t−k) and c(t−k); any finite number.
        k: the lag, a whole number from 0 to 10,000 (steps).
        gate: ``constant``, ``varying`` (seeded noise on the forget bias) or ``state``.
        f: the gate's value in (or at) 0 to 1; for ``varying`` at noise 0, for ``state`` at c = 0.
        spread: standard deviation of the noise on the forget bias, at least 0.
        seed: seed of that noise, a whole number from 0.
        u: weight with which the ``state`` gate reads c.
        ls: log2 of the loss scale in float16, a whole number from 0 to 100.

    Raises:
        ValueError: a field is not finite, not whole, out of its range, or an unknown name.
    """

    act: str = CONTROL["act"].default
    w: float = CONTROL["w"].default
    h0: float = CONTROL["h0"].default
    k: int = CONTROL["k"].default
    gate: str = CONTROL["gate"].default
    f: float = CONTROL["f"].default
    spread: float = CONTROL["spread"].default
    seed: int = CONTROL["seed"].default
    u: float = CONTROL["u"].default
    ls: int = CONTROL["ls"].default

    def __post_init__(self) -> None:
        for name in ("act", "gate"):
            value = getattr(self, name)
            if value not in CONTROL[name].values:
                raise ValueError(f"{name} must be one of {', '.join(CONTROL[name].values)}, not {value!r}")
        for name in ("w", "h0", "f", "spread", "u"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, not {value!r}")
        for name in ("k", "seed", "ls"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, not {value!r}")
        if not 0 <= self.k <= LARGEST_LAG:
            raise ValueError(f"k must be from 0 to {LARGEST_LAG:,}, not {self.k}")
        if not 0 <= self.f <= 1:
            raise ValueError(f"f must be from 0 to 1, not {self.f}")
        if self.spread < 0:
            raise ValueError(f"spread must be at least 0, not {self.spread}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2**63 - 1, not {self.seed}")

        if not 0 <= self.ls <= 100:
            raise ValueError(f"ls must be from 0 to 100, not {self.ls}")

    @property
    def forget_bias(self) -> float:
        """The bias b for which logistic(b) = f: −inf at f = 0, inf at f = 1."""
        if self.f in (0, 1):
            return math.inf if self.f else -math.inf
        return math.log(self.f) - math.log1p(-self.f)

    def replace(self, **changes) -> Settings:
        return dataclasses.replace(self, **changes)

    def to_query(self) -> dict[str, str]:
        """The URL's parameters for these settings; what is at its default stays out."""
        return {
            control.name: control.text(getattr(self, control.name))
            for control in CONTROLS
            if getattr(self, control.name) != control.default
        }


def from_query(query: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings that a URL asks for, whatever stands in it, and a note for each value that had to give way."""
    values, notes = {}, []
    for control in CONTROLS:
        if control.name in query:
            values[control.name], note = control.parse(query[control.name])
            notes += [note] if note else []
    return Settings(**values), tuple(notes)


@dataclass(frozen=True)
class Preset:
    """A named state of the page that sets up one fact; what it does not name is at its default."""

    name: str
    fact: str
    changes: Mapping[str, str | float | int]

    @property
    def settings(self) -> Settings:
        return Settings(**self.changes)


PRESETS: tuple[Preset, ...] = (
    Preset("Vanishing", "tanh with w = 0.9: the gradient decays at every step", {}),
    Preset("Exploding", "identity with w = 1.1: exactly wᵏ, and it grows", {"act": "identity", "w": 1.1}),
    Preset(
        "Knife-edge w = 1",
        "tanh with w = 1: slower than any exponential, and still down",
        {"w": 1.0, "k": 100},
    ),
    Preset(
        "Saturated tanh",
        "tanh with w = 1.5 from a small start: up like wᵏ, then down",
        {"w": 1.5, "h0": 0.1, "k": 20},
    ),
    Preset(
        "Logistic never explodes",
        "logistic with w = 8, and still vanishing",
        {"act": "logistic", "w": 8.0, "k": 30},
    ),
    Preset("Dead ReLU", "ReLU with w < 0: after two steps exactly nothing", {"act": "relu", "w": -0.9, "k": 20}),
    Preset("Active ReLU", "ReLU with w = 1: the gradient passes unchanged", {"act": "relu", "w": 1.0, "k": 100}),
    Preset("Long memory", "a gate of 0.999 keeps nine tenths over a hundred steps", {"f": 0.999, "k": 100}),
    Preset("Default biases", "a gate of 0.5, as PyTorch starts it: gone within a few steps", {"f": 0.5, "k": 20}),
    Preset(
        "A gate that reads c",
        "f = logistic(u·c + b): the derivative is no longer the gate alone",
        {"gate": "state", "f": 0.9, "u": 2.0, "k": 20},
    ),
    Preset(
        "Gone in float16",
        "logistic with w = 1: float16 holds nothing of it after a dozen steps",
        {"act": "logistic", "w": 1.0, "k": 30},
    ),
    Preset(
        "Restless gate",
        "the gate varies; the product of gates follows it",
        {"gate": "varying", "spread": 2.0},
    ),
)
