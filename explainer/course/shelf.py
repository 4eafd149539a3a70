"""The assignments that a link can name: those that ship, and a teacher's own in a folder of the server."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from explainer.course import tasks
from explainer.course.tasks import NAME, Assignment, DamagedError
from explainer.languages import say

SHIPPED = Path(__file__).with_name("assignments")
READY = ("first-look", "weight-and-slope", "gates", "real-networks", "same-product")
"""The names of those that ship, the easiest first."""
FOLDER = "EXPLAINER_ASSIGNMENTS"
"""The environment variable that names the folder with a teacher's own files."""

_LONGEST = 60  # characters of a name


def names() -> tuple[str, ...]:
    """The names of all assignments: those that ship by difficulty, then a teacher's own by name."""
    own = [file.stem for folder in _own() for file in sorted(folder.glob("*.toml")) if NAME.fullmatch(file.stem)]
    return tuple(dict.fromkeys((*READY, *own)))


def find(name: str) -> Assignment | None:
    """The assignment of this name; None if there is none. A teacher's own goes before one that ships.

    A file is read again when it has changed.

    Raises:
        DamagedError: there is one, but it cannot be used.
    """
    if not NAME.fullmatch(name) or len(name) > _LONGEST:
        return None
    try:
        folders = (*_own(), SHIPPED)
        file = next((one for folder in folders if (one := folder / f"{name}.toml").is_file()), None)
        if file is None:
            return None
        status = file.stat()
        return _read(name, file, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise DamagedError(say("{file} cannot be read.", file=f"{name}.toml")) from error


@functools.lru_cache(32)
def _read(name: str, file: Path, modified: int, size: int) -> Assignment:
    with file.open("rb") as opened:
        return tasks.read(f"{name}.toml", opened.read(tasks.LARGEST + 1))


def _own() -> list[Path]:
    folder = os.environ.get(FOLDER)
    return [Path(folder)] if folder else []
