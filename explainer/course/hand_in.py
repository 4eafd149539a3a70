"""What a student hands in: states and predictions with their times, as a JSON file; whatever stands in it is unproven.

The browser keeps the same text, so that it survives a reload.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings, from_query
from explainer.course.tasks import NAME, Assignment

KIND, VERSION = "hand-in of Why gates remember", 1
LARGEST = 500_000  # bytes
LONGEST_NAME, LONGEST_REASON = 100, 2000  # characters
_LONGEST_READING = 1000
_MOST_ANSWERS = 50


class UnusableError(ValueError):
    """A hand-in cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True)
class StateAnswer:
    """A state that a student hands in for a task.

    Attributes:
        state: the part of a link after the question mark.
        reads: what the page says there in English, in words; a claim like all the rest.
        at: when, in UTC.
    """

    state: str
    reads: str
    at: str


@dataclass(frozen=True)
class PredictionAnswer:
    """A prediction, as it was made.

    Attributes:
        chosen: the option's place among those that the section offers.
        option: its text in English.
        why: the student's reason.
        at: when, in UTC.
    """

    chosen: int
    option: str
    why: str
    at: str


Answer = StateAnswer | PredictionAnswer


@dataclass(frozen=True)
class HandIn:
    """One student's answers to one assignment.

    Attributes:
        assignment, fingerprint: which one, and which version of its file.
        student: a name.
        begun, saved: in UTC; empty for not yet.
        answers: by the task's name.
    """

    assignment: str = ""
    fingerprint: str = ""
    student: str = ""
    begun: str = ""
    saved: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def with_answer(self, task: str, answer: Answer) -> HandIn:
        """The same with this answer. A prediction that has been made stays as it was."""
        if isinstance(self.answers.get(task), PredictionAnswer):
            return self
        return dataclasses.replace(self, answers={**self.answers, task: answer})

    def named(self, student: str) -> HandIn:
        """The same with this name."""
        return dataclasses.replace(self, student=student)

    def joined(self, other: HandIn) -> HandIn:
        """The same, and what another tab of this student has: of two predictions the earlier, of states the later."""
        answers = dict(self.answers)
        for task, theirs in other.answers.items():
            mine = answers.get(task)
            earlier = isinstance(theirs, PredictionAnswer)
            if mine is None or (theirs.at < mine.at if earlier else theirs.at > mine.at):
                answers[task] = theirs
        begun = min(filter(None, (self.begun, other.begun)), default="")
        return dataclasses.replace(self, answers=answers, begun=begun, student=self.student or other.student)


def begun(assignment: Assignment) -> HandIn:
    """An empty hand-in, begun now."""
    return HandIn(assignment.name, assignment.fingerprint, begun=now())


def saved(hand_in: HandIn) -> HandIn:
    """The same, saved now."""
    return dataclasses.replace(hand_in, saved=now())


def now() -> str:
    """The present time in UTC, to the second: ``2026-11-25T09:30:00Z``."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def state_text(settings: Settings) -> str:
    """A state as a hand-in has it; empty where everything is at its default."""
    return urlencode(settings.to_query(), doseq=True)


def settings_of(state: str) -> Settings:
    """The settings of a state.

    Raises:
        UnusableError: the page has no such state.
    """
    try:
        query = parse_qs(state, keep_blank_values=True, strict_parsing=bool(state), max_num_fields=100)
        settings, notes = from_query(query)
    except ValueError as error:
        raise UnusableError("its state is not the state of a page") from error
    if notes or not query.keys() <= CONTROL.keys():
        raise UnusableError("its state is none that the page has")
    return settings


# --- as JSON ------------------------------------------------------------------------------------------------


def written(hand_in: HandIn) -> str:
    """The text of the file."""
    made = {"kind": KIND, "version": VERSION, **dataclasses.asdict(hand_in)}
    made["answers"] = dict(sorted(made["answers"].items()))
    return json.dumps(made, ensure_ascii=False, indent=1)


def read(content: bytes | str) -> HandIn:
    """The hand-in in a file or in what a browser has kept.

    Raises:
        UnusableError: it cannot be read.
    """
    if len(content) > LARGEST:
        raise UnusableError("it is larger than any hand-in")
    try:
        made = json.loads(content)
    except UnicodeDecodeError as error:
        raise UnusableError("it is not text in UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise UnusableError("it is not JSON, as the page writes it; perhaps it was cut short") from error
    if not isinstance(made, dict) or made.get("kind") != KIND:
        raise UnusableError("it is not a hand-in of this page")
    if made.get("version") != VERSION:
        raise UnusableError("it was written by another version of the page")
    answers = made.get("answers")
    if not isinstance(answers, dict) or len(answers) > _MOST_ANSWERS:
        raise UnusableError("it has no `answers`, or too many")
    return HandIn(
        *(_words(made, name) for name in ("assignment", "fingerprint", "student")),
        *(_time(made, name, "") for name in ("begun", "saved")),
        {task: _answer(task, answer) for task, answer in answers.items()},
    )


def _answer(task: str, written: object) -> Answer:
    if not NAME.fullmatch(task) or len(task) > LONGEST_NAME:
        raise UnusableError("it answers a task without a proper name")
    if not isinstance(written, dict):
        raise UnusableError(f"its answer to {task} is none")
    if "state" in written:
        reads = _words(written, "reads", _LONGEST_READING)
        return StateAnswer(_words(written, "state", LONGEST_REASON), reads, _time(written, "at"))
    chosen = written.get("chosen")
    if isinstance(chosen, bool) or not isinstance(chosen, int) or not 0 <= chosen < 100:
        raise UnusableError(f"its answer to {task} has neither a state nor a choice")
    option, why = _words(written, "option", 500), _words(written, "why", LONGEST_REASON)
    return PredictionAnswer(chosen, option, why, _time(written, "at"))


def _words(made: Mapping[str, Any], name: str, most: int = LONGEST_NAME) -> str:
    text = made.get(name, "")
    if not isinstance(text, str):
        raise UnusableError(f"its `{name}` is no text")
    return plain(text, most)


def plain(text: str, most: int) -> str:
    """A text as one line of printable characters, at most so many."""
    spaced = " ".join(text.encode("utf-8", "replace").decode().split())
    return "".join(char for char in spaced if char.isprintable())[:most]


def _time(made: Mapping[str, Any], name: str, *default: str) -> str:
    text = made.get(name, *default)
    if text in default:
        return text
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
        try:
            datetime.datetime.fromisoformat(text)
            return text
        except ValueError:
            pass
    raise UnusableError(f"its `{name}` is no time such as 2026-11-25T09:30:00Z")
