"""The programs behind the figures of training."""

import torch

from explainer.programs.networks import NETWORKS
from explainer.programs.training import mean_log10_norms, probes, train


def curves(task, tk, tb, tn, clip, also, steps, what):
    """Loss or accuracy while training: the mean of the last 20 steps, the middle of the seeds."""
    figure = {}
    lines = {
        "RNN (tanh)": ("rnn", None),
        "LSTM, torch's biases": ("lstm", None),
        "LSTM, your forget bias": ("lstm", tb),
        "GRU": ("gru", None),
    }
    if also != "none":
        lines[NETWORKS[also]["label"] + ", your forget bias"] = (also, tb)
    for line, (name, bias) in lines.items():
        runs = [train(name, bias, None, seed, task, tk, clip, steps)[what] for seed in range(tn)]
        runs = torch.tensor(runs, dtype=torch.float64)
        means = [runs[:, max(0, end - 20) : end].mean(1) for end in range(1, steps + 1)]
        figure[line] = torch.stack(means).quantile(0.5, dim=1)
    return figure


def norms_in_training(task, tk, tb, tn, clip, steps, cell):
    """The norm of the gradient by lag while a network learns: the middle of the seeds."""
    norms = []
    for seed in range(tn):
        kept = train(cell, tb if cell == "lstm" else None, None, seed, task, tk, clip, steps)["weights"]
        x = probes(task, tk, seed)
        norms.append(torch.stack([mean_log10_norms(NETWORKS[cell]["step"], weights, x) for weights in kept]))
    middle = 10 ** torch.stack(norms).quantile(0.5, dim=0)
    return dict(zip(("before training", "after a quarter", "half way", "at the end"), middle, strict=True))
