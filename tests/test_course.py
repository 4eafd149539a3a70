"""Assignments: what their files may hold, the quantities they ask for, and the five that ship."""

from __future__ import annotations

import contextlib
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.course import claims, hand_in, shelf, tasks
from explainer.course.hand_in import HandIn, PredictionAnswer, StateAnswer
from explainer.course.quantities import LAG, QUANTITIES
from explainer.course.tasks import DamagedError, PredictionTask, StateTask
from explainer.languages import ENGLISH, LANGUAGES, speaking
from explainer.maths.network import Network
from tests import hand_ins

# --- the quantities -----------------------------------------------------------------------------------------


def value(name: str, **changes: object) -> float:
    """A quantity as it is, not as a logarithm."""
    found = QUANTITIES[name].compute(Settings(**changes))
    return found if QUANTITIES[name].kind == LAG else 10**found


CLOSED_FORMS = [
    ("vanilla-left", {"act": "identity", "w": -1.1, "k": 30}, 1.1**30),
    ("vanilla-over-power", {"act": "identity", "w": 0.5, "k": 9}, 1.0),
    ("vanilla-last-factor", {"act": "logistic", "w": 2.0, "k": 1, "h0": 0.0}, 0.5),
    ("vanilla-horizon", {"act": "identity", "w": 0.5, "k": 50}, 7),  # 2⁻⁷ is the first below 1/100
    ("vanilla-horizon", {"act": "identity", "w": 1.0, "k": 50}, math.inf),
    ("gated-left", {"f": 0.9, "k": 12}, 0.9**12),
    ("gated-horizon", {"f": 0.9, "k": 100}, 44),
    ("gated-over-vanilla", {"act": "identity", "w": 0.5, "f": 0.75, "k": 6}, 1.5**6),
    ("direct-over-detours", {"u": 1.0, "f": 0.5, "h0": 1.0, "k": 1}, 1 / (1 - 1 / (1 + math.e**-1))),  # f ⁄ c·f·(1−f)·u
    ("float16-zero-from", {"act": "identity", "w": 0.5, "k": 50}, 25),  # 2⁻²⁴ is the smallest number there
    ("float16-zero-from", {"act": "identity", "w": 0.5, "k": 50, "ls": 10}, 35),
]


@pytest.mark.parametrize(("name", "changes", "expected"), CLOSED_FORMS)
def test_a_quantity_is_what_its_closed_form_says(name: str, changes: dict, expected: float):
    assert value(name, **changes) == pytest.approx(expected, rel=1e-12)


def test_the_norms_of_the_networks_are_those_of_torchs_own_modules():
    settings = Settings(n=4, T=10, k=6, bf=2.0)
    norms = []
    for seed in range(5):
        module, inputs, _ = Network("lstm", 4, 10, forget_bias=2.0, seed=seed).materialise()

        def cell_after(c: torch.Tensor, h: torch.Tensor, module=module, inputs=inputs) -> torch.Tensor:
            return module(inputs[4:], (h[None], c[None]))[1][1][0]

        _, (h, c) = module(inputs[:4])
        o = (h / torch.tanh(c)).detach()[0]  # the node c(4) also reaches h(4) = o·tanh(c(4))
        whole = torch.autograd.functional.jacobian(lambda c, o=o: cell_after(c, o * torch.tanh(c)), c.detach()[0])
        norms.append(torch.linalg.matrix_norm(whole, 2).item())
    assert value("lstm-norm", n=4, T=10, k=6, bf=2.0) == pytest.approx(np.median(norms), rel=1e-9)
    parts = [QUANTITIES[name].compute(settings) for name in ("lstm-direct", "lstm-norm")]
    assert parts[0] < parts[1]


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)
def test_a_quantity_depends_on_nothing_but_what_it_says(quantity):
    base = Settings(gate="varying", n=2, T=10, k=5, L=4, d=8)
    before = quantity.compute(base)
    for name, control in CONTROL.items():
        if name not in quantity.reads and name not in ("n", "T", "L", "d"):
            for other in (control.values[0], control.values[-1]):
                changed = base.replace(**{name: (other,) if name == "nets" else other})
                assert quantity.compute(changed) == before, name


# --- a teacher's file ---------------------------------------------------------------------------------------

