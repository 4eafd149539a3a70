"""Random hand-ins, true, wrong, damaged and forged, each with the points that it must get; and how to write a folder.

What a state is worth is computed here with plain numbers, by none of the page's code.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from explainer.choices.controls import CONTROL
from explainer.course import claims, hand_in, tasks

NAME = "sample.toml"
TASKS = """
title = "A sample"

[[task]]
name = "power"
kind = "state"
section = "k-steps"
text = "Between 1 % and 2 %, without a squashing function."
at = { k = 80, act = "identity" }
move = ["w"]
[[task.meets]]
quantity = "vanilla-left"
at_least = 0.01
at_most = 0.02

[[task]]
name = "keep"
kind = "state"
section = "product-of-gates"
text = "About half, over as many steps as you like from 100 on."
points = 2
at = { k = 100 }
move = ["f", "k"]
[[task.meets]]
quantity = "gated-left"
at_least = 0.45
at_most = 0.55

[[task]]
name = "squashed"
kind = "state"
section = "k-steps"
text = "A tenth, with tanh."
at = { k = 20 }
move = ["w", "h0"]
[[task.meets]]
quantity = "vanilla-left"
at_least = 0.1

[[task]]
name = "fate"
kind = "prediction"
section = "vanish-or-explode"
at = { act = "logistic", w = 2.0, k = 50 }
points = 3
counts = "right"
words = 3

