"""A case from end to end: a network that fails to copy over a delay, what its report says, and the same network mended.

The copy task (Hochreiter & Schmidhuber 1997): two symbols, a delay without anything, a mark, and then the two symbols
have to be given back. The LSTM starts with the biases that torch draws.

    python examples/copy_task.py
    python examples/copy_task.py --delay 40 --steps 2000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from explainer import reach

SYMBOLS, COPIED = 4, 2
BLANK, MARK = SYMBOLS, SYMBOLS + 1
CHANCE = 1 / SYMBOLS


def draw(delay: int, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Inputs (T, batch, symbols + 2), T = 2 + delay + 2, and the symbols to be given back (2, batch)."""
    symbols = torch.randint(0, SYMBOLS, (COPIED, batch), generator=generator)
    blanks = torch.full((delay, batch), BLANK)
    marks = torch.full((COPIED, batch), MARK)
    return functional.one_hot(torch.cat([symbols, blanks, marks]), SYMBOLS + 2).float(), symbols


class Copier(nn.Module):
    """An LSTM and a layer that reads its last two states."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(SYMBOLS + 2, units)
        self.read = nn.Linear(units, SYMBOLS)

    def forward(self, inputs: Tensor) -> Tensor:
        """What it gives back, (2, batch, symbols)."""
        return self.read(self.lstm(inputs)[0][-COPIED:])


def fresh(units: int, seed: int) -> Copier:
    """A network with the weights that torch draws from this seed."""
    torch.manual_seed(seed)
    return Copier(units)


def train(model: Copier, delay: int, steps: int, seed: int = 0, log: reach.HorizonLog | None = None) -> float:
    """Train it; the share of symbols that it gives back rightly in the end, of 500 sequences it has not seen."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        if log:
            log(step)
        inputs, symbols = draw(delay, 64, generator)
        loss = functional.cross_entropy(model(inputs).flatten(0, 1), symbols.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    inputs, symbols = draw(delay, 500, generator)
    with torch.no_grad():
        return float((model(inputs).argmax(-1) == symbols).float().mean())


def measure(model: Copier, delay: int) -> reach.Report:
    """How far back its gradient reaches; the lag that matters is from an answer to its symbol."""
    inputs, _ = draw(delay, 1, torch.Generator().manual_seed(1))
    return reach.of(model.lstm, inputs, lag=COPIED + delay)


def apply_advice(model: Copier, report: reach.Report) -> float:
    """Add to the forget bias what the report advises; the amount."""
    (advice,) = [one for one in report.advice if one.about == "forget bias"]
    units = model.lstm.hidden_size
    with torch.no_grad():
        model.lstm.bias_ih_l0[units : 2 * units] += advice.value
    return advice.value


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    """Tell the whole case; the shares of right symbols before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=int, default=25)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--units", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    say = sys.stdout.write

    model = fresh(asked.units, asked.seed)
    failed = train(model, asked.delay, asked.steps)
    say(f"As torch draws it, after {asked.steps} steps: {failed:.0%} right, where guessing gets {CHANCE:.0%}.\n\n")

    model = fresh(asked.units, asked.seed)
    report = measure(model, asked.delay)
    say(f"Before its first step:\n{report}\n\n")
    for one in report.advice:
        say(f"- {one}\n")

    added = apply_advice(model, report)
    say(f"\nWith {added:g} more on the forget bias:\n{measure(model, asked.delay)}\n\n")
    learned = train(model, asked.delay, asked.steps)
    say(f"The same training again: {learned:.0%} right.\n")
    return failed, learned


if __name__ == "__main__":
    main()