DAMAGE = [
    ("[[task]]", "[task", "not TOML"),
    ('title = "A sample"', "", "`title`: it is missing"),
    ('title = "A sample"', "title = 7", "line 2, `title`: expected is a text"),
    ('name = "keep"', 'name = "power"', "task 2, `name`: “power” is another task's name already"),
    ('name = "keep"', 'name = "Keep it!"', "task 2, `name`: expected are small letters"),
    ('kind = "state"', 'kind = "essay"', "task 1, `kind`: there is no “essay”; expected is one of state, prediction"),
    ('section = "k-steps"', 'section = "k-step"', "task 1, `section`: there is no “k-step”"),
    ('section = "vanish-or-explode"', 'section = "does-it-learn"', "task 4, `section`: nobody knows"),
    ("points = 2", "points = 2.5", "task 2, `points`: expected is a whole number from 1 to 100"),
    ("points = 2", "points = true", "task 2, `points`: expected is a whole number"),
    ("points = 2", "pionts = 2", "task 2, `pionts`: there is no such field here"),
    ("at = { k = 100 }", "at = { kk = 100 }", "task 2, `at`: there is no control “kk”"),
    ("at = { k = 100 }", "at = { k = 100.5 }", "task 2, `at`: `k` cannot be “100.5”; it can be 100, for"),
    ("at = { k = 100 }", "at = { nets = ['rnn', 'x'] }", "task 2, `at`: `nets` cannot be “rnn, x”; it can be rnn, for"),
    ("at = { k = 100 }", 'at = "k"', "task 2, `at`: expected is a table of controls"),
    ('move = ["f", "k"]', 'move = ["g"]', "task 2, `move`: expected are names of controls"),
    ('move = ["f", "k"]', 'move = ["w"]', "task 2, `move`: none of these controls changes the quantity"),
    ('move = ["f", "k"]', "move = []", "task 2, `move`: expected are names"),
    ('quantity = "gated-left"', 'quantity = "gated"', "task 2, meets 1, `quantity`: there is no “gated”"),
    ("at_least = 0.1", 'at_least = "10 %"', "task 3, meets 1, `at_least`: expected is a number"),
    ("at_least = 0.1", "", "task 3, meets 1, `at_least`: expected is at_least or at_most"),
    ("at_least = 0.1", "at_least = nan", "task 3, meets 1, `at_least`: expected is a number"),
    ("words = 3", 'words = "three"', "task 4, `words`: expected is a whole number"),
]


@pytest.mark.parametrize(("whole", "broken", "said"), DAMAGE, ids=[said for _, _, said in DAMAGE])
def test_a_damaged_file_gets_a_message_with_its_line_and_field(whole: str, broken: str, said: str):
    text = hand_ins.TASKS.replace(whole, broken, 1)
    assert text != hand_ins.TASKS
    with pytest.raises(DamagedError) as caught:
        tasks.read("sample.toml", text.encode())
    message = str(caught.value)
    assert said in message
    assert message.startswith("sample.toml")
    if "task" in said:  # the line is that of the field, or of the table that lacks it
        line = int(message.partition("line ")[2].partition(",")[0])
        lines = text.splitlines()
        assert lines[line - 1] in (broken, "[[task]]", "[[task.meets]]") if broken else lines[line - 1].startswith("[[")


@pytest.mark.parametrize("content", [b"", b"\xff", b"\x00", b"title = 1\n" * 50_000, b"a = " + b"[" * 90_000])
def test_what_is_no_file_of_tasks_at_all_gets_a_message(content: bytes):
    with pytest.raises(DamagedError, match=r"^mine\.toml"):
        tasks.read("mine.toml", content)


@given(st.data())
def test_a_file_with_any_line_lost_is_read_or_gets_a_message(data: st.DataObject):
    lines = hand_ins.TASKS.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(
            st.sampled_from(["", lines[at][:-1], lines[at].replace("=", "= -"), "x = {}", "[task.at]"])
        )
    with contextlib.suppress(DamagedError):
        assert tasks.read("sample.toml", "\n".join(lines).encode()).tasks


# --- the assignments that ship ------------------------------------------------------------------------------

READY = {name: shelf.find(name) for name in shelf.READY}
SOLUTIONS = {
    "one-percent": {"w": 0.97},
    "by-the-rule": {"act": "identity", "w": 1.1},
    "keep-half": {"f": 0.993},
    "exactly-the-power": {"act": "identity", "w": 0.98},
    "rise": {"w": 1.5, "h0": 0.01, "k": 10},
    "fall": {"k": 21},
    "half-over-100": {"f": 0.993},
    "horizon": {"f": 0.96},
    "as-good": {"act": "identity", "w": 0.95},
    "reach-50": {"bf": 1.5},
    "direct-path": {"bf": 3.0, "gain": 0.25},
    "gates-explode": {"bf": 6.0, "gain": 8.0},
    "stays-alive": {"ls": 12},
    "both-stacks": {"dg": 1.0},
}


def test_every_file_that_ships_is_one_of_the_five():
    assert {file.stem for file in shelf.SHIPPED.glob("*.toml")} == set(shelf.READY)
    assert len(shelf.READY) == 5


@pytest.mark.parametrize("name", shelf.READY)
def test_an_assignment_that_ships_has_a_note_for_the_teacher_and_tasks_of_both_kinds(name: str):
    assignment = READY[name]
    assert assignment.teacher.aim
    assert assignment.teacher.minutes
    assert len(assignment.teacher.mistakes) >= 3
    assert {type(task) for task in assignment.tasks} == {StateTask, PredictionTask}


def test_they_get_harder():
    minutes = [assignment.teacher.minutes for assignment in READY.values()]
    assert minutes == sorted(minutes)


@pytest.mark.parametrize("name", shelf.READY)
def test_each_task_that_ships_can_be_solved_and_is_not_solved_as_it_begins(name: str):
    for task in READY[name].tasks:
        if isinstance(task, StateTask):
            assert not claims.standing(task, task.at).is_met, task.name
            assert set(SOLUTIONS[task.name]) <= set(task.move)
            solved = task.at.replace(**SOLUTIONS[task.name])
            assert claims.standing(task, solved).is_met, task.name
            answer = StateAnswer(hand_in.state_text(solved), "", hand_in.now())
            assert claims.verdict(task, answer).points == task.points
        else:
            assert claims.asked(task).right is not None


def test_the_smallest_bias_that_reaches_50_is_the_only_one_between_the_ends():
    (task,) = [task for task in READY["real-networks"].tasks if task.name == "reach-50"]
    biases = [one for one in (1.0, 1.5, 2.0) if claims.standing(task, task.at.replace(bf=one)).is_met]
    assert biases == [1.5]


def test_no_forget_bias_alone_makes_the_direct_path_longer_than_its_detours():
    (task,) = [task for task in READY["real-networks"].tasks if task.name == "direct-path"]
    assert not any(claims.standing(task, task.at.replace(bf=one)).is_met for one in CONTROL["bf"].values)


def test_what_the_teachers_are_told_of_the_mistakes_is_so():
    left = {w: value("vanilla-left", w=w, k=80) for w in (0.99, 1.0)}
    assert left[1.0] < left[0.99]
    assert f"{value('gated-left', f=0.9, k=100):.1e}" == "2.7e-05"
    lags = [value("float16-zero-from", act="logistic", w=1.0, k=20, ls=ls) for ls in range(16)]
    assert set(np.diff(lags)) == {0, 1}


# --- the shelf ----------------------------------------------------------------------------------------------


def test_a_teachers_own_folder_is_looked_at_first_and_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(shelf.FOLDER, str(tmp_path))
    file = tmp_path / "week-3.toml"
    assert shelf.find("week-3") is None
    file.write_text(hand_ins.TASKS, encoding="utf-8")
    assert shelf.find("week-3").title == "A sample"
    file.write_text(hand_ins.TASKS.replace("A sample", "Another one"), encoding="utf-8")
    assert shelf.find("week-3").title == "Another one"
    assert shelf.names() == (*shelf.READY, "week-3")
    file.write_text("title = ", encoding="utf-8")
    with pytest.raises(DamagedError, match=r"^week-3\.toml: not TOML"):
        shelf.find("week-3")
    (tmp_path / "gates.toml").write_text(hand_ins.TASKS, encoding="utf-8")
    assert shelf.find("gates").title == "A sample"


@pytest.mark.parametrize(
    "name", ["", "..", "../sample", "/etc/passwd", "First-Look", "a" * 5000, "first-look.toml", "\0"]
)
def test_a_name_from_a_link_leads_to_no_other_file(name: str):
    assert shelf.find(name) is None


# --- a hand-in ----------------------------------------------------------------------------------------------

