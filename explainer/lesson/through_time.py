"""Backpropagation through time puts ∂h(t)/∂h(t−k) into the gradient (the lab's first step)."""

from __future__ import annotations

import altair as alt
import numpy as np

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure as figures
from explainer.figures import networks as drawn
from explainer.figures import style
from explainer.figures.figure import Figure, table
from explainer.lesson.parts import Option, Prediction, Receipt, Side
from explainer.maths import gradients, jacobians
from explainer.maths.gradients import Gradient
from explainer.maths.jacobians import Shares

TITLE = "Training a network means looking back in time"
MOVED_BY = ("k", "h0", "act", "w", "gate", "f", "spread", "seed", "u", "n", "T", "gain", "bf", "xs", "ns")

ARGUMENT = r"""
A recurrent network reads a sequence one step at a time and carries what it has seen in a **hidden state**
:orange[$h^{(t)}$]. To train it, *backpropagation through time* (BPTT) unrolls the loop: it lays the steps out
side by side and sends the gradient of the loss $L^{(t)}$ backwards through every one of them (Werbos 1990;
Raschka & Mirjalili 2019, ch. 16).

The same weights $\mathbf{W}_{hh}$ are used at each step, so their gradient

$$
\frac{\partial L^{(t)}}{\partial \mathbf{W}_{hh}}
$$

is a sum with one term for every step in the past. The term that belongs to the state $k$ steps ago is
proportional to

$$
\frac{\partial h^{(t)}}{\partial h^{(t-k)}} ,
$$

which says how much the state now would change if the state then had been a little different. If this number is
tiny, the network cannot learn from what happened $k$ steps ago. If it is huge, one step of learning throws the
weights away.

The whole lesson follows this one number, in two cells that are small enough to see through: a
:orange[**vanilla** cell] and a :blue[**gated** cell].
"""

REMEMBER = "Learning from the past needs a gradient that is still alive when it arrives there."

LOOK_CLOSER = r"""
**A vanishing term is not a vanishing sum.** The gradient of a weight adds up every lag, and the short lags are
always there. A network whose long-lag terms have vanished still learns, but only from the recent past (Bengio,
Simard & Frasconi 1994). The second figure shows who contributes how much.

The shares are exact: each step of the network gets a copy of $\mathbf{W}_{hh}$ of its own, and the gradient of
each copy is that lag's share. A share is drawn as its projection on the sum, so that all shares add up to 100 %;
single ones can be negative. The loss is $L = \tfrac12 \lVert h^{(t)} - y \rVert^2$ with a random target $y$.
"""


def _shares(settings: Settings) -> dict[str, Shares]:
    return {cell: jacobians.shares(drawn.network(cell, settings), drawn.SEEDS) for cell in drawn.BPTT_PAIR}


def _lags_for(shares: Shares, part: float) -> int:
    """The number of latest lags whose shares, middle of the seeds, first reach this part of the sum."""
    reached = np.median(np.cumsum(shares.fraction, axis=1), axis=0) >= part
    return int(np.argmax(reached)) + 1 if reached.any() else len(shares.lag)


def prediction(settings: Settings) -> Prediction:
    lags = _lags_for(_shares(settings)["rnn"], 0.9)
    told = (
        f"Nine tenths of the sum come from the latest {words.lags(lags)} of {settings.T}, "
        f"the middle of {drawn.SEEDS} draws."
    )
    return Prediction(
        f"An nn.RNN has read {settings.T} steps. How many of the latest lags make up nine tenths of ∂L/∂W_hh?",
        (
            Option("At most 10 of them", told),
            Option("More than 10, but at most half of them", told),
            Option(
                "More than half of them",
                told + " They would be needed if every lag contributed alike; but the far ones arrive weakened.",
            ),
        ),
        0 if lags <= 10 else 1 if lags <= settings.T / 2 else 2,
    )


