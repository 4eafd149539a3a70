"""Numbers as text, read back by a reader of their own: never 1e-20, and never a digit that is not there."""

from __future__ import annotations

import math
import re

import mpmath
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from explainer import words
from explainer.choices.controls import CONTROL

RAISED = dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True))
PLAIN = re.compile(r"−?(\d+)(\.\d+)?")
SCIENTIFIC = re.compile(r"(−?\d(\.\d+)?) × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")

any_number = st.floats(allow_nan=False, allow_infinity=False)


def read(text: str) -> mpmath.mpf:
    """The number that a reader takes from the text, in the oracle's digits."""
    with mpmath.workdps(40):
        if PLAIN.fullmatch(text):
            return mpmath.mpf(text.replace("−", "-"))
        found = SCIENTIFIC.fullmatch(text)
        assert found, text
        exponent = int("".join(RAISED[letter] for letter in found[3]))
        return mpmath.mpf(found[1].replace("−", "-")) * mpmath.mpf(10) ** exponent


def significant(text: str) -> int:
    """How many digits of the number are written."""
    digits = re.sub(r" × .*", "", text).replace("−", "").replace(".", "")
    return len(digits.lstrip("0"))


# --- number -------------------------------------------------------------------------------------------------


@given(any_number, st.integers(1, 17))
@example(0.00099999, 3)
@example(999.9, 3)
@example(9999.6, 3)
@example(99.95, 3)
@example(-5e-324, 3)
@example(1.7976931348623157e308, 2)
def test_number_reads_back_within_half_of_its_last_digit(value: float, digits: int):
    with mpmath.workdps(40):
        # the mantissa may be as small as 1, where half of the last digit is most
        allowed = abs(mpmath.mpf(value)) * mpmath.mpf(10) ** (1 - digits) / 2
        assert abs(read(words.number(value, digits)) - value) <= allowed


@given(any_number, st.integers(1, 17))
def test_number_writes_no_more_digits_than_it_was_asked_for(value: float, digits: int):
    text = words.number(value, digits)
    assert significant(text) <= max(digits, 4)  # whole numbers up to 9999 stand as they are
    assert "e" not in text
    assert "-" not in text
    assert text.startswith("−") == (value < 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "undefined"),
        (0.07694, "0.0769"),
        (-2.3e-20, "−2.30 × 10⁻²⁰"),
        (0.9, "0.9"),
        (1.0, "1"),
        (20.0, "20"),
        (1234.5, "1234"),
        (12345.0, "1.23 × 10⁴"),
        (0.001, "0.001"),
        (0.00099, "9.90 × 10⁻⁴"),
        (0.000999999, "0.001"),
        (117.39, "117"),
    ],
)
def test_number_as_a_reader_expects_it(value: float, text: str):
    assert words.number(value) == text


# --- magnitudes by their logarithm --------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.sampled_from([-1, 1]))
@example(-505.32976, 1)
@example(-301.0000001, 1)
@example(300.99999999, -1)
@example(-400.0, 1)
@example(0.0, 1)
def test_magnitude_reads_back_also_far_outside_float64(log10: float, sign: int):
    with mpmath.workdps(40):
        expected = sign * mpmath.mpf(10) ** mpmath.mpf(log10)
        value = read(words.magnitude(log10, sign))
        assert abs(value - expected) <= abs(expected) * 0.00501


@pytest.mark.parametrize(
    ("log10", "sign", "text"),
    [
        (-math.inf, 1, "exactly 0"),
        (-math.inf, 0, "exactly 0"),
        (math.inf, 1, "∞"),
        (math.inf, -1, "−∞"),
        (math.nan, 1, "undefined"),
        (math.log10(4.68) - 505, 1, "4.68 × 10⁻⁵⁰⁵"),
        (math.log10(4.68) - 505, -1, "−4.68 × 10⁻⁵⁰⁵"),
        (math.log10(9.9999) + 400, 1, "1.00 × 10⁴⁰¹"),
        (math.log10(2.2773e-3), 1, "0.00228"),
        (0.0, 1, "1"),
    ],
)
def test_magnitude_as_a_reader_expects_it(log10: float, sign: int, text: str):
    assert words.magnitude(log10, sign) == text


