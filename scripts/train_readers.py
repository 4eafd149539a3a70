"""Train the two small networks that the section "One sentence" shows, and write their weights.

Both read sentences of ``explainer/maths/sentences.py`` and learn to say the next letter. They get the same sentences
in the same order, the same steps and the same optimiser: Adam (Kingma & Ba 2015), its learning rate falling to a tenth,
the gradient clipped at norm 1. The loss is the mean over all letters, and three times that of the verb's first letter
once more, or it would be one letter among many. Sentences of all distances are mixed from the beginning.

The weights are rounded to float16 and go to ``explainer/maths/readers.npz``, as float32, and once more, as text, into
the program behind the section's figures, which has to run without any file. The same seed gives the same weights on one
machine; on another the last digits may differ, and training enlarges them.

    python scripts/train_readers.py

takes about a minute on one core, and prints how often each network is right on sentences that it has not seen.
"""

from __future__ import annotations

import base64
import random
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from explainer.maths import readers, sentences  # noqa: E402
from explainer.maths.readers import CELLS, Reader  # noqa: E402
from explainer.maths.sentences import Sentence  # noqa: E402

STEPS, BATCH, LEARNING_RATE, CLIP, VERB = 2000, 32, 0.005, 1.0, 3.0
PROGRAM = ROOT / "explainer" / "programs" / "readers.py"


def batch(chance: random.Random) -> tuple[list[Sentence], Tensor]:
    """The sentences of one training step, and their letters (B, T) by their places, -1 behind the end."""
    drawn = [sentences.draw(chance, chance.randint(0, sentences.MOST_CLAUSES)) for _ in range(BATCH)]
    return drawn, torch.from_numpy(sentences.codes([one.text for one in drawn]))


def loss_of(reader: Reader, states: Tensor, drawn: list[Sentence], codes: Tensor) -> Tensor:
    """The loss of a batch from the states (T - 1, B, n) that its letters but the last brought about."""
    logits = reader.readout(states).movedim(2, 1)
    each = nn.functional.cross_entropy(logits, codes.T[1:].contiguous(), ignore_index=-1, reduction="none")
    verb = each[torch.tensor([len(one.begin) - 1 for one in drawn]), torch.arange(BATCH)]
    return each.sum() / (codes[:, 1:] >= 0).sum() + VERB * verb.mean()


class Optimiser:
    """Adam for one reader, with the gradient clipped; its learning rate falls to a tenth over so many steps."""

    def __init__(self, reader: Reader, steps: int) -> None:
        self.parameters, self.steps = list(reader.parameters().values()), steps
        self.adam = torch.optim.Adam(self.parameters, lr=LEARNING_RATE)

    def step(self, step: int) -> None:
        """Step number `step`, from 0, with the gradient as it lies at the parameters; there is none afterwards."""
        self.adam.param_groups[0]["lr"] = LEARNING_RATE * (1 - 0.9 * step / self.steps)
        nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.adam.step()
        self.adam.zero_grad()


def train(
    cell: str, steps: int = STEPS, seed: int = readers.SEED, forget_bias: float | None = readers.FORGET_BIAS
) -> Reader:
    """One reader after so many steps of training, in float32; the seed is that of its start and of its sentences."""
    reader, chance = readers.start(cell, forget_bias, torch.float32, seed), random.Random(seed)
    optimiser = Optimiser(reader, steps)
    for step in range(steps):
        drawn, codes = batch(chance)
        states, _ = reader.network(readers.one_hot(codes).float()[:-1])
        loss_of(reader, states, drawn, codes).backward()
        optimiser.step(step)
    return reader


def rounded(reader: Reader) -> dict[str, np.ndarray]:
    """The weights by name, in float16."""
    return {name: weight.detach().numpy().astype(np.float16) for name, weight in reader.parameters().items()}


def constant(weights: dict[str, dict[str, np.ndarray]]) -> str:
    """The weights of both readers as a Python constant: all of one reader in one piece, in base64."""
    lines = ["READERS = {"]
    for cell, named in weights.items():
        data = b"".join(weight.astype("<f2").tobytes() for weight in named.values())
        lines.append(f'    "{cell}": (')
        lines += [f'        "{part}"' for part in textwrap.wrap(base64.b64encode(data).decode(), 104)]
        lines.append("    ),")
    return "\n".join([*lines, "}"])


def main() -> None:
    torch.set_num_threads(1)
    weights = {cell: rounded(train(cell)) for cell in CELLS}
    flat = {f"{cell}_{name}": one.astype(np.float32) for cell, named in weights.items() for name, one in named.items()}
    np.savez_compressed(readers.FILE, **flat)
    source = PROGRAM.read_text(encoding="utf-8")
    PROGRAM.write_text(re.sub(r"READERS = \{.*?\n\}", constant(weights), source, flags=re.S), encoding="utf-8")
    for cell in CELLS:
        right = ", ".join(f"{readers.accuracy(cell, clauses):.1%}" for clauses in range(1, 7))
        sys.stdout.write(f"{cell}: {right} right with 1 to 6 clauses before the verb\n")


if __name__ == "__main__":
    main()
