"""What follows from a measurement, in numbers. Each sentence can be applied to the network and measured again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from explainer import words
from explainer.maths.logscale import log10
from explainer.reach.modules import Run

KEPT = 0.1  # the share that a forget bias should keep over the wanted lag
MOST_ADDED = 30.0  # to a bias

_AT_ONCE, _ROUNDS = 16, 4  # biases that are tried at a time, and how often what lies between two of them is divided

GATES, FORGET_BIAS, GAIN, CLIPPING, FORMAT, TRAJECTORY = (
    "gates",
    "forget bias",
    "gain",
    "clipping",
    "number format",
    "trajectory",
)


@dataclass(frozen=True)
class Advice:
    """One computed sentence.

    Attributes:
        about: one of this module's names.
        layer: the layer that it is about.
        says: the sentence.
        value: the number that can be applied: what to add to the bias, the factor on W_hh; None where there is none.
    """

    about: str
    layer: str
    says: str
    value: float | None = None

    def __str__(self) -> str:
        return f"{self.layer.capitalize()}: {self.says}"


def advise(layers: Sequence, runs: Sequence[Sequence[Run]], lag: int, threshold: float) -> tuple[Advice, ...]:
    """The advice for each layer.

    Args:
        layers: what was measured, by layer.
        runs: of each layer, its runs, one for each sequence.
        lag: the wanted lag.
        threshold: the share that counts as reaching.
    """
    by_layer = [
        one
        for layer, own in zip(layers, runs, strict=True)
        for one in (
            *_gates(layer, own, lag),
            *_gain(layer, own),
            _clipping(layer, lag, threshold),
            _number_format(layer, lag),
        )
    ]
    return (*by_layer, *_trajectory(layers, lag))


# --- gates --------------------------------------------------------------------------------------------------


def middle_product(gates: Sequence[np.ndarray], lag: int) -> float:
    """log10 of the product of the last `lag` gates (T, n) in the middle unit of all sequences."""
    products = [log10(np.abs(one[len(one) - lag :])).sum(0) for one in gates]
    return float(np.median(np.concatenate(products)))


def independent_bias(lag: int) -> float:
    """The forget bias at which a gate that reads nothing keeps 10 % over the lag: logit(0.1^(1/lag))."""
    log_gate = math.log(KEPT) / lag
    return log_gate - math.log(-math.expm1(log_gate))


def _gates(layer, runs: Sequence[Run], lag: int) -> list[Advice]:
    if layer.gates is None or not lag:
        return []
    product = middle_product(layer.gates, lag)
    mean = float(layer.gates.mean())
    said = [
        Advice(
            GATES,
            layer.name,
            f"its gates keep {words.percent(mean)} a step on average; over {words.steps(lag)} the middle unit keeps "
            f"{words.magnitude(product, 1, 2)}.",
            mean,
        )
    ]
    if product >= math.log10(KEPT):
        return said
    rule = (
        f"a gate that reads nothing would need a forget bias of {words.number(independent_bias(lag))} "
        "(compare Tallec & Ollivier 2018)"
    )
    added = bias_to_add(runs, lag)
    text = (
        f"add {words.number(added, 4)} to this gate's bias, and on these inputs the direct path of the middle unit "
        f"keeps {words.percent(KEPT)} over {words.steps(lag)}; {rule}."
        if added is not None
        else f"no bias up to {words.number(MOST_ADDED)} more makes the direct path keep {words.percent(KEPT)} over "
        f"{words.steps(lag)} on these inputs; {rule}."
    )
    return [*said, Advice(FORGET_BIAS, layer.name, text, added)]


def bias_to_add(runs: Sequence[Run], lag: int) -> float | None:
    """What to add to the bias of the gate that keeps, so that the middle unit keeps 10 % over the lag.

    The network is run again with each bias that is tried: its states, and so the gates that read them, move too. It is
    rounded up to thousandths. None where no bias up to the largest will do.
    """

    low, high = 0.0, MOST_ADDED
    for _ in range(_ROUNDS):
        tried = torch.linspace(low, high, _AT_ONCE, dtype=torch.float64)
        gates = [run.gates_with_bias_added(tried).numpy() for run in runs]
        enough = [middle_product([one[i] for one in gates], lag) >= math.log10(KEPT) for i in range(_AT_ONCE)]
        if not any(enough):
            return None
        first = enough.index(True)
        low, high = float(tried[max(first - 1, 0)]), float(tried[first])
    return math.ceil(1000 * high) / 1000


# --- the others ---------------------------------------------------------------------------------------------


def _gain(layer, runs: Sequence[Run]) -> list[Advice]:
    if layer.gates is not None or not runs:
        return []
    largest = float(torch.linalg.matrix_norm(runs[0].layer.weights["weight_hh_l0"], 2))
    if largest == 0:
        return []
    gain = 1 / largest
    return [
        Advice(
            GAIN,
            layer.name,
            f"the largest singular value of W_hh is {words.number(largest)}; times {words.number(gain, 4)} it is 1, "
            "and no gradient of this layer can grow. Nothing then keeps it from shrinking but slopes of 1.",
            gain,
        )
    ]


def _clipping(layer, lag: int, threshold: float) -> Advice:
    size = float(layer.log10_spectral[lag])
    said = words.magnitude(size, 1, 2)
    if size > 0:
        text = (
            f"at lag {lag} the gradient has grown to {said}; clipping shortens the whole step, and all lags by the "
            "same factor: how the lags compare stays as it is."
        )
    elif size < math.log10(threshold):
        text = f"clipping cannot help: at lag {lag} there is {said} left, and clipping only shortens."
    else:
        text = f"at lag {lag} there is {said}; there is nothing to clip on its account."
    return Advice(CLIPPING, layer.name, text)


def _number_format(layer, lag: int) -> Advice:
    size = float(layer.log10_spectral[lag])
    value = torch.tensor(10.0 ** min(max(size, -330.0), 308.0), dtype=torch.float64)
    said, is_lost = [], False
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        held = float(value.to(dtype))
        is_lost = is_lost or held == 0 or math.isinf(held)
        said.append(f"{name} {'rounds it to 0' if held == 0 else 'overflows' if math.isinf(held) else 'holds it'}")
    scaled = ", unless the loss is scaled" if is_lost else ""
    return Advice(FORMAT, layer.name, f"{words.magnitude(size, 1, 2)} at lag {lag}: {' and '.join(said)}{scaled}.")


def _trajectory(layers: Sequence, lag: int) -> list[Advice]:
    ranges = [
        Advice(
            TRAJECTORY,
            layer.name,
            f"over these sequences the gradient at lag {lag} lies between {words.magnitude(low, 1, 2)} and "
            f"{words.magnitude(high, 1, 2)}.",
        )
        for layer in layers
        if (low := float(layer.lowest[lag])) != (high := float(layer.highest[lag]))
    ]
    general = (
        "all of this is of the trajectory on these inputs. Inputs that open the gates carry a gradient further, and a "
        "network may learn with their help."
    )
    return [*ranges, Advice(TRAJECTORY, "whole network" if len(layers) > 1 else layers[0].name, general)]
