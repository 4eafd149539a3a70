"""The order of the lesson: the Nth name is section N. A section's file and its slug are called by this name."""

import dataclasses
import importlib

from explainer.lesson.parts import Section

_ORDER = (
    "through_time",
    "one_recurrence",
    "one_step",
    "two_steps",
    "k_steps",
    "vanish_or_explode",
    "gated_state",
    "gate_steps",
    "product_of_gates",
    "many_paths",
    "number_formats",
    "does_it_learn",
    "depth_is_time",
    "gates_without_a_squashed_state",
    "remembering_on_purpose",
    "your_own_network",
    "one_sentence",
)


LAB_STEPS = 10  # the first so many are the steps of the lab; the others go on from there


def _section(name: str) -> Section:
    module = importlib.import_module(f"{__name__}.{name}")
    return dataclasses.replace(module.SECTION, slug=name.replace("_", "-"))


SECTIONS: tuple[Section, ...] = tuple(map(_section, _ORDER))
