"""What a run has said gets to the browser, also where the reader asks for more at the moment when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from explainer.page.messages import Session
from tests.facts import fact

SCRIPT = """
import streamlit as st

@st.fragment
def part():
    st.session_state.drawn = st.session_state.get("drawn", 0) + 1
    st.text(f"drawn {st.session_state.drawn}, asked {st.query_params.get('asked', 0)}")

part()
"""


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    """A page of one part, in a process that can run it."""
    file = tmp_path / "script.py"
    file.write_text(SCRIPT, encoding="utf-8")
    files = MemoryMediaFileStorage("/media"), MemoryUploadedFileManager("/upload"), MemorySessionStorage()
    Runtime(RuntimeConfig(str(file), *files))
    yield file
    Runtime._instance = None


def said_when_asked_twice(
    kind: type[AppSession], script: Path, at_once: int = 0, leaves: bool = False
) -> list[ForwardMsg]:
    """What a session has sent when its loop hears of a second request before it takes what the first run has said.

    The loop stands still while a run goes on. The requests are numbered; so many more come right after the second. With
    ``leaves`` the reader leaves then.
    """

    async def ask() -> list[ForwardMsg]:
        session = kind(ScriptData(str(script), False), MemoryUploadedFileManager(""), ScriptCache(), None, {})
        session.request_rerun(ClientState())
        await _rest(session)
        part = next(one.delta.fragment_id for one in session.flush_browser_queue() if one.delta.fragment_id)
        for number in (1, 2):
            session.request_rerun(ClientState(fragment_id=part, query_string=f"asked={number}"))
            session._scriptrunner._script_thread.join()
        for number in range(3, 3 + at_once):
            session.request_rerun(ClientState(fragment_id=part, query_string=f"asked={number}"))
        if leaves:
            session.shutdown()
        await _rest(session)
        said = session.flush_browser_queue()
        session.shutdown()
        return said

    with ThreadPoolExecutor(1) as apart:  # a loop of its own, whatever runs in this thread
        return apart.submit(lambda: asyncio.run(ask())).result(60)


async def _rest(session: AppSession) -> None:
    await asyncio.sleep(0)  # for what has been put off
    while session._scriptrunner is not None:
        await asyncio.sleep(0.01)


def _texts(messages: list[ForwardMsg]) -> list[str]:
    return [one.delta.new_element.text.body for one in messages if one.delta.new_element.HasField("text")]


@fact("a run that has ended")
def test_streamlit_drops_what_the_first_of_two_runs_has_said(script: Path):
    assert _texts(said_when_asked_twice(AppSession, script)) == ["drawn 3, asked 2"]


def test_nothing_is_dropped_of_either_run(script: Path):
    said = said_when_asked_twice(Session, script)
    assert _texts(said) == ["drawn 2, asked 1", "drawn 3, asked 2"]
    ends = [one.script_finished for one in said if one.WhichOneof("type") == "script_finished"]
    assert ends == 2 * [ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY]


def test_requests_that_come_together_are_answered_in_order(script: Path):
    first, *_, last = _texts(said_when_asked_twice(Session, script, at_once=2))
    assert first == "drawn 2, asked 1"
    assert last.endswith("asked 4")


def test_a_reader_who_has_left_causes_no_other_run(script: Path):
    assert _texts(said_when_asked_twice(Session, script, leaves=True)) == ["drawn 2, asked 1"]
