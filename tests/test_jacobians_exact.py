"""The gradients of real networks against an independent product in extended precision, over the page's own ranges.

The oracle knows the cells by the step rules of `test_networks`, written in numpy from the papers. It differentiates
each step by complex steps in numpy's long double (64 significant bits, exponents down to 10⁻⁴⁹³²) and multiplies
the steps' Jacobians there. No autograd, nothing rescaled, nothing cancels.
"""

import functools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_jacobians import one_pass
from test_networks import ORACLES, READING, numpy_weights

from explainer.choices.controls import CONTROL
from explainer.maths import jacobians
from explainer.maths.cell_types import CELLS, RECURRENT_WEIGHT
from explainer.maths.logscale import FROBENIUS, SPECTRAL
from explainer.maths.network import Network

pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="numpy's long double is no wider than float64 on this machine"
)

TINY = np.longdouble("1e-1000")


def rounded(values, rounding):
    """With ``rounding``, a generator: moved at random by up to one rounding of float64."""
    if rounding is None:
        return values
    return values * (1 + np.finfo(np.float64).eps / 2 * rounding.uniform(-1, 1, values.shape))


def weights_of(network, rounding=None):
    """The module's weights in long double."""
    weights = numpy_weights(network.materialise().module)
    return {name: rounded(weight.astype(np.longdouble), rounding) for name, weight in weights.items()}


def oracle(network, weights):
    """(J, lift, keep): the Jacobians of all steps (T, S, S), ∂state/∂memory (T, S, n), and the gates (T, n)."""
    inputs = network.materialise().inputs
    n, has_c = network.hidden_size, network.type.memory == "c"
    size = 2 * n if has_c else n
    by_state = TINY * 1j * np.eye(size, size + n, dtype=np.longdouble)
    by_memory = TINY * 1j * np.eye(n, size + n, size, dtype=np.longdouble)
    h = c = np.zeros((n, 1), np.longdouble)
    steps, lifts, gates = [], [], []
    for x in inputs.numpy().astype(np.longdouble):
        h_1, c_1, keep = ORACLES[network.cell](
            weights, x, h + by_state[:n], (c + by_state[n:]) if has_c else c + 0 * by_memory, by_memory
        )
        after = np.concatenate([h_1, c_1]) if has_c else h_1
        derivative = after.imag / TINY
        steps.append(derivative[:, :size])
        lifts.append(derivative[:, size:])
        gates.append(np.zeros(n) if keep is None else keep.real[:, 0])
        h, c = h_1.real[:, -1:], (c_1.real[:, -1:] if has_c else c)
    return np.array(steps), np.array(lifts), np.array(gates)


def log10_norm(matrices, norm):
    """log10 of the norms of long double matrices (..., n, n), also far outside float64."""
    largest = np.abs(matrices).max((-2, -1))
    scaled = (matrices / np.where(largest == 0, 1, largest)[..., None, None]).astype(float)
    with np.errstate(divide="ignore"):
        return (np.log10(largest) + np.log10(np.linalg.norm(scaled, norm, axis=(-2, -1)))).astype(float)


@functools.lru_cache(64)
def steps_of(network, is_rounded):
    """What the oracle finds, for all the ends and norms that ask for one network; the roundings are always the same."""
    return oracle(network, weights_of(network, np.random.default_rng(0) if is_rounded else None))


def wholes(network, end, is_rounded=False):
    """∂s(end)/∂s(end − lag), lag = 0 … end − 1, in long double, shape (end, n, n)."""
    steps, lifts, _ = steps_of(network, is_rounded)
    row, found = np.eye(steps.shape[1], dtype=np.longdouble)[-network.hidden_size :], []
    for t in reversed(range(end)):
        found.append(row @ lifts[t])
        row = row @ steps[t]
    return np.array(found)


