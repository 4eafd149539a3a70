"""What the gradient decides: several networks trained on one task, beside the horizon at which they began.

In: a :class:`Plan`. Out, while it trains: one :class:`Training` after another, frozen, numpy only; the last one is
whole. The same plan gives the same curves, bit for bit: every run draws its weights and its sequences from
generators of its own, so a run does not depend on which others stand beside it. A finished run is kept (bounded in
number), so a plan that shares learners or seeds with an earlier one trains only what is new.

Everything trains in float32 with torch's own modules, Adam (Kingma & Ba 2015) and fresh sequences at each step.
Clipping is by the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013, §3.2). The gradient by lag is measured
in float64 on the network as it stands, ∂s(t)/∂s(t−lag) by autograd, s its memory (c for an LSTM, h otherwise).
"""

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
from explainer.maths.gradients import HORIZON
from explainer.maths.jacobians import norms
from explainer.maths.logscale import first_below
from explainer.maths.network import MAX_FORGET_BIAS, MAX_HIDDEN_SIZE, build
from explainer.maths.tasks import TASKS, Task
from explainer.serving import jobs

WINDOW = 20
"""Training steps over which loss and accuracy are averaged before anything is said about them."""

LEARNED = 0.25
"""Learned: the loss, averaged over the last `WINDOW` steps, is at most this share of the loss of guessing."""

PROBES = 4
"""Sequences on which the gradient by lag is measured; its log10 is averaged over them."""

MAX_LAG = 200
MAX_SEEDS = 10
MAX_SEED = 2**30 - MAX_SEEDS  # three streams a seed, and torch's generator takes 32 bits
MAX_STEPS = 2000
MAX_LEARNERS = 8
_KEPT_RUNS = 400  # one run of 200 steps at k = 50 is about 7 kB, the longest allowed about 60 kB


@dataclass(frozen=True)
class Learner:
    """One kind of network in the comparison.

    cell: a name in `cell_types.CELLS`. forget_bias: the effective bias b_f of the gate that keeps the memory (see
    `network.build`), or None for torch's default.

    Raises ValueError for an unknown cell, a bias out of range, or one where there is no gate to set.
    """

    cell: str
    forget_bias: float | None = None

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"unknown cell type {self.cell!r}; known are {', '.join(CELLS)}")
        bias, limit = self.forget_bias, MAX_FORGET_BIAS
        if bias is None:
            return
        if isinstance(bias, bool) or not isinstance(bias, int | float) or not -limit <= bias <= limit:
            raise ValueError(f"forget_bias must be a number from {-limit:g} to {limit:g}, not {bias!r}")
        if not CELLS[self.cell].gated:
            raise ValueError(f"{CELLS[self.cell].label} has no gate that keeps the memory: no forget_bias")

    @property
    def label(self) -> str:
        """As it stands in legends, for instance "LSTM, b_f = 3"."""
        cell = CELLS[self.cell]
        if not cell.gated:
            return cell.label
        return f"{cell.label}, {'default biases' if self.forget_bias is None else f'b_f = {self.forget_bias:g}'}"


def usual_learners(forget_bias: float) -> tuple[Learner, ...]:
    """The vanilla RNN, the LSTM with torch's default biases, the LSTM with this forget bias, and the GRU."""
    return Learner("rnn"), Learner("lstm"), Learner("lstm", forget_bias), Learner("gru")


