"""An assignment on the page, without a browser: what a student is told, what is recorded, and what a link may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from explainer.course import claims, hand_in, shelf
from explainer.course.hand_in import HandIn, PredictionAnswer, StateAnswer
from explainer.languages import say, speaking
from explainer.page import state
from tests import hand_ins
from tests.reader import Reader, headings

SECTIONS = "k-steps,vanish-or-explode"  # two are drawn at once, and leave out the rest


def opened(**query: str) -> Reader:
    reader = Reader()
    for name, value in query.items():
        reader.query_params[name] = value
    return ran(reader.run())


def ran(reader: Reader) -> Reader:
    assert [problem.message for problem in reader.exception] == []
    return reader


def widget(reader: Reader, key: str):
    (found,) = [node for node in (*reader.main, *reader.sidebar) if getattr(node, "key", None) == key]
    return found


def record_button(reader: Reader, task: str):
    (found,) = [node for node in reader.button if node.proto.form_id == f"task-form-{task}"]
    return found


def said(reader: Reader) -> str:
    return "\n".join(node.value for node in reader.main if node.type == "markdown")


def made(reader: Reader) -> HandIn:
    """What would be handed in now."""
    return reader.session_state[state.KEY].desk.hand_in


def test_a_student_is_told_at_once_whether_the_state_meets_the_task_and_hands_it_in():
    reader = opened(tasks="first-look", section=SECTIONS)
    assert "**Not yet.** The task asks for k = 80." in said(reader)
    ran(widget(reader, "task-begin-one-percent").click().run())
    assert reader.session_state["k"] == 80
    assert "**Not met.** Now 9.65 × 10⁻⁵ of the vanilla cell's gradient is left" in said(reader)
    assert widget(reader, "task-keep-one-percent").disabled
    ran(widget(reader, "w").set_value(0.97).run())
    assert "**Met.** Now 1.2 % of the vanilla cell's gradient is left" in said(reader)
    ran(widget(reader, "task-keep-one-percent").click().run())
    answer = made(reader).answers["one-percent"]
    assert isinstance(answer, StateAnswer)
    assert answer.state == "k=80&w=0.97"
    ran(widget(reader, "w").set_value(0.5).run())  # what is handed in stays
    assert "k = 80 and w = 0.97: 1.2 % of" in said(reader)
    assert "1 of 5 tasks answered" in said(reader)


def test_a_prediction_is_recorded_with_its_reason_before_the_answer_is_said_and_stays():
    reader = opened(tasks="first-look", section=SECTIONS)
    (task,) = [task for task in shelf.find("first-look").tasks if task.name == "above-one"]
    told = claims.asked(task).options[2].told
    assert told not in said(reader)
    widget(reader, "task-choice-above-one").set_value(2)
    ran(record_button(reader, "above-one").click().run())
    assert [note.value for note in reader.warning] == ["Choose one, and give a reason of at least 5 words."]
    assert made(reader).answers == {}
    widget(reader, "task-choice-above-one").set_value(2)
    widget(reader, "task-why-above-one").set_value("it grows by 1.2 at each step")
    ran(record_button(reader, "above-one").click().run())
    answer = made(reader).answers["above-one"]
    assert isinstance(answer, PredictionAnswer)
    assert (answer.chosen, answer.why) == (2, "it grows by 1.2 at each step")
    assert told in said(reader)
    assert not [node for node in reader.button if node.proto.form_id == "task-form-above-one"]


def test_a_student_who_reads_german_hands_in_what_one_who_reads_english_does():
    reader = opened(tasks="first-look", section=SECTIONS, lang="de")
    state, prediction = (task for task in shelf.find("first-look").tasks if task.name in ("one-percent", "above-one"))
    settings = state.at.replace(w=0.97)
    ran(widget(reader, "task-begin-one-percent").click().run())
    ran(widget(reader, "w").set_value(0.97).run())
    ran(widget(reader, "task-keep-one-percent").click().run())
    widget(reader, "task-choice-above-one").set_value(2)
    widget(reader, "task-why-above-one").set_value("jeder Schritt ist ein Faktor")
    ran(record_button(reader, "above-one").click().run())
    english = claims.state_answer(state, settings)
    assert made(reader).answers["one-percent"].reads == english.reads
    option = claims.asked(prediction).options[2].text
    assert made(reader).answers["above-one"].option == option
    with speaking("de"):
        assert f"k = 80 und w = 0,97: {claims.standing(state, settings).said}" in said(reader)
        assert f"„{claims.asked(prediction).options[2].text}“" in said(reader)
        assert say(state.text) in said(reader)
    assert option not in said(reader)


def test_the_file_says_what_was_answered_and_by_whom():
    reader = opened(tasks="first-look", section="k-steps")
    ran(widget(reader, "student-name").set_value("Ada\u202e <b>Lovelace</b>").run())
    assert made(reader).student == "Ada <b>Lovelace</b>"
    saved = hand_in.read(hand_in.written(hand_in.saved(made(reader))))
    assert saved.fingerprint == shelf.find("first-look").fingerprint
    assert saved.begun <= saved.saved


def test_without_an_assignment_nothing_of_it_is_on_the_page():
    reader = opened(section="k-steps")
    keys = [getattr(node, "key", None) or "" for node in reader.main]
    assert [key for key in keys if key.startswith(("task", "hand-in", "student"))] == []
    assert "hand-in" not in dict(headings(reader.main))


@pytest.mark.parametrize("name", ["nope", "../../secret", "", "<script>canary</script>", "first-look.toml", "x" * 3000])
def test_a_name_that_is_no_assignments_gets_a_kind_note(name: str):
    reader = opened(tasks=name, section="k-steps")
    (note,) = [note.value for note in reader.info]
    assert all(f"?tasks={one}" in note for one in shelf.READY)
    assert "canary" not in note + said(reader)


@pytest.mark.parametrize("query", [{"TASKS": "first-look"}, {"amp;tasks": "first-look"}, {"tasks": " First-Look "}])
def test_a_link_that_is_spelt_otherwise_is_read(query: dict[str, str]):
    assert ("assignment", "First look") in headings(opened(section="k-steps", **query).main)


def test_a_teachers_own_file_and_what_is_wrong_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(shelf.FOLDER, str(tmp_path))
    (tmp_path / "sample.toml").write_text(hand_ins.TASKS, encoding="utf-8")
    assert ("assignment", "A sample") in headings(opened(tasks="sample", section="k-steps").main)
    (tmp_path / "sample.toml").write_text(hand_ins.TASKS.replace("points = 2", "points = -2"), encoding="utf-8")
    (note,) = [note.value for note in opened(tasks="sample", section="k-steps").warning]
    line = hand_ins.TASKS.splitlines().index("points = 2") + 1
    assert f"sample.toml, line {line}, task 2, `points`: expected is a whole number from 1 to 100." in note
