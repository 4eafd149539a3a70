"""The page in Panel: a slider that names the values of w, and three figures of Bokeh whose columns are replaced.

python -m benchmarks.beside.in_panel PORT
"""

import sys

import panel as pn
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from benchmarks.beside.gradients import AXIS, FUNCTIONS, HEIGHT, LAGS, SLIDER, START, TITLE, WIDTH, W, log10_gradients


def page() -> pn.Row:
    slider = pn.widgets.DiscreteSlider(name=TITLE, options=list(W), value=W[START], width=SLIDER)
    sources = {
        name: ColumnDataSource({"lag": LAGS, "log10": values}) for name, values in log10_gradients(W[START]).items()
    }

    def draw(w: float) -> None:
        for name, values in log10_gradients(w).items():
            sources[name].data = {"lag": LAGS, "log10": values}

    pn.bind(draw, slider, watch=True)
    figures = []
    for name in FUNCTIONS:
        chart = figure(title=name, width=WIDTH, height=HEIGHT, x_axis_label="lag", y_axis_label=AXIS)
        chart.line("lag", "log10", source=sources[name])
        figures.append(chart)
    return pn.Row(slider, pn.Column(*figures))


if __name__ == "__main__":
    # Any origin: the proxy before it has a port of its own.
    pn.serve(page, port=int(sys.argv[1]), address="127.0.0.1", websocket_origin="*", show=False)
