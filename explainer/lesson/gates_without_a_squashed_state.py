"""Beyond the lab: linear recurrences of today, for which the lab's formula is exact."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, figure, hands, networks, readings, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot, stack, table, text
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import ring
from explainer.maths.cell_types import CELLS
from explainer.maths.gradients import HORIZON
from explainer.maths.jacobians import Norms
from explainer.programs import gates_without_a_squashed_state as programs

_ARGUMENT = r"""
*Beyond the lab.* Who still trains LSTMs? The LSTM's gates read $h$, which is made of the memory. That is where the
paths round about come from, and why its steps have to be computed one after the other. Many networks of today let no
gate read the state. Their memory is a **linear recurrence**, in which neither $a$ nor $u$ depends on the memory:

$$
h^{(t)} = a(t) \odot h^{(t-1)} + u(t)
$$

- In a **linear recurrent unit**, LRU (Orvieto et al. 2023), :blue[$a$] is a parameter, the same at every step: a real
  number, or a complex one within the unit circle, which turns a pair of numbers as it shrinks them.
- In the **minGRU** (Feng et al. 2024) it is a gate, $1 - z(t)$, that the *input* sets, and in the **minLSTM** of the
  same authors it is made of two, $f/(f+i)$.
- In the **selective state space** of Mamba (Gu & Dao 2023) it is $\exp(\Delta(t) \cdot A)$ with $A < 0$ and a step
  length $\Delta(t) > 0$ that the input sets.

For all of these the lab's formula is no simplification. It is exact, here with torch's index:

$$
\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=0}^{k-1} a(t-i)
$$

Two things are gained. There are **no paths round about**: where $|a| \le 1$ this derivative cannot grow, whatever the
weights. And all $a(t)$ are known before the first step is taken. Two steps in a row are one such step again, with
$a(t)\,a(t-1)$ in place of $a$ and $a(t)\,u(t-1) + u(t)$ in place of $u$, so they can be joined in pairs, and the
pairs in pairs: with enough processors $T$ states take $\lceil \log_2 T \rceil$ rounds of a **parallel scan** instead
of $T$ steps. Two things are lost: no gate can react to what the memory already holds, and no path carries more than
the product.
"""

_LOOK_CLOSER = r"""
**Exact does not mean long.** With biases as torch draws an LSTM's, the gates start half open, and the product is soon
gone. With 16 units and gain 1 it even falls behind the LSTM, which has its paths round about besides. A forget bias
helps them as it helps the LSTM. The figures set it for all cells alike: without input, each keeps
$\mathrm{logistic}(b_f)$ of its memory.

**Does a minGRU learn to remember?** Choose it as the fifth network in section 12. On the memory task at $k = 100$ it
only guesses with a forget bias of 2 or less, where less than $10^{-5}$ of the gradient reaches the bit; with a bias of
3, where about a hundredth does, most draws of it learn, and with 4 they learn sooner.

**The state space and the minGRU are relatives.** With $A = -1$, one state a channel and $\Delta = \mathrm{softplus}(z)$
for a $z$ that is linear in the input $x$, the factor is $\exp(-\mathrm{softplus}(z)) = 1 - \sigma(z)$. If $B = 1$ as
well, the selective state space *is* a gated recurrence, $(1-g) \odot h^{(t-1)} + g \odot x^{(t)}$ with
$g = \sigma(z)$ (Gu & Dao 2023, section 3.5.1, Theorem 1). The minGRU has $W x^{(t)} + b$ in the place of $x^{(t)}$.

**Complex $a$.** Each pair of numbers turns by a fixed angle a step, so that a memory can mark *when* something was.
The size of the gradient is $|a|^k$ all the same. Orvieto et al. 2023 draw their $a$ evenly from the area of a ring
(section 3.2), for long sequences one just within the unit circle, as section 15 does. The input is scaled by
$\sqrt{1-|a|^2}$, so that the memory of noise is as large as the noise (section 3.4). In the paper this scale is only a
start, and is then trained; here it stays tied to $|a|$.

These are the recurrences alone, one layer of each. In the networks of the papers each stands in a residual block, with
layers between that are not linear.
"""

CELLS_SHOWN = ("lstm", *(name for name, cell in CELLS.items() if not cell.reads_state))
_PAIR = ("lstm", "mingru")


def _lag(settings: Settings) -> int:
    """The reader's lag, as far as the networks reach."""
    return min(settings.k, settings.T - 1)


def _spectral(cell: str, settings: Settings) -> Norms:
    return networks.by_lag(cell, settings).spectral


