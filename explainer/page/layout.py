"""Pieces that several places of the page are made of."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from explainer.languages import say
from explainer.lesson import notation
from explainer.lesson.notation import Symbol
from explainer.page.undocumented import ANCHOR


def text(title: str, anchor: str, markdown: str) -> None:
    """A text under its heading, which links can lead to.

    The two are one element: at each run, Streamlit's front end goes through every element of the page, changed or not.
    """
    heading = f'<h2 {ANCHOR}="{anchor}">{html.escape(title)}</h2>'
    st.markdown(f"{heading}\n\n{markdown.strip()}", unsafe_allow_html=True)


def with_symbols(argument: str, slug: str) -> str:
    """A section's argument, with the symbols that an equation brings in below it: each a button that says its meaning.

    The browser shows the meaning while the pointer is on the button, or the focus: see page.css and symbols.js.
    """
    written = ""
    for stretch, symbols in notation.explained(argument):
        written += stretch
        if symbols:
            buttons = " ".join(_symbol(one, f"{slug}-{one.name}") for one in symbols)
            written += f'\n\n<span class="symbols">{say("Symbols:")}</span> {buttons}\n'
    return written


def _symbol(symbol: Symbol, key: str) -> str:
    meaning = f'<span class="meaning" role="tooltip" id="{key}">{symbol.text}: {say(symbol.meaning)}</span>'
    name = f'aria-label="{say(symbol.name)}" aria-describedby="{key}"'
    return f'<span class="symbol"><button type="button" {name}>{symbol.text}</button>{meaning}</span>'


def code(source: str) -> None:
    """Code to copy, not highlighted: the highlighter's colours are too pale."""
    st.code(source, language=None, wrap_lines=True)


def placeholders(boxes: Sequence[tuple[str, int, str]]) -> str:
    """Boxes that keep room for what is not drawn yet, as HTML.

    Args:
        boxes: for each its CSS class (``half`` or nothing), its height in pixels, and its text.
    """
    written = "".join(
        f'<p class="{width}" style="height: {height}px">{html.escape(name)}</p>' for width, height, name in boxes
    )
    asked = say("Not drawn yet, but asked for: close this preview and print again, or take the handout.")
    return f'<div class="undrawn" data-asked="{html.escape(asked)}">{written}</div>'
