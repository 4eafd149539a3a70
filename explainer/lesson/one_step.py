"""One time step: ∂h(t)/∂h(t−1) = w·σ′(w·h(t−1)) (the lab's first derivative)."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import figure, readings, style
from explainer.figures.figure import Plot, stack, table, text
from explainer.figures.program import Program
from explainer.languages import say
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.cells import ACTIVATIONS
from explainer.maths.results import one_by_one
from explainer.programs import one_step as programs

_ARGUMENT = r"""
How much does the state now depend on the state one step ago? Differentiate the recurrence:

$$
\frac{\partial h^{(t)}}{\partial h^{(t-1)}} = w\,\sigma'\!\left(w\,h^{(t-1)}\right)
$$

where

$$
\sigma'(x) = \frac{d\sigma(x)}{dx} .
$$

Two things multiply. The weight :orange[$w$] is the same at every step. The slope :orange[$\sigma'$] depends on
where the state happens to be: it is largest where σ is steep and close to 0 where σ is flat (*saturated*).

Books often write the slope by the **output** of the step, $h = \sigma(x)$, since that is already there:

$$
\begin{aligned}
\tanh &: \quad \sigma'(x) = 1 - h^2 \\
\text{logistic} &: \quad \sigma'(x) = h\,(1 - h)
\end{aligned}
$$

So $1 - h^2$ *multiplies* the weight, and it is the state after the step that says how much is left. ReLU has the
slope 1 where its output is positive and 0 where it is 0; the identity always has the slope 1.

The figure draws this derivative for every possible :orange[$h^{(t-1)}$] and marks two places of your cell: the last
step, and the first one, which leaves the start $h^{(t-k)}$. After many steps the state may have come so close to 0
that σ is steep there and $\sigma'$ almost 1; at the start it seldom is.
"""

_LOOK_CLOSER = r"""
For the logistic function, σ′ is never more than 1/4 (Hochreiter, Bengio, Frasconi & Schmidhuber 2001). A single
step can enlarge the gradient only if |w| is greater than 4, and then only near the middle of the curve. tanh and
ReLU reach a slope of 1; the identity always has it.

In float64 the two ways to write a slope are not equal: next to $h = 1$ the difference $1 - h^2$ has lost its digits,
while $4\,e^{-2|x|}/(1+e^{-2|x|})^2$ keeps them. torch takes the first; the receipt shows it where it matters.
"""


def _share(settings: Settings) -> tuple[float, float]:
    """The size of the last step's factor, and the largest that it could be for this w."""
    vanilla = gradients.vanilla(settings)
    return abs(float(vanilla.factor[0])), float(vanilla.bound[1])


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        (here, _), (there, largest) = _share(before), _share(after)
        return abs(after.w) > abs(before.w) and there < here and there <= largest / 2

    candidates = ({"w": 2.0}, {"w": 3.0}, {"act": "tanh", "w": 2.0}, {"act": "tanh", "w": 4.0}, {"w": 0.9})
    move = moves.first(settings, *candidates, teaches=teaches)
    return Asked(
        say(
            "{move}. Is the factor of the last step then as large as it could be for this w?",
            move=move.in_words(settings),
        ),
        (
            say("Yes, it is |w|·sup σ′, to within 1 %"),
            say("No, but more than half of it"),
            say("No, half of it or less"),
        ),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    (before, _), (here, largest) = _share(settings), _share(asked.after(settings))
    slope = float(gradients.vanilla(asked.after(settings)).parts[0, 1])
    return asked.answered(
        0 if here >= 0.99 * largest else 1 if here > largest / 2 else 2,
        say(
            "The largest possible size, |w|·sup σ′, is {largest}. At your h(t−1) the slope σ′ is {slope}, so the "
            "factor's size is {here}; before the move it was {before}.",
            largest=words.number(largest),
            slope=words.number(slope),
            here=words.number(here),
            before=words.number(before),
        ),
        say("It is the largest only where the slope is at its steepest."),
        "",
        "",
    )


@figure.drawing
def _drawing() -> alt.LayerChart:
    x = style.x("state", "state one step ago, h(t−1) or c(t−1)", style.TIGHT, ticks=7, labelExpr=style.PLAIN_LABEL)
    y = style.y("gradient", "derivative of one step", {"zero": True, "padding": 6}, labelExpr=style.PLAIN_LABEL)
    curve = style.data("derivative").encode(x=x, y=y, color=style.cell_color())
    here = style.data("here").encode(x=x, y=y, color=style.cell_color())
    one = style.data("one").encode(y=alt.Y("gradient:Q"))
    return style.finish(
        alt.layer(
            one.mark_rule(aria=False, color=style.REFERENCE),
            one.mark_text(align="left", dx=4, dy=-7, **style.LABEL).encode(x=alt.value(0), text="label:N"),
            curve.mark_line(strokeWidth=2.5).encode(strokeDash=style.cell_dash()),
            here.mark_rule(aria=False, strokeDash=[2, 3]).encode(y2=alt.value(alt.ExprRef("height"))),
            style.data("start")
            .mark_point(size=130, opacity=1, strokeWidth=2, color=style.VERMILION)
            .encode(
                x=x,
                y=y,
                tooltip=[alt.Tooltip("state:Q", format=".4~g"), alt.Tooltip("gradient:Q", format=".4~g")],
            ),
            style.data("start").mark_text(dy=20, **style.LABEL).encode(x=x, y=y, text="label:N"),
            here.mark_point(filled=True, size=130, opacity=1).encode(
                shape=style.cell_shape(),
                tooltip=["cell:N", alt.Tooltip("state:Q", format=".4~g"), alt.Tooltip("gradient:Q", format=".4~g")],
            ),
            *(
                here.transform_filter(f"datum.cell == '{cell}'")
                .mark_text(dy=dy, **style.LABEL)
                .encode(text="label:N", color=alt.ColorValue("black"))
                for cell, dy in ((style.VANILLA, 20), (style.GATED, -16))
            ),
        ),
        style.FULL_HEIGHT,
    )


def _states(settings: Settings) -> np.ndarray:
    """The states one step ago, of the vanilla cell and of the gated one."""
    return np.array([gradients.vanilla(settings).state[1], gradients.gated(settings).state[1]])


def _grid(settings: Settings) -> list[float]:
    """The states over which the derivative is drawn: a range that holds both cells' own."""
    states = _states(settings)
    finite = states[np.isfinite(states)]
    grid = np.linspace(min(-2, *finite, 0), max(2, *finite, 0), 201)
    return np.unique(np.concatenate([grid, finite])).tolist()


def _start(settings: Settings) -> pa.Table:
    """The vanilla cell's first step, out of h(t−k); of a lag of 1 it is the last step as well, and stands there."""
    first = gradients.vanilla(settings)
    label = [say("the start h(t−k)")] if settings.k > 1 else []
    return table(state=first.state[-1:][: len(label)], gradient=first.factor[-1:][: len(label)], label=text(label))


def _tables(settings: Settings) -> dict[str, pa.Table]:
    grid, rows = _grid(settings), []
    for cell, derivative in zip(style.CELLS, (gradients.vanilla_derivative, gradients.gated_derivative), strict=True):
        rows.append(table(state=grid, cell=[cell] * len(grid), gradient=derivative(settings, grid).gradient))
    return {
        "derivative": stack(*rows),
        "here": table(
            state=_states(settings),
            cell=list(style.CELLS),
            gradient=[gradients.vanilla(settings).factor[0], gradients.gated(settings).factor[0]],
            label=[say("your {state}", state=state) for state in ("h(t−1)", "c(t−1)")],
        ),
        "start": _start(settings),
        "one": table(gradient=[1.0], label=[say("1: unchanged")]),
    }


def _slope(name: str, act: str, output: float, slope: float) -> str:
    """σ′ of a step with this output, in words: by the output where the slope can be written so."""
    by_output = {"tanh": "1 − h²", "logistic": "h·(1 − h)"}.get(act)
    return say(
        "σ′ = {slope} with {name} = {output}",
        slope=f"{f'{by_output} = ' if by_output else ''}{words.number(slope)}",
        name=name,
        output=words.number(output, 4),
    )


def _slopes(settings: Settings) -> str:
    """The slopes of the last step and of the first one, as a sentence."""
    vanilla = gradients.vanilla(settings)
    last = _slope("h(t)", settings.act, float(vanilla.state[0]), float(vanilla.parts[0, 1]))
    if settings.k == 1:
        return say("In the vanilla cell's step {slope}.", slope=last)
    first = _slope(f"h(t−{settings.k - 1})", settings.act, float(vanilla.state[-2]), float(vanilla.parts[-1, 1]))
    return say("In the vanilla cell's last step {last}; in its first {first}.", last=last, first=first)


def _caption(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    is_flat = np.ptp(gradients.gated_derivative(settings, _grid(settings)).gradient) == 0
    passed_on = say(
        "At h(t−1) = {h} the vanilla cell passes on {vanilla} of the gradient; at c(t−1) = {c} the gated cell passes "
        "on {gated}, {shape}.",
        h=words.number(float(vanilla.state[1])),
        vanilla=words.number(float(vanilla.factor[0])),
        c=words.number(float(gated.state[1])),
        gated=words.number(float(gated.factor[0])),
        shape=say("the same wherever c is") if is_flat else say("a curve of c as well"),
    )
    return f"{passed_on} {_slopes(settings)}"


DERIVATIVE = Plot(
    title="Derivative of one step over the state before it",
    reads=SCALAR,
    drawing=_drawing,
    tables=_tables,
    caption=_caption,
    program=Program(programs.one_step, "gradient"),
)


def _receipt(settings: Settings) -> Receipt:
    one = gradients.vanilla_derivative(settings, (float(gradients.vanilla(settings).state[1]),))
    remark = say("h(t−1) itself is too large for float64.")
    if np.isfinite(one.state[0]):
        with one_by_one():  # in a batch over a control each value would have a state of its own
            remark = readings.remark(gradients.vanilla(settings.replace(k=1, h0=float(one.state[0]))))
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-1)}} = w\,\sigma'\!\left(w\,h^{(t-1)}\right),\quad"
        rf"\sigma(x) = {ACTIVATIONS[settings.act].formula}",
        Side("autograd", float(one.gradient[0])),
        Side("w·σ′(w·h(t−1))", float(one.closed_form[0])),
        remark=remark,
    )


SECTION = Section(
    title="One step: a weight times a slope",
    argument=_ARGUMENT,
    plots=(DERIVATIVE,),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="One step multiplies the gradient by w·σ′: a weight that never changes and a slope that does.",
    look_closer=_LOOK_CLOSER,
)
