"""Tables and drawings: what is not a finite number is null, axes hold what is there, a drawing is built once."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.figures import figure as figures

some_floats = st.lists(st.floats(), min_size=0, max_size=20)


@given(some_floats)
def test_what_is_not_finite_becomes_null_and_everything_else_stays(values: list[float]):
    column = figures.column(np.array(values, dtype=float))
    assert column.type == pa.float64()
    assert column.to_pylist() == [value if math.isfinite(value) else None for value in values]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], pa.int64()),
        (["a", ""], pa.string()),
        (np.array(["ab", "c"]), pa.string()),
        ([True, False], pa.bool_()),
        ([1.0, 2], pa.float64()),
    ],
    ids=repr,
)
def test_columns_have_the_type_of_their_values(values, kind: pa.DataType):
    column = figures.column(values)
    assert column.type == kind
    assert column.to_pylist() == list(values)


def test_table_and_stack_keep_order_and_every_row():
    one = figures.table(lag=[0, 1], gradient=[1.0, math.inf], cell=["a", "a"])
    two = figures.table(lag=[0], gradient=[math.nan], cell=["b"])
    assert one.column_names == ["lag", "gradient", "cell"]
    assert figures.stack(one, two).to_pydict() == {
        "lag": [0, 1, 0],
        "gradient": [1.0, None, None],
        "cell": ["a", "a", "b"],
    }


def test_columns_of_different_length_are_refused():
    with pytest.raises(pa.ArrowInvalid):
        figures.table(lag=[0, 1], gradient=[1.0])


@given(st.lists(some_floats, min_size=1, max_size=3), st.floats(0, 200), st.floats(-5, 5))
def test_the_frame_holds_every_finite_value_and_the_line_of_one_between_whole_powers(
    columns: list[list[float]], last: float, one: float
):
    columns = [[min(max(value, -1e6), 1e6) if math.isfinite(value) else value for value in c] for c in columns]
    frame = figures.frame((0, last), [np.array(values, dtype=float) for values in columns], one)
    low, high = frame["log10_magnitude"].to_pylist()
    inside = [value for values in columns for value in values if math.isfinite(value)] + [one]
    assert low < high
    assert low == math.floor(low)
    assert high == math.ceil(high)
    assert all(low <= value <= high for value in inside)
    assert min(inside) - low <= 1 or (low, high) == (one - 1, one)  # no wider than it has to be
    assert high - max(inside) <= 1
    assert frame["lag"].to_pylist() == [0, last]
    assert frame["one"].to_pylist() == [one, one]


def test_the_frame_takes_the_names_of_its_axes():
    frame = figures.frame((0, 2), [np.array([[-1.5], [0.5]])], x_name="steps_back", y_name="height")
    assert frame.to_pydict() == {"steps_back": [0, 2], "height": [-2, 1], "one": [0, 0]}


def test_a_drawing_is_built_once_and_validated():
    built = []

    @figures.drawing
    def chart() -> alt.Chart:
        built.append(1)
        return alt.Chart(alt.NamedData("numbers")).mark_point().encode(x="lag:Q")

    first = chart()
    assert chart() is first
    assert len(built) == 1
    assert first["data"] == {"name": "numbers"}
    assert chart.__name__ == "chart"

    @figures.drawing
    def wrong() -> alt.Chart:
        return alt.Chart(alt.NamedData("numbers")).mark_point().encode(x=alt.X("lag:Q", scale=alt.Scale(nice="not so")))

    with pytest.raises(alt.utils.schemapi.SchemaValidationError):
        wrong()


def test_a_figure_is_a_value():
    figure = figures.Figure("title", lambda: {}, {}, "caption")
    assert not figure.half
    with pytest.raises(AttributeError):
        figure.caption = "others"
