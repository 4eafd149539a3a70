"""Beyond the lab: a gradient through L layers is the same product as through k steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.controls import DEPTH, names_of
from explainer.choices.settings import Settings
from explainer.figures import bands, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say, word
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import depth
from explainer.maths.blocks import KINDS
from explainer.maths.depth import Stack
from explainer.maths.gradients import EXPLODED, HORIZON
from explainer.maths.jacobians import Norms
from explainer.programs import depth_is_time as programs

_ARGUMENT = r"""
*Beyond the lab.* Networks of today are deep rather than recurrent. Layer $l$ takes $x^{(l-1)}$ to $x^{(l)}$, and the
gradient that reaches the first layer is a product again, of as many factors as there are layers:

$$
\frac{\partial x^{(L)}}{\partial x^{(L-k)}} = \prod_{i=1}^{k} \frac{\partial x^{(L-i+1)}}{\partial x^{(L-i)}}
$$

The chain rule of $k$ steps is that of $k$ layers: an unrolled network *is* a deep one, whose layers happen to share
their weights; here each has its own. A :orange[plain] stack, $x^{(l)} = F(x^{(l-1)})$ with $F(x) = \tanh(g\,W x)$,
vanishes at a small gain $g$ and explodes at a large one.

A :blue[highway] layer mixes $F(x)$ and $x$ by a gate $t$, $t \odot F(x) + (1-t) \odot x$: its authors took the idea
from the LSTM (Srivastava, Greff & Schmidhuber 2015). What is carried past its layers is $\prod (1-t)$, and can vanish
while the whole does not. A :blue[residual] layer, $x + F(x)$ (He et al. 2016), lets all of $x$ pass, as behind a gate
that never closes: what is carried past the layer is multiplied by exactly 1, at every depth. So one factor is
$\mathbf{1} + \mathbf{J}$, and the product has a **direct path** that cannot vanish. Nothing says that it cannot
explode: the factors $\mathbf{1} + \mathbf{J}$ are larger than $\mathbf{1}$ in some directions, and those multiply too.

A **transformer** adds two such branches a block, attention and a small network (Vaswani et al. 2017). The *layer norm*
before each branch divides by the size of $x$. As more and more is added to it, $x$ grows, so each further
block adds less in proportion: factors ever nearer to 1, whose product grows slowly. Without it, every block adds in
proportion to $x$, and the product grows by the same factor again and again.
"""

_LOOK_CLOSER = r"""
**Half of a residual layer.** With $t = 1/2$ a highway layer is half of a residual one. The highway mixes $F(x)$ and
$x$ in shares that add up to 1, so $x$ cannot grow beyond the larger of the two; the residual layer only adds.
Srivastava, Greff & Schmidhuber (2015, sections 2.2 and 4) start the gate's bias below 0, at −2 or −4 for instance, so
that most of $x$ passes.

**The norm must stand inside the branch.** Here it does (*pre-norm*). In the first transformers it stood behind the
sum, on the path itself, where every block rescales what passes; those need a learning rate that rises slowly at the
start (Xiong et al. 2020).

**The norm can also make a factor large.** Give $x^{(0)}$ a small scale, 0.1: the norm multiplies it by ten, and the
first block adds many times what is there; at gain 1 its $\mathbf{J}$ alone is larger than 10. Without the norm, the
size of $x^{(0)}$ makes no such difference.

All of this is at the start of training. A matrix that reads $m$ numbers is drawn from $N(0, 1/m)$, and multiplied by
the gain $g$ if it writes into $x$. Both transformer lines are of the last of four tokens. The earlier tokens do not
see it, so all paths from it stay in its own column.
"""

_SERIES = tuple(
    Series(KINDS[kind].label, color, dash)
    for kind, color, dash in (
        ("plain", style.VERMILION, (1, 0)),
        ("highway", style.BLUE, (7, 3)),
        ("residual", style.BLUE, (1, 0)),
        ("pre-norm", style.BLUE, (9, 3, 2, 3)),
        ("no-norm", style.BLUE, (2, 2)),
    )
)
_PATHS = (
    Series(word("whole"), style.BLUE, (1, 0)),
    Series(word("direct path"), style.BLUE, (7, 3)),
    Series(word("rest"), style.BLUE, (2, 2)),
)
_NORM_PAIR = ("pre-norm", "no-norm")


def _stack(kind: str, settings: Settings) -> Stack:
    """The reader's stack of one kind; the bias of a gate where there is one."""
    bias = {"gate_bias": settings.db} if KINDS[kind].gated else {}
    return Stack(kind, settings.L, settings.d, settings.dg, input_scale=settings.dx, seed=settings.ds, **bias)


