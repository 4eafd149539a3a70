"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from explainer import reach
from explainer.reach.__main__ import main
from explainer.reach.noise import noise


@pytest.fixture
def lstm(tmp_path: Path) -> tuple[nn.LSTM, Path]:
    torch.manual_seed(0)
    module = nn.LSTM(2, 4)
    file = tmp_path / "weights.safetensors"
    file.write_bytes(safetensors.torch.save({f"net.{name}": one for name, one in module.state_dict().items()}))
    return module, file


def test_it_exits_with_1_where_the_gradient_does_not_reach_and_0_where_it_does(lstm, capsys):
    module, file = lstm
    assert main([str(file), "--lag", "40"]) == 1
    printed = capsys.readouterr().out
    expected = reach.of(module, noise(41, 2, 1.0, 0), lag=40)
    assert expected.verdict in printed
    assert str(expected.layers[0].horizon) in printed
    assert all(str(one) in printed for one in expected.advice)
    assert main([str(file), "--lag", str(expected.layers[0].horizon - 1)]) == 0


def test_json_holds_the_numbers(lstm, capsys):
    module, file = lstm
    assert main([str(file), "--lag", "10", "--scale", "0.5", "--seed", "3", "--json"]) in (0, 1)
    plain = json.loads(capsys.readouterr().out)
    expected = reach.of(module, noise(11, 2, 0.5, 3)).layers[0]
    np.testing.assert_allclose(plain["layers"][0]["log10_spectral"], expected.log10_spectral, rtol=1e-12)


def test_inputs_from_a_file_and_a_page_of_html(lstm, tmp_path: Path, capsys):
    module, file = lstm
    inputs = np.random.default_rng(0).normal(size=(15, 2))
    np.save(tmp_path / "x.npy", inputs)
    page = tmp_path / "out.html"
    main([str(file), "--inputs", str(tmp_path / "x.npy"), "--html", str(page)])
    expected = reach.of(module, torch.from_numpy(inputs))
    assert expected.lag == 14
    assert str(expected.layers[0].horizon) in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    "arguments",
    [["missing.safetensors"], ["{file}", "--lag", "-1"], ["{file}", "--cell", "gru"], ["{file}", "--inputs", "no"]],
)
def test_unusable_input_exits_with_2_and_a_sentence(lstm, arguments: list[str], capsys):
    assert main([one.format(file=lstm[1]) for one in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.split()) > 3
    assert "Traceback" not in printed.err


def test_a_file_of_two_networks_asks_which(lstm, tmp_path: Path, capsys):
    module, _ = lstm
    both = {f"{prefix}.{name}": one.clone() for prefix in ("a", "b") for name, one in module.state_dict().items()}
    file = tmp_path / "both.safetensors"
    file.write_bytes(safetensors.torch.save(both))
    assert main([str(file)]) == 2
    assert "a, b" in capsys.readouterr().err
    assert main([str(file), "--network", "b", "--lag", "2"]) in (0, 1)


@pytest.mark.apart
def test_it_runs_as_a_module_without_streamlit(lstm):
    code = (
        "import runpy, sys; sys.argv = ['reach', sys.argv[1], '--lag', '5']\n"
        "try: runpy.run_module('explainer.reach', run_name='__main__')\n"
        "finally: assert 'streamlit' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(lstm[1])], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert "decades a step" in done.stdout
