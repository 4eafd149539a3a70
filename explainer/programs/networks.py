"""torch's networks and others. A step takes input, hidden state and memory, and gives the next state and memory."""

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
    (r_x, z_x, n_x), (r_h, z_h, n_h) = (x @ W_x.T + b_x).chunk(3, -1), (h @ W_h.T + b_h).chunk(3, -1)
    z = torch.sigmoid(z_x + z_h)
    h = (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * h
    return h, h


def peephole_step(x, h, c, W_x, W_h, b_x, b_h, p_i, p_f, p_o):
    """An LSTM whose gates read the cell state as well."""
    i, f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4, -1)
    c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
    return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def mgu_step(x, h, memory, W_x, W_h, b_x, b_h):
    """A GRU with one gate in place of two: 1 − f keeps, f writes."""
    n = h.shape[-1]
    f_x, g_x = (x @ W_x.T + b_x).chunk(2, -1)
    f = torch.sigmoid(f_x + h @ W_h[:n].T + b_h[:n])
    h = (1 - f) * h + f * torch.tanh(g_x + (f * h) @ W_h[n:].T + b_h[n:])
    return h, h


def relu_step(x, h, memory, W_x, W_h, b_x, b_h):
    """h(t) = max(0, W_x·x + W_h·h(t−1) + b)"""
    h = torch.relu(x @ W_x.T + b_x + h @ W_h.T + b_h)
    return h, h


def leaky_step(x, h, memory, W_x, W_h, b_x, b_h, keep):
    """A vanilla cell that keeps a fixed part of its state."""
    a = torch.sigmoid(keep)
    h = a * h + (1 - a) * torch.tanh(x @ W_x.T + b_x + h @ W_h.T + b_h)
    return h, h


def coupled_step(x, h, c, W_x, W_h, b_x, b_h):
    """An LSTM that writes as much as it forgets: i = 1 − f."""
    f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(3, -1)
    f = torch.sigmoid(f)
    c = f * c + (1 - f) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def fixed_step(x, h, memory, W_x, b_x, keep):
    """A linear recurrence, h(t) = a·h(t−1) + √(1 − a²)·(W_x·x + b), with a fixed a."""
    a = torch.sigmoid(keep)
    h = a * h + (1 - a**2).sqrt() * (x @ W_x.T + b_x)
    return h, h


def in_pairs(numbers):
    """Two real numbers after each other as one complex number; an odd one out has no imaginary part."""
    numbers = torch.nn.functional.pad(numbers, (0, numbers.shape[-1] % 2))
    return torch.complex(numbers[..., ::2], numbers[..., 1::2])


def turning_step(x, h, memory, W_x, b_x, keep, angle):
    """The same with complex a: it turns each pair of numbers, and shrinks it."""
    n, size = h.shape[-1], torch.sigmoid(keep)
    a = torch.polar(size, math.pi * math.sqrt(n) * torch.nn.functional.pad(angle, (0, n % 2)))
    h = a * in_pairs(h) + (1 - size**2).sqrt() * in_pairs(x @ W_x.T + b_x)
    h = torch.stack((h.real, h.imag), -1).flatten(-2)[..., :n]
    return h, h


def min_gru_step(x, h, memory, W_x, b_x):
    """A GRU whose gate and candidate read the input alone."""
    z, g = (x @ W_x.T + b_x).chunk(2, -1)
    z = torch.sigmoid(z)
    h = (1 - z) * h + z * g
    return h, h


def min_lstm_step(x, h, memory, W_x, b_x):
    """An LSTM whose gates read the input alone, scaled so that they add up to 1."""
    f, i, g = (x @ W_x.T + b_x).chunk(3, -1)
    f, i = torch.sigmoid(f), torch.sigmoid(i)
    h = f / (f + i) * h + i / (f + i) * g
    return h, h


def selective_step(x, h, memory, W_x, b_x, rate):
    """A selective state space: a = exp(Δ·A), A = −exp(rate); the input sets the length Δ of the step."""
    step, g = (x @ W_x.T + b_x).chunk(2, -1)
    a = torch.exp(-torch.nn.functional.softplus(step) * rate.exp())
    h = a * h + (1 - a) / rate.exp() * g
    return h, h