def _log10_at_start(kind: str, settings: Settings) -> float:
    """log10 of the norm that reaches x(0), the middle of the draws."""
    return float(np.median(depth.by_depth(_stack(kind, settings)).log10_norm[:, -1]))


def _asked(settings: Settings) -> Asked:
    small = settings.dg < 2
    move = moves.first(settings, {"dg": 3.0, "L": max(settings.L, 24)} if small else {"dg": 0.5})
    after = move.after(settings)
    return Asked(
        say(
            "{move}. A residual stack of {layers}: how large is the gradient that reaches x(0)?",
            move=move.in_words(settings),
            layers=words.counted(after.L, "layer"),
        ),
        (say("Less than a hundredth: it vanishes"), say("In between"), say("More than a hundred: it explodes")),
        move,
    )


_WHY = (
    word("The 1 in each factor 1 + J passes, but here what the Js add has cancelled it."),
    word(
        "The 1 in each factor 1 + J passes, so it does not vanish; what the Js add here does not multiply to a hundred."
    ),
    word(
        "Each factor 1 + J is larger than 1 in some directions, and those multiply. The direct path is 1 all the same."
    ),
)


def _question(settings: Settings) -> Prediction:
    asked = _asked(settings)
    before, residual, plain = (
        _log10_at_start(kind, one)
        for kind, one in (
            ("residual", settings),
            ("residual", asked.after(settings)),
            ("plain", asked.after(settings)),
        )
    )
    right = 0 if residual < np.log10(HORIZON) else 2 if residual > np.log10(EXPLODED) else 1
    return asked.answered(
        right,
        say(
            "Residual: {residual}; before the move {before}. Plain: {plain}. {why}",
            residual=words.magnitude(residual),
            before=words.magnitude(before),
            plain=words.magnitude(plain),
            why=say(_WHY[right]),
        ),
    )


# --- by depth -----------------------------------------------------------------------------------------------


def _depth_tables(settings: Settings) -> dict[str, pa.Table]:
    lines = {kind.label: depth.by_depth(_stack(name, settings)).log10_norm for name, kind in KINDS.items()}
    return bands.tables(lines, "lag", np.arange(settings.L + 1))


def _depth_caption(settings: Settings) -> str:
    sizes = {kind.label: words.magnitude(_log10_at_start(name, settings)) for name, kind in KINDS.items()}
    said = say(
        "Spectral norms of what reaches x(0) through {blocks} of width {width}: {ends}. Line and band: middle and "
        "range of five draws.",
        blocks=words.counted(settings.L, "block"),
        width=settings.d,
        ends="; ".join(f"{say(label)} {size}" for label, size in sizes.items()),
    )
    return said + _unsure(settings)


def _unsure(settings: Settings) -> str:
    """Why a line is missing, as one more sentence, or nothing."""
    if np.isfinite(_log10_at_start("no-norm", settings)):
        return ""
    return " " + say(
        "Without norm x grows beyond {size}. There rounding decides what attention looks at, so nothing is drawn.",
        size=words.power_of_ten(np.log10(KINDS["no-norm"].sure_up_to)),
    )


BY_DEPTH = Plot(
    title="Gradient against depth, five kinds of stack",
    reads=names_of(DEPTH),
    drawing=bands.drawing(
        *_SERIES,
        x="lag",
        x_title="depth k (layers back from the last)",
        y_title=f"{style.GRADIENT_TITLE} (spectral norm)",
    ),
    tables=_depth_tables,
    caption=_depth_caption,
    program=Program(programs.depth_norms, "log10_magnitude"),
)

# --- by path ------------------------------------------------------------------------------------------------


