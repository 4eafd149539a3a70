"""The recurrences against torch.nn, against high-precision arithmetic, and against their own registries."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.maths.cells import ACTIVATIONS, GATES, gate_inputs, gated_step, vanilla_step

DIGITS = 60


def double(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# --- activations --------------------------------------------------------------------------------------------

# σ and σ′ in forms that share nothing with the engine's
SIGMA = {
    "identity": lambda x: x,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "tanh": mpmath.tanh,
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
}
SLOPE = {
    "identity": lambda x: mpmath.mpf(1),
    "relu": lambda x: mpmath.mpf(x > 0),
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "logistic": lambda x: mpmath.sech(x / 2) ** 2 / 4,
}
XS = [0.0, 1e-300, 1e-20, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 16.0, 18.0, 20.0, 50.0, 176.0, 300.0, 354.0, 700.0]
XS = [*XS, *(-x for x in XS[1:])]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_activation_equals_its_definition(act: str):
    with mpmath.workdps(DIGITS):
        expected = [float(SIGMA[act](mpmath.mpf(x))) for x in XS]
    np.testing.assert_allclose(ACTIVATIONS[act].apply(double(XS)).numpy(), expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_slope_keeps_its_digits_deep_in_saturation(act: str):
    with mpmath.workdps(DIGITS):
        expected = [SLOPE[act](mpmath.mpf(x)) for x in XS]
    in_range = [i for i, value in enumerate(expected) if value == 0 or value > 1e-300]
    slope = ACTIVATIONS[act].slope(double(XS)).numpy()
    np.testing.assert_allclose(slope[in_range], [float(expected[i]) for i in in_range], rtol=5e-13, atol=0)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_log_slope_is_right_also_where_the_slope_underflows(act: str):
    xs = [*XS, 1e4, -1e6, 1e12]
    with mpmath.workdps(DIGITS):
        expected = [mpmath.log(slope) if (slope := SLOPE[act](mpmath.mpf(x))) else -math.inf for x in xs]
    measured = ACTIVATIONS[act].log_slope(double(xs)).numpy()
    np.testing.assert_allclose(measured, [float(value) for value in expected], rtol=1e-15, atol=5e-16)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_sup_of_the_slope_is_reached_and_never_exceeded(act: str):
    sigma = ACTIVATIONS[act]
    slopes = sigma.slope(torch.linspace(-40, 40, 200_001, dtype=torch.float64))
    assert slopes.max().item() == pytest.approx(sigma.steepest, rel=1e-12)
    assert (slopes <= sigma.steepest * (1 + 1e-15)).all()


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_autograd_of_each_activation_is_its_slope(act: str):
    # away from ReLU's kink, and where 1 − y² still has its digits
    x = double([-3.0, -1.2, -0.1, 0.1, 0.7, 2.5]).requires_grad_()
    assert torch.autograd.gradcheck(ACTIVATIONS[act].apply, (x,), rtol=1e-6, atol=1e-9)
    slope = torch.autograd.grad(ACTIVATIONS[act].apply(x).sum(), x)[0]
    torch.testing.assert_close(slope, ACTIVATIONS[act].slope(x.detach()), rtol=1e-12, atol=0)


def test_relu_is_dead_at_exactly_zero():
    x = double([0.0, -0.0]).requires_grad_()
    assert torch.autograd.grad(ACTIVATIONS["relu"].apply(x).sum(), x)[0].tolist() == [0, 0]
    assert ACTIVATIONS["relu"].slope(x.detach()).tolist() == [0, 0]
    assert ACTIVATIONS["relu"].log_slope(x.detach()).tolist() == [-math.inf, -math.inf]


# --- the vanilla cell ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["tanh", "relu"])
@pytest.mark.parametrize("w", [-8.0, -1.0, 0.0, 0.9, 1.0, 1.7])
@pytest.mark.parametrize("h0", [-2.0, 0.0, 0.5])
def test_vanilla_cell_is_a_torch_rnn_with_one_unit(act: str, w: float, h0: float):
    steps = 12
    network = torch.nn.RNN(1, 1, nonlinearity=act, bias=False, dtype=torch.float64)
    with torch.no_grad():
        network.weight_hh_l0.fill_(w)
    start = double([[h0]]).requires_grad_()
    states, last = network(torch.zeros(steps, 1, dtype=torch.float64), start)
    settings = Settings(act=act, w=w, h0=h0, k=steps)

    ours = [start.detach().reshape(())]
    for _ in range(steps):
        ours.append(vanilla_step(settings, ours[-1], w))
    np.testing.assert_allclose(torch.stack(ours[1:]), states.detach().ravel(), rtol=1e-15, atol=0)

    gradient = torch.autograd.grad(last.sum(), start)[0].item()
    leaf = start.detach().reshape(()).requires_grad_()
    h = leaf
    for _ in range(steps):
        h = vanilla_step(settings, h, w)
    np.testing.assert_allclose(torch.autograd.grad(h, leaf)[0].item(), gradient, rtol=1e-14, atol=0)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_gradcheck_of_the_vanilla_step(act: str):
    h, w = double([-1.9, -0.4, 0.3, 1.1]).requires_grad_(), double([0.5, -1.5, 0.9, 3.0]).requires_grad_()
    assert torch.autograd.gradcheck(lambda h, w: vanilla_step(Settings(act=act), h, w), (h, w), rtol=1e-6, atol=1e-9)


# --- the gates ----------------------------------------------------------------------------------------------

gate_settings = st.builds(
    Settings,
    gate=st.sampled_from(sorted(GATES)),
    f=st.floats(0.01, 0.99),
    spread=st.floats(0, 3),
    seed=st.integers(0, 2**40),
    u=st.floats(-4, 4),
)


@given(gate_settings, st.lists(st.floats(-2, 2), min_size=1, max_size=5))
def test_gated_step_is_state_times_gate_and_a_gate_is_between_zero_and_one(settings: Settings, states: list[float]):
    c, inputs = double(states), gate_inputs(settings, 5)
    f = GATES[settings.gate].opening(inputs, c, 2)
    assert f.shape == c.shape
    assert ((f >= 0) & (f <= 1)).all()
    torch.testing.assert_close(gated_step(settings, inputs, c, 2), c * f, rtol=0, atol=0)


@given(st.floats(0.01, 0.99), st.floats(-4, 4), st.floats(-2, 2))
def test_the_state_gate_is_the_logistic_function_of_u_times_c_plus_b(f: float, u: float, c: float):
    settings = Settings(gate="state", f=f, u=u)
    opening = GATES["state"].opening(gate_inputs(settings, 1), double(c), 0).item()
    with mpmath.workdps(DIGITS):
        bias = mpmath.log(mpmath.mpf(f) / (1 - mpmath.mpf(f)))
        expected = float(1 / (1 + mpmath.exp(-(mpmath.mpf(u) * c + bias))))
    np.testing.assert_allclose(opening, expected, rtol=1e-14, atol=0)


@given(gate_settings, st.floats(-2, 2))
def test_slope_of_each_gate_is_its_derivative(settings: Settings, c: float):
    gate, inputs = GATES[settings.gate], gate_inputs(settings, 3)
    state = double(c).requires_grad_()
    f = gate.opening(inputs, state, 1)
    slope = gate.slope(inputs, state.detach()).item()
    assert gate.reads_state == f.requires_grad
    autograd = torch.autograd.grad(f, state)[0].item() if f.requires_grad else 0.0
    left = 1 - f.item()  # torch multiplies by it: what f rounds away near 1 is missing there
    np.testing.assert_allclose(slope, autograd, rtol=1e-14 + 2.3e-16 / left if left else 1, atol=0 if left else 1e-15)


@given(st.floats(0.01, 0.9999), st.floats(-4, 4), st.floats(-2, 2))
def test_the_slope_of_the_state_gate_keeps_its_digits(f: float, u: float, c: float):
    inputs = gate_inputs(Settings(gate="state", f=f, u=u), 1)
    with mpmath.workdps(DIGITS):
        z = mpmath.mpf(u) * c + mpmath.mpf(inputs.bias.item())
        expected = float(u / (mpmath.exp(z / 2) + mpmath.exp(-z / 2)) ** 2)
    np.testing.assert_allclose(GATES["state"].slope(inputs, double(c)).item(), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("gate", GATES)
def test_gradcheck_of_the_gated_step(gate: str):
    settings = Settings(gate=gate, f=0.8, u=-2.5)
    inputs, c = gate_inputs(settings, 4), double([-1.9, -0.4, 0.3, 1.1]).requires_grad_()
    steps = torch.arange(4)  # one step number per element
    assert torch.autograd.gradcheck(lambda c: gated_step(settings, inputs, c, steps), (c,), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("f", [0.0, 1.0])
def test_a_gate_of_exactly_zero_or_one_stays_exactly_that(gate: str, f: float):
    settings = Settings(gate=gate, f=f, u=3.0, spread=2.0)
    opening = GATES[gate].opening(gate_inputs(settings, 6), double([-2.0, 0.0, 2.0]), 5)
    assert opening.tolist() == [f, f, f]


def test_a_gate_that_is_shut_or_open_at_rest_has_the_value_f():
    for f in (0.05, 0.5, 0.9999):
        still = Settings(gate="varying", f=f, spread=0.0)
        reading = Settings(gate="state", f=f, u=4.0)
        for settings in (still, reading, Settings(f=f)):
            opening = GATES[settings.gate].opening(gate_inputs(settings, 3), double(0.0), 2).item()
            np.testing.assert_allclose(opening, f, rtol=1e-12, atol=0)


def test_a_batch_of_gates_is_each_gate_alone():
    fs = double([0.1, 0.5, 0.93])
    for gate in GATES:
        settings = Settings(gate=gate, f=0.7, u=1.3, spread=0.8)
        together = GATES[gate].opening(gate_inputs(settings, 4, fs), double([0.5, 0.5, 0.5]), 3)
        alone = [GATES[gate].opening(gate_inputs(settings.replace(f=f.item()), 4), double(0.5), 3) for f in fs]
        torch.testing.assert_close(together, torch.stack(alone), rtol=1e-15, atol=0)


# --- the noise ----------------------------------------------------------------------------------------------


def swing(**changes) -> np.ndarray:
    settings = Settings(**{"gate": "varying", "k": 0, **changes})
    return gate_inputs(settings, settings.k).swing.numpy()


@given(st.integers(0, 2**62), st.integers(0, 1200), st.integers(0, 1200))
@budget(max_examples=50)
def test_claim_a_longer_lag_never_changes_the_noise(seed: int, one: int, other: int):
    shorter, longer = sorted((one, other))
    a, b = swing(seed=seed, k=shorter), swing(seed=seed, k=longer)
    assert (len(a), len(b)) == (shorter, longer)
    np.testing.assert_array_equal(a, b[:shorter])


def test_noise_is_standard_normal_and_scaled_by_the_spread():
    noise = swing(k=10_000)
    assert abs(noise.mean()) < 4 / math.sqrt(10_000)
    assert abs(noise.std() - 1) < 4 / math.sqrt(20_000)
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 4 / math.sqrt(10_000)
    np.testing.assert_allclose(swing(k=300, spread=2.5), 2.5 * noise[:300], rtol=1e-15, atol=0)
    assert not swing(k=300, spread=0.0).any()


def test_another_seed_is_another_sequence_and_the_same_seed_the_same():
    np.testing.assert_array_equal(swing(k=50, seed=7), swing(k=50, seed=7))
    sequences = {swing(k=50, seed=seed).tobytes() for seed in range(100)}
    assert len(sequences) == 100


def test_the_global_random_state_is_left_alone():
    with torch.random.fork_rng():
        torch.manual_seed(11)
        before = torch.get_rng_state()
        first = swing(k=1000, seed=3)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(12)
        np.testing.assert_array_equal(swing(k=1000, seed=3), first)


# --- the largest factor -------------------------------------------------------------------------------------


def densest_factor(f: float, u: float) -> float:
    """sup over c of |f(c) + c·∂f/∂c| of the state gate by search: a fine grid in z = u·c + b, then refined."""
    b = math.log(f) - math.log1p(-f)

    def magnitude(z: np.ndarray) -> np.ndarray:
        opening = 1 / (1 + np.exp(-z))
        closing = 1 / (1 + np.exp(z))
        return np.abs(opening * (1 + (z - b) * closing))

    # u only stretches c: every z is reached, whatever u ≠ 0
    z = np.linspace(-abs(b) - 60, abs(b) + 60, 400_001)
    best = z[np.argmax(magnitude(z))]
    return max(1.0, float(magnitude(np.linspace(best - 1e-3, best + 1e-3, 100_001)).max()))


@pytest.mark.parametrize("f", [1e-12, 0.001, 0.05, 0.3, 0.5, 0.7, 0.9, 0.95, 0.999, 0.9999, 1 - 1e-12])
@pytest.mark.parametrize("u", [-4.0, 0.1, 1.0])
def test_largest_factor_of_the_state_gate_is_what_a_dense_search_finds(f: float, u: float):
    largest = GATES["state"].largest_factor(Settings(gate="state", f=f, u=u))
    np.testing.assert_allclose(largest, densest_factor(f, u), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(f=0.3), 0.3),
        (Settings(f=0.0), 0.0),
        (Settings(gate="varying", f=0.3, spread=0.0), 0.3),
        (Settings(gate="varying", f=0.3, spread=0.1), 1.0),
        (Settings(gate="varying", f=0.0), 0.0),
        (Settings(gate="varying", f=1.0), 1.0),
        (Settings(gate="state", f=0.3, u=0.0), 0.3),
        (Settings(gate="state", f=0.0, u=4.0), 0.0),
        (Settings(gate="state", f=1.0, u=-4.0), 1.0),
    ],
    ids=repr,
)
def test_largest_factor_where_it_can_be_said_at_once(settings: Settings, expected: float):
    assert GATES[settings.gate].largest_factor(settings) == expected


@given(gate_settings, st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_no_state_gives_a_factor_above_the_largest(settings: Settings, states: list[float]):
    gate, inputs, c = GATES[settings.gate], gate_inputs(settings, 8), double(states)
    for step in range(8):
        f = gate.opening(inputs, c, step)
        factor = f + c * gate.slope(inputs, c)
        assert (factor.abs() <= gate.largest_factor(settings) * (1 + 1e-12)).all()


def test_registries_hold_what_the_settings_accept():
    for act in ACTIVATIONS:
        assert Settings(act=act).act == act
    for gate in GATES:
        assert Settings(gate=gate).gate == gate
    assert set(CONTROL["act"].values) == set(ACTIVATIONS)
    assert set(CONTROL["gate"].values) == set(GATES)
    assert len({one.label for one in (*ACTIVATIONS.values(), *GATES.values())}) == len(ACTIVATIONS) + len(GATES)
