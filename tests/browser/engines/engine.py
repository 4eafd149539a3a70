"""A browser with one tab, as far as the checks need it: each engine has one implementation."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

PATIENCE_SECONDS = 120  # how long to wait for what must come; no test measures time with it

# The code points by which WebDriver names keys, by the names that browsers have for them.
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "PageDown": "\ue00f",
    "ArrowLeft": "\ue012",
    "ArrowRight": "\ue014",
}


class Engine(Protocol):
    """A browser with one tab."""

    def prefer(self, scheme: str) -> None:
        """Let the reader's system ask for ``"light"`` or ``"dark"``, from the next page that is opened."""

    def resize(self, width: int, height: int) -> None:
        """Give the page so much room in pixels, or as little as the browser's window can have."""

    def open(self, address: str) -> None:
        """Open an address anew, also if the tab is there already; the page may still be loading afterwards."""

    def evaluate(self, function: str, *arguments: Any, frame: str = "") -> Any:
        """What a function in JavaScript returns, in the page or in the frame whose element has this id.

        What goes in and what comes out is JSON. A page that has not begun yet gives None.
        """

    def point(self, x: float, y: float) -> None:
        """Move the pointer to these pixels of the window."""

    def down(self) -> None:
        """Press the pointer's button."""

    def up(self) -> None:
        """Let the pointer's button go."""

    def key_down(self, key: str) -> None:
        """Press a key; pressed again while it is down it repeats."""

    def key_up(self, key: str) -> None:
        """Let a key go."""

    def saved(self, press: Callable[[], None]) -> Path:
        """The file that the browser saves when this is pressed, all of it."""

    def on_paper(self) -> bytes | None:
        """The page as a PDF, or None from an engine that prints for nobody but a reader."""

    def errors(self) -> list[str]:
        """What has gone wrong since the last question: errors in the console, exceptions that no script caught."""

    def screenshot(self) -> bytes:
        """What is in sight, as PNG."""

    def close(self) -> None:
        """End the browser."""


class ByActions(ABC):
    """Pointer and keyboard of an engine that takes WebDriver's actions."""

    @abstractmethod
    def act(self, source: dict) -> None:
        """Perform the actions of one source of input."""

    def _point(self, action: dict) -> None:
        self.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [action]})

    def _key(self, kind: str, key: str) -> None:
        self.act({"type": "key", "id": "keyboard", "actions": [{"type": kind, "value": KEYS.get(key, key)}]})

    def point(self, x: float, y: float) -> None:
        self._point({"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0})

    def down(self) -> None:
        self._point({"type": "pointerDown", "button": 0})

    def up(self) -> None:
        self._point({"type": "pointerUp", "button": 0})

    def key_down(self, key: str) -> None:
        self._key("keyDown", key)

    def key_up(self, key: str) -> None:
        self._key("keyUp", key)


PARTIAL = (".part", ".wkdownload")  # how the names of files end that are not complete


def newcomer(folder: Path, press: Callable[[], None]) -> Path:
    """The file that comes into a folder when this is pressed, once it is complete."""
    before = set(folder.iterdir())
    press()
    for _ in moments(f"no file comes into {folder}"):
        new = set(folder.iterdir()) - before
        if new and not any(file.name.endswith(PARTIAL) or not file.stat().st_size for file in new):
            (file,) = new
            return file
    raise AssertionError


def moments(otherwise: str) -> Iterator[None]:
    """Moments at which to look whether something has come; fails with these words when there are no more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise AssertionError(otherwise)
