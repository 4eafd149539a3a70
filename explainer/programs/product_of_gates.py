"""The program behind the three kinds of gate."""

from explainer.programs.cells import gated_cell, gradients, run, vanilla_cell


def three_gates(k, h0, act, w, f, spread, seed, u):
    """The gradient by lag behind each kind of gate, and without one."""
    kinds = {"gated: constant f": "constant", "gated: varying f": "varying", "gated: f set by the state": "state"}
    figure = {name: gradients(run(gated_cell(gate, f, spread, seed, u), h0, k)) for name, gate in kinds.items()}
    return figure | {"vanilla": gradients(run(vanilla_cell(act, w), h0, k))}