def rests(network):
    """The same without the direct path, path by path: each leaves it at some step."""
    steps, lifts, gates = steps_of(network, False)
    n, length = network.hidden_size, network.length
    direct = np.eye(n, dtype=np.longdouble)
    off_path, found = np.zeros((n, steps.shape[1]), np.longdouble), []  # by state(t), the direct path left out
    for t in reversed(range(length)):
        state = off_path.copy()
        found.append(state @ lifts[t] + direct @ (lifts[t][-n:] - np.eye(n)))
        if steps.shape[1] > n:  # the direct path also leaves through h = o·tanh(c)
            found[-1] = (state + np.pad(direct, ((0, 0), (steps.shape[1] - n, 0)))) @ lifts[t] - direct
        gate = np.diag(gates[t].astype(np.longdouble))
        stays = np.zeros_like(steps[t])
        stays[-n:, -n:] = gate
        off_path = state @ steps[t] + np.pad(direct, ((0, 0), (steps.shape[1] - n, 0))) @ (steps[t] - stays)
        direct = direct @ gate
    return np.array(found)


# --- what the page has said wrong ---------------------------------------------------------------------------

REPORTED = [
    (
        Network("lstm", 1, 100, gain=5.0, forget_bias=2.5, input_scale=0.25, seed=76),
        {52: -19.44073474, 99: -36.71209018},
    ),
    (Network("gru", 1, 100, gain=0.5, forget_bias=-2.0, input_scale=0.25, seed=20), {25: -39.51798277, 99: -156.2112}),
    (Network("gru", 1, 76, gain=5.694, input_scale=3.531, seed=6248), {74: -38.844431}),
]


@pytest.mark.parametrize(("network", "at_lag"), REPORTED, ids=lambda value: getattr(value, "cell", ""))
def test_a_gradient_of_ten_to_the_minus_37_is_not_exactly_zero(network, at_lag):
    result = jacobians.by_lag(network, seeds=1)
    for lag, right in at_lag.items():
        digits = len(str(right).partition(".")[2])
        assert result.spectral.whole[0, lag] == pytest.approx(right, abs=0.6 * 10**-digits)
        assert jacobians.pairs(network).log10_norm[-1, -1 - lag] == pytest.approx(right, abs=0.6 * 10**-digits)


def test_its_growth_rate_is_right_too():
    lstm, gru, _ = (jacobians.by_lag(network, seeds=1).growth_rate[0] for network, _ in REPORTED)
    assert lstm == pytest.approx(-0.37083, abs=6e-6)
    assert gru == pytest.approx(-1.57789, abs=6e-6)


# --- the kind, over the page's ranges -----------------------------------------------------------------------


@functools.cache
def networks(cell, n, count):
    """So many networks of the page's own ranges; the same at every run."""
    draw = np.random.default_rng([count, n, *cell.encode()])

    def any_of(name):
        values = CONTROL[name].values
        return values[draw.integers(len(values))]

    drawn = []
    for _ in range(count):
        gain, bias, scale = any_of("gain"), any_of("bf"), any_of("xs")
        drawn.append(Network(cell, n, any_of("T"), gain, bias, scale, seed=int(draw.integers(100_000))))
    return drawn


COUNTS = {1: 16, 2: 10, 4: 6, 8: 4}
KNOWN, RIGHT = 1e-9, 1e-8  # where rounding the weights moves log10 by less than KNOWN, it must be RIGHT


