"""An LSTM cell, with the path of its cell state picked out and the gradient that comes back along it."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import figure, style
from explainer.figures.figure import table
from explainer.languages import say
from explainer.maths import gradients
from explainer.maths.cells import GATES

# A board of 100 × 66, y upwards; the cell-state path runs along y = 46, and the gradient comes back along y = 58.
_PATH = "the cell-state path"
_WIRES = (
    # from x, y to x, y, which path, arrow at the end
    (0, 46, 21.5, 46, _PATH, True),
    (26.5, 46, 49.5, 46, _PATH, True),
    (54.5, 46, 100, 46, _PATH, True),
    (24, 26, 24, 43.2, "gates", True),
    (42, 26, 42, 33, "gates", False),
    (60, 26, 60, 33, "gates", False),
    (42, 33, 49.5, 36, "gates", True),
    (60, 33, 54.5, 36, "gates", True),
    (52, 38.5, 52, 43.2, "gates", True),
    (84, 46, 84, 38.2, "gates", True),
    (84, 31.8, 84, 23.8, "gates", True),
    (77.2, 21, 81.5, 21, "gates", True),
    (86.5, 21, 100, 21, "gates", True),
    (0, 10, 74, 10, "gates", False),
    (10, 0, 10, 10, "gates", False),
    (24, 10, 24, 16, "gates", True),
    (42, 10, 42, 16, "gates", True),
    (60, 10, 60, 16, "gates", True),
    (74, 10, 74, 16, "gates", True),
)
_BOXES = ((24, "f"), (42, "i"), (60, "g"), (74, "o"))
_NODES = (
    (24, 46, "×", _PATH),
    (52, 46, "+", _PATH),
    (52, 36, "×", "gates"),
    (84, 35, "tanh", "gates"),
    (84, 21, "×", "gates"),
)


@figure.drawing
def drawing() -> alt.LayerChart:
    """The whole cell at rest in thin lines; the path of the lab, its gate and the gradient in thick ones."""

    def board(x: str, y: str, **more: str) -> dict:
        return {
            "x": alt.X(x, scale=alt.Scale(domain=[-2, 104], nice=False), axis=None),
            "y": alt.Y(y, scale=alt.Scale(domain=[-4, 68], nice=False), axis=None),
            **more,
        }

    between = board("x:Q", "y:Q", x2="x_end:Q", y2="y_end:Q")
    wires = style.data("wires").encode(**between)
    on_path, beside = f"datum.path == '{_PATH}'", f"datum.path != '{_PATH}'"
    ends = style.data("wires").transform_filter("datum.arrow").encode(**board("x_end:Q", "y_end:Q"))
    arrow = {"shape": "triangle", "filled": True, "opacity": 1}
    angle = alt.Angle("angle:Q", scale=None)
    nodes = style.data("nodes").encode(**board("x:Q", "y:Q"))
    boxes = style.data("boxes").encode(**board("x:Q", "y:Q"))
    values = style.data("values").encode(**board("x:Q", "y:Q"), text="text:N")
    back = style.data("back")
    peephole = style.data("peephole").encode(**between)
    return style.finish(
        alt.layer(
            wires.transform_filter(beside).mark_rule(aria=False, color=style.REFERENCE, strokeWidth=1.2),
            ends.transform_filter(beside).mark_point(size=40, color=style.REFERENCE, **arrow).encode(angle=angle),
            wires.transform_filter(on_path).mark_rule(aria=False, color=style.BLUE, strokeWidth=5),
            ends.transform_filter(on_path).mark_point(size=160, color=style.BLUE, **arrow).encode(angle=angle),
            back.mark_rule(aria=False, color=style.BLUE, strokeWidth=2, strokeDash=[7, 3]).encode(**between),
            back.mark_point(size=120, color=style.BLUE, **arrow).encode(**board("x_end:Q", "y_end:Q"), angle=angle),
            back.mark_text(fontWeight="bold", **style.LABEL).encode(**board("x_label:Q", "y_label:Q"), text="label:N"),
            peephole.mark_rule(aria=False, color=style.BLUE, strokeWidth=2, strokeDash=[4, 3]),
            boxes.mark_point(shape="square", size=1500, filled=False, strokeWidth=1.6).encode(
                color=alt.condition("datum.gate == 'f'", alt.value(style.BLUE), alt.value(style.REFERENCE))
            ),
            boxes.mark_text(aria=False, fontSize=17, fontStyle="italic", font="Source Serif").encode(text="gate:N"),
            nodes.mark_point(shape="circle", size=760, filled=False, opacity=1, strokeWidth=1.6).encode(
                color=alt.condition(on_path, alt.value(style.BLUE), alt.value(style.REFERENCE))
            ),
            nodes.transform_filter("length(datum.operation) == 1")
            .mark_text(fontSize=15, fontWeight="bold", aria=False)
            .encode(text="operation:N"),
            nodes.transform_filter("length(datum.operation) > 1")
            .mark_text(fontSize=10, aria=False)
            .encode(text="operation:N"),
            values.transform_filter("datum.align == 'start'").mark_text(align="left", **style.LABEL),
            values.transform_filter("datum.align == 'end'").mark_text(align="right", **style.LABEL),
            values.transform_filter("datum.align == 'middle'").mark_text(
                align="left", fontWeight="bold", **style.LABEL
            ),
        ),
        style.FULL_HEIGHT,
    )


def tables(settings: Settings) -> dict[str, pa.Table]:
    """Where everything stands on the board, and the values of the last step."""
    gated = gradients.gated(settings)
    x, y, x_end, y_end, path, arrow = (list(values) for values in zip(*_WIRES, strict=True))
    angle = np.degrees(np.arctan2(np.array(x_end) - x, np.array(y_end, dtype=float) - y))
    gate_node = next(place for place in _NODES if place[2] == "×" and place[3] == _PATH)
    reads_state = GATES[settings.gate].reads_state
    return {
        "values": table(
            x=[0.0, 103.0, 26.0, 0.0, 103.0, 12.0],
            y=[51.5, 51.5, 39.0, 5.5, 15.5, 0.0],
            align=["start", "end", "middle", "start", "end", "start"],
            text=[
                f"c(t−1) = {words.number(float(gated.state[1]))}",
                f"c(t) = {words.number(float(gated.state[0]))}",
                f"f(t−1) = {words.number(float(gated.gates[0]))}",
                "h(t−1)",
                "h(t)",
                "x(t)",
            ],
        ),
        "wires": table(x=x, y=y, x_end=x_end, y_end=y_end, path=path, arrow=arrow, angle=angle),
        "back": table(
            x=[100.0],
            y=[58.0],
            x_end=[1.0],
            y_end=[58.0],
            angle=[-90.0],
            x_label=[50.0],
            y_label=[62.0],
            label=[
                say("the gradient comes back: ∂c(t)/∂c(t−1) = {factor}", factor=words.number(float(gated.factor[0])))
            ],
        ),
        "nodes": table(
            x=[n[0] for n in _NODES],
            y=[n[1] for n in _NODES],
            operation=[n[2] for n in _NODES],
            path=[n[3] for n in _NODES],
        ),
        "boxes": table(x=[b[0] for b in _BOXES], y=[21] * len(_BOXES), gate=[b[1] for b in _BOXES]),
        "peephole": table(
            x=[12.0, 12.0] if reads_state else [np.nan, np.nan],
            y=[gate_node[1], 21.0],
            x_end=[12.0, 20.5] if reads_state else [np.nan, np.nan],
            y_end=[21.0, 21.0],
        ),
    }
