"""The programs behind the figures of training."""

import torch
from torch import nn

from explainer.programs.networks import lstm_step, rnn_step
from explainer.programs.training import SEQUENCES, train


def curves(task, tk, tb, tn, clip, steps, what):
    """Loss or accuracy while training: the mean of the last 20 steps, the middle of the seeds."""
    figure = {}
    for name, module, bias in (
        ("RNN (tanh)", nn.RNN, None),
        ("LSTM, torch's biases", nn.LSTM, None),
        ("LSTM, your forget bias", nn.LSTM, tb),
        ("GRU", nn.GRU, None),
    ):
        runs = [train(module, bias, seed, task, tk, clip, steps)[what] for seed in range(tn)]
        runs = torch.tensor(runs, dtype=torch.float64)
        means = [runs[:, max(0, end - 20) : end].mean(1) for end in range(1, steps + 1)]
        figure[name] = torch.stack(means).quantile(0.5, dim=1)
    return figure


def mean_log10_norms(step, weights, inputs):
    """log10 of the spectral norm of ∂s(t)/∂s(t−lag) for lag 0 … k, the mean over the sequences."""
    weights = [p.double() for p in weights]
    h = memory = torch.zeros(inputs.shape[1], 16, dtype=torch.float64, requires_grad=True)
    memories = []
    for x in inputs.double():
        h, memory = step(x, h, memory, *weights)
        memories.append(memory)
    eye = torch.eye(16, dtype=torch.float64)[:, None].expand(16, len(h), 16)
    rows = torch.stack(torch.autograd.grad(memories[-1], memories[::-1], eye, is_grads_batched=True))
    return torch.linalg.matrix_norm(rows.movedim(1, 2), 2).log10().mean(1)


def norms_in_training(task, tk, tb, tn, clip, steps, cell):
    """The norm of the gradient by lag while a network learns: the middle of the seeds."""
    module, bias, step = (nn.LSTM, tb, lstm_step) if cell == "lstm" else (nn.RNN, None, rnn_step)
    norms = []
    for seed in range(tn):
        probes, _ = SEQUENCES[task](tk, torch.Generator().manual_seed(3 * seed + 2), 4)
        kept = train(module, bias, seed, task, tk, clip, steps)["weights"]
        norms.append(torch.stack([mean_log10_norms(step, weights, probes) for weights in kept]))
    middle = 10 ** torch.stack(norms).quantile(0.5, dim=0)
    return dict(zip(("before training", "after a quarter", "half way", "at the end"), middle, strict=True))
