"""Beyond the lab: what each remedy does to the product at the start of training, and what comes of it."""

from __future__ import annotations

import functools
import math

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import readings, remedies
from explainer.figures.figure import Plot, decades, stack, table, text
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson.parts import Asked, LongWork, Prediction, Receipt, Section, Side
from explainer.maths import gradients, plans, training
from explainer.maths.cell_types import CELLS
from explainer.maths.gradients import HORIZON
from explainer.maths.logscale import first_below
from explainer.maths.plans import Learner, Plan, Training
from explainer.maths.tasks import TASKS
from explainer.programs import remembering_on_purpose as programs

_ARGUMENT = r"""
*Beyond the lab.* If a network must remember for $k$ steps, its product of $k$ factors should start near 1. There is
more than one way to that end, and each acts on the same number, some by far more than others:

- **the forget bias** of an :blue[LSTM]: 1 (Jozefowicz, Zaremba & Sutskever 2015), or 3; or, unit by unit, from the
  **time scale** that is needed, $b = \log u$ with $u$ drawn evenly from 1 to $k - 1$ (Tallec & Ollivier 2018);
- **orthogonal** weights (Saxe, McClelland & Ganguli 2014, for deep networks), here the recurrent ones of an
  :orange[RNN] with tanh, which keep every length until tanh shrinks it; the **identity** with ReLU (Le, Jaitly &
  Hinton 2015), where $w = 1$ and the slope is 1;
- **leaky units**, which keep a fixed share of their state (Jaeger et al. 2007);
- **coupled gates**, $i = 1 - f$, so that an LSTM writes no more than it forgets (Greff et al. 2017), here with a
  forget bias of 3: the coupling limits what is written, the bias sets what is kept;
- a **ring** of eigenvalues just within the unit circle for a linear recurrent unit (Orvieto et al. 2023).

The first figure computes what is left of the gradient before training, along all paths, over the $k$ steps of the task
(*Length k of the task*, in the sidebar). That is a prediction. Press **Train them all**, and all are trained on the
memory task of section 12, seed by seed on the same sequences. The second figure shows what came of it, and a table sets
that beside the start.
"""

_LOOK_CLOSER = r"""
**The identity with ReLU is fragile.** It passes everything on, a factor of exactly 1, as long as a unit is on. The
noise of this task switches the units off, now one and now another, and a gradient does not pass a unit that is off. At
$k = 10$ the product starts at 1; at $k = 50$ there are sequences through which nothing reaches the bit.

**Fair, but not tuned.** All have 16 units, Adam with learning rate 0.01 and 200 steps. Others choose the learning rate
for each network and each task. Not to have learned here does not mean never to learn.

**The time scale** is set for the LSTM as in the paper, with its input gate at $-b$; leaky units and the minGRU get the
same biases. The ring is between the radii 0.9 and 0.999, which Orvieto et al. 2023 chose for two of their six tasks
(Table 8).
"""

STEPS = 200

# in the order of the figures; the same remedies as in the reader's program
REMEDIES: dict[str, Learner] = {
    label: Learner(cell, bias, start) for label, (cell, bias, start) in programs.REMEDIES.items()
}
_LABELS = [
    *(word("RNN, as drawn"), word("RNN, orthogonal"), word("ReLU RNN, identity"), word("leaky, time scale")),
    *(word("LSTM, as drawn"), word("LSTM, bias 1"), word("LSTM, bias 3"), word("LSTM, time scale")),
    *(word("coupled LSTM, bias 3"), word("LRU, ring"), word("minGRU, time scale")),
]
assert list(REMEDIES) == _LABELS
_IS_GATED = {label: CELLS[one.cell].gated for label, one in REMEDIES.items()}


def plan(settings: Settings) -> Plan:
    return Plan(
        task="memory",
        k=settings.tk,
        learners=tuple(REMEDIES.values()),
        seeds=settings.tn,
        steps=STEPS,
        clip=1.0 if settings.clip == "on" else None,
    )


def _before(settings: Settings) -> Plan:
    """The plan as far as it decides how training starts."""
    return plan(settings.replace(clip="off"))


def _at_start(settings: Settings) -> np.ndarray:
    """log10 of the norm at the decisive lag before training, (remedies, seeds)."""
    asked = _before(settings)
    return training.at_start(asked)[:, :, asked.decisive_lag]


