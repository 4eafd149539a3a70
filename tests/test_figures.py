"""Tables and drawings: what is not a finite number is null, axes hold what is there, a drawing is built once."""

from __future__ import annotations

import math

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explainer.choices.settings import Settings
from explainer.figures import figure
from explainer.figures.figure import Figure, Plot
from explainer.lesson import SECTIONS

some_floats = st.lists(st.floats(), min_size=0, max_size=20)


@given(some_floats)
def test_what_is_not_finite_becomes_null_and_everything_else_stays(values: list[float]):
    made = figure.column(np.array(values, dtype=float))
    assert made.type == pa.float64()
    assert made.to_pylist() == [value if math.isfinite(value) else None for value in values]


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
    made = figure.column(values)
    assert made.type == kind
    assert made.to_pylist() == list(values)


def test_table_and_stack_keep_order_and_every_row():
    one = figure.table(lag=[0, 1], gradient=[1.0, math.inf], cell=["a", "a"])
    two = figure.table(lag=[0], gradient=[math.nan], cell=["b"])
    assert one.column_names == ["lag", "gradient", "cell"]
    assert figure.stack(one, two).to_pydict() == {
        "lag": [0, 1, 0],
        "gradient": [1.0, None, None],
        "cell": ["a", "a", "b"],
    }


def test_columns_of_different_length_are_refused():
    with pytest.raises(pa.ArrowInvalid):
        figure.table(lag=[0, 1], gradient=[1.0])


@given(st.lists(some_floats, min_size=1, max_size=3), st.floats(0, 200), st.floats(-5, 5))
def test_the_frame_holds_every_finite_value_and_the_line_of_one_between_whole_powers(
    columns: list[list[float]], last: float, one: float
):
    columns = [[min(max(value, -1e6), 1e6) if math.isfinite(value) else value for value in c] for c in columns]
    framed = figure.frame((0, last), [np.array(values, dtype=float) for values in columns], one)
    low, high = framed["log10_magnitude"].to_pylist()
    inside = [value for values in columns for value in values if math.isfinite(value)] + [one]
    assert low < high
    assert low == math.floor(low)
    assert high == math.ceil(high)
    assert all(low <= value <= high for value in inside)
    assert min(inside) - low <= 1 or (low, high) == (one - 1, one)  # no wider than it has to be
    assert high - max(inside) <= 1
    assert framed["lag"].to_pylist() == [0, last]
    assert framed["one"].to_pylist() == [one, one]


def test_the_frame_takes_the_names_of_its_axes():
    framed = figure.frame((0, 2), [np.array([[-1.5], [0.5]])], x_name="steps_back", y_name="height")
    assert framed.to_pydict() == {"steps_back": [0, 2], "height": [-2, 1], "one": [0, 0]}


def test_a_drawing_is_built_once_and_validated():
    built = []

    @figure.drawing
    def chart() -> alt.Chart:
        built.append(1)
        return alt.Chart(alt.NamedData("numbers")).mark_point().encode(x="lag:Q")

    first = chart()
    assert chart() is first
    assert len(built) == 1
    assert first["data"] == {"name": "numbers"}
    assert chart.__name__ == "chart"

    @figure.drawing
    def wrong() -> alt.Chart:
        return alt.Chart(alt.NamedData("numbers")).mark_point().encode(x=alt.X("lag:Q", scale=alt.Scale(nice="not so")))

    with pytest.raises(alt.utils.schemapi.SchemaValidationError):
        wrong()


def test_a_figure_is_a_value():
    shown = Figure("title", lambda: {}, {}, "caption")
    assert not shown.half
    with pytest.raises(AttributeError):
        shown.caption = "others"


def test_a_column_knows_its_unit_whatever_is_stacked_and_sliced():
    one = figure.table(lag=figure.steps([0, 1]), size=figure.decades([0.0, -1.0]), share=[0.5, 1.0], cell=["a", None])
    for made in (one, figure.stack(one, one), one.slice(1), pa.table(one)):
        assert [figure.unit(field) for field in made.schema] == ["steps", "log10", "1", "text"]
    assert one["cell"].to_pylist() == ["a", None]


def test_a_column_of_text_stays_one_when_it_is_empty():
    empty = figure.table(lag=figure.steps(np.empty(0)), label=figure.text([]))
    assert empty.schema.types == [pa.float64(), pa.string()]
    assert [figure.unit(field) for field in empty.schema] == ["steps", "text"]


def counting_plot(asked: list[Settings], **options) -> Plot:
    def tables(settings: Settings, result: float = 0.0) -> dict[str, pa.Table]:
        asked.append(settings)
        return {"numbers": figure.table(value=[settings.w + result])}

    def caption(settings: Settings, result: float = 0.0) -> str:
        return f"{settings.w} at {result}"

    return Plot("title", ("w", "k"), dict, tables, caption, program=None, **options)


def test_a_plot_makes_its_figure_once_for_all_who_ask_for_the_same():
    asked: list[Settings] = []
    plot = counting_plot(asked, half=True)
    first = plot.at(Settings(w=1.5, k=7, h0=0.1))
    assert plot.at(Settings(w=1.5, k=7, h0=0.2, f=0.5)) is first
    assert asked == [Settings(w=1.5, k=7)]  # it is not even told of the rest
    assert (first.title, first.caption, first.half) == ("title", "1.5 at 0.0", True)
    assert first.tables["numbers"].to_pydict() == {"value": [1.5]}
    assert plot.at(Settings(w=1.5, k=8)) is not first
    assert counting_plot(asked).at(Settings(w=1.5, k=7)) is not first  # another plot, another figure
    assert len(asked) == 3


def test_the_figure_of_long_work_follows_its_result():
    plot = counting_plot([])
    settings = Settings(w=1.5)
    assert [plot.at(settings, result).caption for result in (1.0, 2.0)] == ["1.5 at 1.0", "1.5 at 2.0"]
    assert plot.at(settings, 1.0) is not plot.at(settings, 1.0)  # it may have gone on meanwhile
    assert plot.at(settings).caption == "1.5 at 0.0"


@pytest.mark.parametrize("plot", [plot for section in SECTIONS for plot in section.plots], ids=lambda plot: plot.title)
def test_a_plot_says_how_tall_its_drawing_is(plot: Plot):
    drawing = plot.drawing()
    if "vconcat" in drawing:  # views, with what lies between them
        assert plot.height == sum(view["height"] for view in drawing["vconcat"]) + figure.STACKED
    else:
        assert plot.height == drawing["height"]
