"""For large k the gradient vanishes or explodes (the lab's essence of the problem), and which |w| decides."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from explainer import languages, words
from explainer.choices.controls import BOTH, GATED, VANILLA, names_of
from explainer.choices.settings import Settings
from explainer.figures import descent, figure, hands, maps, readings, rows, style
from explainer.figures.figure import Plot, decades, steps, table, text
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import cliff, gradients
from explainer.maths.grid import Grid, gated_grid, own_gate, own_weight, vanilla_grid
from explainer.programs import clipping
from explainer.programs import vanish_or_explode as programs
from explainer.serving.once import once

_ARGUMENT = r"""
Now let $k$ grow. If the gradient went like $w^k$ and nothing else, there would be only two fates and a knife-edge
between them:

$$
\begin{aligned}
|w| < 1 &: \text{ vanishing gradient} \\
|w| > 1 &: \text{ exploding gradient}
\end{aligned}
$$

That is the essence of the problem, found by Hochreiter (1991) and by Bengio, Simard & Frasconi (1994). The first
line holds for every σ here. The second holds for a σ that does not squash: the *identity*, and *ReLU* while it is
active. **Behind *tanh* or the *logistic* function, |w| > 1 does not mean "explodes".**

With *tanh* and $|w| > 1$ the gradient may first grow like $w^k$ while the state is still near 0. Then σ saturates,
and the gradient dies. Start from a small $h(t-k)$ to see it rise and fall. Only a state that rests at exactly
$h = 0$ lets it grow for ever.

With the *logistic* function and any $w > 0$ the map settles where the factor of a step is
$(1-h^*)\ln\!\big(h^*/(1-h^*)\big)$, which is never more than 0.2785. It vanishes for *every* positive $w$. A large
negative $w$ can let it grow for some steps; in the end it vanishes as well.

One thing is the same in all cases: for long lags the :orange[vanilla] gradient is almost never of a useful size.
Purple in the map means vanishing, green means exploding, and the pale seam is the little that is left in between.
The verdicts on this page are computed from the gradient itself, never from $|w|$; what the rule would say at your
settings, and what is true there, stands below the map.

Point at the map (or tap it): the slice below follows at once. A press, or a drag across it, makes the cell and the lag
under the pointer yours. The :blue[gated cell] has its own map, over its gate $f$.

**What an explosion does to a training.** Give the cell a bias, $h^{(t)} = \mathrm{logistic}(w\,h^{(t-1)} + b)$, and
train $w$ and $b$ by gradient descent until $h^{(50)}$ is 0.7 (after Pascanu, Mikolov & Bengio 2013, §2.3). Between two
places where the state comes to rest, the loss has a *cliff*. The last two figures start near it: one step beyond the
edge, and the weights are gone, to a place where the gradient has vanished.

