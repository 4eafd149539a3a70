"""Turns: one thread at a time, the most urgent of those who wait first; permits: a few at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from explainer.serving.turns import Permits, Turns
from tests.clock import Clock

PATIENCE_SECONDS = 180  # how long to wait for what must come; no test measures time with it


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def in_line(turns: Turns, urgency: int, said: list, what: object) -> threading.Thread:
    """A thread that waits for a turn, then says something."""
    before = turns.waiting

    def work() -> None:
        with turns.turn(urgency):
            said.append(what)

    thread = started(work)
    wait_until(lambda: turns.waiting == before + 1)
    return thread


def test_the_most_urgent_comes_first_and_among_equals_the_one_who_came_first():
    turns, said = Turns(), []
    with turns.turn(0):
        asked = [(2, "a"), (0, "b"), (1, "c"), (0, "d"), (2, "e"), (1, "f")]
        threads = [in_line(turns, urgency, said, name) for urgency, name in asked]
        assert said == []
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert said == ["b", "d", "c", "f", "a", "e"]


def test_no_two_threads_have_a_turn_at_once_and_none_is_forgotten():
    turns, inside, most, done = Turns(), 0, 0, []

    def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns.turn(number % 3):
                inside += 1
                most = max(most, inside)
                time.sleep(0)  # lets others in, if they can
                inside -= 1
        done.append(number)

    threads = [started(lambda number=number: work(number)) for number in range(12)]
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert sorted(done) == list(range(12))
    assert most == 1


def test_a_turn_within_a_turn_is_the_same_turn():
    turns = Turns()

    def work() -> None:
        with turns.turn(2), turns.turn(0):
            pass
        with turns.turn(1):
            pass

    thread = started(work)
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_who_fails_passes_the_turn_on():
    turns, said, waiting = Turns(), [], []

    def fail() -> None:
        with turns.turn(0):
            waiting.append(in_line(turns, 1, said, "next"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    waiting[0].join(PATIENCE_SECONDS)
    assert said == ["next"]
    with turns.turn(0):
        said.append("again")
    assert said == ["next", "again"]


# --- permits ------------------------------------------------------------------------------------------------


def test_there_are_as_many_permits_as_said_and_one_that_is_given_back_is_free_again():
    permits = Permits(2, seconds=PATIENCE_SECONDS)
    assert permits.take("a")
    assert permits.take("b")
    assert permits.take("a")  # has one already
    assert not permits.take("c")
    permits.give_back("c")  # has none
    assert not permits.take("c")
    permits.give_back("a")
    assert permits.take("c")
    assert not permits.take("a")


def test_a_permit_that_is_never_given_back_expires(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("explainer.serving.turns.time", clock)
    permits = Permits(1, seconds=5.0)
    assert permits.take("lost")
    clock.seconds = 4.9
    assert not permits.take("next")
    clock.seconds = 5.0
    assert permits.take("next")
    assert not permits.take("lost")
