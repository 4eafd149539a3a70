"""What the scalar engine costs: by lag (one backward pass for all lags), by grid, and for the page at its defaults.

    OMP_NUM_THREADS=1 python -m benchmarks.engine

Every number is a median with its smallest and largest, in milliseconds; one thread a torch call. The processor's own
time stands beside it: where the two differ, something else was running. For the page it is the processor's time alone.
"""

import functools
import inspect
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import torch

from explainer.choices.settings import Settings
from explainer.figures import figure
from explainer.lesson import SECTIONS, vanish_or_explode
from explainer.maths import gradients, grid, jacobians, number_formats, paths

ENGINE = {
    "the scalar cells": (
        *(gradients.vanilla, gradients.gated, gradients.power_of_w),
        *(gradients.vanilla_derivative, gradients.gated_derivative),
        *(grid.vanilla_grid, grid.gated_grid, paths.by_path),
    ),
    "the number formats": (number_formats.compare,),
    "the real networks": (jacobians.by_lag, jacobians.pairs, jacobians.shares),
}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def clear(*modules: ModuleType) -> None:
    for function in [one for module in modules for one in vars(module).values() if hasattr(one, "cache_clear")]:
        function.cache_clear()


def forget() -> None:
    clear(gradients, grid, paths, number_formats, figure)


def forget_networks_too() -> None:
    forget()
    clear(jacobians)
    jacobians.forget_shared()


def measured(work: Callable[[], object], times: int, before: Callable[[], object]) -> tuple[list[float], list[float]]:
    taken, busy = [], []
    for _ in range(times):
        before()
        begun, busy_before = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
        busy.append((time.process_time() - busy_before) * 1e3)
    return taken, busy


def line(what: str, taken: list[float], busy: list[float]) -> str:
    return (
        f"  {what:<52}{statistics.median(taken):9.2f} ms  ({min(taken):.2f} to {max(taken):.2f}), "
        f"processor {statistics.median(busy):.2f} ms"
    )


def torch_alone(k: int) -> None:
    """The floor: the k steps of the vanilla cell and their backward pass, and nothing that makes them a figure."""
    w, h = torch.tensor(0.9, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    states = [h]
    for _ in range(k):
        h = torch.tanh(w * h)
        states.append(h)
    torch.autograd.grad(h, states)


def by_lag(times: int = 15) -> None:
    say("every lag up to k, in one backward pass; beside it what ten times the lag costs, and torch's own operations")
    lags = (10, 100, 1000, 10_000)
    floor = {}
    for k in lags:
        taken, busy = measured(functools.partial(torch_alone, k), times if k < 10_000 else 5, forget)
        floor[k] = statistics.median(busy)
        say(line(f"torch's operations alone, k = {k:,}", taken, busy))
    cells = {
        "vanilla, tanh": lambda k: gradients.vanilla(Settings(k=k)),
        "vanilla, ReLU": lambda k: gradients.vanilla(Settings(act="relu", w=1.0, k=k)),
        "gated, constant": lambda k: gradients.gated(Settings(k=k)),
        "gated, set by the state": lambda k: gradients.gated(Settings(gate="state", k=k)),
        "its paths": lambda k: paths.by_path(Settings(gate="state", k=k)),
    }
    for name, work in cells.items():
        shorter = None
        for k in lags:
            taken, busy = measured(functools.partial(work, k), times if k < 10_000 else 5, forget)
            middle = statistics.median(busy)
            factor = "" if shorter is None else f", × {middle / shorter:.1f}"
            factor += f", {middle / floor[k]:.1f} times torch alone"
            say(line(f"{name}, k = {k:,}", taken, busy) + factor)
            shorter = middle


def by_grid(times: int = 9) -> None:
    say("a parameter and the lag as one batch")
    lags = vanish_or_explode.LAGS
    for points in (1, 20, 81, 320):
        w = tuple(-8 + 16 * i / max(points - 1, 1) for i in range(points))
        f = tuple(i / max(points - 1, 1) for i in range(points))
        for name, batch, values in (("w", grid.vanilla_grid, w), ("f", grid.gated_grid, f)):
            work = functools.partial(batch, Settings(gate="state"), values, lags)
            what = f"{points} values of {name} × {len(lags)} lags up to {lags[-1]}"
            say(line(what, *measured(work, times, forget)))


@contextmanager
def timed(taken: dict[str, float]) -> Iterator[None]:
    """While it lasts, the processor's time for what the sections ask of the engine is added up, by part."""
    depth, originals = [0], []

    def watch(function: Callable, kind: str) -> Callable:
        @functools.wraps(function)
        def call(*arguments, **keywords):
            begun, depth[0] = time.process_time(), depth[0] + 1
            try:
                return function(*arguments, **keywords)
            finally:
                depth[0] -= 1
                if depth[0] == 0:  # what the engine asks of itself is in it already
                    taken[kind] = taken.get(kind, 0.0) + (time.process_time() - begun) * 1e3

        return call

    watched = {function: watch(function, kind) for kind, functions in ENGINE.items() for function in functions}
    for module in [module for name, module in sys.modules.items() if name.startswith("explainer.")]:
        for name, value in list(vars(module).items()):
            if inspect.isfunction(value) and value in watched:
                originals.append((module, name, value))
                setattr(module, name, watched[value])
    try:
        yield
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


def page_of(settings: Settings) -> dict[str, float]:
    """Milliseconds of one run of the page in each part of the engine, and in all of its sections."""
    taken: dict[str, float] = {}
    begun = time.process_time()
    with timed(taken):
        for section in SECTIONS:
            section.question(settings)
            section.figures_at(settings)
            section.receipt(settings)
    return taken | {"all sections, their tables and words included": (time.process_time() - begun) * 1e3}


def page(times: int = 15) -> None:
    def report(what: str, settings: Settings, before: Callable[[], object]) -> None:
        say(what)
        runs = []
        for _ in range(times):
            before()
            runs.append(page_of(settings))
        for kind in runs[-1]:
            milliseconds = [run[kind] for run in runs]
            spread = f"({min(milliseconds):.2f} to {max(milliseconds):.2f})"
            say(f"  {kind:<52}{statistics.median(milliseconds):9.2f} ms  {spread}")

    page_of(Settings())  # builds every drawing, and torch's own first pass
    report("the page at its defaults, a control of the scalar cells moved", Settings(), forget)
    report("the same at k = 200 with the gate that reads its state", Settings(k=200, gate="state"), forget)
    report("the same again, nothing moved", Settings(), lambda: None)
    report("the page at its defaults, everything new", Settings(), forget_networks_too)


def main() -> None:
    say(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    by_lag()
    by_grid()
    page()


if __name__ == "__main__":
    main()