**Gradient clipping** cuts a gradient that is too long to a largest norm and keeps its direction. The same descent,
clipped at 1, is not thrown away: it goes to and fro over the edge and can go on learning. Clipping rescales, and no
more: a gradient below the limit stays as it is. So it cannot bring back one that has vanished, neither the one behind
the cliff nor the part of a sum that comes from long ago; there it takes another cell.
"""

_LOOK_CLOSER = r"""
Why it ends so: where tanh or the logistic map settles, or goes to and fro between two states, one round of it
multiplies small differences by less than 1, or it would not settle there (by 1 only for tanh at |w| = 1, where it
settles ever more slowly). So a σ that squashes cannot make the gradient explode for ever, unless the state stays on a
point that it would leave at the slightest push. With inputs, which push the state about, and with matrices, which have
more than one direction, long explosions do happen: see section 10.
"""

LAGS = tuple(range(1, 200, 6))
WEIGHTS = tuple(round(-8 + 0.2 * i, 1) + 0.0 for i in range(81))
OPENINGS = tuple(round(0.0125 * i, 4) for i in range(81))


def _fate(settings: Settings) -> str:
    return gradients.verdict(gradients.vanilla(settings))


def _asked(settings: Settings) -> Asked:
    candidates = ({"act": "logistic", "w": 4.0}, {"act": "tanh", "w": 2.0}, {"act": "identity", "w": 1.2})
    move = moves.first(settings, *candidates, teaches=lambda _, after: abs(after.w) > 1 and _fate(after) == "vanishes")
    return Asked(
        say("{move}: what becomes of the vanilla gradient at lag {lag}?", move=move.in_words(settings), lag=settings.k),
        (
            say("It vanishes: less than 1 % is left"),
            say("It stays useful: between 1 % and 100 times"),
            say("It explodes: more than 100 times"),
        ),
        move,
    )


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    after = asked.after(settings)
    vanilla = gradients.vanilla(after)
    size = abs(after.w)
    by_the_rule = (
        word("By |w| = {w} alone it would have to grow")
        if size > 1
        else word("By |w| = {w} alone it would have to shrink")
        if size < 1
        else word("By |w| = {w} alone it would have to stay")
    )
    told = say(
        "{rule}; the gradient at k = {k} is {gradient}. In the last step the slope σ′ is {slope}, and |w|·σ′ {factor}.",
        rule=say(by_the_rule, w=words.number(size)),
        k=after.k,
        gradient=readings.at_end(vanilla),
        slope=words.number(float(vanilla.parts[0, 1]), 2),
        factor=words.number(abs(float(vanilla.factor[0])), 2),
    )
    return asked.answered(
        {"vanishes": 0, "dead": 0, "neither": 1, "explodes": 2}[_fate(after)],
        told,
        "",
        "",
        say("A weight above 1 is not enough: the slopes σ′ count too.") if _fate(after) != "explodes" else "",
    )


@once(32)  # one table for all whose map is the same
def _cells(grid: Grid, _: bool) -> pa.Table:
    """The cells of a map, as an Arrow table or bare."""
    place, status = grid.drawn
    parameter, lag = (values.ravel() for values in np.meshgrid(grid.parameter, grid.lag, indexing="ij"))
    half, lag_half = (grid.parameter[1] - grid.parameter[0]) / 2, (grid.lag[1] - grid.lag[0]) / 2
    lags = {"lag": lag, "lag_from": lag - lag_half, "lag_to": lag + lag_half}
    return table(
        **{"parameter": parameter, "from": parameter - half, "to": parameter + half},
        **{name: steps(values) for name, values in lags.items()},
        log10_magnitude=decades(place.ravel()),
        status=status.ravel(),
        gradient=grid.gradient.ravel(),
    )


def _half_way(label: str, place: np.ndarray) -> np.ndarray:
    """The label beside the middle of the points that have a place, (points,): there no other line runs."""
    drawn = np.flatnonzero(np.isfinite(place))
    labels = text([None] * len(place))
    if len(drawn):
        labels[drawn[len(drawn) // 2]] = label
    return labels


def _map_tables(grid: Grid, own: Grid, parameter: float, k: int) -> dict[str, pa.Table]:
    place, _ = own.drawn
    return {
        "grid": _cells(grid, rows.are_bare()),
        "own": table(
            lag=steps(own.lag.astype(float)),
            log10_magnitude=decades(place[0]),
            label=_half_way(say("yours"), place[0]),
        ),
        "frame": figure.frame((0, 200), [place]),
        "reader": table(parameter=[parameter], lag=steps([k])),
    }


def _vanilla_tables(settings: Settings) -> dict[str, pa.Table]:
    grid = vanilla_grid(settings, WEIGHTS, LAGS)
    return _map_tables(grid, own_weight(settings, LAGS), settings.w, settings.k)


def _gated_tables(settings: Settings) -> dict[str, pa.Table]:
    grid = gated_grid(settings, OPENINGS, LAGS)
    return _map_tables(grid, own_gate(settings, LAGS), settings.f, settings.k)


def _vanilla_caption(settings: Settings) -> str:
    vanilla = gradients.vanilla(settings)
    return say(
        "The diamond is your cell, w = {w} at k = {k}: it {verdict}; {rule} Of these weights, {regimes} at the longest "
        "lag.",
        w=words.number(settings.w),
        k=settings.k,
        verdict=readings.verdict(vanilla),
        rule=readings.rule_of_w(settings.w, vanilla),
        regimes=_regimes(vanilla_grid(settings, WEIGHTS, LAGS)),
    )


def _gated_caption(settings: Settings) -> str:
    return say(
        "The diamond is your gate, f = {f} at k = {k}: it {verdict}. Of these gates, {regimes} at the longest lag.",
        f=words.gate(settings.f),
        k=settings.k,
        verdict=readings.verdict(gradients.gated(settings)),
        regimes=_regimes(gated_grid(settings, OPENINGS, LAGS)),
    )


@once(64, also=languages.spoken)  # two for all readers who differ in w, f and k alone
def _regimes(grid: Grid) -> str:
    longest = grid.log10_magnitude[:, -1]
    vanished = np.mean(longest < np.log10(gradients.HORIZON))
    exploded = np.mean(longest > np.log10(gradients.EXPLODED))
    return say(
        "{vanished} vanish, {exploded} explode and {rest} stay within a factor of 100",
        vanished=words.percent(vanished),
        exploded=words.percent(exploded),
        rest=words.percent(1 - (vanished + exploded)),
    )


VANILLA_MAP = Plot(
    title="Map of the vanilla gradient over w and the lag",
    height=maps.HEIGHT,
    reads=names_of(BOTH, VANILLA),
    drawing=maps.drawing("w", "recurrent weight w", style.VERMILION, WEIGHTS, LAGS),
    tables=_vanilla_tables,
    caption=_vanilla_caption,
    program=Program(programs.map_over_w),
    half=True,
    hand=hands.Press((("parameter", "w"), ("lag", "k")), goes_on=True),
)
GATED_MAP = Plot(
    title="Map of the gated gradient over f and the lag",
    height=maps.HEIGHT,
    reads=names_of(BOTH, GATED),
    drawing=maps.drawing("f", "gate f", style.BLUE, OPENINGS, LAGS),
    tables=_gated_tables,
    caption=_gated_caption,
    program=Program(programs.map_over_f),
    half=True,
    hand=hands.Press((("parameter", "f"), ("lag", "k")), goes_on=True),
)


def _loss_caption(settings: Settings) -> str:
    free, clipped = descent.descents().values()
    explodes = int(free.norm.argmax())
    return say(
        "Without clipping the loss is {before} before the step at the edge and {after} from then on. With it, the loss "
        "goes to and fro, and comes down to {lowest} again in the steps that follow.",
        before=words.number(float(free.loss[explodes]), 2),
        after=words.number(float(free.loss[explodes + 1]), 2),
        lowest=words.number(float(clipped.loss[explodes + 1 :].min()), 2),
    )


def _norm_caption(settings: Settings) -> str:
    free, _ = descent.descents().values()
    explodes = int(free.norm.argmax())
    return say(
        "The gradient's norm before any clipping, by autograd through {unrolled} steps of the cell. Both reach "
        "{largest} at training step {step}. Without clipping, w then goes from {before} to {after}, and of the "
        "gradient {left} is left: clipping has nothing to cut there.",
        unrolled=cliff.UNROLLED,
        largest=words.number(float(free.norm[explodes])),
        step=explodes,
        before=words.number(float(free.weight[explodes])),
        after=words.number(float(free.weight[explodes + 1])),
        left=words.number(float(free.norm[explodes + 1]), 2),
    )


_AT_THE_CLIFF = {
    "loss": ("The loss of a training that meets an exploding gradient", _loss_caption),
    "log10_norm": ("The norm of the gradient in that training", _norm_caption),
}
_CLIFF_AXIS = {
    "loss": style.y("loss", "loss", style.TIGHT | {"padding": 4}),
    "log10_norm": style.log10_y("norm of the gradient", "log10_norm"),
}
LOSS_AT_THE_CLIFF, NORM_AT_THE_CLIFF = (
    Plot(
        title=title,
        height=style.HALF_HEIGHT,
        reads=(),
        drawing=descent.drawing(column, _CLIFF_AXIS[column]),
        tables=lambda settings, column=column: descent.tables(column),
        caption=caption,
        program=Program(clipping.descent, column, {"what": column}),
        half=True,
    )
    for column, (title, caption) in _AT_THE_CLIFF.items()
)


def _receipt(settings: Settings) -> Receipt:
    settled = gradients.vanilla(settings)
    grid = own_weight(settings, LAGS)
    return Receipt(
        r"\left|\frac{\partial h^{(t)}}{\partial h^{(t-k)}}\right| = "
        r"\prod_{i=1}^{k} |w|\,\sigma'\!\left(w\,h^{(t-i)}\right)",
        Side(say("autograd, from the map's one batch"), abs(float(grid.gradient[0, list(grid.lag).index(settings.k)]))),
        Side("∏ |w|·σ′", abs(float(settled.closed_form[-1]))),
        remark=readings.remark(settled),
    )


SECTION = Section(
    title="Vanish or explode",
    argument=_ARGUMENT,
    plots=(VANILLA_MAP, GATED_MAP, LOSS_AT_THE_CLIFF, NORM_AT_THE_CLIFF),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="For a long lag a useful gradient is a knife-edge in w, and σ decides where, or whether, there is one.",
    look_closer=_LOOK_CLOSER,
)
