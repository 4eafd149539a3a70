"""The section about a reader's network: its numbers, its programs, and that nothing of it is kept for others."""

from __future__ import annotations

import contextlib
import gc
import io
import time
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch
from torch import nn

from explainer import reach
from explainer.choices.settings import Settings
from explainer.figures.figure import figures_computed
from explainer.lesson import SECTIONS
from explainer.lesson import your_own_network as lesson
from explainer.lesson.parts import Section, answer, contents, contents_computed
from explainer.reach import files, own, weights
from explainer.reach.noise import noise
from explainer.take import data, handout, notebook
from scripts import example_networks

(SECTION,) = [section for section in SECTIONS if section.of_readers_own]
LENGTH, LAG = 12, 8


def saved(make, **options) -> tuple[nn.RNNBase, bytes]:
    torch.manual_seed(4)
    module = make(2, 5, **options)
    return module, safetensors.torch.save({f"net.{name}": one.clone() for name, one in module.state_dict().items()})


def request(file: bytes, layer: int = 0, **more) -> own.Request:
    (found,) = weights.find(files.weights(file), more.pop("cell", None))
    inputs = more.pop("inputs", noise(LENGTH, 2, 1.0, 0))
    return own.Request("net.safetensors", found, inputs, LAG, layer=layer, **more)


def measured(file: bytes, **more) -> own.Own:
    return own.measure(request(file, **more), lambda share: None)


def line(figure, name: str, column: str) -> np.ndarray:
    table = pa.table(data.table_of(figure))
    return table[column].to_numpy()[table["series"].to_numpy(zero_copy_only=False) == name].astype(float)


# --- the numbers --------------------------------------------------------------------------------------------


def test_the_example_is_drawn_as_reach_measures_it():
    norms, gates, shares = SECTION.figures_at(Settings())
    inputs = noise(60, 2, 1.0, 0)
    for name, file in ((own.AFTER, "memory-lstm-after"), (own.BEFORE, "memory-lstm-before")):
        read = files.weights(Path(f"examples/{file}.safetensors").read_bytes())
        (layer,) = reach.of(weights.find(read)[0].module, inputs, lag=30).layers
        np.testing.assert_array_equal(line(norms, name, "log10_magnitude"), layer.log10_spectral)
        assert line(gates, name, "share").sum() == pytest.approx(1)
        middles = line(gates, name, "gate")
        assert (line(gates, name, "share") * middles).sum() == pytest.approx(layer.gates.mean(), abs=0.025)
        assert line(shares, name, "share").sum() == pytest.approx(1)
    after, fresh = (line(norms, name, "log10_magnitude")[30] for name in (own.AFTER, own.FRESH))
    assert after - fresh > 1  # the right answer: more than ten times as much
    assert SECTION.question(Settings()).right == 0


def test_the_fresh_networks_are_drawn_as_torch_draws_its_own():
    module, _ = saved(nn.LSTM)
    drawn = own.fresh(module, 0)
    values = torch.cat([one.detach().flatten() for one in drawn.parameters()])
    assert values.abs().max() <= 5**-0.5
    assert abs(float(values.std()) - 5**-0.5 / 3**0.5) < 0.03
    assert [one.shape for one in drawn.parameters()] == [one.shape for one in module.parameters()]


KINDS = [
    (nn.LSTM, {}, {}),
    (nn.LSTM, {"proj_size": 3, "num_layers": 2}, {"layer": 1}),
    (nn.GRU, {"num_layers": 2, "bidirectional": True}, {"layer": 3}),
    (nn.RNN, {"bias": False}, {}),
    (nn.RNN, {"nonlinearity": "relu"}, {"cell": "rnn-relu"}),
]


@pytest.mark.parametrize(("make", "options", "more"), KINDS)
def test_the_program_behind_a_figure_gives_a_readers_numbers(make, options, more, tmp_path: Path, monkeypatch):
    """The program reads the file itself, unrolls the network in plain torch and shares no code with the engine."""
    _, file = saved(make, **options)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.safetensors").write_bytes(file)
    if make is nn.GRU:  # inputs from a file as well
        text = "\n".join(",".join(map(repr, row)) for row in noise(LENGTH, 2, 1.0, 0).tolist())
        (tmp_path / "x.csv").write_text(text, encoding="utf-8")
        more = more | {"inputs": files.inputs(text.encode(), 2), "inputs_file": "x.csv"}
    section = lesson.of_readers_own(measured(file, **dict(more)))
    assert len(section.plots) == (2 if make is nn.RNN else 3)
    for plot in section.plots:
        namespace: dict = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(plot.program.code(Settings()), namespace)
        figure = plot.at(Settings())
        names = set(pa.table(data.table_of(figure))["series"].to_pylist())
        assert names == set(namespace["figure"])
        for name, values in namespace["figure"].items():
            np.testing.assert_allclose(values, line(figure, name, plot.program.column), rtol=1e-7, atol=1e-12)
    receipt = section.receipt(Settings())
    assert receipt.difference < 1e-12