[[task]]
name = "guess"
kind = "prediction"
section = "vanish-or-explode"
at = { w = 1.2 }
words = 3
"""
ASSIGNMENT = tasks.read(NAME, TASKS.encode())
POINTS = {"power": 1, "keep": 2, "squashed": 1, "fate": 3, "guess": 1}
_TASK = {task.name: task for task in ASSIGNMENT.tasks}
_OPTIONS = [option.text for option in claims.asked(_TASK["fate"]).options]
# with the logistic function it does for every w above 0, wherever the question moves w to
(_VANISHES,) = [place for place, text in enumerate(_OPTIONS) if "vanish" in text]


@dataclass(frozen=True)
class Made:
    """A hand-in as bytes, and the points of each task; None where the file cannot be used."""

    content: bytes
    points: dict[str, int] | None


# good states, but not at the lag that the task asks for
_NOT_THE_TASKS = {"power": "act=identity&k=81&w=0.95", "squashed": "k=1&w=0.9"}


def _tanh_left(w: float, h: float, k: int) -> float:
    left = 1.0
    for _ in range(k):
        h = math.tanh(w * h)
        left *= w * (1 - h * h)
    return abs(left)


def _state(task: str, chance: random.Random) -> tuple[dict[str, object], int]:
    """A state of the page for a task, and the points that it deserves."""

    def one_of(name: str, *likely: object) -> object:
        return chance.choice(likely) if likely and chance.random() < 0.5 else chance.choice(CONTROL[name].values)

    if task == "power":
        w = one_of("w", 0.95, -0.95, 0.94, 0.96)
        return {"act": "identity", "k": 80, "w": w}, int(0.01 <= abs(w) ** 80 <= 0.02)
    if task == "keep":
        f, k = one_of("f", 0.993, 0.994), one_of("k", 100, 110)
        return {"f": f, "k": k}, 2 * int(0.45 <= f**k <= 0.55)
    w, h = one_of("w", 0.97, 1.0, -1.0), one_of("h0", 0.1, 0.01)
    return {"k": 20, "w": w, "h0": h}, int(_tanh_left(w, h, 20) >= 0.1)


def _written(state: dict[str, object]) -> str:
    return urlencode({name: CONTROL[name].text(value) for name, value in state.items()})


def _honest(chance: random.Random) -> tuple[dict, dict[str, int]]:
    """The contents of a proper file, with right and wrong answers, and the points."""
    answers, points = {}, dict.fromkeys(POINTS, 0)
    for task in ("power", "keep", "squashed"):
        if chance.random() < 0.9:
            state, points[task] = _state(task, chance)
            answers[task] = {"state": _written(state), "reads": "", "at": "2026-11-25T09:35:00Z"}
    for task in ("fate", "guess"):
        if chance.random() < 0.9:
            chosen, words = chance.randrange(len(_OPTIONS)), chance.choice([0, 2, 3, 30])
            why = " ".join(["because"] * words)
            answers[task] = {"chosen": chosen, "option": _OPTIONS[chosen], "why": why, "at": "2026-11-25T09:31:00Z"}
            is_good = words >= 3 and (task == "guess" or chosen == _VANISHES)
            points[task] = POINTS[task] * is_good
    made = {
        "kind": hand_in.KIND,
        "version": hand_in.VERSION,
        "assignment": ASSIGNMENT.name,
        "fingerprint": ASSIGNMENT.fingerprint,
        "student": chance.choice(["Ada", "=cmd|' /C calc'!A0", "名前", "\ud800", "a\u202eb\x00c", "x" * 5000]),
        "begun": "2026-11-25T09:30:00Z",
        "saved": "2026-11-25T09:40:00Z",
        "answers": answers,
    }
    return made, points


def _as_bytes(made: dict) -> bytes:
    return json.dumps(made, ensure_ascii="\ud800" in made["student"]).encode()


def honest(chance: random.Random) -> Made:
    made, points = _honest(chance)
    return Made(_as_bytes(made), points)


def forged(chance: random.Random) -> Made:
    """A file that claims what is not so, or says it in another way than the page."""
    made, points = _honest(chance)
    made |= {"points": 100, "verdicts": {"power": 1}, "saved": "1999-01-01T00:00:00Z"}
    for task, answer in made["answers"].items():
        answer |= {"points": 100, "is_met": True, "right": True}
        trick = chance.randrange(6)
        if "state" in answer:
            answer["reads"] = "1.5 % of the vanilla cell's gradient is left at lag k"
            more = ("&w=0.951", "&colour=red", "&seed=x", "&k=999999999", "&h0=nan", None)[trick]
            if more:
                answer["state"] += more
                points[task] = 0
            elif task in _NOT_THE_TASKS:
                answer["state"], points[task] = _NOT_THE_TASKS[task], 0
        elif trick < 2:
            answer["chosen"] = 99
            points[task] = 0
        elif trick == 2:
            answer["option"] = "All of them"
            points[task] = 0
    made["answers"]["another-task"] = {"state": "", "reads": "", "at": "2026-11-25T09:31:00Z"}
    return Made(_as_bytes(made), points)


def damaged(chance: random.Random) -> Made:
    """A file that nobody can read as a hand-in."""
    made, _ = _honest(chance)
    content = _as_bytes(made)
    some = chance.randrange(1, len(content) - 1)
    an_answer = {"state": "w=1", "reads": "", "at": "2026-11-25T09:35:00Z"}
    wrong = chance.choice(
        [
            {"kind": "a recipe"},
            {"version": 99},
            {"assignment": "another"},
            {"student": 7},
            {"begun": "yesterday"},
            {"saved": "2026-13-45T99:99:99Z"},
            {"answers": [an_answer]},
            {"answers": {"power": None}},
            {"answers": {"power": {**an_answer, "at": None}}},
            {"answers": {"<script>": an_answer}},
            {"answers": {"fate": {"chosen": True}}},
            {"answers": {"fate": {"chosen": math.nan}}},
            {"answers": {"fate": {"chosen": -1}}},
            {"answers": {"power": {**an_answer, "state": ["w=1"]}}},
            {"answers": {f"task-{i}": an_answer for i in range(1000)}},
        ]
    )
    content = chance.choice(
        [
            b"",
            content[:some],
            b"\xff\xfe" + content,
            content.replace(b"Z", b"\xff", 1),
            b"[" * 200_000,
            b"{" + content,
            b'{"kind": ' + b"9" * 10_000 + b"}",
            content + b" " * 600_000,
            *[_as_bytes({**made, **wrong}) if isinstance(wrong.get("student", ""), str) else b"null"] * 8,
        ]
    )
    return Made(content, None)


KINDS = (honest, forged, damaged)


def folder(where: Path, count: int, seed: int) -> dict[str, Made]:
    """Write so many hand-ins into a folder; each by its file's name."""
    chance = random.Random(seed)
    made = {f"{i:04}.json": chance.choice(KINDS)(chance) for i in range(count)}
    for name, one in made.items():
        (where / name).write_bytes(one.content)
    return made


def wrong_verdicts(rows: list[dict[str, str]], made: dict[str, Made]) -> list[str]:
    """What of the grader's table is not as it must be, row by row, in words; empty where all is."""
    wrong = [] if [row["file"] for row in rows] == sorted(made) else ["not a row for each file"]
    for row in rows:
        points = made[row["file"]].points or dict.fromkeys(POINTS, 0)
        given = {task: int(row[task]) for task in POINTS}
        if given != points or int(row["points"]) != sum(points.values()):
            wrong.append(f"{row['file']}: {given} instead of {points}")
        unusable = [task for task in POINTS if row[f"{task}: why not"].startswith("The file cannot be used")]
        if len(unusable) != (len(POINTS) if made[row["file"]].points is None else 0):
            wrong.append(f"{row['file']}: is it usable?")
        for task in POINTS:
            sentence = row[f"{task}: why not"]
            if bool(sentence) == (given[task] > 0) or (sentence and not sentence.endswith(".")):
                wrong.append(f"{row['file']}: {task} has the reason {sentence!r}")
    return wrong
