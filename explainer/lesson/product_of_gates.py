"""Any number of gated steps: a product of k gates, and wᵏ is gone (the lab's gated general case)."""

from __future__ import annotations

import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, hands, readings, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot, Stops
from explainer.figures.program import Program
from explainer.languages import say, say_counted, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.maths.cells import GATES
from explainer.maths.gradients import Gradient
from explainer.maths.paths import by_path
from explainer.programs import product_of_gates as programs

_ARGUMENT = r"""
For any number of steps the gates simply multiply:

$$
\frac{\partial c^{(t)}}{\partial c^{(t-k)}} = \prod_{i=1}^{k} f(t-i)
$$

The term with $w^k$ is gone. Nothing forces the factors to be alike, either: a network that learns its gates can
hold them near 1 for as long as something is worth remembering, and close them when it is not.

Here are three kinds of gate side by side: a :blue[constant] one, one that :blue[varies] from step to step, and
one that is :blue[set by the state itself]. The first two have your $f$ as their typical value; the
third has it where the state is close to 0. The :orange[vanilla]
cell runs along for comparison.

**The write is added.** The lab's cell only multiplies, so a state of $c = 0$ stays 0 for ever. A whole LSTM also
writes, through its input gate $i$ and a candidate $g$, and it *adds* what it writes:

$$
c^{(t)} = f\,c^{(t-1)} + i\,g
$$

A sum passes the gradient on to each of its terms as it is: with the gates and the candidate held fixed, the derivative
of $c^{(t)}$ by $c^{(t-1)}$ is still $f$ alone. So new content comes in without another factor on the way back. The
first LSTM had no forget gate at all: $f = 1$, and the gradient came through every lag as exactly 1 along this path. Its
authors called that the **constant error carousel** (Hochreiter & Schmidhuber 1997). The forget gate followed in 2000,
so that a cell can let go of what it holds.

**$f(t-1)$ or $f_t$?** The gate that takes $c^{(t-1)}$ to $c^{(t)}$ is $f(t-1)$ in the lab and on this page, and $f_t$
in most books and in torch. It is the same number by another name: the product $f(t-1) \cdots f(t-k)$ here is
$f_t \cdots f_{t-k+1}$ there.
"""

_LOOK_CLOSER = r"""
**The index.** The lab prints the product from $i = 0$. That would be $k+1$ factors, one too many, and would
contradict the lab's own one-step and two-step cases. The receipt shows both products beside autograd; $i = 1,
\dots, k$ is right.

**"$w^k$ is gone" is not "solved".** Any constant $f < 1$ still decays exponentially, with a time constant of
about $1/(1-f)$ steps. PyTorch starts an LSTM with $f \approx 0.5$, which forgets within a few steps; a forget
bias of 1 or more is the usual remedy (Gers, Schmidhuber & Cummins 2000; Jozefowicz, Zaremba & Sutskever 2015),
and the time scale one wants to remember even tells which bias to choose (Tallec & Ollivier 2018).
"""

_SERIES = {
    "constant": Series(word("gated: constant f"), style.BLUE, (1, 0)),
    "varying": Series(word("gated: varying f"), style.BLUE, (7, 3)),
    "state": Series(word("gated: f set by the state"), style.BLUE, (2, 2)),
}
assert set(_SERIES) == set(GATES)


def _reach(settings: Settings) -> int | None:
    return gradients.horizon(gradients.gated(settings.replace(gate="constant")))


