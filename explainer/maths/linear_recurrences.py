"""Cells whose memory is not squashed: h(t) = a(t)·h(t−1) + u(t), where neither a nor u reads the state.

Each cell is its two terms, a(t) and u(t), as a function of its weights and of the input alone. So ∂h(t)/∂h(t−k) is
exactly the product of the a between, and all states follow from one another in ⌈log₂ T⌉ rounds of a parallel scan.

Parameters are named after torch's: weight_ih_l0 (m·n, I) and bias_ih_l0 (m·n), for m blocks of n rows. There is no
weight_hh_l0. Besides, by cell: keep_l0, logistic of which is |a|; angle_l0, the angles of complex a, in units of π/√n;
rate_l0, log |A| of the state space. All formulas hold for any leading batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, pad

from explainer.maths.equations import Weights

Terms = Callable[[Weights, Tensor], tuple[Tensor, Tensor]]
Shapes = Callable[[int], Mapping[str, tuple[int, ...]]]


# --- the terms of each cell: (weights, x (..., I)) → a(t), u(t), (..., n) each ------------------------------


def _from_input(weights: Weights, x: Tensor, blocks: int) -> tuple[Tensor, ...]:
    """W·x + b, in this many blocks of n rows."""
    return (x @ weights["weight_ih_l0"].mT + weights["bias_ih_l0"]).chunk(blocks, -1)


def _normalised(keep: Tensor) -> Tensor:
    """√(1 − a²) for a = logistic(keep): with it the memory of noise is as large as the noise, however slow it is.

    1 − a² as (1 + a)·logistic(−keep), so that it keeps its digits.
    """
    return ((1 + torch.sigmoid(keep)) * torch.sigmoid(-keep)).sqrt()


def fixed_terms(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """A linear recurrent unit with real a: a parameter, the same at every step (Orvieto et al. 2023)."""
    (written,) = _from_input(weights, x, 1)
    return torch.sigmoid(weights["keep_l0"]), _normalised(weights["keep_l0"]) * written


def complex_terms(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """The linear recurrent unit of Orvieto et al. 2023: complex a within the unit circle, (..., ⌈n/2⌉) each.

    Two of the n numbers are one complex number. Of an odd n the last one stands alone, and its a is real.

    The paper's |a| is exp(−exp(ν)) (section 3.3), here it is the logistic of a parameter, as of any other gate. The
    scale of the input, √(1 − |a|²), is only where the paper's starts (γ, section 3.4): there it is trained by itself.
    """
    (written,) = _from_input(weights, x, 1)
    keep, n = weights["keep_l0"], written.shape[-1]
    angle = pad(math.pi * math.sqrt(n) * weights["angle_l0"], (0, n % 2))
    return torch.polar(torch.sigmoid(keep), angle), _normalised(keep) * as_complex(written)


def min_gru_terms(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """minGRU: (1 − z)·h(t−1) + z·candidate, both of which the input sets (Feng et al. 2024)."""
    z, candidate = _from_input(weights, x, 2)
    return torch.sigmoid(-z), torch.sigmoid(z) * candidate


def min_lstm_terms(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """minLSTM: the forget and the input gate, scaled so that they add up to 1 (Feng et al. 2024)."""
    f, i, candidate = _from_input(weights, x, 3)
    ratio = logsigmoid(f) - logsigmoid(i)  # f/(f + i) as logistic(log f − log i)
    return torch.sigmoid(ratio), torch.sigmoid(-ratio) * candidate


def state_space_terms(weights: Weights, x: Tensor) -> tuple[Tensor, Tensor]:
    """A selective state space, diagonal, one state a channel: a = exp(Δ·A) with a Δ that the input sets.

    Δ = softplus(W·x + b), A < 0, and the input is held from step to step: u = (exp(Δ·A) − 1)/A·B·x (Gu & Dao 2023,
    equation 4 and Algorithm 2). Here B·x is a linear map of the input. The authors' program has the first order of it,
    Δ·B·x (selective_scan_ref in state-spaces/mamba); a(t) is the same.

    With A = −1 these are the terms of :func:`min_gru_terms`. If B·x is x itself, that is Theorem 1 (section 3.5.1).
    """
    step, written = _from_input(weights, x, 2)
    rate = torch.exp(weights["rate_l0"])  # −A
    exponent = rate * logsigmoid(-step)  # −softplus(x) is log logistic(−x)
    return torch.exp(exponent), -torch.expm1(exponent) / rate * written


# --- how much is kept at the start: (weights, b) sets them so that logistic(b) of the memory is kept --------


def keep_by_parameter(weights: Weights, bias: Tensor | float) -> None:
    weights["keep_l0"][:] = bias


def keep_by_input_gate(weights: Weights, bias: Tensor | float) -> None:
    n = weights["bias_ih_l0"].shape[-1] // 2
    weights["bias_ih_l0"][:n] = -bias


def keep_by_both_gates(weights: Weights, bias: Tensor | float) -> None:
    n = weights["bias_ih_l0"].shape[-1] // 3
    weights["bias_ih_l0"][:n] = bias
    weights["bias_ih_l0"][n : 2 * n] = -bias


def keep_by_step_size(weights: Weights, bias: Tensor | float) -> None:
    """softplus(b_Δ)·|A| = softplus(−b), solved for b_Δ."""
    rate = torch.exp(weights["rate_l0"])
    size = -logsigmoid(torch.as_tensor(bias, dtype=rate.dtype)) / rate
    weights["bias_ih_l0"][: len(rate)] = size + torch.log(-torch.expm1(-size))


# --- complex numbers as pairs -------------------------------------------------------------------------------


def as_complex(numbers: Tensor) -> Tensor:
    """Real numbers (..., n) as complex ones (..., ⌈n/2⌉); of an odd n the last has no imaginary part."""
    even = pad(numbers, (0, numbers.shape[-1] % 2))
    return torch.complex(even[..., 0::2], even[..., 1::2])


def as_real(numbers: Tensor, n: int) -> Tensor:
    """The other way round: (..., ⌈n/2⌉) as (..., n)."""
    return torch.stack((numbers.real, numbers.imag), -1).flatten(-2)[..., :n]


# --- all states at once -------------------------------------------------------------------------------------


def rounds(length: int) -> int:
    """How many rounds, one after the other, :func:`scan` takes for so many steps: ⌈log₂ T⌉."""
    return (length - 1).bit_length()


def scan(a: Tensor, u: Tensor) -> Tensor:
    """h(t) = a(t)·h(t−1) + u(t) for all t at once, from h = 0: (T, ...) each.

    In each round every step joins with the one that lies twice as far back as in the round before: two steps
    h → a·h + u and h → a′·h + u′ are one such step, h → a′a·h + (a′u + u′) (Hillis & Steele 1986; Blelloch 1990).
    """
    for i in range(rounds(len(u))):
        reach = 2**i
        u = torch.cat((u[:reach], u[reach:] + a[reach:] * u[:-reach]))
        a = torch.cat((a[:reach], a[reach:] * a[:-reach]))
    return u


class ScannedModule(nn.Module):
    """A recurrent module of one of these cells, with the calling convention of ``nn.GRU``; it steps by a scan.

    Args:
        input_size: I.
        hidden_size: n.
        terms: the cell's terms.
        shapes: n → the shapes of its parameters besides weight_ih_l0 and bias_ih_l0.
        blocks: how many blocks of n rows these two have.
        factory: dtype and device of the parameters.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, terms: Terms, shapes: Shapes, blocks: int, **factory: Any
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.terms = terms
        rows = blocks * hidden_size
        named = {"weight_ih_l0": (rows, input_size), "bias_ih_l0": (rows,), **shapes(hidden_size)}
        for name, shape in named.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, **factory)))

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """h(t) for all t, and the last state with a leading axis of one layer, from inputs (T, batch, I) or (T, I)."""
        a, u = self.terms(dict(self.named_parameters()), inputs)
        a = a.expand_as(u)
        if state is not None:
            before = as_complex(state) if u.is_complex() else state
            u = torch.cat((u[:1] + a[:1] * before, u[1:]))
        hidden = scan(a, u)
        if hidden.is_complex():
            hidden = as_real(hidden, self.hidden_size)
        return hidden, hidden[-1:]
