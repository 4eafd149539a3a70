"""What a teacher sets: an assignment is a TOML file with tasks; see ``docs/assignments.md`` for its fields."""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.course.quantities import QUANTITIES, Quantity
from explainer.languages import say
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section

LARGEST = 100_000  # bytes of a file
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MADE, RIGHT = "made", "right"
WORDS = 5  # that a prediction's reason has at least, unless the task says otherwise

_SECTION = {section.slug: section for section in SECTIONS}


class DamagedError(ValueError):
    """A file of tasks cannot be used; the message names the place in it and what is expected there."""


@dataclass(frozen=True)
class Condition:
    """What a quantity has to be, both ends included; None where there is no end."""

    quantity: Quantity
    at_least: float | None
    at_most: float | None

    def is_met(self, value: float) -> bool:
        """Whether a value of the quantity, as it computes it, meets this."""
        return (self.at_least is None or self.quantity.at_least(value, self.at_least)) and (
            self.at_most is None or self.quantity.at_most(value, self.at_most)
        )

    @property
    def wanted(self) -> str:
        """``at least 1 % and at most 2 %``."""
        low, high = (None if end is None else self.quantity.bound(end) for end in (self.at_least, self.at_most))
        if low is None or high is None:
            return say("at most {high}", high=high) if low is None else say("at least {low}", low=low)
        return say("at least {low} and at most {high}", low=low, high=high)


