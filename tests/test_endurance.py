"""A short stretch of what ``make endurance`` does at length: moving controls leaves nothing behind."""

from __future__ import annotations

import gc
import random
import threading

import pytest

from explainer.choices.controls import CONTROL
from explainer.serving.once import Kept
from tests.reader import Reader

pytestmark = pytest.mark.faults

NAMES = ("k", "w", "f", "h0", "spread", "seed", "u")
MOVES = 40


def caches() -> list[Kept]:
    gc.unfreeze()  # the page has frozen what was there when it began, and gc does not list that
    found = [one for one in gc.get_objects() if type(one) is Kept]
    gc.freeze()
    return found


def move(reader: Reader, chance: random.Random, times: int) -> None:
    for _ in range(times):
        control = CONTROL[chance.choice(NAMES)]
        reader.select_slider(key=control.name).set_value(chance.choice(control.values)).run()
        assert not reader.exception


def test_moving_controls_leaves_no_thread_and_no_state_behind_and_every_cache_is_bounded():
    reader, chance = Reader(), random.Random(0)
    reader.run()
    move(reader, chance, 5)
    threads, names = threading.active_count(), set(reader.session_state.keys())
    move(reader, chance, MOVES)
    used = [cache.counts() for cache in caches()]
    assert sum(counts.misses for counts in used) > MOVES
    assert [counts for counts in used if counts.currsize > counts.maxsize] == []
    assert threading.active_count() <= threads
    assert set(reader.session_state.keys()) == names
