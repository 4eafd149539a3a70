"""The gradients of real networks against numpy, a complex step and 60 digits; and the page's claims, measured.

The oracle knows the cells only by the step rules of `test_networks`: it nudges one memory by i·10⁻¹⁰⁰ and reads the
imaginary part of another. No autograd, no product of Jacobians, nothing cancels.
"""

import threading

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_networks import ORACLES, READING, TURNING, direct_path, numpy_weights, run_oracle

from explainer.maths import jacobians
from explainer.maths.cell_types import CELLS, RECURRENT_WEIGHT
from explainer.maths.jacobians.backwards import backwards
from explainer.maths.jacobians.shares import shares_by_lag
from explainer.maths.jacobians.steps import Steps
from explainer.maths.logscale import FROBENIUS, LOG10_NORM, SPECTRAL, first_below
from explainer.maths.network import Network
from explainer.maths.squashing import TORCHS_OWN

EPSILON = 1e-100


def derivatives(network):
    """∂s(t)/∂s(u) at [t−1, u−1], shape (T, T, n, n), by complex steps: 0 for u > t."""
    module, inputs, _ = network.materialise()
    weights, n, length = numpy_weights(module), network.hidden_size, network.length
    h = c = np.zeros((n, length * n), dtype=complex)
    rows = []
    for t, x in enumerate(inputs.numpy()):
        nudge = np.zeros((n, length, n), dtype=complex)
        nudge[:, t] = EPSILON * 1j * np.eye(n)
        h, c, _ = ORACLES[network.cell](weights, x, h, c, nudge.reshape(n, -1))
        memory = h if network.type.memory == "h" else c
        rows.append((memory.imag / EPSILON).reshape(n, length, n).swapaxes(0, 1))
    return np.array(rows)


def gates(network):
    """The oracle's gates at times 1…T, shape (T, n); 0 without one."""
    module, inputs, _ = network.materialise()
    return run_oracle(network.cell, numpy_weights(module), inputs.numpy())[2][1:]


def norm_of(matrices, norm):
    return np.linalg.norm(matrices, 2 if norm == SPECTRAL else "fro", axis=(-2, -1))


NETWORKS = [
    network
    for cell in CELLS
    for network in (
        Network(cell, hidden_size=16, length=60),
        Network(cell, hidden_size=1, length=20, seed=1),
        Network(cell, hidden_size=7, length=40, gain=2.0, forget_bias=2.0, input_size=3, seed=2),
        Network(cell, hidden_size=5, length=30, gain=4.0, forget_bias=-1.0, input_scale=0.0, seed=3),
        Network(cell, hidden_size=12, length=25, gain=8.0, seed=4),
    )
]

SHARING = [network for network in NETWORKS if network.type.reads_state]


def name_of(network):
    return f"{network.cell}-n{network.hidden_size}-gain{network.gain:g}"


def one_pass(network):
    """Spectral norms of ∂s(T)/∂s(T−lag), shape (T,), in one backward pass through all steps, as torch has it."""
    cell, n = network.type, network.hidden_size
    module, inputs, _ = network.materialise()
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    state = inputs.new_zeros(cell.state_size(n), requires_grad=True)
    carried, memories = cell.memory_of(state, n), []
    for x in inputs:
        carried = cell.update(TORCHS_OWN, weights, x, state, carried)
        state = cell.expose(TORCHS_OWN, weights, x, state, carried)
        memories.append(carried)
    rows = torch.autograd.grad(carried, memories[::-1], torch.eye(n, dtype=torch.float64), is_grads_batched=True)
    return np.linalg.norm(torch.stack(rows).numpy(), 2, axis=(-2, -1))


def share_matrices(network):
    """Each lag's own share of ∂L(T)/∂W_hh, shape (T, rows of W_hh, n), in plain float64."""
    matrices, exponents, _ = shares_by_lag([network])
    return np.ldexp(matrices[0], exponents[0][:, None, None])


