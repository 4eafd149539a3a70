"""Thousands of hostile query strings: against the parsing, and some hundreds of them through the whole page."""

from __future__ import annotations

import random
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
NAMES = (*(control.name for control in CONTROLS), links.SECTION, links.CONTROLS_PARAMETER)
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
@hypothesis.settings(max_examples=10_000)
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

THROUGH_THE_PAGE = 300
SHARDS = 6


def hostile(chance: random.Random, whole: bool) -> dict[str, list[str]]:
    """Some controls, and names that are none, at hostile values; of one section or the whole page."""
    names = chance.sample([control.name for control in CONTROLS], chance.randint(1, 6))
    names += chance.sample(OTHER_NAMES[1:], chance.randint(0, 2))
    query = {name: [chance.choice((*INJECTIONS, *NUMBERS)) for _ in range(chance.randint(1, 2))] for name in names}
    query[chance.choice(names)] = [chance.choice(INJECTIONS)]
    if not whole:
        query["section"] = [chance.choice(SLUGS)]
        if chance.random() < 0.3:
            query["section"].append(chance.choice(INJECTIONS))
        if chance.random() < 0.3:
            query["controls"] = [chance.choice(INJECTIONS), "w,k"]
    return {name: [text.encode("utf-8", "replace").decode() for text in texts] for name, texts in query.items()}


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_hostile_link_breaks_the_page_or_stands_on_it(shard: int):
    chance = random.Random(shard)
    for number in range(THROUGH_THE_PAGE // SHARDS):
        query = hostile(chance, whole=number % 6 == 0)
        reader = Reader()
        for name, texts in query.items():
            reader.query_params[name] = texts
        reader.run()
        assert not reader.exception, query
        assert len([one for one in reader.warning if "link" in one.value]) <= 1, query
        asked = {control.name: query.get(control.name, []) for control in CONTROLS}
        noted = bool(from_query(asked)[1])
        assert any("could not be used as it is" in one.value for one in reader.warning) == noted, query
        for node in reader._tree:
            proto = getattr(node, "proto", None)
            if proto is not None:
                assert CANARY.encode() not in proto.SerializeToString(), (query, node.type)


def test_the_examples_are_hostile_to_something():
    """Were they all unknown names, or all fine, the tests above would say nothing."""
    chance = random.Random(0)
    examples = [hostile(chance, whole=True) for _ in range(200)]
    assert sum(bool(from_query(query)[1]) for query in examples) > 150
    assert any(CANARY in text for query in examples for texts in query.values() for text in texts)
    assert from_query({})[0] == Settings()
