"""The page served on loopback, alone or behind a real nginx, and what a reader without a browser gets from it."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 180  # how long to wait for what must come; no test measures time with it
RUN = ("-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true", "--server.fileWatcherType", "none")

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {before}
    server {{
        listen 127.0.0.1:{port};
        {within}
    }}
}}
"""


# Below those that the system hands out by itself, for outgoing connections too.
PORTS = range(10_240, 32_768)
_ours: list[socket.socket] = []


def free_port() -> int:
    """A port for a server, which no other test gets as long as this process lives, also while no server is there.

    The UDP port of the same number stays bound for that. A process that asks like this finds it taken.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        twin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            twin.bind(("127.0.0.1", port))
            socket.create_server(("", port)).close()
        except OSError:
            twin.close()
            continue
        _ours.append(twin)
        return port
    pytest.fail(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")


def answered(url: str) -> tuple[int, str, str]:
    """(status, body, address after redirects)"""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode(), answer.url
    except urllib.error.HTTPError as refused:
        with refused:  # or its connection stays open
            return refused.code, "", url


# --- servers ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def streamlit(
    arguments: tuple[str, ...], address: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """Python with these arguments, which serve the page at this address; its process, as soon as it is healthy."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {})
    with log.open("ab") as out:
        command = [sys.executable, *arguments]
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"{address}/_stcore/health", server, log)
        yield server
    finally:
        _stop(server)


def find_nginx() -> str:
    """The path of an nginx on this machine; without one the test is skipped, or fails where it is required."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        how = "apt-get install nginx-light"
        if os.environ.get("CI") == "true":
            pytest.fail(f"no nginx found, and here it is required: {how}", pytrace=False)
        pytest.skip(f"no nginx found: {how}")
    return nginx


@contextlib.contextmanager
def nginx(folder: Path, within: str, before: str = "") -> Iterator[int]:
    """nginx with this in its server block, and this before it in its http block; its port."""
    port, configuration = free_port(), folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, before=before, within=within), encoding="utf-8")
    proxy = subprocess.Popen([find_nginx(), "-c", str(configuration), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/lesson/_stcore/health", proxy, folder / "error.log")
        yield port
    finally:
        _stop(proxy)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"stopped with exit code {process.returncode}:\n{_said(log)}")
        try:
            if answered(url)[0] == 200:
                return
        except OSError:
            pass  # nobody listens yet
        time.sleep(0.1)
    pytest.fail(f"{url} does not answer:\n{_said(log)}")


def _said(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- a reader without a browser -----------------------------------------------------------------------------


def headings(address: str, query: str, origin: str | None = None) -> list[str]:
    """The anchors of the headings that a reader gets over the WebSocket who opens the page at this address."""
    with connected(address, origin) as server:
        bodies = [message.delta.new_element.markdown.body for message in first_run(server, query)]
    return [anchor for body in bodies for anchor in re.findall(r'<h2 data-anchor="(.*?)">', body)]


def connected(address: str, origin: str | None = None) -> ClientConnection:
    """A connection to the page at this address as a browser makes it, to be closed by ``with``."""
    url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    return connect(url, origin=origin, max_size=None, open_timeout=PATIENCE_SECONDS, ping_timeout=None)


def first_run(server: ClientConnection, query: str, kept: Collection[str] = ()) -> list[ForwardMsg]:
    """What the server sends to a reader who opens the page so, and who has kept the messages of these hashes."""
    ask, messages = BackMsg(), []
    ask.rerun_script.query_string = query
    ask.rerun_script.cached_message_hashes.extend(kept)
    server.send(ask.SerializeToString())
    while not messages or messages[-1].WhichOneof("type") != "script_finished":
        messages.append(ForwardMsg.FromString(server.recv(PATIENCE_SECONDS)))
    assert messages[-1].script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
    return messages