def _enough(settings: Settings) -> set[str]:
    """The networks that start with enough of the gradient left at the task's lag."""
    middle = np.median(_at_start(settings), axis=1)
    return {label for label, log10 in zip(_LABELS, middle, strict=True) if log10 >= math.log10(HORIZON)}


def _asked(settings: Settings) -> Asked:
    enough = _enough(settings)
    values = {"count": len(enough), "all": len(_LABELS), "share": words.percent(HORIZON), "lag": settings.tk}
    start = say(
        "{count} of these {all} networks start with at least {share} of the gradient left at lag {lag}", **values
    )
    named = f": {_in_order(enough)}" if enough else ""
    asked = say("Which will have learned the task after {steps} steps of training?", steps=STEPS)
    return Asked(
        f"{start}{named}. {asked}",
        (say("Just those"), say("Only some of those, or none"), say("Others as well, or instead")),
        None,
    )


def _question(settings: Settings) -> Prediction:
    asked, result = _asked(settings), training.recall(plan(settings))
    if result is None:
        return asked.answered(None, say("Press Train: nobody knows before."))
    enough = _enough(settings)
    learned = {label for i, label in enumerate(_LABELS) if sum(result.outcome(i).learned) * 2 > settings.tn}
    said = [
        say(
            "Learned by most of the seeds: {networks}.", networks=_in_order(learned) if learned else say("none of them")
        )
    ]
    if learned - enough:
        said.append(say("Started with less, and learned: {networks}.", networks=_in_order(learned - enough)))
    if enough - learned:
        said.append(say("Started with as much, and did not: {networks}.", networks=_in_order(enough - learned)))
    return asked.answered(0 if learned == enough else 1 if learned < enough else 2, " ".join(said))


def _in_order(labels: set[str]) -> str:
    """These networks, in the order of the figures; their names have commas in them."""
    return "; ".join(say(label) for label in _LABELS if label in labels)


def _reach(lag: int | None) -> str:
    """The horizon in words."""
    return say("beyond the task") if lag is None else say("lag {lag}", lag=lag)


# --- at the start -------------------------------------------------------------------------------------------


def _frame(log10: np.ndarray) -> pa.Table:
    """The line of 1, the line of the horizon, and room for the words beside the last mark."""
    finite = log10[np.isfinite(log10)]
    low, high = math.floor(min(finite.min(), -3.0)), math.ceil(max(finite.max(), 0.0))
    high += max(1, round(0.25 * (high - low)))
    return table(log10_magnitude=[float(low), float(high)], one=[0.0, 0.0], horizon=[math.log10(HORIZON)] * 2)


def _start_tables(settings: Settings, result: Training | None = None) -> dict[str, pa.Table]:
    norms, asked = _at_start(settings), _before(settings)
    middle = np.median(norms, axis=1)
    reach = [first_below(np.median(one, axis=0), HORIZON) for one in training.at_start(asked)]
    return {
        "start": table(
            series=text(_LABELS),
            kind=text(["gated" if is_gated else "vanilla" for is_gated in _IS_GATED.values()]),
            log10_magnitude=decades(middle),
            log10_lowest=decades(norms.min(1)),
            log10_highest=decades(norms.max(1)),
            status=gradients.status_of(middle, norms.min(1), norms.max(1)),
            reads=text([words.magnitude(value) for value in middle.tolist()]),
            horizon=text([_reach(lag) for lag in reach]),
        ),
        "frame": _frame(norms),
    }


def _start_caption(settings: Settings, result: Training | None = None) -> str:
    middle = np.median(_at_start(settings), axis=1)
    order = np.argsort(-middle)
    most, least = (f"{words.magnitude(float(middle[i]))} ({say(_LABELS[i])})" for i in (order[0], order[-1]))
    return say(
        "Spectral norm of the gradient that reaches {steps} back before the first training step, middle and range of "
        "{seeds}; dashed, {share}. Most: {most}. Least: {least}.",
        steps=words.steps(settings.tk),
        seeds=words.counted(settings.tn, "seed"),
        share=words.percent(HORIZON),
        most=most,
        least=least,
    )


READS = ("tk", "tn", "clip")

AT_START = Plot(
    title="What each remedy does to the gradient at the start",
    height=remedies.ROW * len(_IS_GATED),
    reads=READS,
    drawing=remedies.start(_IS_GATED),
    tables=_start_tables,
    caption=_start_caption,
    program=Program(programs.products_at_start, "log10_magnitude"),
)

# --- what came of it ----------------------------------------------------------------------------------------


