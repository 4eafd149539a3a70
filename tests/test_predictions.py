"""Predictions are moves: which move is asked about, what a reader is told of it, and what the page remembers."""

from __future__ import annotations

import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.keeping import KEEP
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.lesson.moves import first
from explainer.page import memory
from explainer.page.state import Answer
from tests.reader import Reader

BY_SLUG = {section.slug: section for section in SECTIONS}
WITHOUT = {"does-it-learn", "remembering-on-purpose", "your-own-network"}
MOVING = [slug for slug in BY_SLUG if slug not in WITHOUT]
STATES = (
    Settings(),
    Settings(act="identity", w=1.1, f=0.5),
    Settings(act="logistic", w=4.0, k=200, ls=15, gain=2.0, dg=3.0, bf=3.0),
    Settings(act="relu", w=-0.9, f=0.9, h0=-0.5, k=2),
    Settings(w=1.2, f=1.0, h0=0.0, k=1, gate="state"),
)

# --- the moves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", MOVING)
def test_a_move_goes_to_other_values_of_controls_that_move_the_sections_figures(slug: str):
    for settings in STATES:
        asked = BY_SLUG[slug].asked(settings)
        assert asked.move.changes
        for name, value in asked.move.changes:
            assert value != getattr(settings, name)
            assert value in CONTROL[name].values
            assert name in BY_SLUG[slug].moved_by
        assert asked.question.startswith(asked.move.in_words(settings))
        assert asked.move.after(settings) != settings


def test_where_a_move_asks_for_training_or_for_a_file_there_is_none():
    assert {slug for slug, section in BY_SLUG.items() if section.asked(Settings()).move is None} == WITHOUT


MISCONCEPTIONS = {
    "one-recurrence": "It enlarges the difference",  # since |w| > 1
    "one-step": "Yes, it is |w|·sup σ′, to within 1 %",
    "two-steps": "Yes, to within 1 %",
    "k-steps": "It grows",  # since |w| > 1
    "vanish-or-explode": "It explodes: more than 100 times",  # since |w| > 1
    "gated-state": "More than half",  # since f is near 1
    "gate-steps": "The gated cell",
    "product-of-gates": "Not within your lag k",  # since f is near 1
    "many-paths": "Equal, to within 1 %",  # since the product of gates would be all
    "depth-is-time": "In between",  # since residual stacks would not explode
    "gates-without-a-squashed-state": "The minGRU",  # since nothing gets in its way
    "one-sentence": "The s of “keys”",  # since it decides
}


@pytest.mark.parametrize("slug", MISCONCEPTIONS)
def test_at_the_defaults_and_elsewhere_the_misconception_of_the_section_is_not_the_answer(slug: str):
    for settings in STATES[:2]:
        predicted = BY_SLUG[slug].question(settings)
        texts = [option.text for option in predicted.options]
        assert predicted.right != texts.index(MISCONCEPTIONS[slug])


def test_where_a_move_would_teach_nothing_another_is_asked_about():
    assert dict(BY_SLUG["k-steps"].asked(Settings()).move.changes) == {"w": 1.2}
    assert dict(BY_SLUG["k-steps"].asked(Settings(w=1.2)).move.changes) == {"w": 0.9}
    straight = BY_SLUG["k-steps"].asked(Settings(act="identity"))  # there the rule of |w| holds
    assert dict(straight.move.changes)["act"] == "tanh"


def test_of_moves_that_teach_nothing_the_first_that_changes_something_is_taken():
    move = first(Settings(), {"w": 0.9}, {"k": 7}, {"k": 8}, teaches=lambda before, after: False)
    assert move.changes == (("k", 7),)
    assert move.in_words(Settings()) == "The lag k goes from 50 to 7"


# --- on the page --------------------------------------------------------------------------------------------


def opened(slug: str, **query: str) -> Reader:
    reader = Reader(has_been_through=False)
    reader.query_params["section"] = slug
    for name, text in query.items():
        reader.query_params[name] = text
    reader.run()
    return reader


def widget(reader: Reader, key: str):
    (found,) = [node for node in (*reader.sidebar, *reader.main) if getattr(node, "key", None) == key]
    return found


