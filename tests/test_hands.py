"""What can be taken hold of in a figure is drawn there, and names controls that move it."""

from __future__ import annotations

import json

import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures.figure import Plot
from explainer.figures.hands import LAG, Grip, Press
from explainer.lesson import SECTIONS
from explainer.lesson.opening import FIGURE

PLOTS = [FIGURE, *(plot for section in SECTIONS for plot in section.plots)]
WITH_A_HAND = [plot for plot in PLOTS if plot.hand]


def is_marked(plot: Plot) -> bool:
    """Whether the reader's lag is marked in it."""
    return "k" in plot.reads and "marks" in plot.tables(Settings())


@pytest.mark.parametrize("plot", [plot for plot in PLOTS if "k" in plot.reads], ids=lambda plot: plot.title)
def test_wherever_the_readers_lag_is_marked_the_marker_can_be_dragged(plot: Plot):
    assert (plot.hand is LAG) == is_marked(plot)


@pytest.mark.parametrize("plot", WITH_A_HAND, ids=lambda plot: plot.title)
def test_what_a_hand_names_is_drawn_and_moves_the_figure(plot: Plot):
    tables, drawing = plot.tables(Settings()), plot.drawing()
    assert set(plot.hand.controls) <= {*plot.reads}
    columns = {name for table in tables.values() for name in table.column_names}
    if isinstance(plot.hand, Grip):
        assert plot.hand.field in columns
        assert f'"name": "grip_{plot.hand.control}' in json.dumps(drawing)
        assert "ends_x" in {parameter["name"] for parameter in drawing["params"]}
    if isinstance(plot.hand, Press):
        assert {field for field, _ in plot.hand.sets} <= columns


def test_a_drawing_without_a_hand_has_no_grip():
    assert [plot.title for plot in PLOTS if "grip_" in json.dumps(plot.drawing()) and not plot.hand] == []


@pytest.mark.parametrize(
    ("name", "number", "nearest"),
    [("k", 0.2, 1), ("k", 50.4, 50), ("k", 1e9, 200), ("h0", -7.0, -2.0), ("h0", 0.123, 0.12), ("bf", -0.3, -0.5)],
)
def test_a_place_under_the_pointer_is_the_nearest_step_of_the_control(name: str, number: float, nearest: float):
    assert CONTROL[name].nearest(number) == nearest
