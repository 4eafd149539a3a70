"""The gradient through layers against a complex step in numpy, dense autograd through torch's modules, and products.

The oracle writes every block once more, in numpy, from the papers; it nudges one number by i·10⁻¹⁰⁰ and reads the
imaginary part of another. No autograd, no product of Jacobians, nothing cancels.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from torch import nn

from explainer.maths import depth
from explainer.maths.blocks import HEADS, KINDS, TOKENS
from explainer.maths.depth import Stack

EPSILON = 1e-100

STACKS = [
    stack
    for kind in KINDS
    for stack in (
        Stack(kind, 6, 8, seeds=2),
        Stack(kind, 4, 16, gain=2.0, gate_bias=0.5, input_scale=0.25, seed=3, seeds=2),
        Stack(kind, 12, 8, gain=0.5, gate_bias=-4.0, input_scale=4.0, seed=9, seeds=1),
    )
]


def name_of(stack: Stack) -> str:
    return f"{stack.kind}-L{stack.layers}-gain{stack.gain:g}"


# --- one oracle per kind ------------------------------------------------------------------------------------
#
# (weights of one block, x (m, d), what is carried (m, d)) → x of the next block, also for complex numbers.


def _logistic(x):
    return 1 / (1 + np.exp(-x))


def _relu(x):
    return np.where(x.real > 0, x, 0)


def _plain(w, x, carried):
    return np.tanh(x @ w["layer"].T)


def _highway(w, x, carried):
    t = _logistic(x @ w["gate"].T + w["gate_bias"])
    return t * _plain(w, x, carried) + (1 - t) * carried


def _residual(w, x, carried):
    return carried + _plain(w, x, carried)


def _norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def _attention(w, x):
    size, heads = x.shape[1] // HEADS, []
    for i in range(HEADS):
        rows = slice(i * size, (i + 1) * size)
        q, k, v = (x @ w[name][rows].T for name in ("query", "key", "value"))
        scores = np.where(np.tri(len(x), dtype=bool), q @ k.T / math.sqrt(size), -np.inf)
        seen = np.exp(scores - scores.real.max(1, keepdims=True))
        heads.append(seen / seen.sum(1, keepdims=True) @ v)
    return np.concatenate(heads, 1) @ w["output"].T


def _transformer(norm):
    def block(w, x, carried):
        attended = _attention(w, norm(x))
        return carried + attended + _relu(norm(x + attended) @ w["up"].T) @ w["down"].T

    return block


ORACLES = {
    "plain": _plain,
    "highway": _highway,
    "residual": _residual,
    "pre-norm": _transformer(_norm),
    "no-norm": _transformer(lambda x: x),
}


def test_every_kind_has_an_oracle():
    assert set(ORACLES) == set(KINDS)


def drawn(stack: Stack, draw: int):
    """The weights of each block and x(0) of one draw, in numpy."""
    weights, start = depth.materialise(stack)
    blocks = [{name: one[draw, layer].numpy() for name, one in weights.items()} for layer in range(stack.layers)]
    return blocks, start[draw].numpy()


def trajectory(stack: Stack, draw: int):
    blocks, x = drawn(stack, draw)
    found = [x]
    for w in blocks:
        found.append(ORACLES[stack.kind](w, found[-1], found[-1]))
    return blocks, found


def jacobian(function, x: np.ndarray) -> np.ndarray:
    """The last token of function(x) by the last token of x, (d, d), one complex step a column."""
    columns = []
    for i in range(x.shape[1]):
        nudged = x.astype(complex)
        nudged[-1, i] += EPSILON * 1j
        columns.append(function(nudged)[-1].imag / EPSILON)
    return np.stack(columns, 1)


def spectral(matrix: np.ndarray) -> float:
    return np.linalg.norm(matrix, 2)


# --- against the oracles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS, ids=name_of)
def test_the_norms_at_every_depth_agree_with_a_complex_step(stack: Stack):
    measured = depth.by_depth(stack)
    for draw in range(stack.seeds):
        blocks, x = trajectory(stack, draw)
        for k in range(stack.layers + 1):

            def through(x, behind=blocks[stack.layers - k :]):
                for w in behind:
                    x = ORACLES[stack.kind](w, x, x)
                return x

            expected = spectral(jacobian(through, x[stack.layers - k]))
            assert 10 ** measured.log10_norm[draw, k] == pytest.approx(expected, rel=1e-8)
        sizes = [np.sqrt(np.mean(one[-1] ** 2)) for one in x]
        np.testing.assert_allclose(measured.size[draw], sizes, rtol=1e-11)


@pytest.mark.parametrize("stack", STACKS, ids=name_of)
def test_what_a_block_adds_agrees_with_a_complex_step(stack: Stack):
    measured = depth.branch_norms(stack)
    blocks, x = trajectory(stack, 0)
    for layer, (w, before) in enumerate(zip(blocks, x[:-1], strict=True)):
        expected = spectral(jacobian(lambda one, w=w, before=before: ORACLES[stack.kind](w, one, before), before))
        assert 10 ** measured[0, layer] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("stack", [one for one in STACKS if one.type.tokens == 1], ids=name_of)
def test_the_direct_path_and_the_rest_agree_with_products_in_numpy(stack: Stack):
    paths = depth.by_path(stack)
    np.testing.assert_allclose(paths.whole, depth.by_depth(stack).log10_norm, rtol=0, atol=1e-12)
    for draw in range(stack.seeds):
        blocks, x = trajectory(stack, draw)
        whole = straight = np.eye(stack.width)
        for k, (w, before) in enumerate(zip(blocks[::-1], x[-2::-1], strict=True), 1):
            by_x = jacobian(lambda one, w=w, before=before: ORACLES[stack.kind](w, one, before), before)
            by_carried = jacobian(lambda one, w=w, before=before: ORACLES[stack.kind](w, before, one), before)
            whole, straight = whole @ (by_x + by_carried), straight @ by_carried
            for log10, expected in (
                (paths.whole, whole),
                (paths.direct, straight),
                (paths.rest, whole - straight),
            ):
                assert 10 ** log10[draw, k] == pytest.approx(spectral(expected), rel=1e-8, abs=1e-12)


def test_the_transformer_is_torchs_own():
    """nn.TransformerEncoderLayer, norm first and causal, with these weights: states and dense Jacobians."""
    stack = Stack("pre-norm", 3, 16, gain=1.5, seeds=1)
    weights, start = depth.materialise(stack)
    own = {name: one[0] for name, one in weights.items()}
    layers = []
    for i in range(stack.layers):
        layer = nn.TransformerEncoderLayer(16, HEADS, 64, dropout=0.0, norm_first=True, dtype=torch.float64)
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                parameter.fill_(1.0 if name.startswith("norm") and name.endswith("weight") else 0.0)
            layer.self_attn.in_proj_weight.copy_(torch.cat([own[name][i] for name in ("query", "key", "value")]))
            layer.self_attn.out_proj.weight.copy_(own["output"][i])
            layer.linear1.weight.copy_(own["up"][i])
            layer.linear2.weight.copy_(own["down"][i])
        layers.append(layer)
    future = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)

    def last(token, behind, x):
        x = torch.cat((x[:-1], token[None]))[:, None]
        for layer in behind:
            x = layer(x, src_mask=future)
        return x[-1, 0]

    states = [one[0].detach() for one in depth.states(stack, weights, start)]
    measured = depth.by_depth(stack).log10_norm[0]
    for k in range(stack.layers + 1):
        x, behind = states[stack.layers - k], layers[stack.layers - k :]
        torch.testing.assert_close(last(x[-1], behind, x), states[-1][-1], rtol=1e-11, atol=1e-13)
        dense = torch.autograd.functional.jacobian(lambda token, x=x, behind=behind: last(token, behind, x), x[-1])
        assert 10 ** measured[k] == pytest.approx(float(torch.linalg.matrix_norm(dense, 2)), rel=1e-9)


# --- stacks as values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_deeper_stack_begins_with_the_shallower_one_and_seeds_stand_alone(kind: str):
    deep, x = depth.materialise(Stack(kind, 7, 8, seed=4, seeds=3))
    shallow, same_x = depth.materialise(Stack(kind, 2, 8, seed=5, seeds=1))
    assert torch.equal(x[1:2], same_x)
    for name, weight in shallow.items():
        assert torch.equal(deep[name][1:2, :2], weight)
    together = depth.by_depth(Stack(kind, 3, 8, seed=4, seeds=3)).log10_norm
    alone = depth.by_depth(Stack(kind, 3, 8, seed=5, seeds=1)).log10_norm
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-12, atol=1e-13)


def test_draws_whose_weights_take_much_memory_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(depth, "NUMBERS_AT_ONCE", 1)
    both, second = Stack("pre-norm", 3, 8, seed=40, seeds=2), Stack("pre-norm", 3, 8, seed=41, seeds=1)
    np.testing.assert_array_equal(depth.by_depth(both).log10_norm[1:], depth.by_depth(second).log10_norm)
    np.testing.assert_array_equal(depth.branch_norms(both)[1:], depth.branch_norms(second))


def test_weights_have_the_variance_that_is_said():
    weights, start = depth.materialise(Stack("pre-norm", 8, 64, gain=3.0, input_scale=0.5))
    for name, weight in weights.items():
        expected = (3.0 if name in ("output", "down") else 1.0) / math.sqrt(weight.shape[-1])
        assert float(weight.std()) == pytest.approx(expected, rel=0.02)
    assert float(start.std()) == pytest.approx(0.5, rel=0.1)


def test_the_same_stack_is_computed_once_and_cannot_be_written_to():
    first = depth.by_depth(Stack("plain", 3, 8))
    assert depth.by_depth(Stack("plain", 3, 8)) is first
    with pytest.raises(ValueError, match="read-only"):
        first.log10_norm[0, 0] = 1


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "kind": ["Plain", "", None],
        "layers": [0, 201, 1.0, True],
        "width": [0, 6, 68, 8.0],
        "gain": [-1.0, math.nan, math.inf, "1", None],
        "gate_bias": [math.nan, 101],
        "input_scale": [-0.1, math.inf],
        "seed": [-1, 0.0],
        "seeds": [0, 65],
    }.items(),
)
def test_bad_fields_are_refused_by_name(field: str, values: list):
    for value in values:
        with pytest.raises(ValueError, match=field):
            Stack(**{"kind": "plain", field: value})


def test_a_transformer_has_no_product_of_one_tokens_jacobians():
    with pytest.raises(ValueError, match="token"):
        depth.by_path(Stack("pre-norm"))


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_largest_gain_and_depth_every_norm_is_a_number_or_said_to_be_unsure(kind: str):
    stack = Stack(kind, 100, 8, gain=4.0, input_scale=10.0, seed=0, seeds=2)
    measured, blocks = depth.by_depth(stack), depth.branch_norms(stack)
    if kind == "no-norm":
        largest = measured.size.max()
        assert largest > 1e100  # attention scores of 10^200 and more: their differences have no digit left
        assert np.isnan(measured.log10_norm[:, 1:]).all()
        assert not np.isnan(blocks[:, :3]).any()
    else:
        assert np.isfinite(measured.log10_norm).all()
        assert np.isfinite(blocks).all()


def test_a_gradient_beyond_float64_keeps_its_magnitude():
    """From x = 0 every slope is 1, and the gradient is the product of the weights: here in 60 digits."""
    stack = Stack("plain", 200, 4, gain=100.0, input_scale=0.0, seed=3, seeds=1)
    weights, _ = depth.materialise(stack)
    measured = depth.by_depth(stack).log10_norm[0]
    assert measured[-1] > 309
    with mpmath.workdps(60):
        product = mpmath.eye(4)
        for lag, layer in enumerate(reversed(range(200)), 1):
            product *= mpmath.matrix(weights["layer"][0, layer].tolist())
            if lag in {1, 100, 200}:
                expected = mpmath.log10(max(mpmath.svd_r(product, compute_uv=False)))
                assert measured[lag] == pytest.approx(float(expected), rel=1e-12)
