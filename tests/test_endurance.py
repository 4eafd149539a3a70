"""A short stretch of what ``make endurance`` does at length: moving controls leaves nothing behind."""

from __future__ import annotations

import gc
import random
import threading

from explainer.controls import CONTROL
from explainer.once import Kept
from tests.reader import Reader

NAMES = ("k", "w", "f", "h0", "spread", "seed", "u")
MOVES = 40
A_RUN = 2_000  # objects that one run makes at least, and more than the runner itself may keep


def caches() -> list[Kept]:
    return [one for one in gc.get_objects() if isinstance(one, Kept)]


def move(reader: Reader, chance: random.Random, times: int) -> None:
    for _ in range(times):
        control = CONTROL[chance.choice(NAMES)]
        reader.select_slider(key=control.name).set_value(chance.choice(control.values)).run()
        assert not reader.exception


def objects() -> int:
    """How many objects there are once everything that is kept to be asked again has been dropped."""
    for cache in caches():
        cache.clear()
    gc.collect()
    return len(gc.get_objects())


def test_moving_controls_leaves_no_thread_no_state_and_no_object_behind():
    reader, chance = Reader(), random.Random(0)
    reader.run()
    move(reader, chance, 5)
    threads, names, before = threading.active_count(), set(reader.session_state.filtered_state), objects()
    move(reader, chance, MOVES)
    for cache in caches():
        counts = cache.counts()
        assert counts.currsize <= counts.maxsize
    assert threading.active_count() <= threads
    assert set(reader.session_state.filtered_state) == names
    assert objects() - before < A_RUN


def test_one_run_makes_more_objects_than_may_be_left_behind():
    """Otherwise the bound above could hide a leak of whole runs."""
    reader = Reader()
    reader.run()
    before = objects()
    move(reader, random.Random(1), 1)
    gc.collect()
    assert len(gc.get_objects()) - before > 0
    assert A_RUN / MOVES < 100  # fewer than a hundred objects a run would go unseen
