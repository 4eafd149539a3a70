"""The report's words and advice: each sentence is applied to the network and measured again."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import types

import altair as alt
import numpy as np
import pytest
import torch
from torch import nn

from explainer import reach
from explainer.reach import advice

LAG = 20


def noise(steps: int = 30) -> torch.Tensor:
    return torch.randn(steps, 2, generator=torch.Generator().manual_seed(3))


def network(make=nn.LSTM, **options) -> nn.RNNBase:
    torch.manual_seed(1)
    return make(2, 8, **options)


def said(report: reach.Report, about: str) -> reach.Advice:
    return next(one for one in report.advice if one.about == about)


@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU])
def test_the_forget_bias_that_is_advised_keeps_ten_percent(make):
    model = network(make)
    report = reach.of(model, noise(), lag=LAG)
    added = said(report, advice.FORGET_BIAS).value
    assert advice.middle_product(report.layers[0].gates, LAG) < -1
    with torch.no_grad():
        model.bias_ih_l0[8:16] += added  # the forget gate of an LSTM, z of a GRU
    again = reach.of(model, noise(), lag=LAG)
    kept = np.prod(again.layers[0].gates[0, -LAG:], axis=0)
    assert -1 <= np.median(np.log10(kept)) < -0.998
    assert again.layers[0].horizon is None or again.layers[0].horizon > report.layers[0].horizon
    assert not [one for one in again.advice if one.about == advice.FORGET_BIAS]


def test_the_rule_for_a_gate_that_reads_nothing():
    model = network()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.bias_ih_l0[8:16] = advice.independent_bias(LAG)
    layer = reach.of(model, noise()).layers[0]
    assert layer.log10_direct[LAG] == pytest.approx(-1)


def test_what_is_said_of_the_gates_is_their_mean_and_their_product():
    report = reach.of(network(), noise(), lag=LAG)
    gates = report.layers[0].gates
    sentence = said(report, advice.GATES)
    assert sentence.value == pytest.approx(gates.mean())
    assert f"{100 * gates.mean():.0f} %" in sentence.says
    assert advice.middle_product(gates, LAG) == pytest.approx(np.median(np.log10(gates[0, -LAG:]).sum(0)))


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_the_gain_that_is_advised_makes_the_largest_singular_value_one(nonlinearity: str):
    model = network(nn.RNN, nonlinearity=nonlinearity)
    with torch.no_grad():
        model.weight_hh_l0 *= 4
    gain = said(reach.of(model, noise()), advice.GAIN).value
    with torch.no_grad():
        model.weight_hh_l0 *= gain
    assert float(torch.linalg.matrix_norm(model.weight_hh_l0.detach(), 2)) == pytest.approx(1, rel=1e-6)
    assert reach.of(model, noise()).layers[0].log10_spectral.max() < 1e-6


def test_clipping_leaves_the_ratio_of_the_lags_and_brings_nothing_back():
    model, inputs = network(nn.RNN, nonlinearity="relu"), noise()
    with torch.no_grad():
        model.weight_hh_l0 *= 6
    sentence = said(reach.of(model, inputs, lag=LAG), advice.CLIPPING)
    assert "has grown" in sentence.says
    parts = []
    for lag in (1, LAG):  # what two lags contribute to one and the same weight gradient
        h = model(inputs[: len(inputs) - lag])[1].detach()
        (part,) = torch.autograd.grad(model(inputs[len(inputs) - lag :], h)[1].sum(), model.weight_hh_l0)
        parts.append(part)
    weight = nn.Parameter(torch.zeros_like(parts[0]))
    weight.grad = sum(parts)
    factor = 1 / float(nn.utils.clip_grad_norm_([weight], 1.0))
    torch.testing.assert_close(weight.grad, factor * parts[0] + factor * parts[1], rtol=1e-4, atol=1e-7)
    assert "cannot help" in said(reach.of(network(), inputs, lag=LAG), advice.CLIPPING).says


@pytest.mark.parametrize(("f", "float16"), [(0.9, "holds it"), (0.1, "rounds it to 0")])
def test_what_a_narrow_format_holds_is_what_torch_makes_of_it(f: float, float16: str):
    report = reach.of_step(lambda x, h: f * h, torch.ones(1).double(), torch.zeros(30, 1).double(), lag=LAG)
    sentence = said(report, advice.FORMAT).says
    assert f"float16 {float16}" in sentence
    assert "bfloat16 holds it" in sentence
    assert (float(torch.tensor(f**LAG).half()) == 0) == ("rounds" in float16)
    assert float(torch.tensor(f**LAG).bfloat16()) != 0


def test_the_range_over_sequences_is_said_to_be_of_these():
    model, batch = network(), torch.stack([noise(), 3 * noise()], 1)
    layer = reach.of(model, batch, lag=LAG).layers[0]
    assert layer.lowest[LAG] < layer.highest[LAG]
    assert "over these sequences" in said(reach.of(model, batch, lag=LAG), advice.TRAJECTORY).says


# --- words, chart, notebook ---------------------------------------------------------------------------------


def test_the_table_says_verdict_horizon_and_pace_by_layer():
    report = reach.of(network(num_layers=2), noise(), lag=LAG)
    lines = str(report).splitlines()
    assert "does not reach lag 20" in lines[0]
    for layer, line in zip(report.layers, lines[3:5], strict=True):
        assert line.startswith(layer.name)
        assert f"lag {layer.horizon}" in line
        below = 10 ** layer.log10_spectral[layer.horizon - 1 : layer.horizon + 1]
        assert below[0] >= 0.01 > below[1]
    assert not report.reaches


def test_the_verdict_is_yes_where_one_layer_reaches():
    model = network(num_layers=2)
    with torch.no_grad():
        model.bias_ih_l1[8:16] += 6
    report = reach.of(model, noise(), lag=LAG)
    assert [one.horizon is None or one.horizon > LAG for one in report.layers] == [False, True]
    assert report.reaches
    assert "reaches lag 20" in report.verdict


def test_the_chart_is_the_pages_own_and_holds_the_numbers():
    report = reach.of(network(), noise(), lag=LAG)
    chart = report.chart()
    assert isinstance(chart, alt.LayerChart)
    specification = chart.to_dict()  # validates
    rows = specification["datasets"]["gradients"]
    assert {row["series"] for row in rows} == {"layer 0", "layer 0, direct"}
    drawn = [row["log10_magnitude"] for row in rows if row["series"] == "layer 0"]
    np.testing.assert_array_equal(drawn, report.layers[0].log10_spectral)


def test_a_notebook_shows_table_and_chart_without_any_network():
    shown = reach.of(network(), noise(), lag=LAG)._repr_html_()
    assert "<svg" in shown
    assert "<table" in shown
    assert "<script" not in shown
    assert "https://" not in shown.replace("https://www.w3.org", "").replace("http://www.w3.org", "")


def test_it_can_be_written_as_json_with_everything_in_it():
    report = reach.of(network(nn.RNN, nonlinearity="relu"), noise(), lag=LAG)
    plain = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert plain["layers"][0]["horizon"] == report.layers[0].horizon
    assert plain["reaches"] is report.reaches
    assert len(plain["layers"][0]["log10_spectral"]) == 30


def test_one_step_has_no_pace():
    layer = reach.of(network(), noise(1)).layers[0]
    assert math.isnan(layer.growth_rate)
    assert layer.log10_spectral.tolist() == [0.0]


def test_states_that_overflow_are_said_to():
    model = network(nn.RNN, nonlinearity="relu").double()
    with torch.no_grad():
        model.weight_hh_l0.fill_(1e200)
    with pytest.raises(ValueError, match="layer 0 leave the range of float64"):
        reach.of(model, 1 + noise().abs())


# --- in a training loop -------------------------------------------------------------------------------------


def test_the_callback_measures_every_so_many_steps_and_follows_the_weights():
    model, told = network(), []
    log = reach.HorizonLog(model, noise(), every=10, tell=lambda step, horizons: told.append(step))
    for step in range(21):
        with torch.no_grad():
            model.bias_ih_l0[8:16] += 0.2
        log(step)
    assert told == [0, 10, 20]
    assert log.seen[0]["layer 0"] < (log.seen[20]["layer 0"] or 99)


def test_without_lightning_its_callback_says_what_is_missing():
    if importlib.util.find_spec("lightning") or importlib.util.find_spec("pytorch_lightning"):
        pytest.skip("Lightning is installed")
    with pytest.raises(ImportError, match="lightning"):
        reach.HorizonLog(network(), noise()).lightning()


def test_with_lightning_every_layers_horizon_is_logged_at_its_step(monkeypatch):
    """A stand-in for the library, which is not among the requirements: a base class and the two names that are used."""
    library = types.ModuleType("lightning.pytorch")
    library.Callback = object
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", library)
    log, logged = reach.HorizonLog(network(), noise(), every=10), {}
    module = types.SimpleNamespace(log=lambda name, value: logged.setdefault(name, []).append(value))
    callback = log.lightning()
    for step in range(1, 21):
        callback.on_train_batch_end(types.SimpleNamespace(global_step=step), module, None, None, 0)
    assert logged == {"horizon/layer 0": [float(log.seen[step]["layer 0"]) for step in (10, 20)]}
