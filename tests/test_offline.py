"""Nothing asks for anything outside this machine: the page runs where every outgoing connection is refused."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from explainer.lesson import SECTIONS
from explainer.page import server
from tests.serving import PATIENCE_SECONDS, RUN, free_port, headings, streamlit

# Python runs a module of this name at its start. What is not this machine is refused, and written down.
SITECUSTOMIZE = """
import os, socket, sys

HERE = ("127.", "::1", "localhost", "::", "0.0.0.0")

def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        place = arguments[1]
        outside = isinstance(place, tuple) and not str(place[0]).startswith(HERE)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
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


@dataclass(frozen=True)
class Offline:
    """A server that reaches nobody.

    Attributes:
        address: where the page is.
        refused: the file in which each attempt to reach another machine is written down.
        silent: the proxy that it is told to go through; nobody ever answers there.
        log: what it prints.
    """

    address: str
    refused: Path
    silent: socket.socket
    log: Path

    def assert_nobody_was_asked(self) -> None:
        assert not self.refused.exists(), self.refused.read_text()
        with pytest.raises(BlockingIOError):  # no connection waits there
            self.silent.accept()


@pytest.fixture(scope="module")
def offline(tmp_path_factory) -> Iterator[Offline]:
    folder, port = tmp_path_factory.mktemp("offline"), free_port()
    address, log = f"http://localhost:{port}", folder / "streamlit.log"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        proxies = {"http_proxy": proxy, "https_proxy": proxy}
        with streamlit((*RUN, "--server.port", str(port)), address, log, environment(folder) | proxies):
            yield Offline(address, folder / "refused", silent, log)


def test_the_page_runs_where_every_outgoing_connection_is_refused(offline: Offline):
    anchors = headings(offline.address, "w=1.2")
    assert headings(offline.address, "w=0.8") == anchors  # whatever would report home after a visit has done so by now
    slugs = [section.slug for section in SECTIONS]
    assert [anchor for anchor in anchors if anchor in slugs] == slugs
    offline.assert_nobody_was_asked()


REQUESTS = (
    ("GET", "/"),
    ("GET", "/favicon.png"),
    ("GET", "/no-such-page"),
    ("GET", "/_stcore/health"),
    ("OPTIONS", "/_stcore/health"),
    ("GET", "/_stcore/host-config"),
    ("GET", "/_stcore/metrics"),
    ("GET", "/_stcore/bidi-components/explainer.live/index.js"),
    ("GET", "/component/explainer/index.html"),
    ("GET", "/media/no-such-file.csv"),
    ("PUT", "/_stcore/upload_file/no-such-session/no-such-file"),
    ("DELETE", "/_stcore/upload_file/no-such-session/no-such-file"),
)


@pytest.mark.parametrize("origin", [None, "http://elsewhere.example", "null"])
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_no_request_makes_the_server_ask_another(offline: Offline, method: str, path: str, origin: str | None):
    headers = {} if origin is None else {"Origin": origin}
    asked = urllib.request.Request(offline.address + path, method=method, headers=headers)
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS):
        pass
    offline.assert_nobody_was_asked()


@pytest.mark.parametrize(
    ("origin", "is_taken"),
    [
        (None, True),
        ("{address}", True),
        ("http://localhost:1", True),
        ("http://elsewhere.example", False),
        ("https://elsewhere.example:8443", False),
        ("http://localhost.elsewhere.example", False),
        ("http://8.8.8.8", False),
        ("http://[::1", False),
        ("null", False),
        ("", False),
    ],
)
def test_no_websocket_makes_the_server_ask_another(offline: Offline, origin: str | None, is_taken: bool):
    origin = origin and origin.format(address=offline.address)
    headers = {} if origin is None else {"Origin": origin}
    url = f"{offline.address.replace('http', 'ws', 1)}/_stcore/stream"
    expected = contextlib.nullcontext() if is_taken else pytest.raises(InvalidStatus, match="403")
    with expected, connect(url, additional_headers=headers, open_timeout=PATIENCE_SECONDS):
        pass
    offline.assert_nobody_was_asked()


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


def taken(origin: str, host: str | None, **options: object) -> bool:
    defaults = {"enableCORS": True, "corsAllowedOrigins": [], "serverAddress": "localhost"}
    return server.is_taken(origin, host, lambda name: (defaults | options)[name.partition(".")[2]])


def test_a_page_may_have_any_name_as_long_as_the_host_header_says_it():
    assert taken("https://lesson.example", "lesson.example")
    assert taken("https://lesson.example:8443", "lesson.example:8443")
    assert not taken("https://lesson.example:8443", "lesson.example")
    assert not taken("https://lesson.example", None)


def test_the_options_of_streamlit_name_further_origins():
    """As the documentation has them: with a scheme, which does not count, as Streamlit compares names."""
    assert taken("https://lesson.example", "127.0.0.1:8501", corsAllowedOrigins=["https://lesson.example"])
    assert not taken("https://elsewhere.example", "127.0.0.1:8501", corsAllowedOrigins=["https://lesson.example"])
    assert taken("https://lesson.example", "127.0.0.1:8501", serverAddress="lesson.example")
    assert taken("https://elsewhere.example", "127.0.0.1:8501", enableCORS=False)
    assert not taken("", "", corsAllowedOrigins=[""])
    assert not taken("null", "127.0.0.1:8501", corsAllowedOrigins=["null"])
