"""What training costs: seconds for a plan, and what a reader who moves w notices of others who train.

    OMP_NUM_THREADS=1 python -m benchmarks.training

Every number is a median with its smallest and largest; one thread a torch call.
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch

from explainer.choices.settings import Settings
from explainer.maths import gradients, training
from explainer.maths.plans import Learner, Plan

THREE_CELLS = (Learner("rnn"), Learner("lstm"), Learner("lstm", 3.0))


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def spread(values: Sequence[float], unit: str, scale: float = 1.0) -> str:
    low, middle, high = min(values) * scale, statistics.median(values) * scale, max(values) * scale
    return f"{middle:8.2f} {unit}  ({low:.2f} to {high:.2f}, {len(values)} times)"


def seconds(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def whole(plan: Plan) -> None:
    training.forget()
    for _ in training.train(plan):
        pass


def readers_gradients(times: int = 200) -> list[float]:
    """Both scalar cells at a w that has not been asked for before, as for a reader who moves the slider."""
    taken = []
    for i in range(times):
        settings = Settings(act="tanh", w=0.5 + time.perf_counter_ns() % 10**9 * 1e-10 + i, k=50)
        begun = time.perf_counter()
        gradients.vanilla(settings)
        taken.append(time.perf_counter() - begun)
        time.sleep(0.01)
    return taken


def main() -> None:
    say(f"torch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} thread", "")
    say("Seconds for three seeds, 200 steps, width 16, batch 64:")
    for k in (10, 50, 100):
        plan = Plan(k=k, learners=THREE_CELLS)
        say(f"  k = {k:3}, RNN and two LSTMs        {spread(seconds(lambda plan=plan: whole(plan), 3), 's')}")
    say(f"  k =  50, the same and a GRU       {spread(seconds(lambda: whole(Plan()), 3), 's')}")
    plan = Plan(task="adding", learners=THREE_CELLS, steps=400)
    say(f"  k =  50, adding, 400 steps        {spread(seconds(lambda: whole(plan), 1), 's')}")
    whole(Plan())
    say(f"  the same plan again               {spread(seconds(lambda: list(training.train(Plan())), 20), 'ms', 1e3)}")

    say("", "The gradients of one reader who moves w (k = 50), while others train:")
    training.forget()
    say(f"  nobody                            {spread(readers_gradients(), 'ms', 1e3)}")
    tickets = [training.start(Plan(k=100, seed=seed, seeds=10, steps=2000)) for seed in (100, 200)]
    while tickets[0].poll().value is None:
        time.sleep(0.01)
    say(f"  two (one trains, one waits)       {spread(readers_gradients(), 'ms', 1e3)}")
    for ticket in tickets:
        ticket.leave()
    begun = time.perf_counter()
    while not tickets[0].poll().over:
        time.sleep(0.0005)
    say(f"  from leaving to the last thread's end    {(time.perf_counter() - begun) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
