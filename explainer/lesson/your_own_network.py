"""Beyond the lab: the lesson's question, asked of a network that the reader brings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, own, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot, stack, steps, table, text
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths.gradients import HORIZON
from explainer.programs import your_own_network as programs
from explainer.reach import files, weights
from explainer.reach.noise import noise
from explainer.reach.own import AFTER, BEFORE, FRESH, Own, Request, layer_names, measure
from explainer.serving.once import once

_EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE, EXAMPLE_BEFORE = "example", "example before"
EXAMPLE_LAG = 30
DIRECT = word("its direct path")
_BINS = np.linspace(0, 1, 21)

_ARGUMENT = r"""
*Beyond the lab.* So far the networks were ours. Now the question is about yours: can it, as it stands, learn from
what happened $k$ steps ago? **Bring its weights**, and this lesson's figures are made of it: how much of the gradient
reaches back, along all paths and, where it has gates, along the direct one; how its forget gates stand; and which lags
make up the gradient of its weights, for a random target at the last step. Beside it stands torch's own fresh network of
the same size. With a second file, from before training, you see what training has changed.

$$
\left\lVert \frac{\partial s^{(T)}}{\partial s^{(T-k)}} \right\rVert
$$

Here $s$ is $c$ for an LSTM, and $h$ for the others.

Until you bring one, the figures show an example: an LSTM of eight units that has learned to remember one bit over 30
steps. Before training hardly any gradient reached that far; it learned over two steps first, then over more and more.
*What follows* says in numbers what could be changed. It holds for the inputs that you choose: other inputs open other
gates.

Your file is read in memory and only as numbers. Nothing in it is executed, nothing is written to disk, shown to
others or kept after your visit. **Links do not contain it**: whoever opens a link sees the example. The notebook, the
handout and the data hold what you see.
"""

_LOOK_CLOSER = r"""
**Several layers.** What is measured is one layer along its own time, with its inputs held: what passes through the
memory of other layers is not in it. In Python `reach.of(model, inputs).stack` takes the states of all layers
together.

**Large networks.** Where whole Jacobians would cost too much, the norms are found by power iteration and random
probes. Each then stands between two bounds, and the caption says by how much it may be off.