@figures.drawing
def _unrolled() -> alt.LayerChart:
    time = "datum.value == 0 ? 't' : 't−' + format(datum.value, 'd')"
    x = alt.X(
        "lag:Q",
        scale=alt.Scale(reverse=True, nice=False, zero=False, padding=24),
        axis=style.axis("time", labelExpr=time, tickMinStep=1, tickCount=8, grid=False),
    )
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
    dark = alt.Opacity("log10_magnitude:Q", scale=alt.Scale(domain=[-4, 0], range=[0.2, 1], clamp=True), legend=None)
    tooltip = [
        alt.Tooltip("cell:N"),
        alt.Tooltip("lag:Q"),
        alt.Tooltip("reads:N", title="∂s(t)/∂s(t−lag)"),
        alt.Tooltip("state:Q", title="s(t−lag)", format=".4~g"),
        alt.Tooltip("status:N"),
    ]
    color = style.cell_color(legend=False)
    links = alt.Chart(alt.NamedData("links")).encode(x=x, x2="nearer_lag:Q", y=y, color=color)
    alive = f"datum.status != '{gradients.EXACTLY_ZERO}' && isValid(datum.log10_magnitude)"
    nodes = alt.Chart(alt.NamedData("nodes")).encode(x=x, y=y, color=color, tooltip=tooltip)
    return style.finish(
        alt.layer(
            links.transform_filter(alive)
            .mark_rule(aria=False, strokeCap="butt")
            .encode(strokeWidth=width, opacity=dark, tooltip=tooltip),
            links.transform_filter("!(" + alive + ")")
            .mark_rule(aria=False, strokeDash=[1, 5], strokeWidth=1.5)
            .encode(tooltip=tooltip),
            nodes.mark_point(filled=True, opacity=1, size=150).encode(shape=style.cell_shape()),
            alt.Chart(alt.NamedData("ends"))
            .mark_text(aria=False, dy=26, fontSize=style.FONT_SIZE)
            .encode(x=x, y=y, text="label:N"),
        ),
        style.HALF_HEIGHT,
    )


MOST_NODES = 24


def _shown_lags(k: int) -> np.ndarray:
    stride = -(-k // MOST_NODES)
    return np.unique(np.append(np.arange(0, k + 1, stride), k))


def _nodes_and_links(cell: str, gradient: Gradient) -> tuple:
    shown = _shown_lags(len(gradient.lag) - 1)
    place, status = (values[shown] for values in gradient.drawn)
    columns = {
        "lag": shown.astype(float),
        "cell": [cell] * len(shown),
        "state": gradient.state[shown],
        "log10_magnitude": place,
        "status": status,
        "reads": [
            words.magnitude(*pair)
            for pair in zip(gradient.log10_magnitude[shown].tolist(), gradient.sign[shown].tolist(), strict=True)
        ],
    }
    links = {name: values[1:] for name, values in columns.items()}
    return (
        table(**columns),
        table(nearer_lag=shown[:-1].astype(float), **links),
        table(lag=[float(shown[-1])], cell=[cell], label=[words.power_of_ten(gradient.log10_magnitude[-1])]),
    )


def figures_at(settings: Settings) -> tuple[Figure, ...]:
    cells = {style.VANILLA: gradients.vanilla(settings), style.GATED: gradients.gated(settings)}
    parts = [_nodes_and_links(cell, gradient) for cell, gradient in cells.items()]
    nodes, links, ends = (figures.stack(*tables) for tables in zip(*parts, strict=True))
    reach = {cell: words.magnitude(gradient.log10_magnitude[-1], gradient.sign[-1]) for cell, gradient in cells.items()}
    stride = -(-settings.k // MOST_NODES)
    every = "" if stride == 1 else f" Drawn is every {words.ordinal(stride)} state."
    return (
        Figure(
            "The unrolled network: the gradient that reaches each state",
            _unrolled,
            {"nodes": nodes, "links": links, "ends": ends},
            f"Each link is as thick and as dark as the gradient that still reaches it from time t. Of a gradient of 1, "
            f"{reach[style.VANILLA]} arrives {words.steps(settings.k)} back in the vanilla cell and "
            f"{reach[style.GATED]} in the gated cell.{every}",
        ),
        _shares_by_lag(settings),
    )


@drawn.drawn_once
def _shares_by_lag(settings: Settings) -> Figure:
    shares = _shares(settings)
    most = {cell: words.lags(_lags_for(one, 0.9)) for cell, one in shares.items()}
    return Figure(
        "Share of the weight gradient that each lag contributes",
        drawn.shares_by_lag,
        drawn.shares_tables({drawn.label(cell): one for cell, one in shares.items()}, settings),
        f"A real nn.RNN and nn.LSTM with {settings.n} units and {drawn.bias_words(settings.bf)}; line and band are "
        f"the middle and the range of {drawn.SEEDS} draws. Nine tenths of the sum come from the latest "
        f"{most['rnn']} in the RNN and {most['lstm']} in the LSTM.",
    )


def receipt(settings: Settings) -> Receipt:
    shares = _shares(settings)["rnn"]
    return Receipt(
        r"\left\lVert\frac{\partial L^{(t)}}{\partial \mathbf{W}_{hh}}\right\rVert = \left\lVert\sum_{k}"
        r"\frac{\partial L^{(t)}}{\partial \mathbf{W}_{hh}^{(t-k)}}\right\rVert",
        Side("backward() on the nn.RNN itself", float(shares.backward_norm[0])),
        Side("the sum of the shares, each step with its own copy of W_hh", float(shares.total_norm[0])),
        remark="Entry by entry the two matrices differ by at most a relative "
        f"{words.number(float(shares.relative_difference[0]), 2)} of their norm.",
    )