@dataclass(frozen=True)
class Plan:
    """What is to be trained: a hashable value, the key of its results.

    task: a name in `TASKS`. k: the sequences have k + 1 steps; the answer is asked for at the last, 2 to 200.
    learners: who takes part, each with every seed. seeds: how many seeds, beginning with `seed`, 1 to 10.
    steps: training steps. clip: largest norm of the whole gradient, or None for no clipping.
    noise: standard deviation of a task's distracting noise. hidden_size, batch, learning_rate: the same for all.

    Raises ValueError where a field is out of its range.
    """

    task: str = "memory"
    k: int = 50
    learners: tuple[Learner, ...] = usual_learners(3.0)
    seeds: int = 3
    seed: int = 0
    steps: int = 200
    clip: float | None = None
    noise: float = 1.0
    hidden_size: int = 16
    batch: int = 64
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}; known are {', '.join(TASKS)}")
        ranges = {
            "k": (2, MAX_LAG),
            "seeds": (1, MAX_SEEDS),
            "seed": (0, MAX_SEED),
            "steps": (1, MAX_STEPS),
            "hidden_size": (1, MAX_HIDDEN_SIZE),
            "batch": (1, 1024),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        stretches = {"noise": (0.0, 100.0), "learning_rate": (1e-6, 1.0)}
        if self.clip is not None:
            stretches["clip"] = (1e-6, 1e6)
        for name, (low, high) in stretches.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
        if not 1 <= len(self.learners) <= MAX_LEARNERS or len(set(self.learners)) != len(self.learners):
            raise ValueError(f"learners must be 1 to {MAX_LEARNERS} different ones, not {self.learners!r}")

    @property
    def snapshot_steps(self) -> tuple[int, ...]:
        """The training steps after which the gradient by lag is measured: before, at quarter and half, at the end."""
        return tuple(sorted({0, self.steps // 4, self.steps // 2, self.steps}))

    @property
    def decisive_lag(self) -> int:
        """How far back a network must reach to learn this task (see `Task.decisive_lag`)."""
        return TASKS[self.task].decisive_lag(self.k)

    @property
    def learned_loss(self) -> float:
        """The averaged loss from which on a run counts as learned."""
        return LEARNED * TASKS[self.task].loss_of_guessing


# --- results ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of one learner; one entry per seed.

    learned: whether the loss of the last `WINDOW` steps counts as learned. False before there are as many.
    learned_at: the first step at which it did, also where it was lost again later; None: never.
    horizon: the first lag at which the gradient of the untrained network is below `gradients.HORIZON`; None: not
        within k.
    log10_at_decisive_lag: log10 of the norm of that gradient at `Plan.decisive_lag`.
    predicted: what this says: whether the decisive lag lies within the horizon.
    """

    learner: Learner
    learned: tuple[bool, ...]
    learned_at: tuple[int | None, ...]
    horizon: tuple[int | None, ...]
    log10_at_decisive_lag: tuple[float, ...]
    predicted: tuple[bool, ...]

    @property
    def prediction_was_right(self) -> tuple[bool, ...]:
        return tuple(a == b for a, b in zip(self.predicted, self.learned, strict=True))


@dataclass(frozen=True)
class Training:
    """A plan as far as it has got. Shapes: L learners, S seeds, s steps done; NaN where nothing is known.

    Attributes:
        plan: what was asked for.
        loss: of the batch of each step, before the step is taken, so on sequences never seen, (L, S, s), float64.
        accuracy: share of that batch that was right, (L, S, s).
        gradient_norm: norm of the whole gradient by the weights, before clipping, (L, S, s).
        snapshot_step: the steps after which the gradient by lag has been measured so far, (m,).
        log10_norm: log10 of the spectral norm of ∂s(t)/∂s(t−lag), t the last step, lag = 0…k, mean over `PROBES`
            sequences, (L, S, m, k+1); −inf where float64 rounds it to 0.
    """

    plan: Plan
    loss: np.ndarray
    accuracy: np.ndarray
    gradient_norm: np.ndarray
    snapshot_step: np.ndarray
    log10_norm: np.ndarray

    @property
    def steps_done(self) -> int:
        return self.loss.shape[-1]

    @property
    def step(self) -> np.ndarray:
        """1, 2, …, s."""
        return np.arange(1, self.steps_done + 1)

    @property
    def lag(self) -> np.ndarray:
        """0, 1, …, k (steps of the sequence)."""
        return np.arange(self.plan.k + 1)

    @property
    def fraction(self) -> float:
        """The share of the training steps that is done."""
        return self.steps_done / self.plan.steps

    @property
    def complete(self) -> bool:
        return self.steps_done == self.plan.steps

    def outcome(self, learner: int) -> Outcome:
        """What became of the learner of this index, so far."""
        low_enough = trailing_mean(self.loss[learner]) <= self.plan.learned_loss
        low_enough[:, : WINDOW - 1] = False
        norms = self.log10_norm[learner, :, 0]
        reach = self.plan.decisive_lag
        return Outcome(
            learner=self.plan.learners[learner],
            learned=tuple(bool(row[-1]) if len(row) else False for row in low_enough),
            learned_at=tuple(int(row.argmax()) + 1 if row.any() else None for row in low_enough),
            horizon=tuple(first_below(row, HORIZON) for row in norms),
            log10_at_decisive_lag=tuple(float(row[reach]) for row in norms),
            predicted=tuple(bool((row[: reach + 1] >= math.log10(HORIZON)).all()) for row in norms),
        )


def trailing_mean(values: np.ndarray) -> np.ndarray:
    """Mean of the last `WINDOW` steps up to each step (of fewer at the beginning), same shape (..., s)."""
    total = np.cumsum(values, axis=-1)
    total[..., WINDOW:] -= total[..., :-WINDOW].copy()
    return total / np.minimum(np.arange(1, values.shape[-1] + 1), WINDOW)


def over_seeds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lowest, median, highest) over the seeds, (L, s) each, from (L, S, s)."""
    return values.min(axis=1), np.median(values, axis=1), values.max(axis=1)


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


class _Run:
    """One network in training. Every learner of a seed reads the same sequences."""

    def __init__(self, key: _RunKey) -> None:
        torch.set_num_threads(1)  # OpenMP counts for each thread by itself, and this may be a new one
        self.key = key
        self.task: Task = TASKS[key.task]
        weights, self.sequences, probes = _streams(key.seed)
        self.network = build(
            key.learner.cell,
            input_size=self.task.input_size,
            hidden_size=key.hidden_size,
            forget_bias=key.learner.forget_bias,
            generator=weights,
            dtype=torch.float32,
        )
        bound = 1 / math.sqrt(key.hidden_size)
        readout = nn.Linear(key.hidden_size, 1, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            for weight in readout.parameters():
                weight.uniform_(-bound, bound, generator=weights)
        self.readout = readout
        self.probes, _ = self.task.draw(key.k, PROBES, key.noise, probes)
        self.parameters = [*self.network.parameters(), *readout.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=key.learning_rate)
        self.record = _Record(
            *(np.full(key.steps, np.nan) for _ in range(3)), np.full((len(key.snapshot_steps), key.k + 1), np.nan)
        )
        self.snapshot(0)

    def step(self, step: int) -> None:
        """Training step number `step`, from 1."""
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

_finished: "OrderedDict[_RunKey, _Record]" = OrderedDict()
_finished_lock = threading.Lock()


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
    """Drop every finished run that is kept."""
    with _finished_lock:
        _finished.clear()


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


def train(plan: Plan, should_stop: Callable[[], bool] = lambda: False, every: int = 5) -> Iterator[Training]:
    """Train all runs of a plan side by side, and yield how far they are: before the first step (the gradient at the
    start), after every `every` steps, and at the end.

    `should_stop` is asked before each step of each run (a few milliseconds apart); once it says yes, what all runs
    have reached is yielded a last time, and the iterator ends. Closing the iterator ends the work as well.

    Raises ValueError unless `every` is at least 1.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, not {every!r}")
    known = recall(plan)
    if known is not None:
        yield known
        return
    runs: list[_Run] = []
    records: list[list[_Record]] = []
    for row in _keys(plan):
        records.append([])
        for key in row:
            if should_stop():
                return
            record = _recall(key)
            if record is None:
                runs.append(_Run(key))
                record = runs[-1].record
            records[-1].append(record)
    yield _so_far(plan, records, 0)
    for step in range(1, plan.steps + 1):
        for run in runs:
            if should_stop():
                yield _so_far(plan, records, step - 1)
                return
            run.step(step)
        if step == plan.steps:
            for run in runs:
                _keep(run)
        if step % every == 0 or step == plan.steps:
            yield _so_far(plan, records, step)


# --- for many readers ---------------------------------------------------------------------------------------

QUEUE: "jobs.Queue[Training]" = jobs.Queue(workers=1)
"""One plan trains at a time in the whole process; the others wait their turn."""


def start(plan: Plan) -> "jobs.Ticket[Training]":
    """Train in the background: poll the ticket for the latest :class:`Training`, leave it to stop.

    Readers of one plan share one job. Ask :func:`recall` first: what is kept needs no place in line.
    """
    return QUEUE.submit(plan, lambda should_stop: train(plan, should_stop))
