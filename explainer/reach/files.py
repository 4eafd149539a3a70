"""Files of weights and of inputs as tensors. Whatever stands in a file, nothing of it is executed or written to disk.

Two formats of weights are read: safetensors, and a ``state_dict`` of ``torch.save``, by ``torch.load`` with
``weights_only=True``. Before torch sees such a file, its pickle is read opcode by opcode: it may name a few functions
that put tensors together, and nothing else. So a file can neither run code nor ask for memory that it does not bring.
"""

from __future__ import annotations

import csv
import io
import json
import pickletools
import warnings
import zipfile
from collections.abc import Mapping

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from explainer.languages import say, whole, word

MOST_BYTES = 20_000_000
MOST_TENSORS = 5_000
MOST_HEADER = 2_000_000  # bytes that describe the tensors
MOST_STEPS = 1_000

EXPECTED = word("a .safetensors file, or a state_dict that torch.save has written")
KINDS = {torch.float64, torch.float32, torch.float16, torch.bfloat16}

_SAFE_KINDS = {"F64", "F32", "F16", "BF16"}
_STORAGES = {f"torch {kind}Storage" for kind in ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Bool", "Byte")}
_NAMED = _STORAGES | {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
}


class Unusable(ValueError):  # noqa: N818  what the file is
    """A file that cannot be used; the message is one sentence for its reader that says what was expected."""


def shown(name: object) -> str:
    """A name from a file, as it can be shown: no control characters, not too long."""
    text = "".join(char if char.isprintable() else "�" for char in str(name))
    return text if len(text) <= 60 else f"{text[:57]}…"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f}"


def weights(data: bytes) -> dict[str, Tensor]:
    """The floating-point tensors of a file by name, as they stand in it; tensors of another kind are left out.

    Raises:
        Unusable: the file is none of the two formats, damaged, too large, or asks for anything but tensors.
    """
    if not data:
        raise Unusable(say("This file is empty; expected is {format}.", format=say(EXPECTED)))
    if len(data) > MOST_BYTES:
        raise Unusable(
            say(
                "This file has {megabytes} MB; at most {most} MB can be read.",
                megabytes=_megabytes(len(data)),
                most=_megabytes(MOST_BYTES),
            )
        )
    if data.startswith(b"\x89HDF"):
        raise Unusable(say("This is an HDF5 file, as Keras writes it; expected is {format}.", format=say(EXPECTED)))
    if data.startswith(b"PK"):
        return _of_torch(data)
    if data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and data[8:9] != b"{":
        raise Unusable(
            say("This is a pickle or an old file of torch.save; save the state_dict once more with a newer torch.")
        )
    return _of_safetensors(data)


# --- safetensors --------------------------------------------------------------------------------------------


def _of_safetensors(data: bytes) -> dict[str, Tensor]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or data[8:9] != b"{":
        raise Unusable(say("This file is in no format that is known here; expected is {format}.", format=say(EXPECTED)))
    if length > MOST_HEADER or 8 + length > len(data):
        raise Unusable(
            say(
                "The header of this file says that it is longer than the file allows; expected is {format}.",
                format=say(EXPECTED),
            )
        )
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise Unusable(say("The header of this file cannot be read; the file is damaged.")) from None
    if not isinstance(header, dict) or not all(isinstance(one, dict) for one in header.values()):
        raise Unusable(say("The header of this file does not list tensors; the file is damaged."))
    _few(len(header))
    kept = {name for name, one in header.items() if name != "__metadata__" and str(one.get("dtype")) in _SAFE_KINDS}
    _known_kinds({name: one.get("dtype") for name, one in header.items() if name != "__metadata__"}, _SAFE_KINDS)
    try:
        read = safetensors.torch.load(data)
    except Exception as error:
        raise Unusable(say("The tensors of this file are not where its header says; the file is damaged.")) from error
    return {name: read[name] for name in header if name in kept}


def _few(count: int) -> None:
    if count > MOST_TENSORS:
        raise Unusable(
            say(
                "This file holds {count} tensors; at most {most} can be read.",
                count=whole(count),
                most=whole(MOST_TENSORS),
            )
        )


def _known_kinds(kinds: Mapping[str, object], known: set) -> None:
    """A recurrent weight of another kind is no number that can be measured here."""
    for name, kind in kinds.items():
        if "weight_hh" in name and kind not in known:
            raise Unusable(
                say(
                    "{weight} is of type {type}; expected are weights in float64, float32, float16 or bfloat16.",
                    weight=shown(name),
                    type=shown(kind),
                )
            )


# --- torch.save ---------------------------------------------------------------------------------------------


