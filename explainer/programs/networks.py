"""torch's networks and two more. A step takes input, hidden state and memory, and gives the next state and memory."""

import math

import torch


def rnn_step(x, h, memory, W_x, W_h, b_x, b_h):
    """h(t) = tanh(W_x·x + W_h·h(t−1) + b)"""
    h = torch.tanh(x @ W_x.T + b_x + h @ W_h.T + b_h)
    return h, h


def lstm_step(x, h, c, W_x, W_h, b_x, b_h):
    """The cell state behind a forget gate, and the hidden state that shows it."""
    i, f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(x, h, memory, W_x, W_h, b_x, b_h):
    """torch's gated recurrent unit: z keeps, 1 − z writes."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = (x @ W_x.T + b_x).chunk(3), (h @ W_h.T + b_h).chunk(3)
    z = torch.sigmoid(z_x + z_h)
    h = (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * h
    return h, h


def peephole_step(x, h, c, W_x, W_h, b_x, b_h, p_i, p_f, p_o):
    """An LSTM whose gates read the cell state as well."""
    i, f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4)
    c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
    return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def mgu_step(x, h, memory, W_x, W_h, b_x, b_h):
    """A GRU with one gate in place of two: 1 − f keeps, f writes."""
    n = len(h)
    f_x, g_x = (x @ W_x.T + b_x).chunk(2)
    f = torch.sigmoid(f_x + h @ W_h[:n].T + b_h[:n])
    h = (1 - f) * h + f * torch.tanh(g_x + (f * h) @ W_h[n:].T + b_h[n:])
    return h, h


# a label, a step, how many blocks of n rows the weights have, and which of them belongs to the gate that keeps
RNN = {"label": "RNN (tanh)", "step": rnn_step, "blocks": 1}
LSTM = {"label": "LSTM", "step": lstm_step, "blocks": 4, "keeps": 1}
GRU = {"label": "GRU", "step": gru_step, "blocks": 3, "keeps": 1}
PEEPHOLE = {"label": "Peephole LSTM", "step": peephole_step, "blocks": 4, "keeps": 1, "peepholes": 3}
MGU = {"label": "Minimal gated unit", "step": mgu_step, "blocks": 2, "keeps": 0, "sign": -1}
NETWORKS = {"rnn": RNN, "lstm": LSTM, "gru": GRU, "peephole": PEEPHOLE, "mgu": MGU}


def draw(network, seed, n, T, gain, bf, xs):
    """Inputs, target and weights, drawn as torch's own modules draw theirs."""
    generator = torch.Generator().manual_seed(seed)
    inputs = xs * torch.randn(200, 1, generator=generator, dtype=torch.float64)[:T]
    target = torch.randn(n, generator=generator, dtype=torch.float64)
    rows, bound = network["blocks"] * n, 1 / math.sqrt(n)
    shapes = [(rows, 1), (rows, n), (rows,), (rows,)] + [(n,)] * network.get("peepholes", 0)
    weights = [torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator) for shape in shapes]
    _, W_h, b_x, b_h, *_ = weights
    W_h *= gain
    if bf is not None and "keeps" in network:
        block = slice(network["keeps"] * n, (network["keeps"] + 1) * n)
        b_x[block] = network.get("sign", 1) * bf  # the forget bias
        b_h[block] = 0.0
    return inputs, target, weights


def run_network(network, seed, n, T, gain, bf, xs):
    """The memory at time 0 … T: c where the network has a cell state, else h."""
    inputs, _, weights = draw(network, seed, n, T, gain, bf, xs)
    h = memory = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    memories = [memory]
    for x in inputs:
        h, memory = network["step"](x, h, memory, *weights)
        memories.append(memory)
    return memories


def jacobians(end, starts, **options):
    """∂end/∂start for every start, shape (starts, n, n): one vectorised backward pass."""
    eye = torch.eye(len(end), dtype=torch.float64)
    return torch.stack(torch.autograd.grad(end, starts, eye, is_grads_batched=True, **options))


def log10_norms(memories):
    """log10 of the spectral norm of ∂s(T)/∂s(T−lag), for lag 0 … T−1."""
    return torch.linalg.matrix_norm(jacobians(memories[-1], memories[:0:-1]), 2).log10()
