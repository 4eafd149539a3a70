"""The quantities that a task can ask for: each has a name, and is computed from the settings alone.

They are the numbers that the sections' figures show, by the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from explainer import words
from explainer.choices.controls import BOTH, DEPTH, GATED, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import networks
from explainer.languages import say, word
from explainer.maths import depth, gradients, number_formats
from explainer.maths.depth import Stack
from explainer.maths.gradients import Gradient
from explainer.maths.paths import by_path

SHARE, SIZE, LAG = "share", "size", "lag"
"""What a quantity is: a share of 1, a size (both from 0 up), or a lag, which is ∞ where none up to k will do."""

_SAME = 1e-9  # relative: a bound counts as kept where rounding alone is beyond it


@dataclass(frozen=True)
class Quantity:
    """One named quantity.

    Attributes:
        name: as a task's file writes it.
        reading: a sentence about its present value, as a template.
        kind: ``SHARE``, ``SIZE`` or ``LAG``.
        reads: names of the controls that it depends on, in no order.
        compute: (settings) → the log10 of a share or a size, or a lag; −inf is exactly 0, NaN undefined.
    """

    name: str
    reading: str
    kind: str
    reads: frozenset[str]
    compute: Callable[[Settings], float]

    def at_least(self, value: float, bound: float) -> bool:
        """Whether a value of :attr:`compute` is at least a bound, which is given as it is."""
        return value >= self._place(bound) - self._slack(bound)

    def at_most(self, value: float, bound: float) -> bool:
        return value <= self._place(bound) + self._slack(bound)

    def _place(self, bound: float) -> float:
        if self.kind == LAG:
            return bound
        return math.log10(bound) if bound > 0 else -math.inf

    def _slack(self, bound: float) -> float:
        return 0.0 if self.kind == LAG else _SAME / math.log(10)

    def text(self, value: float) -> str:
        """A value of :attr:`compute` in words."""
        if self.kind == LAG:
            return words.number(value) if math.isfinite(value) else say("none up to k")
        if self.kind == SHARE and -4 < value < 2:
            return words.percent(10**value)
        return words.magnitude(value)

    def said(self, value: float) -> str:
        """A value of :attr:`compute` as a sentence."""
        return say(self.reading, value=self.text(value))

    def bound(self, bound: float) -> str:
        """A bound in words."""
        return self.text(self._place(bound))


_VANILLA_CELL, _GATED_CELL = frozenset(names_of(BOTH, VANILLA)), frozenset(names_of(BOTH, GATED))
_NETWORK, _LAYERS = frozenset((*networks.NETWORK, "k")), frozenset(names_of(DEPTH))


def _at_end(gradient: Gradient) -> float:
    return float(gradient.log10_magnitude[-1])


def _horizon(gradient: Gradient) -> float:
    lag = gradients.horizon(gradient)
    return math.inf if lag is None else float(lag)


def _over(above: float, below: float) -> float:
    """The log10 of a ratio of two magnitudes given by theirs; NaN where both are exactly 0, or neither is finite."""
    with np.errstate(invalid="ignore"):
        return float(np.subtract(above, below))


def _direct_over_detours(settings: Settings) -> float:
    """Of the gate that reads its state: the direct path ∏ f over the paths through the gate."""
    paths = by_path(settings.replace(gate="state"))
    return _over(*(float(gradients.log10_abs(one[-1:])[0]) for one in (paths.direct, paths.around)))


def _norm(cell: str, part: str = "whole") -> Callable[[Settings], float]:
    """(settings) → log10 of a spectral norm at lag k, or at the longest: the middle of the draws."""

    def compute(settings: Settings) -> float:
        norms = getattr(networks.by_lag(cell, settings).spectral, part)
        return float(np.median(norms[:, _lag(settings)]))

    return compute


def _lag(settings: Settings) -> int:
    return min(settings.k, settings.T - 1)


def _lstm_direct_over_detours(settings: Settings) -> float:
    return _over(_norm("lstm", "direct")(settings), _norm("lstm", "rest")(settings))


def _lstm_horizon(settings: Settings) -> float:
    horizons = networks.by_lag("lstm", settings).horizon()
    return float(np.median([math.inf if lag is None else lag for lag in horizons]))


def _zero_in_float16(settings: Settings) -> float:
    try:
        lag = number_formats.vanilla(settings, "float16", 2.0**settings.ls).zero_from
    except RuntimeError:  # torch on this computer has no float16
        return math.nan
    return math.inf if lag is None else float(lag)


def _stack(kind: str) -> Callable[[Settings], float]:
    """(settings) → log10 of the norm of the gradient that reaches x(0): the middle of the draws."""

    def compute(settings: Settings) -> float:
        stack = Stack(kind, settings.L, settings.d, settings.dg, input_scale=settings.dx, seed=settings.ds)
        return float(np.median(depth.by_depth(stack).log10_norm[:, -1]))

    return compute


QUANTITIES: Mapping[str, Quantity] = {
    one.name: one
    for one in (
        Quantity(
            "vanilla-left",
            word("{value} of the vanilla cell's gradient is left at lag k"),
            SHARE,
            _VANILLA_CELL,
            lambda settings: _at_end(gradients.vanilla(settings)),
        ),
        Quantity(
            "gated-left",
            word("{value} of the gated cell's gradient is left at lag k"),
            SHARE,
            _GATED_CELL,
            lambda settings: _at_end(gradients.gated(settings)),
        ),
        Quantity(
            "gated-over-vanilla",
            word("{value} times as large as the vanilla gradient is the gated one, at lag k"),
            SIZE,
            _VANILLA_CELL | _GATED_CELL,
            lambda settings: _over(_at_end(gradients.gated(settings)), _at_end(gradients.vanilla(settings))),
        ),
        Quantity(
            "vanilla-over-power",
            word("{value} times |w|ᵏ is the vanilla gradient at lag k"),
            SIZE,
            _VANILLA_CELL,
            lambda settings: _over(_at_end(gradients.vanilla(settings)), float(gradients.power_of_w(settings)[1][-1])),
        ),
        Quantity(
            "vanilla-last-factor",
            word("{value} is the size of the factor of the vanilla cell's last step"),
            SIZE,
            _VANILLA_CELL,
            lambda settings: float(gradients.vanilla(settings).log10_factor[0]),
        ),
        Quantity(
            "vanilla-horizon",
            word("{value} is the lag from which less than 1 % of the vanilla gradient is left"),
            LAG,
            _VANILLA_CELL,
            lambda settings: _horizon(gradients.vanilla(settings)),
        ),
        Quantity(
            "gated-horizon",
            word("{value} is the lag from which less than 1 % of the gated gradient is left"),
            LAG,
            _GATED_CELL,
            lambda settings: _horizon(gradients.gated(settings)),
        ),
        Quantity(
            "direct-over-detours",
            word(
                "{value} times as long as the paths through the gate is the direct path, "
                "for the gate that reads its state"
            ),
            SIZE,
            _GATED_CELL - {"gate", "spread", "seed"},
            _direct_over_detours,
        ),
        Quantity(
            "rnn-norm",
            word("{value} is the norm of the RNN's gradient at lag k"),
            SIZE,
            _NETWORK - {"bf"},
            _norm("rnn"),
        ),
        Quantity(
            "lstm-norm", word("{value} is the norm of the LSTM's gradient at lag k"), SIZE, _NETWORK, _norm("lstm")
        ),
        Quantity("gru-norm", word("{value} is the norm of the GRU's gradient at lag k"), SIZE, _NETWORK, _norm("gru")),
        Quantity(
            "lstm-direct",
            word("{value} is the norm of the LSTM's direct path at lag k"),
            SIZE,
            _NETWORK,
            _norm("lstm", "direct"),
        ),
        Quantity(
            "lstm-direct-over-detours",
            word("{value} times as long as all its detours is the LSTM's direct path, at lag k"),
            SIZE,
            _NETWORK,
            _lstm_direct_over_detours,
        ),
        Quantity(
            "lstm-horizon",
            word("{value} is the lag from which less than 1 % of the LSTM's gradient is left"),
            LAG,
            _NETWORK - {"k"},
            _lstm_horizon,
        ),
        Quantity(
            "float16-zero-from",
            word("{value} is the lag from which the vanilla gradient is exactly 0 in float16"),
            LAG,
            _VANILLA_CELL | {"ls"},
            _zero_in_float16,
        ),
        Quantity(
            "plain-depth-left",
            word("{value} is the norm of the gradient that reaches x(0) through the plain stack"),
            SIZE,
            _LAYERS - {"db"},
            _stack("plain"),
        ),
        Quantity(
            "residual-depth-left",
            word("{value} is the norm of the gradient that reaches x(0) through the residual stack"),
            SIZE,
            _LAYERS - {"db"},
            _stack("residual"),
        ),
    )
}
"""Every quantity, by its name."""
