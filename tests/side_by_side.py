"""Many networks that train at once, for the claims that need hundreds of them: the page's own but for rounding.

Each is a run of :mod:`explainer.maths.training`, which draws its weights, its sequences and its probes, and measures
its gradient. Only the training steps are taken here: the weights of all runs of a cell are stacked, and the equations
of :mod:`explainer.maths.cell_types` take all of them as one batch, in a quarter to two fifths of the time of torch's
modules. ``tests/test_training.py`` holds the numbers to the page's. The readers of ``scripts/train_readers.py`` are
trained likewise, and ``tests/test_one_sentence.py`` holds them to that script's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from explainer.maths import readers, training
from explainer.maths.cell_types import CELLS
from explainer.maths.plans import Plan, Training
from explainer.maths.readers import Reader
from explainer.maths.squashing import TORCHS_OWN
from scripts import train_readers

AT_ONCE = 40  # runs; the states of more are too many for the processor's cache


# --- runs ---------------------------------------------------------------------------------------------------


def train(*plans: Plan) -> list[Training]:
    """The whole trainings of plans that differ only in their seeds and do not clip.

    The gradient by lag is known before and after, and NaN at the steps between.
    """
    keys = [training._keys(plan) for plan in plans]
    runs = {key: training._Run(key) for rows in keys for row in rows for key in row}
    for cell in {key.learner.cell: None for key in runs}:
        alike = [run for key, run in runs.items() if key.learner.cell == cell]
        for i in range(0, len(alike), AT_ONCE):
            _train(alike[i : i + AT_ONCE])
    return [
        training._so_far(plan, [[runs[key].record for key in row] for row in rows], plan.steps)
        for plan, rows in zip(plans, keys, strict=True)
    ]


def _train(runs: Sequence[training._Run]) -> None:
    """All steps of S runs of one cell. Adam works on each number by itself, so one Adam does for all."""
    key, task = runs[0].key, runs[0].task
    assert key.clip is None
    parameters = _stacked(runs)
    optimiser = torch.optim.Adam(parameters, lr=key.learning_rate)
    backward = _one_by_one if key.learner.cell == "lstm" else _as_one_batch  # torch's LSTM is as quick as a batch
    for step in range(1, key.steps + 1):
        drawn = [task.draw(key.k, key.batch, key.noise, run.sequences) for run in runs]
        inputs, answers = (torch.stack(several) for several in zip(*drawn, strict=True))
        optimiser.zero_grad(set_to_none=False)
        given, loss = backward(runs, parameters, inputs, answers)
        norm = torch.cat([parameter.grad.flatten(1) for parameter in parameters], 1).norm(dim=1)
        optimiser.step()
        accuracy = task.right(given, answers).double().mean(1)
        for run, *numbers in zip(runs, loss.tolist(), accuracy.tolist(), norm.tolist(), strict=True):
            record = run.record
            record.loss[step - 1], record.accuracy[step - 1], record.gradient_norm[step - 1] = numbers
    for run in runs:
        run.snapshot(key.steps)


def _stacked(runs: Sequence[training._Run]) -> list[Tensor]:
    """The parameters of S runs as (S, ...), and with gradients; those of each run become views of them."""
    parameters = []
    for own in zip(*(run.parameters for run in runs), strict=True):
        stacked = torch.stack([one.detach() for one in own])
        gradient = torch.zeros_like(stacked)
        for one, weight, its_gradient in zip(own, stacked, gradient, strict=True):
            one.data, one.grad = weight, its_gradient
        parameters.append(stacked.requires_grad_())
        parameters[-1].grad = gradient
    return parameters


def _one_by_one(
    runs: Sequence[training._Run], parameters: Sequence[Tensor], inputs: Tensor, answers: Tensor
) -> tuple[Tensor, Tensor]:
    """What S runs answer, (S, B), and their losses, (S,), by torch's modules; the gradients are added where they lie.

    From inputs (S, T, B, I) and the right answers (S, B).
    """
    given, losses = [], []
    for run, x, right in zip(runs, inputs, answers, strict=True):
        given.append(run.readout(run.network(x)[0][-1]).squeeze(-1))
        losses.append(run.task.loss(given[-1], right))
        losses[-1].backward()
    return torch.stack(given).detach(), torch.stack(losses).detach()


def _as_one_batch(
    runs: Sequence[training._Run], parameters: Sequence[Tensor], inputs: Tensor, answers: Tensor
) -> tuple[Tensor, Tensor]:
    """The same, by our equations for all runs together."""
    cell, n = CELLS[runs[0].key.learner.cell], runs[0].key.hidden_size
    *own, weight, bias = parameters
    names = [name for name, _ in runs[0].network.named_parameters()]
    weights = {name: one if one.dim() == 3 else one.unsqueeze(1) for name, one in zip(names, own, strict=True)}
    state = inputs.new_zeros(len(runs), inputs.shape[2], cell.state_size(n))
    for x in inputs.unbind(1):
        state = cell.step(TORCHS_OWN, weights, x, state)
    given = (state[..., :n] @ weight.mT + bias.unsqueeze(1)).squeeze(-1)
    loss = torch.stack([runs[0].task.loss(*pair) for pair in zip(given, answers, strict=True)])
    loss.sum().backward()
    return given.detach(), loss.detach()


# --- readers ------------------------------------------------------------------------------------------------


def trained_readers(seeds: Sequence[int], steps: int = train_readers.STEPS) -> dict[str, list[Reader]]:
    """The readers of each cell that the script trains from these seeds, in float32."""
    several = {
        cell: [readers.start(cell, readers.FORGET_BIAS, torch.float32, i) for i in seeds] for cell in readers.CELLS
    }
    optimisers = [train_readers.Optimiser(reader, steps) for alike in several.values() for reader in alike]
    chances = [random.Random(seed) for seed in seeds]
    for step in range(steps):
        batches = [train_readers.batch(chance) for chance in chances]
        inputs = [readers.one_hot(codes).float()[:-1] for _, codes in batches]
        gated = (reader.network(x)[0] for reader, x in zip(several["gated"], inputs, strict=True))
        for cell, states in (("gated", gated), ("vanilla", _vanilla_states(several["vanilla"], inputs))):
            whole = zip(several[cell], states, batches, strict=True)
            sum(train_readers.loss_of(reader, state, *batch) for reader, state, batch in whole).backward()
        for optimiser in optimisers:
            optimiser.step(step)
    return several


def _vanilla_states(several: Sequence[Reader], inputs: Sequence[Tensor]) -> list[Tensor]:
    """h(t) of vanilla readers, (T, B, n) each, from the inputs of each, (T, B, 28); T need not be the same."""
    own = [[*reader.network.parameters()] for reader in several]
    by_input, by_state, *biases = (torch.stack(alike) for alike in zip(*own, strict=True))
    # one bias after the other, or their gradients would be one tensor, which is clipped in place for each of them
    arrives = nn.utils.rnn.pad_sequence([*inputs]) @ by_input.mT + biases[0].unsqueeze(1) + biases[1].unsqueeze(1)
    states = [torch.zeros_like(arrives[0])]
    for a in arrives.unbind():
        states.append(torch.tanh(torch.baddbmm(a, states[-1], by_state.mT)))
    return [of_one[: len(x)] for of_one, x in zip(torch.stack(states[1:], 1), inputs, strict=True)]
