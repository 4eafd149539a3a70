"""Any number of steps: ∂h(t)/∂h(t−k) ∝ wᵏ (the lab's general case). The central chart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import by_lag, hands, readings, style
from explainer.figures.figure import Plot, Stops
from explainer.figures.program import Program
from explainer.languages import say
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.programs import k_steps as programs

_ARGUMENT = r"""
Repeat the argument $k$ times. Every step back brings in the same weight once more, so after $k$ steps

$$
\frac{\partial h^{(t)}}{\partial h^{(t-k)}} \propto w^{k} .
$$

A power is merciless. On a logarithmic axis $w^k$ is a straight line: it falls for |w| < 1, rises for |w| > 1, and
the lag only decides how far.

But "$\propto$" leaves out half of the product. Every step brings in a slope as well:

$$
\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k} w\,\sigma'\!\left(w\,h^{(t-i)}\right)
= w^k \prod_{i=1}^{k} \sigma'\!\left(w\,h^{(t-i)}\right)
$$

The second product can change exponentially with $k$ too. It is 1, and $w^k$ is exact, only for the identity, for
ReLU while it is active, and for tanh exactly at $h = 0$. No slope of these four functions is greater than 1, so the
true gradient never lies above $|w|^k$. **|w| < 1 is enough to vanish; |w| > 1 is not enough to explode.** With
|w| > 1, tanh takes every state but exactly 0 to where σ is flatter, and the logistic function is never steeper than
1/4: there the gradient shrinks, if not with every step, then from one round to the next.

The figure shows the true gradient of the :orange[vanilla cell], computed by autograd, beside the line $|w|^k$ and
beside an upper bound $(|w|\cdot\sup\sigma')^k$ that it can never exceed. Below it stands what becomes of the rule at
your settings. The :blue[gated cell] is drawn on the same axes. The line at $k$ can be dragged, here and
wherever the lag is marked.
"""

_LOOK_CLOSER = r"""
**For matrices** the role of $|w|$ is played by the largest singular value of $\mathbf{W}_{hh}$: below
$1/\sup\sigma'$ the gradient must vanish; above it, it may explode but need not (Pascanu, Mikolov & Bengio 2013,
§2.1).
"""


_ALIKE = 0.3  # decades: within a factor of 2


def _log10_at_end(settings: Settings) -> float:
    return float(gradients.vanilla(settings).log10_magnitude[-1])


def _change(before: float, after: float) -> int:
    """Which option says how a size goes from one log10 to another: it grows, stays or shrinks."""
    if before == after or abs(after - before) <= _ALIKE:
        return 1
    return 0 if after > before else 2


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        by_the_rule = 0 if abs(after.w) > abs(before.w) else 2
        return _change(_log10_at_end(before), _log10_at_end(after)) != by_the_rule

    candidates = ({"w": 1.2}, {"w": 0.9}, {"act": "tanh", "w": 1.5}, {"act": "tanh", "w": 1.2})
    move = moves.first(settings, *candidates, teaches=teaches)
    return Asked(
        say(
            "{move}: what becomes of the vanilla gradient at lag {lag}?",
            move=move.in_words(settings),
            lag=settings.k,
        ),
        (say("It grows"), say("It stays, to within a factor of 2"), say("It shrinks")),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    then, now = _log10_at_end(settings), _log10_at_end(after)
    power = float(gradients.power_of_w(after)[1][-1])
    with np.errstate(invalid="ignore"):
        slopes = now - power
    place = min(3, settings.k)
    flat = float(gradients.vanilla(after).parts[-place, 1])
    return asked.answered(
        _change(then, now),
        say(
            "It goes from {then} to {now}. |w|ᵏ is {power} now, and the slopes multiply to {slopes}: by the {place} "
            "step out of the start σ′ is {flat}.",
            then=words.magnitude(then),
            now=words.magnitude(now),
            power=words.magnitude(power),
            slopes=words.magnitude(slopes),
            place=words.ordinal(place),
            flat=words.number(flat, 2),
        ),
        say("As |w|ᵏ does? They agree only while every slope σ′ is close to 1.")
        if abs(after.w) > abs(settings.w) and _change(then, now) != 0
        else "",
        "",
        "",
    )


def _tables(settings: Settings) -> dict[str, pa.Table]:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    _, log10_power = gradients.power_of_w(settings)
    references = {"|w|ᵏ": log10_power, say("bound"): vanilla.log10_bound}
    if (vanilla.log10_bound == log10_power).all():
        references = {say("|w|ᵏ = bound"): log10_power}
    return by_lag.tables({by_lag.VANILLA: vanilla, by_lag.GATED: gated}, settings.k, references)


def _caption(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    at_lag = say(
        "At lag {lag} the vanilla gradient is {vanilla} and the gated gradient is {gated}. |w|ᵏ alone would be "
        "{power}: {rule}",
        lag=settings.k,
        vanilla=readings.at_end(vanilla),
        gated=readings.at_end(gated),
        power=words.magnitude(gradients.power_of_w(settings)[1][-1]),
        rule=readings.rule_of_w(settings.w, vanilla),
    )
    return f"{at_lag} {readings.horizons({style.VANILLA: vanilla, style.GATED: gated})}"


def _walk(settings: Settings) -> Stops:
    return by_lag.walk({by_lag.VANILLA: gradients.vanilla(settings), by_lag.GATED: gradients.gated(settings)})


BY_LAG = by_lag.compared(
    Plot(
        title="Gradient against lag, vanilla and gated",
        reads=SCALAR,
        drawing=by_lag.drawing(by_lag.VANILLA, by_lag.GATED, references=True, compares=True, has_grip=True),
        tables=_tables,
        caption=_caption,
        program=Program(programs.k_steps, "gradient"),
        walk=_walk,
        hand=hands.LAG,
    ),
    {by_lag.VANILLA: gradients.VANILLA_FIELDS, by_lag.GATED: gradients.GATED_FIELDS},
)


def _receipt(settings: Settings) -> Receipt:
    gradient = gradients.vanilla(settings)
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-k)}} = \prod_{i=1}^{k} w\,\sigma'\!\left(w\,h^{(t-i)}\right)",
        Side("autograd", float(gradient.gradient[-1])),
        Side("∏ w·σ′", float(gradient.closed_form[-1])),
        others=(Side(say("|w|ᵏ alone"), float(gradients.power_of_w(settings)[0][-1])),),
        remark=readings.remark(gradient),
    )


SECTION = Section(
    title="k steps: a power of w, times k slopes",
    argument=_ARGUMENT,
    plots=(BY_LAG,),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="A product of k similar factors is an exponential in k; in the vanilla cell each is w times a slope.",
    look_closer=_LOOK_CLOSER,
)