def _of_reach(reach: int | None) -> int:
    """Which option says so: within the first 20 steps (0), within the lag (1), or not (2)."""
    return 2 if reach is None else 0 if reach <= 20 else 1


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        return after.f >= 0.9 and _of_reach(_reach(after)) == 1 != _of_reach(_reach(before))

    candidates = ({"k": 200}, {"f": 0.95, "k": 200}, {"f": 0.9, "k": 100}, {"f": 0.99, "k": 200})
    move = moves.first(settings, *candidates, teaches=teaches)
    after = move.after(settings)
    return Asked(
        say(
            "{move}. With a constant gate of f = {f}: from which lag on is less than 1 % of the gradient left?",
            move=move.in_words(settings),
            f=words.gate(after.f),
        ),
        (say("Within the first 20 steps"), say("Later, but within your lag k"), say("Not within your lag k")),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    reach = _reach(after)
    share = words.percent(gradients.HORIZON)
    told = (
        say("The product of your constant gates falls below {share} at lag {lag}.", share=share, lag=reach)
        if reach is not None
        else say_counted(
            "The product of your constant gates falls below {share} nowhere within {count} step.",
            "The product of your constant gates falls below {share} nowhere within {count} steps.",
            after.k,
            share=share,
        )
    )
    if 0 < after.f < 1:
        time_constant = words.number(1 / (1 - after.f))
        told += " " + say("Its time constant is about 1/(1−f) = {steps} steps.", steps=time_constant)
    return asked.answered(_of_reach(reach), told, "", "", say("It decays all the same, unless f is exactly 1."))


def _kinds(settings: Settings) -> dict[str, Gradient]:
    return {kind: gradients.gated(settings.replace(gate=kind)) for kind in _SERIES}


def _tables(settings: Settings) -> dict[str, pa.Table]:
    lines = {_SERIES[kind]: gradient for kind, gradient in _kinds(settings).items()}
    return by_lag.tables(lines | {by_lag.VANILLA: gradients.vanilla(settings)}, settings.k)


def _caption(settings: Settings) -> str:
    kinds, vanilla = _kinds(settings), gradients.vanilla(settings)
    kept = words.joined([f"{say(GATES[kind].label)}: {readings.at_end(one)}" for kind, one in kinds.items()])
    arrives = say_counted(
        "What arrives {count} step back: {kept}; vanilla: {vanilla}.",
        "What arrives {count} steps back: {kept}; vanilla: {vanilla}.",
        settings.k,
        kept=kept,
        vanilla=readings.at_end(vanilla),
    )
    named = {f"{GATES[kind].label}-gate": gradient for kind, gradient in kinds.items()} | {style.VANILLA: vanilla}
    return f"{arrives} {readings.horizons(named)}"


def _walk(settings: Settings) -> Stops:
    return by_lag.walk({_SERIES[kind]: gradient for kind, gradient in _kinds(settings).items()})


_OF_KIND = {"constant": ("k", "f"), "varying": ("k", "f", "spread", "seed"), "state": ("k", "h0", "f", "u")}
THREE_GATES = by_lag.compared(
    Plot(
        title="Gradient against lag for three kinds of gate",
        reads=("k", "h0", "act", "w", "f", "spread", "seed", "u"),
        drawing=by_lag.drawing(*_SERIES.values(), by_lag.VANILLA, compares=True, has_grip=True),
        tables=_tables,
        caption=_caption,
        program=Program(programs.three_gates, "gradient"),
        walk=_walk,
        hand=hands.LAG,
    ),
    {_SERIES[kind]: names for kind, names in _OF_KIND.items()} | {by_lag.VANILLA: gradients.VANILLA_FIELDS},
)


def _receipt(settings: Settings) -> Receipt:
    paths, gated = by_path(settings), gradients.gated(settings)
    too_many = Side(say("the product from i = 0, as the lab prints it"), float(paths.one_gate_more[-1]))
    autograd = Side("autograd", float(gated.gradient[-1]))
    if GATES[settings.gate].reads_state:
        return Receipt(
            r"\frac{\partial c^{(t)}}{\partial c^{(t-k)}} = \prod_{i=1}^{k} \left(f(t-i) + c^{(t-i)}\,"
            r"\frac{\partial f(t-i)}{\partial c^{(t-i)}}\right)",
            autograd,
            Side(say("with the gate's own slope"), float(gated.closed_form[-1])),
            others=(Side(say("∏ f(t−i), i = 1…k, alone"), float(paths.product_of_gates[-1])), too_many),
            remark=say("This gate reads the state, so the product of gates is only the direct path.")
            + " "
            + readings.remark(gated),
        )
    return Receipt(
        r"\frac{\partial c^{(t)}}{\partial c^{(t-k)}} = \prod_{i=1}^{k} f(t-i)",
        autograd,
        Side("∏ f(t−i), i = 1…k", float(paths.product_of_gates[-1])),
        others=(too_many,),
        remark=readings.remark(gated),
    )


SECTION = Section(
    title="k gates in place of wᵏ",
    argument=_ARGUMENT,
    plots=(THREE_GATES,),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="wᵏ is gone; what is left is a product of gates, and it lasts as long as the gates stay near 1.",
    look_closer=_LOOK_CLOSER,
    receipt_reads=("gate",),
)
