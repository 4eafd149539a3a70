"""What runs have said, on its way to the browser: all of it gets there, in order."""

from __future__ import annotations

from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue


class Messages(ForwardMsgQueue):
    """The messages of one session that wait to be sent.

    When a run begins, Streamlit drops what earlier runs have said of the same fragments. That run may never draw these
    fragments: a callback ends it and reruns others. Their places on the page are then missing, and the browser shows
    an error instead of the page. Messages wait for some milliseconds only, so dropping them saves nothing.
    """

    def clear(self, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
        if not retain_lifecycle_msgs:
            super().clear()
        self._delta_index_map = {}  # what the run that begins says comes after it, and not in its place


def send_all() -> None:
    """Let no session that begins from now on drop a message."""
    app_session.ForwardMsgQueue = Messages
