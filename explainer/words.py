"""Numbers as a reader reads them, in the reader's language: powers of ten, percentages, and how far two are apart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from explainer.languages import ENGLISH, decimal, say, say_counted, spoken, word, word_counted

AGREE = 1e-9  # relative difference up to which two sides of a receipt count as equal

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def superscript(exponent: int) -> str:
    return str(exponent).translate(_SUPERSCRIPT)


def number(value: float, digits: int = 3) -> str:
    """``0.0769``, ``−2.3 × 10⁻²⁰``, ``0``, ``∞``: so many significant digits, never 1e-20."""
    if math.isnan(value):
        return say("undefined")
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    sign = "−" if value < 0 else ""
    if -3 <= int(exponent) <= max(3, digits - 1):
        decimals = max(digits - 1 - int(exponent), 0)
        plain = f"{abs(value):.{decimals}f}"
        return sign + decimal(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    return f"{sign}{decimal(mantissa)} × 10{superscript(int(exponent))}"


def magnitude(log10: float, sign: float = 1, digits: int = 3) -> str:
    """A number given by its log10 and sign, also far outside float64: ``4.68 × 10⁻⁵⁰⁵``."""
    if math.isnan(log10):
        return say("undefined")
    if log10 == -math.inf:
        return say("exactly 0")
    if -300 < log10 < 300:
        return number(math.copysign(10**log10, sign), digits)
    if math.isinf(log10):
        return number(math.copysign(math.inf, sign))
    exponent = math.floor(log10)
    mantissa = f"{10 ** (log10 - exponent):.{digits - 1}f}"
    if mantissa.startswith("10"):
        mantissa, exponent = f"{1:.{digits - 1}f}", exponent + 1
    return f"{'−' if sign < 0 else ''}{decimal(mantissa)} × 10{superscript(exponent)}"


def power_of_ten(log10: float) -> str:
    """``10⁻²·⁶``: a magnitude by its exponent alone, for places with little room."""
    if log10 == -math.inf:
        return say("exactly 0")
    if not math.isfinite(log10):
        return say("undefined") if math.isnan(log10) else "∞"
    exponent = f"{log10:.1f}".removesuffix(".0")
    return "10" + ("0" if exponent == "-0" else exponent).translate(_SUPERSCRIPT).replace(".", "·")


def gate(f: float) -> str:
    """A gate with all its digits: 0.9999 must not read as 1."""
    return decimal(f"{f:g}")


def percent(fraction: float) -> str:
    """``7.7 %``; small shares keep two significant digits, the tiniest and the largest become powers of ten."""
    if not math.isfinite(fraction):
        return say("undefined")
    share = 100 * fraction
    size = abs(share)
    if size and not 0.01 <= size < 1e5:
        return f"{number(share, 2)} %"
    return f"{'−' if share < 0 else ''}{decimal(f'{size:.2g}' if size < 9.95 else f'{size:.0f}')} %"


def steps(count: int) -> str:
    return counted(count, "step")


def pieces(markdown: str) -> tuple[str, ...]:
    """The pieces of text between bold words, icons, items and paragraphs of Markdown that has no other markup."""
    text = re.sub(r":material/(\w+):", r"**\1**", re.sub("(^|\n)- ", "\n", markdown))
    return tuple(piece for piece in re.split(r"\*\*|\n", text) if piece.strip())


def sections(numbers: Sequence[int]) -> str:
    """``section 6``, ``sections 1, 3 to 6 and 10``: runs of three or more are joined."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    parts = []
    for run in runs:
        parts += [say("{first} to {last}", first=run[0], last=run[-1])] if len(run) > 2 else [str(n) for n in run]
    named = word("section {numbers}") if len(numbers) == 1 else word("sections {numbers}")
    return say(named, numbers=listed(parts))


def plain(text: str) -> str:
    """A number as a control writes it, in the language that is spoken: ``−0.9``, ``−0,9``."""
    return decimal(text.replace("-", "−"))


def joined(parts: Sequence[str]) -> str:
    """``w = 1.2, f = 0.95``; with semicolons in between where a comma stands within a number."""
    return ("; " if spoken() != ENGLISH and any(re.search(r"\d,\d", part) for part in parts) else ", ").join(parts)


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else say("{names} and {last}", names=joined(names[:-1]), last=names[-1])


def seconds(count: float) -> str:
    return counted(max(1, round(count)), "second")


def others(count: int) -> str:
    return say("nobody") if count == 0 else say_counted("one other training", "{count} other trainings", count)


_COUNTED = {
    "block": word_counted("{count} block", "{count} blocks"),
    "hand-in": word_counted("{count} hand-in", "{count} hand-ins"),
    "input": word_counted("{count} input", "{count} inputs"),
    "layer": word_counted("{count} layer", "{count} layers"),
    "measurement": word_counted("{count} measurement", "{count} measurements"),
    "number": word_counted("{count} number", "{count} numbers"),
    "point": word_counted("{count} point", "{count} points"),
    "round": word_counted("{count} round", "{count} rounds"),
    "second": word_counted("{count} second", "{count} seconds"),
    "seed": word_counted("{count} seed", "{count} seeds"),
    "state": word_counted("{count} state", "{count} states"),
    "step": word_counted("{count} step", "{count} steps"),
    "task": word_counted("{count} task", "{count} tasks"),
    "unit": word_counted("{count} unit", "{count} units"),
    "word": word_counted("{count} word", "{count} words"),
}


def counted(count: int, noun: str) -> str:
    """``1 unit``, ``16 units``: one of the nouns that the page counts."""
    return say_counted(*_COUNTED[noun], count)


def ordinal(count: int) -> str:
    """``second``, ``third``, ``21st``, ``112th``."""
    if spoken() != ENGLISH:
        return say("{count}th", count=count)
    if count in (1, 2, 3):
        return ("first", "second", "third")[count - 1]
    ending = "th" if 10 < count % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def capital(text: str) -> str:
    """The same text at the beginning of a sentence."""
    return text[0].upper() + text[1:]


def all_digits(value: float) -> str:
    """Every digit that float64 holds, for a receipt."""
    if not math.isfinite(value) or value == 0:
        return number(value)
    mantissa, _, exponent = repr(float(value)).partition("e")
    text = decimal(mantissa.replace("-", "−"))
    return f"{text} × 10{superscript(int(exponent))}" if exponent else text


def relative_difference(left: float, right: float) -> float:
    """|left − right| / |right|; 0 where they are equal, inf where only the right side is 0, else NaN."""
    if left == right:
        return 0.0
    if right == 0:
        return math.inf
    return abs(left - right) / abs(right)
