"""How long the grader takes for 1,000 random hand-ins: true, wrong, damaged, forged; and whether each verdict is right.

python -m benchmarks.grade
python -m benchmarks.grade 5000 7    so many, from this seed
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.served import say
from explainer import grade
from tests import hand_ins

COUNT, SEED = 1000, 20261128


def main(count: int = COUNT, seed: int = SEED) -> int:
    """Grade so many, and print what it took; 1 if a verdict is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        tasks, handins, table = where / hand_ins.NAME, where / "handins", where / "grades.csv"
        tasks.write_text(hand_ins.TASKS, encoding="utf-8")
        handins.mkdir()
        made = hand_ins.folder(handins, count, seed)
        begun = time.perf_counter()
        grade.main([str(handins), "--tasks", str(tasks), "--csv", str(table)])
        taken = time.perf_counter() - begun
        with table.open(encoding="utf-8-sig", newline="") as file:
            wrong = hand_ins.wrong_verdicts(list(csv.DictReader(file)), made)
    damaged = sum(one.points is None for one in made.values())
    say(f"{count:,} hand-ins, {damaged:,} of them unreadable: {taken:.1f} s, {len(wrong)} verdicts wrong")
    for one in wrong[:10]:
        say(one)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
