"""It can still vanish or explode, but information has several paths (the lab's last sentence)."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, hands, networks, readings, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients, jacobians
from explainer.maths.cell_types import CELLS
from explainer.maths.jacobians import ByLag, Pairs
from explainer.maths.paths import by_path
from explainer.programs import many_paths as programs

_ARGUMENT = r"""
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
:blue[nn.GRU], with matrices, inputs and biases. Now ∂s(t)/∂s(t−k) is a matrix, and its norm says how much it can pass
on. At gain 1 and with the biases that torch draws, all three vanish. With 16 units or more, the LSTM and the GRU lose
a power of ten every four to seven steps in every draw. The RNN mostly falls faster, and its draws lie further apart.
Raise the forget bias and watch the LSTM's direct path come alive. Raise the gain, and all of them can explode. The
square pictures show every pair of times at once.
"""

_IN_TORCH = r"""
**Where torch keeps the forget bias.** Each of an LSTM's weights and biases holds four blocks of $n$ rows, in the order
input gate, forget gate, candidate, output gate. There are two biases, and they add up. So this starts the forget
gates at logistic(3), about 0.95:

```python
import torch

lstm = torch.nn.LSTM(input_size=8, hidden_size=16)
n = lstm.hidden_size
with torch.no_grad():
    lstm.bias_ih_l0[n : 2 * n] = 3.0  # the second block: the forget gate's
    lstm.bias_hh_l0[n : 2 * n] = 0.0  # the other bias of the same gate
```

A GRU has three blocks: reset gate $r$, update gate $z$, candidate. In torch, as in Cho et al. (2014), $z$ says what is
**kept**: $h^{(t)} = z\,h^{(t-1)} + (1-z)\,\tilde h$. Many papers and books write it the other way round, with $z$ for
what is new (Chung et al. 2014). With torch's $z$ the same two lines open a GRU: its second block is $z$'s. That is what
the control $b_f$ does here: it sets the forget gate of the LSTM and the update gate of the GRU alike.
"""

_LOOK_CLOSER = r"""
**With a raised forget bias and many units, most of the LSTM's long gradient does not run along the direct path.** At
$b_f = 3$, lag 50 and 16 units, the direct path's norm is about a tenth of the sum of both parts: the paths round
about profit from the open gates too. And one network proves little: the band over the seeds of an RNN spans several
powers of ten.

In an LSTM the paths round about run through $h$ and all the gates; with large recurrent weights they can make the
whole derivative explode while the direct path decays. The direct path alone never explodes, since no gate is
greater than 1.

