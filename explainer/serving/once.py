"""Results that many readers ask for: the latest are kept, and each is computed once for all who ask at a time."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Counts(NamedTuple):
    """How a :class:`Kept` has been used: results found and computed, the most that it keeps, and how many it has."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class Kept(Generic[Value]):
    """The latest results by key, at most ``size`` of them; safe to use from any thread.

    When a whole class opens one link, ``functools.lru_cache`` lets each thread compute the same result. Here one thread
    computes and the others wait. If it fails, it gets the error, and the next thread tries.

    Raises:
        ValueError: ``size`` is less than 1.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size!r}")
        self._size = size
        self._results: OrderedDict[Hashable, Value] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hits = self._misses = 0

    def get(self, key: Hashable, compute: Callable[[], Value], patience: float | None = None) -> Value:
        """The result of this key; ``compute`` makes it if it is not there.

        Args:
            key: what the result depends on.
            compute: makes the result. It must not ask for the same key, or it waits for itself for ever.
            patience: seconds to wait for whoever computes it; None to wait until it is there.

        Raises:
            TimeoutError: somebody else has computed it for longer than that.
        """
        found, item = self._look_up(key)
        if found:
            return item
        with _held(item, patience):  # the lock of this key
            found, result = self._look_up(key)
            if found:
                return result
            try:
                result = compute()
                with self._guard:
                    self._misses += 1
                    self._results[key] = result
                    if len(self._results) > self._size:
                        self._results.popitem(last=False)
            finally:
                with self._guard:
                    self._under_way.pop(key, None)
        return result

    def _look_up(self, key: Hashable) -> tuple[bool, Any]:
        with self._guard:
            if key in self._results:
                self._hits += 1
                self._results.move_to_end(key)
                return True, self._results[key]
            return False, self._under_way.setdefault(key, threading.Lock())

    def forget(self, key: Hashable) -> None:
        """Keep the result of this key no longer, if there is one."""
        with self._guard:
            self._results.pop(key, None)

    def counts(self) -> Counts:
        """How this cache has been used since it was made or cleared."""
        with self._guard:
            return Counts(self._hits, self._misses, self._size, len(self._results))

    def clear(self) -> None:
        """Forget all results, and the counts."""
        with self._guard:
            self._results.clear()
            self._hits = self._misses = 0


@contextlib.contextmanager
def _held(lock: threading.Lock, patience: float | None) -> Iterator[None]:
    if not lock.acquire(timeout=-1 if patience is None else patience):
        raise TimeoutError
    try:
        yield
    finally:
        lock.release()


def once(size: int, also: Callable[[], Hashable] = lambda: None) -> Callable[[Callable], Callable]:
    """Keep the latest ``size`` results of a function by its positional arguments, as :class:`Kept` does.

    Args:
        size: how many are kept.
        also: what else the result depends on, such as the language of its words.
    """

    def decorate(function: Callable) -> Callable:
        kept: Kept = Kept(size)

        @functools.wraps(function)
        def call(*arguments):
            return kept.get((also(), *arguments), lambda: function(*arguments))

        call.cache_info, call.cache_clear = kept.counts, kept.clear
        return call

    return decorate
