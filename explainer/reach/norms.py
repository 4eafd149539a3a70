"""Norms of ∂s(T)/∂s(T−lag) by lag: exactly, where that is affordable, else between bounds from random probes.

Exactly: the whole product is carried backwards, rescaled by a power of two at every step, and its norms are taken at
every lag. That costs n products of a step's Jacobian with a vector at each step.

Probed: of the product J only products with vectors are taken.

- Power iteration (JᵀJ)^q on a few random vectors at some lags, short ones and ever longer ones. It finds the directions
  u that the product ends in. They change little from lag to lag, so all of them together, as the rows U, bound the norm
  at every lag from below by ‖U·J‖.
- What U misses is bounded by p random probes off U. A Gaussian vector of p numbers is hardly ever shorter than the
  quantile of χ² says: ‖(1 − UᵀU)·J‖ ≤ ‖Ω·J‖/√χ², and at the lags of the power iteration the same argument gives a
  second bound. Neither asks anything of the singular values. The sum of squares behind the Frobenius norm has its
  widest spread where one singular value holds all of it (Székely & Bakirov 2003); its bounds are taken from there.

The stated value is the middle of both bounds in powers of ten, and the stated error half of what lies between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainer.maths.logscale import log10, log10_frobenius, log10_spectral
from explainer.reach.recurrence import Recurrence

Progress = Callable[[float], None]

EXACT, PROBED = "exact", "probed"
AFFORDABLE = 2.5e11  # multiplications of an exact measurement: n = 512 at T = 200
PROBES = 32  # random vectors for what the power iteration has missed
VECTORS = 4  # of the power iteration, at each of its lags
ITERATIONS = 3
TAIL = 1e-3  # how often one bound may fail

_CHUNK = 2_000_000  # elements whose norms are taken at once


@dataclass(frozen=True)
class Norms:
    """log10 of the norms of ∂s(T)/∂s(T−lag), lag = 0…T−1, shape (T,) each; −inf for exactly 0.

    Attributes:
        spectral, frobenius: the largest singular value; the root of the sum of squares.
        spectral_error, frobenius_error: decades by which they may be off, either way; 0 where they are exact.
        method: ``exact`` or ``probed``.
    """

    spectral: np.ndarray
    frobenius: np.ndarray
    spectral_error: np.ndarray
    frobenius_error: np.ndarray
    method: str


def measure(recurrence: Recurrence, *, exactly: bool | None, seed: int, progress: Progress) -> Norms:
    """The norms of a recurrence.

    Args:
        recurrence: what is measured.
        exactly: whether exactly or by probes; None decides by the cost.
        seed: of the probes.
        progress: is told the share that is done.
    """
    if exactly is None:
        cost = 2 * recurrence.size * recurrence.weights * recurrence.length
        exactly = cost <= AFFORDABLE or recurrence.size <= 2 * PROBES
    recurrence = recurrence.tabled()
    return exact(recurrence, progress) if exactly else probed(recurrence, seed, progress)


def rescaled(vectors: Tensor) -> tuple[Tensor, int]:
    """The same vectors over 2^shift, the largest entry near 1, and the shift; 0 where all are 0 or not finite."""
    largest = float(vectors.abs().max()) if vectors.numel() else 0.0
    if largest == 0 or not math.isfinite(largest):
        return vectors, 0
    shift = max(-1000, min(1000, math.frexp(largest)[1]))
    return vectors * 2.0**-shift, shift


def exact(recurrence: Recurrence, progress: Progress) -> Norms:
    """The norms from the whole product, at every lag."""
    n, length = recurrence.size, recurrence.length
    rows, exponent = recurrence.in_the_state(torch.eye(n, dtype=recurrence.states.dtype)), 0
    spectral, frobenius, chunk, exponents = [], [], [], []
    for t in range(length, 0, -1):
        chunk.append(recurrence.leave(t, rows).numpy())
        exponents.append(exponent)
        if len(chunk) * n * n >= _CHUNK or t == 1:
            matrices, powers = np.stack(chunk), np.array(exponents)
            frobenius.append(log10_frobenius(matrices, powers))
            spectral.append(log10_spectral(matrices, powers))
            chunk, exponents = [], []
        if t > 1:
            rows, shift = rescaled(recurrence.step_back(t, rows))
            exponent += shift
        progress((length - t + 1) / length)
    nothing = np.zeros(length)
    return Norms(np.concatenate(spectral), np.concatenate(frobenius), nothing, nothing, EXACT)


# --- by probes ----------------------------------------------------------------------------------------------


def quantile(share: float, degrees: int) -> float:
    """The number below which a χ² variable of an even number of degrees of freedom lies with this probability."""

    def below(x: float) -> float:
        term, total = 1.0, 1.0
        for i in range(1, degrees // 2):
            term *= x / 2 / i
            total += term
        return 1 - math.exp(-x / 2) * total

    low, high = 0.0, 10.0 * degrees + 100
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return low


def sparse_lags(length: int) -> list[int]:
    """The lags of the power iteration: the shortest, then ever longer ones, up to T−1."""
    lags, lag = [], 1
    while lag < length:
        lags.append(lag)
        lag = max(lag + 1, round(lag * 1.5))
    return sorted({*lags, length - 1} - {0})


def _unit(vectors: Tensor) -> tuple[Tensor, np.ndarray]:
    """Each vector (m, n) at length 1, and log10 of its length (m,); 0 stays 0."""
    length = vectors.norm(dim=1)
    return vectors / length.clamp(min=torch.finfo(vectors.dtype).tiny)[:, None], log10(length.numpy())


def _onwards(
    recurrence: Recurrence, lags: list[int], starts: Tensor, tick: Callable[[], None]
) -> tuple[Tensor, np.ndarray]:
    """J_lag · its starts: (lags, b, n) → unit vectors (lags, b, n) and log10 of their lengths (lags, b)."""
    length, b = recurrence.length, starts.shape[1]
    joins = {length - lag: i for i, lag in enumerate(lags)}
    columns, logs, order = starts.new_zeros(0, recurrence.states.shape[1]), np.zeros(0), []
    for t in range(min(joins), length + 1):
        if len(columns):
            columns, grown = _unit(recurrence.step_on(t, columns))
            tick()
            logs = logs + grown
        if t in joins:
            entered, grown = _unit(recurrence.enter(t, starts[joins[t]]))
            columns, logs = torch.cat([columns, entered]), np.concatenate([logs, grown])
            order.append(joins[t])
    parts, grown = _unit(columns[:, recurrence.measured])
    back = np.argsort(order)
    return parts.view(len(lags), b, -1)[torch.from_numpy(back)], (logs + grown).reshape(len(lags), b)[back]


def _backwards(
    recurrence: Recurrence, lags: list[int], ends: Tensor, tick: Callable[[], None]
) -> tuple[Tensor, np.ndarray]:
    """its ends · J_lag, as :func:`_onwards`."""
    length, b = recurrence.length, ends.shape[1]
    rows = recurrence.in_the_state(ends.flip(0).reshape(-1, recurrence.size))  # the longest lag first
    logs, left, left_logs = np.zeros(len(rows)), [], []
    for i, lag in enumerate(lags):
        for t in range(length - (lags[i - 1] if i else 0), length - lag, -1):
            rows, grown = _unit(recurrence.step_back(t, rows))
            logs = logs + grown
            tick()
        out, grown = _unit(recurrence.leave(length - lag, rows[-b:]))
        left.append(out)
        left_logs.append(logs[-b:] + grown)
        rows, logs = rows[:-b], logs[:-b]
    return torch.stack(left), np.stack(left_logs)


def _power_iteration(
    recurrence: Recurrence, lags: list[int], generator: torch.Generator, tick: Callable[[], None]
) -> tuple[Tensor, np.ndarray]:
    """The directions that the products end in (directions, n), and an upper bound of log10 of each norm (lags,)."""
    vectors = min(VECTORS, recurrence.size) // 2 * 2 or 2
    start = torch.randn(len(lags), vectors, recurrence.size, generator=generator, dtype=recurrence.states.dtype)
    vectors_now, logs = start / (norm := start.norm(dim=2, keepdim=True)), log10(norm[..., 0].numpy())
    for _ in range(ITERATIONS):
        ends, grown = _onwards(recurrence, lags, vectors_now, tick)
        logs = logs + grown
        vectors_now, grown = _backwards(recurrence, lags, ends, tick)
        logs = logs + grown
    ends, grown = _onwards(recurrence, lags, vectors_now, tick)
    logs = logs + grown
    largest = np.where(np.isfinite(logs), logs, -np.inf).max(1)
    safe = np.where(np.isfinite(largest), largest, 0.0)
    scaled = ends.numpy() * (10.0 ** (logs - safe[:, None]))[..., None]
    bound = (log10_spectral(scaled) + safe - log10(np.array(quantile(TAIL, vectors))) / 2) / (2 * ITERATIONS + 1)
    return ends.reshape(-1, recurrence.size), bound


def probed(recurrence: Recurrence, seed: int, progress: Progress) -> Norms:
    """The norms at every lag between bounds, from products with a few vectors; see the module."""
    generator = torch.Generator().manual_seed(seed)
    n, length = recurrence.size, recurrence.length
    lags = sparse_lags(length)
    steps, done = (2 * ITERATIONS + 2) * length, itertools.count(1)

    def tick() -> None:
        progress(next(done) / steps)

    upper = np.full(length, np.inf)
    basis = recurrence.states.new_zeros(0, n)
    if lags:
        ends, upper[lags] = _power_iteration(recurrence, lags, generator, tick)
        basis = torch.linalg.qr(ends.T)[0].T[: n // 2]
    probes = torch.randn(PROBES, n, generator=generator, dtype=basis.dtype)
    probes = probes - probes @ basis.T @ basis
    rows, exponent = recurrence.in_the_state(torch.cat([basis, probes])), 0
    low, high = quantile(TAIL, PROBES), quantile(1 - TAIL, PROBES)
    spectral, spectral_error, frobenius, frobenius_error = (np.zeros(length) for _ in range(4))
    for lag in range(length):
        t = length - lag
        product, shift = rescaled(recurrence.leave(t, rows))
        known, missed = product[: len(basis)].numpy(), product[len(basis) :].numpy()
        power = (exponent + shift) * math.log10(2)
        found = 2 * log10_spectral(known) if len(known) else -np.inf
        most = log10(10**found + 10 ** (2 * log10_spectral(missed)) / low)
        both = found / 2 + power, min(most / 2 + power, upper[lag])
        spectral[lag], spectral_error[lag] = _middle(*both)
        squares, others = float(np.square(known).sum()), float(np.square(missed).sum())
        ends_of = [float(log10(np.array(squares + others / q))) / 2 + power for q in (high, low)]
        frobenius[lag], frobenius_error[lag] = _middle(*ends_of)
        if t > 1:
            rows, shift = rescaled(recurrence.step_back(t, rows))
            exponent += shift
        tick()
    spectral[0], spectral_error[0] = 0.0, 0.0  # the identity
    frobenius[0], frobenius_error[0] = math.log10(n) / 2, 0.0
    return Norms(spectral, frobenius, spectral_error, frobenius_error, PROBED)


def _middle(low: float, high: float) -> tuple[float, float]:
    """The middle of two bounds and half of what lies between; without a lower bound the upper one, and no error."""
    if not math.isfinite(low):
        return high, (0.0 if high == low else math.inf)
    return (low + max(low, high)) / 2, max(0.0, (high - low) / 2)
