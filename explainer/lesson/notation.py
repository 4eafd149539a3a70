"""The notation: one list, of which the table is made, and the symbols below the equations of each section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from explainer.languages import say


@dataclass(frozen=True)
class Symbol:
    """One symbol of the lesson's equations.

    Attributes:
        text: as it stands in the text, in Markdown.
        meaning: what it stands for, in Markdown without equations.
        pattern: finds it in LaTeX.
        name: of letters, for ids and for who hears the page.
    """

    name: str
    text: str
    meaning: str
    pattern: str


SYMBOLS = (
    Symbol("t", "$t$", "**time step**; now, in the derivatives", r"\(t[-)]"),
    Symbol("k", "$k$", "**lag**: how many steps back", r"(?<![\w\\])k(?!\w)"),
    Symbol("h", ":orange[$h^{(t)}$]", "**hidden state** at time t; the vanilla cell's starts from h0", r"h\^\{\("),
    Symbol("w", ":orange[$w$]", "**recurrent weight** of the vanilla cell, one number", r"(?<![\w\\])w(?!\w)"),
    Symbol("Whh", r"$\mathbf{W}_{hh}$", "**recurrent weights** of a real network, a matrix", r"\\mathbf\{W\}_\{hh\}"),
    Symbol("sigma", r"$\sigma$", "**activation function**", r"\\sigma(?!')"),
    Symbol("slope", r"$\sigma'$", "**slope** of the activation function", r"\\sigma'"),
    Symbol("c", ":blue[$c^{(t)}$]", "**cell state** at time t; the gated cell's starts from h0 too", r"c\^\{\("),
    Symbol(
        "f", ":blue[$f(t)$]", "**gate** (forget gate), from 0 to 1; with its forget bias b and state weight u", r"f\(t"
    ),
    Symbol(
        "gradient",
        r"$\partial h^{(t)} / \partial h^{(t-k)}$",
        "**gradient** that reaches k steps back: how much the state now would change if the state then were a little "
        "different",
        r"\\partial h\^\{\(t\)\}\s*(\}\{|/)\s*\\partial h\^\{\(t-k\)\}",
    ),
    Symbol(
        "immediate",
        r"$\partial^{+}$",
        "**immediate derivative**: of one step by its weights, with the state before it held fixed",
        r"\\partial\^\{\+\}",
    ),
    Symbol("loss", "$L^{(t)}$", "**loss** at time t", r"L\^\{\(t\)\}"),
)

_MATH = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)


def table() -> str:
    """All symbols as a table in Markdown."""
    head = f"| {say('symbol')} | {say('what it stands for')} |\n|---|---|\n"
    return head + "\n".join(f"| {one.text} | {say(one.meaning)} |" for one in SYMBOLS)


def explained(argument: str) -> Iterator[tuple[str, tuple[Symbol, ...]]]:
    """A text in stretches, each with the symbols that it brings in.

    A stretch ends with an equation of its own that has new symbols in it, or before which some have come; the last one
    with the text.
    """
    begin, met, new = 0, set(), []
    for math in _MATH.finditer(argument):
        found = [one for one in SYMBOLS if one not in met and re.search(one.pattern, math[0])]
        met.update(found)
        new += found
        if math[0].startswith("$$") and new:
            yield argument[begin : math.end()], _in_order(new)
            begin, new = math.end(), []
    yield argument[begin:], _in_order(new)


def _in_order(symbols: list[Symbol]) -> tuple[Symbol, ...]:
    return tuple(one for one in SYMBOLS if one in symbols)
