"""What the server says of itself, and what it makes of a WebSocket that does not speak its language."""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.facts import fact
from tests.serving import (
    PATIENCE_SECONDS,
    ROOT,
    RUN,
    answered,
    connected,
    first_run,
    free_port,
    headings,
    streamlit,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The address of the page below a path, as behind a proxy, and its log."""
    log, port = tmp_path_factory.mktemp("server") / "streamlit.log", free_port()
    address = f"http://localhost:{port}/lesson"
    with streamlit((*RUN, "--server.port", str(port), "--server.baseUrlPath", "lesson"), address, log):
        yield address, log


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics", "/media/none.csv"]
)
def test_every_answer_keeps_its_type_and_gives_no_link_away(served: tuple[str, Path], path: str):
    try:
        answer = urllib.request.urlopen(served[0] + path, timeout=PATIENCE_SECONDS)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers.get_all("Referrer-Policy") == ["same-origin"]


@fact("the document")
def test_what_keeps_the_page_around_a_frame_still_stands_before_streamlits_own_scripts_run(served: tuple[str, Path]):
    with urllib.request.urlopen(f"{served[0]}/", timeout=PATIENCE_SECONDS) as answer:
        page, headers = answer.read().decode(), answer.headers
    room = ROOT / "explainer" / "page"
    *styles, script = (
        (room / name).read_text(encoding="utf-8") for name in ("page.css", "lesson.css", "devices.css", "frame.js")
    )
    assert page.count(script) == 1
    assert [page.count(style) for style in styles] == [1, 1, 1]
    # each comes after the one before: a later rule may take an earlier one back
    places = [page.index(text) for text in ('<div id="root">', *styles, "</body>")]
    assert places == sorted(places)
    assert "<" not in "".join(styles)
    assert page.index('<div id="root">') < page.index(script) < page.index("</body>")
    assert "</script" not in script
    assert all("module" in one for one in re.findall(r"<script([^>]*\bsrc=[^>]*)>", page))  # these wait for its end
    assert "ETag" not in headers  # it is of the file without the script


def test_every_script_and_stylesheet_has_the_type_that_a_browser_now_insists_on(served: tuple[str, Path]):
    page = answered(f"{served[0]}/")[1]
    found = re.findall(r'(?:src|href)="\.?/?([^"]+\.(?:js|css))"', page)
    assert len(found) >= 2
    for one in found:
        with urllib.request.urlopen(f"{served[0]}/{one}", timeout=PATIENCE_SECONDS) as answer:
            kind = answer.headers.get_content_type()
        assert kind in ({"text/css"} if one.endswith(".css") else {"text/javascript", "application/javascript"})


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/metrics/", "/_stcore/metrics?families=cache_memory_bytes"]
)
def test_what_the_process_holds_is_not_public(served: tuple[str, Path], path: str):
    assert answered(served[0] + path)[0] == 404


@pytest.mark.parametrize(("frame", "code"), [("hello", 1003), (b"\xff\xff\xff", 1002)])
def test_a_frame_that_is_no_message_ends_its_connection_and_costs_no_log(
    served: tuple[str, Path], frame: str | bytes, code: int
):
    address, log = served
    url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    before = log.read_text()
    with connect(url, open_timeout=PATIENCE_SECONDS) as server:
        server.send(frame)
        with contextlib.suppress(ConnectionClosed):
            while True:
                server.recv(PATIENCE_SECONDS)
        assert server.close_code == code
    assert headings(address, "section=k-steps") == ["k-steps"]  # it goes on for everybody else
    assert log.read_text() == before


@pytest.mark.parametrize("query", ["", "section=k-steps", "embed=true&section=k-steps&controls=w", "tasks=first-look"])
def test_what_a_reader_can_press_stands_in_a_part(served: tuple[str, Path], query: str):
    """A press elsewhere asks for the whole page, and Streamlit forgets its files before a callback can rerun parts."""
    address, _ = served
    with connected(address) as server:
        deltas = [message.delta for message in first_run(server, query) if message.HasField("delta")]
    elements = [(one, getattr(one.new_element, one.new_element.WhichOneof("type"))) for one in deltas if _draws(one)]
    silent = [element.id for _, element in elements if getattr(element, "ignore_rerun", False)]  # asks for nothing
    pressed = [(one, element.id) for one, element in elements if getattr(element, "id", "") not in ("", *silent)]
    assert len(pressed) > 5
    assert [name for one, name in pressed if not one.fragment_id] == []


@fact("files of a run")
def test_a_file_stays_where_a_callback_ends_the_run_of_the_whole_page(served: tuple[str, Path]):
    address, _ = served
    with connected(address) as server:
        opening = first_run(server, "")
        drawn = [message.delta.new_element for message in opening if message.HasField("delta")]
        (slider,) = [one.slider.id for one in drawn if re.fullmatch(r"\$\$ID-[0-9a-f]+-w", one.slider.id)]
        file = next(one.download_button.deferred_file_id for one in drawn if one.download_button.deferred_file_id)

        moved = BackMsg()  # as the browser asks when the reader goes back: for the whole page
        moved.rerun_script.widget_states.widgets.add(id=slider).string_array_value.data.append("1.2")
        server.send(moved.SerializeToString())
        while (ended := _next(server, "script_finished")) != ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            assert ended == ForwardMsg.FINISHED_EARLY_FOR_RERUN

        asked = BackMsg()
        asked.backend_operation_request.request_id = "1"
        asked.backend_operation_request.session_id = opening[0].new_session.initialize.session_id
        asked.backend_operation_request.deferred_file.file_id = file
        server.send(asked.SerializeToString())
        assert _next(server, "backend_operation_response").error_msg == ""


def _next(server: ClientConnection, kind: str) -> object:
    """What the server says in its next message of this kind."""
    while True:
        message = ForwardMsg.FromString(server.recv(PATIENCE_SECONDS))
        if message.WhichOneof("type") == kind:
            return getattr(message, kind)


def _draws(delta: Delta) -> bool:
    return delta.WhichOneof("type") == "new_element"
