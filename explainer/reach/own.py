"""A reader's network as the page measures it: one layer, beside the same network before training and a fresh one."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explainer import languages
from explainer.languages import say, word
from explainer.maths.cell_types import CELLS
from explainer.maths.gradients import HORIZON
from explainer.maths.squashing import WITHOUT_CANCELLING
from explainer.reach import modules, norms
from explainer.reach.advice import Advice, advise
from explainer.reach.cells import name_in_words
from explainer.reach.files import Unusable
from explainer.reach.measure import of_runs
from explainer.reach.modules import Run
from explainer.reach.report import Measured
from explainer.reach.weights import Found
from explainer.serving.jobs import Queue, Ticket

FRESH_DRAWS, FRESH_DRAWS_OF_LARGE, LARGE = 3, 1, 128  # fresh networks, and those of more than so many units


@dataclass(frozen=True, eq=False)
class Request:
    """What a reader wants to see measured.

    Attributes:
        file, before_file: the names of the files, as they can be shown; the second is empty without one.
        found, before: the networks in them.
        inputs: (T, I), float64.
        inputs_file: the name of their file; empty for noise.
        scale: of the noise.
        layer: which layer and direction, in torch's order.
        lag: the wanted lag, at most T−1.
    """

    file: str
    found: Found
    inputs: Tensor
    lag: int
    before_file: str = ""
    before: Found | None = None
    inputs_file: str = ""
    scale: float = 1.0
    layer: int = 0


@dataclass(frozen=True, eq=False)
class Own:
    """What was measured.

    Attributes:
        request: what was asked for.
        after, before: the reader's network, and the same before training if there is a file of it.
        fresh: networks of the same size, with the weights that torch draws.
        shares: {line: each lag's share of ∂L(T)/∂W_hh, (T,)}; see :func:`shares_of`.
        advice: what follows for the reader's network.
        sides: both sides of the receipt: by autograd, and by the formula.
    """

    request: Request
    after: Measured
    before: Measured | None
    fresh: tuple[Measured, ...]
    shares: dict[str, np.ndarray]
    advice: tuple[Advice, ...]
    sides: tuple[float, float]


_AT_ONCE = 4_000_000  # numbers in the gradients of W_hh that are held at once

AFTER, BEFORE, FRESH = word("your network"), word("before training"), word("torch's fresh network")


def layer_names(module: nn.RNNBase) -> tuple[str, ...]:
    """The layers and directions of a module that can be chosen, in torch's order, as a reader reads them."""
    ways = (False, True) if module.bidirectional else (False,)
    return tuple(name_in_words(number, is_reverse) for number in range(module.num_layers) for is_reverse in ways)


def measure(request: Request, tell: Callable[[float], None]) -> Own:
    """Measure it; ``tell`` is told the share that is done, and may end it all by raising."""
    size = request.found.module.hidden_size
    draws = FRESH_DRAWS if size <= LARGE else FRESH_DRAWS_OF_LARGE
    networks = {AFTER: request.found.module}
    if request.before is not None:
        networks[BEFORE] = request.before.module
    networks |= {f"{FRESH} {seed}": fresh(request.found.module, seed) for seed in range(draws)}
    runs, found, shares = {}, {}, {}
    for i, (name, module) in enumerate(networks.items()):
        share = functools.partial(_part, tell, i, len(networks))
        runs[name] = _run(module, request)
        measured = norms.measure(runs[name].recurrence, exactly=None, seed=0, progress=lambda x, s=share: s(0.8 * x))
        found[name] = of_runs([runs[name]], [measured])
        if not name.startswith(FRESH):
            shares[name] = shares_of(runs[name], lambda x, s=share: s(0.8 + 0.2 * x))
    run, after = runs[AFTER], found[AFTER]
    return Own(
        request,
        after,
        found.get(BEFORE),
        tuple(one for name, one in found.items() if name.startswith(FRESH)),
        shares,
        advise([after], [[run]], request.lag, HORIZON),
        sides_of(run, request.lag),
    )


def _part(tell: Callable[[float], None], done: int, parts: int, fraction: float) -> None:
    tell((done + fraction) / parts)


def _run(module: nn.RNNBase, request: Request) -> Run:
    (start,) = modules.starts_of(module, None, 1)
    runs = modules.runs_of(modules.layers_of(module), request.inputs, start)
    return [run for own in runs for run in own][request.layer]


def fresh(module: nn.RNNBase, seed: int) -> nn.RNNBase:
    """A module of the same kind and size with the weights that torch draws: U(−1/√n, 1/√n), from the seed alone."""
    with torch.device("meta"):
        options = {"nonlinearity": module.nonlinearity} if isinstance(module, nn.RNN) else {}
        options |= {"proj_size": module.proj_size} if isinstance(module, nn.LSTM) else {}
        drawn = type(module)(
            module.input_size,
            module.hidden_size,
            num_layers=module.num_layers,
            bias=module.bias,
            bidirectional=module.bidirectional,
            dtype=torch.float64,
            **options,
        )
    drawn, bound = drawn.to_empty(device="cpu"), 1 / math.sqrt(module.hidden_size)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in drawn.parameters():
            weight.uniform_(-bound, bound, generator=generator)
    return drawn.eval()


# --- the sum of backpropagation through time ----------------------------------------------------------------


def shares_of(run: Run, tell: Callable[[float], None]) -> np.ndarray:
    """What each lag contributes to ∂L(T)/∂W_hh of a layer, L(T) = ½‖h(T) − y‖² with a seeded target y.

    Each step's copy of W_hh gets its own gradient; its projection on their sum, over the sum's square, is the share.
    The sum is taken in a first pass backwards, the projections in a second: so not all gradients are held at once.

    Returns:
        Lag 0 first, (T,): signed, sums to 1. NaN where the sum is 0.
    """
    adjoints = _adjoints(run)
    tell(0.5)
    total = sum(share.sum(0) for share in _pieces(run, adjoints))
    tell(0.75)
    projected = [torch.einsum("tij,ij->t", share, total) for share in _pieces(run, adjoints)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return torch.cat(projected).numpy() / float(total.square().sum())


def _adjoints(run: Run) -> Tensor:
    """∂L(T)/∂state(T−lag), lag 0 first, (T, S)."""
    outputs, own = run.layer.output_size, run.recurrence.tabled()
    target = torch.randn(outputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    adjoint = torch.zeros_like(run.states[-1:])
    adjoint[0, :outputs] = run.states[-1, :outputs] - target
    adjoints = [adjoint]
    for t in range(len(run.inputs), 1, -1):
        adjoints.append(own.step_back(t, adjoints[-1]))
    return torch.cat(adjoints)


def _pieces(run: Run, adjoints: Tensor) -> Iterator[Tensor]:
    """The gradients of the steps' own copies of W_hh, lag 0 first, some at a time (some, rows, columns)."""
    weight = run.layer.weights["weight_hh_l0"]
    before, inputs = run.states[:-1].flip(0), run.inputs.flip(0)
    at_once = max(1, _AT_ONCE // weight.numel())
    for first in range(0, len(inputs), at_once):
        some = slice(first, first + at_once)
        copies = weight.repeat(len(inputs[some]), 1, 1).requires_grad_()
        layer = modules.with_weight(run.layer, copies)
        ends = layer.step(WITHOUT_CANCELLING, inputs[some].unsqueeze(1), before[some].unsqueeze(1))
        yield torch.autograd.grad(ends, copies, adjoints[some].unsqueeze(1))[0]


# --- the receipt --------------------------------------------------------------------------------------------


def sides_of(run: Run, lag: int) -> tuple[float, float]:
    """Both sides of the section's receipt, by autograd and by the formula.

    With a gate: the direct path over the lag in the unit that keeps most, beside the product of its gates. Without one:
    the Frobenius norm of the last step's Jacobian, beside that of diag(σ′)·W_hh.
    """
    layer, weights = run.layer, run.layer.weights
    first = len(run.inputs) - lag
    arrives = (
        run.inputs @ weights["weight_ih_l0"].T
        + weights["bias_ih_l0"]
        + run.states[:-1, : layer.output_size] @ weights["weight_hh_l0"].T
        + weights["bias_hh_l0"]
    )
    if layer.type.gated:
        start = run.states[first, -layer.memory_size :].clone().requires_grad_()
        memory = start
        for t in range(first, len(run.inputs)):
            memory = layer.type.update(WITHOUT_CANCELLING, weights, run.inputs[t], run.states[t], memory)
        (direct,) = torch.autograd.grad(memory.sum(), start)
        gates = torch.sigmoid(arrives[first:, layer.keep_rows])
        return float(direct.max()), float(gates.prod(0).max())
    by_autograd = run.recurrence.step_back(len(run.inputs), torch.eye(layer.memory_size, dtype=torch.float64))
    if layer.type is CELLS["relu"]:
        slope = (arrives[-1] > 0).double()
    else:
        h = torch.tanh(arrives[-1])
        slope = (1 - h) * (1 + h)
    return float(by_autograd.norm()), float((slope[:, None] * weights["weight_hh_l0"]).norm())


# --- in the background --------------------------------------------------------------------------------------


class Ended(Exception):  # noqa: N818  it is no error
    """The reader has left, or pressed Stop."""


@dataclass(eq=False)
class UnderWay:
    """A measurement as far as it has got; ``own`` is there when it is done."""

    fraction: float = 0.0
    own: Own | None = None


_queue: Queue[UnderWay] = Queue(workers=1)


def _measured(request: Request, tell: Callable[[float], None]) -> Own:
    try:
        return measure(request, tell)
    except (ValueError, RuntimeError) as error:  # a state overflows, or there is not enough memory
        raise Unusable(say("This network could not be measured: {why}.", why=error)) from error


def start(request: Request) -> Ticket[UnderWay]:
    """Measure in the background, after those who came before; nobody else gets to see it, and it is not kept."""
    measured = languages.bound(_measured)

    def work(should_stop: Callable[[], bool]) -> Iterator[UnderWay]:
        under_way = UnderWay()

        def tell(share: float) -> None:
            if should_stop():
                raise Ended
            under_way.fraction = min(share, 0.999)

        yield under_way
        try:
            under_way.own = measured(request, tell)
        except Ended:
            return
        under_way.fraction = 1.0
        yield under_way

    return _queue.submit(object(), work)