def open_block(block, sign=1):
    """Set the forget bias where it is the bias of one block of n rows; torch adds two biases."""

    def set_bias(weights, n, bf):
        rows = slice(block * n, (block + 1) * n)
        weights[2][rows] = sign * bf
        weights[3][rows] = 0.0

    return set_bias


def open_parameter(weights, n, bf):
    """Set the forget bias where what is kept is a parameter of its own."""
    weights[4 if len(weights) > 4 else 2][:] = bf


def open_min_gru(weights, n, bf):
    weights[1][:n] = -bf


def open_min_lstm(weights, n, bf):
    weights[1][:n], weights[1][n : 2 * n] = bf, -bf


def open_selective(weights, n, bf):
    """Set Δ's bias so that exp(Δ·A) is what a forget bias of bf would keep."""
    size = math.log1p(math.exp(-bf)) / weights[2].exp()
    weights[1][:n] = torch.log(torch.expm1(size))


# a label, a step, how many blocks of n rows the weights have, what sets the forget bias, whether there is a W_h, and
# the lengths of further vectors
RNN = {"label": "RNN (tanh)", "step": rnn_step, "blocks": 1}
LSTM = {"label": "LSTM", "step": lstm_step, "blocks": 4, "open": open_block(1)}
GRU = {"label": "GRU", "step": gru_step, "blocks": 3, "open": open_block(1)}
PEEPHOLE = {
    "label": "Peephole LSTM",
    "step": peephole_step,
    "blocks": 4,
    "open": open_block(1),
    "vectors": lambda n: [n] * 3,
}
MGU = {"label": "Minimal gated unit", "step": mgu_step, "blocks": 2, "open": open_block(0, -1)}
RELU = {"label": "RNN (ReLU)", "step": relu_step, "blocks": 1}
LEAKY = {"label": "Leaky units", "step": leaky_step, "blocks": 1, "open": open_parameter, "vectors": lambda n: [n]}
COUPLED = {"label": "LSTM, coupled gates", "step": coupled_step, "blocks": 3, "open": open_block(0)}
FIXED = {
    "label": "Linear, fixed a",
    "step": fixed_step,
    "blocks": 1,
    "open": open_parameter,
    "recurrent": False,
    "vectors": lambda n: [n],
}
TURNING = {
    "label": "LRU, complex a",
    "step": turning_step,
    "blocks": 1,
    "open": open_parameter,
    "recurrent": False,
    "vectors": lambda n: [n - n // 2, n // 2],
}
MIN_GRU = {"label": "minGRU", "step": min_gru_step, "blocks": 2, "open": open_min_gru, "recurrent": False}
MIN_LSTM = {"label": "minLSTM", "step": min_lstm_step, "blocks": 3, "open": open_min_lstm, "recurrent": False}
SELECTIVE = {
    "label": "Selective state space",
    "step": selective_step,
    "blocks": 2,
    "open": open_selective,
    "recurrent": False,
    "vectors": lambda n: [n],
}
NETWORKS = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "peephole": PEEPHOLE,
    "mgu": MGU,
    "relu": RELU,
    "leaky": LEAKY,
    "coupled": COUPLED,
    "linear": FIXED,
    "lru": TURNING,
    "mingru": MIN_GRU,
    "minlstm": MIN_LSTM,
    "ssm": SELECTIVE,
}


def draw_weights(network, inputs, n, generator):
    """Weights of a network with so many inputs, drawn as torch's own modules draw theirs."""
    rows, bound = network["blocks"] * n, 1 / math.sqrt(n)
    shapes = [(rows, inputs), (rows, n), (rows,), (rows,)]
    if not network.get("recurrent", True):
        shapes = [(rows, inputs), (rows,)]
    shapes += [(size,) for size in network.get("vectors", lambda n: [])(n)]
    return [torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator) for shape in shapes]


def draw(network, seed, n, T, gain, bf, xs):
    """Inputs, target and weights."""
    generator = torch.Generator().manual_seed(seed)
    inputs = xs * torch.randn(200, 1, generator=generator, dtype=torch.float64)[:T]
    target = torch.randn(n, generator=generator, dtype=torch.float64)
    weights = draw_weights(network, 1, n, generator)
    if network.get("recurrent", True):
        weights[1] *= gain
    if bf is not None and "open" in network:
        network["open"](weights, n, bf)
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
