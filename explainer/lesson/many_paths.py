"""It can still vanish or explode, but information has several paths (the lab's last sentence)."""

from __future__ import annotations

import numpy as np

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import drawings, style
from explainer.figures import networks as drawn
from explainer.figures.figure import Figure
from explainer.lesson.parts import Option, Prediction, Receipt, Side
from explainer.maths import gradients, jacobians, logscale
from explainer.maths.gradients import Paths
from explainer.maths.jacobians import ByLag
from explainer.maths.network import Network
from explainer.serving.once import once

TITLE = "Still no guarantee, but several paths"
MOVED_BY = ("k", "h0", "act", "w", "f", "u", "nets", "n", "T", "gain", "bf", "xs", "ns")
RECEIPT_ALSO_READS = ("gate", "spread", "seed")

ARGUMENT = r"""
Is the problem solved? Not by itself. A product of gates can vanish as surely as a power of $w$, and where the
gate reads the state, the gradient can even grow for a while. What has changed is that there is now more than one
way through.

If the gate depends on the state, a small change of :blue[$c^{(t-k)}$] reaches :blue[$c^{(t)}$] along **several
paths**: straight along the cell state, where it is multiplied by the gates and nothing else, and round about,
through each gate that it moves. The whole derivative is the sum over all of them:

$$
\begin{aligned}
\frac{\partial c^{(t)}}{\partial c^{(t-k)}} = {} & \underbrace{\prod_{i=1}^{k} f(t-i)}_{\text{direct path}} \\
& + \underbrace{\cdots}_{\text{paths through the gates}}
\end{aligned}
$$

The direct path is the one that a network can hold open by learning its gates.

The second figure leaves the single number behind and takes torch's own :orange[nn.RNN], :blue[nn.LSTM] and
:blue[nn.GRU], with matrices, inputs and biases. Now ∂s(t)/∂s(t−k) is a matrix, and its norm says how much it can
pass on. With the biases that torch draws, all three vanish at much the same pace. Raise the forget bias and watch
the LSTM's direct path come alive. Raise the gain, and all of them can explode. The square pictures show every
pair of times at once.
"""

REMEMBER = "Gates do not abolish vanishing; they add a path that the network itself can hold open."

LOOK_CLOSER = r"""
**With a raised forget bias, most of the LSTM's long gradient does not run along the direct path.** At $b_f = 3$,
lag 50 and 16 units, the direct path's norm is about a tenth of the sum of both parts: the paths round about
profit from the open gates too. And one network proves little: the band over the seeds of an RNN spans several
powers of ten.

In an LSTM the paths round about run through $h$ and all the gates; with large recurrent weights they can make the
whole derivative explode while the direct path decays. The direct path alone never explodes, since no gate is
greater than 1.

Gates are also not the only way to keep a path open: with ReLU and recurrent weights that start as the identity, a
vanilla network begins at $w = 1$, where the gradient passes unchanged (Le, Jaitly & Hinton 2015). Even where
gradients neither vanish nor explode, long memory stays hard to learn, because states become very sensitive to the
weights (Zucchet & Orvieto 2024).
"""