# --- norms by lag, their paths, all pairs ------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS, ids=name_of)
def test_norms_by_lag_agree_with_a_complex_step(network):
    result = jacobians.by_lag(network, seeds=1)
    whole = derivatives(network)[-1, ::-1]
    product = np.cumprod(np.concatenate([np.ones((1, network.hidden_size)), gates(network)[:0:-1]]), axis=0)
    direct = product[:, :, None] * np.eye(network.hidden_size)
    np.testing.assert_array_equal(result.lag, np.arange(network.length))
    for name, norms in ((SPECTRAL, result.spectral), (FROBENIUS, result.frobenius)):
        np.testing.assert_allclose(10 ** norms.whole[0], norm_of(whole, name), rtol=1e-8)
        if network.type.gated:
            np.testing.assert_allclose(10 ** norms.direct[0], norm_of(direct, name), rtol=1e-10)
        if not network.type.reads_state:  # nothing but the direct path
            np.testing.assert_array_equal(norms.rest, -np.inf)
            np.testing.assert_allclose(norms.whole, norms.direct, rtol=1e-12, atol=1e-13)
            continue
        # the oracle's difference cancels where the direct path is nearly all; the engine's own rest does not
        error = 1e-9 * (norm_of(whole, name) + norm_of(direct, name))
        rest = norm_of(whole - direct, name)
        assert (np.abs(10 ** norms.rest[0] - rest) <= 1e-8 * rest + error * (rest < 1e-3 * norm_of(direct, name))).all()


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.gated and name not in TURNING])
def test_the_direct_path_is_exactly_the_product_of_the_gates_read_off_the_module(cell):
    """Gates from torch's own h(t), one addition and one logistic; every digit of their product is the direct path."""
    network = Network(cell, hidden_size=8, length=30, forget_bias=1.0)
    module, inputs, _ = network.materialise()
    weights = numpy_weights(module)
    hidden = module(inputs)[0].detach()
    h, c, _ = run_oracle(cell, weights, inputs.numpy())
    before = torch.cat([torch.zeros(1, 8, dtype=torch.float64), hidden[:-1]])
    states = before if network.type.memory == "h" else torch.cat([before, torch.tensor(c[:-1])], 1)
    np.testing.assert_allclose(before, h[:-1], rtol=1e-12, atol=1e-16)
    keep = direct_path(network.type, dict(module.named_parameters()), inputs, states).detach().numpy()
    result = jacobians.by_lag(network, seeds=1)
    np.testing.assert_allclose(result.gate[0], keep[::-1], rtol=1e-14)
    product = np.cumprod(np.concatenate([np.ones((1, 8)), keep[:0:-1]]), axis=0)
    np.testing.assert_allclose(10 ** result.spectral.direct[0], product.max(1), rtol=1e-12)
    np.testing.assert_allclose(10 ** result.frobenius.direct[0], np.sqrt((product**2).sum(1)), rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS, ids=name_of)
def test_all_pairs_agree_with_a_complex_step(network):
    expected = derivatives(network)
    lower = np.tril(np.ones((network.length, network.length), bool))
    for name in (SPECTRAL, FROBENIUS):
        result = jacobians.pairs(network, name)
        assert result.norm == name
        assert np.isnan(result.log10_norm[~lower]).all()
        np.testing.assert_allclose(10 ** result.log10_norm[lower], norm_of(expected[lower], name), rtol=1e-8)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("n", [6, 64])
