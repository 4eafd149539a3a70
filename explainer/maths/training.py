"""Training several networks on one task, step by step, in the background and side by side.

In: a :class:`~explainer.maths.plans.Plan`. Out, while it trains: one :class:`~explainer.maths.plans.Training` after
another; the last one is whole. The same plan gives the same curves, bit for bit: every run draws its weights and its
sequences from generators of its own, so a run does not depend on which others stand beside it. A finished run is kept
(bounded in number), so a plan that shares learners or seeds with an earlier one trains only what is new.

Everything trains in float32 with torch's own modules, Adam (Kingma & Ba 2015) and fresh sequences at each step.
Clipping is by the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013, §3.2). The gradient by lag is measured
in float64 on the network as it stands, ∂s(t)/∂s(t−lag) by autograd, s its memory (c for an LSTM, h otherwise).
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainer.maths.cell_types import CELLS
from explainer.maths.jacobians import norms
from explainer.maths.network import build
from explainer.maths.plans import PROBES, Learner, Plan, Training
from explainer.maths.starts import STARTS
from explainer.maths.tasks import TASKS, Task
from explainer.serving import jobs
from explainer.serving.once import once

_KEPT_RUNS = 400  # one run of 200 steps at k = 50 is about 7 kB, the longest allowed about 60 kB
_KEPT_PLANS = 8  # that were stopped: at most 25 networks each, of about 100 kB with their optimisers

# --- one run ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _RunKey:
    """All that one run's numbers depend on."""

    learner: Learner
    seed: int
    task: str
    k: int
    steps: int
    clip: float | None
    noise: float
    hidden_size: int
    batch: int
    learning_rate: float
    snapshot_steps: tuple[int, ...]


@dataclass
class _Record:
    """The numbers of one run, written step by step: (steps,) each, and (snapshots, k+1)."""

    loss: np.ndarray
    accuracy: np.ndarray
    gradient_norm: np.ndarray
    log10_norm: np.ndarray


def _keys(plan: Plan) -> list[list[_RunKey]]:
    """(L, S)"""
    shared = {
        field.name: getattr(plan, field.name)
        for field in dataclasses.fields(_RunKey)
        if field.name not in ("learner", "seed")
    }
    return [[_RunKey(learner, plan.seed + i, **shared) for i in range(plan.seeds)] for learner in plan.learners]


def _streams(seed: int) -> tuple[torch.Generator, torch.Generator, torch.Generator]:
    """For the weights, the training sequences and the probes; no two seeds share a stream."""
    weights, sequences, probes = (torch.Generator().manual_seed(3 * seed + i) for i in range(3))
    return weights, sequences, probes


def _drawn(key: _RunKey, weights: torch.Generator) -> nn.Module:
    """The network before training."""
    network = build(
        key.learner.cell,
        input_size=TASKS[key.task].input_size,
        hidden_size=key.hidden_size,
        forget_bias=key.learner.forget_bias,
        generator=weights,
        dtype=torch.float32,
    )
    if key.learner.start is not None:
        with torch.no_grad():
            STARTS[key.learner.start].apply(key.learner.cell, dict(network.named_parameters()), key.k, weights)
    return network


def _probes(key: _RunKey, probes: torch.Generator) -> Tensor:
    """The sequences on which the gradient by lag is measured, (T, PROBES, I)."""
    return TASKS[key.task].draw(key.k, PROBES, key.noise, probes)[0]


class _Run:
    """One network in training. Every learner of a seed reads the same sequences."""

    def __init__(self, key: _RunKey) -> None:
        torch.set_num_threads(1)  # OpenMP counts for each thread by itself, and this may be a new one
        self.key = key
        self.task: Task = TASKS[key.task]
        weights, self.sequences, probes = _streams(key.seed)
        self.network = _drawn(key, weights)
        bound = 1 / math.sqrt(key.hidden_size)
        readout = nn.Linear(key.hidden_size, 1, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for weight in readout.parameters():
                weight.uniform_(-bound, bound, generator=weights)
        self.readout = readout
        self.probes = _probes(key, probes)
        self.parameters = [*self.network.parameters(), *readout.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=key.learning_rate)
        self.record = _Record(
            *(np.full(key.steps, np.nan) for _ in range(3)), np.full((len(key.snapshot_steps), key.k + 1), np.nan)
        )
        self.done = 0  # steps
        self.snapshot(0)

    def step(self, step: int) -> None:
        """Training step number `step`, from 1; nothing if it has been taken."""
        if step <= self.done:
            return
        key, record = self.key, self.record
        inputs, answers = self.task.draw(key.k, key.batch, key.noise, self.sequences)
        hidden, _ = self.network(inputs)
        given = self.readout(hidden[-1]).squeeze(-1)
        loss = self.task.loss(given, answers)
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.get_total_norm([parameter.grad for parameter in self.parameters])
        if key.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, key.clip, norm)
        self.optimiser.step()
        record.loss[step - 1] = loss.item()
        record.accuracy[step - 1] = self.task.right(given.detach(), answers).double().mean().item()
        record.gradient_norm[step - 1] = norm.item()
        self.done = step
        self.snapshot(step)

    def snapshot(self, step: int) -> None:
        if step in self.key.snapshot_steps:
            norms = log10_norm_by_lag(self.key.learner.cell, self.network, self.probes)
            self.record.log10_norm[self.key.snapshot_steps.index(step)] = norms.mean(axis=1)


def log10_norm_by_lag(cell: str, network: nn.Module, inputs: Tensor) -> np.ndarray:
    """log10 of the spectral norm of ∂s(T)/∂s(T−lag), lag = 0…T−1, s the memory, of any network of this cell type.

    From inputs (T, B, I): shape (T, B). In float64, whatever the network's own format; −inf for exactly 0.
    """
    weights = {name: weight.detach().double() for name, weight in network.named_parameters()}
    return norms.log10_spectral_of(CELLS[cell], weights, inputs.double().movedim(0, 1)).T


