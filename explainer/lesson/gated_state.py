"""The gated cell state c(t) = c(t−1)·f(t−1), in place of the repeated map (the lab's way out)."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import BOTH, GATED, SCALAR, names_of
from explainer.choices.settings import Settings
from explainer.figures import factors, figure, lstm_cell, readings, style
from explainer.figures.figure import Plot, stack, steps, table
from explainer.figures.program import Program
from explainer.languages import say, say_counted, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.cells import GATES
from explainer.programs import gated_state as programs
from explainer.programs import one_recurrence

_ARGUMENT = r"""
Gated cells, such as the LSTM (Hochreiter & Schmidhuber 1997), carry a second state that is not squeezed through σ
at each step. It is only *multiplied*:

$$
c^{(t)} = c^{(t-1)}\, f(t-1)
$$

The factor :blue[$f$] is a **gate**: a number between 0 and 1 that says how much of the :blue[cell state $c$] is
kept. It is the *forget gate*, added to the LSTM by Gers, Schmidhuber & Cummins (2000); $f = 1$ keeps everything,
$f = 0$ forgets everything.

A full LSTM adds new content through an input gate and reads the state out through an output gate. The lab leaves
them away, and so does the thick path in the drawing: what matters for the gradient is how $c$ gets from one step
to the next.
"""

_LOOK_CLOSER = r"""
The gate has a bias of its own, the **forget bias** $b$, with $f = \mathrm{logistic}(b)$ when nothing else speaks:
$b = 0$ gives $f = 0.5$, and $b = 3$ gives $f \approx 0.953$. PyTorch's LSTM has *two* biases that add up, so
setting both to 1 makes 2.
"""


def _kept(settings: Settings) -> float:
    """The share of c(t−k) that is left in c(t): the product of the gates."""
    with np.errstate(under="ignore"):
        return float(np.prod(gradients.gated(settings).gates))


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        return after.f >= 0.9 and _kept(after) < 0.01 <= _kept(before)

    candidates = ({"f": 0.9}, {"f": 0.95, "k": 100}, {"f": 0.99, "k": 200}, {"f": 0.999})
    move = moves.first(settings, *candidates, teaches=teaches)
    after = move.after(settings)
    return Asked(
        say_counted(
            "{move}: how much of the cell state is left after {count} step?",
            "{move}: how much of the cell state is left after {count} steps?",
            after.k,
            move=move.in_words(settings),
        ),
        (say("More than half"), say("Between 1 % and half"), say("Less than 1 %")),
        move,
    )


def _left(settings: Settings) -> str:
    kept = words.percent(_kept(settings))
    if settings.h0 == 0:
        return say("c = 0 stays 0; of any other state so much would be left: {kept}.", kept=kept)
    return say(
        "Of c(t−k) = {start}, c(t) = {end} is left: {kept}.",
        start=words.number(settings.h0),
        end=words.number(float(gradients.gated(settings).state[0])),
        kept=kept,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    kept = _kept(after)
    gates = say(
        "As many gates as steps multiply, of which the last is {gate}.",
        gate=words.gate(round(float(gradients.gated(after).gates[0]), 6)),
    )
    forgets = say("Even a gate close to 1 forgets in the end: the product of many such numbers is small.")
    return asked.answered(
        0 if kept > 0.5 else 1 if kept >= 0.01 else 2,
        f"{_left(after)} {gates}",
        "",
        "",
        forgets if kept < 0.01 else "",
    )


_SERIES = {
    word("h(t), vanilla"): (style.VERMILION, [1, 0]),
    word("c(t), gated"): (style.BLUE, [7, 3]),
    word("gate f(t)"): (style.BLUE, [1, 3]),
}


@figure.drawing
def _over_time_drawing() -> alt.LayerChart:
    x = style.time_x(padding=4)
    y = style.y("value", "state or gate", {"zero": True, "padding": 6}, labelExpr=style.PLAIN_LABEL)
    legend = style.line_legend()
    domain, colors, dashes = list(_SERIES), [c for c, _ in _SERIES.values()], [d for _, d in _SERIES.values()]
    base = style.data("states").encode(x=x, y=y)
    return style.finish(
        alt.layer(
            base.mark_line(strokeWidth=2.5).encode(
                color=alt.Color("series:N", scale=alt.Scale(domain=domain, range=colors), legend=legend),
                strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=domain, range=dashes), legend=legend),
            ),
            base.mark_circle(size=140, opacity=0, aria=False).encode(
                tooltip=["series:N", "lag:Q", alt.Tooltip("value:Q", format=".4~g")]
            ),
        ),
        style.HALF_HEIGHT,
    )


def _over_time_tables(settings: Settings) -> dict[str, pa.Table]:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    columns = (vanilla.state, gated.state, np.concatenate([[np.nan], gated.gates]))
    rows = [
        table(
            lag=steps(vanilla.lag),
            series=[name] * len(values),
            value=values,
            status=gradients.status_of(values, log10=False),
        )
        for name, values in zip(_SERIES, columns, strict=True)
    ]
    return {"states": stack(*rows)}


def _cell_caption(settings: Settings) -> str:
    gated = gradients.gated(settings)
    gate, factor = words.number(float(gated.gates[0])), words.number(float(gated.factor[0]))
    path = say(
        "The thick line is the path of the lab: c(t−1) = {before} times f(t−1) = {gate} is c(t) = {after}.",
        before=words.number(float(gated.state[1])),
        gate=gate,
        after=words.number(float(gated.state[0])),
    )
    at_rest = say("The thin lines belong to a whole LSTM and are at rest here.")
    if not GATES[settings.gate].reads_state:
        back = say(
            "The dashed arrow is the gradient that flows back along it, {factor} of what arrives at c(t).",
            factor=factor,
        )
        return f"{path} {back} {at_rest}"
    back = say(
        "The dashed arrow is the whole gradient that comes back: {gate} along the thick path and the rest through the "
        "gate, together {factor} of what arrives at c(t).",
        gate=gate,
        factor=factor,
    )
    peephole = say("Here the gate reads the state: the dashed wire.")
    return f"{path} {back} {at_rest} {peephole}"


def _over_time_caption(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    low, high = float(gated.gates.min()), float(gated.gates.max())
    span = (
        say("the gate stays at {gate}", gate=words.gate(round(low, 4)))
        if low == high
        else say("the gate moves between {low} and {high}", low=words.number(low), high=words.number(high))
    )
    return say(
        "Both cells start from {start}. Now h(t) is {h} and c(t) is {c}; {span}.",
        start=words.number(settings.h0),
        h=words.number(float(vanilla.state[0])),
        c=words.number(float(gated.state[0])),
        span=span,
    )


def _factors_caption(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    return say(
        "At the last step the vanilla cell multiplies the gradient by {vanilla}, the gated cell by {gated}.",
        vanilla=words.number(float(vanilla.factor[0])),
        gated=words.number(float(gated.factor[0])),
    )


CELL = Plot(
    title="An LSTM cell with the cell-state path picked out",
    reads=names_of(BOTH, GATED),
    drawing=lstm_cell.drawing,
    tables=lstm_cell.tables,
    caption=_cell_caption,
    program=Program(programs.last_step, "text"),
)
OVER_TIME = Plot(
    title="The states and the gate over time",
    height=style.HALF_HEIGHT,
    reads=SCALAR,
    drawing=_over_time_drawing,
    tables=_over_time_tables,
    caption=_over_time_caption,
    program=Program(programs.over_time, "value"),
)
FACTORS = Plot(
    title="The factor of each step, behind a gate and without one",
    height=style.HALF_HEIGHT,
    reads=SCALAR,
    drawing=factors.drawing,
    tables=factors.tables,
    caption=_factors_caption,
    program=Program(one_recurrence.factors, "factor"),
)


def _receipt(settings: Settings) -> Receipt:
    gated = gradients.gated(settings)
    with np.errstate(under="ignore"):
        product = settings.h0 * float(np.prod(gated.gates))
    return Receipt(
        r"c^{(t)} = c^{(t-k)} \prod_{i=1}^{k} f(t-i)",
        Side(say("the cell, run step by step in torch"), float(gated.state[0])),
        Side(say("the start times the product of the gates"), product),
        remark=readings.lost_digits(float(gated.state[0]), product),
    )


SECTION = Section(
    title="A state behind a gate",
    argument=_ARGUMENT,
    plots=(CELL, OVER_TIME, FACTORS),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="The cell state is not mapped again and again by the same w; each step multiplies it by a gate.",
    look_closer=_LOOK_CLOSER,
)
