"""What follows from a measurement, in numbers. Each sentence can be applied to the network and measured again."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from explainer import words
from explainer.languages import say
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


@dataclass(frozen=True, repr=False)
class Advice:
    """One computed sentence.

    Attributes:
        about: one of this module's names.
        layer: the layer that it is about.
        in_words: gives the sentence, in the language that is spoken when it is asked for.
        value: the number that can be applied: what to add to the bias, the factor on W_hh; None where there is none.
    """

    about: str
    layer: str
    in_words: Callable[[], str] = field(compare=False)
    value: float | None = None

    @property
    def says(self) -> str:
        """The sentence."""
        return self.in_words()

    def __repr__(self) -> str:
        return f"Advice(about={self.about!r}, layer={self.layer!r}, says={self.says!r}, value={self.value!r})"

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
            lambda: say(
                "its gates keep {share} a step on average; over {steps} the middle unit keeps {kept}.",
                share=words.percent(mean),
                steps=words.steps(lag),
                kept=words.magnitude(product, 1, 2),
            ),
            mean,
        )
    ]
    if product >= math.log10(KEPT):
        return said
    added = bias_to_add(runs, lag)
    return [*said, Advice(FORGET_BIAS, layer.name, lambda: _bias_in_words(added, lag), added)]


def _bias_in_words(added: float | None, lag: int) -> str:
    share, steps, independent = words.percent(KEPT), words.steps(lag), words.number(independent_bias(lag))
    if added is None:
        return say(
            "no bias up to {most} more makes the direct path keep {share} over {steps} on these inputs; a gate that "
            "reads nothing would need a forget bias of {independent} (compare Tallec & Ollivier 2018).",
            most=words.number(MOST_ADDED),
            share=share,
            steps=steps,
            independent=independent,
        )
    return say(
        "add {added} to this gate's bias, and on these inputs the direct path of the middle unit keeps {share} over "
        "{steps}; a gate that reads nothing would need a forget bias of {independent} "
        "(compare Tallec & Ollivier 2018).",
        added=words.number(added, 4),
        share=share,
        steps=steps,
        independent=independent,
    )


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
            lambda: say(
                "the largest singular value of W_hh is {largest}; times {gain} it is 1, and no gradient of this layer "
                "can grow. Nothing then keeps it from shrinking but slopes of 1.",
                largest=words.number(largest),
                gain=words.number(gain, 4),
            ),
            gain,
        )
    ]


def _clipping(layer, lag: int, threshold: float) -> Advice:
    size = float(layer.log10_spectral[lag])
    return Advice(CLIPPING, layer.name, lambda: _clipping_in_words(size, lag, threshold))


def _clipping_in_words(log10_size: float, lag: int, threshold: float) -> str:
    size = words.magnitude(log10_size, 1, 2)
    if log10_size > 0:
        return say(
            "at lag {lag} the gradient has grown to {size}; clipping shortens the whole step, and all lags by the same "
            "factor: how the lags compare stays as it is.",
            lag=lag,
            size=size,
        )
    if log10_size < math.log10(threshold):
        return say(
            "clipping cannot help: at lag {lag} there is {size} left, and clipping only shortens.", lag=lag, size=size
        )
    return say("at lag {lag} there is {size}; there is nothing to clip on its account.", lag=lag, size=size)


def _number_format(layer, lag: int) -> Advice:
    size = float(layer.log10_spectral[lag])
    value = torch.tensor(10.0 ** min(max(size, -330.0), 308.0), dtype=torch.float64)
    held = {"float16": float(value.to(torch.float16)), "bfloat16": float(value.to(torch.bfloat16))}
    return Advice(FORMAT, layer.name, lambda: _formats_in_words(size, lag, held))


def _formats_in_words(log10_size: float, lag: int, held: Mapping[str, float]) -> str:
    formats = words.listed([_held_in_words(name, value) for name, value in held.items()])
    size = words.magnitude(log10_size, 1, 2)
    if any(value == 0 or math.isinf(value) for value in held.values()):
        return say("{size} at lag {lag}: {formats}, unless the loss is scaled.", size=size, lag=lag, formats=formats)
    return say("{size} at lag {lag}: {formats}.", size=size, lag=lag, formats=formats)


def _held_in_words(name: str, held: float) -> str:
    if held == 0:
        return say("{format} rounds it to 0", format=name)
    return say("{format} overflows", format=name) if math.isinf(held) else say("{format} holds it", format=name)


def _trajectory(layers: Sequence, lag: int) -> list[Advice]:
    ranges = [
        Advice(TRAJECTORY, layer.name, functools.partial(_range_in_words, low, high, lag))
        for layer in layers
        if (low := float(layer.lowest[lag])) != (high := float(layer.highest[lag]))
    ]
    return [*ranges, Advice(TRAJECTORY, "whole network" if len(layers) > 1 else layers[0].name, _trajectory_in_words)]


def _range_in_words(low: float, high: float, lag: int) -> str:
    return say(
        "over these sequences the gradient at lag {lag} lies between {low} and {high}.",
        lag=lag,
        low=words.magnitude(low, 1, 2),
        high=words.magnitude(high, 1, 2),
    )


def _trajectory_in_words() -> str:
    return say(
        "all of this is of the trajectory on these inputs. Inputs that open the gates carry a gradient further, and a "
        "network may learn with their help."
    )
