"""Magnitudes given by their log10, also where float64 could not hold them."""

from __future__ import annotations

import math

import numpy as np


def first_below(log10_magnitude: np.ndarray, threshold: float) -> int | None:
    """The first lag at which a magnitude is below the threshold; None: nowhere.

    Args:
        log10_magnitude: by lag from 0 on, shape (lags,).
        threshold: a magnitude, not its logarithm.

    Raises:
        ValueError: the threshold is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, not {threshold!r}")
    below = np.flatnonzero(log10_magnitude < math.log10(threshold))
    return int(below[0]) if len(below) else None
