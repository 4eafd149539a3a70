"""Curves that a reader keeps to compare with: in the link, the figures, their words, and in what is saved."""

from __future__ import annotations

import math

import numpy as np
import pytest

from explainer.choices.controls import CONTROL
from explainer.choices.keeping import KEEP, MOST
from explainer.choices.settings import Settings, from_query, from_text
from explainer.figures import rows
from explainer.figures.compare import KEPT, SHAPES, SIGNS
from explainer.figures.figure import Plot
from explainer.lesson import SECTIONS
from explainer.lesson.opening import FIGURE
from explainer.maths import gradients
from explainer.maths.results import at_once
from explainer.take import data, handout, links

PLOTS = {plot.title: plot for section in SECTIONS for plot in section.plots if plot.compares} | {FIGURE.title: FIGURE}
SMALL = Settings(T=20, n=2, k=10)  # quick networks


def kept_rows(plot: Plot, settings: Settings) -> list[dict]:
    return plot.at(settings).tables[KEPT].to_pylist()


def labels(plot: Plot, settings: Settings) -> dict[tuple[str, str], str]:
    """The labels by line and number of the kept state."""
    return {(row["line"], row["number"]): row["label"] for row in kept_rows(plot, settings) if row["label"]}


# --- the link -----------------------------------------------------------------------------------------------

STATES = (
    Settings(),
    Settings(w=-1.2, h0=-0.25),
    Settings(act="logistic", f=0.9999, gate="state", u=-2.0),
    Settings(nets=("rnn", "lru"), bf=3.0, task="memory-in-noise"),
)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.spelled())
def test_a_kept_state_comes_back_from_its_spelling_which_needs_no_escape(state: Settings):
    assert from_text(state.spelled()) == state
    assert f"{KEEP}={state.spelled()}" in links.query(Settings().with_kept([state]))


def test_a_link_without_kept_curves_says_what_it_always_said():
    assert Settings(w=1.2).to_query() == {"w": ["1.2"]}
    assert from_query({"w": ["1.2"]}) == (Settings(w=1.2), ())


def test_kept_states_come_back_from_a_link_in_their_order():
    settings = Settings(k=20).with_kept(STATES[:MOST])
    assert from_query(settings.to_query()) == (settings, ())


