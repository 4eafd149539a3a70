"""Results of the engine by the settings that they depend on: kept, and for many settings computed in one batch."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from explainer.choices.settings import Settings
from explainer.serving.once import once

Batch = Callable[..., Sequence[Any]]


class Batches:
    """The results for every value of one control, while they are asked for one after the other: see :func:`at_once`.

    Attributes:
        name, values: of the control.
        results: by function, settings and further arguments.
        asked: the settings that have been asked for, which have to live as long as their number counts, and the result.
    """

    def __init__(self, name: str, values: Sequence[object]) -> None:
        self.name, self.values = name, values
        self.results: dict[Hashable, Any] = {}
        self.asked: dict[Hashable, tuple[Settings, Any]] = {}


_batches: contextvars.ContextVar[Batches | None] = contextvars.ContextVar("sweep", default=None)


@contextlib.contextmanager
def at_once(name: str, values: Sequence[object]) -> Iterator[None]:
    """Within this block, what is asked for one of these values of a control is computed for all of them in one batch.

    It is kept until the block ends and no longer. A result without a batch is computed one by one, and not kept. What
    does not depend on the control is kept for all, as outside the block.
    """
    with within(Batches(name, values)):
        yield


@contextlib.contextmanager
def within(batches: Batches) -> Iterator[None]:
    """As :func:`at_once`, and with what has been computed in an earlier block of the same batches."""
    token = _batches.set(batches)
    try:
        yield
    finally:
        _batches.reset(token)


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Within this block, also within :func:`at_once`, each result is computed by itself, and kept for all."""
    token = _batches.set(None)
    try:
        yield
    finally:
        _batches.reset(token)


def cached(fields: tuple[str, ...], size: int, batch: Batch | None = None) -> Callable:
    """Cache by those settings alone that the result depends on; the others go to their defaults.

    Args:
        fields: names of the settings that the result depends on.
        size: how many results are kept.
        batch: (many settings, further arguments) → the results in their order, equal to the last bit to those of the
            function itself.
    """

    def decorate(function: Callable) -> Callable:
        remembered = once(size)(function)

        @functools.wraps(function)
        def call(settings: Settings, *arguments):
            sweep = _batches.get()
            if sweep is None:
                return remembered(settings.only(fields), *arguments)
            # by identity: to compare settings thousands of times takes longer than most results
            asked = (function, id(settings), *arguments)
            if asked not in sweep.asked:
                sweep.asked[asked] = settings, find(sweep, settings.only(fields), *arguments)
            return sweep.asked[asked][1]

        def find(sweep: Batches, own: Settings, *arguments):
            if sweep.name not in fields:
                return remembered(own, *arguments)
            key = (function, own, *arguments)
            if key not in sweep.results and batch is not None:
                many = own.each(sweep.name, sweep.values)
                keys = [(function, one, *arguments) for one in many]
                sweep.results.update(zip(keys, batch(many, *arguments), strict=True))
            if key not in sweep.results:
                sweep.results[key] = function(own, *arguments)
            return sweep.results[key]

        call.cache_info = remembered.cache_info
        call.cache_clear = remembered.cache_clear
        return call

    return decorate
