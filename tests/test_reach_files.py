"""Files of weights and inputs: what is read is what was written, and what cannot be used is refused in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from explainer.reach import files, weights
from explainer.reach.files import Unusable


def saved(state: object, **options) -> bytes:
    out = io.BytesIO()
    torch.save(state, out, **options)
    return out.getvalue()


def network(make=nn.LSTM, **options) -> nn.RNNBase:
    torch.manual_seed(0)
    return make(3, 4, **options)


def state_of(module: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": one.clone() for name, one in module.state_dict().items()}


def header(entries: dict, data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


SAFE = safetensors.torch.save(state_of(network(), "encoder.lstm."))
TORCH = saved(network().state_dict())
NPY = io.BytesIO()
np.save(NPY, np.arange(12.0).reshape(4, 3))
NPY = NPY.getvalue()
CSV = b"a,b,c\n1,2,3\n4,5,6\n"


# --- what is read -------------------------------------------------------------------------------------------

MODULES = [
    (nn.LSTM, {}),
    (nn.LSTM, {"num_layers": 3, "bidirectional": True, "bias": False}),
    (nn.LSTM, {"proj_size": 2, "num_layers": 2}),
    (nn.GRU, {"num_layers": 2}),
    (nn.RNN, {}),
]


@pytest.mark.parametrize(("make", "options"), MODULES)
@pytest.mark.parametrize("prefix", ["", "encoder.lstm.", "module.0."])
@pytest.mark.parametrize("write", [safetensors.torch.save, saved])
def test_a_network_is_found_under_any_prefix_and_is_the_one_that_was_saved(make, options: dict, prefix: str, write):
    module = network(make, **options)
    (found,) = weights.find(files.weights(write({"head.weight": torch.zeros(2, 4), **state_of(module, prefix)})))
    assert found.whole_prefix == prefix
    assert found.is_ambiguous == (make is nn.RNN)
    inputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(found.module(inputs.double())[0], module.double()(inputs.double())[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_usual_precision_is_read(dtype: torch.dtype):
    module = network(nn.GRU).to(dtype)
    for write in (safetensors.torch.save, saved):
        (found,) = weights.find(files.weights(write(state_of(module))))
        assert torch.equal(found.module.weight_hh_l0, module.weight_hh_l0.double())


def test_several_networks_and_single_steps_are_listed():
    state = (
        state_of(network(), "encoder.") | state_of(network(nn.GRU), "decoder.") | state_of(nn.LSTMCell(2, 3), "cell.")
    )
    found = weights.find(files.weights(safetensors.torch.save(state)))
    assert {one.prefix: one.cell for one in found} == {"encoder": "lstm", "decoder": "gru", "cell": "lstm"}
    assert next(one for one in found if one.prefix == "cell").module.input_size == 2


def test_a_training_loops_checkpoint_is_unwrapped():
    read = files.weights(saved({"epoch": 3, "model_state_dict": network().state_dict(), "loss": 0.5}))
    assert weights.find(read)[0].cell == "lstm"


def test_an_rnn_can_be_said_to_be_relu_and_nothing_can_be_said_to_be_what_it_is_not():
    read = files.weights(safetensors.torch.save(state_of(network(nn.RNN))))
    assert weights.find(read, "rnn-relu")[0].module.nonlinearity == "relu"
    with pytest.raises(Unusable, match="type rnn, not gru"):
        weights.find(read, "gru")


@pytest.mark.parametrize("data", [NPY, b"0,1,2\n3,4,5\n6,7,8\n9,10,11\n"])
def test_inputs_are_read_row_by_row(data: bytes):
    assert torch.equal(files.inputs(data, 3), torch.arange(12.0).double().view(4, 3))


def test_a_csv_may_have_a_header_and_one_column():
    assert files.inputs(CSV, 3).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert files.inputs(b"1\n2\n", 1).tolist() == [[1], [2]]


# --- what is refused ----------------------------------------------------------------------------------------


class Code:
    def __reduce__(self):
        return (Path.touch, (Path("must-not-appear"),))


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_values(**changes: torch.Tensor) -> bytes:
    return safetensors.torch.save(state_of(network()) | changes)


BIG = {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}
BAD = {
    "empty": (b"", "empty"),
    "random": (bytes(range(200, 256)) * 4, "no format"),
    "text": (b"weights = [1, 2, 3]" * 4, "no format"),
    "code": (saved({"w": Code()}), "nothing in a file is executed"),
    "a plain pickle": (pickle.dumps(OrderedDict(w=1)), "pickle"),
    "old torch": (saved(network().state_dict(), _use_new_zipfile_serialization=False), "old file"),
    "memory by bytearray": (
        zipped({"a/data.pkl": b"\x80\x02cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R."}),
        "more than tensors: builtins bytearray",
    ),
    "a zip bomb": (zipped({"a/data.pkl": b"0" * 10**8}, zipfile.ZIP_DEFLATED), "compressed"),
    "a zip of something": (zipped({"readme.txt": b"hello"}), "none that torch.save writes"),
    "keras": (zipped({"model.weights.h5": b"x", "metadata.json": b"{}"}), "Keras"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
    "a header that is longer than the file": (struct.pack("<Q", 10**15) + b"{}" + bytes(20), "longer than"),
    "a header that lies about the size": (header({"weight_hh_l0": BIG}, bytes(64)), "not where"),
    "a header that is no list": (header([1, 2]), "no format"),
    "a header of numbers": (header({"a": 1}), "does not list"),
    "deep nesting": (struct.pack("<Q", 60_001) + b'{"a":' * 12_000 + b" ", "longer than|cannot be read"),
    "10,000 tensors": (
        header({f"w{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(10_000)}),
        "10,000 tensors",
    ),
    "float8": (safetensors.torch.save({"weight_hh_l0": torch.zeros(4, 4).to(torch.float8_e4m3fn)}), "F8_E4M3"),
    "complex": (saved({"weight_hh_l0": torch.zeros(4, 4, dtype=torch.complex64)}), "complex|more than tensors"),
    "no recurrent weights": (safetensors.torch.save({"linear.weight": torch.zeros(2, 2)}), "no recurrent weights"),
    "no state_dict": (saved([1, 2, 3]), "no state_dict"),
    "nan": (with_values(bias_hh_l0=torch.full((16,), torch.nan)), "not finite"),
    "inf": (with_values(weight_hh_l0=torch.full((16, 4), torch.inf)), "not finite"),
    "five blocks": (with_values(weight_hh_l0=torch.zeros(20, 4)), "an LSTM 4n rows"),
    "a shape that does not fit": (with_values(weight_ih_l0=torch.zeros(12, 3)), "expected is"),
    "one matrix": (safetensors.torch.save({"weight_hh_l0": torch.zeros(16, 4)}), "no weight_ih_l0"),
    "a bias missing": (
        safetensors.torch.save({k: v for k, v in state_of(network()).items() if k != "bias_hh_l0"}),
        "bias_hh_l0 is missing",
    ),
    "a layer missing": (safetensors.torch.save(state_of(network()) | {"weight_hh_l2": torch.zeros(16, 4)}), "missing"),
    "too wide": (
        safetensors.torch.save({"weight_hh_l0": torch.zeros(1025, 1025), "weight_ih_l0": torch.zeros(1025, 1)}),
        "1,025 units, 1 input, 1 layer; at most 1,024",
    ),
    "too large": (bytes(20_000_001), "at most 20 MB"),
    "control characters": (safetensors.torch.save({"a\x1b[31m\nweight": torch.zeros(1)}), "�"),
    "a shape from strides": (
        saved({"weight_hh_l0": torch.zeros(1).expand(10**6, 10**6)}),
        "larger than the file",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_kind_sentence(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, said = BAD[name]
    with pytest.raises(Unusable, match=said) as refused:
        weights.find(files.weights(data))
    assert_is_a_sentence(str(refused.value))
    assert list(tmp_path.iterdir()) == []  # nothing was executed, nothing was written


def assert_is_a_sentence(text: str) -> None:
    assert text.isprintable()
    assert text.endswith(".") or text[-1].isalnum() or text[-1] in "…�)"
    assert 20 < len(text) < 400


BAD_INPUTS = {
    "empty": b"",
    "binary": bytes(range(128, 256)),
    "words": b"one,two,three\nfour,five,six\n",
    "rows of different length": b"1,2,3\n4,5\n",
    "not finite": b"1,2,nan\n",
    "other columns": b"1,2\n3,4\n",
    "too many steps": b"1,2,3\n" * 1001,
    "a header that lies": NPY.replace(b"(4, 3)", b"(9, 3)"),
    "objects": NPY.replace(b"<f8", b"|O8"),
    "cut off": NPY[:-1],
    "three axes": NPY.replace(b"(4, 3), }   ", b"(2, 2, 3), }"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_inputs_get_one_kind_sentence(name: str):
    with pytest.raises(Unusable) as refused:
        files.inputs(BAD_INPUTS[name], 3)
    assert_is_a_sentence(str(refused.value))


def test_memory_does_not_grow_with_the_files_that_are_refused():
    pages = Path("/proc/self/statm")
    if not pages.exists():
        pytest.skip("only Linux says how much memory a process has")

    def resident() -> int:
        return int(pages.read_text().split()[1]) * 4096

    def refuse_some() -> None:
        for name in ("a zip bomb", "memory by bytearray", "a header that lies about the size", "10,000 tensors", "nan"):
            with pytest.raises(Unusable):
                weights.find(files.weights(BAD[name][0]))

    refuse_some()
    before = resident()
    for _ in range(20):
        refuse_some()
    assert resident() - before < 20_000_000
