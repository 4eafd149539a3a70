"""The reader's language: the way to the others, and the words of the page's scripts."""

from __future__ import annotations

import json

import streamlit as st

from explainer.languages import LANGUAGES, say, spoken, word
from explainer.take import links

OF_SCRIPTS = (
    word("Copied."),
    word("Selected: copy it with Ctrl+C or ⌘C."),
    word("Over http a browser lets no button copy."),
    word('Its frame has no allow="clipboard-write".'),
    word("If nothing is saved: the site around this page has to add allow-downloads to its frame's sandbox."),
    word("{at} of {count}"),
    word("Waiting for the server"),
    word(
        "The page has lost its server. It comes back by itself as soon as the server answers, and keeps its place: "
        "every control and every answer stays as it is. Close this to read on meanwhile."
    ),
)
"""What the page's scripts say, as they say it in English."""


def of_the_document() -> str:
    """Tell the document its language, and the scripts their words, as HTML. It comes before the scripts."""
    translated = {text: said for text in OF_SCRIPTS if (said := say(text)) != text}
    written = json.dumps(translated, ensure_ascii=False).replace("</", "<\\/")
    return (
        "<script>\n"
        f'document.documentElement.lang = "{spoken()}";\n'
        f"globalThis.explainerSay = (text) => ({written})[text] ?? text;\n"
        "</script>\n"
    )


def menu() -> None:
    """The way to the same page in every other language. A script adds the state of the controls: see address.js."""
    others = {code: name for code, name in LANGUAGES.items() if code != spoken()}
    ways = " ".join(
        f'<a href="?{links.LANGUAGE}={code}" lang="{code}" hreflang="{code}" target="_self">{name}</a>'
        for code, name in others.items()
    )
    with st.container(key="languages"):
        st.html(f'<nav class="languages" aria-label="{say("Language")}">{ways}</nav>')
