"""The two questions that can be asked: of torch's own modules, and of any other cell."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from explainer.maths.gradients import HORIZON
from explainer.reach import modules, norms
from explainer.reach.advice import advise
from explainer.reach.modules import Run
from explainer.reach.norms import PROBED, Progress
from explainer.reach.progress import watched
from explainer.reach.recurrence import Recurrence
from explainer.reach.report import Measured, Report, measured, probed_note

State = Tensor | Sequence[Tensor]


def of(
    model: nn.RNNBase,
    inputs: Tensor,
    *,
    state: State | None = None,
    lag: int | None = None,
    exact: bool | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """How far back the gradient of one of torch's recurrent modules reaches, on these inputs.

    The derivative is ∂s(T)/∂s(T−lag) along every path from the node s(T−lag), within its layer: s is c for an LSTM,
    the path through its own h included, and h for the others. A direction that reads backwards counts its lags along
    its own time. Everything is computed in float64 on the CPU, without dropout; the model is left as it is.

    Args:
        model: nn.LSTM, nn.GRU or nn.RNN, of any number of layers, one direction or two, with or without projection.
        inputs: (T, I), or a batch as the model reads it.
        state: the first state as torch takes it; None for 0.
        lag: the lag that is wanted; the longest, T−1, unless given.
        exact: whether to take whole Jacobians; None decides by the cost, and the report says which.
        seed: of the random probes.
        progress: is told the share that is done; None shows a bar on what takes longer than a second.

    Raises:
        TypeError: the model is no recurrent module of torch's, or the inputs are packed or no tensor.
        ValueError: a shape does not fit, a number is not finite, a state overflows, or the lag is not between 0 and
            T−1.
    """
    model = modules.checked(model)
    sequences = modules.sequences_of(model, inputs)
    starts = modules.starts_of(model, state, len(sequences))
    wanted = _lag(lag, sequences.shape[1])
    layers = modules.layers_of(model)
    runs = [modules.runs_of(layers, one, start) for one, start in zip(sequences, starts, strict=True)]
    by_layer = list(zip(*([run for own in one for run in own] for one in runs), strict=True))
    take = functools.partial(_norms, exactly=exact, seed=seed)
    with watched(progress) as tell:
        found, parts = [], len(by_layer)
        for i, own in enumerate(by_layer):
            share = functools.partial(_share, tell, i, parts)
            found.append(of_runs(own, take([run.recurrence for run in own], progress=share)))
    notes = [probed_note()] if any(one.method == PROBED for one in found) else []
    if model.training and model.dropout:
        notes.append("Dropout is off for the measurement, although the model is in training mode.")
    return Report(
        layers=tuple(found),
        lag=wanted,
        sequences=len(sequences),
        notes=tuple(notes),
        advise=functools.partial(advise, found, by_layer, wanted, HORIZON),
        measure_stack=functools.partial(_stack, runs, take),
    )


def of_step(
    step: Callable[[Tensor, State], State],
    state: State,
    inputs: Tensor,
    *,
    part: int | None = None,
    lag: int | None = None,
    exact: bool | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """The same of any other cell: ``step(x, state) -> state``, differentiable torch.

    Nothing is known of the cell's inside, so there are no gates, and no path is told from another. The derivative is
    that of the state, or of one part of a tuple; the other parts of the state at T−lag are held, so that for an LSTM's
    c the path through its own h(T−lag) is left out.

    Args:
        step: takes x (…) and a state of the shape of ``state``, one sequence at a time.
        state: the first state: a tensor, or a tuple of tensors.
        inputs: (T, …): one x for each step.
        part: which part of a tuple is measured; None for all of them together.
        lag, exact, seed, progress: as in :func:`of`.

    Raises:
        ValueError: there is no step, the part or the lag does not exist, or the step changes the state's shape.
    """
    parts = [state] if isinstance(state, Tensor) else list(state)
    if len(inputs) == 0:
        raise ValueError("inputs must hold at least one step")
    if part is not None and not 0 <= part < len(parts):
        raise ValueError(f"part must be one of 0 to {len(parts) - 1}, not {part!r}")
    recurrence = _stepped(step, state, [one.detach() for one in parts], inputs.detach(), part)
    if not torch.isfinite(recurrence.states).all():
        raise ValueError("the states leave the range of their number format: there is nothing to measure")
    wanted = _lag(lag, len(inputs))
    with watched(progress) as tell:
        found = _norms([recurrence], exactly=exact, seed=seed, progress=tell)
    name = "state" if part is None else f"part {part}"
    layer = measured(name, getattr(step, "__name__", type(step).__name__).strip("<>"), found, None)
    notes = [probed_note()] if layer.method == PROBED else []
    if recurrence.states.dtype != torch.float64:
        notes.append(f"Computed in {str(recurrence.states.dtype).removeprefix('torch.')}, as the step does.")
    return Report(
        (layer,), wanted, 1, tuple(notes), functools.partial(advise, [layer], [[]], wanted, HORIZON), lambda: layer
    )


def _stepped(step: Callable, like: State, parts: list[Tensor], inputs: Tensor, part: int | None) -> Recurrence:
    shapes, sizes = [one.shape for one in parts], [one.numel() for one in parts]

    def packed(state: State) -> Tensor:
        own = [state] if isinstance(state, Tensor) else list(state)
        if [one.shape for one in own] != shapes:
            raise ValueError(f"step must keep the state's shape {shapes}, not make it {[one.shape for one in own]}")
        return torch.cat([one.reshape(-1) for one in own])

    def advance(t: int, state: Tensor) -> Tensor:
        own = [one.view(shape) for one, shape in zip(state.split(sizes), shapes, strict=True)]
        return packed(step(inputs[t - 1], own[0] if isinstance(like, Tensor) else tuple(own)))

    states = [packed(like).detach()]
    with torch.no_grad():
        for t in range(1, len(inputs) + 1):
            states.append(advance(t, states[-1]))
    first = 0 if part is None else sum(sizes[:part])
    where = slice(first, sum(sizes) if part is None else first + sizes[part])
    states = torch.stack(states)

    def place(t: int, own: Tensor) -> Tensor:
        return torch.cat([states[t, : where.start], own, states[t, where.stop :]])

    return Recurrence(states, advance, place, where, sum(sizes) ** 2)


def _lag(lag: int | None, length: int) -> int:
    if lag is None:
        return length - 1
    if isinstance(lag, bool) or not isinstance(lag, int) or not 0 <= lag < length:
        raise ValueError(
            f"lag must be a whole number from 0 to {length - 1}, not {lag!r}: the length of the inputs is {length}"
        )
    return lag


def _share(tell: Progress, done: int, parts: int, fraction: float) -> None:
    tell((done + fraction) / parts)


def _norms(
    recurrences: Sequence[Recurrence], *, exactly: bool | None, seed: int, progress: Progress
) -> list[norms.Norms]:
    return [
        norms.measure(
            one, exactly=exactly, seed=seed + i, progress=functools.partial(_share, progress, i, len(recurrences))
        )
        for i, one in enumerate(recurrences)
    ]


def of_runs(runs: Sequence[Run], found: Sequence[norms.Norms]) -> Measured:
    """What was found of one layer and direction, from its runs over several sequences."""
    layer, gates = runs[0].layer, [run.gates for run in runs]
    stacked = None if gates[0] is None else np.stack([one.numpy() for one in gates])
    return measured(layer.name, layer.type.label, found, stacked)


def _stack(runs: Sequence[Sequence[Sequence[Run]]], take: Callable) -> Measured | None:
    recurrences = [modules.stack_of(one) for one in runs]
    if recurrences[0] is None:
        return None
    return measured("all layers", runs[0][0][0].layer.type.label, take(recurrences, progress=lambda share: None), None)
