"""The parts that every section of the lesson has, so that a reader learns the page once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any

from explainer import languages, words
from explainer.choices.controls import CONTROLS
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Plot
from explainer.lesson.moves import Move
from explainer.serving.jobs import Ticket
from explainer.serving.once import once


@dataclass(frozen=True)
class Option:
    """One answer to a prediction, and what a reader who picks it is told at the present settings."""

    text: str
    told: str


@dataclass(frozen=True)
class Prediction:
    """A question with its answer, which is computed from the settings before and after the move that it asks about.

    ``right`` is None while nobody can know: the work that decides it has not been done.
    """

    question: str
    options: tuple[Option, ...]
    right: int | None
    move: Move | None

    @property
    def asked(self) -> Asked:
        """The same without its answer."""
        return Asked(self.question, tuple(option.text for option in self.options), self.move)


@dataclass(frozen=True)
class Asked:
    """A question to answer before looking: it asks what a move of the reader's own controls brings.

    Attributes:
        question: says the move, and asks.
        options: the answers to pick from.
        move: None where the answer takes work that has not been done, or has nothing to do with the controls.
    """

    question: str
    options: tuple[str, ...]
    move: Move | None

    def after(self, settings: Settings) -> Settings:
        """The settings after the move; those before it where there is none."""
        return self.move.after(settings) if self.move else settings

    def answered(self, right: int | None, told: str, *more: str) -> Prediction:
        """The same with its answer.

        Args:
            right: which option is right.
            told: what a reader is told whatever the pick.
            more: what is added for the pick of each option; as many as there are options, or none.
        """
        said = [f"{told} {one}".strip() for one in more] or [told] * len(self.options)
        options = tuple(Option(*pair) for pair in zip(self.options, said, strict=True))
        return Prediction(self.question, options, right, self.move)


@dataclass(frozen=True)
class Side:
    """One side of a receipt: what it is, and its value."""

    what: str
    value: float


@dataclass(frozen=True)
class Receipt:
    """An equation of the section, checked at the reader's settings.

    Attributes:
        equation: in LaTeX.
        autograd: the left side, measured.
        formula: the right side, computed from the closed form.
        others: further values to set beside the two, such as a formula that does not hold.
        remark: what to say about a difference, or about a side that float64 cannot hold.
    """

    equation: str
    autograd: Side
    formula: Side
    others: tuple[Side, ...] = ()
    remark: str = ""

    @property
    def difference(self) -> float:
        return words.relative_difference(self.autograd.value, self.formula.value)

    @property
    def agrees(self) -> bool:
        return self.difference <= words.AGREE


@dataclass(frozen=True)
class LongWork:
    """Work behind figures that takes minutes rather than milliseconds.

    Attributes:
        title: what a reader is asked to begin.
        plan: (settings) → what is to be done; a value that can be compared.
        known: (plan) → its result, or None while it is not there.
        start: (plan) → the ticket of the work, which runs in the background from now on.
        outcomes: (result) → what came of it, as a Markdown table.
        verdict: (result, whole or so far) → the same in a sentence.
        controls: names of those that stand beside the button as well, sliders of the plan.
    """

    title: str
    plan: Callable[[Settings], Hashable]
    known: Callable[[Any], Any]
    start: Callable[[Any], Ticket]
    outcomes: Callable[[Any], str]
    verdict: Callable[[Any], str]
    controls: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Section:
    """One section of the lesson.

    Attributes:
        title: its heading, without the number.
        argument: the prose, in Markdown with the lab's equations in LaTeX.
        plots: its figures, in order.
        asked: (settings) → the prediction that a reader is asked for; as quick as can be.
        question: (settings) → the same, with what comes of it.
        receipt: (settings) → the section's equation, checked.
        remember: one sentence.
        in_torch: the end of the argument, where it is written in lines of torch; empty where it is not.
        look_closer: what the lab simplifies, in Markdown; empty where it simplifies nothing.
        receipt_reads: names of the controls that the receipt reads although no figure does.
        work: the long work behind its plots, if there is any.
        follows: (settings) → what follows from the numbers, in Markdown, below the figures; None where nothing does.
        of_readers_own: (what a reader has brought, measured) → the same section about that; None where a reader can
            bring nothing.
        slug: its name in the page's anchors and in links; the spine sets it from the file's name.
    """

    title: str
    argument: str
    plots: tuple[Plot, ...]
    asked: Callable[[Settings], Asked]
    question: Callable[[Settings], Prediction]
    receipt: Callable[[Settings], Receipt]
    remember: str
    in_torch: str = ""
    look_closer: str = ""
    receipt_reads: tuple[str, ...] = ()
    work: LongWork | None = None
    follows: Callable[[Settings], str] | None = None
    of_readers_own: Callable[[Any], Section] | None = None
    slug: str = ""

    @functools.cached_property
    def moved_by(self) -> tuple[str, ...]:
        """Names of the controls that change one of the section's figures, in the order of the sidebar."""
        return _in_order({name for plot in self.plots for name in plot.reads})

    @functools.cached_property
    def reads(self) -> tuple[str, ...]:
        """Names of the controls that the section reads, for its figures or for its receipt."""
        return _in_order({*self.moved_by, *self.receipt_reads})

    def plots_at(self, settings: Settings) -> tuple[Plot, ...]:
        """The plots that the reader has chosen to see."""
        return tuple(plot for plot in self.plots if plot.shown(settings))

    def figures_at(self, settings: Settings) -> tuple[Figure, ...]:
        """The figures at these settings; of long work, its result if it is there."""
        return self.figures_of(settings, self.work.known(self.work.plan(settings)) if self.work else None)

    def figures_of(self, settings: Settings, result: Any) -> tuple[Figure, ...]:
        """The figures of long work as far as it has got; with None, empty axes that wait for it."""
        return tuple(plot.at(settings, result) for plot in self.plots_at(settings))


def _in_order(names: Collection[str]) -> tuple[str, ...]:
    return tuple(control.name for control in CONTROLS if control.name in names)


@dataclass(frozen=True)
class Contents:
    """What moves in a section besides its figures, at one state of the page."""

    asked: Asked
    receipt: Receipt


def contents(section: Section, settings: Settings) -> Contents:
    """What a section says at these settings, computed once for all readers who ask for the same."""
    own = settings.only(section.reads)
    # with long work, what a section says changes when the work is done; what a reader has brought is nobody else's
    is_kept = not section.work and all(plot.is_kept for plot in section.plots)
    return _kept_contents(section, own) if is_kept else _contents(section, own)


def _contents(section: Section, settings: Settings) -> Contents:
    return Contents(section.asked(settings), section.receipt(settings))


_kept_contents = once(256, also=languages.spoken)(_contents)


def answer(section: Section, settings: Settings) -> Prediction:
    """What comes of the move that a section asks about at these settings, computed once for all who ask for the same.

    ``settings`` are those before the move.
    """
    own = settings.only(section.reads)
    is_kept = not section.work and all(plot.is_kept for plot in section.plots)
    return _kept_answer(section, own) if is_kept else section.question(own)


@once(256, also=languages.spoken)
def _kept_answer(section: Section, settings: Settings) -> Prediction:
    return section.question(settings)


def contents_computed() -> int:
    """How often the contents of a section have been computed in this process."""
    return _kept_contents.cache_info().misses
