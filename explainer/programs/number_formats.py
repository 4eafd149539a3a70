"""The programs behind the gradients in four number formats."""

import torch

from explainer.programs.cells import gated_cell, run, vanilla_cell

FORMATS = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def scaled_gradients(states, scale):
    """The gradients of a run whose loss is multiplied by the scale and whose gradients are divided by it."""
    backward = torch.autograd.grad(states[-1], states, torch.tensor(scale, dtype=states[-1].dtype))
    return torch.stack(backward[::-1]).double() / scale


def vanilla_formats(k, h0, act, w, ls):
    """The vanilla cell's gradient by lag in four number formats; only float16 scales its loss."""
    figure = {}
    for name, dtype in FORMATS.items():
        h = run(vanilla_cell(act, torch.tensor(w, dtype=dtype)), h0, k, dtype)
        figure[name] = scaled_gradients(h, 2.0**ls if name == "float16" else 1.0)
    return figure


def gated_formats(k, h0, gate, f, spread, seed, u, ls):
    """The gated cell's gradient by lag in four number formats; only float16 scales its loss."""
    figure = {}
    for name, dtype in FORMATS.items():
        c = run(gated_cell(gate, f, spread, seed, u, dtype), h0, k, dtype)
        figure[name] = scaled_gradients(c, 2.0**ls if name == "float16" else 1.0)
    return figure
