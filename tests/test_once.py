"""What many ask for is computed once, also when all of them ask at the same moment."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS, parts
from explainer.lesson.parts import Section, contents, contents_computed
from explainer.maths import gradients, jacobians, number_formats
from explainer.maths.grid import gated_grid, vanilla_grid
from explainer.maths.network import Network
from explainer.maths.paths import by_path
from explainer.serving.once import Kept, once

READERS = 12
PATIENCE_SECONDS = 60


def all_at_once(ask: Callable[[], object]) -> list[object]:
    """What each of many threads gets that ask at the same moment."""
    barrier = threading.Barrier(READERS, timeout=PATIENCE_SECONDS)

    def one(_) -> object:
        barrier.wait()
        return ask()

    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(one, range(READERS), timeout=PATIENCE_SECONDS))


# --- the cache ----------------------------------------------------------------------------------------------


def test_of_several_askers_one_computes_and_the_others_wait_for_it():
    computed, others_may_come = Counter(), threading.Event()

    @once(4)
    def slow(key: str) -> object:
        computed[key] += 1
        others_may_come.wait(0.2)  # long enough for all of them to have asked
        return object()

    got = all_at_once(lambda: slow("class"))
    assert computed == {"class": 1}
    assert len(set(map(id, got))) == 1
    assert slow.cache_info() == (READERS - 1, 1, 4, 1)


def test_who_has_no_patience_does_not_wait_for_another_who_computes():
    kept: Kept[str] = Kept(4)
    computes, over = threading.Event(), threading.Event()

    def slowly() -> str:
        computes.set()
        assert over.wait(PATIENCE_SECONDS)
        return "there"

    with ThreadPoolExecutor(1) as other:
        first = other.submit(kept.get, "class", slowly)
        assert computes.wait(PATIENCE_SECONDS)
        with pytest.raises(TimeoutError):
            kept.get("class", lambda: "never", 0.01)
        over.set()
        assert first.result(PATIENCE_SECONDS) == "there"
    assert kept.get("class", lambda: "never", 0.01) == "there"


def test_askers_of_different_things_do_not_wait_for_each_other():
    both_under_way = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    kept: Kept[str] = Kept(4)

    def compute(key: str) -> str:
        both_under_way.wait()  # raises if the other never gets here
        return key

    with ThreadPoolExecutor(2) as readers:
        assert list(readers.map(lambda key: kept.get(key, lambda: compute(key)), "ab")) == ["a", "b"]


def test_an_error_reaches_the_one_who_computed_and_is_not_kept():
    computed = Counter()

    @once(4)
    def often_fails(key: str) -> str:
        computed[key] += 1
        if computed[key] < 3:
            raise ValueError("not yet")
        return key

    def ask() -> str:
        try:
            return often_fails("x")
        except ValueError as error:
            return str(error)

    got = all_at_once(ask)
    assert Counter(got) == {"not yet": 2, "x": READERS - 2}
    assert computed == {"x": 3}
    assert often_fails("x") == "x"


@given(st.integers(1, 5), st.lists(st.integers(0, 7), max_size=60))
def test_it_keeps_the_latest_and_no_more(size: int, asked: list[int]):
    computed: list[int] = []
    kept: Kept[int] = Kept(size)
    model: OrderedDict[int, int] = OrderedDict()  # the same, said the long way
    expected = []
    for key in asked:
        assert kept.get(key, lambda key=key: computed.append(key) or -key) == -key
        if key not in model:
            expected.append(key)
        model[key] = -key
        model.move_to_end(key)
        while len(model) > size:
            model.popitem(last=False)
        assert kept.counts().currsize == len(model)
    assert computed == expected
    kept.clear()
    assert kept.counts() == (0, 0, size, 0)


def test_a_cache_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Kept(0)


# --- what the page shares -----------------------------------------------------------------------------------

NEW = Settings(w=1.07, k=61, h0=0.31, f=0.93, gate="state")  # nobody else asks for these


@pytest.mark.parametrize("section", [one for one in SECTIONS if not one.work], ids=lambda section: section.slug)
def test_a_class_that_opens_one_link_has_each_section_computed_once(section: Section):
    parts._kept_contents.cache_clear()
    got = all_at_once(lambda: contents(section, NEW))
    assert contents_computed() == 1
    assert len(set(map(id, got))) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: gradients.vanilla(NEW.replace(k=63)),
        lambda: gradients.gated(NEW.replace(k=63)),
        lambda: by_path(NEW.replace(k=63)),
        lambda: vanilla_grid(NEW, (0.5, 0.77), (3, 33)),
        lambda: gated_grid(NEW, (0.5, 0.77), (3, 33)),
        lambda: number_formats.vanilla(NEW.replace(k=63), "float16"),
        lambda: jacobians.by_lag(Network("lstm", hidden_size=3, length=7, seed=77), 2),
    ],
    ids=["vanilla", "gated", "paths", "vanilla grid", "gated grid", "formats", "networks"],
)
def test_threads_that_ask_together_get_the_very_same_result(ask: Callable[[], object]):
    assert len(set(map(id, all_at_once(ask)))) == 1
