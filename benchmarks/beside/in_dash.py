"""The page in Dash: a slider that reports while it is dragged, and three figures of Plotly of which y is replaced.

python -m benchmarks.beside.in_dash PORT
"""

import logging
import sys

import plotly.graph_objects as go
from dash import Dash, Input, Output, Patch, dcc, html

from benchmarks.beside.gradients import AXIS, FUNCTIONS, HEIGHT, LAGS, SLIDER, START, TITLE, WIDTH, W, log10_gradients

app = Dash(__name__)


def _figure(name: str, values: list[float]) -> go.Figure:
    figure = go.Figure(go.Scatter(x=LAGS, y=values, mode="lines"))
    figure.update_layout(title=name, width=WIDTH, height=HEIGHT, margin={"t": 40, "b": 40})
    return figure.update_xaxes(title="lag").update_yaxes(title=AXIS)


app.layout = html.Div(
    [
        html.Div(
            [
                html.Label([TITLE, ": ", html.Span(id="value")]),
                dcc.Slider(0, len(W) - 1, 1, value=START, marks=None, updatemode="drag", id="w"),
            ],
            style={"width": SLIDER},
        ),
        html.Div([dcc.Graph(name, figure=_figure(name, values)) for name, values in log10_gradients(W[START]).items()]),
    ],
    style={"display": "flex"},
)


@app.callback(Output("value", "children"), *(Output(name, "figure") for name in FUNCTIONS), Input("w", "value"))
def draw(place: int) -> list:
    patches = []
    for values in log10_gradients(W[place]).values():
        patches.append(Patch())
        patches[-1]["data"][0]["y"] = values
    return [W[place], *patches]


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