**A gradient is not all.** A network can have a long horizon and nothing in the data to learn from it; and one whose
gradient has died may hold its bit by saturation. See *Does it learn?*
"""


@once(size=1)
def example() -> Own:
    """The example before and after training, measured on noise."""
    after, before = (_found(programs_file) for programs_file in (EXAMPLE, EXAMPLE_BEFORE))
    inputs = noise(2 * EXAMPLE_LAG, after.module.input_size, 1.0, seed=0)
    request = Request(EXAMPLE, after, inputs, EXAMPLE_LAG, EXAMPLE_BEFORE, before)
    return measure(request, lambda share: None)


def _found(name: str) -> weights.Found:
    file = (
        _EXAMPLES / {EXAMPLE: "memory-lstm-after.safetensors", EXAMPLE_BEFORE: "memory-lstm-before.safetensors"}[name]
    )
    (found,) = weights.find(files.weights(file.read_bytes()))
    return found


# --- the lines ----------------------------------------------------------------------------------------------

Lines = dict[Series, np.ndarray]


def _color(mine: Own) -> str:
    return style.VERMILION if mine.after.gates is None else style.BLUE


def _norm_lines(mine: Own) -> Lines:
    """log10 norms (T,) of each line."""
    lines = {Series(AFTER, _color(mine), (1, 0)): mine.after.log10_spectral}
    if mine.before is not None:
        lines[Series(BEFORE, _color(mine), (2, 2))] = mine.before.log10_spectral
    if mine.after.log10_direct is not None:
        lines[Series(DIRECT, _color(mine), (7, 3))] = mine.after.log10_direct
    return lines | {Series(FRESH, style.REFERENCE, (1, 0)): _fresh(mine)}


def _fresh(mine: Own) -> np.ndarray:
    return np.median([one.log10_spectral for one in mine.fresh], axis=0)


def _gate_lines(mine: Own) -> Lines:
    """Gates (any number,) of each line."""
    lines = {Series(AFTER, _color(mine), (1, 0)): mine.after.gates.ravel()}
    if mine.before is not None:
        lines[Series(BEFORE, _color(mine), (2, 2))] = mine.before.gates.ravel()
    return lines | {Series(FRESH, style.REFERENCE, (1, 0)): np.concatenate([one.gates.ravel() for one in mine.fresh])}


def _share_lines(mine: Own) -> Lines:
    dashes = {AFTER: (1, 0), BEFORE: (2, 2)}
    return {Series(name, _color(mine), dashes[name]): shares for name, shares in mine.shares.items()}


# --- tables and captions ------------------------------------------------------------------------------------


def _norm_tables(mine: Own) -> dict[str, pa.Table]:
    lines = [by_lag.line_of_norms(one.name, log10_norm) for one, log10_norm in _norm_lines(mine).items()]
    return by_lag.tables_of(lines, mine.request.lag, _end(mine))


def _norm_caption(mine: Own) -> str:
    lag, measured = mine.request.lag, mine.after
    at_lag = "; ".join(
        f"{say(one.name)} {words.magnitude(float(log10_norm[lag]), 1, 2)}"
        for one, log10_norm in _norm_lines(mine).items()
    )
    share = words.percent(HORIZON)
    said = [
        _what(mine),
        say("At every lag of these inputs at least {share} of the gradient is left.", share=share)
        if measured.horizon is None
        else say("Less than {share} of the gradient is left from lag {lag} on.", share=share, lag=measured.horizon),
        say("Spectral norms at lag {lag}: {sizes}.", lag=lag, sizes=at_lag),
    ]
    if measured.method != "exact":
        error = words.number(float(measured.spectral_error[lag]), 2)
        said.append(say("Probed; at this lag right to {error} decades.", error=error))
    return " ".join(said)


def _what(mine: Own) -> str:
    request = mine.request
    return say(
        "{whose}, {layer}, {cell} of {units}, on {inputs}.",
        whose=say("The example") if request.file == EXAMPLE else request.file,
        layer=layer_names(request.found.module)[request.layer],
        cell=say(mine.after.cell),
        units=words.counted(request.found.module.hidden_size, "unit"),
        inputs=say("the inputs of {file}", file=request.inputs_file)
        if request.inputs_file
        else say("noise of standard deviation {scale}", scale=words.number(request.scale)),
    )


def _gate_tables(mine: Own) -> dict[str, pa.Table]:
    rows = []
    for series, gates in _gate_lines(mine).items():
        counts, _ = np.histogram(gates, _BINS)
        middle = (_BINS[:-1] + _BINS[1:]) / 2
        rows.append(table(gate=middle, series=text([series.name] * len(middle)), share=counts / len(gates)))
    return {"gates": stack(*rows)}


def _gate_means(mine: Own) -> str:
    means = "; ".join(
        f"{say(one.name)} {words.number(float(gates.mean()))}" for one, gates in _gate_lines(mine).items()
    )
    return say("The gate that multiplies the memory, on average: {means}.", means=means)


def _gate_caption(mine: Own) -> str:
    return f"{say('Every unit at every step.')} {_gate_means(mine)}"


def _end(mine: Own) -> int:
    """Where the axis of lags ends: at T, so that a tick at T has room for its number."""
    return len(mine.after.lag)


def _share_tables(mine: Own) -> dict[str, pa.Table]:
    rows = [
        table(lag=steps(np.arange(len(shares))), series=text([one.name] * len(shares)), share=shares)
        for one, shares in _share_lines(mine).items()
    ]
    return {"shares": stack(*rows), "frame": table(lag=[0.0, float(_end(mine))], share=[0.0, 0.1])}


def _share_caption(mine: Own) -> str:
    lag = mine.request.lag
    far = "; ".join(f"{say(name)} {words.percent(float(shares[lag:].sum()))}" for name, shares in mine.shares.items())
    return say("Signed; each line sums to 1. Of all lags from {lag} on, the share is: {shares}.", lag=lag, shares=far)


# --- the section --------------------------------------------------------------------------------------------


def _plot(title: str, mine: Callable[[], Own], lines, drawing, tables, caption, program: Callable, column: str, **more):
    def arguments(name: str) -> Callable[[Settings], object]:
        return lambda settings: program_arguments(mine())[name]

    fixed = {name: arguments(name) for name in ("file", "before", "network", "layer", "length", "inputs", "relu")}
    return Plot(
        title=title,
        reads=(),
        drawing=lambda: drawing(*lines(mine()))(),
        tables=lambda settings: tables(mine()),
        caption=lambda settings: caption(mine()),
        program=Program(program, column, fixed),
        **more,
    )


def program_arguments(mine: Own) -> dict[str, object]:
    """What the programs are called with."""
    request = mine.request
    return {
        "file": request.file,
        "before": request.before_file,
        "network": request.found.whole_prefix,
        "layer": mine.after.name,
        "length": len(request.inputs),
        "inputs": request.inputs_file or request.scale,
        "relu": request.found.cell == "rnn-relu",
    }


def _plots(mine: Callable[[], Own], is_gated: bool, **more) -> tuple[Plot, ...]:
    norms = _plot(
        "Your network: the gradient against lag",
        mine, _norm_lines, own.norms, _norm_tables, _norm_caption, programs.own_norms, "gradient", **more,
    )  # fmt: skip
    gates = _plot(
        "Your network: how its forget gates stand",
        mine, _gate_lines, own.gates, _gate_tables, _gate_caption, programs.own_gates, "share",
        half=True, height=style.HALF_HEIGHT, **more,
    )  # fmt: skip
    shares = _plot(
        "Your network: the share of each lag in the weight gradient",
        mine, _share_lines, own.shares, _share_tables, _share_caption, programs.own_shares, "share",
        half=True, height=style.HALF_HEIGHT, **more,
    )  # fmt: skip
    return (norms, gates, shares) if is_gated else (norms, shares)


def _asked(mine: Own) -> Asked:
    return Asked(
        say(
            "At lag {lag}: is more of the gradient left in your network than in torch's fresh one of the same size?",
            lag=mine.request.lag,
        ),
        (
            say("More than ten times as much"),
            say("About the same: within a factor of ten"),
            say("Less than a tenth"),
        ),
        None,
    )


def _question(mine: Own) -> Prediction:
    lag = mine.request.lag
    here, fresh = float(mine.after.log10_spectral[lag]), float(_fresh(mine)[lag])
    apart = 0.0 if here == fresh else here - fresh
    return _asked(mine).answered(
        0 if apart > 1 else 2 if apart < -1 else 1,
        say(
            "At lag {lag} it is {here}, and in the fresh one {fresh}.",
            lag=lag,
            here=words.magnitude(here, 1, 2),
            fresh=words.magnitude(fresh, 1, 2),
        )
        + ("" if mine.after.gates is None else f" {_gate_means(mine)}"),
    )


def _receipt(mine: Own) -> Receipt:
    by_autograd, by_formula = mine.sides
    if mine.after.gates is None:
        slope = "1[h > 0]" if mine.request.found.cell == "rnn-relu" else "1 − h²"
        return Receipt(
            r"\left\lVert \frac{\partial h^{(T)}}{\partial h^{(T-1)}} \right\rVert_F "
            r"= \left\lVert \operatorname{diag}(\sigma') \, W_{hh} \right\rVert_F",
            Side(say("autograd, the last step of your network"), by_autograd),
            Side(f"‖diag({slope})·W_hh‖", by_formula),
        )
    return Receipt(
        say(
            r"\left.\frac{\partial s_i^{(T)}}{\partial s_i^{(T-k)}}\right|_{\text{gates held fixed}} "
            r"= \prod_{t=T-k+1}^{T} f_i^{(t)}"
        ),
        Side(
            say("autograd, the unit of your network that keeps most over {steps}", steps=words.steps(mine.request.lag)),
            by_autograd,
        ),
        Side(say("the product of its gates, each the logistic function of what arrives"), by_formula),
    )


def _follows(mine: Own) -> str:
    said = (one.says for one in mine.advice)
    return "\n".join([say("**What follows.**"), "", *(f"- {one[0].upper()}{one[1:]}" for one in said)])


def _section(mine: Callable[[], Own], is_gated: bool, **more) -> Section:
    return Section(
        title="Your own network",
        argument=_ARGUMENT,
        plots=_plots(mine, is_gated, **more),
        asked=lambda settings: _asked(mine()),
        question=functools.wraps(_question)(lambda settings: _question(mine())),
        receipt=lambda settings: _receipt(mine()),
        remember="How much of the gradient reaches k steps back can be measured before, during and after training.",
        look_closer=_LOOK_CLOSER,
        follows=lambda settings: _follows(mine()),
        of_readers_own=of_readers_own,
        slug="your-own-network",
    )


def of_readers_own(mine: Own) -> Section:
    """The section about what a reader has brought; nothing of it is kept for others."""
    return _section(lambda: mine, mine.after.gates is not None, is_kept=False)


SECTION = _section(example, is_gated=True)
