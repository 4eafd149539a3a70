"""How much memory the served page takes with readers: each one a session of its own that has the whole page.

    python scripts/measure_memory.py [--readers 30] [--different]

Starts the page on a free port of this machine, opens one session after the other over its WebSocket as a browser does,
and prints the server's resident memory in between. With ``--different`` every reader has settings of their own, which
share nothing in the caches.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import torch
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[1]
STARTED_WITHIN = 60


def megabytes(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


@contextlib.contextmanager
def served():
    with socket.create_server(("localhost", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    options = ["--server.port", str(port), "--server.fileWatcherType", "none"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_healthy(port)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


def wait_until_healthy(port: int) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise SystemExit("the server does not start")


async def open_reader(port: int, query: str):
    """A session that has run the page once; it stays open as long as the connection is kept."""
    reader = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
    ask = BackMsg()
    ask.rerun_script.query_string = query
    await reader.write_message(ask.SerializeToString(), binary=True)
    while True:
        message = ForwardMsg()
        message.ParseFromString(await reader.read_message())
        if message.WhichOneof("type") == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                continue  # the page puts a link right first
            if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                raise SystemExit("the page has not run to its end")
            return reader


async def measure(pid: int, port: int, readers: int, different: bool) -> None:
    say(f"idle: {megabytes(pid):.0f} MB")
    kept = []
    for number in range(readers):
        weight, lag = 0.1 + 0.05 * (number % 14), 20 + number
        query = f"w={weight:g}&k={lag}&ns={number}&seed={number}" if different else ""
        kept.append(await open_reader(port, query))
        if number + 1 in {1, 10, 20, readers}:
            await asyncio.sleep(1)
            say(f"{number + 1} reader{'s' if number else ''}: {megabytes(pid):.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=30)
    parser.add_argument("--different", action="store_true")
    options = parser.parse_args()
    say(f"{platform.platform()}, Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores")
    with served() as (pid, port):
        asyncio.run(measure(pid, port, options.readers, options.different))


if __name__ == "__main__":
    main()