def _asked(settings: Settings) -> Asked:
    lag = _lag(settings)
    move = moves.first(settings, {"bf": None} if (settings.bf or 0.0) >= 2 else {"bf": 3.0})
    return Asked(
        say(
            "{move}. Which then has the larger gradient at lag {lag}, an LSTM or a minGRU?",
            move=move.in_words(settings),
            lag=lag,
        ),
        (say("The LSTM"), say("The minGRU"), say("Within a factor of 2 they are equal")),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked, lag = _asked(settings), _lag(settings)
    before, after = (
        [float(np.median(_spectral(cell, one).whole[:, lag])) for cell in _PAIR]
        for one in (settings, asked.after(settings))
    )
    (lstm, min_gru), (lstm_before, min_gru_before) = after, before
    gates = float(np.median(_spectral("lstm", asked.after(settings)).direct[:, lag]))
    return asked.answered(
        2 if abs(lstm - min_gru) <= np.log10(2) else 0 if lstm > min_gru else 1,
        say(
            "At lag {lag} the LSTM goes from {lstm_before} to {lstm}; the product of its gates alone is {gates} then, "
            "and the paths round about make the difference. The minGRU goes from {min_gru_before} to {min_gru}, and "
            "has the product alone.",
            lag=lag,
            lstm_before=words.magnitude(lstm_before),
            lstm=words.magnitude(lstm),
            gates=words.magnitude(gates),
            min_gru_before=words.magnitude(min_gru_before),
            min_gru=words.magnitude(min_gru),
        ),
    )


# --- by lag -------------------------------------------------------------------------------------------------


@networks.with_lag_mark
def _norms_tables(settings: Settings) -> dict[str, pa.Table]:
    return networks.norms_of(CELLS_SHOWN, settings)


def _norms_caption(settings: Settings) -> str:
    ends = "; ".join(
        f"{say(networks.label(cell))} {words.magnitude(float(np.median(_spectral(cell, settings).whole[:, -1])), 1, 2)}"
        for cell in CELLS_SHOWN
    )
    said = say(
        "With {units} and {bias}, at lag {lag}: {ends}. Line and band: middle and range of {draws} draws.",
        units=words.counted(settings.n, "unit"),
        bias=networks.bias_words(settings.bf),
        lag=settings.T - 1,
        ends=ends,
        draws=networks.SEEDS,
    )
    return said + networks.lost_in_norms("lstm", networks.by_lag("lstm", settings))


NORMS = Plot(
    title="Linear recurrences beside an LSTM",
    reads=("k", *networks.NETWORK),
    drawing=networks.norms_drawing(CELLS_SHOWN),
    tables=_norms_tables,
    caption=_norms_caption,
    program=Program(programs.linear_norms, "log10_magnitude"),
    hand=hands.LAG,
)

# --- whole and product --------------------------------------------------------------------------------------

_PATH_SERIES = (
    Series(word("LSTM: whole"), style.REFERENCE, (1, 0)),
    Series(word("LSTM: product of gates"), style.REFERENCE, (7, 3)),
    Series(word("minGRU: whole"), style.BLUE, (1, 0)),
    Series(word("minGRU: product of gates"), style.BLUE, (7, 3)),
)


def _middles(settings: Settings) -> list[np.ndarray]:
    """log10 norms (T,) in the order of ``_PATH_SERIES``, middle of the seeds."""
    measured = [_spectral(cell, settings) for cell in _PAIR]
    return [np.median(log10, axis=0) for one in measured for log10 in (one.whole, one.direct)]


@networks.with_lag_mark
def _paths_tables(settings: Settings) -> dict[str, pa.Table]:
    pairs = zip(_PATH_SERIES, _middles(settings), strict=True)
    return by_lag.tables_of([by_lag.line_of_norms(one.name, log10) for one, log10 in pairs], settings.k, settings.T - 1)


def _paths_caption(settings: Settings) -> str:
    lag, (lstm, gates, min_gru, product) = _lag(settings), _middles(settings)
    scan = ring.scanned(networks.network("mingru", settings))
    return say(
        "At lag {lag} the LSTM's whole derivative is {lstm} and the product of its gates {gates}; the minGRU's are "
        "{min_gru} and {product}. Less than {horizon} is left of the minGRU's: {where}. Its {states} took {rounds} of "
        "a parallel scan; step by step they come out the same, to within {difference} of the largest.",
        lag=lag,
        lstm=words.magnitude(float(lstm[lag])),
        gates=words.magnitude(float(gates[lag])),
        min_gru=words.magnitude(float(min_gru[lag])),
        product=words.magnitude(float(product[lag])),
        horizon=words.percent(HORIZON),
        where=readings.where_below(min_gru),
        states=words.counted(settings.T, "state"),
        rounds=words.counted(scan.rounds, "round"),
        difference=words.number(scan.difference, 1),
    )


PATHS = by_lag.compared(
    Plot(
        title="Whole derivative and product of gates, LSTM and minGRU",
        reads=("k", *networks.NETWORK),
        drawing=by_lag.drawing(*_PATH_SERIES, compares=True, has_grip=True),
        tables=_paths_tables,
        caption=_paths_caption,
        program=Program(programs.exact_product, "gradient"),
        hand=hands.LAG,
    ),
    dict.fromkeys(_PATH_SERIES, networks.NETWORK),
)

# --- complex a ----------------------------------------------------------------------------------------------

_ONE, _MANY = word("one step: a"), word("k steps: aᵏ")
_ROUND = 430  # pixels: about what makes the circle round on a wide page


@figure.drawing
def _ring_drawing() -> alt.LayerChart:
    names = [_ONE, _MANY]
    scale = {"domain": [-1.08, 1.08], "nice": False, "zero": False}
    x, y = style.x("real", "real part", scale), style.y("imaginary", "imaginary part", scale)
    legend = alt.Legend(title=None, orient="top", labelFontSize=style.FONT_SIZE, symbolSize=120, symbolOpacity=1)
    color = alt.Color("series:N", legend=legend, scale=alt.Scale(domain=names, range=[style.BLUE, style.REFERENCE]))
    shape = alt.Shape("series:N", legend=legend, scale=alt.Scale(domain=names, range=["circle", "diamond"]))
    return style.finish(
        alt.layer(
            style.data("circle")
            .mark_line(color=style.REFERENCE, strokeWidth=1.2, aria=False)
            .encode(x=x, y=y, order="order:Q"),
            style.data("factors")
            .mark_point(filled=True, size=90, opacity=0.85)
            .encode(
                x=x,
                y=y,
                color=color,
                shape=shape,
                tooltip=[
                    "series:N",
                    *(alt.Tooltip(f"{name}:Q", format=".3~g") for name in ("real", "imaginary", "size")),
                ],
            ),
        ),
        _ROUND,
    )


def _factors(settings: Settings) -> dict[str, np.ndarray]:
    network = networks.network("lru", settings).essential()
    return {name: ring.factors(network, lag) for name, lag in ((_ONE, 1), (_MANY, _lag(settings)))}


def _ring_tables(settings: Settings) -> dict[str, pa.Table]:
    rows = [
        table(series=text([name] * len(one)), real=one.real, imaginary=one.imag, size=np.abs(one))
        for name, one in _factors(settings).items()
    ]
    turn = np.linspace(0, 2 * np.pi, 73)
    return {"factors": stack(*rows), "circle": table(real=np.cos(turn), imaginary=np.sin(turn), order=turn)}


def _ring_caption(settings: Settings) -> str:
    one, many = (np.abs(values) for values in _factors(settings).values())
    sizes = words.number(float(one.min()))
    if one.max() - one.min() > 1e-9:
        sizes = say("{low} to {high}", low=sizes, high=words.number(float(one.max())))
    said = word(
        "The circle is where |a| = 1. One draw of an LRU with {numbers}, two of which are one complex number: |a| is "
        "{sizes}, and after {steps} at most {left} is left, turned by as many times the angle."
    )
    if settings.n == 1:
        said = word(
            "The circle is where |a| = 1. One draw of an LRU with {numbers}: |a| is {sizes}, and after {steps} {left} "
            "is left."
        )
    return say(
        said,
        numbers=words.counted(settings.n, "number"),
        sizes=sizes,
        steps=words.steps(_lag(settings)),
        left=words.number(float(many.max())),
    )


RING = Plot(
    title="What a linear recurrent unit multiplies by, in the complex plane",
    height=_ROUND,
    reads=("k", "n", "T", "bf", "ns"),
    drawing=_ring_drawing,
    tables=_ring_tables,
    caption=_ring_caption,
    program=Program(programs.ring, "real"),
    half=True,
)


def _receipt(settings: Settings) -> Receipt:
    lag = _lag(settings)
    lstm, min_gru = (_spectral(cell, settings) for cell in _PAIR)
    through = ring.through_the_scan(networks.network("mingru", settings).essential(), lag)
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=0}^{k-1} a(t-i)",
        Side(
            say("autograd through a minGRU and its scan, every path, lag {lag}, spectral norm", lag=lag),
            through,
        ),
        Side(say("∏ (1 − z), the product of what its gates keep, largest entry"), 10 ** float(min_gru.direct[0, lag])),
        others=(
            Side(say("an LSTM with the same inputs, every path"), 10 ** float(lstm.whole[0, lag])),
            Side(say("the product of the LSTM's forget gates"), 10 ** float(lstm.direct[0, lag])),
        ),
        remark=say("For the LSTM the product is one path of many."),
    )


SECTION = Section(
    title="Gates without a squashed state",
    argument=_ARGUMENT,
    plots=(NORMS, PATHS, RING),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Where no gate reads the state, the product of gates is the whole gradient, and a scan joins all steps.",
    look_closer=_LOOK_CLOSER,
)
