"""The page in Gradio: a slider whose last value is always answered, and three of its own line plots.

python -m benchmarks.beside.in_gradio PORT
"""

import sys

import gradio as gr
import pandas as pd

from benchmarks.beside.gradients import AXIS, FUNCTIONS, HEIGHT, LAGS, SLIDER, START, TITLE, WIDTH, W, log10_gradients


def draw(place: int) -> list:
    tables = (pd.DataFrame({"lag": LAGS, "log10": values}) for values in log10_gradients(W[place]).values())
    return [f"w = {W[place]}", *tables]


def page() -> gr.Blocks:
    with gr.Blocks() as blocks, gr.Row():
        said, *tables = draw(START)
        with gr.Column(scale=0, min_width=SLIDER + 72):
            slider = gr.Slider(0, len(W) - 1, START, step=1, label=TITLE)
            value = gr.Markdown(said)
        with gr.Column(min_width=WIDTH):
            plots = [
                gr.LinePlot(table, x="lag", y="log10", y_title=AXIS, title=name, height=HEIGHT, elem_id=name)
                for name, table in zip(FUNCTIONS, tables, strict=True)
            ]
        slider.input(draw, slider, [value, *plots], trigger_mode="always_last", show_progress="hidden")
    return blocks


if __name__ == "__main__":
    page().launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), ssr_mode=False)
