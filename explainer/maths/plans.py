"""What is to be trained, and what came of it: plans, trainings as far as they have got, and their outcomes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from explainer.maths.cell_types import CELLS
from explainer.maths.gradients import HORIZON
from explainer.maths.logscale import first_below
from explainer.maths.network import MAX_FORGET_BIAS, MAX_HIDDEN_SIZE
from explainer.maths.starts import STARTS
from explainer.maths.tasks import TASKS

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
MAX_LEARNERS = 12


@dataclass(frozen=True)
class Learner:
    """One kind of network in the comparison.

    Attributes:
        cell: a name in `cell_types.CELLS`.
        forget_bias: the effective bias b_f of the gate that keeps the memory (see `network.build`), or None for torch's
            default.
        start: a name in `starts.STARTS`: how the drawn weights are changed before training; None leaves them.

    Raises:
        ValueError: the cell is unknown, or the bias is out of range, or there is no gate to set it on; or the start is
            unknown, or not for this cell.
    """

    cell: str
    forget_bias: float | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"unknown cell type {self.cell!r}; known are {', '.join(CELLS)}")
        if self.start is not None and (self.start not in STARTS or self.cell not in STARTS[self.start].cells):
            raise ValueError(f"start must be one of {', '.join(STARTS)} that is for {self.cell}, not {self.start!r}")
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
        if self.start is not None:
            return f"{cell.label}, {STARTS[self.start].label}"
        if not cell.gated:
            return cell.label
        return f"{cell.label}, {'default biases' if self.forget_bias is None else f'b_f = {self.forget_bias:g}'}"


def usual_learners(forget_bias: float) -> tuple[Learner, ...]:
    """The vanilla RNN, the LSTM with torch's default biases, the LSTM with this forget bias, and the GRU."""
    return Learner("rnn"), Learner("lstm"), Learner("lstm", forget_bias), Learner("gru")


@dataclass(frozen=True)
class Plan:
    """What is to be trained: a hashable value, the key of its results.

    Attributes:
        task: a name in `TASKS`.
        k: the sequences have k + 1 steps, 2 to 200; the answer is asked for at the last.
        learners: who takes part, each with every seed.
        seeds, seed: how many seeds, 1 to 10, and the first of them.
        steps: training steps.
        clip: largest norm of the whole gradient, or None for no clipping.
        noise: standard deviation of a task's distracting noise.
        hidden_size, batch, learning_rate: the same for all.

    Raises:
        ValueError: a field is out of its range.
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
    """What came of one learner; one entry per seed.

    Attributes:
        learner: who it is.
        learned: whether the loss of the last `WINDOW` steps counts as learned. False before there are as many.
        learned_at: the first step at which it did, also where it was lost again later; None: never.
        horizon: the first lag at which the gradient of the untrained network is below `gradients.HORIZON`; None: not
            within k.
        log10_at_decisive_lag: log10 of the norm of that gradient at `Plan.decisive_lag`.
        predicted: whether the decisive lag lies within the horizon, so that the gradient says: it will learn.
    """

    learner: Learner
    learned: tuple[bool, ...]
    learned_at: tuple[int | None, ...]
    horizon: tuple[int | None, ...]
    log10_at_decisive_lag: tuple[float, ...]
    predicted: tuple[bool, ...]

    @property
    def prediction_was_right(self) -> tuple[bool, ...]:
        """Whether what the gradient said came true, by seed."""
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
            sequences, (L, S, m, k+1); −inf for exactly 0.
    """

    plan: Plan
    loss: np.ndarray
    accuracy: np.ndarray
    gradient_norm: np.ndarray
    snapshot_step: np.ndarray
    log10_norm: np.ndarray

    @property
    def steps_done(self) -> int:
        """How many training steps are done."""
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
        """Whether all training steps are done."""
        return self.steps_done == self.plan.steps

    def outcome(self, learner: int) -> Outcome:
        """What came of the learner of this index, so far."""
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
