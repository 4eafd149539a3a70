"""The stripped-down cell h(t) = σ(w·h(t−1)): one number in, one number out (the lab's simplified recurrence)."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import numpy as np

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import drawings, style
from explainer.figures import figure as figures
from explainer.figures.figure import Figure, table
from explainer.lesson.parts import Option, Prediction, Receipt, Side
from explainer.maths import gradients
from explainer.maths.gradients import Derivative, Gradient

TITLE = "Strip the cell to one number"
MOVED_BY = ("k", "h0", "act", "w", "gate", "f", "spread", "seed", "u")

ARGUMENT = r"""
A real network has matrices, inputs and biases. None of them is needed to see the problem. Keep one number per
state and one weight:

$$
h^{(t)} = \sigma\!\left(w\,h^{(t-1)}\right)
$$

This :orange[vanilla cell] applies the same map again and again. A **cobweb** draws that: go up from the state to
the curve, across to the diagonal, up (or down) to the curve again. Where the curve crosses the diagonal, the
state stays.

Follow the staircase and watch how quickly two neighbouring starts would run together. That is the gradient: how
much of a small difference one step passes on, and then the next, and the next.
"""

REMEMBER = "A recurrent cell repeats one map; each repetition multiplies a small difference by one factor."

LOOK_CLOSER = r"""
The factors are all alike only if the map is a straight line, as for the identity. In general each step multiplies
by its own factor, because σ is steep in some places and flat in others, and the state moves through both. Where
the state has settled, the factor settles too.
"""


def prediction(settings: Settings) -> Prediction:
    gradient = gradients.vanilla(settings)
    last = abs(float(gradient.factor[0]))
    told = f"After {words.steps(settings.k)} one step multiplies a small difference by {words.number(last)} in size."
    return Prediction(
        "Two starts differ by a hair. What does the last step, from t−1 to t, do to their difference?",
        (
            Option("It shrinks the difference", told),
            Option(
                "It keeps the difference, to within 1 %",
                told + " Only a slope of ±1 at the state would keep it.",
            ),
            Option(
                "It enlarges the difference",
                told + " What counts is the slope of the curve at the state, not w alone.",
            ),
        ),
        1 if abs(last - 1) <= 0.01 * (1 + 1e-9) else 0 if last < 1 else 2,
    )


def _cobweb(cell: str, symbol: str, color: str) -> figures.Drawing:
    def build() -> alt.LayerChart:
        scale = alt.Scale(zero=False, nice=False, padding=4)
        x = alt.X(
            "state:Q",
            scale=scale,
            axis=style.axis(f"{symbol}(t−1)", tickCount=5, labelExpr=style.PLAIN_LABEL),
        )
        y = alt.Y(
            "next_state:Q",
            scale=scale,
            axis=style.axis(f"{symbol}(t)", tickCount=5, labelExpr=style.PLAIN_LABEL),
        )
        curve = alt.Chart(alt.NamedData("curve")).encode(x=x, order="state:Q")
        web = alt.Chart(alt.NamedData("web")).encode(x=x, y=y, order="order:Q")
        ends = alt.Chart(alt.NamedData("ends")).encode(x=x, y=y)
        return style.finish(
            alt.layer(
                curve.mark_line(color=style.REFERENCE, strokeDash=[4, 3]).encode(y=alt.Y("diagonal:Q")),
                curve.mark_line(color=color, strokeWidth=2.5).encode(
                    y=y, strokeDash=alt.StrokeDashValue([1, 0] if cell == style.VANILLA else [7, 3])
                ),
                web.mark_line(color=style.REFERENCE, strokeWidth=1.2, interpolate="linear"),
                ends.mark_point(filled=True, size=90, color=color, opacity=1).encode(
                    shape=alt.Shape("label:N", legend=None, scale=alt.Scale(range=["circle", "diamond"])),
                    tooltip=[alt.Tooltip("label:N"), alt.Tooltip("next_state:Q", format=".4~g")],
                ),
                ends.mark_text(aria=False, align="left", dx=8, dy=10, fontSize=style.FONT_SIZE).encode(text="label:N"),
            ),
            style.FULL_HEIGHT,
        )

    return figures.drawing(build)


_vanilla_cobweb = _cobweb(style.VANILLA, "h", style.VERMILION)
_gated_cobweb = _cobweb(style.GATED, "c", style.BLUE)


def _cobweb_tables(symbol: str, gradient: Gradient, curve_at: Callable[[np.ndarray], Derivative]) -> dict:
    orbit = gradient.state[::-1]
    finite = orbit[np.isfinite(orbit)]
    low, high = min(finite.min(), -1.0), max(finite.max(), 1.0)
    grid = np.unique(np.concatenate([np.linspace(low, high, 161), finite]))
    curve = curve_at(tuple(grid.tolist()))
    corners = np.repeat(orbit, 2)
    return {
        "web": table(order=np.arange(len(corners) - 1), state=corners[:-1], next_state=corners[1:]),
        "curve": table(state=grid, next_state=curve.next_state, diagonal=grid),
        "ends": table(state=[orbit[0], orbit[-1]], next_state=[orbit[0], orbit[-1]], label=["start", f"{symbol}(t)"]),
    }


def figures_at(settings: Settings) -> tuple[Figure, ...]:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    first = {cell: float(gradient.factor[-1]) for cell, gradient in ((style.VANILLA, vanilla), (style.GATED, gated))}
    last = {cell: float(gradient.factor[0]) for cell, gradient in ((style.VANILLA, vanilla), (style.GATED, gated))}
    return (
        Figure(
            "Cobweb of the vanilla cell",
            _vanilla_cobweb,
            _cobweb_tables("h", vanilla, lambda states: gradients.vanilla_derivative(settings, states)),
            f"h starts at {words.number(settings.h0)} and is {words.number(float(vanilla.state[0]))} after "
            f"{words.steps(settings.k)}.",
            half=True,
        ),
        Figure(
            "Cobweb of the gated cell",
            _gated_cobweb,
            _cobweb_tables("c", gated, lambda states: gradients.gated_derivative(settings, states)),
            f"c starts at {words.number(settings.h0)} and is {words.number(float(gated.state[0]))} after "
            f"{words.steps(settings.k)}. The curve is the last step's.",
            half=True,
        ),
        Figure(
            "The factor that each single step contributes",
            drawings.factor_by_step,
            drawings.factor_tables(settings),
            f"The vanilla cell's factor goes from {words.number(first[style.VANILLA])} at the first step to "
            f"{words.number(last[style.VANILLA])} at the last; the gated cell's from "
            f"{words.number(first[style.GATED])} to {words.number(last[style.GATED])}.",
        ),
    )


def receipt(settings: Settings) -> Receipt:
    gradient = gradients.vanilla(settings)
    with np.errstate(over="ignore", under="ignore"):
        product = float(np.prod(gradient.factor))
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k}"
        r"\frac{\partial h^{(t-i+1)}}{\partial h^{(t-i)}}",
        Side("autograd through all steps at once", float(gradient.gradient[-1])),
        Side("product of the single steps' factors", product),
        remark=drawings.remark(gradient, formula=product),
    )
