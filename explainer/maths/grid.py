"""The map over a parameter and the lag: ∂s(t)/∂s(t−k) for a whole grid of w or f in one batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.maths import cells
from explainer.maths.gradients import cached, drawn_log10, log10_abs, sides


@dataclass(frozen=True, eq=False)
class Grid:
    """∂s(t)/∂s(t−k) over a parameter (w or f) and the lag, from s(t−k) = h0.

    Attributes:
        parameter: shape (p,).
        lag: shape (m,) (steps).
        gradient: by autograd, all parameters and lags in one backward pass, shape (p, m).
        log10_magnitude: of the closed form, shape (p, m); −inf where a factor is exactly 0.
    """

    parameter: np.ndarray
    lag: np.ndarray
    gradient: np.ndarray
    log10_magnitude: np.ndarray

    @functools.cached_property
    def drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """(place on a log10 axis, status), shape (p, m) each; see :func:`drawn_log10`."""
        return drawn_log10(self.gradient, self.log10_magnitude)


def _check_grid(settings: Settings, name: str, values: tuple[float, ...], lags: tuple[int, ...]) -> None:
    if not values or not lags or list(lags) != sorted(lags):
        raise ValueError(f"a grid needs at least one {name}, and lags that ascend")
    settings.replace(k=lags[0])  # the settings say what they refuse
    settings.replace(k=lags[-1])
    for value in [value for value in values if not math.isfinite(value)] or (min(values), max(values)):
        settings.replace(**{name: value})


def _grid(
    parameter: Tensor,
    lags: tuple[int, ...],
    start: float,
    step: Callable[[Tensor, Tensor, int], Tensor],
    log10_factors: Callable[[Tensor], np.ndarray],
) -> Grid:
    """``step(s, parameter, i)``: a batch (p, any), a parameter (p, 1); ``log10_factors``: the states (steps, p)."""
    column = parameter[:, None]
    starts = torch.full((len(parameter), len(lags)), start, dtype=torch.float64, requires_grad=True)
    running, arrived, states = starts, [], [torch.empty(0, len(parameter), dtype=torch.float64)]
    for i in range(max(lags)):
        while len(arrived) < len(lags) and lags[len(arrived)] == i:  # this column has gone its lag
            arrived.append(running[:, :1])
            running = running[:, 1:]
        states.append(running[:, -1].detach()[None])
        running = step(running, column, i)
    arrived.append(running)
    gradient = torch.autograd.grad(torch.cat(arrived, dim=1).sum(), starts)[0]
    sums = np.cumsum(log10_factors(torch.cat(states)), axis=0)
    log10_magnitude = np.concatenate([np.zeros((1, len(parameter))), sums])
    return Grid(parameter.numpy(), np.array(lags), gradient.numpy(), log10_magnitude[list(lags)].T)


@cached(("act", "h0"), 32)
def vanilla_grid(settings: Settings, w: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂h(t)/∂h(t−k) over w and k as one batch (the lab's vanishing and exploding gradients).

    Raises:
        ValueError: a weight or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "w", w, lags)
    sigma, weights = cells.ACTIVATIONS[settings.act], torch.tensor(w, dtype=torch.float64)
    log10_weights = log10_abs(weights.numpy())
    side = sides(settings, weights, max(lags)) if sigma.homogeneous else None

    def log10_factors(h: Tensor) -> np.ndarray:
        at = weights * h if side is None else side[: len(h)]
        return sigma.log_slope(at).numpy() / math.log(10) + log10_weights

    return _grid(
        weights,
        lags,
        settings.h0,
        lambda h, w, i: cells.vanilla_step(settings, h, w),
        log10_factors,
    )


@cached(("gate", "spread", "seed", "u", "h0"), 32)
def gated_grid(settings: Settings, f: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂c(t)/∂c(t−k) over the gate's own value f and k as one batch.

    Raises:
        ValueError: a gate or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "f", f, lags)
    gate, values = cells.GATES[settings.gate], torch.tensor(f, dtype=torch.float64)
    in_a_row = cells.gate_inputs(settings, max(lags), values)
    in_columns = cells.gate_inputs(settings, max(lags), values[:, None])

    def log10_factors(c: Tensor) -> np.ndarray:
        opening = gate.opening(in_a_row, c, torch.arange(len(c))[:, None])
        return log10_abs((opening + c * gate.slope(in_a_row, c)).numpy())

    return _grid(
        values,
        lags,
        settings.h0,
        lambda c, f, i: cells.gated_step(settings, in_columns, c, i),
        log10_factors,
    )
