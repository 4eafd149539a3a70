"""Backpropagation through time puts ∂h(t)/∂h(t−k) into the gradient (the lab's first step)."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import figure, hands, networks, readings, style
from explainer.figures.figure import InWords, Plot, decades, stack, steps, table
from explainer.figures.program import Program
from explainer.languages import say, say_counted
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients, jacobians
from explainer.maths.gradients import Gradient
from explainer.maths.jacobians import Shares
from explainer.programs import through_time as programs

_ARGUMENT = r"""
A recurrent network reads a sequence one step at a time and carries what it has seen in a **hidden state**
:orange[$h^{(t)}$]. To train it, *backpropagation through time* (BPTT) unrolls the loop: it lays the steps out
side by side and sends the gradient of the loss $L^{(t)}$ backwards through every one of them (Werbos 1990;
Raschka & Mirjalili 2019, ch. 16).

The same weights $\mathbf{W}_{hh}$ are used at each step, so their gradient is a sum with one term for every step
in the past:

$$
\frac{\partial L^{(t)}}{\partial \mathbf{W}_{hh}} = \sum_{k=0}^{t-1}
\frac{\partial L^{(t)}}{\partial h^{(t)}}\;
\frac{\partial h^{(t)}}{\partial h^{(t-k)}}\;
\frac{\partial^{+} h^{(t-k)}}{\partial \mathbf{W}_{hh}}
$$

Read a term from the right. The weights move the state $k$ steps ago, that moves the state now, and that moves the
loss. $\partial^{+}$ is the **immediate** derivative: of one step by its weights, with the state before it held
fixed. As $h^{(t-k)} = \sigma(\mathbf{W}_{hh}\,h^{(t-k-1)} + \dots)$, it is a slope $\sigma'$ times
$h^{(t-k-1)}$ transposed, and nothing more.

**Why $\partial h^{(t)} / \partial \mathbf{W}_{hh}$ is not just that.** The weights stand in $h^{(t)}$ twice: once in
sight, and once inside $h^{(t-1)}$, which was made with the same weights, out of $h^{(t-2)}$, and so on. The product
rule takes both:

$$
\frac{\partial h^{(t)}}{\partial \mathbf{W}_{hh}} = \frac{\partial^{+} h^{(t)}}{\partial \mathbf{W}_{hh}}
+ \frac{\partial h^{(t)}}{\partial h^{(t-1)}}\, \frac{\partial h^{(t-1)}}{\partial \mathbf{W}_{hh}}
$$

Put this into itself again and again, and the sum above comes out. Who stops at $h^{(t-1)}$ has its term of $k = 0$
alone. The receipt below computes every term and adds them up.

The term that belongs to the state $k$ steps ago is proportional to its middle factor,

$$
\frac{\partial h^{(t)}}{\partial h^{(t-k)}} ,
$$

which says how much the state now would change if the state then had been a little different. If this number is
tiny, the network cannot learn from what happened $k$ steps ago. If it is huge, one step of learning throws the
weights away.

The whole lesson follows this one number, in two cells that are small enough to see through. The
:orange[**vanilla** cell] sends its state through the same function again and again:
:orange[$h^{(t)} = \sigma(w\,h^{(t-1)})$] (section 2). The :blue[**gated** cell] only multiplies its state, by a
*gate* $f$ between 0 and 1: :blue[$c^{(t)} = f(t-1)\,c^{(t-1)}$]. Where the gate comes from is told in section 7;
until then it runs along in blue, so that you see what a different rule makes of the same lag.

**Truncated backpropagation through time.** A long sequence is seldom unrolled to its beginning: one cuts the graph,
with `h.detach()`, after $k$ steps back (Williams & Peng 1990), and so leaves every term behind lag $k$ out of the sum.
That saves memory and time. What it costs is in the third figure: little where those terms have vanished anyway. But
what lies behind the cut has no part in the gradient, however long it would have lived.

Time runs to the right in the first figure: now, $t$, is at its right end. Press a state there, and $k$ becomes its
lag. Figures *against the lag*, as the second and the third, run the other way: lag 0 is now, and the past lies to the
right.
"""

_LOOK_CLOSER = r"""
**A vanishing term is not a vanishing sum.** The gradient of a weight adds up every lag, and the short lags are
always there. A network whose long-lag terms have vanished still learns, but only from the recent past (Bengio,
Simard & Frasconi 1994). The second figure shows who contributes how much.