def has(reader: Reader, key: str) -> bool:
    return any(getattr(node, "key", None) == key for node in reader.main)


def run(widget, reader: Reader) -> None:
    widget.run()
    assert [problem.message for problem in reader.exception] == []


def said(reader: Reader) -> str:
    return "\n".join(node.value for node in reader.main.markdown)


QUICK = [slug for slug in BY_SLUG if slug not in ("through-time", "remembering-on-purpose", "depth-is-time")]


@pytest.mark.parametrize("slug", QUICK)
def test_an_answer_makes_the_move_and_is_told_and_one_press_takes_the_move_back(slug: str):
    section, reader = BY_SLUG[slug], opened(slug)
    predicted = section.question(Settings())
    radio = widget(reader, f"answer-{slug}")
    assert radio.value is None
    assert radio.options == [option.text for option in predicted.options]
    assert all(option.told not in said(reader) for option in predicted.options)
    pick = len(predicted.options) - 1
    run(radio.set_value(pick), reader)
    assert predicted.options[pick].told in said(reader)
    assert ("**Yes.**" in said(reader)) == (pick == predicted.right)
    if predicted.move is None:
        return
    for name, value in predicted.move.changes:
        assert widget(reader, name).value == value
    compares = any(plot.compares for plot in section.plots)
    assert reader.query_params.get(KEEP, []) == ("defaults" if compares else [])
    run(widget(reader, f"back-{slug}").click(), reader)
    assert {name: widget(reader, name).value for name, _ in predicted.move.changes} == predicted.move.back(Settings())
    assert KEEP not in reader.query_params
    assert predicted.options[pick].told in said(reader)  # the answer stays
    run(widget(reader, f"make-{slug}").click(), reader)
    assert has(reader, f"back-{slug}")
    run(widget(reader, f"again-{slug}").click(), reader)
    assert widget(reader, f"answer-{slug}").value is None
    assert section.asked(predicted.move.after(Settings())).question in said(reader)


def test_show_me_tells_the_right_answer_and_its_reason():
    reader = opened("k-steps")
    run(widget(reader, "show-k-steps").click(), reader)
    predicted = BY_SLUG["k-steps"].question(Settings())
    right = predicted.options[predicted.right]
    assert f"**{right.text}.** {right.told}" in said(reader)
    assert "σ′ is 0.65" in right.told  # the reason, not only the number
    assert widget(reader, "w").value == 1.2


def test_an_answer_says_when_the_settings_have_moved_on():
    reader = opened("k-steps")
    run(widget(reader, "show-k-steps").click(), reader)
    assert "moved on" not in said(reader)
    run(widget(reader, "w").set_value(1.5), reader)
    assert "asked at w = 0.9; the settings have moved on" in said(reader)
    assert not has(reader, "back-k-steps")
    assert not has(reader, "make-k-steps")


def test_where_the_moves_control_is_fixed_the_answer_is_told_and_nothing_moves():
    reader = opened("k-steps", controls="k")
    run(widget(reader, "show-k-steps").click(), reader)
    predicted = BY_SLUG["k-steps"].question(Settings())
    assert predicted.options[predicted.right].told in said(reader)
    assert "w" not in reader.query_params
    assert KEEP not in reader.query_params


# --- what the browser keeps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    [
        None,
        3,
        "w~1.2",
        [],
        ["w~1.2"],
        ["w~1.2", 9],
        ["w~1.2", -1],
        ["w~1.2", True],
        ["w~1.2", "0"],
        ["w~9", 0],
        ["<script>", 0],
        ["L~48", 0],  # nothing that this section reads
        [{"w": 1}, 0],
        ["x" * 10_000, None],
    ],
    ids=lambda stored: str(stored)[:20],
)
def test_what_the_browser_has_not_kept_for_the_page_is_no_answer(stored: object):
    assert memory._read(stored, "k-steps") is None


def test_what_the_browser_has_kept_comes_back():
    before = Settings(w=1.2, k=20)
    assert memory._read([before.spelled(), 1], "k-steps") == Answer(before, 1)
    assert memory._read([before.spelled(), None], "k-steps") == Answer(before, None)