@given(st.floats(-1e5, 1e5))
def test_power_of_ten_reads_back_to_a_tenth_of_the_exponent(log10: float):
    text = words.power_of_ten(log10)
    assert text.startswith("10")
    exponent = "".join("." if letter == "·" else RAISED[letter] for letter in text[2:])
    assert abs(float(exponent) - log10) <= 0.0500001


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (-2.6, "10⁻²·⁶"),
        (-8.0, "10⁻⁸"),
        (120.0, "10¹²⁰"),
        (0.0, "10⁰"),
        (-0.04, "10⁰"),
        (-math.inf, "exactly 0"),
        (math.inf, "∞"),
        (math.nan, "undefined"),
    ],
)
def test_power_of_ten_as_a_reader_expects_it(log10: float, text: str):
    assert words.power_of_ten(log10) == text


@given(st.integers(-(10**6), 10**6))
def test_superscript(exponent: int):
    assert int("".join(RAISED[letter] for letter in words.superscript(exponent))) == exponent


# --- shares and gates ---------------------------------------------------------------------------------------


@given(st.floats(-1e12, 1e12))
@example(0.0994999)
@example(0.0995)
@example(1e-4)
@example(9.99999e-5)
@example(-0.05)
@example(5e-324)
def test_percent_reads_back_within_five_hundredths_of_itself(fraction: float):
    text = words.percent(fraction)
    assert text.endswith(" %")
    with mpmath.workdps(40):
        expected = 100 * mpmath.mpf(fraction)
        assert abs(read(text.removesuffix(" %")) - expected) <= abs(expected) * 0.0501


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0769, "7.7 %"),
        (0.5, "50 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.00012, "0.012 %"),
        (2.3e-8, "2.3 × 10⁻⁶ %"),
        (-0.05, "−5 %"),
        (-2.0, "−200 %"),
        (1234567.0, "1.2 × 10⁸ %"),
        (math.nan, "undefined"),
        (math.inf, "undefined"),
    ],
)
def test_percent_as_a_reader_expects_it(fraction: float, text: str):
    assert words.percent(fraction) == text


def test_a_gate_keeps_all_its_digits():
    texts = [words.gate(f) for f in CONTROL["f"].values]
    assert [float(text) for text in texts] == list(CONTROL["f"].values)
    assert words.gate(0.9999) == "0.9999"


# --- counts -------------------------------------------------------------------------------------------------


def test_counts_in_words():
    assert [words.steps(n) for n in (0, 1, 2, 10_000)] == ["0 steps", "1 step", "2 steps", "10,000 steps"]
    assert [words.ordinal(n) for n in range(2, 10)] == ["second", "third", "4th", "5th", "6th", "7th", "8th", "9th"]


@given(st.sets(st.integers(1, 30), min_size=1).map(sorted))
def test_sections_are_listed_without_a_gap_and_without_an_extra(numbers: list[int]):
    text = words.sections(numbers)
    assert text.startswith("section " if len(numbers) == 1 else "sections ")
    listed = []
    for part in re.split(r", | and ", text.split(" ", 1)[1]):
        first, _, last = part.partition(" to ")
        listed += range(int(first), int(last or first) + 1)
    assert listed == numbers


def test_sections_as_a_reader_expects_them():
    assert words.sections([6]) == "section 6"
    assert words.sections([1, 3, 4, 5, 6, 10]) == "sections 1, 3 to 6 and 10"
    assert words.sections([2, 3]) == "sections 2 and 3"


# --- receipts -----------------------------------------------------------------------------------------------


@given(any_number)
@example(5e-324)
@example(-1.7976931348623157e308)
@example(1e16)
@example(0.1)
@example(6.52183423811273e16)
def test_a_receipt_shows_every_digit(value: float):
    text = words.all_digits(value)
    assert "e" not in text
    assert "-" not in text
    assert float(mpmath.nstr(read(text), 25)) == value  # from decimals, as a reader would: ties go to even


def test_a_receipt_names_what_is_no_number():
    assert [words.all_digits(v) for v in (0.0, math.inf, -math.inf, math.nan)] == ["0", "∞", "−∞", "undefined"]
