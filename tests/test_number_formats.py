"""number_formats against exact arithmetic: fractions, rounded to each format by the rule of IEEE 754."""

import math
import threading
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from explainer.choices.settings import Settings
from explainer.maths import cells, gradients
from explainer.maths.number_formats import (
    FORMATS,
    compare,
    gated,
    vanilla,
)

# (significant bits, smallest exponent of a normal number, largest exponent): IEEE 754-2019, table 3.5;
# bfloat16 as binary32 with 8 significant bits
TABLE = {
    "float64": (53, -1022, 1023),
    "float32": (24, -126, 127),
    "bfloat16": (8, -126, 127),
    "float16": (11, -14, 15),
}


def rounded(value: Fraction, name: str) -> Fraction | float:
    """To nearest, ties to even, subnormals kept, overflow to ±inf: from the standard, without torch."""
    precision, lowest, highest = TABLE[name]
    if value == 0:
        return Fraction(0)
    exponent = math.floor(mpmath.log(abs(value.numerator), 2) - mpmath.log(value.denominator, 2))
    while Fraction(2) ** exponent > abs(value):
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= abs(value):
        exponent += 1
    unit = Fraction(2) ** (max(exponent, lowest) - precision + 1)
    result = round(value / unit) * unit  # Fraction.__round__ takes ties to even
    if abs(result) >= Fraction(2) ** (highest + 1):
        return math.copysign(math.inf, value)
    return result


def exact_products(factors: list[Fraction], name: str, start: Fraction = Fraction(1)) -> np.ndarray:
    """1, f₁, f₁·f₂, … each product rounded to the format before the next."""
    running, result = rounded(start, name), []
    for factor in [Fraction(1), *factors]:
        if isinstance(running, Fraction):
            running = rounded(running * factor, name)
        elif factor < 0:
            running = -running
        result.append(float(running))
    return np.array(result)


def assert_equal(actual, expected):
    np.testing.assert_array_equal(actual, expected, strict=True)


def relative_error(gradient, reference):
    """|gradient − reference| / |reference| by lag, shape (k+1,): 1 where a number is lost.

    0 where both are equal; inf where only the reference is 0; NaN where the reference is not finite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.abs(gradient.gradient - reference.gradient) / np.abs(reference.gradient)
    return np.where(gradient.gradient == reference.gradient, 0.0, error)


def lacking(name):
    """Torch's own words for each activation and gate that it does not run for one step and back in the format."""
    attempts = [(act, vanilla, Settings(act=act, k=1)) for act in cells.ACTIVATIONS]
    attempts += [(gate, gated, Settings(gate=gate, k=1)) for gate in cells.GATES]
    missing = {what: compare(cell, settings, names=(name,)).missing for what, cell, settings in attempts}
    return {what: words[name] for what, words in missing.items() if words}


_BITS = {16: torch.int16, 32: torch.int32, 64: torch.int64}


def keeps_subnormals(name):
    """Whether products below the smallest normal number survive, in torch's scalar and vector kernels alike.

    A processor may be set to flush them to 0 (``torch.set_flush_denormal``); then every lag at which a format
    reaches 0 comes sooner. Asked anew at each call: the setting belongs to the thread.
    """
    dtype, limits = getattr(torch, name), FORMATS[name]
    half, one = torch.tensor([0.5, 1.0], dtype=dtype)
    for shape in ((), (64,)):
        for value, factor in ((limits.smallest_normal, half), (limits.smallest_subnormal, one)):
            # read by bits, for a comparison may flush its operands as well
            product = torch.full(shape, value, dtype=dtype) * factor
            if (product.view(_BITS[limits.bits]) == 0).any():
                return False
    return True


@pytest.mark.parametrize("name", FORMATS)
def test_limits_of_each_format_are_those_of_the_standard(name):
    precision, lowest, highest = TABLE[name]
    limits = FORMATS[name]
    assert limits.precision == precision
    assert limits.smallest_normal == 2.0**lowest
    assert limits.smallest_subnormal == 2.0 ** (lowest - precision + 1)
    assert limits.largest == float((2 - Fraction(2) ** (1 - precision)) * Fraction(2) ** highest)
    assert limits.bits == torch.empty((), dtype=getattr(torch, name)).element_size() * 8


