"""What the sections say of torch's own gated networks: their rows and biases, and how fast they forget, computed."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_claims import BY_SLUG, everything_said, plain

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import networks
from explainer.maths import jacobians, plans, training
from explainer.maths.gradients import gated

CLAIMED: list[tuple[str, str]] = []


def claim(slug: str, words: str) -> Callable:
    """The test computes these words of the section, which must still be there."""

    def decorate(test: Callable) -> Callable:
        CLAIMED.append((slug, words))
        return test

    return decorate


def one_step_from(network: torch.nn.Module, state) -> torch.Tensor:
    """The memory after one step without input, from a memory (and, of an LSTM, a hidden state of 0)."""
    nothing = torch.zeros(1, 1, network.input_size)
    with torch.no_grad():
        _, after = network(nothing, state)
    return after[1][0, 0] if isinstance(after, tuple) else after[0, 0]


# --- product of gates ---------------------------------------------------------------------------------------


@claim("product-of-gates", "the lab's cell only multiplies, so a state of c = 0 stays 0 for ever")
def test_claim_a_cell_that_only_multiplies_stays_at_0():
    for gate in ("constant", "varying", "state"):
        assert not gated(Settings(gate=gate, h0=0.0, f=0.99, k=100)).state.any()


def lstm(**biases: float) -> torch.nn.LSTM:
    """An LSTM of one unit without weights, its gates set by their biases alone."""
    network = torch.nn.LSTM(1, 1, dtype=torch.float64)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.bias_ih_l0.copy_(torch.tensor([biases.get(gate, 0.0) for gate in "ifgo"]))
    return network


@claim(
    "product-of-gates", "with the gates and the candidate held fixed, the derivative of c^{(t)} by c^{(t-1)} is still f"
)
@claim("product-of-gates", "f = 1, and the gradient came through every lag as exactly 1 along this path")
def test_claim_what_is_added_leaves_the_gradient_alone():
    def carried(network: torch.nn.LSTM, steps: int) -> tuple[float, float]:
        start = torch.zeros(1, 1, 1, dtype=torch.float64, requires_grad=True)
        zero = torch.zeros(1, 1, 1, dtype=torch.float64)
        _, (_, c) = network(torch.zeros(steps, 1, 1, dtype=torch.float64), (zero, start))
        return c.item(), torch.autograd.grad(c.sum(), start)[0].item()

    for writes in (-2.0, 0.0, 2.0):  # i and g are fixed: nothing reads the state
        state, gradient = carried(lstm(f=1.0, i=writes, g=0.7), 20)
        assert state > 0.01
        assert gradient == pytest.approx(torch.sigmoid(torch.tensor(1.0, dtype=torch.float64)).item() ** 20, rel=1e-12)
    state, gradient = carried(lstm(f=1000.0, i=0.0, g=0.7), 200)
    assert gradient == 1
    assert state == pytest.approx(200 * 0.5 * np.tanh(0.7), rel=1e-6)


# --- many paths ---------------------------------------------------------------------------------------------


@claim("many-paths", "this starts the forget gates at logistic(3), about 0.95")
@claim("many-paths", "in the order input gate, forget gate, candidate, output gate")
@claim("many-paths", "there are two biases, and they add up")
def test_the_lines_to_paste_open_the_forget_gate_and_no_other():
    (lines,) = re.findall(r"```python\n(.*?)```", BY_SLUG["many-paths"].in_torch, re.DOTALL)
    made: dict = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(lines, made)
    network, n = made["lstm"], made["n"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fresh = torch.nn.LSTM(8, 16)
    biases = network.bias_ih_l0 + network.bias_hh_l0
    changed = (biases != fresh.bias_ih_l0 + fresh.bias_hh_l0).nonzero()[:, 0]
    assert changed.tolist() == list(range(n, 2 * n))
    # what is kept of c, with no input and h = 0: the difference that one more in c makes
    zero = torch.zeros(1, 1, n)
    kept = one_step_from(network, (zero, zero + 1)) - one_step_from(network, (zero, zero))
    torch.testing.assert_close(kept, torch.full((n,), 3.0).sigmoid(), rtol=1e-5, atol=0)
    assert kept[0].item() == pytest.approx(0.95, abs=0.005)


@claim("many-paths", "z says what is kept: h^{(t)} = z\\,h^{(t-1)} + (1-z)\\,\\tilde h")
@claim("many-paths", "with torch's z the same two lines open a gru: its second block is z's")
def test_claim_torchs_z_keeps_the_state():
    network = torch.nn.GRU(1, 4)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.bias_ih_l0[4:8] = 3.0
    state = torch.linspace(-1, 1, 4).view(1, 1, 4)
    torch.testing.assert_close(one_step_from(network, state), state[0, 0] * torch.tensor(3.0).sigmoid())


@claim("many-paths", "it sets the forget gate of the lstm and the update gate of the gru alike")
def test_claim_the_forget_bias_keeps_as_much_in_the_gru_as_in_the_lstm():
    for cell in ("lstm", "gru"):
        module = networks.network(cell, Settings(bf=2.0, n=4)).materialise().module
        biases = (module.bias_ih_l0 + module.bias_hh_l0)[4:8]
        assert biases.tolist() == [2.0] * 4
    said = next(p for p in BY_SLUG["many-paths"].plots if p.title.startswith("Real networks"))
    assert "a forget bias of 2, in the GRU of the update gate" in said.at(Settings(bf=2.0, n=4, T=20)).caption
    assert "update gate" not in said.at(Settings(n=4, T=20)).caption
    assert "update gate" not in said.at(Settings(bf=2.0, n=4, T=20, nets=("rnn", "lstm"))).caption


@pytest.fixture(scope="module")
def rates() -> dict[str, np.ndarray]:
    """Decades a step, (groups of five draws, 5), by cell: with the biases that torch draws, 16 and 32 units."""
    tried = [Settings(n=n, ns=ns) for n in (16, 32) for ns in (0, 20, 50, 70)]
    return {
        cell: np.stack([jacobians.by_lag(networks.network(cell, s), networks.SEEDS).growth_rate for s in tried])
        for cell in ("rnn", "lstm", "gru")
    }


@claim("many-paths", "with the biases that torch draws, all three vanish")
def test_claim_with_torchs_own_biases_all_three_vanish(rates):
    for rate in rates.values():
        assert (rate < -0.1).all()


@claim("many-paths", "the lstm and the gru lose a power of ten every four to seven steps in every draw")
def test_claim_lstm_and_gru_lose_a_power_of_ten_every_four_to_seven_steps(rates):
    for cell in ("lstm", "gru"):
        steps = -1 / rates[cell]
        assert (steps > 4).all()
        assert (steps < 7).all()


@claim("many-paths", "the rnn mostly falls faster, and its draws lie further apart")
def test_claim_the_rnn_mostly_falls_faster_and_its_draws_lie_further_apart(rates):
    for cell in ("lstm", "gru"):
        assert np.mean(np.median(rates["rnn"], axis=1) < np.median(rates[cell], axis=1)) > 0.7
        assert np.mean(np.ptp(rates["rnn"], axis=1) > np.ptp(rates[cell], axis=1)) > 0.7
    # as the caption has it at the defaults
    assert [round(float(np.median(rates[cell][0])), 2) for cell in rates] == [-0.28, -0.19, -0.18]


# --- does it learn ------------------------------------------------------------------------------------------


@claim("does-it-learn", "your forget bias goes to the one lstm alone. the gru keeps the biases that torch draws")
@claim("does-it-learn", "a fifth network starts with your forget bias, whatever its type")
def test_claim_the_forget_bias_goes_to_one_lstm_and_to_the_fifth_network():
    for also in ("mgu", "coupled", "ssm"):
        plan = BY_SLUG["does-it-learn"].work.plan(Settings(tb=4.0, also=also))
        assert plan.learners[:4] == plans.usual_learners(4.0)
        assert [(one.cell, one.forget_bias) for one in plan.learners] == [
            ("rnn", None),
            ("lstm", None),
            ("lstm", 4.0),
            ("gru", None),
            (also, 4.0),
        ]


def lstm_in_numpy(network: torch.nn.LSTM, inputs: np.ndarray, lag: int) -> tuple[float, float]:
    """log10 of the norm of ∂c(T)/∂c(T−lag) of one sequence: gates held fixed, and along every path, without autograd.

    The second by a complex step in each unit's c; h(T−lag) = o·tanh(c) moves with it.
    """
    n = network.hidden_size
    w_x, w_h, b_x, b_h = (weight.detach().double().numpy() for weight in network.parameters())

    def logistic(x):
        return 1 / (1 + np.exp(-x))

    def run(push: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h, c, product = np.zeros(n, complex), np.zeros(n, complex), np.ones(n)
        for t, x in enumerate(inputs):
            i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
            c = logistic(f) * c + logistic(i) * np.tanh(g)
            if t >= len(inputs) - lag:
                product = product * logistic(f).real
            elif t == len(inputs) - lag - 1:
                c = c + push
            h = logistic(o) * np.tanh(c)
        return c, product

    columns = [run(1e-30j * unit)[0].imag / 1e-30 for unit in np.eye(n)]
    return np.log10(run(np.zeros(n))[1].max()), np.log10(np.linalg.norm(np.array(columns), 2))


@pytest.mark.parametrize("settings", [Settings(tk=10, tn=2), Settings(tk=20, tn=1, tb=0.5, task="adding")])
def test_the_receipt_checks_the_lstm_itself(settings: Settings):
    section = BY_SLUG["does-it-learn"]
    plan = dataclasses.replace(section.work.plan(settings), learners=(plans.Learner("lstm", settings.tb),))
    found = []
    for network, probes in training.untrained(plan):
        sequences = probes.double().numpy().swapaxes(0, 1)
        found.append(np.mean([lstm_in_numpy(network, one, plan.decisive_lag) for one in sequences], axis=0))
    direct, whole = np.median(found, axis=0)
    receipt = section.receipt(settings)
    assert receipt.autograd.value == pytest.approx(10**direct, rel=1e-9)
    assert receipt.formula.value == pytest.approx(10**direct, rel=1e-9)
    assert receipt.others[0].value == pytest.approx(10**whole, rel=1e-9)
    promised = (1 / (1 + math.exp(-settings.tb))) ** plan.decisive_lag
    assert receipt.others[1].value == pytest.approx(promised, rel=1e-12)
    for ratio in (10**direct / promised, 10 ** (whole - direct)):
        assert words.number(ratio) in receipt.remark


def test_most_of_what_the_bias_does_not_explain_comes_round_about():
    """As the remark says at the defaults, and at every task, length and bias that is tried here."""
    section = BY_SLUG["does-it-learn"]
    for settings in (Settings(), Settings(tk=10), Settings(tb=0.5), Settings(tb=6.0, tn=1), Settings(task="adding")):
        receipt = section.receipt(settings)
        direct, whole, promised = receipt.autograd.value, receipt.others[0].value, receipt.others[1].value
        assert whole / direct > direct / promised > 1
        assert "the larger part of the difference comes round about" in receipt.remark
    # the line in the figure begins there
    plan = section.work.plan(Settings())
    start = np.median(training.at_start(plan)[2], axis=0)[plan.decisive_lag]
    assert section.receipt(Settings()).others[0].value == pytest.approx(10**start, rel=1e-9)
    assert 10**start == pytest.approx(4.9, abs=0.1)


# --- the words are still there ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "words"), CLAIMED, ids=lambda value: value[:40])
def test_the_section_still_says_what_is_computed_here(slug: str, words: str):
    assert plain(words) in everything_said(BY_SLUG[slug])
