"""A short stretch of what ``make endurance`` does at length: moving controls leaves nothing behind."""

from __future__ import annotations

import gc
import random
import threading

from explainer.choices.controls import CONTROL
from explainer.serving.once import Kept
from tests.reader import Reader

NAMES = ("k", "w", "f", "h0", "spread", "seed", "u")
MOVES = 40


def caches() -> list[Kept]:
    return [one for one in gc.get_objects() if isinstance(one, Kept)]


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
    for cache in caches():
        counts = cache.counts()
        assert counts.currsize <= counts.maxsize
    assert threading.active_count() <= threads
    assert set(reader.session_state.keys()) == names
