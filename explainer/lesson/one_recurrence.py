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
from explainer.figures import factors, figure, hands, readings, style
from explainer.figures.figure import Drawing, Plot, table
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
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

Each cobweb is drawn from two neighbouring starts, your own and one that is 0.1 higher. Drag your start (the ring
around it says that it can be dragged): both follow. Follow the staircases and watch what becomes of the gap between
them. Of a small gap, that is the gradient: how much of a small difference one step passes on, and then the next, and
the next.
"""

_LOOK_CLOSER = r"""
The factors are all alike if the map is a straight line, as for the identity, or if the state rests from the start, as
tanh's at 0. In general each step multiplies
by its own factor, because σ is steep in some places and flat in others, and the state moves through both. Where
the state has settled, the factor settles too.
"""


_SAME = 0.01 * (1 + 1e-9)  # a factor that is so near ±1 keeps a difference


def _asked(settings: Settings) -> Asked:
    def teaches(before: Settings, after: Settings) -> bool:
        return abs(after.w) > 1 and abs(float(gradients.vanilla(after).factor[0])) < 1 - _SAME

    move = moves.first(
        settings, {"w": 1.5}, {"w": 3.0}, {"act": "tanh", "w": 1.5}, {"act": "identity", "w": 1.1}, teaches=teaches
    )
    return Asked(
        say(
            "{move}. Two starts differ by a hair: what does the last step, from t−1 to t, then do to their difference?",
            move=move.in_words(settings),
        ),
        (
            say("It shrinks the difference"),
            say("It keeps the difference, to within 1 %"),
            say("It enlarges the difference"),
        ),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = gradients.vanilla(asked.after(settings))
    last, (w, slope) = abs(float(after.factor[0])), after.parts[0]
    return asked.answered(
        1 if abs(last - 1) <= _SAME else 0 if last < 1 else 2,
        say(
            "After {steps} w is {w} and the slope σ′ at the state is {slope}: one step multiplies a small difference "
            "by {factor} in size.",
            steps=words.steps(settings.k),
            w=words.number(float(w)),
            slope=words.number(float(slope)),
            factor=words.number(last),
        ),
        "",
        say("Only a slope of ±1 of the curve at the state would keep it."),
        say("What counts is the slope of the curve at the state, not w alone."),
    )


_START, _START_LABEL = hands.Grip("h0", "state"), word("start")


def _heights() -> tuple[str, str]:
    """Expressions for the lowest and the highest place: on the curve, or on the diagonal."""
    (low, high), (lower, higher) = style.ends("curve", "next_state"), style.ends("curve", "diagonal")
    return f"min({low}, {lower})", f"max({high}, {higher})"


def _drawing(symbol: str, color: str, dash: list[int]) -> Drawing:
    def build() -> alt.LayerChart:
        scale = style.TIGHT | {"padding": 4}
        x = style.x("state", f"{symbol}(t−1)", scale, labelExpr=style.PLAIN_LABEL)
        y = style.y("next_state", f"{symbol}(t)", scale, labelExpr=style.PLAIN_LABEL)
        curve = style.data("curve").encode(x=x, order="state:Q")
        web = style.data("web").encode(x=x, y=y, order="order:Q")
        neighbour = style.data("neighbour").encode(x=x, y=y, order="order:Q")
        gaps = style.data("gaps").encode(x=x, y=y, x2="state_end:Q", y2="next_state_end:Q")
        ends = style.data("ends").encode(x=x, y=y)
        return hands.finish(
            alt.layer(
                curve.mark_line(color=style.REFERENCE, strokeDash=[4, 3]).encode(y=alt.Y("diagonal:Q")),
                curve.mark_line(color=color, strokeWidth=2.5).encode(y=y, strokeDash=alt.StrokeDashValue(dash)),
                neighbour.mark_line(color=style.REFERENCE, strokeWidth=1.2, strokeDash=[3, 3], aria=False),
                web.mark_line(color=style.REFERENCE, strokeWidth=1.2, interpolate="linear"),
                gaps.mark_rule(color=color, strokeWidth=6, opacity=0.55, aria=False),
                ends.mark_point(filled=True, size=90, color=color, opacity=1).encode(
                    shape=alt.Shape("label:N", legend=None, scale=alt.Scale(range=["circle", "diamond"])),
                    tooltip=["label:N", alt.Tooltip("next_state:Q", format=".4~g")],
                ),
                ends.mark_text(align="left", dx=8, dy=10, **style.LABEL).encode(text="label:N"),
                _START.on(
                    ends.transform_filter(f"datum.label == '{_START_LABEL}'").mark_point(
                        size=600, opacity=0, strokeWidth=1.5, color=style.REFERENCE, fill="transparent", aria=False
                    )
                ),
            ),
            style.FULL_HEIGHT,
            held="xy",
            x=style.ends("curve", "state"),
            y=_heights(),
        )

    return figure.drawing(build)


GAP = 0.1  # between the two starts
DIGITS = 1e-12  # of a state: a gap that is smaller has fewer right digits than are shown


def _neighbour(settings: Settings) -> Settings:
    """The same settings from the other start."""
    return settings.replace(h0=settings.h0 + GAP)


def _web(orbit: np.ndarray) -> pa.Table:
    corners = np.repeat(orbit, 2)
    return table(order=np.arange(len(corners) - 1), state=corners[:-1], next_state=corners[1:])


def _tables(
    symbol: str, gradient: Gradient, neighbour: Gradient, derivative: Callable[[Sequence[float]], Derivative]
) -> dict[str, pa.Table]:
    orbit, other = gradient.state[::-1], neighbour.state[::-1]
    finite, both = orbit[np.isfinite(orbit)], np.concatenate([orbit, other, [0.0]])
    both = both[np.isfinite(both)]
    # no wider than what is drawn, so that the gap is seen
    margin = 0.05 * np.ptp(both)
    grid = np.unique(np.concatenate([np.linspace(both.min() - margin, both.max() + margin, 161), finite]))
    return {
        "web": _web(orbit),
        "neighbour": _web(other),
        "gaps": table(
            **{name: orbit[[0, -1]] for name in ("state", "next_state")},
            **{name: other[[0, -1]] for name in ("state_end", "next_state_end")},
        ),
        "curve": table(state=grid, next_state=derivative(grid.tolist()).next_state, diagonal=grid),
        "ends": table(state=orbit[[0, -1]], next_state=orbit[[0, -1]], label=[_START_LABEL, f"{symbol}(t)"]),
    }


def _caption(symbol: str, gradient: Gradient, neighbour: Gradient) -> str:
    end, start = (words.number(state) for state in gradient.state[[0, -1]].tolist())
    with np.errstate(invalid="ignore", over="ignore"):
        gap = float(neighbour.state[0] - gradient.state[0])
    is_lost = abs(gap) < DIGITS * abs(float(gradient.state[0]))
    return say(
        "{symbol} starts at {start} and is {end} after {steps}. The gap to the start beside it goes from {gap} to "
        "{left}.",
        symbol=symbol,
        start=start,
        end=end,
        steps=words.steps(int(gradient.lag[-1])),
        gap=words.number(GAP),
        left=say("less than float64 can tell apart") if is_lost else words.number(gap),
    )


VANILLA_COBWEB = Plot(
    title="Cobweb of the vanilla cell",
    reads=names_of(BOTH, VANILLA),
    drawing=_drawing("h", style.VERMILION, [1, 0]),
    tables=lambda s: _tables(
        "h", gradients.vanilla(s), gradients.vanilla(_neighbour(s)), functools.partial(gradients.vanilla_derivative, s)
    ),
    caption=lambda s: _caption("h", gradients.vanilla(s), gradients.vanilla(_neighbour(s))),
    program=Program(programs.vanilla_cobweb),
    half=True,
    hand=_START,
)
GATED_COBWEB = Plot(
    title="Cobweb of the gated cell",
    reads=names_of(BOTH, GATED),
    drawing=_drawing("c", style.BLUE, [7, 3]),
    tables=lambda s: _tables(
        "c", gradients.gated(s), gradients.gated(_neighbour(s)), functools.partial(gradients.gated_derivative, s)
    ),
    caption=lambda s: " ".join(
        [_caption("c", gradients.gated(s), gradients.gated(_neighbour(s))), say("The curve is the last step's.")]
    ),
    program=Program(programs.gated_cobweb),
    half=True,
    hand=_START,
)


def _factors_caption(settings: Settings) -> str:
    (vanilla_last, vanilla_first), (gated_last, gated_first) = (
        [words.number(factor) for factor in one.factor[[0, -1]].tolist()]
        for one in (gradients.vanilla(settings), gradients.gated(settings))
    )
    return say(
        "The vanilla cell's factor goes from {vanilla_first} at the first step to {vanilla_last} at the last; "
        "the gated cell's from {gated_first} to {gated_last}.",
        vanilla_first=vanilla_first,
        vanilla_last=vanilla_last,
        gated_first=gated_first,
        gated_last=gated_last,
    )


FACTORS = Plot(
    title="The factor that each single step contributes",
    height=style.HALF_HEIGHT,
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
        Side(say("autograd through all steps at once"), float(gradient.gradient[-1])),
        Side(say("product of the single steps' factors"), product),
        remark=readings.remark(gradient, formula=product),
    )


SECTION = Section(
    title="Strip the cell to one number",
    argument=_ARGUMENT,
    plots=(VANILLA_COBWEB, GATED_COBWEB, FACTORS),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="A recurrent cell repeats one map; each repetition multiplies a small difference by one factor.",
    look_closer=_LOOK_CLOSER,
)