Gates are also not the only way to keep a path open: with ReLU and recurrent weights that start as the identity, a
vanilla network begins at $w = 1$, where the gradient passes unchanged (Le, Jaitly & Hinton 2015). Even where
gradients neither vanish nor explode, long memory stays hard to learn, because states become very sensitive to the
weights (Zucchet & Orvieto 2024).
"""

_SERIES = (
    Series("whole derivative", style.BLUE, (1, 0)),
    Series("direct path: ∏ f", style.BLUE, (7, 3)),
    Series("paths through the gate", style.BLUE, (2, 2)),
    by_lag.VANILLA,
)
_LSTM_SERIES = (
    Series("whole", style.BLUE, (1, 0)),
    Series("direct path: the product of forget gates", style.BLUE, (7, 3)),
    Series("direct path with torch's own biases", style.REFERENCE, (2, 2)),
)


def _reading_gate(settings: Settings) -> Settings:
    """The gate that reads its state has paths to tell apart; the others have the direct one alone."""
    return settings.replace(gate="state")


def _whole_and_direct(settings: Settings) -> tuple[float, float]:
    """The sizes of the whole derivative at lag k and of its direct path."""
    paths = by_path(_reading_gate(settings))
    return abs(float(paths.whole[-1])), abs(float(paths.direct[-1]))


def _beside_direct(settings: Settings) -> int:
    """Whether the whole is larger than the direct path (0), smaller (1), or neither (2)."""
    whole, direct = _whole_and_direct(settings)
    return 2 if abs(whole - direct) <= 0.01 * max(whole, direct) else 0 if whole > direct else 1


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        return _beside_direct(after) not in (2, _beside_direct(before))

    candidates = ({"h0": -0.5}, {"h0": 0.5}, {"u": -2.0}, {"u": 2.0, "h0": 0.5, "f": 0.9})
    move = moves.first(settings, *candidates, teaches=teaches)
    return Asked(
        say(
            "{move}. For the gate that reads its state: is the whole derivative then larger or smaller than its direct "
            "path ∏ f?",
            move=move.in_words(settings),
        ),
        (say("Larger in size"), say("Smaller in size"), say("Equal, to within 1 %")),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    whole, direct = _whole_and_direct(after)
    return asked.answered(
        _beside_direct(after),
        say(
            "At k = {lag} the whole is {whole} and the direct path {direct} in size. One step is f + c·∂f/∂c, and f "
            "reads u·c: the second term has the sign of u·c, here of {product}.",
            lag=after.k,
            whole=words.number(whole),
            direct=words.number(direct),
            product=words.number(after.u * after.h0),
        ),
        "",
        say("A gate that closes as c grows works against the direct path.") if _beside_direct(after) == 1 else "",
        say("They are equal where the gate does not react: u = 0, c = 0, or f = 0 or 1."),
    )


# --- the gate that reads its state --------------------------------------------------------------------------


def _paths_tables(settings: Settings) -> dict[str, pa.Table]:
    paths, lines = by_path(_reading_gate(settings)), []
    for series, values in zip(_SERIES[:3], (paths.whole, paths.direct, paths.around), strict=True):
        with np.errstate(divide="ignore"):
            place, status = gradients.drawn_log10(values, np.log10(np.abs(values)))
        reads = functools.partial(_in_words, values)
        lines.append(by_lag.line(series.name, paths.lag, values, place, status, reads))
    lines.append(by_lag.line_of(by_lag.VANILLA.name, gradients.vanilla(settings)))
    return by_lag.tables_of(lines, settings.k, settings.k)


def _in_words(values: np.ndarray) -> list[str]:
    return [words.number(value) for value in values.tolist()]


def _paths_caption(settings: Settings) -> str:
    paths = by_path(_reading_gate(settings))
    whole, direct = float(paths.whole[-1]), float(paths.direct[-1])
    said = say(
        "With f = logistic(u·c + b) and u = {u}, the whole derivative at lag {lag} is {whole}.",
        u=words.number(settings.u),
        lag=settings.k,
        whole=words.number(whole),
    )
    if not whole:
        return f"{said} {say('The direct path is {direct}, and the whole is exactly 0.', direct=words.number(direct))}"
    values = {"direct": words.number(direct), "share": words.percent(direct / whole)}
    return f"{said} {say('The direct path is {direct}, {share} of the whole.', **values)}"


PATHS = by_lag.compared(
    Plot(
        title="The direct path and the whole derivative of a gate that reads its state",
        reads=("k", "h0", "act", "w", "f", "u"),
        drawing=by_lag.drawing(*_SERIES, compares=True, has_grip=True),
        tables=_paths_tables,
        caption=_paths_caption,
        program=Program(programs.paths, "gradient"),
        hand=hands.LAG,
    ),
    dict.fromkeys(_SERIES[:3], ("k", "h0", "f", "u")) | {by_lag.VANILLA: gradients.VANILLA_FIELDS},
)

# --- real networks ------------------------------------------------------------------------------------------


def _norms_caption(settings: Settings) -> str:
    lost = "".join(networks.lost_in_norms(cell, networks.by_lag(cell, settings)) for cell in settings.nets)
    said = say(
        "Networks with {units}, gain {gain} and {bias}. At lag {lag}: {ends}. Line and band: middle and range of "
        "{draws} draws.",
        units=words.counted(settings.n, "unit"),
        gain=words.number(settings.gain),
        bias=_bias_words(settings),
        lag=settings.T - 1,
        ends="; ".join(_end(cell, networks.by_lag(cell, settings)) for cell in settings.nets),
        draws=networks.SEEDS,
    )
    return said + lost


def _bias_words(settings: Settings) -> str:
    said, is_opened = networks.bias_words(settings.bf), settings.bf is not None and "gru" in settings.nets
    return say("{bias}, in the GRU of the update gate", bias=said) if is_opened else said


def _end(cell: str, norms: ByLag) -> str:
    """A network at its longest lag: the middle of its seeds, how many explode, and the growth per step."""
    last = norms.spectral.whole[:, -1]
    explode = int((last > np.log10(gradients.EXPLODED)).sum())
    values = {
        "cell": say(networks.label(cell)),
        "size": words.magnitude(float(np.median(last)), 1, 2),
        "rate": words.number(float(np.median(norms.growth_rate)), 2),
    }
    if not explode:
        return say("{cell} {size} ({rate} decades a step)", **values)
    return say(
        "{cell} {size} with {explode} of {draws} draws exploding ({rate} decades a step)",
        explode=explode,
        draws=len(last),
        **values,
    )


NORMS = Plot(
    title="Real networks: norm of the gradient against lag",
    reads=("k", "nets", *networks.NETWORK),
    drawing=networks.norms_by_lag,
    tables=networks.norms_tables,
    caption=_norms_caption,
    program=Program(programs.norms, "log10_magnitude"),
    hand=hands.LAG,
)


def _lstm(settings: Settings) -> list[np.ndarray]:
    """log10 norms (T,) in the order of ``_LSTM_SERIES``, middle of the seeds."""
    mine = networks.by_lag("lstm", settings).spectral
    default = networks.by_lag("lstm", settings, forget_bias=None).spectral
    return [np.median(log10, axis=0) for log10 in (mine.whole, mine.direct, default.direct)]


@networks.with_lag_mark
def _lstm_tables(settings: Settings) -> dict[str, pa.Table]:
    lines = [by_lag.line_of_norms(one.name, norms) for one, norms in zip(_LSTM_SERIES, _lstm(settings), strict=True)]
    return by_lag.tables_of(lines, settings.k, settings.T - 1)


def _lstm_caption(settings: Settings) -> str:
    whole, direct, direct_by_default = (readings.where_below(log10) for log10 in _lstm(settings))
    said = say(
        "An nn.LSTM with {bias}, spectral norms, middle of {draws} draws. Less than {share} is left of the direct path "
        "{direct}, and of the whole derivative {whole}. With torch's own biases less than that is left of the direct "
        "path {by_default}.",
        bias=networks.bias_words(settings.bf),
        draws=networks.SEEDS,
        share=words.percent(gradients.HORIZON),
        direct=direct,
        whole=whole,
        by_default=direct_by_default,
    )
    return said + networks.lost_in_norms("lstm", networks.by_lag("lstm", settings))


LSTM_PATHS = by_lag.compared(
    Plot(
        title="A real LSTM: its direct path and its whole derivative",
        reads=("k", *networks.NETWORK),
        drawing=by_lag.drawing(*_LSTM_SERIES, compares=True, has_grip=True),
        tables=_lstm_tables,
        caption=_lstm_caption,
        program=Program(programs.lstm_paths, "gradient"),
        hand=hands.LAG,
    ),
    dict.fromkeys(_LSTM_SERIES, networks.NETWORK),
)


def _square(cell: str) -> Plot:
    def pairs(settings: Settings) -> Pairs:
        return jacobians.pairs(networks.network(cell, settings))

    def caption(settings: Settings) -> str:
        return say(
            "Frobenius norms of one draw; the colours mean the same in every square. From the first state to the last: "
            "{size}.",
            size=words.magnitude(float(pairs(settings).log10_norm[-1, 0]), 1, 2),
        )

    return Plot(
        title=f"{networks.label(cell)}: gradients between every two times",
        reads=networks.moves(cell),
        drawing=networks.all_times,
        tables=lambda settings: networks.all_times_tables(pairs(settings)),
        caption=caption,
        program=Program(programs.all_times, fixed={"cell": cell}),
        half=True,
        shown=lambda settings: cell in settings.nets,
    )


SQUARES = tuple(_square(cell) for cell in CELLS)


def _receipt(settings: Settings) -> Receipt:
    paths = by_path(settings)
    return Receipt(
        say(
            r"\left.\frac{\partial c^{(t)}}{\partial c^{(t-k)}}\right|_{\text{gates held fixed}} = "
            r"\prod_{i=1}^{k} f(t-i)"
        ),
        Side(say("autograd, every gate held fixed"), float(paths.direct[-1])),
        Side("∏ f(t−i)", float(paths.product_of_gates[-1])),
        others=(Side(say("autograd, all paths"), float(paths.whole[-1])),),
        remark=say(
            "With your kind of gate the other paths contribute {size}.", size=words.number(float(paths.around[-1]))
        ),
    )


SECTION = Section(
    title="Still no guarantee, but several paths",
    argument=_ARGUMENT,
    in_torch=_IN_TORCH,
    plots=(PATHS, NORMS, LSTM_PATHS, *SQUARES),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Gates do not abolish vanishing; they add a path that the network itself can hold open.",
    look_closer=_LOOK_CLOSER,
    receipt_reads=("gate", "spread", "seed"),
)
