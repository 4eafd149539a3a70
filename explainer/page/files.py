"""The files that a reader's buttons save: they stay as long as the buttons are on the page."""

from __future__ import annotations

from streamlit.runtime import runtime
from streamlit.runtime.media_file_manager import MediaFileManager


class Files(MediaFileManager):
    """The files of all sessions.

    When a run of the whole page begins, Streamlit forgets the session's files, as the run will name them again. A
    callback may end that run and rerun some parts: the buttons stay on the page, and their files would be gone. Here a
    file goes when its button gets another one, or with the session.
    """

    def clear_session_refs(self, session_id: str | None = None) -> None:
        if session_id is not None:
            super().clear_session_refs(session_id)


def keep() -> None:
    """Keep the files of every session of a server that begins from now on."""
    runtime.MediaFileManager = Files
