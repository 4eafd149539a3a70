"""The engine against an oracle of its own: the same recurrences in arithmetic of 60 digits and more."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from mpmath import mpf

from explainer.choices.controls import CONTROL, CONTROLS
from explainer.choices.settings import LARGEST_LAG, Settings
from explainer.maths import cells, gradients
from explainer.maths.gradients import drawn_log10, gated, horizon, paths, vanilla, verdict

DIGITS = 60
UNIT = 2.0**-53  # half the distance from 1 to the next float64
LOW, HIGH = mpf("1e-290"), mpf("1e290")


# --- the oracle ---------------------------------------------------------------------------------------------

# σ, σ′, and |σ″/σ′|, which says how much a rounded argument changes the slope
SIGMA = {
    "identity": (lambda x: x, lambda x: mpf(1), lambda x: 0.0),
    "relu": (lambda x: max(x, mpf(0)), lambda x: mpf(x > 0), lambda x: 0.0),
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2, lambda x: 2 * abs(math.tanh(x))),
    "logistic": (
        lambda x: 1 / (1 + mpmath.exp(-x)),
        lambda x: mpmath.sech(x / 2) ** 2 / 4,
        lambda x: abs(math.tanh(x / 2)),
    ),
}


@dataclass(frozen=True)
class Exact:
    """What 60 digits say.

    From the first step to the last: states, factors, and the slopes of the vanilla cell or the gates of the gated
    one. From lag 0 on: the gradients, and what each may lose because float64 rounds the states (relative).
    """

    states: list
    factors: list
    parts: list
    gradients: list
    lost: np.ndarray


def products_from_now(factors: list) -> list:
    running = [mpf(1)]
    for factor in reversed(factors):
        running.append(running[-1] * factor)
    return running


@functools.lru_cache(512)
def exact_vanilla(act: str, w: float, h0: float, k: int) -> Exact:
    sigma, slope, bend = SIGMA[act]
    with mpmath.workdps(DIGITS):
        weight, h = mpf(w), mpf(h0)
        states, factors, slopes, lost = [h], [], [], []
        error = 0.0  # of float64's own state, to first order
        for _ in range(k):
            x = weight * h
            at = float(x)
            shift = abs(w) * error + 2 * UNIT * abs(at)
            lost.append(bend(at) * shift)
            slopes.append(slope(x))
            factors.append(weight * slopes[-1])
            h = sigma(x)
            error = float(slopes[-1]) * shift + 2 * UNIT * abs(float(h))
            states.append(h)
        return Exact(states, factors, slopes, products_from_now(factors), np.cumsum([0.0, *reversed(lost)]))


def exact(settings: Settings) -> Exact:
    return exact_vanilla(settings.act, settings.w, settings.h0, settings.k)


def relative_to(value: float, expected) -> float:
    """|value − expected| / |expected|, in the oracle's digits."""
    if not math.isfinite(value):
        return math.inf
    with mpmath.workdps(DIGITS):
        return float(abs(mpf(float(value)) - expected) / abs(expected)) if expected else abs(value)


# --- the settings that are tried ----------------------------------------------------------------------------

ACTS = ("identity", "relu", "tanh", "logistic")
STARTS = st.one_of(st.floats(-2, 2), st.sampled_from([0.0, 0.5, -0.5, 1e-3, 2.0, -2.0]))
WEIGHTS = st.one_of(
    st.floats(-8, 8).filter(lambda w: abs(w) > 1e-290), st.sampled_from([-8.0, -1.0, 0.0, 0.9, 1.0, 1.5, 8.0])
)
vanilla_settings = st.builds(Settings, act=st.sampled_from(ACTS), w=WEIGHTS, h0=STARTS, k=st.integers(0, 200))
gated_settings = st.builds(
    Settings,
    gate=st.sampled_from(["constant", "varying", "state"]),
    f=st.one_of(st.floats(1e-6, 1), st.sampled_from([0.0, 0.05, 0.5, 0.95, 0.9999, 1.0])),
    spread=st.floats(0, 3),
    seed=st.integers(0, 1000),
    u=st.floats(-4, 4),
    h0=STARTS,
    k=st.integers(0, 60),
)

CORNERS = [
    Settings(act=act, w=w, h0=h0, k=200)
    for act in ACTS
    for w in (-8.0, -4.5, -1.0, 0.0, 0.05, 0.9, 1.0, 1.5, 8.0)
    for h0 in (-2.0, 0.0, 0.5, 2.0)
]


def names(value: Settings | str) -> str:
    if not isinstance(value, Settings):
        return str(value)
    settings = value
    return f"{settings.act} w={settings.w} h0={settings.h0} k={settings.k}"


# --- the vanilla cell: closed form --------------------------------------------------------------------------

# σ, w, h0, k, ∂h(t)/∂h(t−k)
TABLE = [
    ("identity", 1.1, 0.5, 50, "117.39085287969532"),
    ("tanh", 0.9, 0.5, 50, "2.2773343833125575e-3"),
    ("tanh", 1.5, 0.1, 20, "1.1467606098525132e-5"),
    ("tanh", 1.0, 0.5, 100, "1.3062255666521172e-2"),
    ("tanh", 1.0, 0.5, 1000, "4.4842946475801734e-4"),
    ("logistic", 1.0, 0.5, 30, "3.7514349901105015e-20"),
    ("logistic", 2.0, 0.5, 30, "7.6358986554203686e-18"),
    ("logistic", 8.0, 0.5, 30, "4.6805916315561405e-76"),
    ("logistic", -22.0, 0.1, 12, "2051.6088739082581"),
]


