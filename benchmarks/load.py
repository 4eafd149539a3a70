"""Simulated readers over the real WebSocket: how long they wait, what they take, and how many are too many.

    OMP_NUM_THREADS=1 python -m benchmarks.load [--section k-steps] [--readers 10 30 100]

The readers of a class open one link within a few seconds. Then each moves a slider every 3 to 8 seconds, sending what
a browser sends: all controls and the address. A time runs from such a message to the end of the answer. After the
numbers of readers that are asked for, others are tried, until it is known how many are too many: they wait too long,
meet an error, or take too much memory.
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

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks.served import ROOT, Server, machine, say, served
from explainer import links
from explainer.controls import CONTROL
from explainer.settings import Settings

PAUSE = (3.0, 8.0)  # seconds between two moves of one reader
ARRIVAL = 10.0  # seconds within which a class opens its link
MOVED = ("k", "w", "f", "h0", "spread", "seed", "u", "ls")
LINK = Settings(act="tanh", w=1.1, k=80)
SHORT = 4096  # bytes: the end of an answer is shorter; what is longer need not be looked at
LONGEST = 120.0  # seconds that anything may take here
TOO_SLOW, TOO_MUCH = 1000.0, 700.0  # milliseconds (95 of 100 wait less), megabytes
ENDS = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}
FAILURES = {ForwardMsg.FINISHED_WITH_COMPILE_ERROR}


@dataclass
class Record:
    """What all readers of one round have met."""

    opened: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Reader:
    """One session. ``chance`` decides what it moves, and when."""

    def __init__(self, seed: int, section: str | None) -> None:
        self.chance = random.Random(seed)
        self.section = section
        self.settings = LINK
        self.widgets: dict[str, str] = {}  # id by name
        self.socket: WebSocketClientConnection | None = None

    def query(self) -> str:
        return links.query(self.settings, (self.section,) if self.section else ())

    async def open(self, port: int) -> None:
        self.socket = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
        ask = BackMsg()
        ask.rerun_script.query_string = self.query()
        await self._ask(ask, self._learn)
        if not self.widgets:
            raise RuntimeError("the page has no sliders")

    def _learn(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        if element.WhichOneof("type") == "slider" and element.slider.id.rpartition("-")[2] in MOVED:
            self.widgets[element.slider.id.rpartition("-")[2]] = element.slider.id

    async def move(self) -> None:
        """One slider goes some steps up or down."""
        name = self.chance.choice(sorted(self.widgets))
        values = CONTROL[name].values
        place = values.index(getattr(self.settings, name)) + self.chance.choice((-3, -2, -1, 1, 2, 3))
        await self.set(name, values[min(max(place, 0), len(values) - 1)])

    async def set(self, name: str, value: float) -> None:
        """Put a slider at a value, and wait for the answer."""
        self.settings = self.settings.replace(**{name: value})
        ask = BackMsg()
        ask.rerun_script.query_string = self.query()
        for one, widget in self.widgets.items():
            state = ask.rerun_script.widget_states.widgets.add()
            state.id = widget
            state.string_array_value.data.append(CONTROL[one].text(getattr(self.settings, one)))
        await self._ask(ask)

    async def _ask(self, ask: BackMsg, look=None) -> None:
        await self.socket.write_message(ask.SerializeToString(), binary=True)
        while True:
            raw = await self.socket.read_message()
            if raw is None:
                raise RuntimeError("the server has closed the connection")
            if len(raw) > SHORT and look is None:
                continue
            message = ForwardMsg()
            message.ParseFromString(raw)
            if look:
                look(message)
            if message.WhichOneof("type") == "script_finished":
                if message.script_finished in ENDS:
                    return
                if message.script_finished in FAILURES:
                    raise RuntimeError("the page has failed")


class Class:
    """All readers of one round: they open the link, wait for each other, and then move controls for some seconds."""

    def __init__(self, readers: list[Reader], port: int, seconds: float) -> None:
        self.readers, self.port, self.seconds = readers, port, seconds
        self.record = Record()
        self.missing, self.all_here = len(readers), asyncio.Event()

    async def read(self, reader: Reader) -> None:
        try:
            await asyncio.sleep(reader.chance.uniform(0, ARRIVAL))
            begun = time.monotonic()
            await reader.open(self.port)
            self.record.opened.append((time.monotonic() - begun) * 1e3)
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
                begun = time.monotonic()
                await reader.move()
                self.record.waited.append((time.monotonic() - begun) * 1e3)
                await asyncio.sleep(reader.chance.uniform(*PAUSE))
        except (RuntimeError, OSError) as error:
            self.record.errors.append(str(error))


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _round(server: Server, count: int, seconds: float, section: str | None, row: list[str]) -> bool:
    """One number of readers; fills a row of the table. Whether it has been too many."""
    readers = [Reader(seed, section) for seed in range(count)]
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
        if reader.socket is not None:
            reader.socket.close()
    waited = sorted(record.waited) or [float("inf")]
    percentile = {p: waited[min(len(waited) - 1, round(p / 100 * len(waited)))] for p in (50, 95, 99)}
    row += [
        str(count),
        f"{statistics.median(record.opened or [float('inf')]):.0f}",
        str(len(record.waited)),
        *(f"{value:.0f}" for value in percentile.values()),
        f"{memory:.0f}",
        str(len(record.errors)),
        f"{100 * server_share:.0f} %",
        f"{100 * own_share:.0f} %",
    ]
    for error in sorted(set(record.errors)):
        row.append(error)
    return percentile[95] >= TOO_SLOW or memory >= TOO_MUCH or bool(record.errors)


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
    parser.add_argument("--most", type=int, default=800, help="no more readers than these")
    options = parser.parse_args()
    say(machine())
    say(f"{'one section, ' + options.section if options.section else 'the whole page'}; a fresh server for each row")
    say()
    say("| readers | opening, ms | moves | median ms | p95 | p99 | MB | errors | server's core | readers' core |")
    say("|---|---|---|---|---|---|---|---|---|---|")
    enough, too_many = 0, None
    counts = list(options.readers)
    while counts:
        count, row = counts.pop(0), []
        with served(ROOT / "streamlit_app.py") as server:
            idle = server.megabytes()
            bad = asyncio.run(_round(server, count, options.seconds, options.section, row))
        cells, errors = row[:10], row[10:]
        say("| " + " | ".join(cells) + " |" + "".join(f" {error}" for error in errors))
        if bad:
            too_many = min(count, too_many or count)
        else:
            enough = max(count, enough)
        if not counts:
            counts = _next(enough, too_many, options.most)
    say()
    say(f"{enough} readers wait less than {TOO_SLOW:.0f} ms (95 of 100 moves), in {TOO_MUCH:.0f} MB, without errors;")
    say(f"{too_many or 'more than ' + str(enough)} are too many.")
    say()
    say(f"Idle, the server takes {idle:.0f} MB. Of a core at 100 % nothing is left: Python runs one reader at a time.")


if __name__ == "__main__":
    main()
