"""``python -m explainer.grade handins/ --tasks tasks.toml``: every claim of a folder of hand-ins, computed again.

Without a folder it looks at the file of tasks alone. Exit codes: 0, or 2 for a file or a folder that cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from explainer import words
from explainer.course import gradebook, shelf, tasks
from explainer.course.tasks import Assignment, DamagedError

DONE, UNUSABLE = 0, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        assignment = _assignment(asked.tasks)
        if asked.folder is None:
            tasks_and_points = f"{words.counted(len(assignment.tasks), 'task')}, {assignment.points} points in all"
            print(f"{assignment.title}: {tasks_and_points}.")  # noqa: T201
            return DONE
        found = gradebook.graded(assignment, Path(asked.folder))
        table = gradebook.as_csv(assignment, found)
        if asked.csv is None:
            sys.stdout.write(table)
            return DONE
        with Path(asked.csv).open("w", encoding="utf-8-sig", newline="") as file:  # so that spreadsheets know UTF-8
            file.write(table)
        unusable = sum(bool(one.unusable) for one in found)
        print(f"{words.counted(len(found), 'hand-in')}, {unusable} of them unusable: {asked.csv}")  # noqa: T201
    except (DamagedError, OSError) as error:
        said = error if isinstance(error, DamagedError) else f"{error.filename or ''}: {error.strerror or error}"
        print(f"unusable: {said}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m explainer.grade",
        description="Computes every claim of a folder of hand-ins again, and writes a table for the gradebook.",
        epilog="Exit code: 0, or 2 where the file of tasks or the folder cannot be used.",
    )
    parser.add_argument("folder", nargs="?", help="with the hand-ins, *.json; without it, the tasks alone are checked")
    parser.add_argument(
        "--tasks", required=True, help=f"the file that was set, or one that ships: {', '.join(shelf.names())}"
    )
    parser.add_argument("--csv", help="write the table to this file; otherwise it goes to the output")
    return parser


def _assignment(asked: str) -> Assignment:
    shipped = shelf.find(asked)
    if shipped is not None:
        return shipped
    with Path(asked).open("rb") as file:
        return tasks.read(Path(asked).name, file.read(tasks.LARGEST + 1))


if __name__ == "__main__":
    sys.exit(main())
