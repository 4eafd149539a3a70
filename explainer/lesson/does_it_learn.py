"""Beyond the lab: what a gradient of 10⁻²⁰ means for a network that must learn."""

from __future__ import annotations

import functools
import itertools
import math

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import CONTROL, TRAINING, names_of
from explainer.choices.settings import Settings
from explainer.figures import by_lag, readings, style, training_curves
from explainer.figures.figure import Plot, stack, steps, table, text
from explainer.figures.program import Program
from explainer.languages import say, say_counted, word
from explainer.lesson.parts import Asked, LongWork, Prediction, Receipt, Section, Side
from explainer.maths import gradients, plans, training
from explainer.maths.first_gates import FirstGates, first_gates
from explainer.maths.plans import Outcome, Plan, Training
from explainer.maths.tasks import TASKS
from explainer.programs import does_it_learn as programs

_ARGUMENT = r"""
*Beyond the lab.* A gradient of $10^{-20}$: so what? Here is a task that cannot be solved without the distant
past. A sequence begins with **one bit**. Then come $k$ steps of noise. At the end the network is asked what the
bit was (after Bengio, Simard & Frasconi 1994). In the *adding* task it has to add two marked numbers out of many
(Hochreiter & Schmidhuber 1997).

Four networks train on it: torch's :orange[RNN], an :blue[LSTM] with the biases that torch draws, an :blue[LSTM]
with your forget bias, and a :blue[GRU]. All have 16 units, the same optimiser (Adam, learning rate 0.01), the
same number of steps and, seed by seed, the same sequences. Your forget bias goes to the one LSTM alone. The GRU keeps
the biases that torch draws (in section 10, $b_f$ opens its update gate as well), so the fair comparison with the GRU is
the LSTM with torch's own. A fifth network starts with your forget bias, whatever its type: the *minimal gated unit* is
a GRU with one gate.

Before the first step the gradient already makes a prediction: if less than 1 % of it reaches the lag that
matters, the network should not learn. Press **Train** and see whether that is so.
"""

_LOOK_CLOSER = r"""
**The surprise.** At $k = 50$ the LSTM with torch's own biases only guesses, as the vanilla RNN mostly does: its
gates start half open, and the gradient that reaches the bit is below $10^{-6}$. The same LSTM with a forget bias
of 3 starts above $10^{-2}$, and most draws of it learn. At $k = 10$ all four learn.

**It depends.** The failure of the LSTM with torch's biases is robust; the rest hangs on the learning rate. Three
times as fast (0.03), the LSTM with a forget bias of 3 mostly fails at $k = 50$, and some draws of the RNN learn it.
And a gradient at the start is not destiny: on the adding task the GRU starts below $10^{-5}$ and learns all the same.
It learns the short lags first, and the long ones come alive.

**A network that remembers may have no gradient left.** An RNN that has learned to *latch* the bit holds it by
saturation, where the slopes are close to 0 (Bengio, Simard & Frasconi 1994).

**What this shows, and what it does not.** These are small networks on a few tasks, with one optimiser and a short
budget. Not to have learned here does not mean never to learn. *Learned* means: the loss, averaged over the last
20 steps, is at most a quarter of what the best guess that ignores the sequence would get. *Gradient clipping*
(Pascanu, Mikolov & Bengio 2013) limits the step where gradients explode; it cannot bring back one that has
vanished.
"""

STEPS = {"adding": 400}  # the adding task needs longer than the others
USUAL_STEPS = 200


def plan(settings: Settings) -> Plan:
    return Plan(
        task=settings.task,
        k=settings.tk,
        learners=(*plans.usual_learners(settings.tb), *_fifth(settings)),
        seeds=settings.tn,
        steps=STEPS.get(settings.task, USUAL_STEPS),
        clip=1.0 if settings.clip == "on" else None,
    )


def _fifth(settings: Settings) -> tuple[plans.Learner, ...]:
    return () if settings.also == "none" else (plans.Learner(settings.also, settings.tb),)


def _steps(settings: Settings) -> int:
    return plan(settings).steps