HOSTILE = (
    "",
    "w",
    "w~",
    "w~x",
    "w~9",
    "w~1.2_w~1.3",
    "kept~1",
    "keep~defaults",
    "__class__~1",
    "~",
    "_",
    "w~1.2~1",
    "x" * 9999,
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_what_cannot_be_read_is_left_out_with_a_note_that_does_not_repeat_it(text: str):
    settings, notes = from_query({KEEP: [text, "w~1.2"]})
    assert settings == Settings().with_kept([Settings(w=1.2)])
    (note,) = notes
    assert KEEP in note
    assert len(text) < 5 or text not in note


def test_more_than_three_and_the_same_twice_are_left_out_with_a_note():
    texts = [f"w~{w}" for w in ("1", "1.1", "1.1", "1.2", "1.3")]
    settings, notes = from_query({KEEP: texts})
    assert [one.w for one in settings.kept] == [1.0, 1.1, 1.2]
    assert len(notes) == 1


def test_no_more_than_three_can_be_kept_and_none_keeps_others():
    with pytest.raises(ValueError, match="at most 3"):
        Settings().replace(kept=tuple(Settings(k=k) for k in range(1, 5)))
    with pytest.raises(ValueError, match="each of which keeps none"):
        Settings(kept=(Settings(kept=(Settings(),)),))


# --- the figures --------------------------------------------------------------------------------------------


def test_the_figures_that_compare_are_those_over_the_lag_of_the_first_screen_and_four_sections():
    where = [section.slug for section in SECTIONS for plot in section.plots if plot.compares]
    assert where == ["k-steps", "product-of-gates", "many-paths", "many-paths", "gates-without-a-squashed-state"]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_a_kept_curve_is_what_the_figure_drew_at_the_kept_state(plot: Plot):
    state = SMALL.replace(w=1.1, f=0.8, h0=0.2, n=4, T=30)
    before = plot.at(state).tables["gradients"].to_pylist()
    found = kept_rows(plot, SMALL.with_kept([state]))
    assert found
    for row in found:
        columns = ("lag", "gradient", "log10_magnitude", "status", "reads")
        same = {"series": row["line"]} | {name: row[name] for name in columns}
        assert same in before


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_the_frame_holds_the_kept_curves_and_the_lines_of_now_stay(plot: Plot):
    state = SMALL.replace(k=15, w=8.0, act="identity", f=0.1, n=1, T=30)
    now, beside = plot.at(SMALL).tables, plot.at(SMALL.with_kept([state])).tables
    assert beside["gradients"] == now["gradients"]
    frame, kept = beside["frame"].to_pylist(), beside[KEPT].to_pylist()
    for name in ("log10_magnitude", "label_log10"):
        places = [row[name] for row in kept if row[name] is not None]
        assert frame[0]["log10_magnitude"] <= min(places)
        assert max(places) <= frame[1]["log10_magnitude"]
    assert frame[1]["lag"] >= max(row["lag"] for row in kept)


def test_a_line_is_labelled_with_what_differs_and_where_nothing_does_there_is_none():
    w, f = Settings(w=1.2), Settings(f=0.9)
    assert labels(FIGURE, Settings().with_kept([w])) == {("vanilla", "1"): "w = 1.2"}
    assert labels(FIGURE, Settings(w=-0.5).with_kept([w, f])) == {
        ("vanilla", "1"): "w = 1.2",
        ("vanilla", "2"): "w = 0.9",
        ("gated", "2"): "f = 0.9",
    }
    assert labels(FIGURE, w.with_kept([w])) == {}  # it would lie upon the present curve
    both = labels(FIGURE, Settings(gate="state").with_kept([Settings(gate="state", h0=-0.2)]))
    assert both == {("vanilla", "1"): "vanilla, h0 = −0.2", ("gated", "1"): "gated, h0 = −0.2"}


def test_two_kept_states_with_the_same_line_draw_it_once():
    twice = Settings().with_kept([Settings(w=1.2), Settings(w=1.2, f=0.5)])
    assert [key for key in labels(FIGURE, twice) if key[0] == "vanilla"] == [("vanilla", "1")]


def test_labels_stand_apart():
    settings = Settings(w=0.8).with_kept([Settings(w=w, f=f) for w, f in ((0.81, 0.94), (0.82, 0.93), (0.83, 0.92))])
    places = sorted(row["label_log10"] for row in kept_rows(FIGURE, settings) if row["label"])
    assert len(places) == 6
    low, high = (row["log10_magnitude"] for row in FIGURE.at(settings).tables["frame"].to_pylist())
    assert np.diff(places).min() > 0.9 * 16 / 115 * (high - low)  # pixels of a label's line and of the plot


def test_a_curve_that_dies_is_labelled_where_it_was_last_alive():
    dead = Settings(act="relu", w=-0.9)
    (end,) = [row for row in kept_rows(FIGURE, Settings().with_kept([dead])) if row["label"]]
    assert math.isfinite(end["log10_magnitude"])
    assert end["lag"] < dead.k


def test_the_words_beside_the_figure_and_what_is_saved_say_it_as_well():
    settings, state = Settings(), Settings(w=1.2)
    shown = FIGURE.at(settings.with_kept([state]))
    (end,) = [row for row in shown.tables[KEPT].to_pylist() if row["label"]]
    assert f"Kept: vanilla with w = 1.2: {end['reads']} at lag {state.k}." in shown.caption
    saved = data.table_of(shown).to_pylist()
    ghost = [row["gradient"] for row in saved if row["series"] == "vanilla, kept 1"]
    assert ghost == gradients.vanilla(state).gradient.tolist()
    assert [row for row in saved if "kept" not in row["series"]] == FIGURE.at(settings).tables["gradients"].to_pylist()


def test_every_kept_state_has_dashes_a_shape_and_a_sign_of_its_own():
    assert len(set(SHAPES)) == len(set(SIGNS)) == MOST
    lines = [
        one
        for one in FIGURE.drawing()["layer"]
        if one.get("data", {}).get("name") == KEPT and "strokeDash" in one["encoding"]
    ]
    (line,) = lines
    dash = line["encoding"]["strokeDash"]
    dashes = [tuple(one["value"]) for one in dash["condition"]] + [tuple(dash["value"])]
    assert len(set(dashes)) == MOST


# --- while a slider moves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["w", "k"])
def test_while_a_slider_moves_kept_curves_stay_as_they_are(name: str):
    values = CONTROL[name].values[::9]
    base = Settings().with_kept([Settings(w=1.2, f=0.9), Settings(h0=0.1)])
    many = base.each(name, values)
    one_by_one = [FIGURE.at(settings).tables[KEPT] for settings in many]
    with at_once(name, values), rows.bare():
        swept = [FIGURE.tables(settings)[KEPT] for settings in many]
    for bare, table in zip(swept, one_by_one, strict=True):
        for column in ("line", "number", "lag", "label", "label_log10", "log10_magnitude"):
            mine = bare[column].to_numpy()
            theirs = table[column].to_numpy(zero_copy_only=False)
            np.testing.assert_array_equal(mine, theirs)


def test_only_figures_of_what_differs_are_made_anew_for_a_kept_curve():
    (plot,) = [one for one in PLOTS.values() if "LSTM" in one.title and "minGRU" in one.title]
    assert plot.at(SMALL.with_kept([SMALL.replace(w=1.2)])) is plot.at(SMALL)


def test_the_handout_names_the_kept_states_and_draws_their_curves():
    settings = SMALL.with_kept([SMALL.replace(w=1.2)])
    (section,) = [one for one in SECTIONS if one.slug == "k-steps"]
    written = handout.page(settings, "https://example.org/", [section])
    assert "○ k = 10, w = 1.2, f = 0.95" in written
    assert '"label":"w = 1.2"' in written
