"""Two time steps: the chain rule, then the recurrence again (the lab's second derivative)."""

from __future__ import annotations

import functools

import numpy as np

from explainer import words
from explainer.choices.controls import BOTH, SCALAR, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import ladder, readings, style, tangents
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients
from explainer.programs import two_steps as programs

_ARGUMENT = r"""
Go back one step further. The chain rule says: the derivative over two steps is the derivative over the last step
times the derivative over the one before.

$$
\frac{\partial h^{(t)}}{\partial h^{(t-2)}} = w\,\sigma'\!\left(w\,h^{(t-1)}\right)
\frac{\partial h^{(t-1)}}{\partial h^{(t-2)}}
$$

The factor on the right is the one-step result again, one step earlier. Put it in:

$$
\frac{\partial h^{(t)}}{\partial h^{(t-2)}} = w^2\,\sigma'\!\left(w\,h^{(t-1)}\right)\sigma'\!\left(w\,h^{(t-2)}\right)
$$

So two steps bring $w$ in twice: the gradient is proportional to :orange[$w^2$]. The ladder below climbs down (or
up) this product, one factor a rung. The :blue[gated cell] has its own ladder beside it, with a gate $f$ for each
step.

By then the state may have died down, and where $h$ is close to 0 the rungs of tanh's slope, $1 - h^2$, are flat: $w$
does all the work. So a second ladder takes the *first* two steps, out of your start $h^{(t-k)}$, where the slopes
still count. The third figure shows where they are read off: σ′ is the steepness of σ at that step.
"""

_LOOK_CLOSER = r"""
"Proportional to $w^2$" hides that the slopes depend on $w$ as well: a larger $w$ drives a saturating σ further
into its flat part, and the product can become *smaller*. Try tanh with $w$ = 1.5 and then with $w$ = 3.
"""


def _asked(settings: Settings) -> Asked:
    candidates = ({"k": 2}, {"k": 2, "h0": 0.5}, {"act": "tanh", "w": 0.9, "k": 2, "h0": 1.0})
    move = moves.first(settings, *candidates, {"k": 50}, teaches=lambda before, after: bool(_beside_the_square(after)))
    return Asked(
        say(
            "{move}. Is the vanilla gradient two steps back then the square of the gradient one step back?",
            move=move.in_words(settings),
        ),
        (
            say("Yes, to within 1 %"),
            say("No, it is larger than the square"),
            say("No, it is smaller than the square"),
        ),
        move,
    )


def _sizes(settings: Settings) -> tuple[float, float]:
    """The size of the vanilla gradient one step back, and two steps back."""
    one, two = (abs(float(value)) for value in gradients.vanilla(ladder.two_steps(settings)).gradient[1:3])
    return one, two


def _beside_the_square(settings: Settings) -> int:
    """Whether two steps give the square of one (0), more (1) or less (2)."""
    one, two = _sizes(settings)
    return 0 if abs(two - one**2) <= 0.01 * one**2 else 1 if two > one**2 else 2


_WHY = (  # it is the square, more, or less
    word("It is the square where both steps have the same slope."),
    word("It is the square where both steps have the same slope, more where the earlier one is steeper."),
    word("It is the square where both steps have the same slope, less where the earlier one is flatter."),
)


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    one, two = _sizes(after)
    last, before = gradients.vanilla(ladder.two_steps(after)).parts[:2, 1]
    right = _beside_the_square(after)
    sizes = say(
        "One step back the size is {one}, two steps back {two}: the last step's slope σ′ is {last}, and that of the "
        "step before it {before}.",
        one=words.number(one),
        two=words.number(two),
        last=words.number(float(last)),
        before=words.number(float(before)),
    )
    return asked.answered(right, f"{sizes} {say(_WHY[right])}")


def _caption(settings: Settings) -> str:
    longer = [say("(The lag is 1; the second step is taken here all the same.)")] if settings.k < 2 else []
    return " ".join([say("The last two steps."), _product(settings), *longer])


def _product(settings: Settings) -> str:
    at_least_two = ladder.two_steps(settings)
    vanilla, gated = gradients.vanilla(at_least_two), gradients.gated(at_least_two)
    slopes = vanilla.parts[:2, 1]
    return say(
        "w = {w}, σ′ = {last}, w again, σ′ = {before}: the vanilla ladder ends at {vanilla}. The gated ladder ends at "
        "{gated}.",
        w=words.number(settings.w),
        last=words.number(slopes[0]),
        before=words.number(slopes[1]),
        vanilla=words.number(float(vanilla.gradient[2])),
        gated=words.number(float(gated.gradient[2])),
    )


def _first_caption(settings: Settings) -> str:
    first = say("The first two steps, from the start {start}.", start=words.number(settings.h0))
    return f"{first} {_product(_first_two(settings))}"


def _first_two(settings: Settings) -> Settings:
    """The same cells after two steps: the last two are the first two."""
    return settings.replace(k=2)


LADDER = Plot(
    title="The ladder of two steps: vanilla first",
    reads=SCALAR,
    drawing=ladder.drawing,
    tables=functools.partial(ladder.tables, gated_first=False),
    caption=_caption,
    program=Program(programs.ladder, "running_product"),
    walk=functools.partial(ladder.walk, gated_first=False),
)
FIRST_LADDER = Plot(
    title="The ladder of the first two steps: vanilla first",
    reads=tuple(name for name in SCALAR if name != "k"),
    drawing=ladder.drawing,
    tables=lambda settings: ladder.tables(_first_two(settings), gated_first=False),
    caption=_first_caption,
    program=Program(programs.first_ladder, "running_product"),
)


def _slopes_caption(settings: Settings) -> str:
    slopes = gradients.vanilla(settings).parts[:, 1]
    first, last = words.number(slopes[-1]), words.number(slopes[0])
    if settings.k < 2:
        return say("A tangent is as steep as σ is there: in the first step of the cell σ′ = {first}.", first=first)
    return say(
        "A tangent is as steep as σ is there: in the first step of the cell σ′ = {first}, in its last {last}.",
        first=first,
        last=last,
    )


SLOPES = Plot(
    title="Where the slopes come from: σ and its tangents",
    height=style.HALF_HEIGHT,
    reads=names_of(BOTH, VANILLA),
    drawing=tangents.drawing,
    tables=tangents.tables,
    caption=_slopes_caption,
    program=Program(programs.slopes),
)


def _receipt(settings: Settings) -> Receipt:
    gradient = gradients.vanilla(ladder.two_steps(settings))
    return Receipt(
        r"\frac{\partial h^{(t)}}{\partial h^{(t-2)}} = w^2\,\sigma'(w\,h^{(t-1)})\,\sigma'(w\,h^{(t-2)})",
        Side("autograd", float(gradient.gradient[2])),
        Side("w²·σ′·σ′", float(gradient.closed_form[2])),
        others=(Side(say("w² alone"), float(np.square(settings.w))),),
        remark=readings.remark(gradient, 2),
    )


SECTION = Section(
    title="Two steps: the chain rule multiplies",
    argument=_ARGUMENT,
    plots=(LADDER, FIRST_LADDER, SLOPES),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Each step back multiplies by w once more, and by one more slope.",
    look_closer=_LOOK_CLOSER,
)
