"""Sweeps: what is sent ahead of a slider's moves, who gets it, and when there is none."""

from __future__ import annotations

import dataclasses
import json
import threading
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures import rows
from explainer.figures.rows import Rows
from explainer.figures.sweep import Slice, pack
from explainer.lesson import SECTIONS
from explainer.lesson.two_steps import SLOPES
from explainer.page import ahead, parts, sweep
from explainer.page.state import KEY, PageState, Part
from explainer.serving.turns import Allowance, Turns
from tests.facts import fact
from tests.reader import Reader

SOME = 51  # every so many-th value of a control is looked at; of a short list its fourth
LARGEST = 300_000  # bytes of a sweep
LARGEST_OF_GAINS = 400_000  # with a map for each of three networks
IN_SIGHT_TARGETS = [
    *((name, slug, LARGEST) for name in ("w", "f", "k") for slug in ("k-steps", "vanish-or-explode")),
    ("bf", "many-paths", LARGEST),
    ("gain", "many-paths", LARGEST_OF_GAINS),
]


# --- what is sent -------------------------------------------------------------------------------------------


def unpacked(packed: bytes) -> tuple[dict, np.ndarray, np.ndarray]:
    """(header, numbers, codes) of a sweep, as a browser reads it."""
    whole = zlib.decompress(packed)
    length = int.from_bytes(whole[:4], "little")
    header = json.loads(whole[8 : 8 + length])
    end = 8 + length + 8 * header["numbers"]
    numbers = np.frombuffer(whole[8 + length : end], np.uint8).reshape(8, -1).T.copy().view("<f8").ravel()
    return header, numbers, np.frombuffer(whole[end:], "<u2")


def test_what_is_packed_comes_out_again():
    read = frozenset({"moves", "stays", "said"})

    def at(value: int) -> Slice:
        table = Rows(
            {
                "moves": np.array([value / 7, np.inf, -0.0]),
                "stays": np.array([1.5, np.nan, 2]),
                "unread": np.array([value] * 3),
                "said": np.array([f"{value % 2}", None, "ü"], dtype=object),
            }
        )
        grows = Rows({"moves": np.arange(value)})
        still = Rows({"stays": np.array([1])})
        tables = {"some": table, "grows": grows, "still": still}
        return Slice((("it is", f"{value}"), ("always",)), "A title", tables, dict.fromkeys(tables, read))

    header, numbers, codes = unpacked(pack({"name": "w"}, [({"section": "here"}, [at(value) for value in range(5)])]))
    assert header["name"] == "w"
    (chart,), (text,) = header["charts"], header["texts"]
    assert (chart["section"], chart["title"], [*chart["datasets"]]) == ("here", "A title", ["some", "grows"])
    assert text == {"section": "here", "runs": [["it is", str(value)] for value in range(5)]}
    some, grows = chart["datasets"]["some"], chart["datasets"]["grows"]
    assert some["rows"] == 3
    assert [*some["columns"]] == ["moves", "stays", "said"]
    assert some["columns"]["stays"] == {"same": [1.5, None, 2.0]}
    place = some["columns"]["moves"]["floats"]
    for value in range(5):
        first, second, third = numbers[place + 3 * value : place + 3 * value + 3]
        assert (first, second, str(third)) == (value / 7, pytest.approx(np.nan, nan_ok=True), "-0.0")
    said = some["columns"]["said"]
    words = [said["words"][code] for code in codes[said["codes"] : said["codes"] + 15]]
    assert words == [one for value in range(5) for one in (f"{value % 2}", None, "ü")]
    assert grows["rows"] == [0, 1, 2, 3, 4]
    place = grows["columns"]["moves"]["floats"]
    assert numbers[place : place + 10].tolist() == [0, 0, 1, 0, 1, 2, 0, 1, 2, 3]


def test_pieces_of_text_are_those_between_bold_words_icons_and_items():
    said = "- **1.2**, left side: a\n- **3**, right side: b\n\n:material/check: The two agree. "
    assert words.pieces(said) == ("1.2", ", left side: a", "3", ", right side: b", "check", " The two agree. ")


# --- the page -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def read() -> Reader:
    reader = Reader()
    reader.run()
    return reader


def limit(monkeypatch, which: str = "_of_cells", **limits) -> None:
    """Let the sweeps of cells, or of networks, have other limits."""
    monkeypatch.setattr(sweep, which, dataclasses.replace(getattr(sweep, which), **limits))


@pytest.fixture
def state(read: Reader, monkeypatch) -> Iterator[PageState]:
    """The state of a reader who has been through the page, as if that reader's script ran."""
    state = read.session_state[KEY]
    for module in (sweep, parts):
        monkeypatch.setattr(module, "page_state", lambda: state)
    monkeypatch.setattr(st, "session_state", {KEY: state})
    sweep.clear()
    for one in ("_of_cells", "_of_networks"):
        limit(monkeypatch, one, allowance=Allowance(1, most=60))
    yield state
    sweep.clear()
    state.sweep = None


