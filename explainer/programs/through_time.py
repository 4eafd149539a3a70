"""The programs behind the unrolled network and the shares of the weight gradient."""

import torch

from explainer.programs.cells import gated_cell, gradients, run, vanilla_cell
from explainer.programs.networks import LSTM, RNN, draw


def unrolled(k, h0, act, w, gate, f, spread, seed, u):
    """The magnitude of the gradient that reaches each state; a long lag shows every so many-th of them."""
    lag = torch.tensor(sorted({*range(0, k + 1, -(-k // 24)), k}))
    figure = {}
    for name, cell in {"vanilla": vanilla_cell(act, w), "gated": gated_cell(gate, f, spread, seed, u)}.items():
        figure[name] = {"lag": lag, "log10_magnitude": gradients(run(cell, h0, k)).abs().log10()[lag]}
    return figure


def draws_of_shares(n, T, gain, bf, xs, ns):
    """The share of ∂L/∂W_hh that each lag contributes, in five draws of each network."""
    figure = {}
    for network in (RNN, LSTM):
        draws = []
        for seed in range(ns, ns + 5):
            inputs, target, (W_x, W_h, b_x, b_h) = draw(network, seed, n, T, gain, bf, xs)
            copies = [W_h.clone().requires_grad_() for _ in inputs]  # a copy of W_hh for each step
            h = memory = torch.zeros(n, dtype=torch.float64)
            for x, copy in zip(inputs, copies, strict=True):
                h, memory = network["step"](x, h, memory, W_x, copy, b_x, b_h)
            loss = 0.5 * (h - target).square().sum()
            parts = torch.stack(torch.autograd.grad(loss, copies)[::-1])  # the latest step first
            total = parts.sum(0)
            draws.append((parts * total).sum((1, 2)) / total.square().sum())
        figure[network["label"]] = torch.stack(draws)
    return figure


def shares(n, T, gain, bf, xs, ns):
    """The share of each lag: the middle of the draws."""
    return {name: draws.median(0).values for name, draws in draws_of_shares(n, T, gain, bf, xs, ns).items()}


def kept(n, T, gain, bf, xs, ns):
    """The part of the gradient that is kept if everything behind a lag is cut off: the middle of the draws."""
    return {name: draws.cumsum(1).median(0).values for name, draws in draws_of_shares(n, T, gain, bf, xs, ns).items()}
