"""An app of Streamlit, served on this machine for as long as it is measured."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTED_WITHIN = 60  # seconds

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@dataclass(frozen=True)
class Server:
    """A server that answers, its process and its port on this machine."""

    process: subprocess.Popen
    port: int

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def megabytes(self) -> float:
        """Resident memory (Linux)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextlib.contextmanager
def served(script: Path, folder: Path = ROOT, *options: str) -> Iterator[Server]:
    """Serve a script from a folder, whose ``.streamlit/config.toml`` counts if it has one."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"]
    with started([*command, *options], port, folder, "/_stcore/health") as server:
        yield server


@contextlib.contextmanager
def started(
    command: Sequence[str], port: int, folder: Path = ROOT, health: str = "/", errors: int | None = None
) -> Iterator[Server]:
    """Run a server from its command, which answers at ``health``; its errors go where Popen's ``stderr`` says."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # as in the Makefile
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        server = Server(process, port)
        _wait_until_healthy(server, health)
        yield server
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as probe:
        return probe.getsockname()[1]


def _wait_until_healthy(server: Server, health: str) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.address}{health}", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise SystemExit("the server does not start")


def find_browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit("needs a Chromium: apt-get install chromium (Debian), brew install chromium (macOS)")
    return found


def machine() -> str:
    """What was measured on: system, processor, cores, Python and the day."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({model})"
    return f"{time.strftime('%Y-%m-%d')}, {system}, Python {platform.python_version()}"


def say(text: str = "") -> None:
    print(text, flush=True)  # noqa: T201
