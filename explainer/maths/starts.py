"""Ways to start a recurrent network so that it remembers, beyond a forget bias. One registry, `STARTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from explainer.maths.cell_types import CELLS
from explainer.maths.equations import RECURRENT_WEIGHT, Weights

RING = (0.9, 0.999)
"""Between which radii the ring of an LRU lies: as for two tasks of Orvieto et al. 2023 (Table 8)."""


@dataclass(frozen=True)
class Start:
    """One way to start.

    Attributes:
        label: what it sets, in words.
        source: where it comes from.
        cells: the cell types that it is for, names in `CELLS`.
        apply: (cell, parameters by name, k, generator) sets the parameters of a drawn network in place.
    """

    label: str
    source: str
    cells: tuple[str, ...]
    apply: Callable[[str, Weights, int, torch.Generator], None]


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty(count, dtype=torch.float64).uniform_(low, high, generator=generator)


def _orthogonal(cell: str, weights: Weights, k: int, generator: torch.Generator) -> None:
    """W_hh from the orthogonal matrices, all alike likely: QR of normal numbers, with R's diagonal positive."""
    n = weights[RECURRENT_WEIGHT].shape[-1]
    q, r = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    weights[RECURRENT_WEIGHT].copy_(q * r.diagonal().sign())


def _identity(cell: str, weights: Weights, k: int, generator: torch.Generator) -> None:
    """W_hh the identity, the biases 0."""
    weights[RECURRENT_WEIGHT].copy_(torch.eye(weights[RECURRENT_WEIGHT].shape[-1]))
    for name in ("bias_ih_l0", "bias_hh_l0"):
        weights[name].zero_()


def _time_scale(cell: str, weights: Weights, k: int, generator: torch.Generator) -> None:
    """Forget biases log u, u uniform from 1 to k − 1: time scales of u + 1 steps. An LSTM's input gate gets −log u."""
    n = CELLS[cell].hidden_size(weights)
    bias = _uniform(n, 1, max(k - 1, 1), generator).log()
    CELLS[cell].set_keep(weights, bias)
    if cell == "lstm":
        weights["bias_ih_l0"][:n] = -bias
        weights["bias_hh_l0"][:n] = 0.0


def _ring(cell: str, weights: Weights, k: int, generator: torch.Generator) -> None:
    """|a| so that a is uniform on the area of a ring, whose angles are drawn already, from the whole circle.

    Orvieto et al. 2023, section 3.2.2: |a|² = u·(r_max² − r_min²) + r_min², u uniform from 0 to 1.
    """
    inner, outer = RING
    share = _uniform(len(weights["keep_l0"]), 0, 1, generator)
    size = (share * (outer**2 - inner**2) + inner**2).sqrt()
    weights["keep_l0"].copy_(size.logit())


STARTS: Mapping[str, Start] = MappingProxyType(
    {
        "orthogonal": Start(
            "orthogonal recurrent weights", "Saxe, McClelland & Ganguli 2014", ("rnn", "relu"), _orthogonal
        ),
        "identity": Start("recurrent weights 1, biases 0", "Le, Jaitly & Hinton 2015", ("rnn", "relu"), _identity),
        "time-scale": Start(
            "biases from the time scale",
            "Tallec & Ollivier 2018",
            ("lstm", "leaky", "coupled", "mingru", "ssm"),
            _time_scale,
        ),
        "ring": Start("eigenvalues on a ring", "Orvieto et al. 2023", ("lru",), _ring),
    }
)
"""Every way to start, by name."""
