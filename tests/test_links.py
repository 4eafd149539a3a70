"""Links: what they ask for, what they show, and that any state goes there and back."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from explainer.choices import spelling
from explainer.choices.controls import CONTROLS, Several
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings, from_query
from explainer.lesson import SECTIONS, citation
from explainer.take import links
from explainer.take.links import View
from tests import reader
from tests.reader import Reader

ROOT = Path(__file__).parents[1]
SLUGS = tuple(section.slug for section in SECTIONS)
MOVED_BY = {section.slug: section.moved_by for section in SECTIONS}
NAMES = tuple(control.name for control in CONTROLS)
CANARY = "canary7f3a"


def a_value(control):
    if isinstance(control, Several):
        subsets = st.sets(st.sampled_from(control.values), min_size=1)
        return subsets.map(lambda chosen: tuple(name for name in control.values if name in chosen))
    return st.sampled_from(control.values)


SETTINGS = st.builds(Settings, **{control.name: a_value(control) for control in CONTROLS})
PARTS = st.lists(st.sampled_from(SLUGS), unique=True).map(lambda found: tuple(s for s in SLUGS if s in found))
FREE = st.none() | st.lists(st.sampled_from(NAMES), unique=True).map(lambda f: tuple(n for n in NAMES if n in f))


# --- there and back -----------------------------------------------------------------------------------------


@given(SETTINGS, PARTS, FREE, st.booleans(), st.sampled_from((None, links.LIGHT, links.DARK)))
def test_any_settings_and_any_part_survive_the_link(settings, sections, controls, embed, theme):
    asked = links.query(settings, sections, controls, embed, theme)
    address = links.address("https://example.org/lesson/", asked, "k-steps")
    parts = urlsplit(address)
    assert (parts.path, parts.fragment) == ("/lesson/", "k-steps")
    found = parse_qs(parts.query, strict_parsing=bool(parts.query))
    assert from_query(found) == (settings, ())
    view = links.view(found.get("section", ()), found.get("controls", ()), SLUGS)
    assert view == View(sections or None, controls)
    assert found.get("embed") == (["true"] if embed else None)
    assert found.get("embed_options") == ([theme] if theme else None)


def test_a_link_to_the_defaults_is_the_plain_address():
    assert links.address("https://example.org/", links.query(Settings())) == "https://example.org/"


ANY_TEXT = st.text(max_size=40) | st.sampled_from(SLUGS + NAMES + ("none", ",", " k , w ", "K-STEPS"))


@given(st.lists(ANY_TEXT, max_size=4), st.lists(ANY_TEXT, max_size=4))
def test_any_text_asks_for_something_that_the_page_has(sections, controls):
    view = links.view(sections, controls, SLUGS)
    assert view.sections is None or set(view.sections) <= set(SLUGS)
    assert view.controls is None or set(view.controls) <= set(NAMES)
    assert set(view.movable(MOVED_BY)) <= set(NAMES)


@pytest.mark.parametrize(
    ("sections", "controls", "view"),
    [
        ([], [], View()),
        ([""], [" , "], View()),
        (["k-steps"], [], View(("k-steps",))),
        (["vanish-or-explode,k-steps", "k-steps"], [], View(("k-steps", "vanish-or-explode"))),
        (["K-Steps"], [], View(("k-steps",))),
        (["k-steps,nonsense"], [], View(("k-steps",), None, True)),
        (["nonsense"], [], View((), None, True)),
        ([], ["none"], View(None, ())),
        ([], ["w,k"], View(None, ("k", "w"))),
        ([], ["T"], View(None, ("T",))),
        ([], ["w,nonsense"], View(None, ("w",), False, True)),
        ([], ["nonsense"], View(None, None, False, True)),
    ],
)
def test_what_a_link_asks_for(sections, controls, view):
    assert links.view(sections, controls, SLUGS) == view


def test_only_controls_that_move_what_is_shown_are_shown():
    assert View(("does-it-learn",)).movable(MOVED_BY) == ("task", "tk", "tb", "tn", "clip", "also")
    assert View(("k-steps",), ("w", "tk")).movable(MOVED_BY) == ("w",)
    assert View(("k-steps",), ()).movable(MOVED_BY) == ()
    assert set(View().movable(MOVED_BY)) == set(NAMES)


@given(st.text(max_size=60), st.text(max_size=60), st.integers(200, 5000))
def test_an_iframes_code_says_what_it_was_given(source, title, height):
    tag = links.iframe(source, title, height)
    attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    assert html.unescape(attributes["src"]) == source
    assert html.unescape(attributes["title"]) == title
    assert attributes["height"] == str(height)
    assert tag.count("<") == 2


# --- the page that a link opens -----------------------------------------------------------------------------


def opened(query) -> AppTest:
    at = Reader()
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert [problem.message for problem in at.exception] == []
    return at


def headings(at: AppTest) -> list[str]:
    return [anchor for anchor, _ in reader.headings(at.main)]


def drawn_controls(at: AppTest) -> set[str]:
    widgets = [*at.select_slider, *at.get("button_group")]
    return {name for name in NAMES if any(getattr(widget, "key", None) == name for widget in widgets)}


def test_a_link_to_two_sections_shows_these_with_their_controls_in_the_body():
    at = opened({"section": "k-steps,does-it-learn", "w": "1.2"})
    assert headings(at) == ["k-steps", "does-it-learn"]
    assert drawn_controls(at) == set(MOVED_BY["k-steps"]) | set(MOVED_BY["does-it-learn"])
    assert not at.sidebar.select_slider
    assert at.session_state["w"] == 1.2


def test_what_is_fixed_keeps_the_links_value_and_its_place_in_the_link():
    link = {"section": "k-steps", "controls": "w", "k": "7", "act": "logistic", "gain": "2", "w": "2"}
    at = opened(link)
    assert drawn_controls(at) == {"w"}
    assert "At lag 7" in "".join(caption.value for caption in at.main.caption)
    before = "".join(caption.value for caption in at.main.caption)
    at.select_slider(key="w").set_value(3.0).run()
    said = "".join(caption.value for caption in at.main.caption)
    assert "At lag 7" in said
    assert said != before
    kept = {name: at.query_params[name] for name in ("k", "act", "gain", "section", "controls")}
    assert kept in ({name: link[name] for name in kept}, {name: [link[name]] for name in kept})
    at.button(key="reset").click().run()
    assert at.session_state["w"] == 2.0


def test_a_link_that_fixes_every_control_has_none():
    at = opened({"section": "k-steps", "controls": "none", "w": "1.5"})
    assert drawn_controls(at) == set()
    assert "w = 1.5" not in "".join(str(note.value) for note in at.info)


@pytest.mark.parametrize("query", [{"section": CANARY}, {"section": f"k-steps,<script>{CANARY}"}, {"controls": CANARY}])
def test_what_no_section_or_control_is_called_gets_a_kind_list_and_is_not_repeated(query):
    at = opened(query)
    assert len(at.info) == 1
    listed = SLUGS if "section" in query else NAMES
    assert all(f"`{name}`" in at.info[0].value for name in listed)
    assert CANARY not in str(at.main)
    assert not at.error
    assert headings(at) == (["k-steps"] if "k-steps" in str(query) else headings(at))


@given(st.lists(st.tuples(st.sampled_from(("section", "controls", "embed", "w", "nets", "x")), ANY_TEXT), max_size=5))
def test_any_query_gives_a_view_and_settings(query):
    found: dict[str, list[str]] = {}
    for name, value in query:
        found.setdefault(name, []).append(value)
    settings, _ = from_query(found)
    view = links.view(found.get("section", ()), found.get("controls", ()), SLUGS)
    again = links.query(settings, view.sections or (), view.controls)
    parsed = parse_qs(again)
    assert from_query(parsed) == (settings, ())


HOSTILE = (
    "%00",
    "💥" * 20,
    "../../etc/passwd",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:1)",
    "$\\frac",
    "none,none",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_string_leaves_a_working_page(text: str):
    at = opened({"section": text, "controls": text, "w": text, "embed_options": text})
    assert not at.error
    assert text not in str(at.main) or text == "none,"


# --- links on the page --------------------------------------------------------------------------------------


def test_each_preset_has_its_fact_and_a_link_to_the_section_that_shows_it():
    at = opened({})
    slugs = [section.slug for section in SECTIONS]
    found = [re.fullmatch(r"\[§ (\d+)\]\(\?(.*)#(.*)\)", node.value) for node in at.sidebar.markdown]
    linked = [match.groups() for match in found if match]
    facts = [button.help for button in at.sidebar.button if button.label in {preset.name for preset in PRESETS}]
    assert facts == [preset.fact for preset in PRESETS]
    for preset, (number, query, slug) in zip(PRESETS, linked, strict=True):
        assert slugs[int(number) - 1] == slug == preset.section
        assert from_query(parse_qs(query)) == (preset.settings, ())
        assert set(preset.changes) <= set(SECTIONS[int(number) - 1].reads)


def test_a_section_opens_its_link_its_code_and_its_data():
    at = opened({"w": "1.2"})
    assert not any("#k-steps" in code.value for code in at.main.code)
    at.session_state["take-k-steps"] = True
    at.run()
    assert any(code.value.endswith("?w=1.2#k-steps") for code in at.main.code)
    assert any("torch.autograd.grad" in code.value for code in at.main.code)
    assert [button.label for button in at.get("download_button") if "csv" in button.proto.id] == ["Data (CSV)"]


# --- citing -------------------------------------------------------------------------------------------------


def test_the_citation_file_and_the_cite_box_agree():
    written = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    facts = dict(re.findall(r'^(\w[\w-]*): "?([^"\n]*)"?$', written, re.MULTILINE))
    assert facts["cff-version"] == "1.2.0"
    assert facts["title"] == citation.TITLE
    assert facts["version"] == citation.VERSION
    assert facts["date-released"].startswith(str(citation.YEAR))
    assert f"- name: {citation.AUTHOR}" in written
    assert citation.AUTHOR in (ROOT / "LICENSE").read_text(encoding="utf-8")
    entry = citation.bibtex("https://example.org/")
    assert entry.count("{") == entry.count("}")
    assert all(fact in entry for fact in (citation.TITLE, citation.AUTHOR, str(citation.YEAR), "https://example.org/"))


# --- other spellings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "read"),
    [
        *((name, name) for name in NAMES),
        *((name.swapcase(), name) for name in NAMES),
        *((f"amp;{name}", name) for name in NAMES),
        ("amp;AMP;Act", "act"),
        ("?w", "w"),
        ("ww", None),
        ("wamp;", None),
        ("amp;", None),
        ("", None),
    ],
)
def test_a_name_in_another_spelling_stands_for_one_control_or_for_none(name: str, read: str | None):
    assert spelling.meant(name, NAMES) == read


@given(st.text(max_size=12))
def test_no_other_text_is_a_name(text: str):
    read = spelling.meant(text, NAMES)
    assert read is None or text.lower().endswith(read.lower()) or text.strip().lower().endswith(read.lower())


def test_names_that_differ_in_their_capitals_alone_are_told_apart():
    assert spelling.meant("T", ("T", "t")) == "T"
    assert spelling.meant("?t", ("T", "t")) == "t"
    assert spelling.meant("AB", ("Ab", "aB")) is None


def test_the_sections_and_controls_of_a_link_are_read_in_another_spelling():
    at = opened({"Section": "k-steps", "amp;controls": "W"})
    assert headings(at) == ["k-steps"]
    assert [str(control) for control in drawn_controls(at)] == ["w"]
    (note,) = [one.value for one in at.warning]
    assert "`section`" in note
    assert "`controls`" in note


def test_the_readme_embeds_as_the_dialog_does():
    """But for the height, the title and the address."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (by_hand,) = re.findall(r"<iframe.*?</iframe>", readme, re.DOTALL)
    own = links.iframe("https://your-host/", "The gradient against the lag", 900)
    written, expected = (dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in (by_hand, own))
    assert written | {"src": ""} == expected | {"src": ""}
    assert links.SANDBOX in readme
