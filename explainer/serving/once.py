"""Results that many readers ask for, computed once: the latest are kept, and of several askers at once one computes."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Counts(NamedTuple):
    """How a :class:`Kept` has been used: results found, results computed, the most it keeps, and what it keeps now."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class Kept(Generic[Value]):
    """The latest results by key, at most ``size`` of them. Safe to ask from any thread.

    ``functools.lru_cache`` lets every thread compute that asks for the same before the first is done: a whole class
    that opens one link. Here the others wait. An error reaches the one who computed; then the next of them tries.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size!r}")
        self._size = size
        self._results: OrderedDict[Hashable, Value] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hits = self._misses = 0

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """The result of this key, from ``compute`` if nobody has it yet. Asking for a key within its own ``compute``
        would wait for ever.
        """
        found, item = self._look_up(key)
        if found:
            return item
        with item:  # the lock of this key
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

    def counts(self) -> Counts:
        with self._guard:
            return Counts(self._hits, self._misses, self._size, len(self._results))

    def clear(self) -> None:
        """Forget all results, and the counts."""
        with self._guard:
            self._results.clear()
            self._hits = self._misses = 0


def once(size: int) -> Callable[[Callable], Callable]:
    """Keep a function's latest results by its positional arguments, each computed once for all who ask at a time."""

    def decorate(function: Callable) -> Callable:
        kept: Kept = Kept(size)

        @functools.wraps(function)
        def call(*arguments):
            return kept.get(arguments, lambda: function(*arguments))

        call.cache_info, call.cache_clear = kept.counts, kept.clear
        return call

    return decorate
