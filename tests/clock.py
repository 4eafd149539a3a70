"""A clock that stands still until a test moves its hand."""

from __future__ import annotations


class Clock:
    """Stands for the module ``time`` where a module of the project reads it.

    Attributes:
        seconds: what the clock shows.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds
