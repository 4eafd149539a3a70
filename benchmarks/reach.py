"""What it costs to measure how far back a network's gradient reaches: an nn.LSTM by size and length, all lags.

    OMP_NUM_THREADS=1 python -m benchmarks.reach

Each size runs in a process of its own, on one core: seconds of its processor, its memory, and how many times as long as
torch's own forward and backward pass of the same module over the same inputs. Arguments choose sizes: ``512,200``.
"""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from explainer import reach

SIZES = ((16, 100), (64, 200), (128, 50), (128, 100), (128, 200), (256, 200), (512, 200), (1024, 200), (1024, 1000))
INPUTS = 16


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def one(n: int, length: int) -> None:
    """Measure one size and say it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module, inputs = nn.LSTM(INPUTS, n).double(), torch.randn(length, INPUTS, dtype=torch.float64)
    reach.of(
        nn.LSTM(1, 2), torch.randn(3, 1), progress=lambda share: None
    )  # the first vmapped pass of a process makes torch load much

    def forward_and_backward() -> None:
        module(inputs)[0][-1].sum().backward()

    forward_and_backward()
    torchs_own = min(seconds(forward_and_backward) for _ in range(3))
    found: list[reach.Report] = []
    taken = seconds(lambda: found.append(reach.of(module, inputs, progress=lambda share: None)))
    layer = found[0].layers[0]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    error = f", error {layer.spectral_error.max():.2f} decades at most" if layer.method == "probed" else ""
    say(
        f"  n = {n:5,}, T = {length:5,}: {taken:8.2f} s, {taken / torchs_own:6.0f} × torch's own, "
        f"{memory:6.0f} MB, {layer.method}{error}"
    )


def main() -> None:
    asked = [tuple(map(int, text.split(","))) for text in sys.argv[1:]]
    if len(asked) == 1:
        one(*asked[0])
        return
    say(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}; seconds of one core")
    for n, length in asked or SIZES:
        subprocess.run([sys.executable, "-m", "benchmarks.reach", f"{n},{length}"], check=True)


if __name__ == "__main__":
    main()
