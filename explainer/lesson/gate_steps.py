"""One and two gated steps: ∂c(t)/∂c(t−1) = f(t−1), then f(t−1)·f(t−2) (the lab's gated derivatives)."""

from __future__ import annotations

import functools

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import ladder
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.cells import GATES
from explainer.maths.paths import by_path
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

Choose the *state* gate: the ladder gets a rung for what the gate's own slope adds, and the receipt shows both formulas.
"""


def _two_steps_back(settings: Settings) -> tuple[float, float]:
    """The size of the gated gradient two steps back, and of the vanilla one."""
    gated, vanilla = (cell(ladder.two_steps(settings)) for cell in (gradients.gated, gradients.vanilla))
    return abs(float(gated.gradient[2])), abs(float(vanilla.gradient[2]))


def _larger(settings: Settings) -> int:
    """Which is larger: the gated one (0), the vanilla one (1), or neither (2)."""
    mine, theirs = _two_steps_back(settings)
    return 2 if abs(mine - theirs) <= 0.01 * max(mine, theirs) else 0 if mine > theirs else 1


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        return _larger(after) == 1 != _larger(before)

    candidates = ({"w": 1.0}, {"w": 1.0, "f": 0.9}, {"f": 0.5}, {"act": "tanh", "w": 1.0, "f": 0.8}, {"f": 0.99})
    move = moves.first(settings, *candidates, teaches=teaches)
    return Asked(
        say("{move}. After two steps, which cell then has the larger gradient?", move=move.in_words(settings)),
        (say("The gated cell"), say("The vanilla cell"), say("Equal, to within 1 %")),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    mine, theirs = _two_steps_back(after)
    one_gate, one_factor = (
        float(gradients.gated(ladder.two_steps(after)).gates[0]),
        abs(float(gradients.vanilla(ladder.two_steps(after)).factor[0])),
    )
    return asked.answered(
        _larger(after),
        say(
            "Two steps back the gated gradient is {gated} and the vanilla one {vanilla} in size: in the last step f is "
            "{gate} and |w·σ′| {factor}.",
            gated=words.number(mine),
            vanilla=words.number(theirs),
            gate=words.number(one_gate),
            factor=words.number(one_factor),
        ),
        say("A gate that is given from outside keeps more only if it is larger than |w·σ′|.")
        if not GATES[after.gate].reads_state
        else say("A gate that reads its state adds a slope of its own."),
        say("A single vanilla step can beat a gate: with |w·σ′| above f. It is the long run that differs."),
        "",
    )


def _caption(settings: Settings) -> str:
    gated = gradients.gated(ladder.two_steps(settings))
    said = (
        word(
            "The gated ladder has the rungs f(t−1) = {last} and f(t−2) = {first}, and the slopes that a gate which "
            "reads its state adds: it ends at {end}. w is not among its rungs."
        )
        if GATES[settings.gate].reads_state
        else word(
            "The gated ladder has the rungs f(t−1) = {last} and f(t−2) = {first}: it ends at {end}. w is not among its "
            "rungs."
        )
    )
    last, first = gated.gates[:2].tolist()
    return say(said, last=words.number(last), first=words.number(first), end=words.number(float(gated.gradient[2])))


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
    gated, product = gradients.gated(at_least_two), by_path(at_least_two).product_of_gates[2]
    autograd = Side("autograd", float(gated.gradient[2]))
    if GATES[settings.gate].reads_state:
        return Receipt(
            r"\frac{\partial c^{(t)}}{\partial c^{(t-2)}} = \prod_{i=1}^{2} \left(f(t-i) + c^{(t-i)}\,"
            r"\frac{\partial f(t-i)}{\partial c^{(t-i)}}\right)",
            autograd,
            Side(say("with the gate's own slope"), float(gated.closed_form[2])),
            others=(Side(say("f(t−1)·f(t−2) alone"), float(product)),),
            remark=say("This gate reads the state, so the product of gates alone is not the derivative."),
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
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="The gated gradient is a product of gates, one a step, and a gate can be close to 1.",
    look_closer=_LOOK_CLOSER,
)
