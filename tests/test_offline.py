"""Nothing asks for anything outside this machine: the page runs where every outgoing connection is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from explainer.lesson import SECTIONS
from tests.serving import RUN, free_port, headings, streamlit

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
    return {"PYTHONPATH": str(folder), "REFUSED": str(folder / "refused")}


def test_the_page_runs_where_every_outgoing_connection_is_refused(tmp_path: Path):
    port = free_port()
    address = f"http://localhost:{port}"
    command = (*RUN, "--server.port", str(port))
    with streamlit(command, address, tmp_path / "streamlit.log", environment(tmp_path)):
        anchors = headings(address, "w=1.2")
        assert headings(address, "w=0.8") == anchors  # whatever would report home after a visit has done so by now
    slugs = [section.slug for section in SECTIONS]
    assert [anchor for anchor in anchors if anchor in slugs] == slugs
    assert not (tmp_path / "refused").exists(), (tmp_path / "refused").read_text()


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1"])
def test_the_refusal_works(tmp_path: Path, host: str):
    program = f"import socket; socket.create_connection(({host!r}, 80), timeout=5)"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "Network is unreachable" in ran.stderr
    assert host in (tmp_path / "refused").read_text()