@pytest.mark.parametrize(("act", "w", "h0", "k", "expected"), TABLE)
def test_the_lessons_table(act: str, w: float, h0: float, k: int, expected: str):
    settings = Settings(act=act, w=w, h0=h0, k=k)
    # the table's decimals are decimals: its weights and starts are not those that float64 rounds them to
    with mpmath.workdps(DIGITS):
        weight, h, product = mpf(str(w)), mpf(str(h0)), mpf(1)
        for _ in range(k):
            product *= weight * SIGMA[act][1](weight * h)
            h = SIGMA[act][0](weight * h)
        assert mpmath.nstr(product, 17) == mpmath.nstr(mpf(expected), 17)
    g = vanilla(settings)
    assert g.closed_form[-1] == pytest.approx(float(expected), rel=1e-12, abs=0)
    assert g.gradient[-1] == pytest.approx(float(expected), rel=1e-9, abs=0)
    assert g.log10_magnitude[-1] == pytest.approx(math.log10(float(expected)), rel=0, abs=1e-12)
    assert g.sign[-1] == 1


def check_closed_form(settings: Settings):
    """Every lag: within 1e-9, and what float64's own states lose where a small difference of states grows."""
    oracle, g = exact(settings), vanilla(settings)
    for lag, (expected, lost) in enumerate(zip(oracle.gradients, oracle.lost, strict=True)):
        if expected == 0:
            assert g.closed_form[lag] == 0
            assert g.log10_magnitude[lag] == -math.inf
            assert g.sign[lag] == 0
            continue
        log10 = float(mpmath.log10(abs(expected)))
        assert abs(g.log10_magnitude[lag] - log10) <= 1e-8 + lost
        assert g.sign[lag] == mpmath.sign(expected)
        if LOW <= abs(expected) <= HIGH:
            assert relative_to(g.closed_form[lag], expected) <= 1e-9 + lost


@pytest.mark.parametrize("settings", CORNERS, ids=names)
def test_closed_form_and_its_logarithm_at_the_corners(settings: Settings):
    check_closed_form(settings)


@given(vanilla_settings)
@budget(max_examples=150)
@example(Settings(act="relu", w=0.01, h0=0.5, k=200))
@example(Settings(act="relu", w=-0.01, h0=-0.5, k=200))
@example(Settings(act="tanh", w=8.0, h0=1e-125, k=200))
@example(Settings(act="tanh", w=-8.0, h0=1e-126, k=200))
@example(Settings(act="tanh", w=0.001, h0=2.0, k=200))
@example(Settings(act="identity", w=0.001, h0=2.0, k=200))
def test_closed_form_and_its_logarithm_anywhere(settings: Settings):
    check_closed_form(settings)


def lost_in_floats(act: str, w: float, h0: float, k: int) -> float:
    sigma = {"tanh": math.tanh, "logistic": lambda x: 0.5 * (1 + math.tanh(x / 2))}[act]
    slope = {"tanh": lambda y: 1 - y * y, "logistic": lambda y: y * (1 - y)}[act]
    h, error, lost = h0, 0.0, 0.0
    for _ in range(k):
        shift = abs(w) * error + 2 * UNIT * abs(w * h)
        lost += SIGMA[act][2](w * h) * shift
        h = sigma(w * h)
        error = slope(h) * shift + 2 * UNIT * abs(h)
    return lost


@pytest.mark.parametrize("act", ["tanh", "logistic"])
def test_rounded_states_cost_nothing_on_the_pages_own_grid(act: str):
    """The allowance above is for starts next to the unstable fixed point of a logistic cell with w below −4."""
    weights, starts = CONTROL["w"].values, CONTROL["h0"].values[::25]
    assert max(lost_in_floats(act, w, h0, 200) for w in weights for h0 in starts) < 1e-11
    # the test can see it: from there the rounding of one state grows from step to step
    fixed_point = float(mpmath.findroot(lambda h: h - 1 / (1 + mpmath.exp(8 * h)), 0.185))
    assert exact_vanilla("logistic", -8.0, fixed_point + 1e-10, 200).lost[-1] > 1e-6
    check_closed_form(Settings(act="logistic", w=-8.0, h0=fixed_point + 1e-10, k=200))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("w", "h0"), [(0.9, 0.5), (-1.3, 0.2), (2.5, -0.7), (-6.0, 0.1)])
def test_closed_form_is_the_derivative_of_the_last_state_in_the_first(act: str, w: float, h0: float):
    """Not by the chain rule: by differences of whole runs, at 80 digits."""
    k, sigma = 12, SIGMA[act][0]

    def last_state(h):
        for _ in range(k):
            h = sigma(mpf(w) * h)
        return h

    with mpmath.workdps(80):
        expected = mpmath.diff(last_state, mpf(h0))
    closed = vanilla(Settings(act=act, w=w, h0=h0, k=k)).closed_form[-1]
    assert relative_to(closed, expected) < 1e-12


@pytest.mark.parametrize(
    ("act", "w"),
    [
        ("identity", 1.001),
        ("relu", 0.3),
        ("relu", 8.0),
        ("tanh", 0.0),
        ("tanh", 1.0),
        ("tanh", -8.0),
        ("logistic", -6.0),
    ],
)
def test_ten_thousand_steps(act: str, w: float):
    settings = Settings(act=act, w=w, h0=0.5, k=LARGEST_LAG)
    g = vanilla(settings)
    assert g.lag[-1] == LARGEST_LAG
    assert (len(g.gradient), len(g.closed_form), len(g.state), len(g.factor)) == (10_001, 10_001, 10_001, 10_000)
    oracle = exact_vanilla(act, w, 0.5, LARGEST_LAG)
    for lag in (*range(0, 300, 23), 1000, 5000, 9999, 10_000):
        expected = oracle.gradients[lag]
        if expected:
            log10 = float(mpmath.log10(abs(expected)))
            assert abs(g.log10_magnitude[lag] - log10) <= 1e-9 + 1e-12 * abs(log10)
            if LOW <= abs(expected) <= HIGH:
                assert relative_to(g.closed_form[lag], expected) <= 1e-9
        else:
            assert (g.closed_form[lag], g.log10_magnitude[lag]) == (0, -math.inf)


