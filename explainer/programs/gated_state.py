"""The programs behind the drawing of the LSTM cell and the states over time."""

import torch

from explainer.programs.cells import gated_cell, make_gate, run, vanilla_cell


def last_step(k, h0, gate, f, spread, seed, u):
    """The last step of the gated cell: c(t) = c(t−1)·f(t−1)."""
    opening = make_gate(gate, f, spread, seed, u)
    c = run(gated_cell(gate, f, spread, seed, u), h0, k)
    return {"c(t−1)": c[-2].item(), "f(t−1)": opening(c[-2], k - 1).item(), "c(t)": c[-1].item()}


def over_time(k, h0, act, w, gate, f, spread, seed, u):
    """Both states and the gate at every time, the latest first; the gate of now has not been used yet."""
    opening = make_gate(gate, f, spread, seed, u)
    h = run(vanilla_cell(act, w), h0, k)
    c = run(gated_cell(gate, f, spread, seed, u), h0, k)
    gates = [torch.tensor(torch.nan)] + [opening(c[step], step) for step in reversed(range(k))]
    lines = {"h(t), vanilla": h[::-1], "c(t), gated": c[::-1], "gate f(t)": gates}
    return {name: torch.stack(values).detach() for name, values in lines.items()}