def test_the_last_row_of_all_pairs_is_the_norm_by_lag(cell, n):
    network = Network(cell, hidden_size=n, length=50, gain=1.5)
    by_lag = jacobians.by_lag(network, seeds=2)
    pairs = jacobians.pairs(network)
    np.testing.assert_allclose(pairs.log10_norm[-1, ::-1], by_lag.frobenius.whole[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("network", NETWORKS, ids=name_of)
def test_one_backward_pass_through_the_module_s_steps_gives_the_same(network):
    spectral = one_pass(network)
    by_lag = jacobians.by_lag(network, seeds=1)
    np.testing.assert_allclose(spectral, 10 ** by_lag.spectral.whole[0], rtol=1e-9)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_the_derivative_is_that_of_torch_s_own_module(cell):
    """h(T) of nn.RNN and nn.GRU by h(0) handed in: one lag further than the first state, no step of ours involved."""
    network = Network(cell, hidden_size=5, length=12, gain=1.5)
    module, inputs, _ = network.materialise()

    def last(h):
        return module(inputs[6:], h.unsqueeze(0))[0][-1]

    at = module(inputs[:6])[0][-1].detach()
    jacobian = torch.autograd.functional.jacobian(last, at)
    by_lag = jacobians.by_lag(network, seeds=1)
    np.testing.assert_allclose(10 ** by_lag.spectral.whole[0, 6], torch.linalg.matrix_norm(jacobian, 2), rtol=1e-12)


def test_the_derivative_is_that_of_torch_s_own_lstm():
    """c(T) of nn.LSTM by c(0), with h(0) = o·tanh(c(0)) as the graph has it: o from the step before."""
    network = Network("lstm", hidden_size=5, length=12, gain=1.5)
    module, inputs, _ = network.materialise()
    h, c = (part[0].detach() for part in module(inputs[:6])[1])
    o = h / torch.tanh(c)

    def last(c):
        return module(inputs[6:], ((o * torch.tanh(c)).unsqueeze(0), c.unsqueeze(0)))[1][1][0]

    def last_with_h_fixed(c):
        return module(inputs[6:], (h.unsqueeze(0), c.unsqueeze(0)))[1][1][0]

    whole = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(last, c), 2)
    block = torch.linalg.matrix_norm(torch.autograd.functional.jacobian(last_with_h_fixed, c), 2)
    by_lag = jacobians.by_lag(network, seeds=1)
    np.testing.assert_allclose(10 ** by_lag.spectral.whole[0, 6], whole, rtol=1e-12)
    assert abs(block / whole - 1) > 0.01  # the path through h(t−k) is a part of it


# --- beyond float64 ----------------------------------------------------------------------------------------------


def one_step_jacobians(network):
    """The cell's state Jacobians by complex steps at the module's own h: (T, S, S), and ∂state/∂memory (T, S, n)."""
    module, inputs, _ = network.materialise()
    weights, n = numpy_weights(module), network.hidden_size
    hidden = np.concatenate([np.zeros((1, n)), module(inputs)[0].detach().numpy()])
    packed = network.type.memory == "c"
    c = np.zeros((n, 1))
    steps, lifts = [], []
    for t, x in enumerate(inputs.numpy()):
        size = 2 * n if packed else n
        nudges = EPSILON * 1j * np.eye(size)
        h_t, c_t = hidden[t][:, None] + nudges[:n], (c + nudges[n:] if packed else np.zeros((n, 1)))
        h_1, c_1, _ = ORACLES[network.cell](weights, x, h_t, c_t, 0.0)
        steps.append((np.concatenate([h_1, c_1]) if packed else h_1).imag / EPSILON)
        nudge = EPSILON * 1j * np.eye(n)
        h_1, c_1, _ = ORACLES[network.cell](weights, x, hidden[t][:, None], c, nudge)
        lifts.append((np.concatenate([h_1, c_1]) if packed else h_1).imag / EPSILON)
        c = c_1.real[:, :1] if packed else c
    return np.array(steps), np.array(lifts)


def exact_log10_frobenius(network):
    """By lag, with the products taken in 60 digits."""
    steps, lifts = one_step_jacobians(network)
    n = network.hidden_size
    norms = []
    with mpmath.workdps(60):
        row = mpmath.matrix(np.eye(steps.shape[1])[-n:].tolist())
        for t in reversed(range(network.length)):
            whole = row * mpmath.matrix(lifts[t].tolist())
            norms.append(float(mpmath.log10(mpmath.norm(whole, 2)) if any(whole) else -mpmath.inf))
            row = row * mpmath.matrix(steps[t].tolist())
    return np.array(norms)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("forget_bias", [-12.0, 0.0])
def test_log10_norms_are_right_far_below_float64(cell, forget_bias):
    network = Network(cell, hidden_size=3, length=200, gain=1e-3, forget_bias=forget_bias, input_scale=0.3)
    expected = exact_log10_frobenius(network)
    result = jacobians.by_lag(network, seeds=1).frobenius.whole[0]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(jacobians.pairs(network).log10_norm[-1, ::-1], expected, rtol=0, atol=1e-6)
    if forget_bias < 0 and cell != "peephole":  # c still reaches itself through the peepholes
        assert expected[-1] < -500
        assert one_pass(network)[-1] == 0


def test_log10_norms_are_right_along_a_chaotic_trajectory():
    network = Network("rnn", hidden_size=16, length=60, gain=16.0)
    expected = exact_log10_frobenius(network)
    assert expected[-1] > 10
    result = jacobians.by_lag(network, seeds=1).frobenius.whole[0]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_products_are_right_far_above_float64():
    """No bounded network gets there in 200 steps; the product does not know that."""
    generator = np.random.default_rng(3)
    gates_ = 1e4 * generator.standard_normal((1, 150, 3, 3))
    direct = 1e4 * generator.random((1, 150, 3))
    lift = np.zeros((1, 150, 0, 3))
    steps = Steps(*map(torch.from_numpy, (direct, gates_, lift, lift, np.zeros(1))))
    *_, last = backwards(steps, np.eye(3)[None])
    exact = mpmath.eye(3)
    with mpmath.workdps(60):
        for t in reversed(range(1, 150)):
            exact = exact * mpmath.matrix((gates_[0, t] + np.diag(direct[0, t])).tolist())
        expected = {
            FROBENIUS: float(mpmath.log10(mpmath.norm(exact, 2))),
            SPECTRAL: float(mpmath.log10(max(mpmath.svd_r(exact, compute_uv=False)))),
        }
    assert expected[FROBENIUS] > 600
    for name, value in expected.items():
        assert LOG10_NORM[name](last.by_memory, last.exponent).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("log10_norm", LOG10_NORM.values())
def test_norms_of_tiny_huge_and_zero_matrices(log10_norm):
    matrix = np.array([[3.0, 0.0], [4.0, 0.0]])
    stack = np.stack([matrix, 1e-200 * matrix, 1e200 * matrix, 0 * matrix, 1e-310 * matrix])
    expected = np.log10([5.0, 5e-200, 5e200, 1.0, 5e-310])
    expected[3] = -np.inf
    np.testing.assert_allclose(log10_norm(stack, np.zeros(5)), expected, atol=1e-12)
    shifted = log10_norm(stack, np.full(5, 10_000))
    np.testing.assert_allclose(shifted, expected + 10_000 * np.log10(2), rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_without_recurrent_weights_only_the_direct_path_is_left(cell):
    network = Network(cell, hidden_size=3, length=12, gain=0.0)
    result = jacobians.by_lag(network, seeds=2)
    if CELLS[cell].gated and cell != "peephole":  # peepholes are recurrent, but not part of W_hh
        np.testing.assert_allclose(result.spectral.whole, result.spectral.direct, rtol=1e-12)
        assert np.isneginf(result.spectral.rest).all()
        assert (result.spectral.direct_share == 1).all()
    if cell == "rnn":
        assert np.isneginf(result.spectral.whole[:, 1:]).all()
        assert np.isneginf(result.growth_rate).all()
        assert result.horizon() == (1, 1)
        assert np.isneginf(jacobians.shares(network).log10_norm[0, 1:]).all()
    assert np.isfinite(jacobians.pairs(network).log10_norm.diagonal()).all()


# --- the sum of backpropagation through time ---------------------------------------------------------------------


def backward_on_the_module(network):
    """∂L/∂W_hh of torch's module and nothing else."""
    module, inputs, target = network.materialise()
    (0.5 * (module(inputs)[0][-1] - target).square().sum()).backward()
    return module.get_parameter(RECURRENT_WEIGHT).grad.numpy()


@pytest.mark.parametrize("network", SHARING, ids=name_of)
def test_shares_add_up_to_the_module_s_own_gradient(network):
    gradient = backward_on_the_module(network)
    total = share_matrices(network).sum(0)
    assert np.linalg.norm(total - gradient) <= 1e-12 * np.linalg.norm(gradient)
    result = jacobians.shares(network)
    assert result.relative_difference[0] <= 1e-12
    assert result.fraction[0].sum() == pytest.approx(1, rel=1e-12)
    assert result.total_norm[0] == pytest.approx(np.linalg.norm(gradient), rel=1e-12)
    assert result.backward_norm[0] == pytest.approx(np.linalg.norm(gradient), rel=1e-14)


def test_as_many_receipts_as_asked_for():
    network = Network("lstm", hidden_size=6, length=30, gain=2.0)
    result = jacobians.shares(network, seeds=4, receipts=3)
    assert result.fraction.shape == (4, 30)
    assert result.total_norm.shape == (4,)
    np.testing.assert_allclose(result.backward_norm, result.total_norm[:3], rtol=1e-12)
    assert result.relative_difference.shape == (3,)
    assert (result.relative_difference <= 1e-12).all()
    for receipts in (0, 5, 1.0, True):
        with pytest.raises(ValueError, match="receipts"):
            jacobians.shares(network, seeds=4, receipts=receipts)


@pytest.mark.parametrize("network", SHARING, ids=name_of)
def test_each_share_is_the_derivative_by_that_step_s_own_weight(network):
    """Complex step: W_hh is moved along a random direction in one step of the oracle only."""
    module, inputs, target = network.materialise()
    weights, n, length = numpy_weights(module), network.hidden_size, network.length
    direction = np.random.default_rng(0).standard_normal(weights[RECURRENT_WEIGHT].shape)
    moved = {**weights, RECURRENT_WEIGHT: weights[RECURRENT_WEIGHT] + EPSILON * 1j * direction}
    expected = []
    for lag in range(length):
        h = c = np.zeros((n, 1), dtype=complex)
        for t, x in enumerate(inputs.numpy(), 1):
            h, c, _ = ORACLES[network.cell](moved if t == length - lag else weights, x, h, c, 0.0)
        expected.append(((h[:, 0] - target.numpy()) ** 2).sum().imag / 2 / EPSILON)
    shares = share_matrices(network)
    scale = np.linalg.norm(shares, axis=(1, 2)) * np.linalg.norm(direction)
    assert shares.shape == (length, *direction.shape)
    assert (np.abs((shares * direction).sum((1, 2)) - expected) <= 1e-9 * scale).all()
    result = jacobians.shares(network)
    positive = scale > 0  # h is 0 before the first step: nothing for W_hh to multiply
    np.testing.assert_allclose(
        10 ** result.log10_norm[0, positive], np.linalg.norm(shares, axis=(1, 2))[positive], rtol=1e-9
    )
    assert np.isneginf(result.log10_norm[0, ~positive]).all()
    np.testing.assert_array_equal(positive, (np.arange(length) < length - 1) & np.isfinite(result.log10_norm[0]))
    assert positive[:-1].all() or network.cell == "relu"  # units that are off pass nothing on


def test_shares_are_right_far_below_float64():
    """n = 1: the share of lag k is (h(T) − y)·∏ w(1 − h²)·(1 − h(T−k)²)·h(T−k−1), in 60 digits."""
    network = Network("rnn", hidden_size=1, length=200, gain=1e-3, input_scale=0.5, seed=1)
    module, inputs, target = network.materialise()
    with mpmath.workdps(60):
        weights = {name: mpmath.mpf(weight.item()) for name, weight in module.named_parameters()}
        w, bias = weights[RECURRENT_WEIGHT], weights["bias_ih_l0"] + weights["bias_hh_l0"]
        h = [mpmath.mpf(0)]
        for x in inputs[:, 0].tolist():
            h.append(mpmath.tanh(weights["weight_ih_l0"] * x + w * h[-1] + bias))
        arriving, expected = h[-1] - target.item(), []
        for t in range(200, 1, -1):
            expected.append(float(mpmath.log10(abs(arriving * (1 - h[t] ** 2) * h[t - 1]))))
            arriving *= w * (1 - h[t] ** 2)
    assert expected[-1] < -600
    result = jacobians.shares(network)
    np.testing.assert_allclose(result.log10_norm[0, :-1], expected, rtol=0, atol=1e-6)


# --- what must hold for every network ----------------------------------------------------------------------------

some_network = st.builds(
    Network,
    cell=st.sampled_from(list(CELLS)),
    hidden_size=st.integers(1, 9),
    length=st.integers(1, 25),
    gain=st.floats(0, 20),
    forget_bias=st.none() | st.floats(-20, 20),
    input_scale=st.floats(0, 5),
    seed=st.integers(0, 10_000),
)


@settings(max_examples=60, deadline=None)
@given(network=some_network)
def test_invariants(network):
    result = jacobians.by_lag(network, seeds=2)
    n, length = network.hidden_size, network.length
    assert result.seed.tolist() == [network.seed, network.seed + 1]
    assert result.gate.shape == (2, length, n)
    for norms, at_lag_0 in ((result.spectral, 0.0), (result.frobenius, np.log10(n) / 2)):
        np.testing.assert_allclose(norms.whole[:, 0], at_lag_0, atol=1e-13)
        np.testing.assert_allclose(norms.direct[:, 0], at_lag_0, atol=1e-13)
        assert np.isneginf(norms.rest[:, 0]).all()
        for values in (norms.whole, norms.direct, norms.rest):
            assert values.shape == (2, length)
            assert not np.isnan(values).any()
        slack = 1 + 1e-9
        assert (
            norms.whole <= np.logaddexp(norms.direct * np.log(10), norms.rest * np.log(10)) / np.log(10) + 1e-9
        ).all()
        share = norms.direct_share
        assert (np.isnan(share) | ((share >= 0) & (share <= slack))).all()
        assert (share[:, 0] == 1).all()
    finite = np.isfinite(result.spectral.whole)
    spectral, frobenius = result.spectral.whole[finite], result.frobenius.whole[finite]
    assert (spectral <= frobenius + 1e-9).all()
    assert (frobenius <= spectral + np.log10(n) / 2 + 1e-9).all()
    direct = result.spectral.direct  # gates are at most 1
    assert (direct[:, 1:] <= direct[:, :-1] + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(
    network=st.builds(
        Network,
        cell=st.sampled_from(list(CELLS)),
        hidden_size=st.integers(1, 4),
        length=st.integers(1, 12),
        gain=st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 100.0]),
        forget_bias=st.sampled_from([None, -100.0, 0.0, 100.0]),
        input_scale=st.sampled_from([0.0, 1.0, 100.0]),
        seed=st.integers(0, 100),
    )
)
def test_corners_of_the_ranges_give_numbers(network):
    by_lag = jacobians.by_lag(network, seeds=1)
    for norms in (by_lag.spectral, by_lag.frobenius):
        assert not np.isnan([norms.whole, norms.direct, norms.rest]).any()
        assert not np.isposinf([norms.whole, norms.direct, norms.rest]).any()
    lower = np.tril(np.ones((network.length, network.length), bool))
    pairs = jacobians.pairs(network)
    np.testing.assert_allclose(pairs.log10_norm[-1, ::-1], by_lag.frobenius.whole[0], rtol=1e-9, atol=1e-12)
    assert not np.isnan(pairs.log10_norm[lower]).any()
    if not network.type.reads_state:
        return
    shares = jacobians.shares(network)
    assert not np.isnan(shares.log10_norm).any()
    assert np.isfinite(shares.total_norm).all()
    if network.length == 1:
        assert shares.total_norm[0] == 0
    if shares.total_norm[0] > 1e-140:  # its square is a normal number
        assert shares.fraction[0].sum() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_seeds_together_are_the_seeds_one_by_one(cell):
    network = Network(cell, hidden_size=5, length=15, seed=3)
    together = jacobians.by_lag(network, seeds=3)
    shares = jacobians.shares(network, seeds=3) if cell in READING else None
    for i in range(3):
        own = Network(cell, hidden_size=5, length=15, seed=3 + i)
        alone = jacobians.by_lag(own, seeds=1)
        np.testing.assert_allclose(together.spectral.whole[i], alone.spectral.whole[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(together.gate[i], alone.gate[0], rtol=1e-14)
        np.testing.assert_allclose(together.growth_rate[i], alone.growth_rate[0], rtol=1e-12)
        if shares is not None:
            np.testing.assert_allclose(shares.log10_norm[i], jacobians.shares(own).log10_norm[0], rtol=1e-12)


def test_networks_too_large_for_one_pass_are_taken_in_turns():
    network = Network("lstm", hidden_size=40, length=150)
    told = []
    result = jacobians.by_lag(network, seeds=3, progress=told.append)
    assert told == pytest.approx([2 / 3, 1])
    assert result.spectral.whole.shape == (3, 150)


def test_the_band_is_over_seeds():
    band = jacobians.band(np.array([[1.0, -np.inf], [3.0, 2.0], [2.0, 7.0]]))
    assert band.low.tolist() == [1, -np.inf]
    assert band.middle.tolist() == [2, 2]
    assert band.high.tolist() == [3, 7]


def test_growth_rate_and_horizon_are_read_off_the_norms():
    result = jacobians.by_lag(Network("gru", length=40), seeds=3)
    np.testing.assert_allclose(result.growth_rate, result.spectral.whole[:, -1] / 39, rtol=1e-14)
    for row, horizon in zip(result.spectral.whole, result.horizon(1e-3), strict=True):
        assert row[horizon] < -3 <= row[horizon - 1]
    assert jacobians.by_lag(Network("lstm", forget_bias=6.0), seeds=1).horizon() == (None,)
    assert np.isnan(jacobians.by_lag(Network("gru", length=1), seeds=1).growth_rate).all()
    for threshold in (0, -1, np.nan):
        with pytest.raises(ValueError, match="threshold"):
            result.horizon(threshold)


@pytest.mark.parametrize("seeds", [0, -1, 65, 2.0, "3", None])
def test_bad_numbers_of_seeds_are_refused(seeds):
    for function in (jacobians.by_lag, jacobians.shares):
        with pytest.raises(ValueError, match="seeds"):
            function(Network("rnn", length=3), seeds=seeds)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm"):
        jacobians.pairs(Network("rnn", length=3), "nuclear")


@pytest.mark.parametrize("cell", [name for name in CELLS if name not in READING])
def test_a_cell_that_does_not_read_its_state_has_no_recurrent_weight_to_share(cell):
    with pytest.raises(ValueError, match="W_hh"):
        jacobians.shares(Network(cell, length=3))


def test_the_last_seed_is_followed_by_the_first():
    result = jacobians.by_lag(Network("rnn", hidden_size=2, length=3, seed=2**31 - 1), seeds=2)
    assert result.seed.tolist() == [2**31 - 1, 0]


# --- kept by value -----------------------------------------------------------------------------------------------

FUNCTIONS = [jacobians.by_lag, jacobians.pairs, jacobians.shares]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_the_same_settings_are_computed_once(function):
    calls = []
    first = function(Network("gru", hidden_size=3, length=7, seed=99), progress=calls.append)
    assert calls[-1] == 1
    assert calls == sorted(calls)
    calls.clear()
    assert function(Network("gru", hidden_size=3, length=7, gain=1, seed=99), progress=calls.append) is first
    assert not calls


def test_defaults_and_keywords_are_the_same_settings():
    network = Network("gru", hidden_size=3, length=7)
    assert jacobians.by_lag(network) is jacobians.by_lag(network, 5) is jacobians.by_lag(network, seeds=5)
    assert jacobians.by_lag(network) is not jacobians.by_lag(network, seeds=4)


def test_a_forget_bias_does_not_recompute_a_cell_without_a_gate():
    plain = jacobians.by_lag(Network("rnn", length=5))
    assert jacobians.by_lag(Network("rnn", length=5, forget_bias=3.0)) is plain
    assert jacobians.by_lag(Network("lstm", length=5)) is not jacobians.by_lag(
        Network("lstm", length=5, forget_bias=3.0)
    )


def test_what_cannot_change_a_gradient_does_not_recompute_it():
    plain = jacobians.by_lag(Network("mingru", length=5))
    assert jacobians.by_lag(Network("mingru", length=5, gain=3.0)) is plain
    assert jacobians.by_lag(Network("mingru", length=5, input_scale=2.0)) is not plain
    fixed = jacobians.by_lag(Network("lru", length=5))
    assert jacobians.by_lag(Network("lru", length=5, input_scale=2.0, gain=0.5)) is fixed
    assert jacobians.by_lag(Network("lru", length=5, forget_bias=1.0)) is not fixed


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_what_is_kept_is_bounded_and_cannot_be_written_to(function):
    for seed in range(140):
        result = function(Network("rnn", hidden_size=1, length=2, seed=seed))
    assert function.cache_size() == {"by_lag": 128, "pairs": 96}.get(function.__name__, 64)
    arrays = [value for value in vars(result).values() if isinstance(value, np.ndarray)]
    assert arrays
    for array in arrays:
        assert not array.flags.writeable


def test_several_askers_at_once_compute_once():
    network = Network("lstm", hidden_size=8, length=60, seed=12345)
    told, results, together = [], [], threading.Barrier(8)

    def ask():
        together.wait()
        results.append(jacobians.pairs(network, progress=told.append))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result is results[0] for result in results)
    assert len(told) == 60


def test_a_failure_is_not_kept():
    network = Network("gru", hidden_size=2, length=5, seed=777)

    def stop(fraction):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        jacobians.pairs(network, progress=stop)
    assert jacobians.pairs(network).log10_norm.shape == (5, 5)


def test_the_global_random_state_is_left_alone():
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    for function in FUNCTIONS:
        function(Network("peephole", hidden_size=2, length=4, seed=4321))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


# --- the page's claims, each at ten seeds ------------------------------------------------------------------------

K = 50


def measured(cell, **fields):
    return jacobians.by_lag(Network(cell, hidden_size=16, length=100, **fields), seeds=10)


@pytest.mark.parametrize("input_scale", [0.0, 1.0])
def test_claim_at_the_default_biases_all_three_cells_vanish(input_scale):
    at_k = {cell: measured(cell, input_scale=input_scale).spectral.whole[:, K] for cell in ("rnn", "lstm", "gru")}
    assert (at_k["rnn"] < -8).all()
    assert (at_k["lstm"] < -7).all()
    assert (at_k["gru"] < -7).all()
    assert -13.5 < np.median(at_k["rnn"]) < -11
    assert -10 < np.median(at_k["lstm"]) < -9
    assert -9.5 < np.median(at_k["gru"]) < -8


def test_claim_at_the_default_biases_the_gate_is_half_open_and_the_direct_path_gone_after_twenty_steps():
    for cell in ("lstm", "gru"):
        result = measured(cell)
        assert abs(result.gate.mean() - 0.5) < 0.01
        assert (result.spectral.direct[:, 20] < -3.8).all()  # under a five-thousandth, in every network
        assert all(first_below(direct, 0.01) <= 11 for direct in result.spectral.direct)
        assert np.median(result.spectral.direct_share[:, K]) < 0.02


def test_claim_a_forget_bias_restores_the_direct_path_and_the_memory():
    horizons = []
    for forget_bias in (None, 1.0, 2.0, 3.0):
        result = measured("lstm", forget_bias=forget_bias)
        horizons.append(np.median([100 if lag is None else lag for lag in result.horizon()]))
        if forget_bias is not None:
            assert result.gate.mean() == pytest.approx(1 / (1 + np.exp(-forget_bias)), abs=0.01)
    assert horizons == sorted(horizons)
    assert horizons[0] <= 12
    assert 25 <= horizons[1] <= 40
    assert horizons[2] > 75
    assert (measured("lstm", forget_bias=3.0).spectral.direct[:, K] > -1).all()
    assert (measured("lstm", forget_bias=3.0).spectral.whole[:, K] > -0.5).all()


def test_claim_even_then_most_of_a_long_gradient_does_not_run_along_the_direct_path():
    result = measured("lstm", forget_bias=3.0)
    assert (np.median(result.spectral.direct_share, axis=0)[[1, 10, 50]] < [0.9, 0.5, 0.2]).all()


@pytest.mark.parametrize("input_scale", [0.0, 1.0])
def test_claim_at_gain_4_most_rnns_explode_and_some_vanish(input_scale):
    at_k = measured("rnn", gain=4.0, input_scale=input_scale).spectral.whole[:, K]
    assert (at_k > 0).sum() >= 6
    assert (at_k > 2).sum() >= 5
    assert (at_k < -2).sum() >= 1
    assert at_k.max() > 4


def test_claim_at_gain_8_lstm_and_gru_can_explode():
    for cell in ("lstm", "gru"):
        at_k = measured(cell, gain=8.0).spectral.whole[:, K]
        assert (at_k > 0).sum() >= 6
        assert at_k.max() > 3
        assert at_k.min() < 0
    assert np.median(measured("rnn", gain=8.0).spectral.whole[:, K]) > 5
