"""Every sentence of the sections that states a number or a comparison, computed.

Each test names the words it stands for. They are looked up in the section, so that a sentence cannot change, or go,
without its test.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch

from explainer.choices.settings import Settings
from explainer.figures import networks as network_drawings
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.maths import cells, gradients, jacobians, number_formats, plans, training
from explainer.maths.gradients import gated, vanilla, verdict
from explainer.maths.grid import gated_grid, vanilla_grid
from explainer.maths.paths import by_path

BY_SLUG = {section.slug: section for section in SECTIONS}
CLAIMED: list[tuple[str, str]] = []

# the map's grids: what the reader sees of "any w" and "long lags"
LONG = (1, 50, 100, 199)
EVERY_W = tuple(np.round(np.arange(-8, 8.01, 0.2), 1).tolist())


def plain(text: str) -> str:
    """Words without their Markdown: colours, emphasis, line ends."""
    return re.sub(r"\s+", " ", re.sub(r":(?:orange|blue)\[|\]|\*|\$", "", text)).lower()


def everything_said(section: Section) -> str:
    asked = section.question(Settings())
    options = " ".join(f"{option.text} {option.told}" for option in asked.options)
    argument = section.argument + section.in_torch
    return plain(" ".join((argument, section.remember, section.look_closer, asked.question, options)))


def claim(slug: str, words: str) -> Callable:
    """The test computes these words of the section, which must still be there."""

    def decorate(test: Callable) -> Callable:
        CLAIMED.append((slug, words))
        return test

    return decorate


def log10_of_k_steps(act: str, w: float, h0: float, k: int) -> float:
    return vanilla(Settings(act=act, w=w, h0=h0, k=k)).log10_magnitude[-1]


# --- through time -------------------------------------------------------------------------------------------


@claim("through-time", "the term that belongs to the state k steps ago is proportional to")
def test_claim_each_term_of_the_weights_gradient_is_proportional_to_the_gradient_at_its_lag():
    k, w = 12, 0.9
    copies = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for _ in range(k)]
    states = [torch.tensor(0.5, dtype=torch.float64)]
    for copy in copies:
        states.append(torch.tanh(copy * states[-1]))
    terms = [term.item() for term in torch.autograd.grad(states[-1], copies)][::-1]
    g = vanilla(Settings(w=w, h0=0.5, k=k))
    for lag, term in enumerate(terms):
        direct_effect = g.state[lag + 1] / math.cosh(w * g.state[lag + 1]) ** 2
        assert term == pytest.approx(g.gradient[lag] * direct_effect, rel=1e-12)


@claim("through-time", "the gradient of a weight adds up every lag, and the short lags are always there")
def test_claim_a_vanishing_long_lag_term_is_not_a_vanishing_total():
    shares = jacobians.shares(network_drawings.network("rnn", Settings()), network_drawings.SEEDS)
    long_lags = np.abs(shares.fraction[:, 50:]).sum(axis=1)
    short_lags = shares.fraction[:, :10].sum(axis=1)
    assert (long_lags < 1e-6).all()
    assert (short_lags > 0.9).all()
    assert (shares.total_norm > 1e-3).all()


@claim("through-time", "all shares add up to 100 %; single ones can be negative")
def test_claim_shares_add_up_to_one_and_some_are_negative():
    shares = jacobians.shares(network_drawings.network("rnn", Settings()), network_drawings.SEEDS)
    np.testing.assert_allclose(shares.fraction.sum(axis=1), 1, rtol=1e-12, atol=0)
    assert (shares.fraction < 0).any()


# --- one recurrence -----------------------------------------------------------------------------------------


@claim("one-recurrence", "the factors are all alike if the map is a straight line")
@claim("one-recurrence", "or if the state rests from the start, as tanh's at 0")
def test_claim_the_factors_are_alike_for_the_identity_and_not_for_a_curve():
    assert np.ptp(vanilla(Settings(act="identity", w=0.7)).factor) == 0
    for act in ("tanh", "logistic"):
        assert np.ptp(vanilla(Settings(act=act, w=0.7)).factor) > 0.001
    assert np.ptp(vanilla(Settings(w=1.5, h0=0.0)).factor) == 0
    # of ReLU both straight pieces: alike on either, not across the kink
    assert np.ptp(vanilla(Settings(act="relu", w=0.7)).factor) == 0
    assert np.ptp(vanilla(Settings(act="relu", w=-0.7, h0=-0.5)).factor) > 0.1


@claim("one-recurrence", "where the state has settled, the factor settles too")
def test_claim_the_factor_settles_with_the_state():
    for act, w in (("tanh", 1.5), ("logistic", 3.0), ("tanh", 0.5)):
        g = vanilla(Settings(act=act, w=w, k=200))
        assert np.ptp(g.state[:20]) < 1e-12
        assert np.ptp(g.factor[:20]) < 1e-11


@claim("one-recurrence", "how much of a small difference one step passes on")
def test_claim_two_neighbouring_starts_run_together_as_the_gradient_says():
    near, far = (vanilla(Settings(h0=h0, k=20)).state[0] for h0 in (0.5, 0.5 + 1e-7))
    assert (far - near) / 1e-7 == pytest.approx(vanilla(Settings(h0=0.5, k=20)).gradient[-1], rel=1e-6)


# --- one step -----------------------------------------------------------------------------------------------


@claim("one-step", "for the logistic function, σ′ is never more than 1/4")
def test_claim_the_logistic_slope_is_never_more_than_a_quarter():
    x = np.linspace(-60, 60, 1_000_001)
    slope = 1 / (4 * np.cosh(x / 2) ** 2)
    assert slope.max() == 0.25
    assert x[np.argmax(slope)] == 0
    assert cells.ACTIVATIONS["logistic"].steepest == 0.25


@claim(
    "one-step", "a single step can enlarge the gradient only if |w| is greater than 4, and then only near the middle"
)
def test_claim_a_logistic_step_enlarges_only_for_w_beyond_four_and_near_the_middle():
    states = tuple(np.linspace(-10, 10, 4001).tolist())
    for w in (-4.0, -1.0, 0.5, 3.9, 4.0):
        assert np.abs(gradients.vanilla_derivative(Settings(act="logistic", w=w), states).gradient).max() <= 1
    for w in (-8.0, -4.1, 4.1, 8.0):
        step = gradients.vanilla_derivative(Settings(act="logistic", w=w), states)
        enlarging = np.abs(step.gradient) > 1
        assert enlarging.any()
        # in the middle of the curve, between a sixth and five sixths of its height
        assert (np.abs(step.next_state[enlarging] - 0.5) < 0.36).all()
        assert np.abs(w * step.state[enlarging]).max() < 2


@claim("one-step", "tanh and relu reach a slope of 1; the identity always has it")
def test_claim_tanh_and_relu_reach_a_slope_of_one_and_the_identity_always_has_it():
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    slopes = {name: sigma.slope(x) for name, sigma in cells.ACTIVATIONS.items()}
    assert slopes["tanh"].max().item() == pytest.approx(1, abs=1e-15)
    assert slopes["relu"].max().item() == 1
    assert slopes["relu"].min().item() == 0
    assert (slopes["identity"] == 1).all()


@claim("one-step", "largest where σ is steep and close to 0 where σ is flat")
def test_claim_the_slope_is_largest_in_the_middle_and_close_to_zero_where_sigma_is_flat():
    for act in ("tanh", "logistic"):
        step = gradients.vanilla_derivative(Settings(act=act, w=1.0), (0.0, 1.0, 3.0, 20.0))
        assert (np.diff(step.gradient) < 0).all()
        assert step.gradient[-1] < 1e-8


# --- two steps ----------------------------------------------------------------------------------------------


@claim("two-steps", "so two steps bring w in twice: the gradient is proportional to w^2")
def test_claim_two_steps_bring_w_in_twice():
    g = vanilla(Settings(w=-1.3, k=5))
    slopes = g.parts[:2, 1]
    assert g.gradient[2] == pytest.approx((-1.3) ** 2 * slopes.prod(), rel=1e-14)


@claim("two-steps", "the product can become smaller. try tanh with w = 1.5 and then with w = 3")
def test_claim_tanh_with_a_larger_weight_has_a_smaller_product():
    for k in (2, 50):  # as the sidebar starts, and from the start itself
        smaller, larger = (abs(vanilla(Settings(act="tanh", w=w, k=k)).gradient[2]) for w in (1.5, 3.0))
        assert larger < smaller / 10


# --- k steps ------------------------------------------------------------------------------------------------


@claim("k-steps", "on a logarithmic axis w^k is a straight line: it falls for |w| < 1, rises for |w| > 1")
def test_claim_the_power_of_w_is_a_straight_line_on_a_logarithmic_axis():
    for w in (-8.0, -0.3, 0.5, 0.99, 1.0, 1.01, 3.0):
        slope = np.diff(gradients.power_of_w(Settings(w=w, k=200))[1])
        np.testing.assert_allclose(slope, math.log10(abs(w)), rtol=0, atol=1e-12)
        assert np.sign(slope[0]) == np.sign(abs(w) - 1)


@claim("k-steps", "an upper bound (|w|\\cdot\\sup\\sigma')^k that it can never exceed")
def test_claim_the_bound_is_never_exceeded():
    for act in cells.ACTIVATIONS:
        for h0 in (-2.0, 0.0, 0.01, 0.5):
            grid = vanilla_grid(Settings(act=act, h0=h0), EVERY_W, LONG)
            with np.errstate(divide="ignore"):
                bound = np.log10(np.abs(EVERY_W) * cells.ACTIVATIONS[act].steepest)[:, None] * np.array(LONG)
            assert (grid.log10_magnitude <= bound + 1e-10).all()


@claim(
    "k-steps",
    "it is 1, and w^k is exact, only for the identity, for relu while it is active, and for tanh exactly at h = 0",
)
def test_claim_the_product_of_slopes_is_one_only_for_three_cells():
    def product(act: str, w: float, h0: float) -> float:
        return vanilla(Settings(act=act, w=w, h0=h0, k=30)).parts[:, 1].prod()

    for w in (0.5, 0.9, 1.0, 1.5):
        assert product("identity", w, 0.5) == product("identity", -w, -2.0) == 1
        assert product("relu", w, 0.5) == 1
        assert product("relu", w, -0.5) == product("relu", -w, 0.5) == 0
        assert product("tanh", w, 0.0) == 1
        assert product("tanh", w, 0.01) < 1
        assert product("logistic", w, 0.0) < 0.25**29


@claim("k-steps", "the second product can change exponentially with k too")
def test_claim_the_product_of_slopes_changes_exponentially_with_k():
    for act, w in (("tanh", 1.5), ("logistic", 2.0), ("logistic", 8.0)):
        # once the state has settled, one more step multiplies by the same slope
        slopes = np.diff([log10_of_k_steps(act, w, 0.5, k) - k * math.log10(w) for k in (60, 61, 100, 101, 200, 201)])
        np.testing.assert_allclose(slopes[[0, 2, 4]], slopes[4], rtol=1e-9, atol=0)
        assert slopes[4] < -0.1


def norm_after(matrix: np.ndarray, h: np.ndarray, steps: int) -> float:
    """The largest singular value of ∂h(t)/∂h(t−steps) of h(t) = tanh(W·h(t−1))."""
    jacobian = np.eye(len(h))
    for _ in range(steps):
        h = np.tanh(matrix @ h)
        jacobian = np.diag(1 - h**2) @ matrix @ jacobian
    return np.linalg.norm(jacobian, 2)


@claim("k-steps", "below 1/\\sup\\sigma' the gradient must vanish; above it, it may explode but need not")
def test_claim_for_matrices_a_small_singular_value_is_sufficient_and_a_large_one_only_necessary():
    generator = np.random.default_rng(0)
    for _ in range(20):
        matrix = generator.normal(size=(8, 8))
        below = 0.95 * matrix / np.linalg.norm(matrix, 2)
        assert norm_after(below, generator.normal(size=8), 100) <= 0.95**100 * (1 + 1e-9)
    # a rotation that stretches: it explodes from 0; tanh pulls it in from elsewhere
    turn = np.array([[0.0, -1.5], [1.5, 0.0]])
    assert norm_after(turn, np.zeros(2), 100) > 1e17
    assert norm_after(turn, np.array([0.5, 0.5]), 100) < 1e-10
    # and a large singular value without a large eigenvalue vanishes in any case
    assert norm_after(np.array([[0.5, 10.0], [0.0, 0.5]]), np.zeros(2), 100) < 1e-10


@claim("k-steps", "they agree only while every slope σ′ is close to 1")
def test_claim_no_slope_of_these_four_functions_is_greater_than_one():
    for sigma in cells.ACTIVATIONS.values():
        assert sigma.steepest <= 1
        assert sigma.slope(torch.linspace(-30, 30, 100_001, dtype=torch.float64)).max().item() <= 1 + 1e-15


# --- vanish or explode --------------------------------------------------------------------------------------


@claim("vanish-or-explode", "|w| < 1 &: \\text{ vanishing gradient} \\\\ |w| > 1 &: \\text{ exploding gradient}")
def test_claim_the_power_of_w_has_two_fates_and_a_knife_edge():
    said = {w: verdict(vanilla(Settings(act="identity", w=w, k=2000))) for w in (-1.01, -0.99, 0.99, 1.0, 1.01)}
    assert said == {-1.01: "explodes", -0.99: "vanishes", 0.99: "vanishes", 1.0: "neither", 1.01: "explodes"}


@claim("vanish-or-explode", "for long lags the vanilla gradient is almost never of a useful size")
def test_claim_for_long_lags_the_vanilla_gradient_is_almost_never_of_a_useful_size():
    for act in cells.ACTIVATIONS:
        for h0 in (-1.0, 0.01, 0.5, 2.0):
            longest = vanilla_grid(Settings(act=act, h0=h0), EVERY_W, LONG).log10_magnitude[:, -1]
            assert np.mean(np.abs(longest) <= 2) < 0.03


def settled_logistic(w: float) -> float:
    """The h* with h* = σ(w·h*), for w > 0, at 30 digits."""
    with mpmath.workdps(30):
        low, high = mpmath.mpf(0.5), mpmath.mpf(1)
        for _ in range(90):  # h − σ(w·h) rises from below 0 to above 0
            middle = (low + high) / 2
            low, high = (middle, high) if middle < 1 / (1 + mpmath.exp(-w * middle)) else (low, middle)
        return low


@claim("vanish-or-explode", "(1-h^)\\ln\\!\\big(h^/(1-h^)\\big), which is never more than 0.2785")
def test_claim_with_any_positive_w_the_logistic_map_settles_where_the_factor_is_at_most_0_2785():
    for w in (1e-6, 0.1, 0.9, 1.0, 2.0, 2.5, 4.0, 8.0, 20.0, 100.0):
        h = settled_logistic(w)
        factor = float((1 - h) * mpmath.log(h / (1 - h)))
        assert factor == pytest.approx(float(w * h * (1 - h)), rel=1e-9, abs=1e-12)  # w·σ′ at h*
        assert factor <= 0.2785
        settled = vanilla(Settings(act="logistic", w=w, h0=-2.0, k=200))
        assert settled.state[0] == pytest.approx(float(h), rel=1e-12)
        # torch forms h·(1 − h) from an h next to 1
        assert settled.factor[0] == pytest.approx(factor, rel=1e-9, abs=1e-13)
    # the largest of all, over every h* that a positive w can have
    h = np.linspace(0.5, 1, 2_000_001)[1:-1]
    assert 0.2784 < ((1 - h) * np.log(h / (1 - h))).max() <= 0.2785


@claim("vanish-or-explode", "it vanishes for every positive w")
def test_claim_the_logistic_gradient_vanishes_for_every_positive_w():
    weights = (*np.round(np.arange(0.05, 8.01, 0.05), 2).tolist(), 20.0, 100.0)
    for h0 in (-2.0, -0.1, 0.0, 0.5, 2.0):
        longest = vanilla_grid(Settings(act="logistic", h0=h0), weights, LONG).log10_magnitude[:, -1]
        assert (longest < -2).all()


@claim(
    "vanish-or-explode", "with tanh and |w| > 1 the gradient may first grow like w^k while the state is still near 0"
)
def test_claim_tanh_with_w_beyond_one_first_grows_then_dies():
    for w in (1.1, 1.5, -2.0, 4.0):
        lags = tuple(range(1, 201))
        log10 = vanilla_grid(Settings(act="tanh", h0=1e-4), (w,), lags).log10_magnitude[0]
        # like wᵏ for as long as the state is small: to within a few per cent of the exponent
        assert log10[2] == pytest.approx(3 * math.log10(abs(w)), rel=0.01)
        peak = int(np.argmax(log10))
        assert log10[peak] > 2
        assert (np.diff(log10[peak:]) < 0).all()
        assert log10[-1] < log10[peak] - 2


# --- gated state --------------------------------------------------------------------------------------------


@claim("gated-state", "f = 1 keeps everything, f = 0 forgets everything")
def test_claim_an_open_gate_keeps_everything_and_a_shut_one_nothing():
    for gate in cells.GATES:
        assert (gated(Settings(gate=gate, f=1.0, k=100)).state == 0.5).all()
        assert (gated(Settings(gate=gate, f=0.0, k=100)).state[:-1] == 0).all()


@claim("gated-state", "b = 0 gives f = 0.5, and b = 3 gives f \\approx 0.953")
def test_claim_forget_bias_0_gives_one_half_and_3_gives_0_953():
    assert Settings(f=0.5).forget_bias == 0
    assert 1 / (1 + math.exp(-3)) == pytest.approx(0.953, abs=0.0005)
    assert Settings(f=1 / (1 + math.exp(-3))).forget_bias == pytest.approx(3, rel=1e-14)


def lstm_with_biases(b: float) -> torch.nn.LSTM:
    network = torch.nn.LSTM(1, 1, dtype=torch.float64)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.zero_()
            if "bias" in name:
                weight[1] = b  # torch's order: input, forget, cell, output
    return network


@claim("gated-state", "pytorch's lstm has two biases that add up, so setting both to 1 makes 2")
def test_claim_pytorchs_two_biases_add_up():
    cell_state = torch.ones(1, 1, 1, dtype=torch.float64)
    nothing = torch.zeros(1, 1, 1, dtype=torch.float64)
    _, (_, kept) = lstm_with_biases(1.0)(nothing, (nothing, cell_state))
    assert kept.item() == pytest.approx(1 / (1 + math.exp(-2)), rel=1e-12)


# --- gate steps ---------------------------------------------------------------------------------------------


@claim("gate-steps", "the vanilla one has w in it twice; the gated one has no w at all")
def test_claim_the_gated_ladder_has_no_w():
    for w in (-8.0, 0.0, 3.0):
        assert (gated(Settings(w=w)).gradient == gated(Settings(w=0.9)).gradient).all()
        assert (vanilla(Settings(w=w)).parts[:2, 0] == w).all()


@claim("gate-steps", "is exact only for a gate that is given from outside")
def test_claim_the_gate_alone_is_the_derivative_only_if_it_is_given_from_outside():
    for gate in cells.GATES:
        g = gated(Settings(gate=gate, u=2.0))
        assert (g.factor == g.gates).all() == (not cells.GATES[gate].reads_state)


@claim("gate-steps", "+ c^{(t-1)}\\,\\frac{\\partial f(t-1)}{\\partial c^{(t-1)}}")
def test_claim_a_gate_that_reads_the_state_adds_c_times_its_slope():
    g, u = gated(Settings(gate="state", u=2.0, f=0.9)), 2.0
    slope = u * g.gates * (1 - g.gates)
    np.testing.assert_allclose(g.factor, g.gates + g.state[1:] * slope, rtol=1e-12, atol=0)


@claim("gate-steps", "a gate that is given from outside keeps more only if it is larger than |w·σ′|")
def test_claim_a_gate_from_outside_keeps_more_only_if_it_is_larger():
    for f in (0.2, 0.5, 0.95, 1.0):
        for w in (0.1, 0.5, 0.9, 1.0, 1.5, 3.0):
            factor = abs(vanilla(Settings(w=w, k=1)).factor[0])
            for gate in ("constant", "varying"):
                one = gated(Settings(gate=gate, f=f, k=1))
                assert (one.gradient[1] > factor) == (one.gates[0] > factor)


# --- product of gates ---------------------------------------------------------------------------------------


@claim(
    "product-of-gates",
    "the first two have your f as their typical value; the third has it where the state is close to 0",
)
def test_claim_all_three_gates_have_f_as_their_typical_value():
    for f in (0.3, 0.95):
        assert (gated(Settings(f=f)).gates == f).all()
        assert np.median(gated(Settings(gate="varying", f=f, k=5000)).gates) == pytest.approx(f, rel=0.02)
        assert gated(Settings(gate="state", f=f, k=2000)).gates[0] == pytest.approx(f, rel=1e-6)  # c has gone to 0


@claim("product-of-gates", "one too many, and would contradict the lab's own one-step and two-step cases")
def test_claim_the_product_from_i_0_has_one_gate_too_many():
    for settings in (Settings(f=0.9, k=5), Settings(gate="varying", k=5)):
        paths, g = by_path(settings), gated(settings)
        for steps in (1, 2):
            assert paths.product_of_gates[steps] == pytest.approx(g.gradient[steps], rel=1e-14)
            assert abs(paths.one_gate_more[steps] / g.gradient[steps] - 1) > 0.01
        # k + 1 factors: after one step already two
        assert by_path(Settings(f=0.9, k=5)).one_gate_more[1] == pytest.approx(0.9**2)


@claim("product-of-gates", "any constant f < 1 still decays exponentially, with a time constant of about 1/(1-f) steps")
def test_claim_a_constant_gate_decays_with_a_time_constant_of_about_one_over_one_minus_f():
    for f in (0.5, 0.9, 0.95, 0.99, 0.999):
        time_constant = 1 / (1 - f)
        log = np.log(gated(Settings(f=f, k=200)).gradient)
        np.testing.assert_allclose(np.diff(log), log[1], rtol=1e-9, atol=0)
        assert -1 / log[1] == pytest.approx(time_constant, abs=0.6)  # 1/(1−f) − 1/2, nearly
        assert verdict(gated(Settings(f=f, k=10_000))) == "vanishes"


@claim("product-of-gates", "pytorch starts an lstm with f \\approx 0.5, which forgets within a few steps")
def test_claim_pytorchs_lstm_starts_with_gates_near_one_half():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        biases = []
        for _ in range(50):
            network = torch.nn.LSTM(16, 16)
            biases += (network.bias_ih_l0 + network.bias_hh_l0)[16:32].tolist()
    gates = 1 / (1 + np.exp(-np.array(biases)))
    assert gates.mean() == pytest.approx(0.5, abs=0.01)
    assert (np.abs(gates - 0.5) < 0.13).all()
    assert gradients.horizon(gated(Settings(f=0.5))) == 7


@claim("product-of-gates", "a forget bias of 1 or more is the usual remedy")
def test_claim_a_forget_bias_of_one_or_more_reaches_further():
    reach = [gradients.horizon(gated(Settings(f=1 / (1 + math.exp(-b)), k=2000))) for b in (0, 1, 2, 3, 4)]
    assert reach == sorted(reach)
    assert reach[1] > 2 * reach[0]
    assert reach[3] > 10 * reach[0]


@claim("product-of-gates", "the time scale one wants to remember even tells which bias to choose")
def test_claim_the_time_scale_tells_the_bias():
    for steps in (2, 10, 100, 1000):
        f = 1 / (1 + math.exp(-math.log(steps - 1)))  # Tallec & Ollivier: b = log(T − 1)
        assert 1 / (1 - f) == pytest.approx(steps, rel=1e-9)


# --- many paths ---------------------------------------------------------------------------------------------


@claim("many-paths", "a product of gates can vanish as surely as a power of w")
def test_claim_a_product_of_gates_can_vanish():
    assert verdict(gated(Settings(f=0.9, k=100))) == "vanishes"


@claim("many-paths", "where the gate reads the state, the gradient can even grow for a while")
def test_claim_the_gradient_of_a_gate_that_reads_its_state_can_grow():
    grid = gated_grid(Settings(gate="state", u=4.0, h0=2.0), (0.05,), tuple(range(60)))
    assert grid.gradient[0].max() > 1.01
    assert grid.log10_magnitude[0, -1] < -2


@claim("many-paths", "the whole derivative is the sum over all of them")
def test_claim_the_whole_derivative_is_the_sum_of_its_paths():
    paths = by_path(Settings(gate="state", u=2.0, f=0.9))
    np.testing.assert_allclose(paths.direct + paths.around, paths.whole, rtol=1e-13, atol=0)
    np.testing.assert_allclose(paths.direct, paths.product_of_gates, rtol=1e-13, atol=0)


@claim("many-paths", "they are equal where the gate does not react: u = 0, c = 0, or f = 0 or 1")
def test_claim_whole_and_direct_are_equal_where_the_gate_does_not_react():
    still = ({"u": 0.0}, {"h0": 0.0}, {"f": 0.0}, {"f": 1.0})
    for changes in still:
        paths = by_path(Settings(gate="state", **changes))
        np.testing.assert_allclose(paths.whole, paths.direct, rtol=1e-14, atol=0)
        assert not paths.around.any()


@functools.cache
def network_ends(cell: str, lag: int, **changes) -> tuple[np.ndarray, np.ndarray]:
    """(log10 of the whole norm, of the direct path's) at a lag, one a draw, 16 units."""
    settings = Settings(**changes)
    norms = jacobians.by_lag(network_drawings.network(cell, settings), network_drawings.SEEDS).spectral
    return norms.whole[:, lag], norms.direct[:, lag]


@claim("many-paths", "raise the forget bias and watch the lstm's direct path come alive")
def test_claim_a_forget_bias_brings_the_lstms_direct_path_to_life():
    assert np.median(network_ends("lstm", 50)[1]) < -8
    assert np.median(network_ends("lstm", 50, bf=3.0)[1]) > -2


@claim("many-paths", "raise the gain, and all of them can explode")
def test_claim_with_a_large_gain_all_three_can_explode():
    for cell in ("rnn", "lstm", "gru"):
        assert network_ends(cell, 99, gain=8.0)[0].max() > math.log10(gradients.EXPLODED)


@claim(
    "many-paths", "at b_f = 3, lag 50 and 16 units, the direct path's norm is about a tenth of the sum of both parts"
)
def test_claim_at_forget_bias_3_the_direct_path_is_about_a_tenth_of_the_sum_of_both_parts():
    settings = Settings(bf=3.0)
    norms = jacobians.by_lag(network_drawings.network("lstm", settings), network_drawings.SEEDS).spectral
    share = norms.direct_share[:, 50]
    assert 0.04 < np.median(share) < 0.2
    assert share.max() < 0.5  # most of it does not run along the direct path


@claim("many-paths", "the band over the seeds of an rnn spans several powers of ten")
def test_claim_the_seeds_of_an_rnn_span_several_powers_of_ten():
    assert np.ptp(network_ends("rnn", 99)[0]) > 3


@claim(
    "many-paths", "with large recurrent weights they can make the whole derivative explode while the direct path decays"
)
def test_claim_an_lstm_can_explode_while_its_direct_path_decays():
    whole, direct = network_ends("lstm", 99, gain=8.0)
    assert ((whole > math.log10(gradients.EXPLODED)) & (direct < -2)).any()


@claim("many-paths", "the direct path alone never explodes, since no gate is greater than 1")
def test_claim_the_direct_path_never_explodes():
    for changes in ({}, {"bf": 6.0}, {"gain": 8.0}, {"gain": 8.0, "bf": 6.0, "xs": 4.0}):
        norms = jacobians.by_lag(network_drawings.network("lstm", Settings(**changes)), network_drawings.SEEDS)
        assert (norms.spectral.direct <= 1e-12).all()
    for gate in cells.GATES:
        assert (by_path(Settings(gate=gate, u=-4.0, spread=3.0, h0=2.0)).direct <= 1).all()


@claim("many-paths", "a vanilla network begins at w = 1, where the gradient passes unchanged")
def test_claim_a_relu_network_with_the_identity_passes_the_gradient_unchanged():
    assert (vanilla(Settings(act="relu", w=1.0, k=200)).gradient == 1).all()
    network = torch.nn.RNN(1, 5, nonlinearity="relu", bias=False, dtype=torch.float64)
    with torch.no_grad():
        network.weight_hh_l0.copy_(torch.eye(5))
    start = torch.full((1, 5), 0.5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda h: network(torch.zeros(100, 1).double(), h)[1], start)
    assert torch.equal(jacobian.reshape(5, 5), torch.eye(5, dtype=torch.float64))


# --- number formats -----------------------------------------------------------------------------------------


@claim("number-formats", "which need a quarter of the memory of float64")
def test_claim_float16_and_bfloat16_need_a_quarter_of_the_memory_of_float64():
    bits = {name: one.bits for name, one in number_formats.FORMATS.items()}
    assert bits["float64"] == 4 * bits["float16"] == 4 * bits["bfloat16"]


@claim("number-formats", "it ends near 6 \\cdot 10^{-8}")
@claim("number-formats", "ends near 10^{-40}, but it keeps only about two decimal digits")
def test_claim_where_float16_and_bfloat16_end():
    formats = number_formats.FORMATS
    assert formats["float16"].smallest_subnormal == pytest.approx(6e-8, rel=0.01)
    assert math.log10(formats["bfloat16"].smallest_subnormal) == pytest.approx(-40, abs=0.5)
    assert formats["bfloat16"].smallest_normal == formats["float32"].smallest_normal
    assert 2 < formats["bfloat16"].precision * math.log10(2) < 3


@claim("number-formats", "where all four lines of the first two figures still run together, the other two show how far")
def test_claim_formats_that_run_together_differ_all_the_same():
    for cell in (number_formats.vanilla, number_formats.gated):
        shown = number_formats.compare(cell, Settings())
        decades = [math.log10(one.gradient[-1]) for one in shown.gradients.values()]
        assert max(decades) - min(decades) < 0.05
        assert len({float(one[-1]) for one in shown.differences.values()} | {0.0}) == 4


@claim("number-formats", "at 100 % nothing of it is left, or, where a line is stuck, there is twice as much")
def test_claim_a_difference_of_100_percent_is_a_gradient_of_exactly_zero():
    shown = number_formats.compare(number_formats.vanilla, Settings(act="logistic", w=1.0))
    first = shown.gradients["float16"].zero_from
    assert 0 < first < 50
    np.testing.assert_array_equal(shown.differences["float16"] == -1, np.arange(51) >= first)
    stuck = number_formats.compare(number_formats.vanilla, Settings(k=200))
    first, last = stuck.gradients["float16"].stuck
    difference = stuck.differences["float16"][first : last + 1]
    (crossing,) = np.flatnonzero((difference[:-1] < 1) & (difference[1:] >= 1))  # from below, where it is stuck
    assert stuck.gradients["float16"].gradient[first + crossing] == pytest.approx(
        2 * stuck.gradients["float64"].gradient[first + crossing], rel=0.1
    )


@claim("number-formats", "a factor of 0.25 is gone after 75 steps in float32")
@claim("number-formats", "0.25^{74} = 2^{-148} is still a subnormal number, and 0.25^{75} = 2^{-150} rounds to 0")
def test_claim_a_factor_of_a_quarter_is_gone_after_75_steps_in_float32():
    g = number_formats.vanilla(Settings(act="identity", w=0.25, k=100), "float32")
    assert g.zero_from == 75
    assert g.gradient[74] == 2.0**-148 < number_formats.FORMATS["float32"].smallest_normal


@claim("number-formats", "gets there even sooner for w = 1")
def test_claim_a_logistic_cell_is_gone_even_sooner():
    assert number_formats.vanilla(Settings(act="logistic", w=1.0, k=100), "float32").zero_from < 75


@claim("number-formats", "a factor between 1/2 and 1 then takes the smallest of them to themselves")
def test_claim_a_factor_between_one_half_and_one_gets_stuck_and_a_smaller_one_does_not():
    for w in (0.6, 0.75, 0.9):
        g = number_formats.vanilla(Settings(act="identity", w=w, k=400), "float16")
        assert g.zero_from is None
        assert g.stuck[1] == 400
    for w in (0.3, 0.5):
        assert number_formats.vanilla(Settings(act="identity", w=w, k=400), "float16").zero_from is not None


@claim("number-formats", "until it lifts it out at the top")
def test_claim_loss_scaling_lifts_a_gradient_in_and_out_of_range():
    settings = Settings(act="logistic", w=1.0, k=15)
    ends = [number_formats.vanilla(settings, "float16", 2.0**power) for power in (0, 10, 24)]
    assert ends[0].zero_from is not None
    assert ends[1].zero_from is None
    assert ends[2].not_finite_from is not None


# --- does it learn ------------------------------------------------------------------------------------------


@claim("does-it-learn", "all have 16 units, the same optimiser (adam, learning rate 0.01)")
def test_claim_all_four_learners_have_16_units_and_the_same_learning_rate():
    plan = BY_SLUG["does-it-learn"].work.plan(Settings())
    assert (plan.hidden_size, plan.learning_rate, len(plan.learners)) == (16, 0.01, 4)


@claim("does-it-learn", "averaged over the last 20 steps, is at most a quarter")
def test_claim_what_learned_means():
    assert (plans.WINDOW, plans.LEARNED) == (20, 0.25)


@claim("does-it-learn", "the gradient that reaches the bit is below 10^{-6}")
@claim("does-it-learn", "of 3 starts above 10^{-2}")
def test_claim_what_reaches_the_bit_before_training():
    plan = BY_SLUG["does-it-learn"].work.plan(Settings())
    *_, untrained = training.train(dataclasses.replace(plan, steps=1))
    labels = [learner.cell for learner in plan.learners]
    at_the_bit = np.median(untrained.log10_norm[:, :, 0, plan.decisive_lag], axis=1)
    assert labels[:3] == ["rnn", "lstm", "lstm"]
    assert at_the_bit[1] < -6
    assert at_the_bit[2] > -2


# --- the words are still there ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "words"), CLAIMED, ids=lambda value: value[:40])
def test_the_section_still_says_what_is_computed_here(slug: str, words: str):
    assert plain(words) in everything_said(BY_SLUG[slug])
