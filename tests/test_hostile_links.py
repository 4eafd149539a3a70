"""Hostile query strings: against the parsing, and some of them through the page.

A thousand and some dozens of them, always the same; ``make fuzz`` tries thousands of others.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote

import hypothesis
import pytest
from hypothesis import strategies as st

from explainer.choices.controls import CONTROLS, Several
from explainer.choices.settings import Settings, from_query
from explainer.lesson import SECTIONS
from explainer.take import links
from tests.reader import Reader

CANARY = "canary7f3a"
SLUGS = tuple(section.slug for section in SECTIONS)
NAMES = (*(control.name for control in CONTROLS), links.SECTION, links.CONTROLS_PARAMETER, links.TASKS, links.VIEW)
OTHER_NAMES = (
    "",
    "W",
    "act[]",
    "__proto__",
    "embed",
    "embed_options",
    "notes-on-the-link",
    "reset",
    f"<b>{CANARY}</b>",
)
INJECTIONS = (
    f"<script>alert('{CANARY}')</script>",
    f'"><img src=x onerror={CANARY}>',
    f"<svg/onload={CANARY}>",
    f"javascript:{CANARY}",
    f"[{CANARY}](javascript:alert(1))",
    f"![{CANARY}](http://example.org/x.png)",
    f":material/{CANARY}: :red[{CANARY}]",
    f"$${CANARY} \\href{{javascript:alert(1)}}{{x}}$$",
    f"`{CANARY}`",
    f"</p></div><iframe srcdoc='{CANARY}'>",
    f"{{{{{CANARY}}}}} ${{{CANARY}}} %s%n",
    f"'; DROP TABLE {CANARY}; --",
    f"../../{CANARY}\x00",
    f"\u202e{CANARY}\ud800",
    f"%3Cscript%3E{CANARY}",
)
NUMBERS = ("nan", "-inf", "1e999", "-0", "0x1f", "9" * 400, "1.1", "٣", "", " ", "1,5", "1e-400", "0.5050000001")

# --- against the parsing ------------------------------------------------------------------------------------

value_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(INJECTIONS),
    st.sampled_from(NUMBERS),
    st.sampled_from(("tanh", "relu", "state", "LSTM", "k-steps", "none", "k-steps,one-step")),
)
pairs = st.tuples(st.one_of(st.sampled_from(NAMES), st.sampled_from(OTHER_NAMES), st.text(max_size=6)), value_texts)
encoded = st.lists(pairs, max_size=5).map(
    lambda found: "&".join(f"{quote(n, errors='replace')}={quote(v, errors='replace')}" for n, v in found)
)
query_strings = st.one_of(encoded, st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))


@hypothesis.given(query_strings)
@hypothesis.settings(max_examples=1_000)
def test_no_query_string_breaks_the_parsing_or_is_repeated(asked: str):
    found = parse_qs(asked, keep_blank_values=True, errors="replace")
    settings, notes = from_query(found)
    for control in CONTROLS:
        value = getattr(settings, control.name)
        for one in value if isinstance(control, Several) else (value,):
            assert one in control.values
    assert not any(CANARY in note or "<" in note for note in notes)
    assert from_query(settings.to_query()) == (settings, ())
    view = links.view(found.get("section", ()), found.get("controls", ()), SLUGS)
    assert set(view.sections or ()) <= set(SLUGS)
    assert set(view.controls or ()) <= set(NAMES)
    assert CANARY not in links.query(settings, view.sections or (), view.controls)


# --- through the page ---------------------------------------------------------------------------------------

hostile_texts = st.sampled_from((*INJECTIONS, *NUMBERS)).map(lambda text: text.encode("utf-8", "replace").decode())
injections = st.sampled_from(INJECTIONS).map(lambda text: text.encode("utf-8", "replace").decode())


@st.composite
def hostile_links(draw: st.DrawFn, whole: bool) -> dict[str, list[str]]:
    """Some controls, and names that are none, at hostile values; of one section or the whole page."""
    some_controls = st.sampled_from([control.name for control in CONTROLS])
    names = draw(st.lists(some_controls, min_size=1, max_size=6, unique=True))
    names += draw(st.lists(st.sampled_from(OTHER_NAMES[1:]), max_size=2, unique=True))
    query = {name: draw(st.lists(hostile_texts, min_size=1, max_size=2)) for name in names}
    query[draw(st.sampled_from(names))] = [draw(injections)]
    if not whole:
        query["section"] = [draw(st.sampled_from(SLUGS)), *draw(st.lists(injections, max_size=1))]
        if draw(st.booleans()):
            query["controls"] = [draw(injections), "w,k"]
    return query


def assert_harmless(query: dict[str, list[str]]) -> None:
    """The link opens the page; the page says once that something could not be used, and repeats nothing of it."""
    reader = Reader()
    for name, texts in query.items():
        reader.query_params[name] = texts
    reader.run()
    assert not reader.exception
    assert len([one for one in reader.warning if "link" in one.value]) <= 1
    asked = {control.name: query.get(control.name, []) for control in CONTROLS}
    noted = bool(from_query(asked)[1]) or ("W" in query and "w" not in query)
    assert any("could not be used as it is" in one.value for one in reader.warning) == noted
    for node in reader._tree:
        proto = getattr(node, "proto", None)
        if proto is not None:
            assert CANARY.encode() not in proto.SerializeToString(), node.type


@pytest.mark.apart
@pytest.mark.fuzz(weight=5)
@hypothesis.given(hostile_links(whole=False))
@hypothesis.settings(max_examples=50)
def test_no_hostile_link_breaks_a_section_or_stands_on_it(query: dict[str, list[str]]):
    assert_harmless(query)


@pytest.mark.apart
@pytest.mark.fuzz(weight=5)
@hypothesis.given(hostile_links(whole=True))
@hypothesis.settings(max_examples=20)
def test_no_hostile_link_breaks_the_page_or_stands_on_it(query: dict[str, list[str]]):
    assert_harmless(query)


def test_the_examples_are_hostile_to_something():
    """Were they all unknown names, or all fine, the tests above would say nothing."""
    examples: list[dict[str, list[str]]] = []

    @hypothesis.given(hostile_links(whole=True))
    @hypothesis.settings(max_examples=200)
    def collect(query: dict[str, list[str]]) -> None:
        examples.append(query)

    collect()
    assert sum(bool(from_query(query)[1]) for query in examples) > 0.75 * len(examples)
    assert any(CANARY in text for query in examples for texts in query.values() for text in texts)
    assert from_query({})[0] == Settings()
