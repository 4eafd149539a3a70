"""Nothing asks for anything outside this machine: the page runs where every outgoing connection is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

from explainer import lesson
from explainer.sections import SECTIONS
from tests.test_deploy import ROOT, free_port, stop, wait_for

# Python runs a module of this name at its start. What is not this machine is refused, and written down.
SITECUSTOMIZE = """
import os, socket, sys

HERE = ("127.", "::1", "localhost", "::", "0.0.0.0")

def refuse(event, arguments):
    if event == "socket.connect" or event == "socket.sendto":
        place = arguments[1]
        outside = isinstance(place, tuple) and not str(place[0]).startswith(HERE)
    elif event == "socket.getaddrinfo":
        place = arguments[0]
        outside = place not in (None, "", b"localhost") and not str(place).startswith(HERE)
    else:
        return
    if outside:
        with open(os.environ["REFUSED"], "a") as record:
            record.write(f"{event} {place}\\n")
        raise OSError(101, "Network is unreachable")

sys.addaudithook(refuse)
"""


def environment(folder: Path) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder), "REFUSED": str(folder / "refused")}


async def visit(port: int) -> list[str]:
    """The anchors of the headings that a reader of the whole page gets, over the WebSocket."""
    reader = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
    ask = BackMsg()
    ask.rerun_script.query_string = "w=1.2"
    await reader.write_message(ask.SerializeToString(), binary=True)
    headings = []
    while True:
        message = ForwardMsg()
        message.ParseFromString(await reader.read_message())
        headings.append(message.delta.new_element.heading.anchor)
        if message.WhichOneof("type") == "script_finished":
            assert message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
            reader.close()
            while await reader.read_message() is not None:
                pass
            return [heading for heading in headings if heading]


def test_the_page_runs_where_every_outgoing_connection_is_refused(tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    command += ["--server.port", str(port)]
    with (tmp_path / "streamlit.log").open("wb") as log:
        page = subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), stdout=log, stderr=log)
        try:
            wait_for(f"http://localhost:{port}/_stcore/health", page)
            with ThreadPoolExecutor(1) as apart:  # a browser driven by another test keeps a loop in this thread
                headings = apart.submit(lambda: asyncio.run(visit(port))).result()
            time.sleep(1)  # for whatever would report home afterwards
        finally:
            stop(page)
    assert [slug for slug in headings if slug in set(map(lesson.slug, SECTIONS))] == list(map(lesson.slug, SECTIONS))
    assert not (tmp_path / "refused").exists(), (tmp_path / "refused").read_text()


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1"])
def test_the_refusal_works(tmp_path: Path, host: str):
    program = f"import socket; socket.create_connection(({host!r}, 80), timeout=5)"
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "Network is unreachable" in ran.stderr
    assert host in (tmp_path / "refused").read_text()
