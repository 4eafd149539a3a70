"""Whether an answer holds, computed again from its state and from nothing else that it says."""

from __future__ import annotations

from dataclasses import dataclass

from explainer import words
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.course.hand_in import Answer, HandIn, PredictionAnswer, StateAnswer, UnusableError, settings_of
from explainer.course.tasks import MADE, Assignment, PredictionTask, StateTask, Task
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


def standing(task: StateTask, settings: Settings) -> Standing:
    """How these settings stand to a task. Where they are not the task's nothing is computed."""
    moved = tuple(name for name in task.fixed if getattr(settings, name) != getattr(task.at, name))
    if moved:
        return Standing(moved, (), False)
    values = [one.quantity.compute(settings) for one in task.meets]
    reads = [f"{one.quantity.text(value)} {one.quantity.what}" for one, value in zip(task.meets, values, strict=True)]
    is_met = all(one.is_met(value) for one, value in zip(task.meets, values, strict=True))
    return Standing((), tuple(reads), is_met)


def controls_in_words(settings: Settings, names: tuple[str, ...]) -> str:
    """``k = 80 and act = tanh``."""
    return words.listed([f"{name} = {' '.join(CONTROL[name].texts(getattr(settings, name)))}" for name in names])


def asked(task: PredictionTask) -> Prediction:
    """The section's question at the task's settings; which option is right is computed."""
    return parts.answer(task.section, task.at)


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
    """What an answer to a task gets."""
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
    said = "; ".join(found.reads)
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


def verdicts(assignment: Assignment, hand_in: HandIn) -> dict[str, Verdict]:
    """What each task's answer gets, by the task's name."""
    return {task.name: verdict(task, hand_in.answers.get(task.name)) for task in assignment.tasks}
