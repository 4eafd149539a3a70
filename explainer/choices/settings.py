"""One state of the whole page, as a value, and its way into the URL and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from explainer.choices.controls import CONTROL, CONTROLS

LARGEST_LAG = 10_000


def _is_finite(value: object) -> bool:
    """Whether it is a number that float64 can hold; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False


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
        nets: the networks that are shown, any of the registry's names.
        n: their hidden size. T: their length (steps). gain: factor on their recurrent weights.
        bf: their effective forget bias, or None for what torch draws.
        xs: standard deviation of their inputs. ns: the first of their seeds.
        task: what is trained. tk: its length (steps). tb: the forget bias of the reader's LSTM in training.
        tn: how many seeds are trained. clip: ``on`` cuts the norm of the whole gradient at 1.
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
    nets: tuple[str, ...] = CONTROL["nets"].default
    n: int = CONTROL["n"].default
    T: int = CONTROL["T"].default
    gain: float = CONTROL["gain"].default
    bf: float | None = CONTROL["bf"].default
    xs: float = CONTROL["xs"].default
    ns: int = CONTROL["ns"].default
    task: str = CONTROL["task"].default
    tk: int = CONTROL["tk"].default
    tb: float = CONTROL["tb"].default
    tn: int = CONTROL["tn"].default
    clip: str = CONTROL["clip"].default

    def __post_init__(self) -> None:
        for name in ("act", "gate", "task", "clip"):
            value = getattr(self, name)
            if value not in CONTROL[name].values:
                raise ValueError(f"{name} must be one of {', '.join(CONTROL[name].values)}, not {value!r}")
        for name in ("w", "h0", "f", "spread", "u", "gain", "bf", "xs", "tb"):
            value = getattr(self, name)
            if name == "bf" and value is None:
                continue
            if not _is_finite(value):
                raise ValueError(f"{name} must be a finite number, not {value!r}")
        for name in ("k", "seed", "ls", "n", "T", "ns", "tk", "tn"):
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

        if not isinstance(self.nets, tuple) or not self.nets or not set(self.nets) <= set(CONTROL["nets"].values):
            raise ValueError(f"nets must be some of {', '.join(CONTROL['nets'].values)}, not {self.nets!r}")
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

    def only(self, names: Iterable[str]) -> Settings:
        """These settings as far as they are named, and the defaults for the rest: what a result depends on."""
        return Settings(**{name: getattr(self, name) for name in names})

    def to_query(self) -> dict[str, list[str]]:
        """The URL's parameters for these settings; what is at its default stays out."""
        return {
            control.name: control.texts(getattr(self, control.name))
            for control in CONTROLS
            if getattr(self, control.name) != control.default
        }


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
