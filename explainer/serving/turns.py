"""Who may compute now: one thread at a time, the most urgent first; and few at a time for what is not urgent."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Hashable, Iterator


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


class Places:
    """A few places for work that can be put off: who finds none free comes again later.

    A place that is not given back is free again after ``seconds``, whatever became of its holder.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._guard = threading.Lock()
        self._until: dict[Hashable, float] = {}  # by holder

    def take(self, who: Hashable) -> bool:
        """Take a place; whether there was one, or ``who`` has one already."""
        now = time.monotonic()
        with self._guard:
            self._until = {holder: until for holder, until in self._until.items() if until > now}
            if who not in self._until and len(self._until) >= self._count:
                return False
            self._until[who] = now + self._seconds
            return True

    def give_back(self, who: Hashable) -> None:
        """Nothing happens to one who has no place."""
        with self._guard:
            self._until.pop(who, None)
