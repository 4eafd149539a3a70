"""The programs behind cells whose gates do not read the state."""

import torch

from explainer.programs.many_paths import log10_direct, norms, run_lstm
from explainer.programs.networks import MIN_GRU, TURNING, draw, jacobians, log10_norms, run_network


def linear_norms(n, T, gain, bf, xs, ns):
    """log10 of the gradient's norm by lag of linear recurrences beside an LSTM."""
    return norms(("lstm", "linear", "lru", "mingru", "minlstm", "ssm"), n, T, gain, bf, xs, ns)


def run_min_gru(seed, n, T, gain, bf, xs):
    """The states of a minGRU at time 0 … T, and what it keeps at time 1 … T, which the input alone decides."""
    inputs, _, (W_x, b_x) = draw(MIN_GRU, seed, n, T, gain, bf, xs)
    return run_network(MIN_GRU, seed, n, T, gain, bf, xs), 1 - torch.sigmoid(inputs @ W_x.T + b_x)[:, :n]


def exact_product(n, T, gain, bf, xs, ns):
    """The gradient by lag beside the product of gates, of an LSTM and a minGRU: norms, the middle of five draws."""
    lines = {}
    for name, run in {"LSTM": run_lstm, "minGRU": run_min_gru}.items():
        draws = [run(seed, n, T, gain, bf, xs) for seed in range(ns, ns + 5)]
        lines[f"{name}: whole"] = [log10_norms(states) for states, _ in draws]
        lines[f"{name}: product of gates"] = [log10_direct(gates) for _, gates in draws]
    return {name: 10 ** torch.stack(draws).median(0).values for name, draws in lines.items()}


def ring(k, n, T, bf, ns):
    """What one step and what k steps of a linear recurrent unit multiply its pairs of numbers by, in the plane."""
    states, figure = run_network(TURNING, ns, n, T, 1.0, bf, 1.0), {}
    for name, lag in (("one step: a", 1), ("k steps: aᵏ", min(k, T - 1))):
        (J,) = jacobians(states[-1], [states[-1 - lag]], retain_graph=True)
        J = torch.nn.functional.pad(J, (0, n % 2, 0, n % 2))  # an odd one out has no partner
        figure[name] = {"real": J.diagonal()[::2], "imaginary": J.diagonal(-1)[::2]}
    return figure