@pytest.mark.parametrize(("name", "slug", "largest"), IN_SIGHT_TARGETS)
def test_the_sweep_of_what_is_in_sight_is_small_and_has_what_the_page_shows(
    state: PageState, name: str, slug: str, largest: int
):
    packed = sweep._sweep(name, (slug,))
    assert 0 < len(packed) <= largest
    header, numbers, codes = unpacked(packed)
    assert (header["name"], header["sections"]) == (name, [slug])
    assert header["values"] == [CONTROL[name].text(value) for value in CONTROL[name].values]
    section = next(section for section in SECTIONS if section.slug == slug)
    plots = {plot.title: plot for plot in section.plots_at(state.chosen) if name in plot.reads}
    assert {chart["title"] for chart in header["charts"]} == set(plots)
    for chart in header["charts"]:
        for place in range(3, len(header["values"]), SOME):
            settings = state.chosen.replace(**{name: CONTROL[name].values[place]})
            plot = plots[chart["title"]]
            for dataset, table in plot.tables(settings).items():
                if dataset in chart["datasets"]:
                    assert_drawn(chart["datasets"][dataset], place, table, numbers, codes)
            assert [plot.caption(settings)] in [text["runs"][place] for text in header["texts"]]


def assert_drawn(dataset: dict, place: int, table: pa.Table, numbers: np.ndarray, codes: np.ndarray) -> None:
    counts = dataset["rows"] if isinstance(dataset["rows"], list) else [dataset["rows"]] * (place + 1)
    assert counts[place] == len(table)
    begin = sum(counts[:place])
    for name, column in dataset["columns"].items():
        if "same" in column:
            made = column["same"]
        elif "floats" in column:
            made = numbers[column["floats"] + begin :][: len(table)].tolist()
            made = [None if np.isnan(one) else one for one in made]
        else:
            made = [column["words"][code] for code in codes[column["codes"] + begin :][: len(table)]]
        assert made in (table[name].to_pylist(), [rows.LATER] * len(table))


def test_a_sweep_is_computed_once_for_all_who_ask_for_the_same(state: PageState):
    first = sweep._sweep("f", ("k-steps",))
    assert sweep._sweep("f", ("k-steps",)) is first
    state.chosen = state.chosen.replace(f=0.5)  # the control itself does not matter
    assert sweep._sweep("f", ("k-steps",)) is first
    state.chosen = state.chosen.replace(k=7)
    assert sweep._sweep("f", ("k-steps",)) != first
    state.chosen = Settings()


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        [],
        {},
        {"name": "w"} | {"sections": "k-steps"},
        {"name": "nets", "sections": ["k-steps"]},
        {"name": ["w"], "sections": ["k-steps"]},
        {"name": "w", "sections": [["k-steps"], None, "no such section"]},
        {"name": "__class__", "sections": []},
    ],
)
def test_a_message_that_no_browser_sends_does_no_harm(state: PageState, monkeypatch, message: object):
    reruns = []
    monkeypatch.setattr(st, "session_state", {sweep.KEY: {"wanted": message}})
    monkeypatch.setattr(st, "rerun", reruns.append)
    sweep._wanted()
    assert state.sweep in (None, ("w", ()))
    assert all(keys == [parts.ANSWER, sweep.KEY] for keys in reruns)


def test_a_message_that_has_overtaken_a_move_brings_what_the_move_has_left(state: PageState, monkeypatch):
    reruns = []
    message = {"name": "w", "sections": ["k-steps"]}
    monkeypatch.setattr(st, "session_state", {sweep.KEY: {"wanted": message}})
    monkeypatch.setattr(st, "rerun", reruns.append)
    state.late.update({"figure-1-k-steps", "figure-1-number-formats"})
    state.shown.pop("figure-1-k-steps")
    sweep._wanted()
    assert reruns == [["figure-1-k-steps", parts.ANSWER, sweep.KEY]]
    state.late.clear()


def test_what_makes_a_sweep_too_large_is_left_out_and_the_sweep_says_so(state: PageState, monkeypatch):
    both = "two-steps", "k-steps"
    all_of_it = sweep._sweep("w", both)
    whole, *_ = unpacked(all_of_it)
    sweep.clear()
    limit(monkeypatch, bytes=len(all_of_it) - 1)
    packed = sweep._sweep("w", both)
    some, *_ = unpacked(packed)
    assert len(packed) < len(all_of_it)
    assert (whole["partial"], some["partial"]) == (False, True)
    assert some["sections"] == whole["sections"] == [*both]
    titles = [chart["title"] for chart in whole["charts"]]
    titles.remove(SLOPES.title)  # the largest
    assert [chart["title"] for chart in some["charts"]] == titles


COLLECTED = CONTROL["k"].values[1]


