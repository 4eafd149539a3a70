"""Products and norms that leave float64's range: a matrix is kept as 2^exponent × matrix, a norm as its log10."""

from __future__ import annotations

import math

import numpy as np

SPECTRAL = "spectral"  # the largest singular value: the most that any direction is stretched
FROBENIUS = "frobenius"  # the root of the sum of squares: at least the spectral norm, at most √n times it

_LOG10_2 = math.log10(2.0)
ZERO = -(2**40)  # the exponent of a matrix of zeros: below that of any other


def rescaled(matrices: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same 2^exponent × matrices (b, m, n), exponent (b,), with their largest entries near 1.

    Only powers of two are moved, so no digit is lost.
    """
    largest = np.abs(matrices).max((-2, -1))
    shift = np.frexp(largest)[1].clip(-1000, 1000)
    return matrices * np.ldexp(1.0, -shift)[:, None, None], np.where(largest > 0, exponent + shift, ZERO)


def added(
    left: np.ndarray, left_exponent: np.ndarray, right: np.ndarray, right_exponent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The sum of two stacks of 2^exponent × matrices (b, m, n), and its exponent (b,)."""
    exponent = np.maximum(left_exponent, right_exponent)
    left_scale, right_scale = (
        np.ldexp(1.0, np.maximum(one - exponent, -1000))[:, None, None] for one in (left_exponent, right_exponent)
    )
    return left * left_scale + right * right_scale, exponent


def log10(values: np.ndarray) -> np.ndarray:
    """log10, −inf for 0; any shape."""
    with np.errstate(divide="ignore"):
        return np.log10(values)


def _scaled(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrices (..., m, n) with their largest entry at 1 (all 0 stays 0), and log10 of what it was."""
    largest = np.abs(matrices).max((-2, -1)).clip(np.finfo(float).tiny)
    return matrices / largest[..., None, None], np.log10(largest)


def log10_frobenius(matrices: np.ndarray, exponent: np.ndarray | int = 0) -> np.ndarray:
    """log10 of the Frobenius norm of 2^exponent × matrices (..., m, n), shape (...); −inf for 0."""
    squared = np.einsum("...ij,...ij->...", matrices, matrices)
    if ((squared > 1e-200) & (squared < 1e200)).all():  # no square has left float64
        return np.log10(squared) / 2 + exponent * _LOG10_2
    scaled, log10_largest = _scaled(matrices)
    return log10(np.square(scaled).sum((-2, -1))) / 2 + log10_largest + exponent * _LOG10_2


def log10_spectral(matrices: np.ndarray, exponent: np.ndarray | int = 0) -> np.ndarray:
    """log10 of the largest singular value of 2^exponent × matrices (..., m, n), shape (...); −inf for 0.

    The root of the largest eigenvalue of M·Mᵀ: for the largest one that loses no digits, and it takes half the time.
    """
    scaled, log10_largest = _scaled(matrices)
    squared = np.linalg.eigvalsh(scaled @ scaled.swapaxes(-2, -1))[..., -1].clip(0)
    return log10(squared) / 2 + log10_largest + exponent * _LOG10_2


LOG10_NORM = {SPECTRAL: log10_spectral, FROBENIUS: log10_frobenius}


def first_below(log10_magnitude: np.ndarray, threshold: float) -> int | None:
    """The first lag at which a magnitude, given by its log10 (lags,), is below the threshold; None: at none.

    Raises:
        ValueError: the threshold is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, not {threshold!r}")
    below = np.flatnonzero(log10_magnitude < math.log10(threshold))
    return int(below[0]) if len(below) else None
