"""The tasks, and the training of one network on one of them."""

import functools

import torch
from torch import nn

from explainer.programs.networks import NETWORKS, draw_weights


def memory(k, generator, batch=64):
    """One bit at the start; then k steps of noise on another line."""
    x = torch.randn(k + 1, batch, 2, generator=generator)
    bit = torch.randint(0, 2, (batch,), generator=generator).float()
    x[..., 0] = 0
    x[0, :, 0] = 2 * bit - 1
    return x, bit


def memory_in_noise(k, generator, batch=64):
    """One bit at the start; then k steps of noise on the same line."""
    x = torch.randn(k + 1, batch, 1, generator=generator)
    bit = torch.randint(0, 2, (batch,), generator=generator).float()
    x[0, :, 0] = 2 * bit - 1
    return x, bit


def adding(k, generator, batch=64):
    """Random numbers, of which two are marked: what is their sum?"""
    half, each = (k + 1) // 2, torch.arange(batch)
    x = torch.zeros(k + 1, batch, 2)
    x[..., 0] = torch.rand(k + 1, batch, generator=generator)
    first = torch.randint(0, half, (batch,), generator=generator)
    second = torch.randint(half, k + 1, (batch,), generator=generator)
    x[first, each, 1] = x[second, each, 1] = 1
    return x, x[first, each, 0] + x[second, each, 0]


SEQUENCES = {"memory": memory, "memory-in-noise": memory_in_noise, "adding": adding}


def start_orthogonal(weights, k, generator):
    q, r = torch.linalg.qr(torch.randn(16, 16, generator=generator, dtype=torch.float64))
    weights[1].copy_(q * r.diagonal().sign())


def start_identity(weights, k, generator):
    weights[1].copy_(torch.eye(16))
    weights[2].zero_()
    weights[3].zero_()


def start_by_time_scale(weights, k, generator):
    """Forget biases log u, u from 1 to k − 1, where they are: of an LSTM, of leaky units or of a minGRU."""
    bias = torch.empty(16, dtype=torch.float64).uniform_(1, k - 1, generator=generator).log()
    if len(weights) == 4:  # input and forget gate of an LSTM
        weights[2][:32], weights[3][:32] = torch.cat((-bias, bias)), 0.0
    elif len(weights) == 5:
        weights[4][:] = bias
    else:
        weights[1][:16] = -bias


def start_on_a_ring(weights, k, generator):
    """The a of a linear recurrent unit, uniform on the area between the radii 0.9 and 0.999."""
    share = torch.empty(8, dtype=torch.float64).uniform_(0, 1, generator=generator)
    weights[2].copy_((share * (0.999**2 - 0.9**2) + 0.9**2).sqrt().logit())


STARTS = {
    "orthogonal": start_orthogonal,
    "identity": start_identity,
    "time-scale": start_by_time_scale,
    "ring": start_on_a_ring,
}


class StepByStep(nn.Module):
    """A network that torch does not have."""

    def __init__(self, network, inputs):
        super().__init__()
        self.step = network["step"]
        weights = draw_weights(network, inputs, 16, torch.Generator())
        self.weights = nn.ParameterList([nn.Parameter(weight.float()) for weight in weights])

    def forward(self, x):
        h = memory = x.new_zeros(x.shape[1], 16)
        outputs = []
        for now in x:
            h, memory = self.step(now, h, memory, *self.weights)
            outputs.append(h)
        return torch.stack(outputs), h


TORCHS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def make_network(name, bias, start, k, inputs, generator):
    """One of the networks with 16 units; its weights are changed where a forget bias or a way to start says so."""
    network = TORCHS[name](inputs, 16) if name in TORCHS else StepByStep(NETWORKS[name], inputs)
    own = list(network.parameters())
    with torch.no_grad():
        for p, weight in zip(own, draw_weights(NETWORKS[name], inputs, 16, generator), strict=True):
            p.copy_(weight)
        if bias is not None:
            NETWORKS[name]["open"](own, 16, bias)
        if start is not None:
            STARTS[start](own, k, generator)
    return network


@functools.cache  # figures of the same networks share one training
def train(name, bias, start, seed, task, k, clip, steps):
    """Loss and accuracy of every step, on sequences never seen before, and the weights at four of the steps."""
    weights, fresh = (torch.Generator().manual_seed(3 * seed + i) for i in range(2))
    network = make_network(name, bias, start, k, 1 if task == "memory-in-noise" else 2, weights)
    readout = nn.Linear(16, 1)
    with torch.no_grad():
        for p in readout.parameters():
            p.uniform_(-0.25, 0.25, generator=weights)
    parameters = [*network.parameters(), *readout.parameters()]
    adam, losses, accuracies, kept = torch.optim.Adam(parameters, lr=0.01), [], [], []
    for step in range(steps + 1):
        if step > 0:
            x, right = SEQUENCES[task](k, fresh)
            given = readout(network(x)[0][-1]).squeeze(-1)
            if task == "adding":
                loss, is_right = nn.functional.mse_loss(given, right), (given - right).abs() < 0.08
            else:
                loss = nn.functional.binary_cross_entropy_with_logits(given, right)
                is_right = (given > 0) == (right > 0.5)
            adam.zero_grad()
            loss.backward()
            if clip == "on":
                nn.utils.clip_grad_norm_(parameters, 1.0)
            adam.step()
            losses.append(loss.item())
            accuracies.append(is_right.double().mean().item())
        if step in (0, steps // 4, steps // 2, steps):
            kept.append([p.detach().clone() for p in network.parameters()])
    return {"loss": losses, "accuracy": accuracies, "weights": kept}


def mean_log10_norms(step, weights, inputs):
    """log10 of the spectral norm of ∂s(t)/∂s(t−lag) for lag 0 … k, the mean over the sequences."""
    weights = [p.detach().double() for p in weights]
    h = memory = torch.zeros(inputs.shape[1], 16, dtype=torch.float64, requires_grad=True)
    memories = []
    for x in inputs.double():
        h, memory = step(x, h, memory, *weights)
        memories.append(memory)
    eye = torch.eye(16, dtype=torch.float64)[:, None].expand(16, len(h), 16)
    rows = torch.stack(torch.autograd.grad(memories[-1], memories[::-1], eye, is_grads_batched=True))
    return torch.linalg.matrix_norm(rows.movedim(1, 2), 2).log10().mean(1)


def probes(task, k, seed):
    """Four sequences on which the gradient is measured."""
    x, _ = SEQUENCES[task](k, torch.Generator().manual_seed(3 * seed + 2), 4)
    return x
