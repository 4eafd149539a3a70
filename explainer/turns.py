"""One thread at a time, the most urgent first."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from collections.abc import Iterator


class Turns:
    """A lock for threads of one process that goes to the most urgent of those who wait, and among equals to the first.

    Python runs one thread at a time anyway. But torch lets go of the interpreter at each of its operations and waits
    to get it back: of many threads that compute at once, all take far longer than one after the other.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._waiting: list[tuple[int, int, threading.Lock]] = []
        self._numbers = itertools.count()

    @property
    def waiting(self) -> int:
        """How many threads wait for a turn."""
        return len(self._waiting)

    @contextlib.contextmanager
    def turn(self, urgency: int) -> Iterator[None]:
        """Wait for a turn and have it. A smaller number is more urgent; a thread may take a turn within its own."""
        me = threading.get_ident()
        if self._owner == me:
            yield
            return
        self._wait(me, urgency)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, me: int, urgency: int) -> None:
        with self._guard:
            if self._owner is None:
                self._owner = me
                return
            called = threading.Lock()
            called.acquire()
            heapq.heappush(self._waiting, (urgency, next(self._numbers), called))
        called.acquire()  # until _pass_on lets it go
        self._owner = me

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._owner = 0  # no thread's number: the one that is called takes it over
                heapq.heappop(self._waiting)[-1].release()
            else:
                self._owner = None