STATE = StateAnswer("k=80&w=0.97", "1.2 %", "2026-11-25T09:30:00Z")
EARLY = PredictionAnswer(1, "No", "because it is so", "2026-11-25T09:30:00Z")
LATE = PredictionAnswer(0, "Yes", "I have looked", "2026-11-25T10:30:00Z")


def test_a_hand_in_survives_being_written_and_read():
    made = HandIn("sample", "0" * 16, "Åsa Ωmega", "2026-11-25T09:00:00Z", "", {"a": STATE, "b": EARLY})
    assert hand_in.read(hand_in.written(made)) == made
    assert hand_in.read(hand_in.written(made).encode()) == made


def test_a_prediction_that_has_been_made_stays():
    made = HandIn(answers={"b": EARLY})
    assert made.with_answer("b", LATE).answers == {"b": EARLY}
    assert made.joined(HandIn(answers={"b": LATE})).answers == {"b": EARLY}
    assert HandIn(answers={"b": LATE}).joined(made).answers == {"b": EARLY}


@given(st.data())
def test_every_state_of_the_page_is_one_that_can_be_handed_in(data: st.DataObject):
    names = data.draw(st.sets(st.sampled_from([name for name in CONTROL if name != "nets"])))
    settings = Settings(**{name: data.draw(st.sampled_from(CONTROL[name].values)) for name in names})
    assert hand_in.settings_of(hand_in.state_text(settings)) == settings


# --- in another language ------------------------------------------------------------------------------------


def answered(task: tasks.Task) -> hand_in.Answer:
    if isinstance(task, StateTask):
        return claims.state_answer(task, task.at.replace(**SOLUTIONS[task.name]))
    return claims.prediction_answer(task, 0, "because it is so")


def page_says(task: tasks.Task) -> str:
    if isinstance(task, StateTask):
        return claims.standing(task, task.at.replace(**SOLUTIONS[task.name])).said
    return claims.asked(task).options[0].text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", shelf.READY)
def test_an_answer_is_recorded_in_english_and_read_in_the_readers_language(
    name: str, language: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hand_in, "now", lambda: "2026-11-25T09:30:00Z")
    for task in READY[name].tasks:
        made = answered(task)
        assert claims.in_words(task, made) == page_says(task)
        with speaking(language):
            assert answered(task) == made
            assert claims.in_words(task, made) == page_says(task)
        (read,) = hand_in.read(hand_in.written(HandIn(answers={task.name: made}))).answers.values()
        assert read == made  # no answer is too long for a file


FORGED = [
    ("one-percent", StateAnswer("k=80&w=0.97", "all of it is left", STATE.at)),
    ("one-percent", StateAnswer("k=80&w=0.123", "1.2 % of it is left", STATE.at)),
    ("one-percent", StateAnswer("colour=red", "1.2 % of it is left", STATE.at)),
    ("above-one", PredictionAnswer(0, "None of them", "because it is so", STATE.at)),
    ("above-one", PredictionAnswer(99, "None of them", "because it is so", STATE.at)),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "forged"), FORGED)
def test_what_the_page_would_not_say_is_read_as_it_is_written(name: str, forged: hand_in.Answer, language: str):
    (task,) = [task for task in READY["first-look"].tasks if task.name == name]
    with speaking(language):
        said = claims.in_words(task, forged)
    assert said == (forged.reads if isinstance(forged, StateAnswer) else forged.option)


def test_a_state_that_does_not_meet_its_task_is_no_answer():
    task = READY["first-look"].tasks[1]
    assert claims.state_answer(task, task.at) is None


def test_a_number_has_the_decimal_sign_of_the_language():
    task = READY["first-look"].tasks[1]
    solved = task.at.replace(w=0.97)
    with speaking("de"):
        assert "1,2 %" in claims.standing(task, solved).said
        assert claims.controls_in_words(solved, ("w",)) == "w = 0,97"
    with speaking(ENGLISH):
        assert "1.2 %" in claims.standing(task, solved).said


def test_the_documentation_names_every_quantity_and_its_example_can_be_read():
    text = (Path(__file__).parents[1] / "docs" / "assignments.md").read_text(encoding="utf-8")
    assert [name for name in QUANTITIES if f"`{name}`" not in text] == []
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(example)["task"]
    assert tasks.read("example.toml", example.encode()).tasks
