"""The programs behind the two maps."""

import torch

from explainer.programs.cells import gated_cell, vanilla_cell

LAGS = torch.arange(1, 200, 6)


def gradient_map(cell, h0):
    """The gradient for 81 parameters and every lag, as one batch."""
    start = torch.full((81, len(LAGS)), h0, dtype=torch.float64, requires_grad=True)
    states = start
    for step in range(LAGS[-1]):
        # a column stands still once it has gone its lag
        states = torch.where(step < LAGS, cell(states, step), states)
    return {"gradient": torch.autograd.grad(states.sum(), start)[0].flatten()}


def map_over_w(h0, act):
    """∂h(t)/∂h(t−k) over the weight and the lag."""
    w = torch.linspace(-8, 8, 81, dtype=torch.float64).round(decimals=1)[:, None]
    return gradient_map(vanilla_cell(act, w), h0)


def map_over_f(h0, gate, spread, seed, u):
    """∂c(t)/∂c(t−k) over the gate and the lag."""
    f = torch.linspace(0, 1, 81, dtype=torch.float64).round(decimals=4)[:, None]
    return gradient_map(gated_cell(gate, f, spread, seed, u), h0)
