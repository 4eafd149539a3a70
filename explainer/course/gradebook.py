"""A folder of hand-ins as a table for the gradebook: points, and one sentence for each task without its points."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from explainer.course import claims, hand_in
from explainer.course.claims import Verdict
from explainer.course.hand_in import HandIn, PredictionAnswer, UnusableError
from explainer.course.tasks import Assignment, PredictionTask


@dataclass(frozen=True)
class Graded:
    """One file of a folder.

    Attributes:
        file: its name.
        hand_in: None where it cannot be read.
        unusable: why it cannot be read, as a sentence; else empty.
        verdicts: in the order of the tasks.
        remarks: what a teacher may want to know besides, as sentences.
    """

    file: str
    hand_in: HandIn | None
    unusable: str
    verdicts: tuple[Verdict, ...]
    remarks: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        return sum(one.points for one in self.verdicts)


def files(folder: Path) -> list[Path]:
    """The hand-ins in a folder, and in the folders below it, as course sites pack them; in the order of their names.

    Raises:
        OSError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")
    return sorted(one for one in folder.rglob("*") if one.suffix.lower() == ".json" and one.is_file())


def graded(assignment: Assignment, folder: Path) -> list[Graded]:
    """Every hand-in of a folder, each claim computed again.

    Raises:
        OSError: there is no such folder.
    """
    found = [_graded(assignment, one, str(one.relative_to(folder))) for one in files(folder)]
    alike = _alike(assignment, found)
    return [
        Graded(one.file, one.hand_in, one.unusable, one.verdicts, (*one.remarks, *alike[one.file])) for one in found
    ]


def _graded(assignment: Assignment, file: Path, name: str) -> Graded:
    try:
        with file.open("rb") as opened:
            made = hand_in.read(opened.read(hand_in.LARGEST + 1))
        if made.assignment != assignment.name:
            raise UnusableError(f"it answers another assignment, “{made.assignment}”")
    except (UnusableError, OSError) as error:
        why = (error.strerror or "it cannot be opened") if isinstance(error, OSError) else error
        sentence = f"The file cannot be used: {why}."
        return Graded(name, None, sentence, tuple(Verdict(0, sentence) for _ in assignment.tasks))
    verdicts = tuple(claims.verdicts(assignment, made).values())
    return Graded(name, made, "", verdicts, tuple(_remarks(assignment, made, verdicts)))


def _remarks(assignment: Assignment, made: HandIn, verdicts: Sequence[Verdict]) -> Iterable[str]:
    if made.fingerprint != assignment.fingerprint:
        yield "It was made with another version of the file of tasks."
    times = [made.begun, *(answer.at for answer in made.answers.values())]
    if made.saved and max(times) > made.saved:
        yield "Its times do not fit together: something in it is later than the file."
    unknown = sorted(made.answers.keys() - {task.name for task in assignment.tasks})
    if unknown:
        yield f"It answers what is not asked: {', '.join(unknown)}."
    yield from (one.remark for one in verdicts if one.remark)


def _alike(assignment: Assignment, found: Sequence[Graded]) -> dict[str, list[str]]:
    """Remarks on files of one student, and on reasons that stand in more than one student's file, by the file."""
    by_student, by_reason = defaultdict(list), defaultdict(list)
    for one in found:
        if one.hand_in is None:
            continue
        student = one.hand_in.student.casefold()
        by_student[student].append(one.file)
        for task in assignment.tasks:
            answer = one.hand_in.answers.get(task.name)
            if isinstance(answer, PredictionAnswer) and answer.why:
                by_reason[task.name, answer.why.casefold()].append((one.file, student))
    remarks = defaultdict(list)
    for student, same in by_student.items():
        for file in same if student and len(same) > 1 else ():
            remarks[file].append(f"{len(same)} files have this name.")
    for (task, _), same in by_reason.items():
        if len({student for _, student in same}) > 1:
            for file, _ in same:
                remarks[file].append(f"{task}: {len(same)} files give this reason word for word.")
    return remarks


# --- as CSV -------------------------------------------------------------------------------------------------


def as_csv(assignment: Assignment, found: Iterable[Graded]) -> str:
    """The table: a row for each file; for each task its points, why not all, and of a prediction its reason."""
    table = io.StringIO()
    rows = csv.writer(table)
    head = ["file", "student", "points", "of"]
    for task in assignment.tasks:
        head += [task.name, f"{task.name}: why not"]
        head += [f"{task.name}: reason"] if isinstance(task, PredictionTask) else []
    rows.writerow([*head, "begun", "saved", "remarks"])
    for one in found:
        made = one.hand_in or HandIn()
        row = [one.file, made.student, one.points, assignment.points]
        for task, verdict in zip(assignment.tasks, one.verdicts, strict=True):
            answer = made.answers.get(task.name)
            row += [verdict.points, verdict.why_not]
            row += [getattr(answer, "why", "")] if isinstance(task, PredictionTask) else []
        rows.writerow([_cell(value) for value in (*row, made.begun, made.saved, " ".join(one.remarks))])
    return table.getvalue()


def _cell(value: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula: a student has written some of them."""
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
