"""An LSTM before training, on the sequences of its task: what its forget gates let through, and all paths together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainer.maths import training
from explainer.maths.plans import Plan
from explainer.serving.once import once


@dataclass(frozen=True)
class FirstGates:
    """log10 of the spectral norm of derivatives ∂c(t)/∂c(t−k) at the plan's decisive lag k, before training.

    Each is the mean over the probes and the middle of the seeds, as :attr:`Training.log10_norm` is drawn.

    Attributes:
        direct: by autograd through torch's own module, h cut off at every step, so that c alone leads back.
        product: of the forget gates, worked out from the weights, without a derivative.
        whole: by autograd along every path.
    """

    direct: float
    product: float
    whole: float


def _direct(network: nn.LSTM, inputs: Tensor, lag: int) -> tuple[Tensor, Tensor]:
    """∂c(T)/∂c(T−lag) with h held fixed, its diagonal (B, n), and the h (T, B, n) that each step has read."""
    h = c = torch.zeros(1, inputs.shape[1], network.hidden_size, dtype=torch.float64)
    start, read = c, []
    for t, x in enumerate(inputs):
        if t == len(inputs) - lag:
            start = c = c.detach().requires_grad_()
        read.append(h[0])
        _, (h, c) = network(x[None], (h, c))
        h = h.detach()
    (diagonal,) = torch.autograd.grad(c.sum(), start)  # no unit reads another one's c: the matrix is diagonal
    return diagonal[0], torch.stack(read)


def _gates(network: nn.LSTM, inputs: Tensor, read: Tensor) -> Tensor:
    """The forget gates (T, B, n): the second of torch's four blocks of rows."""
    n = network.hidden_size
    w_x, w_h, b_x, b_h = (weight.detach()[n : 2 * n] for weight in network.parameters())
    return torch.sigmoid(inputs @ w_x.T + b_x + read @ w_h.T + b_h)


@once(size=16)
def first_gates(plan: Plan) -> FirstGates:
    """The LSTM of a plan with this one learner, every seed of it.

    Raises:
        ValueError: the plan has other learners.
    """
    if [learner.cell for learner in plan.learners] != ["lstm"]:
        raise ValueError("the plan must have one learner, an LSTM")
    lag, direct, product = plan.decisive_lag, [], []
    for network, probes in training.untrained(plan):
        network, probes = network.double(), probes.double()
        diagonal, read = _direct(network, probes, lag)
        kept = _gates(network, probes, read)[len(probes) - lag :].log10().sum(0)
        direct.append(diagonal.abs().max(-1).values.log10().mean().item())
        product.append(kept.max(-1).values.mean().item())
    whole = training.at_start(plan)[0, :, lag]
    return FirstGates(float(np.median(direct)), float(np.median(product)), float(np.median(whole)))
