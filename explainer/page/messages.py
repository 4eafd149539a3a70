"""What runs have said, on its way to the browser: all of it gets there, in order.

Streamlit drops messages in two cases. A part that this server holds to be drawn then shows what it has shown before, or
its place on the page is missing.
"""

from __future__ import annotations

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime import websocket_session_manager
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


class Messages(ForwardMsgQueue):
    """The messages of one session that wait to be sent.

    When a run begins, Streamlit drops what earlier runs have said of the same fragments. That run may never draw these
    fragments: a callback ends it and reruns others. Messages wait for some milliseconds only, so dropping them saves
    nothing.
    """

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        if not retain_lifecycle_msgs:
            super().clear()
        self._delta_index_map = {}  # what the run that begins says comes after it, and not in its place


class Session(AppSession):
    """The session of one reader's tab.

    A thread runs the script, and the server's loop takes what it says, a little later. When the thread takes no request
    any more, the next one begins another thread. From then on Streamlit drops what the loop has not taken of the first.
    """

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._browser_queue = Messages()
        self._put_off: list[ClientState | None] | None = None  # requests after the one put off; None if none is

    def request_rerun(self, client_state: ClientState | None) -> None:
        if self._put_off is None:
            super().request_rerun(client_state)
        else:
            self._put_off.append(client_state)

    def _create_scriptrunner(self, initial_rerun_data: RerunData) -> None:
        if self._scriptrunner is None:
            super()._create_scriptrunner(initial_rerun_data)
        else:  # what its thread has said comes before this in the loop
            self._put_off = []
            self._call_soon_on_event_loop(lambda: self._take_up(initial_rerun_data))

    def _take_up(self, first: RerunData) -> None:
        """Run what has been put off, then what has been asked for since, in order."""
        later, self._put_off = self._put_off, None
        if self._state == AppSessionState.SHUTDOWN_REQUESTED:
            return
        try:
            super()._create_scriptrunner(first)
        finally:
            for one in later:
                self.request_rerun(one)


def send_all() -> None:
    """Let no session that begins from now on drop a message."""
    websocket_session_manager.AppSession = Session
