"""Simulated readers over the real WebSocket: how long they wait, what they take, and how many are too many.

    OMP_NUM_THREADS=1 python -m benchmarks.load [--section k-steps | --through] [--drag] [--readers 10 30 100]

The readers of a class open one link within a few seconds. Then each moves a slider every 3 to 8 seconds, sending what
a browser sends: all controls, the address, and which section is in sight; and after a pause the wish for the rest. A
time runs from such a message to the end of the answer: of what is in sight, and of the rest, which is given up where
the next move comes first. After the numbers of readers that are asked for, others are tried, until it is known how many
are too many: they wait too long, meet an error, or take too much memory. Readers who drag ask for a sweep first.
Readers and server share this machine: what the readers themselves take of it stands beside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reader import Reader
from benchmarks.served import ROOT, Server, machine, say, served
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS

PAUSE = (3.0, 8.0)  # seconds between two moves of one reader
DRAGGING = 1.0  # seconds of resting on a slider and dragging it, which the server does not hear of
PAINTING = 0.3  # seconds until the browser has painted what is in sight, and asks for the rest
ARRIVAL = 10.0  # seconds within which a class opens its link
SWEPT = ("k", "w", "f", "h0", "spread", "u")  # the page's sliders that have sweeps
MOVED = ("k", "w", "f", "h0", "spread", "seed", "u", "ls")
LINK = Settings(act="tanh", w=1.1, k=80)
LONGEST = 120.0  # seconds that anything may take here
TOO_SLOW, TOO_MUCH = 1000.0, 700.0  # milliseconds (95 of 100 wait less), megabytes


IN_SIGHT = tuple(section.slug for section in SECTIONS if "k" in section.moved_by)


@dataclass
class Record:
    """What all readers of one round have met, in milliseconds: opening, moves, sweeps, and the rest of a move."""

    opened: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    swept: list[float] = field(default_factory=list)
    rest: list[float] = field(default_factory=list)
    given_up: int = 0
    errors: list[str] = field(default_factory=list)


class Pupil(Reader):
    """A reader who moves one slider some steps up or down, now and then. ``chance`` decides which, and when."""

    def __init__(self, seed: int, section: str | None, through: bool, drags: bool) -> None:
        self.chance, self.drags = random.Random(seed), drags
        super().__init__(LINK, section, section or self.chance.choice(IN_SIGHT), through)

    async def move(self, record: Record) -> None:
        """Move a slider, and note how long that took; a reader who drags rests on it before, and asks for its sweep."""
        name = self.chance.choice([name for name in MOVED if name in self.sliders])
        values = CONTROL[name].values
        place = values.index(getattr(self.settings, name))
        steps = [step for step in (-3, -2, -1, 1, 2, 3) if 0 <= place + step < len(values)]
        if self.drags and name in SWEPT:
            record.swept.append(await self.ask_for_a_sweep(name))
            await asyncio.sleep(DRAGGING)
        record.waited.append(await self.set(name, values[place + self.chance.choice(steps)]))


class Class:
    """All readers of one round: they open the link, wait for each other, and then move controls for some seconds."""

    def __init__(self, readers: list[Pupil], port: int, seconds: float) -> None:
        self.readers, self.port, self.seconds = readers, port, seconds
        self.record = Record()
        self.missing, self.all_here = len(readers), asyncio.Event()

    async def read(self, reader: Pupil) -> None:
        try:
            await asyncio.sleep(reader.chance.uniform(0, ARRIVAL))
            self.record.opened.append(await reader.open(self.port))
        except (RuntimeError, OSError) as error:
            self.record.errors.append(str(error))
            return
        finally:
            self.missing -= 1
            if not self.missing:
                self.all_here.set()
        await self.all_here.wait()
        until = time.monotonic() + self.seconds
        try:
            await asyncio.sleep(reader.chance.uniform(0, PAUSE[1]))
            while time.monotonic() < until:
                await reader.move(self.record)
                next_move = time.monotonic() + reader.chance.uniform(*PAUSE)
                if reader.is_late:
                    await asyncio.sleep(PAINTING)
                    await self._rest(reader, next_move)
                await asyncio.sleep(max(next_move - time.monotonic(), 0))
        except (RuntimeError, OSError) as error:
            self.record.errors.append(str(error))

    async def _rest(self, reader: Pupil, next_move: float) -> None:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(next_move - begun):
                await reader.pause()
                while reader.is_late:
                    await asyncio.sleep(reader.known["patience"] / 1e3)
                    await reader.pause()
            self.record.rest.append((time.monotonic() - begun) * 1e3)
        except TimeoutError:
            self.record.given_up += 1


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Round:
    """What one number of readers has met; ``cells`` is its row of the table."""

    cells: list[str]
    errors: list[str]
    megabytes: float
    is_too_many: bool


async def _round(server: Server, count: int, options: argparse.Namespace) -> Round:
    readers, seconds = (
        [Pupil(seed, options.section, options.through, options.drag) for seed in range(count)],
        options.seconds,
    )
    group = Class(readers, server.port, seconds)
    record = group.record
    work = [asyncio.create_task(group.read(one)) for one in readers]
    await asyncio.wait_for(group.all_here.wait(), LONGEST)
    clock, busy, own = time.monotonic(), _processor_seconds(server.process.pid), time.process_time()
    await asyncio.sleep(seconds)
    taken = time.monotonic() - clock
    server_share = (_processor_seconds(server.process.pid) - busy) / taken
    own_share = (time.process_time() - own) / taken
    memory = server.megabytes()
    _, late = await asyncio.wait(work, timeout=LONGEST)
    for task in late:
        task.cancel()
    record.errors += ["no answer within two minutes"] * len(late)
    for reader in readers:
        reader.leave()
    waited = sorted(record.waited) or [float("inf")]
    percentile = {p: waited[min(len(waited) - 1, round(p / 100 * len(waited)))] for p in (50, 95, 99)}
    cells = [
        str(count),
        f"{statistics.median(record.opened or [float('inf')]):.0f}",
        str(len(record.waited)),
        *(f"{value:.0f}" for value in percentile.values()),
        f"{statistics.median(record.swept):.0f}" if record.swept else "",
        f"{statistics.median(record.rest):.0f}" if record.rest else "",
        str(record.given_up),
        f"{memory:.0f}",
        str(len(record.errors)),
        f"{100 * server_share:.0f} %",
        f"{100 * own_share:.0f} %",
    ]
    is_too_many = percentile[95] >= TOO_SLOW or memory >= TOO_MUCH or bool(record.errors)
    return Round(cells, sorted(set(record.errors)), memory, is_too_many)


def _next(enough: int, too_many: int | None, most: int) -> list[int]:
    """The number of readers to try next: more, or half way between what is enough and what is too many."""
    if too_many is None:
        return [enough * 2] if enough * 2 <= most else []
    between = (enough + too_many) // 2
    return [between] if too_many - enough > max(enough // 4, 5) else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--seconds", type=float, default=40.0, help="for which each number of readers is measured")
    parser.add_argument("--section", help="the readers see one section, such as k-steps")
    parser.add_argument("--through", action="store_true", help="they have been through all of it: all is drawn")
    parser.add_argument("--drag", action="store_true", help="they drag: each move begins with asking for a sweep")
    parser.add_argument("--most", type=int, default=800, help="no more readers than these")
    options = parser.parse_args()
    say(machine())
    page = f"one section, {options.section}" if options.section else "the whole page"
    say(f"{page}{', every section drawn' if options.through else ''}; a fresh server for each row")
    say()
    names = ("readers", "opening, ms", "moves", "median, ms", "p95", "p99", "sweeps, ms", "rest, ms", "given up")
    say("| " + " | ".join((*names, "MB", "errors", "server", "own")) + " |")
    say("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    enough, too_many, memory = 0, None, {}
    counts = list(options.readers)
    while counts:
        count = counts.pop(0)
        with served(ROOT / "streamlit_app.py") as server:
            met = asyncio.run(_round(server, count, options))
        say("| " + " | ".join(met.cells) + " |" + "".join(f" {error}" for error in met.errors))
        if met.is_too_many:
            too_many = min(count, too_many or count)
        else:
            enough, memory[count] = max(count, enough), met.megabytes
        if not counts:
            counts = _next(enough, too_many, options.most)
    say()
    say(f"{enough} readers wait less than {TOO_SLOW:.0f} ms (95 of 100 moves), in {TOO_MUCH:.0f} MB, without errors;")
    say(f"{too_many or 'more than ' + str(enough)} are too many.")
    if len(memory) > 1:
        slope, start = statistics.linear_regression(list(memory), list(memory.values()))
        say(f"The server takes {start:.0f} MB, and {slope:.1f} MB for each reader.")
    say("The last two columns are shares of one core, the server's and the simulated readers' own.")
    say("Python runs one reader at a time: at 100 % nothing is left.")


if __name__ == "__main__":
    main()