def _path_plot(kind: str, title: str, direct: str, program: Callable[..., Mapping]) -> Plot:
    def paths(settings: Settings) -> Norms:
        return depth.by_path(_stack(kind, settings))

    def tables(settings: Settings) -> dict[str, pa.Table]:
        norms = paths(settings)
        lines = zip(_PATHS, (norms.whole, norms.direct, norms.rest), strict=True)
        return bands.tables({one.name: values for one, values in lines}, "lag", np.arange(settings.L + 1))

    def caption(settings: Settings) -> str:
        norms = paths(settings)
        whole, straight, rest = (
            words.magnitude(float(np.median(values[:, -1]))) for values in (norms.whole, norms.direct, norms.rest)
        )
        return say(
            "At k = {k}: direct path, {product}, {straight}; the rest {rest}; the whole {whole}.",
            k=settings.L,
            product=say(direct),
            straight=straight,
            rest=rest,
            whole=whole,
        )

    return Plot(
        title=title,
        height=style.HALF_HEIGHT,
        reads=tuple(name for name in names_of(DEPTH) if name != "db" or KINDS[kind].gated),
        drawing=bands.drawing(
            *_PATHS,
            x="lag",
            x_title="depth k (layers back)",
            y_title=style.GRADIENT_TITLE,
            half=True,
        ),
        tables=tables,
        caption=caption,
        program=Program(program, "log10_magnitude"),
        half=True,
    )


RESIDUAL = _path_plot("residual", word("A residual stack by path"), word("a product of ones"), programs.residual_paths)
HIGHWAY = _path_plot("highway", word("A highway stack by path"), "∏ (1 − t)", programs.highway_paths)

# --- what a layer norm does ---------------------------------------------------------------------------------


def _branch_tables(settings: Settings) -> dict[str, pa.Table]:
    lines = {KINDS[kind].label: depth.branch_norms(_stack(kind, settings)) for kind in _NORM_PAIR}
    return bands.tables(lines, "step", np.arange(1, settings.L + 1))


def _branch_caption(settings: Settings) -> str:
    said = []
    for kind in _NORM_PAIR:
        norms = np.median(depth.branch_norms(_stack(kind, settings)), axis=0)
        size = np.median(depth.by_depth(_stack(kind, settings)).size[:, -1])
        said.append(
            say(
                "{stack}: {first} in the first block and {last} in the last, where x is of size {size}",
                stack=say(KINDS[kind].label),
                first=words.magnitude(float(norms[0])),
                last=words.magnitude(float(norms[-1])),
                size=words.number(float(size)),
            )
        )
    return say("The norm of J alone, without the 1. {stacks}.", stacks="; ".join(said)) + _unsure(settings)


BRANCHES = Plot(
    title="What each block adds, with layer norm and without",
    reads=tuple(name for name in names_of(DEPTH) if name != "db"),
    drawing=bands.drawing(
        *_SERIES[-2:], x="step", x_title="block, from the first to the last", y_title="norm of J, what the block adds"
    ),
    tables=_branch_tables,
    caption=_branch_caption,
    program=Program(programs.block_norms, "log10_magnitude"),
)


def _receipt(settings: Settings) -> Receipt:
    stack = _stack("residual", settings)
    paths = depth.by_path(stack)
    whole, rest = (10 ** float(values[0, -1]) for values in (paths.whole, paths.rest))
    return Receipt(
        say(
            r"\begin{aligned} \frac{\partial x^{(L)}}{\partial x^{(0)}} & = "
            r"\prod_{i=1}^{L} (\mathbf{1} + \mathbf{J}_{L-i+1}) \\ "
            r"& = \underbrace{\mathbf{1}}_{\text{direct path}} + \underbrace{\sum_{l} \mathbf{J}_l + "
            r"\sum_{l > m} \mathbf{J}_l \mathbf{J}_m + \cdots}_{\text{the rest}} \end{aligned}"
        ),
        Side(say("autograd, back through the whole residual stack, spectral norm"), 10 ** float(_first(stack)[-1])),
        Side(say("∏ (1 + J), the blocks' own Jacobians multiplied, spectral norm"), whole),
        others=(
            Side(say("the direct path, a product of ones"), 10 ** float(paths.direct[0, -1])),
            Side(say("the rest, added up by itself, spectral norm"), rest),
        ),
        remark=say("The norm of a sum is at most the sum of the norms."),
    )


def _first(stack: Stack) -> np.ndarray:
    return depth.by_depth(stack).log10_norm[0]


SECTION = Section(
    title="Depth is time",
    argument=_ARGUMENT,
    plots=(BY_DEPTH, RESIDUAL, HIGHWAY, BRANCHES),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="Through layers as through time a gradient is a product, and “+ x” is a gate on x that never closes.",
    look_closer=_LOOK_CLOSER,
)
