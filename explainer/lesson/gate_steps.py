"""One and two gated steps: ∂c(t)/∂c(t−1) = f(t−1), then f(t−1)·f(t−2) (the lab's gated derivatives)."""

from __future__ import annotations

import functools

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import ladder
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.lesson.parts import Option, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.cells import GATES
from explainer.programs import two_steps

_ARGUMENT = r"""
Take the same two derivatives as before, now of the :blue[cell state]. One step:

$$
\frac{\partial c^{(t)}}{\partial c^{(t-1)}} = f(t-1)
$$

No weight, no slope: what is left of the gradient is what the gate lets through. Two steps, by the chain rule:

$$
\frac{\partial c^{(t)}}{\partial c^{(t-2)}} = f(t-1)\,f(t-2)
$$

Compare the rungs of the two ladders. The :orange[vanilla] one has $w$ in it twice; the :blue[gated] one has no
$w$ at all.
"""

_LOOK_CLOSER = r"""
**"The gate does not depend on the state."** $\partial c^{(t)}/\partial c^{(t-1)} = f(t-1)$ is exact only for a
gate that is given from outside. If the gate reads the state, as it does in an LSTM through $h$, the product rule
adds a term:

$$
\frac{\partial c^{(t)}}{\partial c^{(t-1)}} = f(t-1) + c^{(t-1)}\,\frac{\partial f(t-1)}{\partial c^{(t-1)}} .
$$

Choose the *state* gate: the ladder gets a rung for the gate's own slope, and the receipt shows both formulas.
"""


def _question(settings: Settings) -> Prediction:
    gated, vanilla = (cell(ladder.two_steps(settings)) for cell in (gradients.gated, gradients.vanilla))
    mine, theirs = abs(float(gated.gradient[2])), abs(float(vanilla.gradient[2]))
    told = (
        f"Two steps back the gated gradient is {words.number(mine)} and the vanilla one {words.number(theirs)} in size."
    )
    return Prediction(
        "After two steps, which cell has the larger gradient at your settings?",
        (
            Option("The gated cell", told + " A gate keeps more only if it is closer to 1 than |w·σ′|."),
            Option(
                "The vanilla cell",
                told + " A single vanilla step can beat a gate: with |w·σ′| above f. It is the long run that differs.",
            ),
            Option("Equal, to within 1 %", told),
        ),
        2 if abs(mine - theirs) <= 0.01 * max(mine, theirs) else 0 if mine > theirs else 1,
    )


def _caption(settings: Settings) -> str:
    gated = gradients.gated(ladder.two_steps(settings))
    gates = f"f(t−1) = {words.number(float(gated.gates[0]))} and f(t−2) = {words.number(float(gated.gates[1]))}"
    more = ", and the slopes that a gate which reads its state adds" if GATES[settings.gate].reads_state else ""
    return (
        f"The gated ladder has the rungs {gates}{more}: it ends at {words.number(float(gated.gradient[2]))}. "
        f"w is not among its rungs."
    )


LADDER = Plot(
    title="The ladder of two steps: gates first",
    reads=SCALAR,
    drawing=ladder.drawing,
    tables=functools.partial(ladder.tables, gated_first=True),
    caption=_caption,
    program=Program(two_steps.ladder, "running_product"),
    walk=functools.partial(ladder.walk, gated_first=True),
)


def _receipt(settings: Settings) -> Receipt:
    at_least_two = ladder.two_steps(settings)
    gated, product = gradients.gated(at_least_two), gradients.paths(at_least_two).product_of_gates[2]
    autograd = Side("autograd", float(gated.gradient[2]))
    if GATES[settings.gate].reads_state:
        return Receipt(
            r"\frac{\partial c^{(t)}}{\partial c^{(t-2)}} = \prod_{i=1}^{2} \left(f(t-i) + c^{(t-i)}\,"
            r"\frac{\partial f(t-i)}{\partial c^{(t-i)}}\right)",
            autograd,
            Side("with the gate's own slope", float(gated.closed_form[2])),
            others=(Side("f(t−1)·f(t−2) alone", float(product)),),
            remark="This gate reads the state, so the product of gates alone is not the derivative.",
        )
    return Receipt(
        r"\frac{\partial c^{(t)}}{\partial c^{(t-2)}} = f(t-1)\,f(t-2)",
        autograd,
        Side("f(t−1)·f(t−2)", float(product)),
    )


SECTION = Section(
    title="The gate's own ladder",
    argument=_ARGUMENT,
    plots=(LADDER,),
    question=_question,
    receipt=_receipt,
    remember="The gated gradient is a product of gates, one a step, and a gate can be close to 1.",
    look_closer=_LOOK_CLOSER,
)