_series = (
    drawings.Series("whole derivative", style.BLUE, (1, 0)),
    drawings.Series("direct path: ∏ f", style.BLUE, (7, 3)),
    drawings.Series("paths through the gate", style.BLUE, (2, 2)),
    drawings.Series("vanilla", style.VERMILION, (1, 0)),
)
_by_lag = drawings.by_lag("paths_by_lag", _series, references=False)


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
            Option("Larger in size", told),
            Option(
                "Smaller in size",
                told + " A gate that closes as c grows works against the direct path.",
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
    return drawings.lines_tables(rows, settings.k, settings.k)


def figures_at(settings: Settings) -> tuple[Figure, ...]:
    reading = _reading_gate(settings)
    paths = gradients.paths(reading)
    whole, direct = float(paths.whole[-1]), float(paths.direct[-1])
    share = f"{words.percent(direct / whole)} of the whole" if whole else "and the whole is exactly 0"
    return (
        Figure(
            "The direct path and the whole derivative of a gate that reads its state",
            _by_lag,
            _paths_tables(paths, settings),
            f"With f = logistic(u·c + b) and u = {words.number(settings.u)}, the whole derivative at lag {settings.k} "
            f"is {words.number(whole)}. The direct path is {words.number(direct)}, {share}.",
        ),
        _norms(settings),
        _lstm_paths(settings),
        *(_square(drawn.network(cell, settings)) for cell in settings.nets),
    )


@drawn.drawn_once
def _norms(settings: Settings) -> Figure:
    nets = {cell: jacobians.by_lag(drawn.network(cell, settings), drawn.SEEDS) for cell in settings.nets}
    return Figure(
        "Real networks: norm of the gradient against lag",
        drawn.norms_by_lag,
        drawn.norms_tables({drawn.label(cell): one.spectral.whole for cell, one in nets.items()}, settings),
        f"Networks with {settings.n} units, gain {words.number(settings.gain)} and "
        f"{drawn.bias_words(settings.bf)}. At lag {settings.T - 1}: {_ends(nets)}. "
        f"Line and band: middle and range of {drawn.SEEDS} draws.",
    )


def _ends(nets: dict[str, ByLag]) -> str:
    """Each network at its longest lag: the middle of its seeds, how many explode, and the growth per step."""
    said = []
    for cell, one in nets.items():
        last = one.spectral.whole[:, -1]
        explode = int((last > np.log10(gradients.EXPLODED)).sum())
        rate = words.number(float(np.median(one.growth_rate)), 2)
        said.append(
            f"{drawn.label(cell)} {words.magnitude(float(np.median(last)), 1, 2)}"
            + (f" with {explode} of {len(last)} draws exploding" if explode else "")
            + f" ({rate} decades a step)"
        )
    return "; ".join(said)


_lstm_series = (
    drawings.Series("whole", style.BLUE, (1, 0)),
    drawings.Series("direct path: the product of forget gates", style.BLUE, (7, 3)),
    drawings.Series("direct path with torch's own biases", style.REFERENCE, (2, 2)),
)
_lstm_by_lag = drawings.by_lag("lstm_paths", _lstm_series, references=False)


@drawn.drawn_once
def _lstm_paths(settings: Settings) -> Figure:
    mine = jacobians.by_lag(drawn.network("lstm", settings), drawn.SEEDS).spectral
    default = jacobians.by_lag(drawn.network("lstm", settings, forget_bias=None), drawn.SEEDS).spectral
    middles = [np.median(log10, axis=0) for log10 in (mine.whole, mine.direct, default.direct)]
    lag, rows = np.arange(settings.T), []
    for series, log10 in zip(_lstm_series, middles, strict=True):
        with np.errstate(over="ignore", under="ignore"):
            norm = 10.0**log10
        reads = [words.magnitude(value) for value in log10.tolist()]
        rows.append(drawings.line_table(series, lag, norm, log10, gradients.drawn_log10(norm, log10)[1], reads))
    held = [logscale.first_below(log10, gradients.HORIZON) for log10 in middles]
    whole, direct, direct_by_default = (
        f"from lag {lag} on" if lag is not None else f"nowhere up to lag {settings.T - 1}" for lag in held
    )
    return Figure(
        "A real LSTM: its direct path and its whole derivative",
        _lstm_by_lag,
        drawings.lines_tables(rows, settings.k, settings.T - 1),
        f"An nn.LSTM with {drawn.bias_words(settings.bf)}, spectral norms, middle of {drawn.SEEDS} draws. "
        f"Less than {words.percent(gradients.HORIZON)} is left of the direct path {direct}, and of the whole "
        f"derivative {whole}. With torch's own biases less than that is left of the direct path {direct_by_default}.",
    )


@once(64)
def _square(network: Network) -> Figure:
    pairs = jacobians.pairs(network)
    return Figure(
        f"{drawn.label(network.cell)}: gradients between every two times",
        drawn.all_times,
        drawn.all_times_tables(pairs),
        f"Frobenius norms of one draw; the colours mean the same in every square. "
        f"From the first state to the last: {words.magnitude(float(pairs.log10_norm[-1, 0]), 1, 2)}.",
        half=True,
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