def test_what_there_is_no_time_for_is_left_out_and_in_the_way_of_nothing_else(state: PageState, monkeypatch):
    now, read = 0.0, frozenset({"k"})

    def part(section: str, seconds: float, once: float = 0.0) -> Part:
        def swept(settings: Settings) -> Slice:
            nonlocal now
            now += once if once and settings.k == COLLECTED else seconds
            return Slice(((f"{settings.k}",),), section, {"some": Rows({"k": np.array([settings.k])})}, {"some": read})

        return Part(lambda settings: settings, ("k",), section, swept)

    monkeypatch.setattr(ahead.time, "thread_time", lambda: now)
    limits = dataclasses.replace(sweep._of_cells, seconds=3.0)
    # Python collects garbage while one of the short parts is at work
    swept = [part("long", 0.5), part("short", 0.001), part("too", 0.001, once=0.6)]
    header, *_ = unpacked(ahead.Work("k", (), Settings(), swept, limits).packed())
    assert header["partial"]
    said = [[str(k)] for k in CONTROL["k"].values]
    assert [chart["title"] for chart in header["charts"]] == ["short", "too"]
    assert header["texts"] == [{"section": one, "runs": said} for one in ("short", "too")]


def test_a_sweep_that_has_been_overtaken_goes_on_from_there(state: PageState, monkeypatch):
    asked: list[Settings] = []
    others = iter([True])
    monkeypatch.setattr(ahead, "_is_overtaken", lambda: bool(asked) and next(others, False))
    monkeypatch.setattr(ahead, "TURN", 1e-9)  # one slice a turn
    figure = state.parts["figure-1-k-steps"]
    counted = dataclasses.replace(figure, sweep=lambda settings: asked.append(settings) or figure.sweep(settings))
    monkeypatch.setitem(state.parts, "figure-1-k-steps", counted)
    assert sweep._sweep("f", ("k-steps",)) == b""
    assert len(asked) == 1
    packed = sweep._sweep("f", ("k-steps",))
    assert [one.f for one in asked] == [*CONTROL["f"].values]
    sweep.clear()
    assert sweep._sweep("f", ("k-steps",)) == packed


def test_a_sweep_that_is_too_large_or_takes_too_long_is_none_and_not_tried_again(state: PageState, monkeypatch):
    before = sweep._of_cells
    for what in ("bytes", "seconds"):
        limit(monkeypatch, **{what: 0})
        assert sweep._sweep("f", ("k-steps",)) == b""
        monkeypatch.setattr(sweep, "_of_cells", before)
        assert sweep._sweep("f", ("k-steps",)) == b""
        sweep.clear()


@pytest.mark.parametrize("large", [{"n": 32}, {"T": 150}], ids=str)
def test_of_large_networks_there_is_no_sweep_and_of_the_cells_beside_them_there_is(state: PageState, large: dict):
    state.chosen = state.chosen.replace(**large)
    assert sweep._sweep("gain", ("many-paths",)) == b""
    assert sweep._sweep("f", ("many-paths",))
    state.chosen = Settings()


def test_a_sweep_gives_way_and_does_not_wait_for_long(state: PageState, monkeypatch):
    monkeypatch.setattr(ahead, "PATIENCE", 0.01)
    holds, over = threading.Event(), threading.Event()

    def other() -> None:
        with parts.turns.turn(0):
            holds.set()
            over.wait()

    thread = threading.Thread(target=other)
    thread.start()
    holds.wait()
    assert sweep._sweep("f", ("k-steps",)) == b""
    over.set()
    thread.join()
    assert sweep._sweep("f", ("k-steps",))  # it was only for then


def test_nobody_waits_for_longer_than_asked_and_those_behind_get_their_turn():
    turns, order = Turns(), []
    with turns.turn(0):
        with pytest.raises(TimeoutError):
            threading_result(lambda: turns.turn(1, 0.01).__enter__())
        assert turns.waiting == 0
        late = threading.Thread(target=lambda: order.append(turns.turn(2).__enter__()))
        late.start()
        while not turns.waiting:
            pass
    late.join()
    assert len(order) == 1


def test_where_too_many_ask_there_is_no_sweep_for_now(state: PageState, monkeypatch):
    spent = Allowance(0, most=0.001)
    limit(monkeypatch, allowance=spent)
    assert sweep._sweep("f", ("k-steps",))  # what is left is enough to begin
    assert not spent.has_left()
    assert sweep._sweep("k", ("k-steps",)) == b""
    assert sweep._sweep("f", ("k-steps",))  # what is there costs nothing
    limit(monkeypatch, allowance=Allowance(1, most=1))
    assert sweep._sweep("k", ("k-steps",))


def threading_result(work) -> None:
    """Run ``work`` in a thread of its own; what it raises is raised here."""
    raised = []

    def run() -> None:
        try:
            work()
        except TimeoutError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@fact("a waiting request")
def test_a_run_s_requests_say_whether_another_one_waits():
    requests = ScriptRequests()
    assert requests._state is ScriptRequestType.CONTINUE
    requests.request_rerun(RerunData())
    assert requests._state is ScriptRequestType.RERUN
    requests.request_stop()
    assert requests._state is ScriptRequestType.STOP
