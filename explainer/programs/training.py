"""The tasks, and the training of one network on one of them."""

import functools

import torch
from torch import nn


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


@functools.cache  # figures of the same networks share one training
def train(module, bias, seed, task, k, clip, steps):
    """Loss and accuracy of every step, on sequences never seen before, and the weights at four of the steps."""
    weights, fresh = (torch.Generator().manual_seed(3 * seed + i) for i in range(2))
    network, readout = module(1 if task == "memory-in-noise" else 2, 16), nn.Linear(16, 1)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.empty(p.shape, dtype=torch.float64).uniform_(-0.25, 0.25, generator=weights))
        for p in readout.parameters():
            p.uniform_(-0.25, 0.25, generator=weights)
        if bias is not None:
            network.bias_ih_l0[16:32] = bias  # the forget bias
            network.bias_hh_l0[16:32] = 0.0
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