def test_formats_go_from_wide_to_narrow():
    largest = [limits.largest for limits in FORMATS.values()]
    assert largest == sorted(largest, reverse=True)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("act", "w", "h0"),
    [
        ("identity", 0.25, 0.5),
        ("identity", 0.9, 0.5),
        ("identity", -0.3, 1.7),
        ("identity", 1.1, 0.5),
        ("identity", -8.0, 2.0),
        ("identity", 0.999, 1.0),
        ("identity", 0.0, 0.5),
        ("relu", 0.7, 0.5),
        ("relu", 1.3, 0.01),
    ],
)
def test_products_equal_exact_arithmetic_rounded_at_every_step(name, act, w, h0):
    result = vanilla(Settings(act=act, w=w, h0=h0, k=200), name)
    stored = rounded(Fraction(w), name)
    assert_equal(np.abs(result.gradient), np.abs(exact_products([stored] * 200, name)))
    assert_equal(result.state[::-1], exact_products([stored] * 200, name, Fraction(h0)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("f", [0.0, 0.3, 0.5, 0.95, 0.999, 1.0])
def test_constant_gate_equals_exact_arithmetic_rounded_at_every_step(name, f):
    result = gated(Settings(gate="constant", f=f, k=200), name)
    assert_equal(result.gradient, exact_products([rounded(Fraction(f), name)] * 200, name))


@given(
    w=st.floats(-8, 8, allow_subnormal=False),
    k=st.integers(0, 60),
    name=st.sampled_from(sorted(FORMATS)),
    power=st.integers(0, 15),
)
@budget(max_examples=60, deadline=None)
def test_any_weight_and_scale_equals_exact_arithmetic(w, k, name, power):
    result = vanilla(Settings(act="identity", w=w, k=k), name, 2.0**power)
    stored = rounded(Fraction(w), name)
    assert_equal(result.scaled, exact_products([stored] * k, name, Fraction(2) ** power) + 0.0)
    assert_equal(result.gradient, result.scaled / 2.0**power)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("act", "w"), [("tanh", 0.9), ("tanh", 1.5), ("logistic", 1.0), ("logistic", -6.0)])
def test_curved_cells_agree_with_high_precision_step_by_step(name, act, w):
    """From torch's own states: the next within one unit of σ(w·h), each backward step in two roundings."""
    result = vanilla(Settings(act=act, w=w, h0=0.5, k=40), name)
    precision, lowest, _ = TABLE[name]
    stored = float(rounded(Fraction(w), name))
    sigma = {"tanh": mpmath.tanh, "logistic": lambda x: 1 / (1 + mpmath.exp(-x))}[act]
    slope = {"tanh": lambda y: 1 - y**2, "logistic": lambda y: y * (1 - y)}[act]
    unit, smallest = 2.0 ** (1 - precision), 2.0 ** (lowest - precision + 1)
    states, backward = result.state[::-1], result.gradient[::-1]
    with mpmath.workdps(40):
        for i in range(40):
            x = mpmath.mpf(float(rounded(Fraction(stored) * Fraction(float(states[i])), name)))
            assert abs(states[i + 1] - sigma(x)) <= unit * abs(sigma(x)) + smallest
            expected = stored * slope(mpmath.mpf(float(states[i + 1]))) * mpmath.mpf(float(backward[i + 1]))
            # 1 − y² is rounded in float32 where the format is narrower, in the format itself otherwise
            cancellation = 2.0 ** -(max(precision, 24) - 1) * abs(stored * backward[i + 1])
            allowed = 2 * unit * abs(expected) + cancellation + (1 + abs(stored)) * smallest
            assert abs(backward[i] - expected) <= allowed


@pytest.mark.parametrize("gate", cells.GATES)
@pytest.mark.parametrize("act", cells.ACTIVATIONS)
def test_float64_is_the_gradient_of_the_other_sections(act, gate):
    settings = Settings(act=act, gate=gate, w=0.9, k=80)
    for here, there in ((vanilla, gradients.vanilla), (gated, gradients.gated)):
        narrow, usual = here(settings, "float64"), there(settings)
        np.testing.assert_allclose(narrow.gradient, usual.gradient, rtol=1e-13, atol=0)
        np.testing.assert_allclose(narrow.state, usual.state, rtol=1e-13, atol=0)


@pytest.mark.parametrize("gate", cells.GATES)
def test_float32_gates_stay_close_to_float64(gate):
    settings = Settings(gate=gate, f=0.9, k=60)
    error = relative_error(gated(settings, "float32"), gated(settings, "float64"))
    assert error[0] == 0
    assert 0 < error.max() < 60 * 4 * 2.0**-23


@pytest.mark.parametrize("name", FORMATS)
def test_every_value_is_a_number_of_its_format(name):
    for result in (vanilla(Settings(k=60), name), gated(Settings(gate="state", k=60), name)):
        for values in (result.state, result.scaled):
            assert values.dtype == np.float64
            widened = torch.from_numpy(values).to(getattr(torch, name)).double().numpy()
            assert_equal(values, widened)


# --- claims on the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "lag"), [("float64", 538), ("float32", 75), ("bfloat16", 67), ("float16", 13)])
def test_claim_a_quarter_to_the_k_is_exactly_zero_from_this_lag_on(name, lag):
    result = vanilla(Settings(act="identity", w=0.25, k=600), name)
    assert result.zero_from == lag
    assert result.gradient[lag - 1] > 0
    assert not result.gradient[lag:].any()
    # half the smallest subnormal (or less) goes to the even neighbour, 0
    half_of_smallest = Fraction(FORMATS[name].smallest_subnormal) / 2
    assert Fraction(1, 4) ** lag <= half_of_smallest < Fraction(1, 4) ** (lag - 1)


@pytest.mark.parametrize(("name", "rounds_each"), [("float16", True), ("bfloat16", False)])
def test_the_logistic_functions_backward_pass_rounds_one_by_one_in_float16_alone(name, rounds_each):
    dtype, generator = getattr(torch, name), torch.Generator().manual_seed(0)
    x, g = (torch.randn(1000, generator=generator).to(dtype) for _ in range(2))
    x.requires_grad_()
    y = torch.sigmoid(x)
    (given,) = torch.autograd.grad(y, x, g)
    y, g = y.detach().float(), g.float()
    once = (g * (1 - y) * y).to(dtype)
    each = ((g * (1 - y).to(dtype).float()).to(dtype).float() * y).to(dtype)
    assert torch.equal(given, each if rounds_each else once)
    assert not torch.equal(once, each)


def test_claim_bfloat16_reaches_as_low_as_float32_but_for_eight_lags_of_a_quarter():
    lags = {name: vanilla(Settings(act="identity", w=0.25, k=100), name) for name in ("float32", "bfloat16")}
    assert lags["float32"].zero_from - lags["bfloat16"].zero_from == 8
    assert lags["float32"].subnormal_from == lags["bfloat16"].subnormal_from == 64


def test_claim_a_factor_of_nine_tenths_never_reaches_zero_in_float16_it_sticks():
    result = vanilla(Settings(act="identity", w=0.9, k=1000), "float16")
    first, last = result.stuck
    assert last == 1000
    assert result.zero_from is None
    assert result.gradient[-1] == result.gradient[first] == 4 * FORMATS["float16"].smallest_subnormal
    assert result.gradient[first - 1] > result.gradient[first]
    assert 0.9**1000 < 1e-45 < result.gradient[-1]


def test_claim_a_gate_of_0_999_is_exactly_1_in_bfloat16():
    assert (gated(Settings(f=0.999, k=100), "bfloat16").gradient == 1).all()
    assert gated(Settings(f=0.999, k=100), "float16").gradient[-1] < 1


def test_claim_loss_scaling_keeps_float16_alive_for_seven_lags_more():
    settings = Settings(act="identity", w=0.25, k=40)
    plain, scaled = vanilla(settings, "float16"), vanilla(settings, "float16", 2.0**15)
    assert (plain.zero_from, scaled.zero_from) == (13, 20)
    assert scaled.gradient[13] == 0.25**13
    assert scaled.scaled[0] == 2.0**15


def test_claim_a_scale_of_65536_overflows_float16_at_once():
    result = vanilla(Settings(act="identity", w=0.25, k=40), "float16", 2.0**16)
    assert result.not_finite_from == 0
    assert np.isinf(result.gradient).all()
    assert vanilla(Settings(act="identity", w=0.25, k=40), "bfloat16", 2.0**16).not_finite_from is None


def test_claim_growth_by_one_tenth_overflows_float16_at_lag_117():
    result = vanilla(Settings(act="identity", w=1.1, h0=0.01, k=200), "float16")
    assert result.not_finite_from == 117
    assert np.isfinite(result.gradient[:117]).all()
    assert vanilla(Settings(act="identity", w=1.1, k=200), "float32").not_finite_from is None


def test_claim_the_logistic_cell_is_exactly_zero_within_70_steps_in_float32():
    settings = Settings(act="logistic", w=1.0, h0=0.5, k=200)
    lags = [vanilla(settings, name).zero_from for name in FORMATS]
    assert lags[0] is None
    assert lags[1:] == [70, 63, 12]
    assert np.isfinite(gradients.vanilla(settings).log10_magnitude).all()  # the number itself is never 0


# --- what torch has ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_torch_on_this_cpu_has_every_operation_and_keeps_subnormals(name):
    assert lacking(name) == {}
    assert keeps_subnormals(name)


def test_flushed_subnormals_are_noticed():
    seen = {}

    def flushing():  # the setting belongs to the thread, and ends with it
        torch.set_flush_denormal(True)
        seen.update({name: keeps_subnormals(name) for name in FORMATS})

    thread = threading.Thread(target=flushing)
    thread.start()
    thread.join()
    # float16's subnormals are normal numbers of float32, in which the kernels compute
    assert seen == {"float64": False, "float32": False, "bfloat16": False, "float16": True}
    assert all(keeps_subnormals(name) for name in FORMATS)


def test_a_format_without_the_operations_is_named_not_simulated():
    names = ("float32", "float8_e4m3fn")
    comparison = compare(vanilla, Settings(k=5), names=names)
    assert list(comparison.gradients) == ["float32"]
    assert "not implemented" in comparison.missing["float8_e4m3fn"]
    assert set(lacking("float8_e4m3fn")) == {*cells.ACTIVATIONS, *cells.GATES}


# --- the rest of the interface -----------------------------------------------------------------------------


def test_compare_gives_every_format_and_its_own_scale():
    comparison = compare(gated, Settings(k=7), scale={"float16": 1024.0})
    assert list(comparison.gradients) == list(FORMATS)
    assert not comparison.missing
    assert [result.scale for result in comparison.gradients.values()] == [1, 1, 1, 1024]


@pytest.mark.parametrize("w", [0.25, 0.9, 3.0])
def test_differences_from_float64_equal_exact_arithmetic(w):
    k = 60
    shown = compare(vanilla, Settings(act="identity", w=w, h0=0.5, k=k))
    lines = {name: exact_products([rounded(Fraction(w), name)] * k, name) for name in FORMATS}
    assert list(shown.differences) == [name for name in FORMATS if name != "float64"]
    for name, difference in shown.differences.items():
        with np.errstate(divide="ignore"):
            expected = [value / exact - 1 for value, exact in zip(lines[name], lines["float64"], strict=True)]
        np.testing.assert_array_equal(difference, expected)


def test_where_float64_has_no_gradient_there_is_nothing_to_differ_from():
    dead = compare(vanilla, Settings(act="relu", w=-1.0, h0=0.5, k=5)).differences
    gone = compare(vanilla, Settings(act="identity", w=5.0, h0=0.5, k=900)).differences
    for name in dead:
        assert np.isnan(dead[name][1:]).all()
        assert np.isnan(gone[name][-1])
        assert np.isinf(gone[name]).any()


def test_at_lag_zero_the_gradient_is_one():
    for name in FORMATS:
        result = vanilla(Settings(k=0), name)
        assert_equal(result.gradient, np.array([1.0]))
        assert (result.zero_from, result.not_finite_from, result.stuck, result.subnormal_from) == (None,) * 4


def test_a_dead_relu_is_zero_from_the_first_lag():
    assert vanilla(Settings(act="relu", w=-1.0, k=10), "float16").zero_from == 1