The shares are exact: each step of the network gets a copy of $\mathbf{W}_{hh}$ of its own, and the gradient of
each copy is that lag's share. A share is drawn as its projection on the sum, so that all shares add up to 100 %;
single ones can be negative. The loss is $L = \tfrac12 \lVert h^{(t)} - y \rVert^2$ with a random target $y$.
"""


def _lags_for(shares: Shares, part: float) -> int:
    """The number of latest lags whose shares, middle of the seeds, first reach this part of the sum."""
    reached = np.median(np.cumsum(shares.fraction, axis=1), axis=0) >= part
    return int(np.argmax(reached)) + 1 if reached.any() else len(shares.lag)


def _latest(lags: int) -> str:
    return say_counted("the latest lag", "the latest {count} lags", lags)


def _asked(settings: Settings) -> Asked:
    move = moves.first(settings, {"gain": 2.0}, {"gain": 1.0})
    return Asked(
        say(
            "{move}. An nn.RNN has read {length} steps: how many of the latest lags then make up nine tenths of "
            "∂L/∂W_hh?",
            move=move.in_words(settings),
            length=settings.T,
        ),
        (
            say("At most a tenth of them"),
            say("More than a tenth, but at most half of them"),
            say("More than half of them"),
        ),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    before, lags = (_lags_for(networks.shares(one)["rnn"], 0.9) for one in (settings, asked.after(settings)))
    return asked.answered(
        0 if lags <= settings.T / 10 else 1 if lags <= settings.T / 2 else 2,
        say(
            "Nine tenths of the sum come from {latest} of {length}, the middle of {draws} draws; before the move "
            "from {latest_before}.",
            latest=_latest(lags),
            length=settings.T,
            draws=networks.SEEDS,
            latest_before=_latest(before),
        ),
        "",
        "",
        say("They would be needed if every lag contributed alike; but the far ones arrive weakened.")
        if lags <= settings.T / 2
        else "",
    )


@figure.drawing
def _unrolled() -> alt.LayerChart:
    x = style.time_x(padding=24, grid=False)
    y = alt.Y(
        "cell:N",
        sort=list(style.CELLS),
        scale=alt.Scale(paddingOuter=0.1),
        axis=style.axis(None, grid=False, labelFontWeight="bold"),
    )
    width = alt.StrokeWidth(
        "log10_magnitude:Q",
        scale=alt.Scale(domain=[-4, 0, 4], range=[0.6, 10, 20], clamp=True),
        legend=alt.Legend(
            title="gradient that still reaches the link",
            orient="bottom",
            values=[0, -1, -2, -3, -4],
            columns=style.columns(3, 5),
            labelExpr=style.POWER_OF_TEN_LABEL,
            direction="horizontal",
            titleLimit=400,
            labelFontSize=style.FONT_SIZE,
            titleFontSize=style.FONT_SIZE,
            symbolType="stroke",
            symbolSize=500,
            symbolStrokeColor=style.REFERENCE,
        ),
    )
    # from 0.2 at 10⁻⁴ to 1 at 1; a scale would have a legend, which is the width's already
    dark = alt.value(alt.ExprRef("clamp(1 + 0.2 * datum.log10_magnitude, 0.2, 1)"))
    tooltip = [
        "cell:N",
        "lag:Q",
        alt.Tooltip("reads:N", title="∂s(t)/∂s(t−lag)"),
        alt.Tooltip("state:Q", title="s(t−lag)", format=".4~g"),
        "status:N",
    ]
    color = style.cell_color(legend=False)
    links = style.data("links").encode(x=x, x2="nearer_lag:Q", y=y, color=color)
    alive = f"datum.status != '{gradients.EXACTLY_ZERO}' && isValid(datum.log10_magnitude)"
    nodes = style.data("nodes").encode(x=x, y=y, color=color, tooltip=tooltip)
    return style.finish(
        alt.layer(
            links.transform_filter(alive)
            .mark_rule(aria=False, strokeCap="butt")
            .encode(strokeWidth=width, opacity=dark, tooltip=tooltip),
            links.transform_filter("!(" + alive + ")")
            .mark_rule(aria=False, strokeDash=[1, 5], strokeWidth=1.5)
            .encode(tooltip=tooltip),
            nodes.mark_point(filled=True, opacity=1, size=150).encode(shape=style.cell_shape()),
            style.data("ends").mark_text(dy=26, **style.LABEL).encode(x=x, y=y, text="label:N"),
        ),
        style.HALF_HEIGHT,
        x=style.ends("nodes", "lag"),
    )


MOST_NODES = 24


def _stride(k: int) -> int:
    """Every so many-th state is drawn, and the last one always."""
    return -(-k // MOST_NODES)


def _cell_tables(cell: str, gradient: Gradient) -> dict[str, pa.Table]:
    k = len(gradient.lag) - 1
    shown = np.unique(np.append(np.arange(0, k + 1, _stride(k)), k))
    place, status = gradient.drawn
    nodes = table(
        lag=steps(shown.astype(float)),
        cell=[cell] * len(shown),
        state=gradient.state[shown],
        log10_magnitude=decades(place[shown]),
        status=status[shown],
        reads=InWords(lambda: readings.magnitudes(gradient.log10_magnitude[shown], gradient.sign[shown]), len(shown)),
    )
    end = words.power_of_ten(gradient.log10_magnitude[-1])
    return {
        "nodes": nodes,
        "links": nodes.slice(1).append_column("nearer_lag", nodes["lag"].slice(0, len(shown) - 1)),
        "ends": table(lag=steps([float(k)]), cell=[cell], label=[end]),
    }


def _unrolled_tables(settings: Settings) -> dict[str, pa.Table]:
    vanilla = _cell_tables(style.VANILLA, gradients.vanilla(settings))
    gated = _cell_tables(style.GATED, gradients.gated(settings))
    return {name: stack(vanilla[name], gated[name]) for name in vanilla}


def _unrolled_caption(settings: Settings) -> str:
    vanilla, gated = (
        words.magnitude(one.log10_magnitude[-1], one.sign[-1])
        for one in (gradients.vanilla(settings), gradients.gated(settings))
    )
    stride = _stride(settings.k)
    every = "" if stride == 1 else " " + say("Drawn is every {ordinal} state.", ordinal=words.ordinal(stride))
    arrives = say(
        "Each link is as thick and as dark as the gradient that still reaches it from time t. Of a gradient of 1, "
        "{vanilla} arrives {steps} back in the vanilla cell and {gated} in the gated cell.",
        vanilla=vanilla,
        steps=words.steps(settings.k),
        gated=gated,
    )
    return arrives + every


def _shares_caption(settings: Settings) -> str:
    most = {cell: _latest(_lags_for(one, 0.9)) for cell, one in networks.shares(settings).items()}
    return say(
        "A real nn.RNN and nn.LSTM with {units} and {biases}; line and band are the middle and the range of {draws} "
        "draws. Nine tenths of the sum come from {rnn} in the RNN and {lstm} in the LSTM.",
        units=words.counted(settings.n, "unit"),
        biases=networks.bias_words(settings.bf),
        draws=networks.SEEDS,
        **most,
    )


def _kept_caption(settings: Settings) -> str:
    cut = min(settings.k, settings.T - 1)
    kept = {
        cell: words.percent(float(np.median(np.cumsum(one.fraction, axis=1)[:, cut])))
        for cell, one in networks.shares(settings).items()
    }
    beyond = " " + say("(your k lies beyond the beginning)") if settings.k >= settings.T else ""
    return say(
        "Cut off behind lag {cut}{beyond}, {rnn} of the gradient is kept in the RNN and {lstm} in the LSTM, measured "
        "along the whole one. Line and band: middle and range of {draws} draws.",
        cut=cut,
        beyond=beyond,
        **kept,
        draws=networks.SEEDS,
    )


UNROLLED = Plot(
    title="The unrolled network: the gradient that reaches each state",
    height=style.HALF_HEIGHT,
    reads=SCALAR,
    drawing=_unrolled,
    tables=_unrolled_tables,
    caption=_unrolled_caption,
    program=Program(programs.unrolled, "log10_magnitude"),
    hand=hands.Press((("lag", "k"),)),
)
SHARES = Plot(
    title="Share of the weight gradient that each lag contributes",
    reads=("k", *networks.NETWORK),
    drawing=networks.shares_by_lag,
    tables=networks.shares_tables,
    caption=_shares_caption,
    program=Program(programs.shares, "share"),
    hand=hands.LAG,
)
KEPT = Plot(
    title="What truncated backpropagation keeps of the weight gradient",
    reads=("k", *networks.NETWORK),
    drawing=networks.kept_by_lag,
    tables=networks.kept_tables,
    caption=_kept_caption,
    program=Program(programs.kept, "kept"),
    hand=hands.LAG,
)


def _receipt(settings: Settings) -> Receipt:
    terms, shares = jacobians.terms(networks.network("rnn", settings)), networks.shares(settings)["rnn"]
    return Receipt(
        r"\left\lVert\frac{\partial L^{(t)}}{\partial \mathbf{W}_{hh}}\right\rVert = \left\lVert\sum_{k}"
        r"\frac{\partial L^{(t)}}{\partial h^{(t)}}\,\frac{\partial h^{(t)}}{\partial h^{(t-k)}}\,"
        r"\frac{\partial^{+} h^{(t-k)}}{\partial \mathbf{W}_{hh}}\right\rVert",
        Side(say("backward() on the nn.RNN itself"), terms.backward_norm),
        Side(
            say("the sum of all {terms} terms, the three factors of each by autograd", terms=len(terms.lag)),
            terms.total_norm,
        ),
        others=(
            Side(say("the term of k = 0 alone, as if h(t−1) did not depend on W_hh"), float(terms.norm[0])),
            Side(say("the sum of the shares, each step with its own copy of W_hh"), float(shares.total_norm[0])),
        ),
        remark=say(
            "Entry by entry the two matrices differ by at most a relative {of_matrices} of their norm. Term by term, "
            "the product of the three factors and the gradient of this step's own copy of W_hh differ by at most a "
            "relative {of_terms}.",
            of_matrices=words.number(terms.relative_difference, 2),
            of_terms=words.number(terms.worst_term, 2),
        )
        + networks.lost_in_shares(shares),
    )


SECTION = Section(
    title="Training a network means looking back in time",
    argument=_ARGUMENT,
    plots=(UNROLLED, SHARES, KEPT),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Learning from the past needs a gradient that is still alive when it arrives there.",
    look_closer=_LOOK_CLOSER,
)
