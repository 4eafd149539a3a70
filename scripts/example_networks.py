"""Train the small LSTM that the section "Your own network" shows until a reader brings one of their own.

It has to remember one bit over 30 steps of noise. Its weights before and after training go to ``examples``, and once
more, as text, into the program behind the section's figures, which has to run without any file.

    python scripts/example_networks.py
"""

from __future__ import annotations

import base64
import re
import sys
import textwrap
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from explainer.maths.tasks import TASKS  # noqa: E402

LAG, UNITS, BATCH, STEPS, SEED = 30, 8, 64, 600, 3
FILES = {"example": "memory-lstm-after.safetensors", "example before": "memory-lstm-before.safetensors"}
PROGRAM = ROOT / "explainer" / "programs" / "your_own_network.py"


def trained() -> tuple[dict[str, bytes], float]:
    """The weights before and after training, as safetensors, and the accuracy at the end."""
    torch.manual_seed(SEED)
    task, generator = TASKS["memory"], torch.Generator().manual_seed(SEED)
    lstm, read_out = nn.LSTM(task.input_size, UNITS), nn.Linear(UNITS, 1)
    before = packed(lstm)
    optimiser = torch.optim.Adam([*lstm.parameters(), *read_out.parameters()], lr=0.01)
    # the lag grows from short to long: with torch's own biases no gradient reaches 30 steps back at the start
    for step in range(STEPS):
        lag = min(LAG, 2 + step * LAG // (STEPS // 2))
        inputs, bit = task.draw(lag, BATCH, 1.0, generator)
        answers = read_out(lstm(inputs)[0][-1])[:, 0]
        optimiser.zero_grad()
        task.loss(answers, bit).backward()
        optimiser.step()
    inputs, bit = task.draw(LAG, 1_000, 1.0, generator)
    with torch.no_grad():
        right = task.right(read_out(lstm(inputs)[0][-1])[:, 0], bit)
    return {"example before": before, "example": packed(lstm)}, float(right.float().mean())


def packed(lstm: nn.LSTM) -> bytes:
    """The weights as a file, as they are in a model that calls its network ``lstm``."""
    return safetensors.torch.save({f"lstm.{name}": weight.detach().clone() for name, weight in lstm.named_parameters()})


def constant(files: dict[str, bytes]) -> str:
    """The files as a Python constant."""
    lines = ["EXAMPLE_FILES = {"]
    for name in FILES:
        lines.append(f'    "{name}": (')
        lines += [f'        "{part}"' for part in textwrap.wrap(base64.b64encode(files[name]).decode(), 104)]
        lines.append("    ),")
    return "\n".join([*lines, "}"])


def main() -> None:
    torch.set_num_threads(1)
    files, accuracy = trained()
    for name, file in FILES.items():
        (ROOT / "examples" / file).write_bytes(files[name])
    source = PROGRAM.read_text(encoding="utf-8")
    PROGRAM.write_text(re.sub(r"EXAMPLE_FILES = \{.*?\n\}", constant(files), source, flags=re.S), encoding="utf-8")
    sys.stdout.write(f"{accuracy:.0%} of 1,000 bits right after {LAG} steps\n")


if __name__ == "__main__":
    main()
