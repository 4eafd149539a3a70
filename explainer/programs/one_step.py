"""The program behind the derivative of one step."""

import numpy as np
import torch

from explainer.programs.cells import derivative, gated_cell, run, vanilla_cell


def one_step(k, h0, act, w, gate, f, spread, seed, u):
    """The derivative of the last step over the state before it, the two cells' own states among them."""
    cells = {"vanilla": vanilla_cell(act, w), "gated": gated_cell(gate, f, spread, seed, u)}
    own = [run(cell, h0, k)[-2].item() for cell in cells.values()]
    states = torch.from_numpy(np.unique(np.append(np.linspace(min(-2, *own), max(2, *own), 201), own)))
    return {name: {"state": states, "gradient": derivative(cell, states, k - 1)} for name, cell in cells.items()}