def known_and_expected(network, end, norm):
    """Where the weights, as float64 has them, say what the norm is; and its log10 (end,)."""
    expected = log10_norm(wholes(network, end), norm)
    moved = log10_norm(wholes(network, end, is_rounded=True), norm)
    with np.errstate(invalid="ignore"):
        return np.abs(moved - expected) < KNOWN / 2, expected


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("n", COUNTS)
def test_every_norm_by_lag_is_right_where_float64_can_know(cell, n):
    compared = 0
    for network in networks(cell, n, COUNTS[n]):
        known, expected = known_and_expected(network, network.length, 2)
        measured = jacobians.by_lag(network, seeds=1)
        np.testing.assert_allclose(
            measured.spectral.whole[0, known], expected[known], rtol=0, atol=RIGHT, err_msg=str(network)
        )
        exact = np.isneginf(measured.spectral.whole[0]) == np.isneginf(expected)  # ReLU units may all be off
        assert exact.all(), f"a false “exactly 0”: {network}"
        compared += known.sum()
    assert compared > (20 if cell != "relu" else 1) * COUNTS[n]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_norm_between_two_times_is_right_where_float64_can_know(cell, n):
    for network in networks(cell, n, COUNTS[n])[:4]:
        measured = jacobians.pairs(network, SPECTRAL if n == 1 else FROBENIUS).log10_norm
        alive = np.isfinite(measured[np.tril_indices(network.length)])
        assert alive.all() or cell == "relu", f"a false “exactly 0”: {network}"
        for end in {network.length, network.length // 2, 3}:
            known, expected = known_and_expected(network, end, "fro")
            np.testing.assert_allclose(
                measured[end - 1, :end][::-1][known], expected[known], rtol=0, atol=RIGHT, err_msg=str(network)
            )


@pytest.mark.parametrize("cell", [name for name in READING if CELLS[name].gated])
@pytest.mark.parametrize("n", [1, 4])
def test_the_rest_is_right_where_the_memory_is_saturated(cell, n):
    """Forget bias 6 and large inputs: |c| grows far beyond 15, where torch's 1 − tanh² is 0 or noise."""
    for seed in range(4):
        network = Network(cell, n, 100, forget_bias=6.0, input_scale=4.0, seed=seed)
        result = jacobians.by_lag(network, seeds=1)
        expected = log10_norm(rests(network), 2)
        np.testing.assert_allclose(result.spectral.rest[0, 1:], expected[1:], rtol=0, atol=1e-6, err_msg=str(network))
        whole = log10_norm(wholes(network, network.length), 2)
        np.testing.assert_allclose(result.spectral.whole[0], whole, rtol=0, atol=RIGHT)


# --- torch's own slopes beside ------------------------------------------------------------------------------


def test_torchs_own_number_stands_beside_where_its_slopes_have_lost_digits():
    """A saturated RNN of one unit: the whole is right, torch's own is not, and the page can say by how much."""
    saturated = Network("rnn", 1, 50, gain=8.0, input_scale=4.0, seed=3)
    result = jacobians.by_lag(saturated, seeds=5)
    wrong = result.slope_error > 1e-9
    assert wrong.any()
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(result.torchs_own[0], np.log10(one_pass(saturated)), rtol=1e-9, atol=1e-9)
    difference = np.abs(result.torchs_own - result.spectral.whole)[:, -1]
    assert (difference[wrong] > 1e-12).any()
    assert (difference <= 50 * result.slope_error / math.log(10) + 1e-12).all()


def test_torchs_own_number_is_the_same_where_nothing_is_saturated():
    result = jacobians.by_lag(Network("lstm", 8, 60), seeds=3)
    assert (result.slope_error < 1e-12).all()
    assert result.torchs_own is result.spectral.whole or (result.torchs_own == result.spectral.whole).all()


# --- shares -------------------------------------------------------------------------------------------------


def oracle_shares(network, rounding=None):
    """Each lag's share of ∂L(T)/∂W_hh, (T, rows, n) in long double: the step's own weight moved entry by entry."""
    _, inputs, target = network.materialise()
    weights = weights_of(network, rounding)
    steps, _, _ = oracle(network, weights)
    n, has_c = network.hidden_size, network.type.memory == "c"
    states, h, c = [], np.zeros((n, 1), np.longdouble), np.zeros((n, 1), np.longdouble)
    for x in inputs.numpy().astype(np.longdouble):
        states.append((h, c))
        h, c, _ = ORACLES[network.cell](weights, x, h, c, 0)
        h, c = rounded(h, rounding), rounded(c, rounding)  # as float64 keeps them
    adjoint = np.zeros(steps.shape[1], np.longdouble)
    adjoint[:n] = h[:, 0] - target.numpy()
    found, shape = [], weights[RECURRENT_WEIGHT].shape
    for t in reversed(range(network.length)):
        share = np.zeros(shape, np.longdouble)
        for index in np.ndindex(shape):
            moved = weights[RECURRENT_WEIGHT].astype(np.clongdouble)
            moved[index] += TINY * 1j
            x = inputs[t].numpy().astype(np.longdouble)
            h_1, c_1, _ = ORACLES[network.cell]({**weights, RECURRENT_WEIGHT: moved}, x, *states[t], 0)
            after = np.concatenate([h_1, c_1]) if has_c else h_1
            share[index] = adjoint @ (after.imag[:, 0] / TINY)
        found.append(share)
        adjoint = adjoint @ steps[t]
    return np.array(found)


@pytest.mark.parametrize("cell", READING)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"forget_bias": 6.0, "input_scale": 4.0},
        {"gain": 8.0, "input_scale": 0.25},
        {"gain": 0.5, "forget_bias": -2.0},
    ],
    ids=["plain", "saturated", "gain-8", "vanishing"],
)
def test_every_share_is_right_also_where_the_cell_is_saturated(cell, fields):
    for n in (1, 2):
        network = Network(cell, n, 30, seed=7, **fields)
        expected = log10_norm(oracle_shares(network), "fro")[:-1]  # the last state is 0: nothing for W_hh to multiply
        measured = jacobians.shares(network).log10_norm[0, :-1]
        np.testing.assert_allclose(measured, expected, rtol=0, atol=1e-7, err_msg=str(network))


