"""Every control of the page: its name, the values it can take, its default and its words.

A control's name is at once the field of ``Settings``, the widget's key and the URL's parameter. Names, defaults
and grids are a public interface: a link made today must mean the same tomorrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from explainer.choices.kinds import Choice, Control, Number, Several

LARGEST_LAG = 10_000  # that the engine takes


def _steps(*stretches: tuple[float, float, float]) -> tuple[float, ...]:
    """A grid that is fine in some stretches: (first, last, step), joined, without repeats, exact decimals."""
    values: list[float] = []
    for first, last, step in stretches:
        for i in range(round((last - first) / step) + 1):
            value = round(first + i * step, 6) + 0.0
            if not values or value > values[-1]:
                values.append(value)
    return tuple(values)


def _mirrored(positive: tuple[float, ...]) -> tuple[float, ...]:
    return (*(-v for v in reversed(positive)), 0.0, *positive)


BOTH, VANILLA, GATED, FORMATS = "Both cells", "Vanilla cell", "Gated cell", "Number formats"
NETWORKS, TRAINING, DEPTH = "Real networks", "Training", "Depth"

_W = _mirrored(_steps((0.05, 0.8, 0.05), (0.8, 1.2, 0.01), (1.2, 2.0, 0.05), (2.0, 8.0, 0.25)))
_F = _steps((0, 0.9, 0.05), (0.9, 0.99, 0.01), (0.99, 0.999, 0.001), (0.999, 1.0, 0.0001))
_FIFTH = ("none", "peephole", "mgu", "leaky", "coupled", "linear", "lru", "mingru", "minlstm", "ssm")

CONTROLS: tuple[Control, ...] = (
    Number(
        "k", "Lag k", BOTH, "How many steps back the gradient has to reach.", 50, tuple(range(1, 201)), (0, LARGEST_LAG)
    ),
    Number(
        "h0",
        "Start h(t−k)",
        BOTH,
        "The value from which both cells start, k steps ago.",
        0.5,
        _mirrored(_steps((0.01, 2.0, 0.01))),
    ),
    Choice(
        "act",
        "Activation σ",
        VANILLA,
        "The function around w·h(t−1).",
        "tanh",
        ("identity", "relu", "tanh", "logistic"),
    ),
    Number("w", "Recurrent weight w", VANILLA, "Multiplies the state at every step; fine steps near ±1.", 0.9, _W),
    Choice(
        "gate",
        "Kind of gate",
        GATED,
        "Constant, varying from step to step, or set by the state itself.",
        "constant",
        ("constant", "varying", "state"),
    ),
    Number(
        "f",
        "Gate f",
        GATED,
        "How much of the cell state one step keeps: its typical value if the gate varies.",
        0.95,
        _F,
        (0, 1),
    ),
    Number(
        "spread",
        "Spread of the varying gate",
        GATED,
        "Standard deviation of the forget bias from step to step.",
        1.0,
        _steps((0.0, 3.0, 0.1)),
        (0, math.inf),
        ("gate", "varying"),
    ),
    Number(
        "seed",
        "Seed of the varying gate",
        GATED,
        "Another seed, another sequence of gates.",
        0,
        tuple(range(100)),
        (0, 2**63 - 1),
        ("gate", "varying"),
    ),
    Number(
        "u",
        "State weight u",
        GATED,
        "How strongly the state-dependent gate reads c: f = logistic(u·c + b).",
        1.0,
        _mirrored(_steps((0.1, 4.0, 0.1))),
        only_with=("gate", "state"),
    ),
    Number(
        "ls",
        "Loss scale of float16, as a power of 2",
        FORMATS,
        "The backward pass in float16 starts with 2 to this power.",
        0,
        tuple(range(25)),
        (0, 100),
    ),
    Several(
        "nets",
        "Cell types",
        NETWORKS,
        "Which networks the figures show.",
        ("rnn", "lstm", "gru"),
        (
            *("rnn", "lstm", "gru", "peephole", "mgu", "relu", "leaky", "coupled"),
            *("linear", "lru", "mingru", "minlstm", "ssm"),
        ),
    ),
    Number("n", "Hidden size n", NETWORKS, "How many numbers each state has.", 16, (1, 2, 4, 8, 16, 32, 64)),
    Number("T", "Length T", NETWORKS, "How many steps the networks read.", 100, (10, 20, 30, 50, 75, 100, 150, 200)),
    Number(
        "gain",
        "Gain",
        NETWORKS,
        "Multiplies the recurrent weights that torch draws.",
        1.0,
        _steps((0.25, 2.0, 0.25), (2.0, 8.0, 0.5)),
    ),
    Number(
        "bf",
        "Forget bias b_f",
        NETWORKS,
        "The sum of the gate's two biases; “torch” leaves the biases that torch draws.",
        None,
        (None, *_steps((-2.0, 6.0, 0.5))),
    ),
    Number(
        "xs",
        "Input scale",
        NETWORKS,
        "Standard deviation of the normal inputs; 0 for none.",
        1.0,
        (0.0, 0.25, 0.5, 1.0, 2.0, 4.0),
    ),
    Number(
        "ns", "Seed of the networks", NETWORKS, "The first of five draws of weights and inputs.", 0, tuple(range(100))
    ),
    Choice(
        "task", "Task", TRAINING, "What the networks have to learn.", "memory", ("memory", "memory-in-noise", "adding")
    ),
    Number(
        "tk",
        "Length k of the task",
        TRAINING,
        "How many steps back the answer lies.",
        50,
        (10, 20, 30, 40, 50, 75, 100),
    ),
    Number(
        "tb",
        "Forget bias of your LSTM",
        TRAINING,
        "One LSTM starts with this forget bias, one with torch's own.",
        3.0,
        _steps((0.5, 6.0, 0.5)),
    ),
    Number("tn", "Seeds", TRAINING, "How many draws of each network are trained.", 3, (1, 2, 3, 4, 5)),
    Choice(
        "clip",
        "Gradient clipping",
        TRAINING,
        "Cut the norm of the whole gradient at 1, or leave it.",
        "off",
        ("off", "on"),
    ),
    Choice("also", "A fifth network", TRAINING, "Trains one more, with your forget bias.", "none", _FIFTH),
    Number("L", "Depth L", DEPTH, "How many blocks stand in a row.", 24, (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 100)),
    Number("d", "Width d", DEPTH, "How many numbers a token has.", 16, (8, 16, 32, 64)),
    Number(
        "dg", "Gain of the layers", DEPTH, "Multiplies the weights that write into x.", 1.0, _steps((0.25, 4.0, 0.25))
    ),
    Number("db", "Gate bias of the highway", DEPTH, "The lower, the more of x passes.", -2.0, _steps((-6.0, 2.0, 0.5))),
    Number(
        "dx", "Scale of x(0)", DEPTH, "Standard deviation of x(0).", 1.0, (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
    ),
    Number("ds", "Seed of the layers", DEPTH, "The first of five draws of weights and x(0).", 0, tuple(range(100))),
)
CONTROL: Mapping[str, Control] = {control.name: control for control in CONTROLS}


def names_of(*groups: str) -> tuple[str, ...]:
    """Names of the controls of these groups, in the order of the sidebar."""
    return tuple(control.name for control in CONTROLS if control.group in groups)


SCALAR = names_of(BOTH, VANILLA, GATED)
"""Names of the controls of the two scalar cells."""