# --- a plan -------------------------------------------------------------------------------------------------

_finished: OrderedDict[_RunKey, _Record] = OrderedDict()
_finished_lock = threading.Lock()
_stopped: OrderedDict[Plan, list[_Run]] = OrderedDict()  # the unfinished runs of plans whose training was stopped


def _recall(key: _RunKey) -> _Record | None:
    with _finished_lock:
        if key in _finished:
            _finished.move_to_end(key)
        return _finished.get(key)


def _keep(run: _Run) -> None:
    with _finished_lock:
        _finished[run.key] = run.record
        while len(_finished) > _KEPT_RUNS:
            _finished.popitem(last=False)


def forget() -> None:
    """Drop every run that is kept, finished or stopped."""
    with _finished_lock:
        _finished.clear()
        _stopped.clear()


def _stop(plan: Plan, runs: list[_Run]) -> None:
    with _finished_lock:
        _stopped[plan] = runs
        while len(_stopped) > _KEPT_PLANS:
            _stopped.popitem(last=False)


def _resumed(plan: Plan) -> dict[_RunKey, _Run]:
    """The runs of this plan that go on from where they were stopped."""
    with _finished_lock:
        return {run.key: run for run in _stopped.pop(plan, [])}


def _so_far(plan: Plan, records: list[list[_Record]], steps_done: int) -> Training:
    def stacked(name: str, end: int) -> np.ndarray:
        values = np.stack([np.stack([getattr(record, name)[:end] for record in row]) for row in records])
        values.flags.writeable = False
        return values

    measured = [step for step in plan.snapshot_steps if step <= steps_done]
    snapshot_step = np.array(measured)
    snapshot_step.flags.writeable = False
    return Training(
        plan=plan,
        loss=stacked("loss", steps_done),
        accuracy=stacked("accuracy", steps_done),
        gradient_norm=stacked("gradient_norm", steps_done),
        snapshot_step=snapshot_step,
        log10_norm=stacked("log10_norm", len(measured)),
    )


def recall(plan: Plan) -> Training | None:
    """The whole training at once if every run of the plan is kept, and None otherwise."""
    records = [[_recall(key) for key in row] for row in _keys(plan)]
    if any(record is None for row in records for record in row):
        return None
    return _so_far(plan, records, plan.steps)


def _norms_at_start(key: _RunKey) -> np.ndarray:
    """log10 of the norms by lag before training, (k+1,), the mean over the probes."""
    torch.set_num_threads(1)
    weights, _, probes = _streams(key.seed)
    return log10_norm_by_lag(key.learner.cell, _drawn(key, weights), _probes(key, probes)).mean(axis=1)


def untrained(plan: Plan) -> Iterator[tuple[nn.Module, Tensor]]:
    """Of each seed of a plan's first learner, the network before training and its probes (T, PROBES, I)."""
    torch.set_num_threads(1)
    for key in _keys(plan)[0]:
        weights, _, probes = _streams(key.seed)
        yield _drawn(key, weights), _probes(key, probes)


@once(size=16)
def at_start(plan: Plan) -> np.ndarray:
    """log10 of the norm of ∂s(t)/∂s(t−lag) before the first step, lag = 0…k, (L, S, k+1): what the gradient predicts.

    The same numbers as the first of :attr:`Training.log10_norm`, without any training.
    """
    norms = np.stack([np.stack([_norms_at_start(key) for key in row]) for row in _keys(plan)])
    norms.flags.writeable = False
    return norms


def train(plan: Plan, should_stop: Callable[[], bool] = lambda: False, every: int = 5) -> Iterator[Training]:
    """Train all runs of a plan side by side, and yield how far they are.

    The first value comes before the first step, with the gradient at the start; then one every `every` steps, and one
    at the end. `should_stop` is asked before each step of each run, a few milliseconds apart. Once it says yes, what
    all runs have reached is yielded a last time, and the next call with this plan goes on from there: the curves are
    those of a training that was never stopped. Closing the iterator ends the work as well.

    Raises:
        ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, not {every!r}")
    known = recall(plan)
    if known is not None:
        yield known
        return
    resumed, runs = _resumed(plan), []
    records: list[list[_Record]] = []
    for row in _keys(plan):
        records.append([])
        for key in row:
            if should_stop():
                if resumed:
                    _stop(plan, [*resumed.values()])
                return
            record = _recall(key)
            if record is None:
                runs.append(resumed.get(key) or _Run(key))
                record = runs[-1].record
            records[-1].append(record)
    done = min((run.done for run in runs), default=plan.steps)
    yield _so_far(plan, records, done)
    for step in range(done + 1, plan.steps + 1):
        for run in runs:
            if should_stop():
                _stop(plan, runs)
                yield _so_far(plan, records, step - 1)
                return
            run.step(step)
        if step == plan.steps:
            for run in runs:
                _keep(run)
        if step % every == 0 or step == plan.steps:
            yield _so_far(plan, records, step)


# --- for many readers ---------------------------------------------------------------------------------------

QUEUE: jobs.Queue[Training] = jobs.Queue(workers=1)
"""One plan trains at a time in the whole process; the others wait their turn."""


def start(plan: Plan) -> jobs.Ticket[Training]:
    """Train in the background: poll the ticket for the latest :class:`Training`, leave it to stop.

    Readers of one plan share one job. Ask :func:`recall` first: what is kept needs no place in line.
    """
    return QUEUE.submit(plan, lambda should_stop: train(plan, should_stop))