some_corner = st.builds(
    Network,
    cell=st.sampled_from(READING),
    hidden_size=st.integers(1, 3),
    length=st.integers(1, 10),
    gain=st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 100.0]),
    forget_bias=st.sampled_from([None, -100.0, 0.0, 100.0]),
    input_scale=st.sampled_from([0.0, 1.0, 100.0]),
    seed=st.integers(0, 100),
)


@settings(max_examples=25, deadline=None)
@given(network=some_corner)
@example(network=Network("gru", 1, 2, gain=0.0, input_scale=100.0, seed=1))
def test_every_share_is_right_at_the_corners_of_what_a_network_takes(network):
    """Where ``backward()`` is not: with z nearly 1, or tanh saturated, no fixed tolerance between the two is right."""
    expected = log10_norm(oracle_shares(network), "fro")
    moved = log10_norm(oracle_shares(network, np.random.default_rng(0)), "fro")
    result = jacobians.shares(network)
    measured = result.log10_norm[0]
    with np.errstate(invalid="ignore"):
        known = np.abs(moved - expected) < KNOWN
    if (
        network.type.gated and network.type.memory == "h"
    ):  # carried − candidate: of two numbers that round to 1, nothing
        known &= result.slope_error[0] < 1e-9
    held = known & (expected > -250)  # a single slope below 10⁻³⁰⁸ is 0 in float64
    np.testing.assert_allclose(measured[held], expected[held], rtol=0, atol=1e-6)
    assert (measured[np.isneginf(expected)] == -np.inf).all()


@pytest.mark.parametrize("cell", READING)
def test_backward_on_the_module_agrees_wherever_its_slopes_keep_their_digits(cell):
    """A share's path has at most three slopes a step, each with torch's error; the rest is rounding."""
    for n in (1, 2, 4, 16):
        for network in networks(cell, n, 5):
            result = jacobians.shares(network)
            if result.backward_norm[0] > 1e-290 and jacobians.by_lag(network, seeds=1).growth_rate[0] < 0:
                sizes = (10 ** result.log10_norm[0]).sum() / result.total_norm[0]  # how far the shares cancel
                allowed = (1e-12 + 3 * network.length * result.slope_error[0]) * max(sizes, 1)
                assert result.relative_difference[0] <= allowed, network
