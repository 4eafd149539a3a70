"""The map over a parameter and the lag: ∂s(t)/∂s(t−k) for a whole grid of w or f in one batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.choices.settings import Settings
from explainer.maths import cells
from explainer.maths.batches import lanes, sides, sum_from_now
from explainer.maths.gradients import drawn_log10, log10_abs
from explainer.maths.results import cached


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
    parameter: np.ndarray,
    lags: tuple[int, ...],
    starts: Tensor,
    step: Callable[[Tensor, int], Tensor],
    log10_factors: Callable[[Tensor], np.ndarray],
) -> Grid:
    """The grid of a batch whose columns, filled up by :func:`lanes`, begin with those of the parameter.

    Args:
        parameter: shape (p,).
        lags: they ascend.
        starts: shape (batch,).
        step: (states (any, batch), number of the step) → the next states.
        log10_factors: the states (steps, batch) → log10 of each step's factor.
    """
    starts = starts.expand(len(lags), len(starts)).clone().requires_grad_(True)
    running, arrived, states = starts, [], [torch.empty(0, starts.shape[1], dtype=torch.float64)]
    for i in range(max(lags)):
        while len(arrived) < len(lags) and lags[len(arrived)] == i:  # this row has gone its lag
            arrived.append(running[:1])
            running = running[1:]
        states.append(running[-1:].detach())
        running = step(running, i)
    arrived.append(running)
    gradient = torch.autograd.grad(torch.cat(arrived).sum(), starts)[0]
    log10_magnitude = sum_from_now(log10_factors(torch.cat(states)))[list(lags)]
    columns = (values[:, : len(parameter)].T for values in (gradient.numpy(), log10_magnitude))
    return Grid(parameter, np.array(lags), *map(np.ascontiguousarray, columns))


def _over_weights(settings: Settings, w: Sequence[float], h0: Sequence[float], lags: tuple[int, ...]) -> Grid:
    sigma, weights, starts = cells.ACTIVATIONS[settings.act], lanes(w), lanes(h0)
    log10_weights = log10_abs(weights.numpy())
    side = sides(settings, starts, weights, max(lags)) if sigma.homogeneous else None

    def log10_factors(h: Tensor) -> np.ndarray:
        at = weights * h if side is None else side[: len(h)]
        return sigma.log_slope(at).numpy() / math.log(10) + log10_weights

    return _grid(np.array(w, float), lags, starts, lambda h, i: cells.vanilla_step(settings, h, weights), log10_factors)


def _over_gates(settings: Settings, lags: tuple[int, ...], **columns: Sequence[float]) -> Grid:
    """``columns``: the batch's f, u, spread and h0."""
    gate = cells.GATES[settings.gate]
    f, u, spread, c0 = (lanes(columns[name]) for name in ("f", "u", "spread", "h0"))
    inputs = cells.gate_inputs(settings, max(lags), f, u, spread)

    def log10_factors(c: Tensor) -> np.ndarray:
        opening = gate.opening(inputs, c, torch.arange(len(c)))
        return log10_abs((opening + c * gate.slope(inputs, c)).numpy())

    step = functools.partial(cells.gated_step, settings, inputs)
    return _grid(np.array(columns["f"], float), lags, c0, step, log10_factors)


_ON_THE_MAP_OF_W, _ON_THE_MAP_OF_F = ("act", "h0"), ("gate", "spread", "seed", "u", "h0")


@cached(_ON_THE_MAP_OF_W, 32)
def vanilla_grid(settings: Settings, w: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂h(t)/∂h(t−k) over w and k as one batch (the lab's vanishing and exploding gradients).

    Raises:
        ValueError: a weight or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "w", w, lags)
    return _over_weights(settings, w, [settings.h0] * len(w), lags)


@cached(_ON_THE_MAP_OF_F, 32)
def gated_grid(settings: Settings, f: tuple[float, ...], lags: tuple[int, ...]) -> Grid:
    """∂c(t)/∂c(t−k) over the gate's own value f and k as one batch.

    Raises:
        ValueError: a gate or a lag is out of range, there is none, or the lags do not ascend.
    """
    _check_grid(settings, "f", f, lags)
    same = {name: [getattr(settings, name)] * len(f) for name in ("u", "spread", "h0")}
    return _over_gates(settings, lags, f=f, **same)


# --- the reader's own column --------------------------------------------------------------------------------


def _with_own_lag(settings: Settings, lags: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({*lags, settings.k}))


def _weights_each(many: Sequence[Settings], lags: tuple[int, ...]) -> list[Grid]:
    """:func:`own_weight` of settings that have the same activation, in one batch."""
    columns = list(dict.fromkeys((settings.w, settings.h0) for settings in many))
    all_lags = tuple(sorted({*lags, *(settings.k for settings in many)}))
    grid = _over_weights(many[0], *zip(*columns, strict=True), all_lags)
    return [_part(grid, columns.index((settings.w, settings.h0)), _with_own_lag(settings, lags)) for settings in many]


def _gates_each(many: Sequence[Settings], lags: tuple[int, ...]) -> list[Grid]:
    """:func:`own_gate` of settings that have the same kind of gate and the same seed, in one batch."""
    columns = {name: [getattr(settings, name) for settings in many] for name in ("f", "u", "spread", "h0")}
    grid = _over_gates(many[0], lags, **columns)
    return [_part(grid, column, lags) for column in range(len(many))]


def _part(grid: Grid, column: int, lags: tuple[int, ...]) -> Grid:
    """One column of a grid, at some of its lags."""
    rows = np.searchsorted(grid.lag, lags)
    gradient, log10_magnitude = (values[column : column + 1, rows] for values in (grid.gradient, grid.log10_magnitude))
    return Grid(grid.parameter[column : column + 1], np.array(lags), gradient, log10_magnitude)


@cached((*_ON_THE_MAP_OF_W, "w", "k"), 64, _weights_each)
def own_weight(settings: Settings, lags: tuple[int, ...]) -> Grid:
    """The reader's own w on the map, at these lags and at the reader's own."""
    return _weights_each([settings], lags)[0]


@cached((*_ON_THE_MAP_OF_F, "f"), 64, _gates_each)
def own_gate(settings: Settings, lags: tuple[int, ...]) -> Grid:
    """The reader's own f on the map, at these lags."""
    return _gates_each([settings], lags)[0]