@pytest.mark.parametrize(
    ("act", "w", "h0", "alive"),
    [
        ("relu", -0.9, 0.5, 0),
        ("relu", -0.9, -0.5, 1),
        ("relu", 2.0, -0.1, 0),
        ("relu", 0.5, 0.0, 0),
        ("tanh", 0.0, 0.5, 0),
    ],
)
def test_a_dead_cell_is_exactly_zero(act: str, w: float, h0: float, alive: int):
    """``alive`` steps pass the gradient on, counted from the start."""
    g = vanilla(Settings(act=act, w=w, h0=h0, k=30))
    assert (g.gradient[1:] == 0).all()
    assert (g.closed_form[1:] == 0).all()
    assert (g.log10_magnitude[1:] == -math.inf).all()
    assert verdict(g) == "dead"
    assert np.count_nonzero(g.factor) == alive
    assert np.isfinite(g.log10_factor).sum() == alive


# --- the vanilla cell: autograd -----------------------------------------------------------------------------


def slopes_that_torch_can_form(settings: Settings, oracle: Exact) -> list[tuple]:
    """(smallest, largest) slope of each step, first step first, given what float64 has to work with.

    torch forms σ′ as 1 − y² or y·(1 − y) from a y that it holds to an ulp, 2⁻⁵²·|y|: 1 − y² is then off by up to
    2·2⁻⁵²·y² and its own rounding, 1 − y by up to 2⁻⁵²·y. That is nothing beside a steep slope, and all there is
    of a saturated one. ReLU's slope is lost only where the state itself is too small for float64.
    """
    spans = []
    for slope, before, after in zip(oracle.parts, oracle.states, oracle.states[1:], strict=False):
        off = mpf(0)
        if settings.act == "tanh":
            off = 5 * UNIT * after**2
        elif settings.act == "logistic":
            off = 3 * UNIT * after
        elif settings.act == "relu" and before and min(abs(before), abs(settings.w * before)) < 2.0**-1073:
            off = slope
        spans.append((max(slope - off, mpf(0)), slope + off))
    return spans


def check_autograd(settings: Settings) -> None:
    """Every lag in range: within 1e-9, what rounded states lose, and what saturated slopes lose."""
    oracle, g = exact(settings), vanilla(settings)
    smallest = largest = mpf(1)
    steps = zip(reversed(slopes_that_torch_can_form(settings, oracle)), oracle.gradients[1:], strict=True)
    assert g.gradient[0] == 1
    with mpmath.workdps(DIGITS):
        for lag, ((low, high), expected) in enumerate(steps, 1):
            smallest, largest = smallest * abs(mpf(settings.w)) * low, largest * abs(mpf(settings.w)) * high
            if expected == 0:
                assert g.gradient[lag] == 0
                continue
            if not LOW <= abs(expected) <= HIGH:
                break  # float64 under- or overflows in the backward pass and need not come back
            measured, slack = mpf(float(g.gradient[lag])), 1e-9 + float(oracle.lost[lag])
            assert smallest * (1 - slack) <= abs(measured) <= largest * (1 + slack)
            assert measured == 0 or mpmath.sign(measured) == mpmath.sign(expected)


@pytest.mark.parametrize("settings", CORNERS, ids=names)
def test_autograd_at_the_corners(settings: Settings):
    check_autograd(settings)


@given(vanilla_settings)
@budget(max_examples=150)
@example(Settings(act="relu", w=0.01, h0=0.5, k=200))
@example(Settings(act="tanh", w=8.0, h0=1e-126, k=200))
def test_autograd_anywhere(settings: Settings):
    check_autograd(settings)


def test_the_allowance_for_saturation_is_nothing_where_sigma_is_steep():
    """So that the tests above hold autograd to 1e-9 where the page's presets are."""
    for settings in (Settings(), Settings(w=1.5, h0=0.1, k=20), Settings(act="logistic", w=2.0, k=30)):
        spans = slopes_that_torch_can_form(settings, exact(settings))
        assert sum(float(high / low - 1) for low, high in spans) < 1e-12
        expected = exact(settings).gradients[-1]
        assert relative_to(vanilla(settings).gradient[-1], expected) < 1e-12


def test_the_loss_of_digits_in_saturation_is_there_and_the_closed_form_has_them():
    """A finding that the page shows: torch's own σ′ of a saturated state is right to a few digits or none."""
    settings = Settings(act="logistic", w=8.0, h0=2.0, k=3)
    g, expected = vanilla(settings), exact(settings).gradients[-1]
    assert relative_to(g.gradient[-1], expected) > 1e-10
    assert relative_to(g.closed_form[-1], expected) < 1e-14
    flat = vanilla(Settings(act="tanh", w=8.0, h0=20.0, k=1))
    assert flat.gradient[-1] == 0
    assert relative_to(flat.closed_form[-1], exact(Settings(act="tanh", w=8.0, h0=20.0, k=1)).gradients[-1]) < 1e-13
    assert flat.drawn[1][-1] == gradients.ROUNDED_TO_ZERO


