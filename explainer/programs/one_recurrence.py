"""The programs behind the cobwebs and the factors of single steps."""

import torch

from explainer.programs.cells import derivative, gated_cell, run, vanilla_cell


def corners(states):
    """The corners of a cobweb: up to the curve, across to the diagonal, and so on."""
    doubled = torch.stack(states).detach().repeat_interleave(2)
    return {"state": doubled[:-1], "next_state": doubled[1:]}


def vanilla_cobweb(k, h0, act, w):
    """The way of the vanilla cell's state between the curve and the diagonal."""
    return corners(run(vanilla_cell(act, w), h0, k))


def gated_cobweb(k, h0, gate, f, spread, seed, u):
    """The way of the gated cell's state between the curve and the diagonal."""
    return corners(run(gated_cell(gate, f, spread, seed, u), h0, k))


def factors(k, h0, act, w, gate, f, spread, seed, u):
    """The factor of each single step, the latest step first."""
    figure = {}
    for name, cell in {"vanilla": vanilla_cell(act, w), "gated": gated_cell(gate, f, spread, seed, u)}.items():
        states = torch.stack(run(cell, h0, k)[:-1])
        figure[name] = derivative(cell, states, torch.arange(k)).flip(0)
    return figure
