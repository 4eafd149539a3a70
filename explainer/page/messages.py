"""What runs have said, on its way to the browser: all of it gets there, in order.

Streamlit drops messages in two cases. A part that this server holds to be drawn then shows what it has shown before, or
its place on the page is missing.
"""

from __future__ import annotations

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

    A thread runs the script, and what it says waits for its turn on the server's loop. When the thread has ended, the
    next request begins another. From then on Streamlit drops what still waits of the first.
    """

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._browser_queue = Messages()

    def _create_scriptrunner(self, initial_rerun_data: RerunData) -> None:
        if self._scriptrunner is None:
            super()._create_scriptrunner(initial_rerun_data)
        else:  # its thread has ended: all that it has said stands in the loop's queue already
            self._event_loop.call_soon(self._take_up, initial_rerun_data)

    def _take_up(self, request: RerunData) -> None:
        """Run what has been asked for, on a thread that another request has begun meanwhile or on a new one."""
        if self._state == AppSessionState.SHUTDOWN_REQUESTED:
            return
        if self._scriptrunner is None or not self._scriptrunner.request_rerun(request):
            super()._create_scriptrunner(request)


def send_all() -> None:
    """Let no session that begins from now on drop a message."""
    websocket_session_manager.AppSession = Session