def test_ten_to_the_minus_505_and_ten_to_the_120_are_shown_as_what_they_are():
    small = vanilla(Settings(act="logistic", w=8.0, h0=0.5, k=200))
    assert small.gradient[-1] == 0
    expected = exact_vanilla("logistic", 8.0, 0.5, 200).gradients[-1]
    assert small.log10_magnitude[-1] == pytest.approx(float(mpmath.log10(expected)), abs=1e-8)
    assert small.log10_magnitude[-1] < -500
    place, status = small.drawn
    assert (place[-1], status[-1]) == (small.log10_magnitude[-1], gradients.ROUNDED_TO_ZERO)
    large = vanilla(Settings(act="identity", w=4.0, h0=0.5, k=200))
    assert large.gradient[-1] == 4.0**200
    beyond = vanilla(Settings(act="identity", w=-8.0, h0=0.5, k=401))
    assert (beyond.gradient[-1], beyond.drawn[1][-1], beyond.sign[-1]) == (-math.inf, gradients.OVERFLOW, -1)
    assert beyond.drawn[0][-1] == pytest.approx(401 * math.log10(8), rel=1e-13)


# --- the vanilla cell: what must hold -----------------------------------------------------------------------


@given(st.sampled_from(ACTS), WEIGHTS, STARTS)
def test_at_lag_zero_the_gradient_is_one(act: str, w: float, h0: float):
    for g in (vanilla(Settings(act=act, w=w, h0=h0, k=0)), vanilla(Settings(act=act, w=w, h0=h0, k=7))):
        assert (g.lag[0], g.gradient[0], g.closed_form[0], g.bound[0]) == (0, 1, 1, 1)
        assert (g.log10_magnitude[0], g.log10_bound[0], g.sign[0]) == (0, 0, 1)
    alone = vanilla(Settings(act=act, w=w, h0=h0, k=0))
    assert (alone.state.tolist(), alone.factor.shape, alone.parts.shape) == ([h0], (0,), (0, 2))


@given(vanilla_settings, st.data())
def test_product_rule_over_split_lags(settings: Settings, data: st.DataObject):
    """∂h(t)/∂h(t−k) = ∂h(t)/∂h(t−a) · ∂h(t−a)/∂h(t−k), the right factor from a run that ends at t − a."""
    a = data.draw(st.integers(0, settings.k))
    whole, early = vanilla(settings), vanilla(settings.replace(k=settings.k - a))
    np.testing.assert_allclose(whole.state[a], early.state[0], rtol=0, atol=0)
    np.testing.assert_allclose(
        whole.log10_magnitude[-1], whole.log10_magnitude[a] + early.log10_magnitude[-1], rtol=1e-12, atol=1e-12
    )
    parts = whole.gradient[a], early.gradient[-1]
    if all(1e-150 < abs(part) < 1e150 for part in parts):
        np.testing.assert_allclose(whole.gradient[-1], parts[0] * parts[1], rtol=1e-13, atol=0)


@given(vanilla_settings)
def test_sign_is_that_of_w_to_the_lag_while_there_is_one(settings: Settings):
    g = vanilla(settings)
    alive = np.isfinite(g.log10_magnitude)
    np.testing.assert_array_equal(g.sign, np.where(alive, np.sign(settings.w) ** g.lag, 0))
    held = (g.gradient != 0) & np.isfinite(g.gradient)
    np.testing.assert_array_equal(np.sign(g.gradient[held]), g.sign[held])
    np.testing.assert_array_equal(np.sign(g.closed_form[g.closed_form != 0]), g.sign[g.closed_form != 0])


@given(st.sampled_from(["tanh", "identity"]), WEIGHTS, STARTS, st.integers(0, 100))
def test_an_odd_activation_is_symmetric_in_the_start_and_up_to_sign_in_w(act: str, w: float, h0: float, k: int):
    g = vanilla(Settings(act=act, w=w, h0=h0, k=k))
    mirrored, turned = vanilla(Settings(act=act, w=w, h0=-h0, k=k)), vanilla(Settings(act=act, w=-w, h0=h0, k=k))
    np.testing.assert_array_equal(mirrored.gradient, g.gradient)
    np.testing.assert_array_equal(mirrored.state, -g.state)
    np.testing.assert_array_equal(turned.gradient * (-1.0) ** g.lag, g.gradient)
    np.testing.assert_array_equal(turned.log10_magnitude, g.log10_magnitude)


@given(vanilla_settings)
def test_the_bound_is_never_exceeded_and_is_w_times_the_steepest_slope(settings: Settings):
    g = vanilla(settings)
    allowed = 1e-13 * (1 + g.lag) * max(1, abs(g.log10_bound[1:2].sum()))
    assert (g.log10_magnitude <= g.log10_bound + np.where(np.isfinite(allowed), allowed, 0)).all()
    finite = np.isfinite(g.gradient)
    assert (np.abs(g.gradient[finite]) <= g.bound[finite] * (1 + 1e-13 * g.lag[finite]) + 5e-324 * g.lag[finite]).all()
    steepest = {"identity": 1.0, "relu": 1.0, "tanh": 1.0, "logistic": 0.25}[settings.act]
    with mpmath.workdps(DIGITS):
        for lag in (1, 7, settings.k):
            if lag <= settings.k and settings.w:
                expected = (abs(mpf(settings.w)) * steepest) ** lag
                assert g.log10_bound[lag] == pytest.approx(float(mpmath.log10(expected)), rel=1e-13, abs=1e-11)
                if LOW <= expected <= HIGH:
                    assert relative_to(g.bound[lag], expected) < 1e-13


@given(vanilla_settings)
def test_factors_and_their_parts_belong_to_the_states(settings: Settings):
    g = vanilla(settings)
    np.testing.assert_allclose(g.parts.prod(axis=1), g.factor, rtol=1e-15, atol=5e-324)
    assert (g.parts[:, 0] == settings.w).all()
    with np.errstate(under="ignore"):
        np.testing.assert_allclose(np.cumprod(g.factor), g.gradient[1:], rtol=1e-12, atol=1e-300)
    assert (g.state[-1], len(g.gates)) == (settings.h0, 0)
    if settings.act in ("tanh", "logistic"):
        sigma = {"tanh": np.tanh, "logistic": lambda x: 0.5 * (1 + np.tanh(x / 2))}[settings.act]
        np.testing.assert_allclose(g.state[:-1], sigma(settings.w * g.state[1:]), rtol=1e-13, atol=1e-16)


