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


def differences(gradients):
    """How far each format's gradient is from float64's, relative to it; NaN where that is 0."""
    exact = gradients.pop("float64")
    off = {name: one / exact - 1 for name, one in gradients.items()}
    off = {name: torch.where(one.isnan(), torch.inf, one) for name, one in off.items()}  # after an overflow: inf · 0
    return {name: torch.where((exact == 0) | ~exact.isfinite(), torch.nan, one) for name, one in off.items()}


def vanilla_differences(k, h0, act, w, ls):
    """How far the vanilla cell's gradient is from float64's in the other formats, by lag."""
    return differences(vanilla_formats(k, h0, act, w, ls))


def gated_differences(k, h0, gate, f, spread, seed, u, ls):
    """How far the gated cell's gradient is from float64's in the other formats, by lag."""
    return differences(gated_formats(k, h0, gate, f, spread, seed, u, ls))