def _accuracy(result: Training) -> np.ndarray:
    """At the end, or as far as training has got, (remedies, seeds)."""
    return plans.trailing_mean(result.accuracy)[:, :, -1]


def _outcome_tables(settings: Settings, result: Training | None = None) -> dict[str, pa.Table]:
    rows = []
    if result is not None and result.steps_done:
        accuracy = _accuracy(result)
        for i, label in enumerate(_LABELS):
            learned = result.outcome(i).learned
            rows.append(
                table(
                    series=text([label] * len(learned)),
                    accuracy=accuracy[i],
                    order=np.arange(float(len(learned))),
                    outcome=text([word("learned") if yes else word("not learned") for yes in learned]),
                )
            )
    nothing = table(series=text([]), accuracy=np.empty(0), order=np.empty(0), outcome=text([]))
    return {"came": stack(nothing, *rows), "guess": table(accuracy=[TASKS["memory"].accuracy_of_guessing])}


def _outcome_caption(settings: Settings, result: Training | None = None) -> str:
    if result is None:
        return say(
            "Nothing is trained yet: press Train. Every seed of a network will be a mark: a circle where it has "
            "learned, a cross where it has not. Dashed: guessing."
        )
    values = {"done": result.steps_done, "all": result.plan.steps}
    if not result.steps_done:
        return say("After {done} of {all} steps.", **values)
    values["seeds"] = words.counted(result.plan.seeds, "seed")
    learned = [
        f"{say(label)}: {sum(result.outcome(i).learned)}"
        for i, label in enumerate(_LABELS)
        if any(result.outcome(i).learned)
    ]
    if not learned:
        return say("After {done} of {all} steps, of {seeds} nobody has learned. Dashed: guessing.", **values)
    return say(
        "After {done} of {all} steps, of {seeds} have learned: {networks}. Dashed: guessing.",
        networks="; ".join(learned),
        **values,
    )


OUTCOMES = Plot(
    title="What came of each remedy",
    height=remedies.ROW * len(_IS_GATED),
    reads=READS,
    drawing=remedies.outcome(_IS_GATED),
    tables=_outcome_tables,
    caption=_outcome_caption,
    program=Program(programs.what_came_of_it, "accuracy", {"steps": STEPS}, minutes=True),
)


def outcomes(result: Training) -> str:
    """The horizon and the product at the start beside what came of it, as a Markdown table."""
    lag = result.plan.decisive_lag
    head = say(
        "| | norm at lag {lag} at the start | horizon | learned, of {seeds} | by step |",
        lag=lag,
        seeds=result.plan.seeds,
    )
    rows = []
    for i, label in enumerate(_LABELS):
        one = result.outcome(i)
        reach = sorted(one.horizon, key=lambda at: math.inf if at is None else at)[len(one.horizon) // 2]
        norm = words.magnitude(float(np.median(one.log10_at_decisive_lag)), 1, 2)
        first = sorted(at for at in one.learned_at if at is not None)
        rows.append(f"| {say(label)} | {norm} | {_reach(reach)} | {sum(one.learned)} | {first[0] if first else '–'} |")
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows])


def _receipt(settings: Settings) -> Receipt:
    f = (settings.tk - 1) / settings.tk
    gated = gradients.gated(Settings(gate="constant", f=f, k=settings.tk))
    return Receipt(
        r"\begin{aligned} b = \log(k - 1) & \Rightarrow f = 1 - \frac{1}{k} \\ "
        r"\frac{\partial c^{(t)}}{\partial c^{(t-k)}} & = \left(1 - \frac{1}{k}\right)^{k} \end{aligned}",
        Side(say("autograd, every gate at the bias log(k − 1)"), float(gated.gradient[-1])),
        Side("(1 − 1/k)ᵏ", f**settings.tk),
        others=(Side(say("1/e, which it nears as k grows"), math.exp(-1)),),
        remark=say("The largest of the biases by time scale keeps about a third over k steps, whatever k is."),
    )


SECTION = Section(
    title="How a network is made to remember on purpose",
    argument=_ARGUMENT,
    plots=(AT_START, OUTCOMES),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Every remedy acts on one number: what is left of the gradient after k steps, before training begins.",
    look_closer=_LOOK_CLOSER,
    work=LongWork(
        "Train them all",
        plan,
        training.recall,
        training.start,
        outcomes,
        functools.partial(readings.learned, labels=_LABELS),
        ("tk", "tn"),
    ),
)