@given(WEIGHTS, st.integers(0, 200))
def test_power_of_w(w: float, k: int):
    power, log10_power = gradients.power_of_w(Settings(w=w, k=k))
    assert (power[0], log10_power[0]) == (1, 0)
    for lag in {0, k // 2, k}:
        with mpmath.workdps(DIGITS):
            expected = abs(mpf(w)) ** lag
        if expected == 0:
            assert (power[lag], log10_power[lag]) == (0, -math.inf)
            continue
        assert log10_power[lag] == pytest.approx(float(mpmath.log10(expected)), rel=1e-14, abs=1e-12)
        if LOW < expected < HIGH:
            assert relative_to(power[lag], expected) < 1e-13


# --- the gated cell -----------------------------------------------------------------------------------------


def exact_gated(settings: Settings, digits: int = DIGITS) -> Exact:
    """c·f and f + c·∂f/∂c, on the noise that the settings' seed gives."""
    with mpmath.workdps(digits):
        f, c, u = mpf(settings.f), mpf(settings.h0), mpf(settings.u)
        shut_or_open = settings.f in (0, 1)
        bias = None if shut_or_open else mpmath.log(f / (1 - f))
        noise = cells.gate_inputs(settings, settings.k).swing.tolist()
        states, factors, gates, lost = [c], [], [], []
        for i in range(settings.k):
            reads = u * c if settings.gate == "state" else mpf(0)
            swing = mpf(noise[i]) if settings.gate == "varying" else mpf(0)
            gate = f if shut_or_open else 1 / (1 + mpmath.exp(-(reads + bias + swing)))
            factor = gate * (1 + reads * (1 - gate))
            # z = u·c + b + noise and the state's own i roundings, through ∂factor/∂z; then 1 − f and the sum
            size = abs(reads) * (i + 3) + abs(swing) + (0 if shut_or_open else 3 * abs(bias))
            off = 2 * UNIT * gate * ((2 + abs(reads)) * size + 4 * (1 + abs(reads)))
            lost.append(float(off / abs(factor)) if factor else (0.0 if off == 0 else math.inf))
            gates.append(gate)
            factors.append(factor)
            c = c * gate
            states.append(c)
        return Exact(states, factors, gates, products_from_now(factors), np.cumsum([0.0, *reversed(lost)]))


@given(gated_settings)
@budget(max_examples=200)
@example(Settings(gate="state", f=0.05, u=-4.0, h0=2.0, k=40))
@example(Settings(gate="state", f=0.9999, u=4.0, h0=-2.0, k=60))
@example(Settings(gate="varying", f=0.05, spread=3.0, k=60))
def test_gated_gradient_anywhere(settings: Settings):
    oracle, g = exact_gated(settings), gated(settings)
    for lag, (expected, lost) in enumerate(zip(oracle.gradients, oracle.lost, strict=True)):
        if expected == 0:
            assert (g.gradient[lag], g.closed_form[lag], g.log10_magnitude[lag], g.sign[lag]) == (0, 0, -math.inf, 0)
        elif lost < 1e-3:  # a factor that is 0 but for rounding has no digits to compare
            assert abs(g.log10_magnitude[lag] - float(mpmath.log10(abs(expected)))) <= 1e-8 + lost
            assert g.sign[lag] == mpmath.sign(expected)
            if LOW <= abs(expected) <= HIGH:
                assert relative_to(g.closed_form[lag], expected) <= 1e-9 + lost
                assert relative_to(g.gradient[lag], expected) <= 1e-9 + lost
    np.testing.assert_allclose(g.state, [float(c) for c in reversed(oracle.states)], rtol=1e-11, atol=1e-300)
    np.testing.assert_allclose(g.gates, [float(f) for f in reversed(oracle.parts)], rtol=1e-11, atol=0)


@pytest.mark.parametrize(("f", "u", "c0"), [(0.9, 2.0, 0.5), (0.5, -3.0, 1.7), (0.95, 1.0, -2.0), (0.3, 0.0, 1.0)])
def test_gate_that_reads_its_state_is_differentiated_through(f: float, u: float, c0: float):
    """By differences of whole runs at 80 digits, not by the product rule."""
    k = 9

    def last_state(c):
        for _ in range(k):
            c = c / (1 + mpmath.exp(-(mpf(u) * c + mpmath.log(mpf(f) / (1 - mpf(f))))))
        return c

    with mpmath.workdps(80):
        expected = mpmath.diff(last_state, mpf(c0))
    g = gated(Settings(gate="state", f=f, u=u, h0=c0, k=k))
    assert relative_to(g.gradient[-1], expected) < 1e-12
    assert relative_to(g.closed_form[-1], expected) < 1e-12


@given(st.floats(0, 1), STARTS, st.integers(0, 200))
def test_a_constant_gate_is_a_power_of_f(f: float, h0: float, k: int):
    g = gated(Settings(f=f, h0=h0, k=k))
    with mpmath.workdps(DIGITS):
        for lag in {0, 1, k}:
            expected = mpf(f) ** lag
            if lag <= k and expected >= LOW:
                assert relative_to(g.gradient[lag], expected) < 1e-12
    assert (g.gates == f).all()


@given(gated_settings, st.data())
def test_product_rule_of_the_gated_cell(settings: Settings, data: st.DataObject):
    a = data.draw(st.integers(0, settings.k))
    whole, early = gated(settings), gated(settings.replace(k=settings.k - a))
    np.testing.assert_allclose(whole.state[a], early.state[0], rtol=1e-14, atol=0)
    parts = whole.gradient[a], early.gradient[-1]
    if all(abs(part) > 1e-150 for part in parts):
        np.testing.assert_allclose(whole.gradient[-1], parts[0] * parts[1], rtol=1e-9, atol=0)


@given(gated_settings)
def test_gated_gradient_at_lag_zero_bound_and_parts(settings: Settings):
    g = gated(settings)
    assert (g.gradient[0], g.closed_form[0], g.bound[0], g.log10_magnitude[0]) == (1, 1, 1, 0)
    assert (g.log10_magnitude <= g.log10_bound + 1e-13 * (1 + g.lag)).all()
    assert (np.abs(g.gradient) <= g.bound * (1 + 1e-13 * g.lag) + 5e-324 * g.lag).all()
    np.testing.assert_allclose(g.parts.prod(axis=1), g.factor, rtol=1e-14, atol=0)
    np.testing.assert_array_equal(g.parts[:, 0], g.gates)
    if settings.gate != "state":
        assert (g.parts[:, 1] == 1).all()
        np.testing.assert_array_equal(g.factor, g.gates)


# --- several paths ------------------------------------------------------------------------------------------


@given(gated_settings)
@budget(max_examples=150)
@example(Settings(gate="state", f=0.5, u=1.0, h0=0.5, k=60))
@example(Settings(gate="state", f=0.9, u=1e-9, h0=0.5, k=30))
def test_paths(settings: Settings):
    p, g, oracle = paths(settings), gated(settings), exact_gated(settings)
    np.testing.assert_array_equal(p.whole, g.gradient)
    np.testing.assert_allclose(p.direct, p.product_of_gates, rtol=1e-13, atol=5e-324 * len(p.lag))
    np.testing.assert_allclose(p.product_of_gates[1:], np.cumprod(g.gates), rtol=1e-13, atol=1e-307)
    np.testing.assert_allclose(p.direct + p.around, p.whole, rtol=1e-12, atol=1e-12 * np.abs(p.direct).max())
    with mpmath.workdps(DIGITS):
        for lag, (whole, direct) in enumerate(zip(oracle.gradients, products_from_now(oracle.parts), strict=True)):
            around = whole - direct
            # what is summed: every path's size, each with a handful of roundings a step
            size = products_from_now([abs(a) for a in oracle.factors])[lag] + direct
            off = 1e-9 * abs(around) + float(oracle.lost[lag]) * size * 4
            if settings.gate != "state":
                assert p.around[lag] == 0
            elif abs(around) > LOW:
                assert abs(mpf(float(p.around[lag])) - around) <= off


@given(st.floats(0.05, 0.99), st.floats(0.1, 4), st.floats(0.01, 2), st.integers(1, 60))
def test_paths_through_the_gate_keep_their_digits_where_they_are_tiny(f: float, u: float, h0: float, k: int):
    """u·c > 0: every path is positive, and none of their sum is lost at any lag."""
    settings = Settings(gate="state", f=f, u=u, h0=h0, k=k)
    oracle = exact_gated(settings, 300)  # here the paths through the gate are a difference
    with mpmath.workdps(300):
        pairs = zip(oracle.gradients, products_from_now(oracle.parts), strict=True)
        expected = [whole - direct for whole, direct in pairs]
        off = 1e-12 + 4 * UNIT / float(1 - max(oracle.parts))  # torch forms ∂f/∂c from f·(1 − f)
    for value, around in zip(paths(settings).around, expected, strict=True):
        if around > LOW:
            assert relative_to(value, around) < off


def test_one_gate_more_is_the_product_with_k_plus_one_factors():
    for settings in (Settings(f=0.5, k=5), Settings(gate="varying", k=20), Settings(gate="state", u=-2.0, k=20)):
        one_step_on = gated(settings.replace(k=settings.k + 1))  # it goes through t's own gate as well
        expected = np.cumprod(one_step_on.gates)
        np.testing.assert_allclose(paths(settings).one_gate_more, expected, rtol=1e-13, atol=0)
    assert paths(Settings(f=0.5, k=2)).one_gate_more.tolist() == [0.5, 0.25, 0.125]


# --- one step -----------------------------------------------------------------------------------------------


@given(vanilla_settings, st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_vanilla_derivative_is_that_of_one_step_at_each_state(settings: Settings, states: list[float]):
    d = gradients.vanilla_derivative(settings, tuple(states))
    sigma, slope, _ = SIGMA[settings.act]
    for i, h in enumerate(states):
        with mpmath.workdps(DIGITS):
            x = mpf(settings.w) * mpf(h)
            after, expected = sigma(x), mpf(settings.w) * slope(x)
        assert d.state[i] == h
        assert abs(d.next_state[i] - after) <= 1e-14 * abs(after) + 1e-307
        if expected and (x == 0 or abs(x) > 1e-300) and abs(expected) > 1e-290:
            assert relative_to(d.closed_form[i], expected) < 1e-13
            off = 1e-12 + float(6 * UNIT / slope(x))
            assert relative_to(d.gradient[i], expected) < off


@given(gated_settings.filter(lambda s: s.k > 0), st.lists(st.floats(-3, 3), min_size=1, max_size=6))
def test_gated_derivative_is_that_of_the_last_step(settings: Settings, states: list[float]):
    d = gradients.gated_derivative(settings, tuple(states))
    np.testing.assert_allclose(d.gradient, d.closed_form, rtol=1e-10, atol=1e-14)
    own = gradients.gated_derivative(settings, (float(gated(settings).state[1]),))
    np.testing.assert_allclose(own.gradient[0], gated(settings).factor[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(own.next_state[0], gated(settings).state[0], rtol=1e-14, atol=0)


# --- the grid -----------------------------------------------------------------------------------------------


def check_grid(grid: gradients.Grid, single, name: str, settings: Settings) -> None:
    for i, value in enumerate(grid.parameter.tolist()):
        for j, lag in enumerate(grid.lag.tolist()):
            alone = single(settings.replace(**{name: value, "k": lag}))
            np.testing.assert_allclose(grid.log10_magnitude[i, j], alone.log10_magnitude[-1], rtol=1e-12, atol=1e-11)
            # torch's σ of a batch may differ from that of one number in the last bit, 1 − y² then in many
            with np.errstate(divide="ignore"):
                slopes = np.abs(alone.factor / (value if name == "w" and value else 1.0))
            off = 1e-10 + float(np.sum(8 * UNIT / np.maximum(slopes, UNIT)))
            np.testing.assert_allclose(grid.gradient[i, j], alone.gradient[-1], rtol=min(off, 1), atol=1e-300)


@given(
    vanilla_settings,
    st.lists(WEIGHTS, min_size=1, max_size=5).map(tuple),
    st.lists(st.integers(0, 120), min_size=1, max_size=5).map(sorted).map(tuple),
)
@budget(max_examples=40)
@example(Settings(act="relu"), (0.01, -0.01, 0.0), (0, 1, 2, 3, 200))
@example(Settings(act="identity", h0=-1.0), (-1.0, 0.001), (200, 200))
def test_vanilla_grid_equals_single_runs(settings: Settings, w: tuple, lags: tuple):
    check_grid(gradients.vanilla_grid(settings, w, lags), vanilla, "w", settings)


@given(
    gated_settings,
    st.lists(st.floats(0, 1), min_size=1, max_size=5).map(tuple),
    st.lists(st.integers(0, 60), min_size=1, max_size=5).map(sorted).map(tuple),
)
@budget(max_examples=40)
def test_gated_grid_equals_single_runs(settings: Settings, f: tuple, lags: tuple):
    grid = gradients.gated_grid(settings, f, lags)
    assert (grid.parameter.tolist(), grid.lag.tolist()) == (list(f), list(lags))
    for i, value in enumerate(f):
        for j, lag in enumerate(lags):
            one = settings.replace(f=value, k=lag)
            alone, lost = gated(one), exact_gated(one).lost[-1]
            if lost < 1e-3:
                np.testing.assert_allclose(
                    grid.log10_magnitude[i, j], alone.log10_magnitude[-1], rtol=1e-12, atol=1e-11 + lost
                )
                np.testing.assert_allclose(grid.gradient[i, j], alone.gradient[-1], rtol=1e-10 + lost, atol=1e-300)


@pytest.mark.parametrize(
    ("values", "lags"),
    [
        ((), (1,)),
        ((0.5,), ()),
        ((0.5,), (5, 3)),
        ((0.5,), (-1, 3)),
        ((0.5,), (1, 10_001)),
        ((math.nan,), (1,)),
        ((0.5, math.inf), (1,)),
        ((0.2, math.nan, 0.3), (1,)),
        ((0.5,), (1, 1.5)),
    ],
    ids=repr,
)
def test_what_is_no_grid_is_refused(values: tuple, lags: tuple):
    for grid in (gradients.vanilla_grid, gradients.gated_grid):
        with pytest.raises(ValueError, match=r"must be|at least one"):
            grid(Settings(), values, lags)
    with pytest.raises(ValueError, match="f must be"):
        gradients.gated_grid(Settings(), (0.5, 1.5), (1,))


# --- horizon, verdict, places -------------------------------------------------------------------------------


@given(vanilla_settings, st.floats(1e-6, 10))
def test_horizon_is_the_first_lag_below_the_threshold(settings: Settings, threshold: float):
    g = vanilla(settings)
    below = [lag for lag, log10 in enumerate(g.log10_magnitude) if log10 < math.log10(threshold)]
    assert horizon(g, threshold) == (below[0] if below else None)


@pytest.mark.parametrize(
    ("settings", "lag"),
    [
        (Settings(f=0.5, k=20), 7),  # 2⁻⁷ < 1/100 < 2⁻⁶
        (Settings(f=0.5, k=6), None),
        (Settings(f=0.95, k=200), 90),
        (Settings(f=1.0, k=200), None),
        (Settings(f=0.0, k=3), 1),
    ],
)
def test_horizon_of_constant_gates(settings: Settings, lag: int | None):
    assert horizon(gated(settings)) == lag


@pytest.mark.parametrize("threshold", [0, -1.0, math.nan])
def test_a_threshold_that_is_not_positive_is_refused(threshold: float):
    with pytest.raises(ValueError, match="threshold must be positive"):
        horizon(vanilla(Settings()), threshold)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(act="identity", w=0.5, k=7), "vanishes"),
        (Settings(act="identity", w=-0.5, k=7), "vanishes"),
        (Settings(act="identity", w=0.5, k=6), "neither"),
        (Settings(act="identity", w=2.0, k=6), "neither"),
        (Settings(act="identity", w=2.0, k=7), "explodes"),
        (Settings(act="identity", w=-2.0, k=7), "explodes"),
        (Settings(act="identity", w=8.0, k=10_000), "explodes"),
        (Settings(act="identity", w=0.0, k=1), "dead"),
        (Settings(act="identity", w=0.0, k=0), "neither"),
        (Settings(act="relu", w=-1.0, k=2), "dead"),
        (Settings(act="logistic", w=8.0, k=200), "vanishes"),
        (Settings(act="tanh", w=3.0, k=50), "vanishes"),  # |w| > 1
    ],
    ids=names,
)
def test_verdict_is_computed_from_the_gradient(settings: Settings, said: str):
    assert verdict(vanilla(settings)) == said


def test_drawn_log10_gives_every_kind_its_place_and_its_name():
    gradient = np.array([0.01, -100.0, 0.0, 0.0, np.inf, -np.inf, np.nan, 1.0, 0.0])
    log10 = np.array([-2.0, 2.0, -400.0, -np.inf, 400.0, 400.0, -3.0, np.nan, 0.5])
    place, status = drawn_log10(gradient, log10)
    assert status.tolist() == [
        *("value", "value", "rounds to 0", "exactly 0", "overflows", "overflows", "undefined", "undefined"),
        "rounds to 0",
    ]
    np.testing.assert_array_equal(place, [-2, 2, -400, -np.inf, 400, 400, np.nan, np.nan, 0.5])


@given(vanilla_settings)
def test_every_lag_has_a_place_or_a_reason(settings: Settings):
    place, status = vanilla(settings).drawn
    assert place.shape == status.shape == (settings.k + 1,)
    finite = np.isin(status, [gradients.VALUE, gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW])
    assert np.isfinite(place[finite]).all()
    assert np.isneginf(place[status == gradients.EXACTLY_ZERO]).all()
    assert not (status == gradients.UNDEFINED).any()


# --- the cache ----------------------------------------------------------------------------------------------

CACHED = {
    "vanilla": lambda s: vanilla(s),
    "gated": lambda s: gated(s),
    "paths": lambda s: paths(s),
    "vanilla_grid": lambda s: gradients.vanilla_grid(s, (0.5, 0.9), (1, 12)),
    "gated_grid": lambda s: gradients.gated_grid(s, (0.5, 0.9), (1, 12)),
}
UNCACHED = {
    "vanilla": vanilla.__wrapped__,
    "gated": gated.__wrapped__,
    "paths": paths.__wrapped__,
    "vanilla_grid": lambda s: gradients.vanilla_grid.__wrapped__(s, (0.5, 0.9), (1, 12)),
    "gated_grid": lambda s: gradients.gated_grid.__wrapped__(s, (0.5, 0.9), (1, 12)),
}


def assert_same(one, other) -> None:
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def another(control, value):
    """A value of the control far from this one."""
    if isinstance(value, tuple):
        return value[1:] or control.values
    return control.values[(control.values.index(value) + len(control.values) // 2) % len(control.values)]


@pytest.mark.parametrize("gate", cells.GATES)
@pytest.mark.parametrize("name", CACHED)
def test_caching_never_mixes_settings(name: str, gate: str):
    base = Settings(k=12, gate=gate)
    CACHED[name](base)
    for control in CONTROLS:
        changed = base.replace(**{control.name: another(control, getattr(base, control.name))})
        assert changed != base
        assert_same(CACHED[name](changed), UNCACHED[name](changed))
    assert_same(CACHED[name](base), UNCACHED[name](base))


def test_what_does_not_matter_is_not_computed_again():
    assert vanilla(Settings(f=0.1, gain=3.0)) is vanilla(Settings(f=0.2, u=3.0))
    assert gated(Settings(w=0.1)) is gated(Settings(w=0.2, act="relu"))
    assert paths(Settings(w=0.1)) is paths(Settings(w=0.2, n=4))


@given(vanilla_settings, gated_settings)
@budget(max_examples=20)
def test_no_tensor_leaves_the_engine(one: Settings, other: Settings):
    results = [vanilla(one), gated(other), paths(other), gradients.vanilla_grid(one, (0.5,), (1, 2))]
    results += [gradients.gated_grid(other, (0.5,), (1, 2)), gradients.vanilla_derivative(one, (0.5,))]
    results += [gradients.gated_derivative(other, (0.5,))]
    for result in results:
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.gradient = None
        for field in dataclasses.fields(result):
            assert isinstance(getattr(result, field.name), np.ndarray)


def test_the_global_random_state_belongs_to_nobody():
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    gated.cache_clear()
    gated(Settings(gate="varying", k=300, seed=3))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == before_numpy  # noqa: NPY002


@pytest.mark.parametrize(
    "settings", [Settings(k=0), Settings(k=1, h0=-0.0), Settings(w=1e308, h0=1e308, k=3)], ids=names
)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("gate", cells.GATES)
def test_the_ends_of_what_the_engine_accepts_give_numbers_without_warnings(settings: Settings, act: str, gate: str):
    settings = settings.replace(act=act, gate=gate)
    for g in (vanilla(settings), gated(settings)):
        assert g.gradient[0] == 1
        assert not np.isnan(g.log10_magnitude).any()
    paths(settings)


@pytest.mark.parametrize("f", [0.05, 0.5, 0.95, 0.999, 0.9999])
@pytest.mark.parametrize(("u", "h0"), [(4.0, 2.0), (1.0, 0.5), (-4.0, 2.0), (4.0, -2.0), (0.1, 0.01)])
def test_the_paths_through_the_gate_keep_their_digits_where_it_is_nearly_open(f, u, h0):
    """Path by path in 60 digits. torch's slope f·(1 − f) would have lost up to five digits at u·c + b = 17."""
    settings = Settings(gate="state", f=f, u=u, h0=h0, k=60)
    with mpmath.workdps(60):
        b, c, states = mpmath.log(mpf(f) / (1 - mpf(f))), mpf(h0), []
        for _ in range(settings.k):
            gate = 1 / (1 + mpmath.exp(-(u * c + b)))
            states.append((c, gate))
            c *= gate
        direct, around, expected = mpf(1), mpf(0), [mpf(0)]
        for c, gate in reversed(states):
            through = c * u * gate * (1 - gate)
            around = around * (gate + through) + direct * through
            direct *= gate
            expected.append(around)
        floats = [float(value) for value in expected]
    np.testing.assert_allclose(gradients.paths(settings).around, floats, rtol=1e-10, atol=1e-300)