# in the order of plans.usual_learners
_LABELS = ("RNN (tanh)", word("LSTM, torch's biases"), word("LSTM, your forget bias"), "GRU")
_FIFTH = {
    "peephole": word("Peephole LSTM, your forget bias"),
    "mgu": word("Minimal gated unit, your forget bias"),
    "leaky": word("Leaky units, your forget bias"),
    "coupled": word("LSTM, coupled gates, your forget bias"),
    "linear": word("Linear, fixed a, your forget bias"),
    "lru": word("LRU, complex a, your forget bias"),
    "mingru": word("minGRU, your forget bias"),
    "minlstm": word("minLSTM, your forget bias"),
    "ssm": word("Selective state space, your forget bias"),
}
assert {"none", *_FIFTH} == set(CONTROL["also"].values)
# all that there can be, at every setting, so that the drawings stand still
_DOMAIN = [*_LABELS, *_FIFTH.values()]
_COLOR = alt.Scale(domain=_DOMAIN, range=[style.VERMILION, *[style.BLUE] * (len(_DOMAIN) - 1)])
_DASH = alt.Scale(domain=_DOMAIN, range=[[1, 0], [3, 3], [1, 0], [9, 3, 2, 3], *[[1, 4]] * len(_FIFTH)])


def _labels(chosen: Plan) -> tuple[str, ...]:
    """The names of a plan's learners in the tables."""
    return (*_LABELS, *(_FIFTH[learner.cell] for learner in chosen.learners[len(_LABELS) :]))


def _names(chosen: Plan) -> tuple[str, ...]:
    """The names of a plan's learners as a reader reads them."""
    return tuple(map(say, _labels(chosen)))


def _asked(settings: Settings) -> Asked:
    return Asked(
        say(
            "With k = {k} and {steps} training steps: which of the four will have learned the task?",
            k=settings.tk,
            steps=plan(settings).steps,
        ),
        (
            say("All four"),
            say("The LSTM with your forget bias, but not the one with torch's biases"),
            say("Another mixture"),
            say("None"),
        ),
        None,
    )


def _question(settings: Settings) -> Prediction:
    asked, result = _asked(settings), training.recall(plan(settings))
    if result is None:
        return asked.answered(None, say("Press Train: nobody knows before."))
    learned = [_most(result.outcome(i).learned) for i in range(4)]
    names = "; ".join(say(label) for label, yes in zip(_LABELS, learned, strict=True) if yes)
    return asked.answered(
        0 if learned == [True] * 4 else 3 if not any(learned) else 1 if not learned[1] and learned[2] else 2,
        say("Learned by most of the seeds: {names}.", names=names or say("none of the four")),
    )


def _most(values: tuple[bool, ...]) -> bool:
    return sum(values) * 2 > len(values)


def _curve_tables(what: str, settings: Settings, result: Training | None = None) -> dict[str, pa.Table]:
    """Trailing means over a few steps, middle and range over the seeds."""
    labels = _labels(plan(settings))
    nothing = np.empty((len(labels), 0))
    low, middle, high = plans.over_seeds(plans.trailing_mean(getattr(result, what))) if result else [nothing] * 3
    step = np.arange(1, middle.shape[1] + 1)
    rows = [
        table(
            step=steps(step.astype(float)),
            learner=text([label] * len(step)),
            lowest=low,
            middle=middle,
            highest=high,
            status=gradients.status_of(low, middle, high, log10=False),
        )
        for label, low, middle, high in zip(labels, low, middle, high, strict=True)
    ]
    guess = getattr(TASKS[settings.task], f"{what}_of_guessing")
    ends = (0.0, 1.0) if what == "accuracy" else (0.0, guess)
    return {
        "curves": stack(*rows),
        "guess": table(step=[0, 0, plan(settings).steps], middle=[guess, *ends], label=[say("guessing"), None, None]),
        "drawn": table(learner=text(labels)),
    }


_WAITING = word("Nothing is trained yet: press Train.")


