"""The equations of the cells whose gates or candidate read the state, in plain torch.

Each is one half of a step as :mod:`explainer.maths.cell_types` describes it: an update of the memory, or the output h.
Shapes: n hidden units, S state size, I inputs, `...` any leading batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from explainer.maths.squashing import Squashing

Weights = Mapping[str, Tensor]
Equation = Callable[[Squashing, Weights, Tensor, Tensor, Tensor], Tensor]

RECURRENT_WEIGHT = "weight_hh_l0"
"""The name of W_hh in torch's recurrent modules, and in the ones written here."""


# --- what reaches a gate ------------------------------------------------------------------------------------


def _from(x: Tensor, weight: Tensor, bias: Tensor, n: int, blocks: slice) -> tuple[Tensor, ...]:
    rows = slice(blocks.start * n, blocks.stop * n)
    return (x @ weight[..., rows, :].mT + bias[..., rows]).split(n, -1)


def _from_input(weights: Weights, x: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """W·x + b of these blocks of n rows, in torch's order."""
    return _from(x, weights["weight_ih_l0"], weights["bias_ih_l0"], weights[RECURRENT_WEIGHT].shape[-1], blocks)


def _from_hidden(weights: Weights, h: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """U·h + b of these blocks of n rows."""
    return _from(h, weights[RECURRENT_WEIGHT], weights["bias_hh_l0"], weights[RECURRENT_WEIGHT].shape[-1], blocks)


def _arrives(weights: Weights, x: Tensor, h: Tensor, blocks: slice) -> tuple[Tensor, ...]:
    """W·x + U·h + both biases, of these blocks of n rows."""
    pairs = zip(_from_input(weights, x, blocks), _from_hidden(weights, h, blocks), strict=True)
    return tuple(from_input + from_hidden for from_input, from_hidden in pairs)


def _mix(squash: Squashing, keep: Tensor, carried: Tensor, candidate: Tensor) -> Tensor:
    """z·carried + (1 − z)·candidate, z = logistic(keep); 1 − z as logistic(−keep), so that it keeps its digits."""
    return squash.logistic(keep) * carried + squash.logistic(-keep) * candidate


# --- the equations ------------------------------------------------------------------------------------------


def rnn_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (a,) = _arrives(weights, x, h, slice(0, 1))
    return squash.tanh(a)


def relu_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (a,) = _arrives(weights, x, h, slice(0, 1))
    return torch.relu(a)


def leaky_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (a,) = _arrives(weights, x, h, slice(0, 1))
    keep = weights["keep_l0"]  # a parameter: no derivative by a state goes through its logistic function
    return torch.sigmoid(keep) * carried + torch.sigmoid(-keep) * squash.tanh(a)


def lstm_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    i, f, g = _arrives(weights, x, h, slice(0, 3))
    return squash.logistic(f) * carried + squash.logistic(i) * squash.tanh(g)


def lstm_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    (o,) = _arrives(weights, x, h, slice(3, 4))
    return squash.logistic(o) * squash.tanh(c)


def coupled_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    f, g = _arrives(weights, x, h, slice(0, 2))
    return _mix(squash, f, carried, squash.tanh(g))


def coupled_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    (o,) = _arrives(weights, x, h, slice(2, 3))
    return squash.logistic(o) * squash.tanh(c)


def peephole_update(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, carried: Tensor) -> Tensor:
    h, c = state.chunk(2, -1)
    i, f, g = _arrives(weights, x, h, slice(0, 3))
    f, i = f + weights["weight_cf_l0"] * c, i + weights["weight_ci_l0"] * c
    return squash.logistic(f) * carried + squash.logistic(i) * squash.tanh(g)


def peephole_output(squash: Squashing, weights: Weights, x: Tensor, state: Tensor, c: Tensor) -> Tensor:
    h, _ = state.chunk(2, -1)
    (o,) = _arrives(weights, x, h, slice(3, 4))
    return squash.logistic(o + weights["weight_co_l0"] * c) * squash.tanh(c)


def gru_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    r_x, z_x, n_x = _from_input(weights, x, slice(0, 3))
    r_h, z_h, n_h = _from_hidden(weights, h, slice(0, 3))
    candidate = squash.tanh(n_x + squash.logistic(r_x + r_h) * n_h)
    return _mix(squash, z_x + z_h, carried, candidate)


def mgu_update(squash: Squashing, weights: Weights, x: Tensor, h: Tensor, carried: Tensor) -> Tensor:
    (f,) = _arrives(weights, x, h, slice(0, 1))
    (a,) = _arrives(weights, x, squash.logistic(f) * h, slice(1, 2))
    return _mix(squash, -f, carried, squash.tanh(a))


# --- how much is kept at the start ---------------------------------------------------------------------------


def keep_block(block: int, blocks: int, sign: int = 1) -> Callable[[Weights, Tensor | float], None]:
    """The gate of this block of rows, of so many, keeps, or with sign −1 its complement does.

    torch adds two biases: the second is set to 0.
    """

    def set_keep(weights: Weights, bias: Tensor | float) -> None:
        n = len(weights["bias_ih_l0"]) // blocks
        rows = slice(block * n, (block + 1) * n)
        weights["bias_ih_l0"][rows] = sign * bias
        weights["bias_hh_l0"][rows] = 0.0

    return set_keep
