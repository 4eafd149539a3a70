"""The files under deploy/ serve the page: nginx on loopback, in front of the server as its unit starts it."""

from __future__ import annotations

import asyncio
import base64
import configparser
import http.client
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[1]
SNIPPET = ROOT / "deploy" / "nginx.conf"
UNIT = ROOT / "deploy" / "why-gates-remember.service"
PATIENCE_SECONDS = 60

CONFIGURATION = """
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
    server {{
        listen 127.0.0.1:{port};
        include {folder}/lesson.conf;
    }}
}}
"""


def find_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answered(url: str) -> tuple[int, str, str]:
    """(status, body, address after redirects)"""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.url
    except urllib.error.HTTPError as refused:
        return refused.code, "", url


def wait_for(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "it has stopped"
        try:
            if answered(url)[0] == 200:
                return
        except OSError:
            pass  # nobody listens yet
        time.sleep(0.1)
    pytest.fail(f"{url} does not answer")


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(UNIT.read_text(encoding="utf-8").replace("\\\n", " "))
    return parser


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory) -> Iterator[int]:
    """nginx's port; behind it the page, started with the unit's own command on another port."""
    nginx = find_nginx()
    if nginx is None:
        how = "apt-get install nginx-light"
        if os.environ.get("CI") == "true":
            pytest.fail(f"no nginx found, and here it is required: {how}", pytrace=False)
        pytest.skip(f"no nginx found: {how}")
    folder, port, behind = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    snippet = SNIPPET.read_text(encoding="utf-8")
    assert "127.0.0.1:8501" in snippet
    (folder / "lesson.conf").write_text(snippet.replace("127.0.0.1:8501", f"127.0.0.1:{behind}"), encoding="utf-8")
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port), encoding="utf-8")
    _, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    arguments[arguments.index("--server.port") + 1] = str(behind)
    environment = os.environ | dict(pair.split("=") for pair in unit()["Service"]["Environment"].split())
    log = (folder / "streamlit.log").open("wb")
    page = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log)
    proxy = subprocess.Popen([nginx, "-c", str(configuration), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{behind}/lesson/_stcore/health", page)
        wait_for(f"http://127.0.0.1:{port}/lesson/_stcore/health", proxy)
        yield port
    finally:
        stop(proxy)
        stop(page)
        log.close()


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


async def first_run(request: HTTPRequest) -> list[str]:
    """The headings that a session gets that asks for one section."""
    reader = await websocket_connect(request, max_message_size=2**28)
    ask = BackMsg()
    ask.rerun_script.query_string = "section=k-steps&w=1.2"
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
                pass  # until the other side has closed as well
            return [heading for heading in headings if heading]


def test_a_reader_gets_the_page_over_the_websocket(proxied: int):
    url = f"ws://127.0.0.1:{proxied}/lesson/_stcore/stream"
    origin = {"Origin": f"http://127.0.0.1:{proxied}"}
    request = HTTPRequest(url, headers=origin)
    with ThreadPoolExecutor(1) as apart:  # a browser driven by another test keeps a loop in this thread
        assert apart.submit(lambda: asyncio.run(first_run(request))).result() == ["k-steps"]


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
    assert connection.getresponse().status == status
    connection.close()


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
