"""The figure on the first screen: what is left of both gradients, before a word has been read."""

from __future__ import annotations

from explainer import words
from explainer.choices.controls import SCALAR
from explainer.choices.settings import Settings
from explainer.figures import by_lag, hands, readings, style
from explainer.figures.figure import Plot
from explainer.figures.program import Program
from explainer.languages import say
from explainer.maths import gradients
from explainer.programs import k_steps as programs


def _caption(settings: Settings) -> str:
    vanilla, gated = gradients.vanilla(settings), gradients.gated(settings)
    return say(
        "{steps} back, {vanilla} is left of the vanilla cell's gradient and {gated} of the gated cell's. "
        "Drag the line at k to another lag.",
        steps=words.steps(settings.k),
        vanilla=readings.at_end(vanilla),
        gated=readings.at_end(gated),
    )


_PLOT = Plot(
    title="What is left of the gradient, vanilla and gated",
    reads=SCALAR,
    drawing=by_lag.drawing(by_lag.VANILLA, by_lag.GATED, height=style.FIRST_HEIGHT, compares=True, has_grip=True),
    tables=lambda settings: by_lag.tables(
        {by_lag.VANILLA: gradients.vanilla(settings), by_lag.GATED: gradients.gated(settings)}, settings.k
    ),
    caption=_caption,
    program=Program(programs.k_steps, "gradient"),
    hand=hands.LAG,
)
FIGURE = by_lag.compared(
    _PLOT, {by_lag.VANILLA: gradients.VANILLA_FIELDS, by_lag.GATED: gradients.GATED_FIELDS}, style.FIRST_HEIGHT
)
