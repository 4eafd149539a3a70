"""The program behind the central chart."""

from explainer.programs.cells import gated_cell, gradients, run, vanilla_cell


def k_steps(k, h0, act, w, gate, f, spread, seed, u):
    """∂s(t)/∂s(t−lag) for lag 0 … k, s the state of the vanilla and of the gated cell."""
    h = run(vanilla_cell(act, w), h0, k)
    c = run(gated_cell(gate, f, spread, seed, u), h0, k)
    return {"vanilla": gradients(h), "gated": gradients(c)}