def _curve_caption(what: str, settings: Settings, result: Training | None = None) -> str:
    if result is None:
        awaited = say("Each network's line will come to that of guessing, and leave it where it learns.")
        return f"{say(_WAITING)} {awaited}"
    done, whole = result.steps_done, result.plan.steps
    if not done:
        return say_counted("After {done} of {count} step.", "After {done} of {count} steps.", whole, done=done)
    _, middle, _ = plans.over_seeds(plans.trailing_mean(getattr(result, what)))
    written = words.percent if what == "accuracy" else words.number
    ends = "; ".join(f"{name}: {written(float(middle[i, -1]))}" for i, name in enumerate(_names(result.plan)))
    return say_counted(
        "After {done} of {count} step, mean of the last {window}, middle of {seeds}: {ends}.",
        "After {done} of {count} steps, mean of the last {window}, middle of {seeds}: {ends}.",
        whole,
        done=done,
        window=plans.WINDOW,
        seeds=words.counted(result.plan.seeds, "seed"),
        ends=ends,
    )


def _curves(what: str, title: str, label_format: str) -> Plot:
    return Plot(
        title=title,
        height=style.HALF_HEIGHT,
        reads=names_of(TRAINING),
        drawing=training_curves.drawing(what, label_format, _COLOR, _DASH),
        tables=functools.partial(_curve_tables, what),
        caption=functools.partial(_curve_caption, what),
        program=Program(programs.curves, "middle", {"steps": _steps, "what": what}, minutes=True),
        half=True,
    )


ACCURACY = _curves("accuracy", "Accuracy while training", "%")
LOSS = _curves("loss", "Loss while training", ".2~f")

# --- the gradient, before, during and after -----------------------------------------------------------------

_WHEN = {
    word("before training"): (1, 3),
    word("after a quarter"): (3, 3),
    word("half way"): (7, 3),
    word("at the end"): (1, 0),
}


def _untrained(learner: int, settings: Settings) -> np.ndarray:
    """log10 of the norm by lag before training, (k+1,), middle of the seeds."""
    return np.median(training.at_start(_alone(plan(settings).learners[learner], settings))[0], axis=0)


def _alone(learner: plans.Learner, settings: Settings) -> Plan:
    """A plan of one learner, for what does not depend on the training."""
    return Plan(task=settings.task, k=settings.tk, learners=(learner,), seeds=settings.tn)


def _norm_tables(learner: int, settings: Settings, result: Training | None = None) -> dict[str, pa.Table]:
    measured = np.median(result.log10_norm[learner], axis=0) if result else _untrained(learner, settings)[None]
    lines = [
        by_lag.line_of_norms(when, norms)
        for when, norms in itertools.zip_longest(_WHEN, measured, fillvalue=np.empty(0))
    ]
    return by_lag.tables_of(lines, settings.tk, settings.tk)


def _norm_caption(learner: int, settings: Settings, result: Training | None = None) -> str:
    lag = (result.plan if result else plan(settings)).decisive_lag
    if result is None:
        at_lag = words.magnitude(float(_untrained(learner, settings)[lag]), 1, 2)
        before = say("Spectral norm at lag {lag} before training, middle of the seeds: {size}.", lag=lag, size=at_lag)
        return f"{before} {say(_WAITING)}"
    ends = np.median(result.log10_norm[learner, :, :, lag], axis=0)
    sizes = "; ".join(f"{say(when)} {words.magnitude(float(v), 1, 2)}" for when, v in zip(_WHEN, ends, strict=False))
    return say("Spectral norm at lag {lag}, middle of the seeds: {sizes}.", lag=lag, sizes=sizes)


def _norms(learner: int, title: str, color: str) -> Plot:
    def cell(settings: Settings) -> str:
        return plan(settings).learners[learner].cell

    return Plot(
        title=title,
        reads=names_of(TRAINING),
        drawing=by_lag.drawing(*(by_lag.Series(when, color, dash) for when, dash in _WHEN.items())),
        tables=functools.partial(_norm_tables, learner),
        caption=functools.partial(_norm_caption, learner),
        program=Program(programs.norms_in_training, "gradient", {"steps": _steps, "cell": cell}, minutes=True),
        half=True,
    )


