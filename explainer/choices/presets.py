"""Named states of the page, each of which sets up one fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from explainer.choices.settings import Settings


@dataclass(frozen=True)
class Preset:
    """A named state of the page that sets up one fact; what it does not name is at its default.

    Attributes:
        name: as its button says.
        fact: what there is to see.
        section: the slug of the section that shows it.
        changes: the controls that are not at their defaults.
    """

    name: str
    fact: str
    section: str
    changes: Mapping[str, str | float | int]

    @property
    def settings(self) -> Settings:
        return Settings(**self.changes)


PRESETS: tuple[Preset, ...] = (
    Preset("Vanishing", "tanh with w = 0.9: the gradient decays at every step", "k-steps", {}),
    Preset("Exploding", "identity with w = 1.1: exactly wᵏ, and it grows", "k-steps", {"act": "identity", "w": 1.1}),
    Preset(
        "Knife-edge w = 1",
        "tanh with w = 1: slower than any exponential, and still down",
        "vanish-or-explode",
        {"w": 1.0, "k": 100},
    ),
    Preset(
        "Saturated tanh",
        "tanh with w = 1.5 from a small start: as k grows, up like wᵏ, then down",
        "k-steps",
        {"w": 1.5, "h0": 0.1, "k": 20},
    ),
    Preset(
        "Logistic never explodes",
        "logistic with w = 8, and still vanishing",
        "vanish-or-explode",
        {"act": "logistic", "w": 8.0, "k": 30},
    ),
    Preset(
        "Dead ReLU",
        "ReLU with w < 0: after at most two steps exactly nothing",
        "k-steps",
        {"act": "relu", "w": -0.9, "k": 20},
    ),
    Preset(
        "Active ReLU", "ReLU with w = 1: the gradient passes unchanged", "k-steps", {"act": "relu", "w": 1.0, "k": 100}
    ),
    Preset(
        "Long memory",
        "a gate of 0.999 keeps nine tenths over a hundred steps",
        "product-of-gates",
        {"f": 0.999, "k": 100},
    ),
    Preset(
        "Default biases",
        "a gate of 0.5, as PyTorch starts it: gone within a few steps",
        "product-of-gates",
        {"f": 0.5, "k": 20},
    ),
    Preset(
        "A gate that reads c",
        "f = logistic(u·c + b): the derivative is no longer the gate alone",
        "gate-steps",
        {"gate": "state", "f": 0.9, "u": 2.0, "k": 20},
    ),
    Preset(
        "Gone in float16",
        "logistic with w = 1: float16 holds nothing of it after a dozen steps",
        "number-formats",
        {"act": "logistic", "w": 1.0, "k": 30},
    ),
    Preset(
        "Restless gate",
        "the gate varies; the product of gates follows it",
        "product-of-gates",
        {"gate": "varying", "spread": 2.0},
    ),
    Preset(
        "LSTM as torch starts it",
        "the forget gates are near 0.5, and the direct path is gone within some twenty steps",
        "many-paths",
        {"T": 50},
    ),
    Preset(
        "LSTM with forget bias 3", "the same networks, and the direct path holds", "many-paths", {"T": 50, "bf": 3.0}
    ),
    Preset(
        "Real networks explode",
        "with gain 8 most draws of the RNN explode, and single draws of LSTM and GRU can",
        "many-paths",
        {"T": 50, "gain": 8.0},
    ),
)
