"""The programs behind the ladders of two steps."""

import torch

from explainer.programs.cells import SIGMA, derivative, gated_cell, make_gate, run, vanilla_cell


def ladder(k, h0, act, w, gate, f, spread, seed, u):
    """The product over two steps, factor by factor: w and the slope twice, or two gates."""
    k = max(k, 2)
    h = run(vanilla_cell(act, w), h0, k)
    slope = derivative(lambda x, step: SIGMA[act](x), w * torch.stack([h[-2], h[-3]]), None)
    climb = torch.tensor([1, w, slope[0], w, slope[1]], dtype=torch.float64).cumprod(0)

    cell, opening = gated_cell(gate, f, spread, seed, u), make_gate(gate, f, spread, seed, u)
    c, steps = run(cell, h0, k), torch.tensor([k - 1, k - 2])
    states = torch.stack([c[-2], c[-3]]).detach()
    (f1, f2), (first, second) = opening(states, steps), derivative(cell, states, steps)
    # a gate that reads its state has a slope of its own besides its value
    gates = [1, f1, first, first * f2, first * second] if gate == "state" else [1, f1, f1 * f2]
    return {"vanilla": climb, "gated": torch.tensor(gates, dtype=torch.float64)}


def first_ladder(h0, act, w, gate, f, spread, seed, u):
    """The same product over the first two steps, out of the start."""
    return ladder(2, h0, act, w, gate, f, spread, seed, u)


def slopes(k, h0, act, w):
    """σ over a range of what it is applied to, wide enough for the first step and the last one of the cell."""
    states = run(vanilla_cell(act, w), h0, k)
    furthest = max(3, *(1.1 * abs(w * states[step].item()) for step in (0, -2)))
    x = furthest * torch.arange(-100, 101, dtype=torch.float64) / 100
    return {"x": x, "y": SIGMA[act](x), "slope": derivative(lambda one, step: SIGMA[act](one), x, None)}
