"""The example from end to end, at a small size: it fails, reads its report, applies the advice, and succeeds."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
import torch

from examples import copy_task


def test_what_is_to_be_given_back_is_what_was_shown():
    inputs, symbols = copy_task.draw(7, 5, torch.Generator().manual_seed(0))
    assert inputs.shape == (2 + 7 + 2, 5, 6)
    assert torch.equal(inputs[:2].argmax(-1), symbols)
    assert (inputs[2:9].argmax(-1) == copy_task.BLANK).all()
    assert (inputs[9:].argmax(-1) == copy_task.MARK).all()


def test_the_script_tells_the_whole_case(capsys):
    failed, learned = copy_task.main(["--delay", "20", "--steps", "200", "--units", "16"])
    told = capsys.readouterr().out
    assert failed < 0.35  # guessing gets a quarter
    assert learned > failed + 0.25
    assert "does not reach lag 22" in told
    assert "The gradient reaches lag 22" in told


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_and_holds_no_output():
    notebook = nbformat.read(Path("examples/copy_task.ipynb"), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code)
    namespace: dict = {}
    for cell in code:
        source = re.sub(r"^DELAY, .*$", "DELAY, STEPS, UNITS, SEED = 20, 16, 16, 0", cell.source, flags=re.M)
        exec(source.replace('[".", ".."]', '["examples", "."]'), namespace)
    assert not namespace["report"].reaches
    assert namespace["again"].reaches
    assert namespace["log"].seen[0] == {"layer 0": None}


@pytest.mark.claims(seconds=6)
def test_at_its_full_size_it_fails_before_and_succeeds_after():
    failed, learned = copy_task.main([])
    assert failed < 0.35
    assert learned > 0.95
