"""Backpropagation through time puts ∂h(t)/∂h(t−k) into the gradient (the lab's first step)."""

from __future__ import annotations

import altair as alt
import numpy as np

from explainer import figures, gradients, style, words
from explainer.figures import Figure, table
from explainer.gradients import Gradient, Shares
from explainer.lesson import Option, Prediction, Receipt, Side
from explainer.settings import Settings

TITLE = "Training a network means looking back in time"
MOVED_BY = ("k", "h0", "act", "w", "gate", "f", "spread", "seed", "u")

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

In the :blue[gated cell] the shared weight of the second figure is a gain $g = 1$ in front of every gate; in the
:orange[vanilla cell] it is $w$. For a constant gate every lag contributes the same amount.
"""


def prediction(settings: Settings) -> Prediction:
    shares = gradients.vanilla_shares(settings)
    half = _lags_for_half(shares)
    told = "At these settings every contribution is exactly 0 or too large for float64: there is no sum to divide."
    if half is not None:
        told = (
            f"The first {words.lags(half)} of {settings.k} make up half of ∂L/∂w: "
            f"{words.percent(half / settings.k)} of the lags."
        )
    few = half is not None and half <= settings.k / 10
    all_alike = half is not None and abs(half - settings.k / 2) <= 1 and settings.k > 2
    return Prediction(
        "In the vanilla cell, how many of the lags does it take to make up half of ∂L/∂w?",
        (
            Option("The most recent tenth, or fewer", told),
            Option(
                "About half of them: all lags count alike",
                told + " Lags count alike only if each step passes the gradient on undiminished.",
            ),
            Option(
                "Something else: more than a tenth, or the far past weighs most",
                told + " Look for the lags at which the line in the second figure is high.",
            ),
        ),
        0 if few else 1 if all_alike else 2,
    )


def _lags_for_half(shares: Shares) -> int | None:
    fraction = shares.fraction
    if not np.isfinite(fraction).all():
        return None
    return int(np.searchsorted(np.cumsum(fraction), 0.5)) + 1


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
            nodes.mark_point(filled=True, opacity=1, size=150).encode(
                shape=alt.Shape("cell:N", scale=style.SHAPE, legend=None)
            ),
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


@figures.drawing
def _shares() -> alt.LayerChart:
    x = style.lag_x()
    y = alt.Y(
        "fraction:Q",
        scale=alt.Scale(zero=True, nice=True),
        axis=style.axis("share of ∂L(t)/∂W", format=".3~%", tickCount=5),
    )
    base = alt.Chart(alt.NamedData("shares")).encode(x=x, y=y, color=style.cell_color())
    return style.finish(
        alt.layer(
            base.mark_line(strokeWidth=2.5).encode(strokeDash=style.cell_dash()),
            base.mark_point(filled=True, size=36).encode(
                shape=style.cell_shape(),
                tooltip=[
                    alt.Tooltip("cell:N"),
                    alt.Tooltip("lag:Q"),
                    alt.Tooltip("fraction:Q", format=".3~%"),
                    alt.Tooltip("contribution:Q", format=".4~g"),
                ],
            ),
        ),
        style.HALF_HEIGHT,
    )


def figures_at(settings: Settings) -> tuple[Figure, ...]:
    cells = {style.VANILLA: gradients.vanilla(settings), style.GATED: gradients.gated(settings)}
    shares = {
        style.VANILLA: gradients.vanilla_shares(settings),
        style.GATED: gradients.gated_shares(settings),
    }
    drawn = [_nodes_and_links(cell, gradient) for cell, gradient in cells.items()]
    reach = {cell: words.magnitude(gradient.log10_magnitude[-1], gradient.sign[-1]) for cell, gradient in cells.items()}
    stride = -(-settings.k // MOST_NODES)
    every = "" if stride == 1 else f" Drawn is every {words.ordinal(stride)} state."
    half = {cell: _lags_for_half(share) for cell, share in shares.items()}
    parts = [f"in the {cell} cell {_half_words(half[cell], settings.k)}" for cell in style.CELLS]
    return (
        Figure(
            "The unrolled network: the gradient that reaches each state",
            _unrolled,
            dict(
                zip(
                    ("nodes", "links", "ends"),
                    (figures.stack(*tables) for tables in zip(*drawn, strict=True)),
                    strict=True,
                )
            ),
            f"Each link is as thick and as dark as the gradient that still reaches it from time t. Of a gradient of 1, "
            f"{reach[style.VANILLA]} arrives {words.steps(settings.k)} back in the vanilla cell and "
            f"{reach[style.GATED]} in the gated cell.{every}",
        ),
        Figure(
            "Share of the weight gradient that each lag contributes",
            _shares,
            {
                "shares": figures.stack(
                    *(
                        table(
                            lag=share.lag,
                            cell=[cell] * len(share.lag),
                            fraction=share.fraction,
                            contribution=share.contribution,
                        )
                        for cell, share in shares.items()
                    )
                )
            },
            f"Half of the weight gradient comes, {parts[0]}; {parts[1]}.",
        ),
    )


def _half_words(half: int | None, k: int) -> str:
    if half is None:
        return "from nowhere: every contribution is exactly 0, or too large for float64"
    return f"from the latest {words.lags(half)} of {k}"


def receipt(settings: Settings) -> Receipt:
    shares = gradients.vanilla_shares(settings)
    return Receipt(
        r"\frac{\partial L}{\partial w} = \sum_{i=0}^{k-1} \frac{\partial h^{(t)}}{\partial h^{(t-i)}}"
        r"\,\frac{\partial^{+} h^{(t-i)}}{\partial w}",
        Side("autograd, one shared w", shares.total),
        Side("sum over the lags, each step with its own copy of w", float(shares.contribution.sum())),
        remark="∂⁺ is the direct effect of one step's own copy of w; the loss here is L = h(t).",
    )
