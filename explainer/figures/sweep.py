"""The numbers of figures for every value of one control, packed so that a browser can draw any of them by itself.

A sweep is a header in JSON, then float64 numbers, then uint16 codes, compressed with zlib (see :func:`pack`). Of the
numbers the first bytes of all come first, then the second bytes and so on: neighbours are alike in their exponents, so
this compresses better. Of each figure it holds the datasets that move, and of these the columns that the drawing reads.
"""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from explainer.figures.figure import Drawing
from explainer.figures.rows import Rows

LEVEL = 1  # of compression: more saves little and takes several times as long


@dataclass(frozen=True)
class Slice:
    """What a browser can redraw of one part of the page, at one value of the control.

    Attributes:
        texts: what it says; each a run of pieces of text, one after the other, as they stand in the page.
        title: of its figure, if it has one.
        tables: of its figure, by the name of the dataset; columns of words have no other type than str or None.
        columns: names of the columns that the figure's drawing reads, by the name of the dataset.
    """

    texts: tuple[tuple[str, ...], ...] = ()
    title: str = ""
    tables: Mapping[str, Rows] = field(default_factory=dict)
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)


_VIEWS = ("layer", "hconcat", "vconcat", "concat", "spec")  # the keys of a view's parts in Vega-Lite


@functools.cache
def columns_read(drawing: Drawing) -> Mapping[str, frozenset[str]]:
    """What a drawing reads of each dataset, by its name: every word in the views over it, except in titles.

    Among these words are the names of the columns, as fields or within expressions.
    """
    read: dict[str, frozenset[str]] = {}
    _read(drawing(), "", frozenset(), read)
    return read


def _read(view: Mapping, dataset: str, outer: frozenset[str], read: dict[str, frozenset[str]]) -> None:
    """Add to ``read`` what a view and those within it say; for these, ``dataset`` and the ``outer`` words hold too."""
    dataset = view.get("data", {}).get("name", dataset)
    own = {key: value for key, value in view.items() if key not in (*_VIEWS, "config", "datasets")}
    said = outer | _words(own)
    for name in (dataset, *re.findall(r"data\('(\w+)'\)", json.dumps(own))):  # an expression names others
        read[name] = read.get(name, frozenset()) | said
    for key in _VIEWS:
        within = view.get(key, ())
        for one in [within] if isinstance(within, Mapping) else within:
            _read(one, dataset, said, read)


def _words(value: object) -> frozenset[str]:
    if isinstance(value, Mapping):
        return frozenset().union(*(_words(one) for key, one in value.items() if key != "title"))
    if isinstance(value, list):
        return frozenset().union(*map(_words, value))
    return frozenset(re.findall(r"\w+", value)) if isinstance(value, str) else frozenset()


class Packed:
    """The numbers and codes of a sweep while it is packed."""

    def __init__(self) -> None:
        self._floats: list[np.ndarray] = []
        self._codes: list[np.ndarray] = []
        self._places = [0, 0]
        self._known: dict[bytes, int] = {}

    def floats(self, values: np.ndarray) -> dict:
        numbers = np.ascontiguousarray(values, dtype="<f8")
        written = numbers.tobytes()
        if written not in self._known:  # a diagonal is twice the same column
            self._known[written] = self._keep(self._floats, 0, numbers)
        return {"floats": self._known[written]}

    def words(self, values: Sequence, codes: np.ndarray) -> dict:
        return {"words": list(values), "codes": self._keep(self._codes, 1, np.ascontiguousarray(codes, dtype="<u2"))}

    def _keep(self, kept: list[np.ndarray], which: int, values: np.ndarray) -> int:
        place = self._places[which]
        kept.append(values)
        self._places[which] += len(values)
        return place

    def bytes(self, header: Mapping) -> bytes:
        written = json.dumps(dict(header, numbers=self._places[0]), ensure_ascii=False, separators=(",", ":")).encode()
        written += b" " * (-(len(written) + 8) % 8)
        parts = [np.array([len(written), 0], "<u4").tobytes(), written]
        numbers = np.concatenate([*self._floats, np.empty(0)]).view(np.uint8).reshape(-1, 8)
        parts += [numbers.T.tobytes(), *(values.tobytes() for values in self._codes)]
        return zlib.compress(b"".join(parts), LEVEL)


def pack(header: Mapping, parts: Iterable[tuple[Mapping, Sequence[Slice]]]) -> bytes:
    """A sweep as the browser takes it.

    Args:
        header: what it is about; ``charts`` and ``texts`` are added to it, and how many ``numbers`` there are.
        parts: for each part of the page what is known of its place, and its slices, one for each value.
    """
    packed, charts, texts = Packed(), [], []
    for place, slices in parts:
        datasets = {name: made for name in slices[0].tables if (made := _dataset(packed, name, slices)) is not None}
        if datasets:
            charts.append({**place, "title": slices[0].title, "datasets": datasets})
        for said in zip(*(one.texts for one in slices), strict=True):
            if len(set(said)) > 1:
                texts.append({**place, "runs": said})
    return packed.bytes(dict(header, charts=charts, texts=texts))


def _dataset(packed: Packed, name: str, slices: Sequence[Slice]) -> dict | None:
    """One dataset at every value; None if it does not move."""
    tables = [one.tables[name] for one in slices]
    if all(one is tables[0] for one in tables):
        return None
    counts = [len(one) for one in tables]
    read = slices[0].columns.get(name, frozenset())
    names = [column for column in tables[0].columns if column in read]
    columns = {column: _column(packed, [one.columns[column] for one in tables], counts) for column in names}
    is_even = len(set(counts)) == 1
    if is_even and all("same" in column for column in columns.values()):
        return None
    return {"rows": counts[0] if is_even else counts, "columns": columns}


def _column(packed: Packed, values: Sequence[np.ndarray], counts: Sequence[int]) -> dict:
    """A column of all tables, one below the other; ``same`` has its values where they are those of every table."""
    length = counts[0] if len(set(counts)) == 1 else 0
    together = np.concatenate(values)
    if together.dtype.kind in "fiu":
        numbers = np.where(np.isfinite(together), together, np.nan).astype(np.float64)
        if length and _repeats(numbers.view(np.uint64), length):
            return {"same": [None if np.isnan(one) else one for one in numbers[:length].tolist()]}
        return packed.floats(numbers)
    coded = pa.array(together).dictionary_encode("encode")
    words, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    if length and _repeats(codes, length):
        return {"same": [words[code] for code in codes[:length].tolist()]}
    if len(words) > np.iinfo(np.uint16).max:
        raise ValueError("a column of a sweep has too many different words")
    return packed.words(words, codes)


def _repeats(values: np.ndarray, length: int) -> bool:
    return bool((values.reshape(-1, length) == values[:length]).all())