RNN_NORMS = _norms(0, "The RNN's gradient by lag, before, during and after training", style.VERMILION)
LSTM_NORMS = _norms(
    2, "The gradient by lag of the LSTM with your forget bias, before, during and after training", style.BLUE
)

# --- who has learned ----------------------------------------------------------------------------------------


def outcomes(result: Training) -> str:
    """Who has learned, beside what the gradient at the start said, as a Markdown table."""
    head = word("| | learned, of {seeds} | horizon at the start | the gradient predicted | right |")
    rows = [_outcome_row(name, result.outcome(i)) for i, name in enumerate(_names(result.plan))]
    return "\n".join([say(head, seeds=result.plan.seeds), "|---|---:|---:|---|---:|", *rows])


def _outcome_row(name: str, outcome: Outcome) -> str:
    reach = sorted(outcome.horizon, key=lambda lag: math.inf if lag is None else lag)
    middle, predicted = reach[len(reach) // 2], sum(outcome.predicted)
    horizon = say("beyond the task") if middle is None else say("lag {lag}", lag=middle)
    will = say_counted("{count} will learn", "{count} will learn", predicted) if predicted else say("none will learn")
    right = say("{right} of {seeds}", right=sum(outcome.prediction_was_right), seeds=len(outcome.learned))
    return f"| {name} | {sum(outcome.learned)} | {horizon} | {will} | {right} |"


def _verdict(result: Training) -> str:
    return readings.learned(result, _names(result.plan))


def _receipt(settings: Settings) -> Receipt:
    mine = _alone(plans.Learner("lstm", settings.tb), settings)
    lag, found = mine.decisive_lag, first_gates(mine)
    at_bias = lag * math.log10(1 / (1 + math.exp(-settings.tb)))
    return Receipt(
        say(
            r"\left\lVert\frac{\partial c^{(t)}}{\partial c^{(t-k)}}\right\rVert_{\text{gates held fixed}} = "
            r"\max_j \prod_{i=1}^{k} f_j(t-i)"
        ),
        Side(say("autograd through the untrained LSTM with your forget bias, every gate held fixed"), 10**found.direct),
        Side(say("the product of the forget gates that it has on these sequences, largest unit"), 10**found.product),
        others=(
            Side(
                say("autograd along every path: its line before training in the last figure, at lag {lag}", lag=lag),
                10**found.whole,
            ),
            Side(say("logistic(b_f) to the power of {lag}, as if every gate stayed at its bias", lag=lag), 10**at_bias),
        ),
        remark=_how_much_is_indirect(lag, settings.tb, at_bias, found),
    )


def _how_much_is_indirect(lag: int, bias: float, at_bias: float, found: FirstGates) -> str:
    gates, indirect = found.product - at_bias, found.whole - found.direct
    return say(
        "Before training, at lag {lag}, a forget bias of {bias} alone would let {at_bias} through. The gates move "
        "about it, and the unit that keeps most lets {product} through: {by_gates} times as much. All paths together "
        "let {whole} through, {indirect} times the direct path: {larger_part}",
        lag=lag,
        bias=words.number(bias),
        at_bias=words.magnitude(at_bias),
        product=words.magnitude(found.product),
        by_gates=words.magnitude(gates),
        whole=words.magnitude(found.whole),
        indirect=words.magnitude(indirect),
        larger_part=say("the larger part of the difference comes round about, through h and the gates.")
        if abs(indirect) > abs(gates)
        else say("the larger part of the difference is that the gates move."),
    )


SECTION = Section(
    title="Does it learn?",
    argument=_ARGUMENT,
    plots=(ACCURACY, LOSS, RNN_NORMS, LSTM_NORMS),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="What the gradient cannot reach at the start is hard to learn; a forget bias decides how far it reaches.",
    look_closer=_LOOK_CLOSER,
    work=LongWork("Train the networks", plan, training.recall, training.start, outcomes, _verdict, ("tk", "tb", "tn")),
)
