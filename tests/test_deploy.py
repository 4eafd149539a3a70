"""The files under deploy/ serve the page: nginx on loopback, in front of the server as its unit starts it."""

from __future__ import annotations

import base64
import configparser
import contextlib
import http.client
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ROOT, answered, find_nginx, free_port, headings, nginx, streamlit

SNIPPET = ROOT / "deploy" / "nginx.conf"
UNIT = ROOT / "deploy" / "why-gates-remember.service"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(UNIT.read_text(encoding="utf-8").replace("\\\n", " "))
    return parser


@pytest.fixture(scope="module")
def proxied(tmp_path_factory) -> Iterator[int]:
    """nginx's port; behind it the page, started with the unit's own command on another port."""
    find_nginx()
    folder, behind = tmp_path_factory.mktemp("nginx"), free_port()
    snippet = SNIPPET.read_text(encoding="utf-8")
    assert "127.0.0.1:8501" in snippet
    _, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    arguments[arguments.index("--server.port") + 1] = str(behind)
    environment = dict(pair.split("=") for pair in unit()["Service"]["Environment"].split())
    address = f"http://127.0.0.1:{behind}/lesson"
    with (
        streamlit(tuple(arguments), address, folder / "streamlit.log", environment),
        nginx(folder, snippet.replace("127.0.0.1:8501", f"127.0.0.1:{behind}")) as port,
    ):
        yield port


def test_the_health_check_answers_through_nginx(proxied: int):
    assert answered(f"http://127.0.0.1:{proxied}/lesson/_stcore/health")[:2] == (200, "ok")


def test_the_page_is_below_its_path_and_nowhere_else(proxied: int):
    status, body, _ = answered(f"http://127.0.0.1:{proxied}/lesson/?w=1.2")
    assert status == 200
    assert '<div id="root">' in body
    assert answered(f"http://127.0.0.1:{proxied}/")[0] in {403, 404}


def test_a_path_without_its_slash_keeps_the_state_of_the_link(proxied: int):
    status, _, address = answered(f"http://127.0.0.1:{proxied}/lesson?w=1.2&act=relu")
    assert status == 200
    assert address.endswith("/lesson/?w=1.2&act=relu")


def test_a_reader_gets_the_page_over_the_websocket(proxied: int):
    address, origin = f"http://127.0.0.1:{proxied}/lesson", f"http://127.0.0.1:{proxied}"
    assert headings(address, "section=k-steps&w=1.2", origin) == ["k-steps"]


@pytest.mark.parametrize(("origin", "status"), [("lesson.example", 101), ("elsewhere.example", 403)])
def test_a_websocket_is_taken_from_the_page_itself_alone(proxied: int, origin: str, status: int):
    """So the snippet has to pass the Host header on: without it every reader would come from elsewhere."""
    connection = http.client.HTTPConnection("127.0.0.1", proxied, timeout=10)
    headers = {
        "Host": "lesson.example",  # the name by which readers know the server
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Origin": f"http://{origin}",
    }
    connection.request("GET", "/lesson/_stcore/stream", headers=headers)
    with contextlib.closing(connection), connection.getresponse() as answer:  # each has the socket
        assert answer.status == status


def test_the_unit_and_the_proxy_speak_of_the_same_place():
    command = unit()["Service"]["ExecStart"]
    assert "--server.baseUrlPath lesson " in command
    assert "--server.port 8501 " in command
    assert "--server.address 127.0.0.1 " in command  # readers come through nginx alone
    assert "location /lesson/ {" in SNIPPET.read_text(encoding="utf-8")


# --- replicas -----------------------------------------------------------------------------------------------

REPLICA_UNIT = ROOT / "deploy" / "why-gates-remember@.service"


def below_the_comments(path: Path) -> str:
    return "".join(line for line in path.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))


def test_a_replica_is_served_as_the_one_server_is_but_for_its_port():
    one = below_the_comments(UNIT).replace("a live lesson", "a live lesson, replica at port %i").replace("8501", "%i")
    assert below_the_comments(REPLICA_UNIT) == one


def test_nginx_before_replicas_passes_on_what_it_passes_on_to_one():
    one = {line.strip() for line in SNIPPET.read_text(encoding="utf-8").splitlines() if line.startswith("    proxy_")}
    several = (ROOT / "deploy" / "nginx-replicas-lesson.conf").read_text(encoding="utf-8")
    missing = {line for line in one if line not in several}
    assert missing == {"proxy_pass http://127.0.0.1:8501;"}


def test_the_health_check_of_a_replica_restarts_it_only_if_it_does_not_answer(proxied: int, tmp_path: Path):
    """The unit's own command line, with a systemctl that writes down what it is asked for."""
    text = (ROOT / "deploy" / "why-gates-remember-health@.service").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    asked = tmp_path / "asked"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {asked}\n', encoding="utf-8")
    (tmp_path / "systemctl").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(shlex.split(command.replace("%i", str(proxied))), env=environment, check=True)
    assert not asked.exists()
    nobody = str(free_port())
    subprocess.run(shlex.split(command.replace("%i", nobody)), env=environment, check=True)
    assert asked.read_text() == f"try-restart why-gates-remember@{nobody}\n"
