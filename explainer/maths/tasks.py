"""What a network is asked to learn: sequences with an answer that lies far back. One registry, `TASKS`.

Every task draws its sequences afresh for every training step, so there is nothing to learn by heart, and the
loss of a training step is at the same time a test on sequences never seen before.

To add a task: one entry in `TASKS`, and its properties in `tests/test_training.py`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

RIGHT_SUM = 0.08
"""Error below which a sum counts as right: Hochreiter & Schmidhuber 1997, section 5.4 ask for 0.04 where the
answers span a range of 1; the sum of two numbers from 0 to 1 spans 2."""


@dataclass(frozen=True)
class Task:
    """One task. Shapes: T = k + 1 steps, B sequences, I inputs per step; everything is float32.

    Attributes:
        label: the name in legends.
        question: what the network is asked, in one sentence.
        input_size: I.
        draw: (k, B, noise, generator) → inputs (T, B, I) and the right answers (B,). `noise` is the standard deviation
            of the distracting noise, where the task has any.
        loss: (answers given (B,), right answers (B,)) → mean loss, a scalar.
        right: (answers given (B,), right answers (B,)) → which count as right, bool (B,).
        loss_of_guessing: the loss of the best answer that ignores the inputs.
        accuracy_of_guessing: the share of right answers that this guess gets.
        decisive_lag: k → how far back a network must reach before its loss can fall to the quarter of guessing that
            counts as learned.
        decisive_lag_reason: why, in one sentence.
        source: where the task comes from.
    """

    label: str
    question: str
    input_size: int
    draw: Callable[[int, int, float, torch.Generator], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]
    right: Callable[[Tensor, Tensor], Tensor]
    loss_of_guessing: float
    accuracy_of_guessing: float
    decisive_lag: Callable[[int], int]
    decisive_lag_reason: str
    source: str


def _bit_on_its_own_line(k: int, batch: int, noise: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    inputs = noise * torch.randn(k + 1, batch, 2, generator=generator)
    bit = torch.randint(0, 2, (batch,), generator=generator).float()
    inputs[..., 0] = 0
    inputs[0, :, 0] = 2 * bit - 1
    return inputs, bit


def _bit_in_the_noise(k: int, batch: int, noise: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    inputs = noise * torch.randn(k + 1, batch, 1, generator=generator)
    bit = torch.randint(0, 2, (batch,), generator=generator).float()
    inputs[0, :, 0] = 2 * bit - 1
    return inputs, bit


def _adding(k: int, batch: int, noise: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    half, each = (k + 1) // 2, torch.arange(batch)
    inputs = torch.zeros(k + 1, batch, 2)
    inputs[..., 0] = torch.rand(k + 1, batch, generator=generator)
    first = torch.randint(0, half, (batch,), generator=generator)
    second = torch.randint(half, k + 1, (batch,), generator=generator)
    inputs[first, each, 1] = inputs[second, each, 1] = 1
    return inputs, inputs[first, each, 0] + inputs[second, each, 0]


def _says_the_bit(given: Tensor, bit: Tensor) -> Tensor:
    return (given > 0) == (bit > 0.5)


_ONE_BIT = Task(
    label="Memory",
    question="One bit, at the start; then k steps of noise on another line. What was the bit?",
    input_size=2,
    draw=_bit_on_its_own_line,
    loss=functional.binary_cross_entropy_with_logits,
    right=_says_the_bit,
    loss_of_guessing=math.log(2),
    accuracy_of_guessing=0.5,
    decisive_lag=lambda k: k,
    decisive_lag_reason="the bit stands k steps back in every sequence",
    source="after Bengio, Simard & Frasconi 1994, section III (the latching problem)",
)

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "memory": _ONE_BIT,
        "memory-in-noise": replace(
            _ONE_BIT,
            label="Memory, one line",
            question="One bit, at the start; then k steps of noise on the same line. What was the bit?",
            input_size=1,
            draw=_bit_in_the_noise,
        ),
        "adding": Task(
            label="Adding",
            question="Random numbers from 0 to 1; one in each half is marked. What is the sum of the two?",
            input_size=2,
            draw=_adding,
            loss=functional.mse_loss,
            right=lambda given, total: (given - total).abs() < RIGHT_SUM,
            loss_of_guessing=1 / 6,  # the variance of the sum of two uniform numbers
            # the sum has density 1 - |s - 1| on 0..2, and the best guess is 1
            accuracy_of_guessing=1 - (1 - RIGHT_SUM) ** 2,
            decisive_lag=lambda k: k - (k + 1) // 2 // 2,  # the median lag of the first mark, about 3k/4
            decisive_lag_reason=(
                "the number marked last explains half of the variance; the next quarter needs the number "
                "marked first in every other sequence, and its median lag is 3k/4"
            ),
            source="Hochreiter & Schmidhuber 1997, section 5.4, with one mark in each half",
        ),
    }
)
"""Every task, by the name it has in settings and links."""
