"""Who may compute now: one thread at a time, the most urgent first; and a few permits for work that is not urgent."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Hashable, Iterator


class Turns:
    """A lock for the threads of one process. The most urgent thread that waits gets it next; among equals, the first.

    Python runs one thread at a time anyway. But torch releases the interpreter at each operation and waits to get it
    back, so threads that compute at once take far longer than the same threads one after the other.
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
    def turn(self, urgency: int, patience: float = -1) -> Iterator[None]:
        """Wait for a turn and hold it. A thread may take a turn within its own.

        Args:
            urgency: a smaller number is more urgent.
            patience: seconds after which the thread no longer waits; -1 for as long as it takes.

        Raises:
            TimeoutError: it has not been its turn in that time.
        """
        me = threading.get_ident()
        if self._owner == me:
            yield
            return
        self._wait(me, urgency, patience)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, me: int, urgency: int, patience: float) -> None:
        with self._guard:
            if self._owner is None:
                self._owner = me
                return
            called = threading.Lock()
            called.acquire()
            entry = (urgency, next(self._numbers), called)
            heapq.heappush(self._waiting, entry)
        if not called.acquire(timeout=patience):  # until _pass_on releases it
            with self._guard:
                if entry in self._waiting:  # else it has been called just now
                    self._waiting.remove(entry)
                    heapq.heapify(self._waiting)
                    raise TimeoutError("nobody has passed on the turn in time")
        self._owner = me

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._owner = 0  # no thread's number, until the thread that is called takes over
                heapq.heappop(self._waiting)[-1].release()
            else:
                self._owner = None


class Allowance:
    """A share of the time that work which can be left undone may take, whoever does it.

    Args:
        share: of the time, from 0 to 1.
        most: seconds that can be saved up.
    """

    def __init__(self, share: float, most: float) -> None:
        self._share, self._most = share, most
        self._guard = threading.Lock()
        self._left, self._seen = most, time.monotonic()

    def has_left(self) -> bool:
        """Whether something of it is left."""
        with self._guard:
            now = time.monotonic()
            self._left = min(self._most, self._left + self._share * (now - self._seen))
            self._seen = now
            return self._left > 0

    def spend(self, seconds: float) -> None:
        """So much has been used, perhaps more than was left."""
        with self._guard:
            self._left -= seconds


class Permits:
    """A few permits for work that can be put off. Who gets none tries again later.

    Args:
        count: how many permits there are.
        seconds: after so long a permit expires, whatever became of its holder.
    """

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._guard = threading.Lock()
        self._expires: dict[Hashable, float] = {}  # by holder

    def take(self, holder: Hashable) -> bool:
        """Whether ``holder`` has a permit now: a new one, or for another while the one that it had."""
        now = time.monotonic()
        with self._guard:
            self._expires = {one: until for one, until in self._expires.items() if until > now}
            if holder not in self._expires and len(self._expires) >= self._count:
                return False
            self._expires[holder] = now + self._seconds
            return True

    def give_back(self, holder: Hashable) -> None:
        """Give a permit back; without one, nothing happens."""
        with self._guard:
            self._expires.pop(holder, None)
