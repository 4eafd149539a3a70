"""The two scalar cells, a run of one, and its gradients."""

import torch

SIGMA = {"identity": lambda x: x, "relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid}


def vanilla_cell(act, w):
    """h(t) = σ(w·h(t−1)), as a function of the state before and of the number of the step."""
    return lambda h, step: SIGMA[act](w * h)


def make_gate(gate, f, spread, seed, u, dtype=torch.float64):
    """The gate f(t), as a function of the state c(t) and of the number of the step."""
    f = torch.as_tensor(f, dtype=torch.float64)
    bias = torch.logit(f).to(dtype)  # the forget bias that belongs to f
    generator = torch.Generator().manual_seed(seed)
    noise = (spread * torch.randn(256, dtype=torch.float64, generator=generator)).to(dtype)
    kinds = {
        "constant": lambda c, step: f.to(dtype).expand_as(c),
        "varying": lambda c, step: torch.sigmoid(bias + noise[step]).expand_as(c),
        "state": lambda c, step: torch.sigmoid(u * c + bias),
    }
    return kinds[gate]


def gated_cell(gate, f, spread, seed, u, dtype=torch.float64):
    """c(t) = c(t−1)·f(t−1), as a function of the state before and of the number of the step."""
    opening = make_gate(gate, f, spread, seed, u, dtype)
    return lambda c, step: c * opening(c, step)


def run(cell, start, k, dtype=torch.float64):
    """The start and the k states after it."""
    states = [torch.tensor(start, dtype=dtype, requires_grad=True)]
    for step in range(k):
        states.append(cell(states[-1], step))
    return states


def gradients(states):
    """∂s(t)/∂s(t−lag) for lag 0 … k: one backward pass gives them all."""
    return torch.stack(torch.autograd.grad(states[-1], states)[::-1])


def derivative(cell, states, steps):
    """∂s(t)/∂s(t−1) of single steps, at each of the states and the number of its step."""
    states = states.detach().requires_grad_()
    return torch.autograd.grad(cell(states, steps).sum(), states)[0]
