"""The parts that every section of the lesson has, so that a reader learns the page once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Stops
from explainer.serving.once import once


@dataclass(frozen=True)
class Option:
    """One answer to a prediction, and what a reader who picks it is told at the present settings."""

    text: str
    told: str


@dataclass(frozen=True)
class Prediction:
    """A question to answer before looking; which option is right is computed from the settings.

    ``right`` is None while nobody can know: the work that decides it has not been done.
    """

    question: str
    options: tuple[Option, ...]
    right: int | None


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


class Section(Protocol):
    """What a module of ``explainer.lesson`` has to offer.

    ``MOVED_BY`` names the controls that change at least one number of the section's figures; the prose is
    Markdown with the lab's equations in LaTeX; ``LOOK_CLOSER`` is empty where the lab simplifies nothing.
    """

    __name__: str
    TITLE: str
    MOVED_BY: tuple[str, ...]
    ARGUMENT: str
    REMEMBER: str
    LOOK_CLOSER: str

    @staticmethod
    def prediction(settings: Settings) -> Prediction: ...

    @staticmethod
    def figures_at(settings: Settings) -> tuple[Figure, ...]: ...

    @staticmethod
    def receipt(settings: Settings) -> Receipt: ...


class Walk(Protocol):
    """What a section offers besides, whose product can be walked: the first figure has a dataset ``walk``."""

    @staticmethod
    def walk(settings: Settings) -> Stops: ...


class LongWork(Protocol):
    """What a section offers besides, whose figures need minutes rather than milliseconds.

    ``plan`` says what is to be done, ``known`` returns its result if it is there already, ``start`` begins it in the
    background; ``outcomes`` is a Markdown table of a result.
    """

    PLAN_WORDS: str

    @staticmethod
    def plan(settings: Settings): ...

    @staticmethod
    def known(plan): ...

    @staticmethod
    def start(plan): ...

    @staticmethod
    def figures_of(plan, result) -> tuple[Figure, ...]: ...

    @staticmethod
    def outcomes(result) -> str: ...


@dataclass(frozen=True)
class Contents:
    """What moves in a section, at one state of the page; no figures where they are long work."""

    prediction: Prediction
    figures: tuple[Figure, ...]
    receipt: Receipt


def read_by(section: Section) -> tuple[str, ...]:
    """Names of the controls that a section reads: for its figures, and for its receipt alone."""
    return (*section.MOVED_BY, *getattr(section, "RECEIPT_ALSO_READS", ()))


def contents(section: Section, settings: Settings) -> Contents:
    """What a section shows at these settings; computed once for all readers who ask for the same."""
    own = settings.only(read_by(section))
    if hasattr(section, "plan"):  # what it says changes with the work that has been done meanwhile
        return Contents(section.prediction(own), (), section.receipt(own))
    return _contents(section, own)


@once(256)
def _contents(section: Section, settings: Settings) -> Contents:
    return Contents(section.prediction(settings), section.figures_at(settings), section.receipt(settings))


def contents_computed() -> int:
    """How often the contents of a section have been computed in this process."""
    return _contents.cache_info().misses


def slug(section: Section) -> str:
    """The section's name in the page's anchors and in links: the file's name with hyphens."""
    return section.__name__.rpartition(".")[2].replace("_", "-")
