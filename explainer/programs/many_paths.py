"""The programs behind the several paths of one gate and of real networks."""

import torch

from explainer.programs.cells import derivative, gradients, make_gate, run, vanilla_cell
from explainer.programs.networks import LSTM, NETWORKS, draw, jacobians, log10_norms, lstm_step, run_network


def paths(k, h0, act, w, f, u):
    """The gradient by lag of a gate that reads its state: whole, along the direct path, and all the rest."""
    opening = make_gate("state", f, 0.0, 0, u)
    c = run(lambda c, step: c * opening(c, step), h0, k)
    held = run(lambda c, step: c * opening(c, step).detach(), h0, k)  # no path leads through a gate
    direct, around = gradients(held), [torch.zeros((), dtype=torch.float64)]
    for lag in range(1, k + 1):
        before = c[-1 - lag]
        through_gate = derivative(lambda c, step: c.detach() * opening(c, step), before, None)
        around.append(around[-1] * (opening(before, None) + through_gate) + direct[lag - 1] * through_gate)
    return {
        "whole derivative": gradients(c),
        "direct path: ∏ f": direct,
        "paths through the gate": torch.stack(around).detach(),
        "vanilla": gradients(run(vanilla_cell(act, w), h0, k)),
    }


def norms(nets, n, T, gain, bf, xs, ns):
    """log10 of the gradient's spectral norm by lag: the middle of five draws of each network."""
    figure = {}
    for network in (NETWORKS[name] for name in nets):
        draws = [log10_norms(run_network(network, seed, n, T, gain, bf, xs)) for seed in range(ns, ns + 5)]
        figure[network["label"]] = torch.stack(draws).median(0).values
    return figure


def run_lstm(seed, n, T, gain, bf, xs):
    """The cell states of an LSTM at time 0 … T, and its forget gates at time 1 … T."""
    inputs, _, weights = draw(LSTM, seed, n, T, gain, bf, xs)
    W_x, W_h, b_x, b_h = weights
    h = c = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    states, gates = [c], []
    for x in inputs:
        gates.append(torch.sigmoid(x @ W_x.T + b_x + h @ W_h.T + b_h)[n : 2 * n].detach())
        h, c = lstm_step(x, h, c, *weights)
        states.append(c)
    return states, torch.stack(gates)


def log10_direct(gates):
    """log10 of the norm of the product of forget gates by lag: of a diagonal matrix, its largest entry."""
    start = torch.zeros(1, gates.shape[1], dtype=torch.float64)
    return torch.cat([start, gates.log10().flip(0)[:-1].cumsum(0)]).max(1).values


def lstm_paths(n, T, gain, bf, xs, ns):
    """An LSTM's gradient by lag, whole and along its direct path: spectral norms, the middle of five draws."""
    mine = [run_lstm(seed, n, T, gain, bf, xs) for seed in range(ns, ns + 5)]
    as_torch_draws = [run_lstm(seed, n, T, gain, None, xs) for seed in range(ns, ns + 5)]
    lines = {
        "whole": [log10_norms(states) for states, _ in mine],
        "direct path: the product of forget gates": [log10_direct(gates) for _, gates in mine],
        "direct path with torch's own biases": [log10_direct(gates) for _, gates in as_torch_draws],
    }
    return {name: 10 ** torch.stack(draws).median(0).values for name, draws in lines.items()}


def all_times(n, T, gain, bf, xs, ns, cell):
    """log10 of the Frobenius norm of ∂s(t)/∂s(u) for u ≤ t; a long sequence shows every so many-th time."""
    memories = run_network(NETWORKS[cell], ns, n, T, gain, bf, xs)
    times = list(range(T, 0, T // -40))[::-1]
    rows = []
    for t in times:
        earlier = [memories[u] for u in times if u <= t]
        rows.append(torch.linalg.matrix_norm(jacobians(memories[t], earlier, retain_graph=True)).log10())
    return {"log10_magnitude": torch.cat(rows)}
