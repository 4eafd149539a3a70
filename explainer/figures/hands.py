"""What a reader can take hold of in a chart: marks to press, and a grip to drag along the x axis.

The page listens in the browser: see ``explainer/page/press.js``. A drawing without a listener only holds still.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import altair as alt

from explainer.figures import style


@dataclass(frozen=True)
class Press:
    """A press on a mark sets controls.

    Attributes:
        sets: the controls, by the field of the mark.
        goes_on: whether a drag across further marks goes on setting them; the marks must not move with the controls.
    """

    sets: tuple[tuple[str, str], ...]
    goes_on: bool = False

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.sets)


@dataclass(frozen=True)
class Grip:
    """A mark that is dragged along the x axis sets a control.

    Attributes:
        control: the control's name.
        field: of the mark: where it stands along the x axis, in the control's unit.
    """

    control: str
    field: str

    @property
    def controls(self) -> tuple[str, ...]:
        return (self.control,)

    def on(self, chart: alt.Chart, part: str = "knob") -> alt.Chart:
        """The same marks, to be taken hold of: the page finds the grip by its name, which Altair may lengthen.

        Each part of a grip has a name of its own, or Vega refuses the chart.
        """
        chart.name = f"grip_{self.control}_{part}"
        return chart


LAG = Grip("k", "lag")


def lag_marker(dataset: str = "marks") -> alt.LayerChart:
    """The line at the reader's lag, with a knob at its upper end; all of its length can be taken hold of."""
    unseen = {"opacity": 0, "aria": False, "tooltip": None}
    base = style.data(dataset).encode(x=alt.X("lag:Q"))
    line = base.mark_rule(strokeWidth=24, **unseen)
    knob = base.encode(y=alt.value(0)).mark_point(size=130, filled=True, color=style.REFERENCE, **unseen)
    return alt.layer(style.lag_marker(dataset), LAG.on(line, "line"), LAG.on(knob))


def finish(chart: alt.LayerChart, height: int, held: Collection[str] = (), **limits: tuple[str, str]) -> alt.LayerChart:
    """As :func:`style.finish`, of a chart with a grip.

    The parameter ``ends_x`` says where the x axis would begin and end by itself, ``held_x`` what it has to keep room
    for; so do ``ends_y`` and ``held_y``.

    Args:
        held: the axes ("x", "y") that keep room for what they show while the grip is dragged. Without "x" the grip
            cannot be dragged beyond the ends of the axis.
        limits: expressions for both ends of an axis.
    """
    parameters, ends = [], {}
    for channel, (low, high) in limits.items():
        parameters.append(alt.VariableParameter(name=f"ends_{channel}", expr=f"[{low}, {high}]"))
        low, high, kept = f"ends_{channel}[0]", f"ends_{channel}[1]", f"held_{channel}"
        if channel in held:
            parameters.append(alt.VariableParameter(name=kept, value=None))
            low, high = f"{kept} ? min({kept}[0], {low}) : {low}", f"{kept} ? max({kept}[1], {high}) : {high}"
        ends[channel] = low, high
    chart = style.finish(chart, height, **ends)
    chart.params = parameters
    return chart
