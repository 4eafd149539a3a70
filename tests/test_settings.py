"""The controls, the presets and the URL: a public interface, and hostile input."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from explainer.choices.controls import CONTROL, CONTROLS, LARGEST_LAG, Choice, Control, Number, Several
from explainer.choices.keeping import KEEP
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings, from_query
from explainer.figures import networks as network_drawings
from explainer.maths import gradients, jacobians, number_formats
from explainer.maths.grid import vanilla_grid
from explainer.maths.logscale import first_below
from explainer.maths.paths import by_path

# name: (default, first value, last value, number of values). Links in lecture notes depend on these: a change
# here is a change of what existing links mean.
FROZEN = {
    "k": (50, 1, 200, 200),
    "h0": (0.5, -2.0, 2.0, 401),
    "act": ("tanh", "identity", "logistic", 4),
    "w": (0.9, -8.0, 8.0, 193),
    "gate": ("constant", "constant", "state", 3),
    "f": (0.95, 0.0, 1.0, 47),
    "spread": (1.0, 0.0, 3.0, 31),
    "seed": (0, 0, 99, 100),
    "u": (1.0, -4.0, 4.0, 81),
    "ls": (0, 0, 24, 25),
    "nets": (("rnn", "lstm", "gru"), "rnn", "ssm", 13),
    "n": (16, 1, 64, 7),
    "T": (100, 10, 200, 8),
    "gain": (1.0, 0.25, 8.0, 20),
    "bf": (None, None, 6.0, 18),
    "xs": (1.0, 0.0, 4.0, 6),
    "ns": (0, 0, 99, 100),
    "task": ("memory", "memory", "adding", 3),
    "tk": (50, 10, 100, 7),
    "tb": (3.0, 0.5, 6.0, 12),
    "tn": (3, 1, 5, 5),
    "clip": ("off", "off", "on", 2),
    "also": ("none", "none", "ssm", 10),
    "L": (24, 1, 100, 11),
    "d": (16, 8, 64, 4),
    "dg": (1.0, 0.25, 4.0, 16),
    "db": (-2.0, -6.0, 2.0, 17),
    "dx": (1.0, 0.01, 10.0, 8),
    "ds": (0, 0, 99, 100),
}
NAMES = {
    "act": ("identity", "relu", "tanh", "logistic"),
    "gate": ("constant", "varying", "state"),
    "nets": (
        *("rnn", "lstm", "gru", "peephole", "mgu", "relu", "leaky", "coupled"),
        *("linear", "lru", "mingru", "minlstm", "ssm"),
    ),
    "also": ("none", "peephole", "mgu", "leaky", "coupled", "linear", "lru", "mingru", "minlstm", "ssm"),
    "task": ("memory", "memory-in-noise", "adding"),
    "clip": ("off", "on"),
}
CHOICES = [control for control in CONTROLS if isinstance(control, Choice)]
NUMBERS = [control for control in CONTROLS if isinstance(control, Number)]


def numbers(control: Number) -> list:
    """The control's grid without the None that stands for torch's own."""
    return [value for value in control.values if value is not None]


def name_of(control: Control) -> str:
    return control.name


def choices_of(control: Control) -> st.SearchStrategy:
    if isinstance(control, Several):
        some = st.lists(st.sampled_from(control.values), min_size=1, unique=True)
        return some.map(lambda names: tuple(name for name in control.values if name in names))
    return st.sampled_from(control.values)


any_values = st.fixed_dictionaries({control.name: choices_of(control) for control in CONTROLS})
any_settings = any_values.map(lambda values: Settings(**values))


# --- names, defaults and grids ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FROZEN)
def test_names_defaults_and_ranges_mean_the_same_tomorrow(name: str):
    values = CONTROL[name].values
    assert (CONTROL[name].default, values[0], values[-1], len(values)) == FROZEN[name]
    assert getattr(Settings(), name) == FROZEN[name][0]
    assert values == NAMES.get(name, values)


def test_no_control_is_left_out_of_the_table_above():
    assert set(FROZEN) == set(CONTROL)
    assert set(NAMES) == {control.name for control in CONTROLS if not isinstance(control, Number)}


def test_every_control_is_a_field_of_the_settings_and_every_field_a_control():
    assert {control.name for control in CONTROLS} | {"kept"} == set(Settings.__dataclass_fields__)
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
    assert {*CONTROL, "kept"} == set(Settings.__dataclass_fields__)


@pytest.mark.parametrize("control", CONTROLS, ids=name_of)
def test_every_control_has_its_default_on_its_grid_and_one_line_of_help(control):
    if isinstance(control, Several):
        assert set(control.default) <= set(control.values)
    else:
        assert control.default in control.values
    assert control.label
    assert control.help.strip().endswith(".")
    assert "\n" not in control.help


@pytest.mark.parametrize("control", NUMBERS, ids=name_of)
def test_grids_ascend_without_repeats_and_every_value_reads_as_itself(control):
    grid = numbers(control)
    assert grid == sorted(set(grid))
    assert len({type(value) for value in grid}) == 1
    assert [float(control.text(value)) for value in grid] == grid
    assert len({control.text(value) for value in control.values}) == len(control.values)
    assert not any(math.copysign(1, value) < 0 for value in grid if value == 0)


@pytest.mark.parametrize(
    ("name", "around", "step"),
    [
        ("w", 1.0, 0.01),
        ("w", -1.0, 0.01),
        ("w", 7.0, 0.25),
        ("f", 0.95, 0.01),
        ("f", 0.995, 0.001),
        ("f", 0.9995, 0.0001),
        ("h0", 0.5, 0.01),
        ("spread", 1.0, 0.1),
        ("u", 1.0, 0.1),
    ],
)
def test_steps_are_fine_where_it_matters(name: str, around: float, step: float):
    values = CONTROL[name].values
    at = values.index(around)
    np.testing.assert_allclose(np.diff(values[at - 1 : at + 2]), step, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", ["w", "h0", "u"])
def test_signed_grids_are_symmetric(name: str):
    values = CONTROL[name].values
    assert [-value for value in reversed(values)] == list(values)


# --- the engine's own limits --------------------------------------------------------------------------------

NOT_A_NUMBER = [math.nan, math.inf, -math.inf, "1", None, True, 1j, (0.5,), 10**400]


@pytest.mark.parametrize("name", ["w", "h0", "f", "spread", "u", "gain", "bf", "xs", "tb"])
@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=lambda value: repr(value)[:12])
def test_what_is_not_a_finite_number_is_refused_by_name(name: str, value):
    if (name, value) == ("bf", None):
        return  # torch's own
    with pytest.raises(ValueError, match=rf"^{name} must be"):
        Settings(**{name: value})


@pytest.mark.parametrize("name", ["k", "seed", "ls", "n", "T", "ns", "tk", "tn"])
@pytest.mark.parametrize("value", [1.0, 2.5, True, "1", None, math.nan], ids=repr)
def test_what_is_not_a_whole_number_is_refused_by_name(name: str, value):
    with pytest.raises(ValueError, match=rf"^{name} must be"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("k", LARGEST_LAG + 1),
        ("f", -0.001),
        ("f", 1.001),
        ("f", -math.ulp(0)),
        ("spread", -0.1),
        ("ls", 101),
        ("ls", -1),
        ("k", -1),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_out_of_range_is_refused_by_name(field: str, value):
    with pytest.raises(ValueError, match=rf"^{field} must be"):
        Settings(**{field: value})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "Tanh", "sigmoid", None, 1, True, ["tanh"], ("rnn", "x"), ()], ids=repr)
def test_unknown_choices_are_refused_and_the_known_ones_named(name: str, value):
    with pytest.raises(ValueError, match=rf"^{name} must be (one|some) of {', '.join(NAMES[name])}"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    "values",
    [
        {"w": 1e308},
        {"w": -1e308, "h0": 5e-324},
        {"k": 0},
        {"k": LARGEST_LAG},
        {"f": 0.0},
        {"f": 1},
        {"h0": -0.0},
        {"u": 1e300, "spread": 1e300},
        {"seed": 2**63 - 1},
    ],
    ids=repr,
)
def test_the_engine_accepts_any_finite_number_and_any_lag_up_to_ten_thousand(values: dict):
    assert {name: getattr(Settings(**values), name) for name in values} == values


def test_settings_are_values_frozen_and_hashable():
    assert Settings() == Settings()
    assert hash(Settings(w=1.5)) == hash(Settings(w=1.5))
    with pytest.raises(AttributeError):
        Settings().w = 2.0
    changed = Settings().replace(w=2.0, act="relu")
    assert (changed.w, changed.act, Settings().w) == (2.0, "relu", 0.9)
    with pytest.raises(ValueError, match=r"^w must be"):
        Settings().replace(w=math.nan)


@given(f=st.floats(0, 1))
@example(0.0)
@example(1.0)
@example(0.5)
def test_the_forget_bias_belongs_to_the_gate(f: float):
    bias = Settings(f=f).forget_bias
    assert not math.isnan(bias)
    if math.isinf(bias):
        assert f == (bias > 0)
    else:
        # logistic(b), in the form that does not overflow, gives f back
        back = 1 / (1 + math.exp(-bias)) if bias > 0 else math.exp(bias) / (1 + math.exp(bias))
        # a subnormal f keeps fewer digits than its logarithm
        assert back == pytest.approx(f, rel=abs(bias) * 4e-16 + 4e-16, abs=2e-323)


# --- the URL ------------------------------------------------------------------------------------------------


@given(any_settings)
def test_any_state_of_the_controls_survives_the_url(settings: Settings):
    query = settings.to_query()
    assert all(isinstance(text, str) for texts in query.values() for text in texts)
    assert from_query(query) == (settings, ())


@given(any_settings)
def test_what_is_at_its_default_stays_out_of_the_url(settings: Settings):
    query = settings.to_query()
    assert set(query) == {c.name for c in CONTROLS if getattr(settings, c.name) != c.default}
    assert Settings().to_query() == {}


@given(any_values)
def test_every_value_written_out_is_understood_also_the_defaults(values: dict):
    query = {name: CONTROL[name].texts(value) for name, value in values.items()}
    assert from_query(query) == (Settings(**values), ())


def possible_notes(control: Control) -> set[str]:
    """Every note that this control can give; none has anything of the link in it."""
    links = [[""], ["1e99"], ["-1e99"]]
    if isinstance(control, Number):
        grid = numbers(control)
        links += [[repr(value + 1e-9)] for value in grid[:-1]] + [[repr(value - 1e-9)] for value in grid[1:]]
    if not isinstance(control, Number):
        links += [[name.upper()] for name in control.values]
    if isinstance(control, Several):
        sizes = range(len(control.values) + 1)
        links += [[*some, ""] for size in sizes for some in itertools.combinations(control.values, size)]
    return {control.parse(texts)[1] for texts in links} - {None}


NOTES = {control.name: possible_notes(control) for control in CONTROLS}

hostile_texts = st.one_of(
    st.text(max_size=50),
    st.floats().map(repr),
    st.integers(-(10**40), 10**40).map(str),
    st.sampled_from(
        [
            "", " ", "nan", "NaN", "-nan", "inf", "-Infinity", "1e400", "-1e400", "1e-400", "0x10", "1_000", "٣", "½",
            "5 ", "\t5\n", "+5", "-0", "0.505", "1,5", "1" * 33, "9" * 5000, "true", "None", "[]", "{}", "tanh ",
            "TANH", "<script>alert(1)</script>", "`w`", "$$", "](http://example.org)", "\x00", "\ud800", "%00", "'; --",
        ]
    ),
)  # fmt: skip


parameter_names = st.one_of(st.sampled_from(sorted(CONTROL)), st.text(max_size=20).filter(lambda name: name != KEEP))
known_words = st.sampled_from(sorted({name for names in NAMES.values() for name in names} | {"torch"}))


@given(st.dictionaries(parameter_names, st.lists(st.one_of(hostile_texts, known_words), max_size=6)))
@budget(max_examples=400)
def test_any_query_gives_values_on_the_grids_and_notes_without_its_text(query: dict[str, list[str]]):
    settings, notes = from_query(query)
    for control in CONTROLS:
        value = getattr(settings, control.name)
        if isinstance(control, Several):
            assert value
            assert value == tuple(name for name in control.values if name in value)
        else:
            assert value in control.values
            assert type(value) in {type(one) for one in control.values}
    allowed = set().union(*(NOTES[name] for name in query if name in CONTROL))
    assert set(notes) <= allowed
    assert len(notes) <= len(query)
    # and what has given way is a link without notes
    assert from_query(settings.to_query()) == (settings, ())


@given(st.dictionaries(st.text().filter(lambda name: name not in (*CONTROL, KEEP)), st.lists(st.text())))
def test_parameters_of_others_are_left_alone(query: dict[str, list[str]]):
    assert from_query(query) == (Settings(), ())


@pytest.mark.parametrize("control", NUMBERS, ids=name_of)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e9", "-1e9", "", "x", "1e400"])
def test_out_of_range_and_not_a_number_fall_back_to_the_default_with_a_note(control, text: str):
    value, note = control.parse([text])
    assert value == control.default
    assert note.startswith(f"`{control.name}` is {control.text(control.default)} now")
    assert f"{control.text(numbers(control)[0])} to {control.text(numbers(control)[-1])}" in note


@pytest.mark.parametrize("control", CHOICES, ids=name_of)
def test_unknown_choices_in_a_link_fall_back_to_the_default_with_a_note(control):
    value, note = control.parse(["softplus"])
    assert value == control.default
    assert all(choice in note for choice in control.values)


def test_several_keeps_what_is_known_in_the_registrys_order():
    nets = CONTROL["nets"]
    assert nets.parse(["gru", "rnn"]) == (("rnn", "gru"), None)
    assert nets.parse(["gru", "gru"]) == (("gru",), None)
    kept, note = nets.parse(["mgu", "elman"])
    assert kept == ("mgu",)
    assert "mgu" in note
    assert "elman" not in note
    kept, note = nets.parse(["elman"])
    assert kept == nets.default
    assert note
    kept, note = nets.parse(["GRU, rnn"])  # as one value, and in capitals
    assert kept == ("rnn", "gru")
    assert note


def test_the_last_of_several_values_counts():
    assert from_query({"w": ["x", "1.5"], "act": ["relu", "tanh"]}) == (Settings(w=1.5), ())


def test_torchs_own_forget_bias_has_a_name_in_the_url():
    assert Settings(bf=1.0).to_query() == {"bf": ["1"]}
    assert from_query({"bf": ["torch"]}) == (Settings(bf=None), ())
    assert CONTROL["w"].parse(["torch"])[0] == CONTROL["w"].default
    assert CONTROL["w"].parse(["torch"])[1]


@given(st.data())
def test_off_the_grid_becomes_the_nearest_step_with_a_note(data: st.DataObject):
    control = data.draw(st.sampled_from(NUMBERS))
    grid = numbers(control)
    number = data.draw(st.floats(grid[0], grid[-1]))
    value, note = control.parse([repr(number)])
    assert abs(value - number) == min(abs(step - number) for step in grid)
    assert (note is None) == (number in grid)


def test_half_a_step_is_not_an_error():
    settings, notes = from_query({"h0": ["0.505"], "w": ["0.9"]})
    assert settings.h0 in (0.5, 0.51)
    assert len(notes) == 1
    assert "nearest" in notes[0]
    assert "0.505" not in notes[0]


# --- the presets: each does what it says --------------------------------------------------------------------

preset = {one.name: one for one in PRESETS}


def test_presets_have_names_of_their_own_and_every_preset_has_a_test():
    assert len(preset) == len(PRESETS)
    assert set(preset) == set(FACTS)


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.name)
def test_presets_stand_on_the_controls_grids(one):
    assert from_query(one.settings.to_query()) == (one.settings, ())
    assert {name: getattr(one.settings, name) for name in one.changes} == dict(one.changes)


def vanishing(settings: Settings):
    """the gradient decays at every step"""
    g = gradients.vanilla(settings)
    assert (settings.act, settings.w) == ("tanh", 0.9)
    assert (np.diff(np.abs(g.gradient)) < 0).all()
    assert gradients.verdict(g) == "vanishes"


def exploding(settings: Settings):
    """exactly wᵏ, and it grows"""
    g = gradients.vanilla(settings)
    assert (settings.act, settings.w) == ("identity", 1.1)
    np.testing.assert_allclose(g.gradient, 1.1**g.lag, rtol=1e-13, atol=0)
    assert (np.diff(g.gradient) > 0).all()
    assert gradients.verdict(g) == "explodes"


def knife_edge(settings: Settings):
    """slower than any exponential, and still down"""
    assert (settings.act, settings.w) == ("tanh", 1.0)
    assert (np.diff(np.abs(gradients.vanilla(settings).gradient)) < 0).all()
    # the latest factor tends to 1, like 1 − 3/(2k): above any fixed rate in the end
    for k in (100, 1000, 10_000):
        latest = gradients.vanilla(settings.replace(k=k)).factor[0]
        assert 1 - 1.6 / k < latest < 1 - 1.4 / k
    # and what is left falls like k^(−3/2)
    left = [gradients.vanilla(settings.replace(k=k)).gradient[-1] for k in (2500, 10_000)]
    assert math.log(left[1] / left[0]) / math.log(4) == pytest.approx(-1.5, abs=0.01)


def saturated_tanh(settings: Settings):
    """tanh with w = 1.5 from a small start: up like wᵏ, then down"""
    assert (settings.act, settings.w) == ("tanh", 1.5)
    lags = tuple(range(1, settings.k + 1))
    grown = vanilla_grid(settings, (settings.w,), lags).gradient[0]
    peak = int(np.argmax(grown))
    assert (np.diff(grown[: peak + 1]) > 0).all()
    assert (np.diff(grown[peak:]) < 0).all()
    assert grown[0] > 0.95 * 1.5
    assert grown[1] > 0.9 * 1.5**2
    assert grown[peak] > 2
    assert gradients.verdict(gradients.vanilla(settings)) == "vanishes"


def logistic_never_explodes(settings: Settings):
    """logistic with w = 8, and still vanishing"""
    g = gradients.vanilla(settings)
    assert (settings.act, settings.w) == ("logistic", 8.0)
    assert g.bound[1] == 2  # the bound alone would allow it to explode
    assert gradients.verdict(g) == "vanishes"


def dead_relu(settings: Settings):
    """ReLU with w < 0: after two steps exactly nothing"""
    assert settings.act == "relu"
    assert settings.w < 0
    assert (gradients.vanilla(settings).gradient[2:] == 0).all()
    for start in (-2.0, -0.5, 0.0, 0.5, 2.0):  # wherever it starts
        g = gradients.vanilla(settings.replace(h0=start))
        assert g.gradient[-1] == 0
        assert gradients.vanilla(settings.replace(h0=start, k=2)).gradient[-1] == 0
        assert gradients.verdict(g) == "dead"


def active_relu(settings: Settings):
    """the gradient passes unchanged"""
    assert (settings.act, settings.w) == ("relu", 1.0)
    assert (gradients.vanilla(settings).gradient == 1).all()


def long_memory(settings: Settings):
    """a gate of 0.999 keeps nine tenths over a hundred steps"""
    assert (settings.f, settings.k) == (0.999, 100)
    assert gradients.gated(settings).gradient[-1] == pytest.approx(0.9, abs=0.005)


def default_biases(settings: Settings):
    """a gate of 0.5, as PyTorch starts it: gone within a few steps"""
    assert settings.f == 0.5
    assert gradients.horizon(gradients.gated(settings)) == 7


def a_gate_that_reads_c(settings: Settings):
    """the derivative is no longer the gate alone"""
    paths = by_path(settings)
    assert settings.gate == "state"
    assert (np.abs(paths.whole / paths.product_of_gates - 1)[1:] > 0.01).all()


def gone_in_float16(settings: Settings):
    """logistic with w = 1: float16 holds nothing of it after a dozen steps"""
    assert (settings.act, settings.w) == ("logistic", 1.0)
    assert number_formats.vanilla(settings, "float16").zero_from == 12


def restless_gate(settings: Settings):
    """the gate varies; the product of gates follows it"""
    g = gradients.gated(settings)
    assert settings.gate == "varying"
    assert g.gates.std() > 0.1
    np.testing.assert_allclose(g.gradient[1:], np.cumprod(g.gates), rtol=1e-12, atol=0)


def ends_of(settings: Settings, cell: str) -> np.ndarray:
    """log10 of the norm over the longest lag, one a draw."""
    return jacobians.by_lag(network_drawings.network(cell, settings), network_drawings.SEEDS).spectral.whole[:, -1]


def horizon_of_the_direct_path(settings: Settings) -> int | None:
    measured = jacobians.by_lag(network_drawings.network("lstm", settings), network_drawings.SEEDS)
    return first_below(np.median(measured.spectral.direct, axis=0), gradients.HORIZON)


def lstm_as_torch_starts_it(settings: Settings):
    """the forget gates are near 0.5, and the direct path is gone within some twenty steps"""
    assert settings.bf is None
    assert horizon_of_the_direct_path(settings) <= 20
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = torch.nn.LSTM(settings.n, settings.n)
        x, h = torch.randn(500, settings.n), torch.zeros(500, settings.n)
    rows = slice(settings.n, 2 * settings.n)  # torch's order of the gates: input, forget, cell, output
    opening = torch.sigmoid(
        x @ network.weight_ih_l0[rows].T + network.bias_ih_l0[rows] + h @ network.weight_hh_l0[rows].T
        + network.bias_hh_l0[rows]
    )  # fmt: skip
    assert opening.mean().item() == pytest.approx(0.5, abs=0.1)


def lstm_with_forget_bias_3(settings: Settings):
    """the same networks, and the direct path holds"""
    assert settings == preset["LSTM as torch starts it"].settings.replace(bf=3.0)
    assert horizon_of_the_direct_path(settings) is None


def real_networks_explode(settings: Settings):
    """with gain 8 the vector RNN explodes in some draws, and so do LSTM and GRU"""
    assert settings.gain == 8
    for cell in ("rnn", "lstm", "gru"):
        assert (ends_of(settings, cell) > math.log10(gradients.EXPLODED)).any()


FACTS = {
    "Vanishing": vanishing,
    "Exploding": exploding,
    "Knife-edge w = 1": knife_edge,
    "Saturated tanh": saturated_tanh,
    "Logistic never explodes": logistic_never_explodes,
    "Dead ReLU": dead_relu,
    "Active ReLU": active_relu,
    "Long memory": long_memory,
    "Default biases": default_biases,
    "A gate that reads c": a_gate_that_reads_c,
    "Gone in float16": gone_in_float16,
    "Restless gate": restless_gate,
    "LSTM as torch starts it": lstm_as_torch_starts_it,
    "LSTM with forget bias 3": lstm_with_forget_bias_3,
    "Real networks explode": real_networks_explode,
}


@pytest.mark.parametrize("name", FACTS)
def test_preset_does_what_its_fact_says(name: str):
    FACTS[name](preset[name].settings)
