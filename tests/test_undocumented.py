"""What the page relies on although Streamlit does not document it: the whole list, and what needs no browser."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit import config
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from explainer.page.undocumented import FACTS, TEST_IDS
from tests.facts import fact
from tests.reader import Reader

ROOT = Path(__file__).parents[1]
SELECTING = (
    *("page.css", "lesson.css", "devices.css", "projector.css"),
    *("page.html", "live.js", "sweep.js", "follow.js", "press.js", "buttons.js", "projector.js", "tasks.js"),
)


# --- the list -----------------------------------------------------------------------------------------------


def test_each_fact_has_exactly_one_test():
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "tests").rglob("test_*.py")]
    marks = [
        mark.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "fact"
    ]
    assert Counter(marks) == Counter(FACTS.keys())


def test_the_files_that_rely_on_a_fact_are_there():
    assert [file for one in FACTS.values() for file in one.used_in if not (ROOT / file).is_file()] == []


def test_every_test_id_that_the_page_selects_by_is_listed_and_no_other():
    texts = [(ROOT / "explainer" / "page" / name).read_text(encoding="utf-8") for name in SELECTING]
    assert {one for text in texts for one in re.findall(r"\bst[A-Z]\w+", text)} == set(TEST_IDS)


def test_a_failed_test_of_a_fact_says_what_to_do():
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fact("anchors")(fails)()
    (note,) = caught.value.__notes__
    assert FACTS["anchors"].otherwise in note


# --- the facts that need no browser -------------------------------------------------------------------------


def _fragments_in_a_row() -> None:
    import streamlit as st

    def note(name: str) -> None:
        st.session_state.setdefault("ran", []).append(name)

    for name in "abcd":
        st.fragment(note, key=name)(name)
    st.button("go", on_click=lambda: st.rerun(["c", "a", "d"]))


@fact("fragments in order")
def test_fragments_run_in_the_order_in_which_they_are_named():
    at = AppTest.from_function(_fragments_in_a_row).run()
    at.session_state["ran"] = []
    at.button[0].click().run()
    assert at.session_state["ran"] == ["c", "a", "d"]


def _a_chart() -> None:
    import pyarrow as pa
    import streamlit as st

    st.vega_lite_chart({"mark": "line", "data": {"name": "own"}, "datasets": {"own": pa.table({"x": [1.5]})}}, alt="it")


@fact("named datasets")
def test_a_charts_tables_are_sent_apart_from_its_specification():
    (chart,) = AppTest.from_function(_a_chart).run().get("vega_lite_chart")
    assert "1.5" not in chart.proto.spec
    assert {one.name: pa.ipc.open_stream(one.data.data).read_all().to_pydict() for one in chart.proto.datasets} == {
        "own": {"x": [1.5]}
    }


@fact("garbage")
def test_whether_a_run_collects_garbage_is_asked_of_the_options():
    """Streamlit's test runner switches the collection off by itself, so a run of it shows nothing."""
    assert config.get_option("runner.postScriptGC") is False  # .streamlit/config.toml
    asked = 'if config.get_option("runner.postScriptGC"):\n            gc.collect('
    assert asked in inspect.getsource(script_runner)


@fact("the test runner's tree")
def test_a_reader_without_a_browser_keeps_what_a_run_of_some_parts_does_not_send():
    reader = Reader(has_been_through=False)
    reader.query_params["section"] = "does-it-learn"
    reader.run()
    charts = {node.proto.SerializeToString() for node in reader.get("vega_lite_chart")}
    (radio,) = [node for node in reader.main if getattr(node, "key", None) == "answer-does-it-learn"]
    radio.set_value(0).run()
    assert [node.type for node in reader.sent if node.type == "radio"] == ["radio"]
    assert [node for node in reader.sent if node.type == "vega_lite_chart"] == []
    assert {node.proto.SerializeToString() for node in reader.get("vega_lite_chart")} == charts != set()


def _a_fragment_that_goes() -> None:
    import streamlit as st

    def inner() -> None:
        st.session_state["ran"] = st.session_state.get("ran", 0) + 1

    def outer() -> None:
        if not st.session_state.get("gone"):
            st.fragment(inner, key="inner")()

    def go() -> None:
        st.session_state["gone"] = True
        st.rerun(["outer"])

    st.fragment(outer, key="outer")()
    st.button("ask", on_click=lambda: st.rerun(["inner"]))
    st.button("go", on_click=go)


@fact("a fragment that goes")
def test_a_fragment_that_is_not_added_again_is_forgotten():
    at = AppTest.from_function(_a_fragment_that_goes).run()
    ask, go = at.button
    ask.click().run()
    assert at.session_state["ran"] == 2
    go.click().run()
    ask.click().run()
    assert at.session_state["ran"] == 2
    assert len(at.exception) == 1  # there is no such fragment
