"""The line for long work: order, sharing, stopping, and no thread too many."""

import threading
import time
from dataclasses import dataclass

import pytest

from explainer.serving import jobs
from tests.clock import Clock

PATIENCE_SECONDS = 180  # how long to wait for what must come; no test measures time with it


@dataclass(frozen=True)
class Count:
    done: int
    of: int = 100

    @property
    def fraction(self) -> float:
        return self.done / self.of


class Gated:
    """Work that goes one step on each time the test lets it, and says where it is."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.asked_to_stop = False

    def __call__(self, should_stop):
        self.begun.set()
        try:
            for i in range(101):
                while not self.let.acquire(timeout=0.002):
                    if should_stop():
                        self.asked_to_stop = True
                        return
                yield Count(i)
        finally:
            self.ended.set()

    def run_out(self) -> None:
        self.let.release(1000)


def until(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.002)


@pytest.fixture
def queue():
    queue = jobs.Queue(workers=1, patience=PATIENCE_SECONDS)
    yield queue
    queue.close()
    assert not queue._threads


def test_a_job_runs_reports_and_finishes(queue):
    work = Gated()
    ticket = queue.submit("a", work)
    assert work.begun.wait(PATIENCE_SECONDS)
    assert ticket.poll().value is None
    assert ticket.poll().remaining is None
    work.let.release(51)
    until(lambda: ticket.poll().value == Count(50))
    status = ticket.poll()
    assert (status.state, status.ahead, status.over) == (jobs.RUNNING, 0, False)
    assert status.remaining == pytest.approx(status.elapsed, rel=1e-9)  # half done: as long again
    work.run_out()
    until(lambda: ticket.poll().over)
    status = ticket.poll()
    assert (status.state, status.value, status.remaining) == (jobs.FINISHED, Count(100), None)
    assert ticket.poll().elapsed == status.elapsed


def test_first_come_first_served_and_each_is_told_how_many_are_ahead(queue):
    works = [Gated() for _ in range(4)]
    tickets = [queue.submit(i, work) for i, work in enumerate(works)]
    assert works[0].begun.wait(PATIENCE_SECONDS)
    assert [ticket.poll().ahead for ticket in tickets] == [0, 1, 2, 3]
    assert [ticket.poll().state for ticket in tickets] == [jobs.RUNNING] + [jobs.WAITING] * 3
    assert tickets[2].poll().elapsed is None
    tickets[1].leave()
    assert [ticket.poll().ahead for ticket in tickets] == [0, 0, 1, 2]
    assert tickets[1].poll().state == jobs.STOPPED
    works[0].run_out()
    assert works[2].begun.wait(PATIENCE_SECONDS)
    assert [ticket.poll().ahead for ticket in tickets[2:]] == [0, 1]
    assert not works[1].begun.is_set()
    assert not works[3].begun.is_set()


@pytest.mark.parametrize("workers", [1, 2])
def test_never_more_threads_than_workers(workers):
    queue = jobs.Queue(workers=workers, patience=PATIENCE_SECONDS)
    works = [Gated() for _ in range(6)]
    tickets = [queue.submit(i, work) for i, work in enumerate(works)]
    until(lambda: sum(ticket.poll().state == jobs.RUNNING for ticket in tickets) == workers)
    assert len(queue._threads) == workers
    for work in works:
        work.run_out()
    until(lambda: all(ticket.poll().over for ticket in tickets))
    assert [ticket.poll().value for ticket in tickets] == [Count(100)] * 6
    until(lambda: not queue._threads)  # nothing waits: no thread is kept


def test_readers_of_one_key_share_a_job_until_the_last_one_leaves(queue):
    work, never = Gated(), Gated()
    one, two = queue.submit("same", work), queue.submit("same", never)
    work.let.release()
    until(lambda: two.poll().value == Count(0))
    one.leave()
    work.let.release()
    until(lambda: two.poll().value == Count(1))
    assert two.poll().state == jobs.RUNNING
    two.leave()
    two.leave()
    assert work.ended.wait(PATIENCE_SECONDS)
    assert work.asked_to_stop
    assert not never.begun.is_set()
    until(lambda: two.poll().over)
    assert (two.poll().state, two.poll().value) == (jobs.STOPPED, Count(1))


def test_the_key_can_be_asked_for_again_after_a_stop(queue):
    work, again = Gated(), Gated()
    queue.submit("same", work).leave()
    ticket = queue.submit("same", again)
    again.run_out()
    until(lambda: ticket.poll().over)
    assert ticket.poll().state == jobs.FINISHED


def test_a_job_on_its_way_out_is_not_joined(queue):
    told, may_end = threading.Event(), threading.Event()

    def slow_to_stop(should_stop):
        yield Count(0)
        while not should_stop():
            time.sleep(0.002)
        told.set()
        may_end.wait(PATIENCE_SECONDS)

    first = Gated()
    queue.submit("other", first)
    assert first.begun.wait(PATIENCE_SECONDS)
    queue.submit("same", slow_to_stop).leave()  # dropped before it began
    ticket = queue.submit("same", slow_to_stop)
    first.run_out()
    until(lambda: ticket.poll().state == jobs.RUNNING)
    ticket.leave()
    assert told.wait(PATIENCE_SECONDS)
    again = Gated()
    again.run_out()
    fresh = queue.submit("same", again)
    assert fresh.poll().state == jobs.WAITING
    may_end.set()
    until(lambda: fresh.poll().over)
    assert fresh.poll().value == Count(100)


def test_a_job_that_nobody_polls_ends_and_a_waiting_one_never_begins(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(jobs, "time", clock)
    queue = jobs.Queue(workers=1, patience=10)
    running, waiting, patient = Gated(), Gated(), Gated()
    first = queue.submit("a", running)
    queue.submit("b", waiting)
    polled = queue.submit("c", patient)
    assert running.begun.wait(PATIENCE_SECONDS)
    clock.seconds = 6.0
    first.poll()
    assert polled.poll().ahead == 2
    clock.seconds = 10.0  # of "b" nothing has been heard for 10 seconds
    assert polled.poll().ahead == 1
    assert not running.ended.is_set()
    clock.seconds = 16.0  # nor of "a"
    patient.run_out()
    until(lambda: polled.poll().over)  # this one polls on, so it has its turn
    assert polled.poll().state == jobs.FINISHED
    assert running.asked_to_stop
    assert not waiting.begun.is_set()
    queue.close()


def test_an_error_reaches_every_reader_and_the_next_job_runs(queue):
    def broken(should_stop):
        yield Count(1)
        raise ZeroDivisionError("by the work itself")

    work = Gated()
    blocker = queue.submit("blocker", work)
    tickets = [queue.submit("broken", broken) for _ in range(2)]
    work.run_out()
    until(lambda: blocker.poll().over)
    for ticket in tickets:

        def raises(ticket=ticket):
            try:
                ticket.poll()
            except ZeroDivisionError as error:
                return "by the work itself" in str(error)
            return False

        until(raises)
    after = Gated()
    after.run_out()
    ticket = queue.submit("after", after)
    until(lambda: ticket.poll().over)
    assert ticket.poll().value == Count(100)


def test_closing_stops_everything_and_takes_no_more():
    queue = jobs.Queue(workers=1, patience=PATIENCE_SECONDS)
    running, waiting = Gated(), Gated()
    tickets = [queue.submit(0, running), queue.submit(1, waiting)]
    assert running.begun.wait(PATIENCE_SECONDS)
    queue.close()
    assert running.ended.is_set()
    assert not waiting.begun.is_set()
    assert [ticket.poll().state for ticket in tickets] == [jobs.STOPPED] * 2
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(2, Gated())


@pytest.mark.parametrize("options", [{"workers": 0}, {"patience": 0.0}])
def test_a_queue_without_workers_or_patience_is_refused(options):
    with pytest.raises(ValueError, match="must be"):
        jobs.Queue(**options)
