"""A queue for long work in the background: a few threads serve many readers, and work that nobody waits for ends.

Work is a function of ``should_stop`` that yields its result so far again and again, and the whole result last. A reader
polls a :class:`Ticket`. Readers who ask for the same key share one job. A job stops when all its readers have left or
none has polled for a while; if it has not begun, it never does. So closing a page ends its work.
"""

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

WAITING, RUNNING, FINISHED, STOPPED = "waiting", "running", "finished", "stopped"

_NICENESS = 10  # of 19: the threads that answer readers go first


class Measured(Protocol):
    """A result so far."""

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1."""


Value = TypeVar("Value", bound=Measured)
Work = Callable[[Callable[[], bool]], Iterator[Value]]


@dataclass(frozen=True)
class Status(Generic[Value]):
    """What a reader is told about a job.

    Attributes:
        state: ``waiting``, ``running``, ``finished`` (the value is whole) or ``stopped`` (it may be partial).
        ahead: how many jobs must end before this one begins; 0 unless it waits.
        value: the latest result; None before the first.
        elapsed: seconds since the job began, or that it took; None while it waits.
        remaining: estimated seconds to the end; None while nothing is known.
    """

    state: str
    ahead: int
    value: Value | None
    elapsed: float | None
    remaining: float | None

    @property
    def over(self) -> bool:
        """Whether the job has ended, by itself or stopped."""
        return self.state in (FINISHED, STOPPED)


class _Job(Generic[Value]):
    def __init__(self, key: Hashable, work: Work) -> None:
        self.key = key
        self.work = work
        self.state = WAITING
        self.told_to_stop = False
        self.value: Value | None = None
        self.fraction_at_first = 0.0  # of a work that goes on from where it was stopped
        self.error: BaseException | None = None
        self.began: float | None = None
        self.ended: float | None = None
        self.last_polled: dict[object, float] = {}  # by ticket


class Ticket(Generic[Value]):
    """One reader's share in a job; safe to use from any thread."""

    def __init__(self, queue: "Queue", job: _Job[Value]) -> None:
        self._queue = queue
        self._job = job
        self._name = object()

    def poll(self) -> Status[Value]:
        """How the job stands. Polling keeps the job wanted for another while.

        Raises:
            Exception: whatever the work has raised.
        """
        return self._queue._poll(self._job, self._name)

    def leave(self) -> None:
        """Wait no longer. The job stops if nobody else waits for it. Leaving twice does no harm."""
        self._queue._leave(self._job, self._name)


class Queue(Generic[Value]):
    """Runs at most ``workers`` jobs at once, in the order in which they came.

    Threads start with the first job and end when no job waits. On Linux all other threads of the process go first. When
    the interpreter ends, jobs that run are told to stop, and it waits for them.

    Args:
        workers: how many threads.
        patience: for how many seconds after a reader's last poll a job is still wanted.

    Raises:
        ValueError: ``workers`` is less than 1, or ``patience`` is not positive.
    """

    def __init__(self, *, workers: int = 1, patience: float = 10.0) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers!r}")
        if not patience > 0:
            raise ValueError(f"patience must be positive, not {patience!r}")
        self.workers = workers
        self.patience = patience
        self._lock = threading.Lock()
        self._waiting: list[_Job[Value]] = []
        self._running: list[_Job[Value]] = []
        self._threads: set[threading.Thread] = set()
        self._closed = False
        _QUEUES.add(self)

    def submit(self, key: Hashable, work: Work) -> Ticket[Value]:
        """Join the job of this key if one waits or runs; otherwise begin a new one, at the end of the line.

        Args:
            key: what the result depends on.
            work: computes it; see the module.

        Raises:
            RuntimeError: the queue is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the queue is closed")
            same = [job for job in self._running + self._waiting if job.key == key and self._wanted(job)]
            job = same[0] if same else _Job(key, work)
            ticket = Ticket(self, job)
            job.last_polled[ticket._name] = time.monotonic()
            if not same:
                self._waiting.append(job)
                self._begin()
        return ticket

    def close(self, timeout: float = 5.0) -> None:
        """Stop every job and wait for each thread, at most ``timeout`` seconds."""
        with self._lock:
            self._closed = True
            for job in self._running + self._waiting:
                job.last_polled.clear()
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout)

    # --- under the lock

    def _wanted(self, job: _Job) -> bool:
        now = time.monotonic()
        return not job.told_to_stop and any(now - seen < self.patience for seen in job.last_polled.values())

    def _drop_unwanted(self) -> None:
        for job in [job for job in self._waiting if not self._wanted(job)]:
            self._waiting.remove(job)
            job.state = STOPPED

    def _begin(self) -> None:
        if len(self._threads) < self.workers:
            thread = threading.Thread(target=self._serve, name="jobs", daemon=True)
            self._threads.add(thread)
            thread.start()

    # --- the readers' side

    def _poll(self, job: _Job[Value], ticket: object) -> Status[Value]:
        with self._lock:
            if ticket in job.last_polled:
                job.last_polled[ticket] = time.monotonic()
            self._drop_unwanted()
            if job.error is not None:
                raise job.error
            ahead = len(self._running) + self._waiting.index(job) if job.state == WAITING else 0
            elapsed = remaining = None
            if job.began is not None:
                elapsed = (time.monotonic() if job.ended is None else job.ended) - job.began
            if job.state == RUNNING and job.value is not None and job.value.fraction > job.fraction_at_first:
                done = job.value.fraction - job.fraction_at_first
                remaining = elapsed * (1 - job.value.fraction) / done
            return Status(job.state, ahead, job.value, elapsed, remaining)

    def _leave(self, job: _Job[Value], ticket: object) -> None:
        with self._lock:
            job.last_polled.pop(ticket, None)
            self._drop_unwanted()

    # --- the worker's side

    def _serve(self) -> None:
        if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while (job := self._next()) is not None:
            try:
                for value in job.work(lambda job=job: self._should_stop(job)):
                    with self._lock:
                        if job.value is None:
                            job.fraction_at_first = value.fraction
                        job.value = value
            except BaseException as error:  # noqa: BLE001  every reader of the job gets it from poll()
                job.error = error
            finally:
                with self._lock:
                    job.ended = time.monotonic()
                    job.state = STOPPED if job.told_to_stop else FINISHED
                    self._running.remove(job)

    def _next(self) -> _Job[Value] | None:
        with self._lock:
            self._drop_unwanted()
            if not self._waiting:
                self._threads.remove(threading.current_thread())
                return None
            job = self._waiting.pop(0)
            job.state, job.began = RUNNING, time.monotonic()
            self._running.append(job)
            return job

    def _should_stop(self, job: _Job[Value]) -> bool:
        with self._lock:
            job.told_to_stop = not self._wanted(job)
            return job.told_to_stop


_QUEUES: "weakref.WeakSet[Queue]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for queue in list(_QUEUES):
        queue.close()
