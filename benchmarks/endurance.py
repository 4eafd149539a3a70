"""Ten thousand reruns at random settings in one process: does it grow?

    OMP_NUM_THREADS=1 python -m benchmarks.endurance [--reruns 10000]

One reader after another opens the page over the WebSocket, moves sliders to random values, and leaves. In between
stand the server's resident memory and its threads. The slope is fitted to the second half, when every cache that is
bounded has filled.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from pathlib import Path

from benchmarks.load import LINK, MOVED
from benchmarks.reader import Reader
from benchmarks.served import ROOT, Server, machine, say, served
from explainer.choices.controls import CONTROL

MOVES_OF_A_READER = 100
LINES = 20


def threads(server: Server) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Threads"))


async def endure(server: Server, reruns: int) -> list[tuple[int, float]]:
    """(reruns so far, megabytes) along the way."""
    seen, reader, chance = [], Reader(LINK), random.Random(0)
    for number in range(reruns + 1):
        if number % MOVES_OF_A_READER == 0:
            reader.leave()
            reader = Reader(LINK)
            await reader.open(server.port)
        if number % (reruns // LINES) == 0:
            seen.append((number, server.megabytes()))
            say(f"| {number} | {seen[-1][1]:.0f} | {threads(server)} |")
        name = chance.choice([name for name in MOVED if name in reader.sliders])
        now = getattr(reader.settings, name)
        await reader.set(name, chance.choice([value for value in CONTROL[name].values if value != now]))
    reader.leave()
    await asyncio.sleep(15)  # a session whose reader has left goes when Streamlit next looks
    say(f"| {reruns}, and all have left | {server.megabytes():.0f} | {threads(server)} |")
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reruns", type=int, default=10_000)
    reruns = parser.parse_args().reruns
    say(machine())
    say()
    say("| reruns | MB | threads |")
    say("|---|---|---|")
    begun = time.monotonic()
    with served(ROOT / "streamlit_app.py") as server:
        seen = asyncio.run(endure(server, reruns))
    numbers, megabytes = zip(*seen[len(seen) // 2 :], strict=True)
    slope = statistics.linear_regression(numbers, megabytes).slope
    say()
    say(f"{1000 * slope:+.2f} MB for 1,000 reruns, in the second half; {time.monotonic() - begun:.0f} s in all.")


if __name__ == "__main__":
    main()
