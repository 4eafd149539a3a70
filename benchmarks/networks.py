"""What the real networks cost: three cells, five seeds, by hidden size and length, and a repeat of the same settings.

    OMP_NUM_THREADS=1 python -m benchmarks.networks

Every number is a median with its smallest and largest, in milliseconds; one thread a torch call. The processor's own
time stands beside it: where the two differ, something else was running.
"""

import platform
import time
from collections.abc import Callable

import torch

from benchmarks.engine import line, measured, say
from explainer.maths import jacobians
from explainer.maths.network import Network

CELLS = ("rnn", "lstm", "gru")
SEEDS = 5


def forget() -> None:
    for function in (jacobians.by_lag, jacobians.pairs, jacobians.shares):
        function.cache_clear()
    jacobians.forget_shared()


def report(what: str, work: Callable[[], object], times: int, before: Callable[[], object] = forget) -> None:
    say(line(what, *measured(work, times, before)))


def main() -> None:
    say(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    begun = time.perf_counter()
    jacobians.by_lag(Network("rnn", hidden_size=1, length=2), seeds=1)
    say(f"first vmapped pass of a process (torch loads sympy): {(time.perf_counter() - begun) * 1e3:.0f} ms")
    for n, length, times in ((4, 50, 15), (16, 50, 15), (16, 100, 15), (16, 200, 9), (32, 100, 5), (64, 200, 1)):
        say(f"n = {n}, T = {length}, {', '.join(CELLS)}")
        networks = [Network(cell, n, length) for cell in CELLS]
        pair = networks[:2]
        report(f"norms by lag and paths, {SEEDS} seeds", lambda a=networks: [*map(_by_lag, a)], times)
        report("all pairs of times, one seed", lambda a=networks: [*map(jacobians.pairs, a)], times)
        report(f"shares by lag, {SEEDS} seeds, rnn and lstm", lambda a=pair: [*map(_shares, a)], times)
        report("everything above together", lambda a=networks, b=pair: _everything(a, b), times)
        report("the same again", lambda a=networks, b=pair: _everything(a, b), 15, before=lambda: None)


def _by_lag(network: Network) -> object:
    return jacobians.by_lag(network, SEEDS)


def _shares(network: Network) -> object:
    return jacobians.shares(network, SEEDS)


def _everything(networks: list[Network], pair: list[Network]) -> object:
    return [*map(_by_lag, networks), *map(jacobians.pairs, networks), *map(_shares, pair)]


if __name__ == "__main__":
    main()
