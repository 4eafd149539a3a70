"""Damaged files of weights and inputs are read or refused, and nothing else happens."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from explainer.reach import files, weights
from explainer.reach.files import Unusable


def written(write, *content) -> bytes:
    out = io.BytesIO()
    write(out, *content) if write is np.save else write(*content, out)
    return out.getvalue()


STATE = {f"net.{name}": weight.clone() for name, weight in nn.LSTM(3, 4).state_dict().items()}
SAFE, TORCH = safetensors.torch.save(STATE), written(torch.save, STATE)
NPY, CSV = written(np.save, np.arange(12.0).reshape(4, 3)), b"a,b,c\n1,2,3\n4,5,6\n"


def assert_is_a_sentence(text: str) -> None:
    assert text.isprintable()
    assert 20 < len(text) < 400


DAMAGE = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "repeat", "number"]), st.floats(0, 1), st.binary(max_size=12)),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, damage: list[tuple[str, float, bytes]]) -> bytes:
    """A file after some accidents: each at a place given as a share of its length."""
    for kind, share, extra in damage:
        at = int(share * len(data))
        end = at + len(extra)
        if kind == "cut":
            data = data[:at]
        elif kind == "insert":
            data = data[:at] + extra + data[at:]
        elif kind == "repeat":
            data = data[:at] + data[max(0, at - 64) :]
        elif kind == "number":  # somewhere among the digits of a header
            data = data[:at] + bytes(48 + one % 10 for one in extra) + data[end:]
        else:
            data = data[:at] + extra + data[end:]
    return data


@pytest.mark.fuzz(weight=3)
@settings(max_examples=60)
@given(st.sampled_from([SAFE, TORCH]), DAMAGE)
@example(SAFE, [("number", 0.0, b"\x00" * 8)])
@example(TORCH, [("flip", 0.999, b"\xff" * 8)])
def test_a_damaged_file_of_weights_is_read_or_refused(whole: bytes, damage: list):
    data = damaged(whole, damage)
    try:
        found = weights.find(files.weights(data))
    except Unusable as refused:
        assert_is_a_sentence(str(refused))
    else:
        assert all(torch.isfinite(weight).all() for one in found for weight in one.module.parameters())


@pytest.mark.fuzz(weight=2)
@settings(max_examples=60)
@given(st.sampled_from([NPY, CSV]), DAMAGE)
def test_a_damaged_file_of_inputs_is_read_or_refused(whole: bytes, damage: list):
    try:
        inputs = files.inputs(damaged(whole, damage), 3)
    except Unusable as refused:
        assert_is_a_sentence(str(refused))
    else:
        assert inputs.shape[1] == 3
        assert torch.isfinite(inputs).all()


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes):
    for begin in (b"", b"PK\x03\x04", b"\x80\x02", struct.pack("<Q", len(data)) + b"{"):
        with pytest.raises(Unusable):
            weights.find(files.weights(begin + data))
