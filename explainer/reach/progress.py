"""A bar in the terminal or the notebook for what takes longer than a second."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tqdm.auto import tqdm


@contextlib.contextmanager
def watched(progress: Callable[[float], None] | None) -> Iterator[Callable[[float], None]]:
    """The function that is told the share that is done: the given one, or a bar's that appears after a second."""
    if progress is not None:
        yield progress
        return
    with tqdm(total=100, unit="%", delay=1.0, leave=False, bar_format="{l_bar}{bar}| {remaining}") as bar:

        def tell(share: float) -> None:
            bar.update(round(100 * share) - bar.n)

        yield tell