def test_a_network_that_is_as_fresh_answers_about_the_same():
    assert lesson.of_readers_own(measured(saved(nn.LSTM)[1])).question(Settings()).right == 1


# --- whose it is --------------------------------------------------------------------------------------------


def test_what_a_reader_has_brought_is_kept_nowhere_else():
    mine = measured(saved(nn.LSTM)[1])
    section = lesson.of_readers_own(mine)
    before = figures_computed(), contents_computed()
    assert section.figures_at(Settings())
    assert contents(section, Settings()).asked == answer(section, Settings()).asked
    assert (figures_computed(), contents_computed()) == before
    gone = [weakref.ref(one) for one in (mine, mine.request, mine.request.found.module)]
    del mine, section
    gc.collect()
    assert [one() for one in gone] == [None] * 3
    assert SECTION.figures_at(Settings())[0].caption.startswith("The example")


def test_what_is_taken_along_holds_it_and_a_link_does_not():
    section: Section = lesson.of_readers_own(measured(saved(nn.LSTM)[1]))
    written = notebook.written(Settings(), "https://example.org/", (section,))
    assert 'file=\\"net.safetensors\\"' in written
    assert "What follows." in written
    made = handout._section(1, section, Settings())
    assert "net.safetensors" in made["rows"][0][0]["figure"].caption
    assert made["follows"].count("\n- ") >= 4
    archive = data.all_tables((section,), Settings(), "")
    assert b"figure-1-1-your-network-the-gradient-against-lag.csv" in archive
    assert section.moved_by == ()  # no control, so no parameter of a link, has to do with it


# --- in the background --------------------------------------------------------------------------------------


def polled(ticket, until) -> object:
    """Poll as a page does, until it says what is waited for."""
    while not until(status := ticket.poll()):
        time.sleep(0.002)
    return status


def test_a_measurement_in_the_background_tells_how_far_it_is_and_ends_with_the_result():
    ticket = own.start(request(saved(nn.LSTM)[1]))
    status = polled(ticket, lambda one: one.over)
    assert status.value.fraction == 1
    alone = measured(saved(nn.LSTM)[1])
    np.testing.assert_array_equal(status.value.own.after.log10_spectral, alone.after.log10_spectral)


def test_a_reader_who_stops_ends_a_long_measurement_at_once():
    torch.manual_seed(0)
    large = safetensors.torch.save(dict(nn.LSTM(2, 600).state_dict()))
    ticket = own.start(request(large, inputs=noise(200, 2, 1.0, 0)))  # a minute of work
    polled(ticket, lambda one: one.value is not None and one.value.fraction > 0)
    ticket.leave()
    status = polled(ticket, lambda one: one.over)
    assert status.value.own is None
    assert status.value.fraction < 1


# --- the example --------------------------------------------------------------------------------------------


def test_the_example_in_the_program_is_the_one_in_the_files():
    from explainer.programs.your_own_network import EXAMPLE_FILES

    contained = {name: Path("examples", file).read_bytes() for name, file in example_networks.FILES.items()}
    assert example_networks.constant(contained) in Path("explainer/programs/your_own_network.py").read_text("utf-8")
    assert set(EXAMPLE_FILES) == set(contained)
    assert sum(map(len, contained.values())) < 200_000


@pytest.mark.claims(seconds=1)
def test_an_lstm_of_eight_units_that_has_learned_to_remember_one_bit_over_30_steps():
    assert "LSTM of eight units that has learned to remember one bit over 30\nsteps" in SECTION.argument
    trained, accuracy = example_networks.trained()
    assert accuracy > 0.99
    read = files.weights(Path("examples/memory-lstm-after.safetensors").read_bytes())
    for name, one in files.weights(trained["example"]).items():
        torch.testing.assert_close(one, read[name], rtol=0.05, atol=0.05)
    assert read["lstm.weight_hh_l0"].shape == (32, 8)
