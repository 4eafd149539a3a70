"""What the gradient through layers costs: all depths of one stack, and a section's figures, each for the first time.

    OMP_NUM_THREADS=1 python -m benchmarks.depth

Every number is a median with its smallest and largest, in milliseconds; one thread a torch call. The processor's own
time stands beside it: where the two differ, something else was running.
"""

from __future__ import annotations

import platform

import torch

from benchmarks.engine import say
from benchmarks.networks import report
from explainer.choices.settings import Settings
from explainer.lesson.remembering_on_purpose import plan
from explainer.maths import depth, training
from explainer.maths.blocks import KINDS
from explainer.maths.depth import Stack

ONE_DRAW = (
    ("24 pre-norm blocks of width 64", Stack("pre-norm", 24, 64, seeds=1)),
    ("100 plain layers of width 64", Stack("plain", 100, 64, seeds=1)),
    ("100 residual layers of width 64", Stack("residual", 100, 64, seeds=1)),
)


def forget() -> None:
    for function in (depth.by_depth, depth.by_path, depth.branch_norms, training.at_start):
        function.cache_clear()


def main() -> None:
    say(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    for kind in KINDS:
        depth.by_depth(Stack(kind, 2, 8))  # torch's own first pass
    say("all depths, one draw")
    for what, stack in ONE_DRAW:
        report(what, lambda stack=stack: depth.by_depth(stack), 9, forget)
    say("five draws")
    for width in (16, 64):
        stacks = [Stack(kind, width=width) for kind in KINDS]
        straight = [stack for stack in stacks if stack.kind in ("residual", "highway")]
        normed = [stack for stack in stacks if stack.type.tokens > 1]
        times = 9 if width == 16 else 3
        report(f"all depths of five kinds, width {width}", lambda a=stacks: [*map(depth.by_depth, a)], times, forget)
        report(f"two kinds by path, width {width}", lambda a=straight: [*map(depth.by_path, a)], times, forget)
        report(f"what each block adds, width {width}", lambda a=normed: [*map(depth.branch_norms, a)], times, forget)
    for k in (50, 100):
        asked = plan(Settings(tk=k))
        report(f"eleven remedies before training, k = {k}", lambda a=asked: training.at_start(a), 3, forget)


if __name__ == "__main__":
    main()
