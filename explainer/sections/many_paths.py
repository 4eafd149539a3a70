"""It can still vanish or explode, but information has several paths (the lab's last sentence)."""

from __future__ import annotations

import numpy as np

from explainer import drawings, gradients, style, words
from explainer.figures import Figure
from explainer.gradients import Paths
from explainer.lesson import Option, Prediction, Receipt, Side
from explainer.settings import Settings

TITLE = "Still no guarantee, but several paths"
MOVED_BY = ("k", "h0", "act", "w", "gate", "f", "spread", "seed", "u")

ARGUMENT = r"""
Is the problem solved? Not by itself. A product of gates can vanish as surely as a power of $w$, and where the
gate reads the state, the gradient can even grow for a while. What has changed is that there is now more than one
way through.

If the gate depends on the state, a small change of :blue[$c^{(t-k)}$] reaches :blue[$c^{(t)}$] along **several
paths**: straight along the cell state, where it is multiplied by the gates and nothing else, and round about,
through each gate that it moves. The whole derivative is the sum over all of them:

$$
\frac{\partial c^{(t)}}{\partial c^{(t-k)}} = \underbrace{\prod_{i=1}^{k} f(t-i)}_{\text{direct path}}
\;+\; \underbrace{\cdots}_{\text{paths through the gates}}
$$

The direct path is the one that a network can hold open by learning its gates. The square pictures below show
where gradients survive: one cell for every pair of times.
"""

REMEMBER = "Gates do not abolish vanishing; they add a path that the network itself can hold open."

LOOK_CLOSER = r"""
In an LSTM the paths round about run through $h$ and all the gates; with large recurrent weights they can make the
whole derivative explode while the direct path decays. The direct path alone never explodes, since no gate is
greater than 1.

Gates are also not the only way to keep a path open: with ReLU and recurrent weights that start as the identity, a
vanilla network begins at $w = 1$, where the gradient passes unchanged (Le, Jaitly & Hinton 2015). Even where
gradients neither vanish nor explode, long memory stays hard to learn, because states become very sensitive to the
weights (Zucchet & Orvieto 2024).
"""

WINDOW = 40

_series = (
    drawings.Series("whole derivative", style.BLUE, (1, 0)),
    drawings.Series("direct path: ∏ f", style.BLUE, (7, 3)),
    drawings.Series("paths through the gate", style.BLUE, (2, 2)),
    drawings.Series("vanilla", style.VERMILION, (1, 0)),
)
_by_lag = drawings.by_lag("paths_by_lag", _series, references=False)
_vanilla_times = drawings.all_times("vanilla", "h")
_gated_times = drawings.all_times("gated", "c")


def _reading_gate(settings: Settings) -> Settings:
    """The gate that reads its state has paths to tell apart; the others have the direct one alone."""
    return settings.replace(gate="state")


def prediction(settings: Settings) -> Prediction:
    paths = gradients.paths(_reading_gate(settings))
    whole, direct = abs(float(paths.whole[-1])), abs(float(paths.direct[-1]))
    told = f"At k = {settings.k} the whole is {words.number(whole)} and the direct path {words.number(direct)} in size."
    return Prediction(
        "For the gate that reads its state: is the whole derivative larger or smaller than its direct path ∏ f?",
        (
            Option("Larger: the paths through the gate add to it", told),
            Option(
                "Smaller: they work against it",
                told + " The sign of u·c decides which: a gate that closes as c grows works against it.",
            ),
            Option(
                "Equal, to within 1 %",
                told + " They are equal where the gate does not react: u = 0, c = 0 or f = 1.",
            ),
        ),
        2 if abs(whole - direct) <= 0.01 * max(whole, direct) else 0 if whole > direct else 1,
    )


def _paths_tables(paths: Paths, settings: Settings) -> dict:
    rows = []
    for series, values in zip(_series[:3], (paths.whole, paths.direct, paths.around), strict=True):
        with np.errstate(divide="ignore"):
            place, status = gradients.drawn_log10(values, np.log10(np.abs(values)))
        reads = [words.number(value) for value in values.tolist()]
        rows.append(drawings.line_table(series, paths.lag, values, place, status, reads))
    rows.append(drawings.by_lag_tables({_series[3]: gradients.vanilla(settings)}, settings.k)["gradients"])
    return drawings.lines_tables(rows, settings.k)


def figures_at(settings: Settings) -> tuple[Figure, ...]:
    reading = _reading_gate(settings)
    paths = gradients.paths(reading)
    whole, direct = float(paths.whole[-1]), float(paths.direct[-1])
    share = f"{words.percent(direct / whole)} of the whole" if whole else "and the whole is exactly 0"
    times = min(WINDOW, settings.k) + 1
    squares = {
        style.VANILLA: gradients.vanilla_all_times(settings, times),
        style.GATED: gradients.gated_all_times(settings, times),
    }
    weakest = {cell: float(np.abs(square.gradient[-1, 0])) for cell, square in squares.items()}
    return (
        Figure(
            "The direct path and the whole derivative of a gate that reads its state",
            _by_lag,
            _paths_tables(paths, settings),
            f"With f = logistic(u·c + b) and u = {words.number(settings.u)}, the whole derivative at lag {settings.k} "
            f"is {words.number(whole)}. The direct path is {words.number(direct)}, {share}.",
        ),
        Figure(
            "Vanilla gradients between every two times",
            _vanilla_times,
            drawings.all_times_tables(squares[style.VANILLA], "h"),
            f"From the first to the last of these {times} times the vanilla gradient is "
            f"{words.number(weakest[style.VANILLA])} in size.",
            half=True,
        ),
        Figure(
            "Gated gradients between every two times",
            _gated_times,
            drawings.all_times_tables(squares[style.GATED], "c"),
            f"From the first to the last of these {times} times the gated gradient is "
            f"{words.number(weakest[style.GATED])} in size.",
            half=True,
        ),
    )


def receipt(settings: Settings) -> Receipt:
    paths = gradients.paths(settings)
    return Receipt(
        r"\left.\frac{\partial c^{(t)}}{\partial c^{(t-k)}}\right|_{\text{gates held fixed}} = \prod_{i=1}^{k} f(t-i)",
        Side("autograd, every gate held fixed", float(paths.direct[-1])),
        Side("∏ f(t−i)", float(paths.product_of_gates[-1])),
        others=(Side("autograd, all paths", float(paths.whole[-1])),),
        remark=f"With your kind of gate the other paths contribute {words.number(float(paths.around[-1]))}.",
    )
