"""The programs behind what each remedy does at the start of training, and what comes of it."""

import torch

from explainer.programs.networks import NETWORKS
from explainer.programs.training import make_network, mean_log10_norms, probes, train

# a network, a forget bias, a way to start
REMEDIES = {
    "RNN, as drawn": ("rnn", None, None),
    "RNN, orthogonal": ("rnn", None, "orthogonal"),
    "ReLU RNN, identity": ("relu", None, "identity"),
    "leaky, time scale": ("leaky", None, "time-scale"),
    "LSTM, as drawn": ("lstm", None, None),
    "LSTM, bias 1": ("lstm", 1.0, None),
    "LSTM, bias 3": ("lstm", 3.0, None),
    "LSTM, time scale": ("lstm", None, "time-scale"),
    "coupled LSTM, bias 3": ("coupled", 3.0, None),
    "LRU, ring": ("lru", None, "ring"),
    "minGRU, time scale": ("mingru", None, "time-scale"),
}


def products_at_start(tk, tn):
    """log10 of the gradient's norm at lag k before training: the middle of the seeds."""
    figure = {}
    for label, (name, bias, start) in REMEDIES.items():
        norms = []
        for seed in range(tn):
            network = make_network(name, bias, start, tk, 2, torch.Generator().manual_seed(3 * seed))
            x = probes("memory", tk, seed)
            norms.append(mean_log10_norms(NETWORKS[name]["step"], list(network.parameters()), x)[-1])
        figure[label] = torch.stack(norms).quantile(0.5).reshape(1)
    return figure


def what_came_of_it(tk, tn, clip, steps):
    """The mean accuracy of the last 20 training steps, for each seed."""
    figure = {}
    for label, (name, bias, start) in REMEDIES.items():
        runs = [train(name, bias, start, seed, "memory", tk, clip, steps)["accuracy"] for seed in range(tn)]
        figure[label] = torch.tensor(runs, dtype=torch.float64)[:, -20:].mean(1)
    return figure
