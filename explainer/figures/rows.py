"""Tables without Arrow, for a sweep: it needs hundreds of them, of which it takes nothing but the numbers."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

LATER = "…"  # stands for numbers in words, which take the most time and which nothing but a tooltip says

_bare: contextvars.ContextVar[bool] = contextvars.ContextVar("bare", default=False)


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Within this block, figures make :class:`Rows` in place of Arrow tables.

    Where tables are kept, :func:`are_bare` has to be among the arguments.
    """
    token = _bare.set(True)
    try:
        yield
    finally:
        _bare.reset(token)


def are_bare() -> bool:
    """Whether this is within :func:`bare`."""
    return _bare.get()


class Values:
    """One column: as much of Arrow's interface as figures use."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def to_numpy(self, zero_copy_only: bool = True) -> np.ndarray:
        return self.values

    def to_pylist(self) -> list:
        return self.values.tolist()

    def slice(self, offset: int, length: int | None = None) -> Values:
        return Values(self.values[offset : None if length is None else offset + length])


class Rows:
    """A table of columns, each an array of one length."""

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Values:
        return Values(self.columns[name])

    def to_pylist(self) -> list[dict]:
        columns = [values.tolist() for values in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]

    def append_column(self, name: str, values: Values) -> Rows:
        return Rows({**self.columns, name: values.values})

    def slice(self, offset: int, length: int | None = None) -> Rows:
        end = None if length is None else offset + length
        return Rows({name: values[offset:end] for name, values in self.columns.items()})


def stack(tables: Sequence[Rows]) -> Rows:
    """The rows of all tables, one table below the other."""
    return Rows({name: np.concatenate([one.columns[name] for one in tables]) for name in tables[0].columns})
