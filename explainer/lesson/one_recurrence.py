"""The stripped-down cell h(t) = σ(w·h(t−1)): one number in, one number out (the lab's simplified recurrence)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import BOTH, GATED, SCALAR, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import factors, figure, readings, style
from explainer.figures.figure import Drawing, Plot, table
from explainer.figures.program import Program
from explainer.lesson.parts import Option, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.gradients import Derivative, Gradient
from explainer.programs import one_recurrence as programs

_ARGUMENT = r"""
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

_LOOK_CLOSER = r"""
The factors are all alike only if the map is a straight line, as for the identity. In general each step multiplies
by its own factor, because σ is steep in some places and flat in others, and the state moves through both. Where
the state has settled, the factor settles too.
"""


def _question(settings: Settings) -> Prediction:
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


def _drawing(symbol: str, color: str, dash: list[int]) -> Drawing:
    def build() -> alt.LayerChart:
        scale = style.TIGHT | {"padding": 4}
        x = style.x("state", f"{symbol}(t−1)", scale, labelExpr=style.PLAIN_LABEL)
        y = style.y("next_state", f"{symbol}(t)", scale, labelExpr=style.PLAIN_LABEL)
        curve = style.data("curve").encode(x=x, order="state:Q")
        web = style.data("web").encode(x=x, y=y, order="order:Q")
        ends = style.data("ends").encode(x=x, y=y)
        return style.finish(
            alt.layer(
                curve.mark_line(color=style.REFERENCE, strokeDash=[4, 3]).encode(y=alt.Y("diagonal:Q")),
                curve.mark_line(color=color, strokeWidth=2.5).encode(y=y, strokeDash=alt.StrokeDashValue(dash)),
                web.mark_line(color=style.REFERENCE, strokeWidth=1.2, interpolate="linear"),
                ends.mark_point(filled=True, size=90, color=color, opacity=1).encode(
                    shape=alt.Shape("label:N", legend=None, scale=alt.Scale(range=["circle", "diamond"])),
                    tooltip=["label:N", alt.Tooltip("next_state:Q", format=".4~g")],
                ),
                ends.mark_text(align="left", dx=8, dy=10, **style.LABEL).encode(text="label:N"),
            ),
            style.FULL_HEIGHT,
        )

    return figure.drawing(build)


def _tables(
    symbol: str, gradient: Gradient, derivative: Callable[[Sequence[float]], Derivative]
) -> dict[str, pa.Table]:
    orbit = gradient.state[::-1]
    finite = orbit[np.isfinite(orbit)]
    low, high = min(finite.min(), -1.0), max(finite.max(), 1.0)
    grid = np.unique(np.concatenate([np.linspace(low, high, 161), finite]))
    corners = np.repeat(orbit, 2)
    return {
        "web": table(order=np.arange(len(corners) - 1), state=corners[:-1], next_state=corners[1:]),
        "curve": table(state=grid, next_state=derivative(grid.tolist()).next_state, diagonal=grid),
        "ends": table(state=[orbit[0], orbit[-1]], next_state=[orbit[0], orbit[-1]], label=["start", f"{symbol}(t)"]),
    }


def _caption(symbol: str, gradient: Gradient) -> str:
    end, start = (words.number(state) for state in gradient.state[[0, -1]].tolist())
    return f"{symbol} starts at {start} and is {end} after {words.steps(int(gradient.lag[-1]))}."


VANILLA_COBWEB = Plot(
    title="Cobweb of the vanilla cell",
    reads=names_of(BOTH, VANILLA),
    drawing=_drawing("h", style.VERMILION, [1, 0]),
    tables=lambda s: _tables("h", gradients.vanilla(s), functools.partial(gradients.vanilla_derivative, s)),
    caption=lambda s: _caption("h", gradients.vanilla(s)),
    program=Program(programs.vanilla_cobweb),
    half=True,
)
GATED_COBWEB = Plot(
    title="Cobweb of the gated cell",
    reads=names_of(BOTH, GATED),
    drawing=_drawing("c", style.BLUE, [7, 3]),
    tables=lambda s: _tables("c", gradients.gated(s), functools.partial(gradients.gated_derivative, s)),
    caption=lambda s: f"{_caption('c', gradients.gated(s))} The curve is the last step's.",
    program=Program(programs.gated_cobweb),
    half=True,
)


def _factors_caption(settings: Settings) -> str:
    (vanilla_last, vanilla_first), (gated_last, gated_first) = (
        [words.number(factor) for factor in one.factor[[0, -1]].tolist()]
        for one in (gradients.vanilla(settings), gradients.gated(settings))
    )
    return (
        f"The vanilla cell's factor goes from {vanilla_first} at the first step to {vanilla_last} at the last; "
        f"the gated cell's from {gated_first} to {gated_last}."
    )


FACTORS = Plot(
    title="The factor that each single step contributes",
    reads=SCALAR,
    drawing=factors.drawing,
    tables=factors.tables,
    caption=_factors_caption,
    program=Program(programs.factors, "factor"),
)


def _receipt(settings: Settings) -> Receipt:
    gradient = gradients.vanilla(settings)
    with np.errstate(over="ignore", under="ignore"):
        product = float(np.prod(gradient.factor))
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k}"
        r"\frac{\partial h^{(t-i+1)}}{\partial h^{(t-i)}}",
        Side("autograd through all steps at once", float(gradient.gradient[-1])),
        Side("product of the single steps' factors", product),
        remark=readings.remark(gradient, formula=product),
    )


SECTION = Section(
    title="Strip the cell to one number",
    argument=_ARGUMENT,
    plots=(VANILLA_COBWEB, GATED_COBWEB, FACTORS),
    question=_question,
    receipt=_receipt,
    remember="A recurrent cell repeats one map; each repetition multiplies a small difference by one factor.",
    look_closer=_LOOK_CLOSER,
)
