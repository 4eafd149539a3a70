"""What each of the pages shows: a gradient against the lag, for three functions around w·h(t−1), by numpy.

Their environment has no torch. numpy is quicker here, which is in their favour.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from explainer.choices.controls import CONTROL

TITLE, AXIS = "Recurrent weight w", "log10 of the gradient"
W = CONTROL["w"].values  # the slider of a page says a place in this grid
START = W.index(CONTROL["w"].default)
LAGS = list(range(CONTROL["k"].default + 1))
H0 = CONTROL["h0"].default
SMALLEST = 1e-300  # a logarithm of 0 cannot be drawn

SLIDER = 260  # pixels, of which a thumb has 216 to 260 to move in; on our page 244
WIDTH, HEIGHT = 790, 250  # of a chart: three are in sight


def _logistic(x: float) -> float:
    return 1 / (1 + np.exp(-x))


FUNCTIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {  # σ, and σ′ where σ has a value
    "identity": (lambda x: x, lambda value: 1.0),
    "tanh": (np.tanh, lambda value: 1 - value**2),
    "logistic": (_logistic, lambda value: value * (1 - value)),
}


def log10_gradients(w: float) -> dict[str, list[float]]:
    """log10|∂h(t)/∂h(t−lag)| for each function and lag."""
    found = {}
    for name, (function, slope) in FUNCTIONS.items():
        state, factors = H0, []
        for _ in LAGS[1:]:
            state = function(w * state)
            factors.append(w * slope(state))
        gradient = np.cumprod([1.0, *reversed(factors)])
        found[name] = np.log10(np.maximum(np.abs(gradient), SMALLEST)).tolist()
    return found
