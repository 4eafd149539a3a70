"""The grader: every verdict against what plain numbers say, whatever a folder holds."""

from __future__ import annotations

import csv
import io
import random
import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer import grade
from explainer.choices.settings import Settings
from explainer.course import claims, gradebook, hand_in
from explainer.course.hand_in import UnusableError
from explainer.languages import ENGLISH, LANGUAGES, speaking
from tests import hand_ins
from tests.hand_ins import ASSIGNMENT, POINTS


@pytest.fixture
def tasks_file(tmp_path: Path) -> Path:
    file = tmp_path / hand_ins.NAME
    file.write_text(hand_ins.TASKS, encoding="utf-8")
    return file


def rows_of(folder: Path, tasks_file: Path) -> list[dict[str, str]]:
    """What the command line writes for a folder."""
    table = folder.parent / "grades.csv"
    assert grade.main([str(folder), "--tasks", str(tasks_file), "--csv", str(table)]) == grade.DONE
    with table.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_verdict_is_right_whatever_is_handed_in(tmp_path: Path, tasks_file: Path):
    folder = tmp_path / "handins"
    folder.mkdir()
    made = hand_ins.folder(folder, count=150, seed=20261128)
    kinds = {one.points is None for one in made.values()}
    assert kinds == {True, False}
    assert hand_ins.wrong_verdicts(rows_of(folder, tasks_file), made) == []


@given(st.integers(0, 2**32))
def test_a_random_hand_in_gets_the_points_that_it_deserves(seed: int):
    chance = random.Random(seed)
    made = chance.choice(hand_ins.KINDS)(chance)
    try:
        read = hand_in.read(made.content)
        points = {name: one.points for name, one in claims.verdicts(ASSIGNMENT, read).items()}
        assert points == made.points or (made.points is None and read.assignment != ASSIGNMENT.name)
    except UnusableError:
        assert made.points is None


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300), st.recursive(st.none() | st.text(), st.lists).map(str))
)
def test_whatever_a_file_or_a_browser_holds_is_a_hand_in_or_unusable(content: bytes | str):
    with pytest.raises(UnusableError):
        hand_in.read(content)


def test_it_works_by_the_name_that_the_documentation_gives(
    tmp_path: Path, tasks_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "handins"
    (folder / "group a").mkdir(parents=True)
    (folder / "group a" / "ada.json").write_bytes(hand_ins.honest(random.Random(1)).content)
    (folder / "notes.txt").write_text("no hand-in")
    monkeypatch.setattr(sys, "argv", ["explainer.grade", str(folder), "--tasks", str(tasks_file)])
    monkeypatch.delitem(sys.modules, "explainer.grade")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("explainer.grade", run_name="__main__")
    assert ended.value.code == grade.DONE
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["file"] == str(Path("group a") / "ada.json")
    assert row["of"] == str(sum(POINTS.values()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-folder", "--tasks", "first-look"], "no-such-folder"),
        ([".", "--tasks", "no-such-file.toml"], "no-such-file.toml"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert grade.main(arguments) == grade.UNUSABLE
    written = capsys.readouterr()
    assert said in written.err
    assert written.err.count("\n") == 1
    assert written.out == ""


def test_without_a_folder_the_tasks_alone_are_looked_at(tasks_file: Path, capsys: pytest.CaptureFixture[str]):
    assert grade.main(["--tasks", str(tasks_file)]) == grade.DONE
    assert capsys.readouterr().out == "A sample: 5 tasks, 8 points in all.\n"
    tasks_file.write_text(hand_ins.TASKS.replace("at_least = 0.1", "at_least = -1"), encoding="utf-8")
    assert grade.main(["--tasks", str(tasks_file)]) == grade.UNUSABLE
    line = hand_ins.TASKS.splitlines().index("at_least = 0.1") + 1
    assert f"{hand_ins.NAME}, line {line}, task 3, meets 1, `at_least`:" in capsys.readouterr().err


def test_no_cell_is_a_formula(tmp_path: Path):
    made = hand_in.begun(ASSIGNMENT).named("=HYPERLINK(0)")
    (tmp_path / "-1+1.json").write_text(hand_in.written(made), encoding="utf-8")
    table = gradebook.as_csv(ASSIGNMENT, gradebook.graded(ASSIGNMENT, tmp_path))
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["file"], row["student"]) == ("'-1+1.json", "'=HYPERLINK(0)")


def test_a_hand_in_is_graded_alike_to_the_letter_whatever_language_it_was_made_in(
    tmp_path: Path, tasks_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hand_in, "now", lambda: "2026-11-25T09:30:00Z")
    task = {task.name: task for task in ASSIGNMENT.tasks}
    states = {"power": Settings(act="identity", k=80, w=0.95), "keep": Settings(k=100, f=0.993)}
    tables = {}
    for language in LANGUAGES:
        folder = tmp_path / language
        folder.mkdir()
        with speaking(language):
            answers = {name: claims.state_answer(task[name], state) for name, state in states.items()}
            for name in ("fate", "guess"):
                answers[name] = claims.prediction_answer(task[name], 0, "das muss so sein")
            answers["squashed"] = answers["power"]
            made = hand_in.HandIn("sample", ASSIGNMENT.fingerprint, "Ada", hand_in.now(), hand_in.now(), answers)
            (folder / "ada.json").write_text(hand_in.written(made), encoding="utf-8")
            then = gradebook.as_csv(ASSIGNMENT, gradebook.graded(ASSIGNMENT, folder))
        table = folder / "grades.csv"
        assert grade.main([str(folder), "--tasks", str(tasks_file), "--csv", str(table)]) == grade.DONE
        tables[language] = table.read_bytes()
        assert then == tables[language].decode("utf-8-sig")  # also where the grader reads that language
    (row,) = csv.DictReader(io.StringIO(tables[ENGLISH].decode("utf-8-sig")))
    assert [row[name] for name in POINTS] == ["1", "2", "0", "3", "1"]
    assert "The task asks for k = 20" in row["squashed: why not"]
    assert row["remarks"] == ""
    assert set(tables.values()) == {tables[ENGLISH]}


def test_a_teacher_hears_of_what_looks_copied_or_altered(tmp_path: Path):
    answer = hand_in.StateAnswer("act=identity&k=80&w=0.5", "1.7 % of it is left", "2026-11-25T09:35:00Z")
    why = hand_in.PredictionAnswer(0, "", "the slopes are small", "2026-11-25T09:35:00Z")
    for student, fingerprint in (("Ada", ASSIGNMENT.fingerprint), ("Bob", "0123456789abcdef")):
        made = hand_in.HandIn(
            "sample", fingerprint, student, "", "2026-11-25T09:00:00Z", {"power": answer, "guess": why}
        )
        (tmp_path / f"{student}.json").write_text(hand_in.written(made), encoding="utf-8")
    ada, bob = gradebook.graded(ASSIGNMENT, tmp_path)
    said = " ".join(ada.remarks)
    assert "the file says “1.7 % of it is left”, its state gives “8.27 × 10⁻²⁵ of the vanilla" in said
    assert "something in it is later than the file" in said
    assert "guess: 2 files give this reason word for word" in said
    assert "another version" not in said
    assert "another version" in " ".join(bob.remarks)
