"""The recurrences that are differentiated, as the lab writes them.

Two registries: the activations σ of the vanilla cell h(t) = σ(w·h(t−1)), and the gates of the gated cell
c(t) = c(t−1)·f(t−1). Legends, controls and tests iterate over them; nothing else knows their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.languages import word

torch.set_num_threads(1)  # the tensors are tiny and the readers many


@dataclass(frozen=True)
class Activation:
    """One σ: what torch runs, and σ′ in a form that does not cancel where σ saturates.

    Attributes:
        label: its name on the page.
        formula: σ(x) in LaTeX.
        apply: elementwise, any shape; the function that autograd differentiates.
        slope: σ′(x), elementwise, any shape, to full relative precision also deep in saturation.
        log_slope: log σ′(x), elementwise, −inf where σ′ is 0.
        steepest: sup σ′ over all x.
        homogeneous: whether σ(a·x) = a·σ(x) for every a > 0, so that σ′ depends on the sign of x alone.
    """

    label: str
    formula: str
    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    log_slope: Callable[[Tensor], Tensor]
    steepest: float
    homogeneous: bool = False


def _log_slope_logistic(x: Tensor) -> Tensor:
    # σ′ = e^−|x| / (1 + e^−|x|)²: even in x, and no difference of near-equal numbers
    return -x.abs() - 2 * torch.log1p(torch.exp(-x.abs()))


def _log_slope_tanh(x: Tensor) -> Tensor:
    return math.log(4) + _log_slope_logistic(2 * x)  # tanh(x) = 2·logistic(2x) − 1


def _step_of(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


ACTIVATIONS: Mapping[str, Activation] = {
    "identity": Activation("identity", "x", lambda x: x, torch.ones_like, torch.zeros_like, 1.0, True),
    "relu": Activation("ReLU", r"\max(0, x)", torch.relu, _step_of, lambda x: _step_of(x).log(), 1.0, True),
    "tanh": Activation("tanh", r"\tanh x", torch.tanh, lambda x: _log_slope_tanh(x).exp(), _log_slope_tanh, 1.0),
    "logistic": Activation(
        "logistic",
        r"1/(1+e^{-x})",
        torch.sigmoid,
        lambda x: _log_slope_logistic(x).exp(),
        _log_slope_logistic,
        0.25,
    ),
}


@dataclass(frozen=True)
class GateInputs:
    """What a gate reads besides the cell state; f, bias and u may be batches that broadcast with it.

    Attributes:
        f: the gate's own value.
        bias: the forget bias b = log(f/(1−f)), ±inf at f = 1 and 0.
        u: weight with which the gate reads the cell state.
        swing: spread·noise on the bias, one value per step, shape (steps,), or one per step and gate, (steps, batch).
    """

    f: Tensor
    bias: Tensor
    u: Tensor | float
    swing: Tensor


@dataclass(frozen=True)
class Gate:
    """One kind of gate f.

    Attributes:
        label: its name on the page.
        formula: f(t) in LaTeX.
        opening: (inputs, c, step) → f(t) in c's shape; what autograd differentiates. ``step`` indexes
            ``inputs.swing``: one number, or one index per element of c.
        slope: (inputs, c) → ∂f/∂c in c's shape, in a form that does not cancel; 0 for a gate given from outside.
        reads_state: whether f depends on the cell state.
        largest_factor: settings → sup |∂c(t)/∂c(t−1)| over every state and every noise.
    """

    label: str
    formula: str
    opening: Callable[[GateInputs, Tensor, Tensor | int], Tensor]
    slope: Callable[[GateInputs, Tensor], Tensor]
    reads_state: bool
    largest_factor: Callable[[Settings], float]


def _no_slope(inputs: GateInputs, c: Tensor) -> Tensor:
    return torch.zeros_like(c)


def _largest_factor_of_state(settings: Settings) -> float:
    """sup over z of |f + (z − b)·f·(1 − f)|, f = logistic(z), z = u·c + b; at least 1, its limit for z → ∞.

    The derivative in z vanishes where (z − b)·tanh(z/2) = 2; one root lies on each side of both 0 and b.
    """
    b = settings.forget_bias
    if settings.u == 0 or math.isinf(b):
        return settings.f

    def magnitude(z: float) -> float:
        f = 0.5 * (1 + math.tanh(z / 2))
        return abs(f * (1 + (z - b) * (1 - f)))

    def root(start: float, direction: int) -> float:
        near, far = 0.0, 50.0
        for _ in range(80):
            middle = (near + far) / 2
            z = start + direction * middle
            near, far = (near, middle) if (z - b) * math.tanh(z / 2) > 2 else (middle, far)
        return start + direction * far

    return max(1.0, magnitude(root(max(b, 0.0), 1)), magnitude(root(min(b, 0.0), -1)))


GATES: Mapping[str, Gate] = {
    "constant": Gate(
        word("constant"),
        "f(t) = f",
        lambda inputs, c, step: inputs.f.expand_as(c),
        _no_slope,
        False,
        lambda settings: settings.f,
    ),
    "varying": Gate(
        word("varying"),
        r"f(t) = \mathrm{logistic}(b + s\,\varepsilon_t)",
        lambda inputs, c, step: torch.sigmoid(inputs.bias + inputs.swing[step]).expand_as(c),
        _no_slope,
        False,
        lambda settings: 1.0 if settings.spread and 0 < settings.f < 1 else settings.f,
    ),
    "state": Gate(
        word("state-dependent"),
        r"f(t) = \mathrm{logistic}(u\,c^{(t)} + b)",
        lambda inputs, c, step: torch.sigmoid(inputs.u * c + inputs.bias),
        lambda inputs, c: inputs.u * _log_slope_logistic(inputs.u * c + inputs.bias).exp(),
        True,
        _largest_factor_of_state,
    ),
}


def gate_inputs(
    settings: Settings,
    steps: int,
    f: Tensor | None = None,
    u: Tensor | None = None,
    spread: Tensor | None = None,
) -> GateInputs:
    """The settings' gate for so many steps.

    The same seed gives the same beginning, however many steps are asked for.

    Args:
        settings: what is not given otherwise.
        steps: how many.
        f: a batch of gates in place of the settings' own, any shape that broadcasts with the cell states.
        u: a batch of state weights, likewise.
        spread: a batch of spreads, shape (batch,).
    """
    f = torch.tensor(settings.f, dtype=torch.float64) if f is None else f
    generator = torch.Generator().manual_seed(settings.seed)
    # whole blocks: torch fills short tensors differently, and a longer lag must not change the noise
    blocks = [torch.randn(256, dtype=torch.float64, generator=generator) for _ in range(steps // 256 + 1)]
    noise = torch.cat(blocks)[:steps]
    swing = settings.spread * noise if spread is None else noise[:, None] * spread
    return GateInputs(f, torch.logit(f), settings.u if u is None else u, swing)


def vanilla_step(settings: Settings, h: Tensor, w: Tensor | float) -> Tensor:
    """h(t) = σ(w·h(t−1)), elementwise (the lab's simplified recurrence)."""
    return ACTIVATIONS[settings.act].apply(w * h)


def gated_step(settings: Settings, inputs: GateInputs, c: Tensor, step: Tensor | int) -> Tensor:
    """c(t) = c(t−1)·f(t−1), elementwise (the lab's gated cell state)."""
    return c * GATES[settings.gate].opening(inputs, c, step)
