"""Sweeps under way: the parts of the page at every value of a control, computed in many short turns, then packed.

A sweep takes its turns after everybody else, and stops as soon as its reader does something else. When somebody asks
for the same, it goes on from there. What takes too long, or is too large to be sent with the rest, is left out.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures import rows
from explainer.figures.sweep import Slice, pack
from explainer.maths.results import Batches, within
from explainer.page import parts
from explainer.page.state import Part, Urgency
from explainer.serving.turns import Allowance

# seconds that a sweep waits for a turn, or for another reader's same sweep: meanwhile the reader's next move waits
PATIENCE = 0.1
TURN = 0.01  # seconds after which others may compute
LATEST = 5  # slices that tell how long a part still takes


@dataclass(frozen=True)
class Limits:
    """What a sweep may cost.

    Attributes:
        seconds: of computing.
        bytes: of what is sent.
        allowance: of all readers; where many drag at a time, most of them get no sweep.
        leaves_out: whether a part that is too slow or too large is left out. If not, there is no sweep then.
    """

    seconds: float
    bytes: int
    allowance: Allowance
    leaves_out: bool


class OvertakenError(Exception):
    """There is no time for a sweep: its reader has said something else since, or has left, or too many ask."""


class _Progress:
    """One part of the page on its way through all values.

    Attributes:
        section: the slug of the section that it stands in.
        slices: of the first values.
    """

    def __init__(self, part: Part, many: Sequence[Settings]) -> None:
        self.section, self._sweep, self._many = part.section, part.sweep, many
        self.slices: list[Slice] = []
        self._latest: deque[float] = deque(maxlen=LATEST)  # seconds that each of the latest has taken

    @property
    def is_over(self) -> bool:
        return len(self.slices) == len(self._many)

    @property
    def to_come(self) -> float:
        """About how many seconds it still takes.

        The first slice says nothing of that, as it computes the batch. Nor does a later one that takes long among
        others: Python may have collected garbage meanwhile.
        """
        if len(self.slices) < 3:
            return 0.0
        return min(self._latest) * (len(self._many) - len(self.slices))

    def go_on(self, seconds: float) -> None:
        """Compute for about so long."""
        begun = now = time.thread_time()
        while not self.is_over and now - begun < seconds:
            self.slices.append(self._sweep(self._many[len(self.slices)]))
            taken, now = time.thread_time() - now, time.thread_time()
            if len(self.slices) > 1:
                self._latest.append(taken)


class Work:
    """One sweep. Where it has been overtaken, it goes on when it is asked for again.

    Args:
        name: of the control.
        sections: slugs of the sections in sight.
        base: the settings but for the control.
        swept: the parts of the page that it is of.
        limits: what it may cost.
    """

    def __init__(
        self, name: str, sections: Sequence[str], base: Settings, swept: Sequence[Part], limits: Limits
    ) -> None:
        self._limits, self._batches = limits, Batches(name, CONTROL[name].values)
        self._header = {
            "name": name,
            "sections": list(sections),
            "at": parts.at(base),
            "values": [CONTROL[name].text(value) for value in CONTROL[name].values],
        }
        many = base.each(name, CONTROL[name].values)
        self._progress = [_Progress(part, many) for part in swept]
        self._taken = 0.0

    def packed(self) -> bytes | None:
        """The sweep, as the browser takes it; None if it would cost too much.

        Raises:
            OvertakenError: see there.
            TimeoutError: others compute.
        """
        self._compute()
        return self._pack()

    def _compute(self) -> None:
        """Compute what is missing; the part that is soonest done comes first."""
        with within(self._batches), rows.bare():
            while self._taken < self._limits.seconds:
                waiting = [one for one in self._progress if not one.is_over]
                if not waiting:
                    return
                with self._turn():
                    min(waiting, key=lambda one: one.to_come).go_on(TURN)

    def _pack(self) -> bytes | None:
        made = [one for one in self._progress if one.is_over]
        sizes: dict[_Progress, int] = {}
        while made or not self._progress:  # where nothing in sight moves, there is nothing to ask the server for
            is_partial = len(made) < len(self._progress)
            if is_partial and not (self._limits.leaves_out and any(one.slices[0].tables for one in made)):
                return None
            packed = self._packed_of(made, is_partial)
            if len(packed) <= self._limits.bytes:
                return packed
            for one in made:
                sizes[one] = sizes.get(one) or len(self._packed_of([one]))
            made.remove(max(made, key=sizes.__getitem__))
        return None

    def _packed_of(self, some: Sequence[_Progress], is_partial: bool = True) -> bytes:
        with self._turn():
            header = self._header | {"partial": is_partial}
            return pack(header, [({"section": one.section}, one.slices) for one in some])

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """A turn to compute, which counts."""
        if _is_overtaken():
            raise OvertakenError
        with parts.turns.turn(Urgency.AHEAD, PATIENCE):
            begun = time.thread_time()
            yield
            taken = time.thread_time() - begun
        self._taken += taken
        self._limits.allowance.spend(taken)


def _is_overtaken() -> bool:
    """Whether another message of this reader waits, or the reader has gone: the run that computes has to end."""
    context = get_script_run_ctx()
    return context is not None and context.script_requests._state is not ScriptRequestType.CONTINUE