@dataclass(frozen=True)
class StateTask:
    """A task that a state of the page meets.

    Attributes:
        name: tells it from the others of the assignment.
        section: the section that it belongs to.
        text: what is asked, in Markdown.
        points: what it counts.
        at: the state in which it begins.
        move: names of the controls that may stand elsewhere in the end.
        meets: what has to be so.
    """

    name: str
    section: Section
    text: str
    points: int
    at: Settings
    move: tuple[str, ...]
    meets: tuple[Condition, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Names of the controls that what it asks for depends on."""
        return frozenset().union(*(one.quantity.reads for one in self.meets))

    @property
    def fixed(self) -> tuple[str, ...]:
        """Names of the controls that have to stand as the task begins, in the page's order."""
        return tuple(name for name in CONTROL if name in self.reads and name not in self.move)


@dataclass(frozen=True)
class PredictionTask:
    """A section's question at some settings, to be answered before looking and with a reason.

    Attributes:
        name, section, text, points, at: as in :class:`StateTask`; the text may be empty.
        counts: ``MADE`` gives the points for an answer with a reason, ``RIGHT`` for the right one.
        words: how many words the reason has at least.
    """

    name: str
    section: Section
    text: str
    points: int
    at: Settings
    counts: str
    words: int


Task = StateTask | PredictionTask


@dataclass(frozen=True)
class Teacher:
    """A note for the teacher: the aim, the time in minutes, and the mistakes that students make."""

    aim: str = ""
    minutes: int = 0
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """Tasks that are set together.

    Attributes:
        name: as the link and the file's name have it.
        title, intro: for the student; the second in Markdown.
        teacher: for the teacher alone; no page shows it.
        tasks: in order.
        fingerprint: changes with any change of the file.
    """

    name: str
    title: str
    intro: str
    teacher: Teacher
    tasks: tuple[Task, ...]
    fingerprint: str

    @property
    def points(self) -> int:
        return sum(task.points for task in self.tasks)

    def beside(self, slug: str) -> tuple[Task, ...]:
        """The tasks that belong to a section."""
        return tuple(task for task in self.tasks if task.section.slug == slug)


# --- reading a file -----------------------------------------------------------------------------------------


def read(name: str, content: bytes) -> Assignment:
    """The assignment in a file.

    Raises:
        DamagedError: it cannot be used.
    """
    if len(content) > LARGEST:
        said = say("{file}: this is no file of tasks: it is larger than {most} kB.", file=name, most=LARGEST // 1000)
        raise DamagedError(said)
    try:
        text = content.decode("utf-8-sig")
        written = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        said = say("{file}, line {line}: this is not UTF-8; save the file as UTF-8.", file=name, line=line)
        raise DamagedError(said) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = str(error) or say("nested too deep")
        raise DamagedError(say("{file}: not TOML: {why}.", file=name, why=why)) from error
    top = _Fields(name, written, list(enumerate(text.split("\n"), 1)))
    tasks = top.tables("task", most=50)
    teacher = top.table("teacher")
    assignment = Assignment(
        name=name.removesuffix(".toml"),
        title=top.words("title", most=200),
        intro=top.words("intro", default="", most=5000),
        teacher=Teacher(
            teacher.words("aim", default="", most=2000),
            teacher.whole("minutes", 0, 1000, 0),
            teacher.list_of_words("mistakes", []),
        ),
        tasks=tuple(map(_task, tasks)),
        fingerprint=hashlib.sha256(content).hexdigest()[:16],
    )
    for fields in (teacher, top):
        fields.nothing_else()
    names = [task.name for task in assignment.tasks]
    for place, one in enumerate(names):
        if one in names[:place]:
            tasks[place].fail("name", say("“{name}” is another task's name already", name=one))
    return assignment


class _Fields:
    """The fields of one table of a file; whoever asks for one that cannot be used gets a ``DamagedError``."""

    def __init__(
        self, name: str, written: Mapping[str, Any], lines: Sequence[tuple[int, str]], where: str = ""
    ) -> None:
        self.name, self.written, self.lines, self.where = name, written, lines, where
        self.asked: set[str] = set()

    def fail(self, field: str, why: str) -> None:
        number = self._line(field)
        line = say("line {line}", line=number) if number else ""
        place = ", ".join(part for part in (line, self.where, f"`{field}`") if part)
        raise DamagedError(f"{self.name}, {place}: {why}.")

    def _expect(self, field: str, wanted: str) -> None:
        self.fail(field, say("expected is {wanted}", wanted=wanted))

    def _line(self, field: str) -> int | None:
        """The line of a field, or else of the table that lacks it; None where the whole file lacks it."""
        written = re.compile(rf"\s*(\[+\s*(\w+\.)?)?{re.escape(field)}\b")
        found = next((number for number, line in self.lines if written.match(line)), None)
        return found or (self.lines[0][0] if self.where and self.lines else None)

    def _get(self, field: str, default: Any, kinds: type | tuple[type, ...], wanted: str) -> Any:
        self.asked.add(field)
        if field not in self.written:
            if default is ...:
                self.fail(field, say("it is missing; expected is {wanted}", wanted=wanted))
            return default
        value = self.written[field]
        if not isinstance(value, kinds) or isinstance(value, bool):
            self._expect(field, wanted)
        return value

    def words(self, field: str, default: Any = ..., most: int = 2000) -> str:
        wanted = say("a text of at most {most} characters", most=most)
        text = self._get(field, default, str, wanted).strip()
        if len(text) > most or (default is ... and not text):
            self._expect(field, wanted)
        return text

    def one_of(self, field: str, known: tuple[str, ...], default: Any = ...) -> str:
        wanted = say("one of {names}", names=", ".join(known))
        text = self._get(field, default, str, wanted)
        if text not in known:
            self.fail(field, say("there is no “{name}”; expected is {wanted}", name=text[:60], wanted=wanted))
        return text

    def whole(self, field: str, low: int, high: int, default: Any = ...) -> int:
        wanted = say("a whole number from {low} to {high}", low=low, high=high)
        value = self._get(field, default, int, wanted)
        if not low <= value <= high:
            self._expect(field, wanted)
        return value

    def number(self, field: str) -> float | None:
        wanted = say("a number from 0 up")
        value = self._get(field, None, (int, float), wanted)
        if value is not None and not 0 <= value < float("inf"):
            self._expect(field, wanted)
        return None if value is None else float(value)

    def list_of_words(self, field: str, default: Any = ...) -> tuple[str, ...]:
        wanted = say("a list of texts")
        values = self._get(field, default, list, wanted)
        if not all(isinstance(one, str) for one in values):
            self._expect(field, wanted)
        return tuple(values)

    def table(self, field: str) -> _Fields:
        head = f"[{field}]"
        return self._below(self._get(field, {}, dict, say("a table {head}", head=head)), head, self.lines)

    def tables(self, field: str, most: int) -> list[_Fields]:
        wanted = say("a table {head}, and at most {most} of them", head=f"[[{field}]]", most=most)
        many = self._get(field, ..., list, wanted)
        if not many or len(many) > most or not all(isinstance(one, dict) for one in many):
            self._expect(field, wanted)
        head = re.compile(rf"\s*\[\[\s*(\w+\.)*{field}\s*\]\]")
        heads = [place for place, (_, line) in enumerate(self.lines) if head.match(line)]
        if len(heads) != len(many):  # written otherwise
            heads = [0] * len(many)
        ends = [*(end if end > begin else len(self.lines) for begin, end in itertools.pairwise(heads)), len(self.lines)]
        spans = [self.lines[begin:end] for begin, end in zip(heads, ends, strict=True)]
        return [
            self._below(one, f"{field} {i}", lines) for i, (one, lines) in enumerate(zip(many, spans, strict=True), 1)
        ]

    def _below(self, written: Mapping[str, Any], where: str, lines: Sequence[tuple[int, str]]) -> _Fields:
        return _Fields(self.name, written, lines, f"{self.where}, {where}" if self.where else where)

    def nothing_else(self) -> None:
        for field in self.written:
            if field not in self.asked:
                known = ", ".join(sorted(self.asked))
                self.fail(field, say("there is no such field here; known are {names}", names=known))


_STATE, _PREDICTION = "state", "prediction"


def _task(fields: _Fields) -> Task:
    name = fields.words("name", most=40)
    if not NAME.fullmatch(name):
        fields.fail("name", say("expected are small letters, digits and hyphens, such as half-at-100"))
    kind = fields.one_of("kind", (_STATE, _PREDICTION))
    section = _SECTION[fields.one_of("section", tuple(_SECTION))]
    shared = (name, section, fields.words("text", ... if kind == _STATE else ""), fields.whole("points", 1, 100, 1))
    at = _settings(fields)
    if kind == _PREDICTION:
        if section.work:
            fields.fail(
                "section", say("nobody knows the answer to this section's question before networks are trained")
            )
        task = PredictionTask(
            *shared, at, fields.one_of("counts", (MADE, RIGHT), MADE), fields.whole("words", 0, 100, WORDS)
        )
    else:
        move = fields.list_of_words("move")
        unknown = [one for one in move if one not in CONTROL]
        if unknown or not move:
            fields.fail("move", say("expected are names of controls: {names}", names=", ".join(CONTROL)))
        task = StateTask(*shared, at, move, tuple(_conditions(fields)))
        if not set(move) & task.reads:
            moving = ", ".join(sorted(task.reads))
            fields.fail("move", say("none of these controls changes the quantity; {names} do", names=moving))
    fields.nothing_else()
    return task


def _settings(fields: _Fields) -> Settings:
    """The state in ``at``: controls by name, as the link writes them."""
    at = fields._get("at", {}, dict, say('a table of controls, such as { k = 80, act = "tanh" }'))
    values = {}
    for name, value in at.items():
        if name not in CONTROL:
            known = ", ".join(CONTROL)
            fields.fail("at", say("there is no control “{name}”; known are {names}", name=name[:40], names=known))
        asked = [str(one) for one in (value if isinstance(value, list) else [value])] or [""]
        values[name], note = CONTROL[name].parse(asked)
        if note:
            said = {"name": name, "asked": ", ".join(asked)[:40], "value": ", ".join(CONTROL[name].texts(values[name]))}
            fields.fail("at", say("`{name}` cannot be “{asked}”; it can be {value}, for example", **said))
    return Settings(**values)


def _conditions(fields: _Fields) -> Iterator[Condition]:
    for one in fields.tables("meets", most=5):
        quantity = QUANTITIES[one.one_of("quantity", tuple(QUANTITIES))]
        condition = Condition(quantity, one.number("at_least"), one.number("at_most"))
        if condition.at_least is None and condition.at_most is None:
            one.fail("at_least", say("expected is at_least or at_most, or both"))
        one.nothing_else()
        yield condition
