"""What an answer says, and whether it holds: computed again from its state and from nothing else that it says.

A hand-in and its verdict are in English, whatever the student reads: the grader compares words.
"""

from __future__ import annotations

from dataclasses import dataclass

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.course import hand_in
from explainer.course.hand_in import Answer, HandIn, PredictionAnswer, StateAnswer, UnusableError, settings_of
from explainer.course.tasks import MADE, Assignment, PredictionTask, StateTask, Task
from explainer.languages import ENGLISH, decimal, speaking, spoken
from explainer.lesson import parts
from explainer.lesson.parts import Prediction


@dataclass(frozen=True)
class Standing:
    """How a state stands to a task.

    Attributes:
        moved: names of the controls that would have to stand as the task begins.
        reads: the present value of each quantity, in words.
        is_met: whether it meets the task.
    """

    moved: tuple[str, ...]
    reads: tuple[str, ...]
    is_met: bool

    @property
    def said(self) -> str:
        """All present values as one text."""
        return "; ".join(self.reads)


def standing(task: StateTask, settings: Settings) -> Standing:
    """How these settings stand to a task. Where they are not the task's nothing is computed."""
    moved = tuple(name for name in task.fixed if getattr(settings, name) != getattr(task.at, name))
    if moved:
        return Standing(moved, (), False)
    values = [one.quantity.compute(settings) for one in task.meets]
    reads = [one.quantity.said(value) for one, value in zip(task.meets, values, strict=True)]
    is_met = all(one.is_met(value) for one, value in zip(task.meets, values, strict=True))
    return Standing((), tuple(reads), is_met)


def controls_in_words(settings: Settings, names: tuple[str, ...]) -> str:
    """``k = 80 and act = tanh``."""
    texts = {name: " ".join(CONTROL[name].texts(getattr(settings, name))) for name in names}
    return words.listed([f"{name} = {decimal(text)}" for name, text in texts.items()])


def asked(task: PredictionTask) -> Prediction:
    """The section's question at the task's settings; which option is right is computed."""
    return parts.answer(task.section, task.at)


# --- what a student answers ---------------------------------------------------------------------------------


def state_answer(task: StateTask, settings: Settings) -> StateAnswer | None:
    """The answer that hands in a state; None where the state does not meet the task."""
    with speaking(ENGLISH):
        found = standing(task, settings)
    return StateAnswer(hand_in.state_text(settings), found.said, hand_in.now()) if found.is_met else None


def prediction_answer(task: PredictionTask, chosen: int, why: str) -> PredictionAnswer:
    """The answer that records a prediction: an option by its place, and the reason."""
    with speaking(ENGLISH):
        option = asked(task).options[chosen].text
    return PredictionAnswer(chosen, option, why, hand_in.now())


def in_words(task: Task, answer: Answer) -> str:
    """What an answer to a task says, in the reader's language; as it is written where the page says otherwise."""
    written = answer.option if isinstance(answer, PredictionAnswer) else answer.reads
    if spoken() == ENGLISH:
        return written
    with speaking(ENGLISH):
        is_the_pages = _said(task, answer) == written
    return _said(task, answer) if is_the_pages else written


def _said(task: Task, answer: Answer) -> str:
    """What the page says to an answer; nothing where the page does not have it."""
    if isinstance(answer, PredictionAnswer):
        options = asked(task).options
        return options[answer.chosen].text if answer.chosen < len(options) else ""
    try:
        return standing(task, settings_of(answer.state)).said
    except UnusableError:
        return ""


# --- the verdict --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What an answer gets.

    Attributes:
        points: given.
        why_not: one sentence for points that are not given; empty where all are.
        remark: what a teacher may want to know besides, as a sentence, or nothing.
    """

    points: int
    why_not: str = ""
    remark: str = ""


def verdict(task: Task, answer: Answer | None) -> Verdict:
    """What an answer to a task gets, in English."""
    with speaking(ENGLISH):
        return _verdict(task, answer)


def _verdict(task: Task, answer: Answer | None) -> Verdict:
    if answer is None:
        return Verdict(0, "There is no answer to this task.")
    if isinstance(task, StateTask) != isinstance(answer, StateAnswer):
        return Verdict(0, "The answer is of another kind than the task.")
    return _of_state(task, answer) if isinstance(task, StateTask) else _of_prediction(task, answer)


def _of_state(task: StateTask, answer: StateAnswer) -> Verdict:
    try:
        settings = settings_of(answer.state)
    except UnusableError as error:
        return Verdict(0, f"The answer cannot be used: {error}.")
    found = standing(task, settings)
    if found.moved:
        fixed = controls_in_words(task.at, found.moved)
        return Verdict(0, f"The task asks for {fixed}; the state handed in has something else there.")
    said = found.said
    remark = f"{task.name}: the file says “{answer.reads}”, its state gives “{said}”." if answer.reads != said else ""
    if not found.is_met:
        wanted = words.listed([one.wanted for one in task.meets])
        return Verdict(0, f"In the state handed in, {said}; asked for was {wanted}.", remark)
    return Verdict(task.points, "", remark)


def _of_prediction(task: PredictionTask, answer: PredictionAnswer) -> Verdict:
    prediction = asked(task)
    if answer.chosen >= len(prediction.options):
        return Verdict(0, "The prediction is none of those that the section offers.")
    option, right = prediction.options[answer.chosen].text, prediction.options[prediction.right].text
    if len(answer.why.split()) < task.words:
        return Verdict(0, f"The reason has fewer than {words.counted(task.words, 'word')}.")
    if answer.option != option:
        return Verdict(0, "The prediction's number and its words are not those of one option.")
    is_right = answer.chosen == prediction.right
    if task.counts == MADE:
        return Verdict(task.points, "", "" if is_right else f"{task.name}: predicted “{option}”, it is “{right}”.")
    return Verdict(task.points) if is_right else Verdict(0, f"Predicted was “{option}”; it is “{right}”.")


def verdicts(assignment: Assignment, made: HandIn) -> dict[str, Verdict]:
    """What each task's answer gets, by the task's name."""
    return {task.name: verdict(task, made.answers.get(task.name)) for task in assignment.tasks}
