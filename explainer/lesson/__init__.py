"""The order of the lesson: the Nth name is section N."""

from explainer.lesson import (
    does_it_learn,
    gate_steps,
    gated_state,
    k_steps,
    many_paths,
    number_formats,
    one_recurrence,
    one_step,
    product_of_gates,
    through_time,
    two_steps,
    vanish_or_explode,
)

SECTIONS = (
    through_time,
    one_recurrence,
    one_step,
    two_steps,
    k_steps,
    vanish_or_explode,
    gated_state,
    gate_steps,
    product_of_gates,
    many_paths,
    number_formats,
    does_it_learn,
)