def _of_torch(data: bytes) -> dict[str, Tensor]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if any(name.endswith((".weights.h5", "metadata.json")) for name in names):
            raise Unusable(say("This is a file of Keras; expected is {format}.", format=say(EXPECTED)))
        if len(entries) > MOST_TENSORS + 20:
            _few(len(entries))
        packed = sum(entry.file_size for entry in entries)
        if packed > len(data) or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise Unusable(say("This archive is compressed, which torch.save never does; it is not opened."))
        pickles = [name for name in names if name.endswith("data.pkl")]
        if len(pickles) != 1 or archive.getinfo(pickles[0]).file_size > MOST_HEADER:
            raise Unusable(
                say("This archive is none that torch.save writes; expected is {format}.", format=say(EXPECTED))
            )
        _names_only_tensors(archive.read(pickles[0]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(say("This archive is damaged or incomplete; save the state_dict once more.")) from error
    return _tensors(read)


def _names_only_tensors(pickled: bytes) -> None:
    """Read a pickle without running it.

    Raises:
        Unusable: it names something that no state_dict of tensors needs.
    """
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4") or (
            opcode.name == "GLOBAL" and argument not in _NAMED
        ):
            raise Unusable(
                say(
                    "This file asks for more than tensors{what}. Only a state_dict is read, and nothing in a file is "
                    "executed.",
                    what=f": {shown(argument)}" if argument else "",
                )
            )


def _tensors(read: object) -> dict[str, Tensor]:
    for wrapper in ("state_dict", "model_state_dict", "model"):  # as training loops nest it
        if isinstance(read, dict) and isinstance(read.get(wrapper), dict):
            read = read[wrapper]
    if not isinstance(read, dict):
        raise Unusable(say("This file holds no state_dict, a mapping of names to tensors."))
    found = {str(name): one for name, one in read.items() if isinstance(one, Tensor)}
    _few(len(found))
    if sum(one.numel() * one.element_size() for one in found.values()) > 4 * MOST_BYTES:
        raise Unusable(say("The tensors of this file are larger than the file itself; it is not opened."))
    _known_kinds({name: one.dtype for name, one in found.items()}, KINDS)
    return {name: one for name, one in found.items() if one.dtype in KINDS}


# --- inputs -------------------------------------------------------------------------------------------------


def inputs(data: bytes, size: int) -> Tensor:
    """Inputs (T, I) in float64 from a .npy file or a CSV without a header or with one.

    Args:
        data: the file.
        size: I, how many inputs the network reads at a step.

    Raises:
        Unusable: the file is damaged or too large, a number is not finite, or there are not I columns.
    """
    if not data:
        raise Unusable(say("This file of inputs is empty; expected is a .npy or .csv file, one row a step."))
    if len(data) > MOST_BYTES:
        raise Unusable(say("This file of inputs has more than {most} MB.", most=_megabytes(MOST_BYTES)))
    rows = _of_npy(data) if data.startswith(b"\x93NUMPY") else _of_csv(data)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] != size or not len(rows):
        raise Unusable(
            say(
                "These inputs are {shape}; expected is one row a step and {size} numbers in it.",
                shape=" × ".join(map(str, rows.shape)),
                size=size,
            )
        )
    if len(rows) > MOST_STEPS:
        raise Unusable(
            say(
                "These inputs have {steps} steps; at most {most} can be read.",
                steps=whole(len(rows)),
                most=whole(MOST_STEPS),
            )
        )
    if not np.isfinite(rows).all():
        raise Unusable(say("These inputs hold values that are not finite numbers."))
    return torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float64))


def _of_npy(data: bytes) -> np.ndarray:
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(stream)
        whole = kind.itemsize * int(np.prod([int(one) for one in shape], dtype=object)) if shape else kind.itemsize
        if kind.kind not in "fiub" or min(shape, default=0) < 0 or whole > len(data) - stream.tell():
            raise Unusable(say("This .npy file is shorter than it says, or holds no numbers."))
        stream.seek(0)
        return np.load(stream, allow_pickle=False).astype(np.float64)
    except Unusable:
        raise
    except Exception as error:
        raise Unusable(say("This .npy file is damaged.")) from error


def _of_csv(data: bytes) -> np.ndarray:
    try:
        text = data.decode("utf-8-sig")
        lines = [row for row in csv.reader(text.splitlines()) if row]
    except (UnicodeDecodeError, csv.Error):
        raise Unusable(say("These inputs are neither .npy nor text; expected is one row of numbers a step.")) from None
    if lines and not _numbers(lines[0]):
        lines = lines[1:]  # a header
    rows = [_numbers(line) for line in lines[: MOST_STEPS + 1]]
    if not rows or None in rows or len({len(row) for row in rows}) != 1:
        raise Unusable(say("These inputs are no table of numbers; expected is one row a step, all of one length."))
    return np.array(rows)


def _numbers(cells: list[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None
