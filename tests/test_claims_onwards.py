"""Every sentence of the sections beyond the lab that states a number or a comparison, computed; see ``test_claims``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import side_by_side
import torch
from test_claims import BY_SLUG, everything_said, plain

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.maths import depth, jacobians, ring, training
from explainer.maths.blocks import KINDS, TOKENS
from explainer.maths.cell_types import CELLS
from explainer.maths.depth import Stack
from explainer.maths.linear_recurrences import min_gru_terms, state_space_terms
from explainer.maths.network import Network
from explainer.maths.plans import Learner, Plan
from explainer.maths.starts import RING

CLAIMED: list[tuple[str, str]] = []
LINEAR = [name for name, cell in CELLS.items() if not cell.reads_state]
ON_PURPOSE = BY_SLUG["remembering-on-purpose"]


def claim(slug: str, words: str) -> Callable:
    """The test computes these words of the section, which must still be there."""

    def decorate(test: Callable) -> Callable:
        CLAIMED.append((slug, words))
        return test

    return decorate


def at_start(kind: str, **fields) -> float:
    """log10 of the norm that reaches x(0), the middle of ten draws."""
    return float(np.median(depth.by_depth(Stack(kind, seeds=10, **fields)).log10_norm[:, -1]))


# --- depth is time ------------------------------------------------------------------------------------------


@claim("depth-is-time", "vanishes at a small gain g and explodes at a large one")
def test_claim_a_plain_stack_vanishes_or_explodes():
    assert at_start("plain", layers=48, gain=0.5) < -2
    assert at_start("plain", layers=48, gain=3.0) > 2


@claim("depth-is-time", "what is carried past its layers is \\prod (1-t), and can vanish while the whole does not")
def test_claim_a_highway_can_lose_its_direct_path_and_keep_the_whole():
    paths = depth.by_path(Stack("highway", 24, 64, gate_bias=2.0, seeds=10))
    assert np.median(paths.direct[:, -1]) < -20
    assert np.median(paths.whole[:, -1]) > -1


@claim("depth-is-time", "what is carried past the layer is multiplied by exactly 1, at every depth")
@claim("depth-is-time", "the product has a direct path that cannot vanish")
def test_claim_the_direct_path_of_a_residual_stack_is_exactly_1():
    for gain in (0.1, 1.0, 4.0):
        assert (depth.by_path(Stack("residual", 48, gain=gain)).direct == 0).all()


@claim("depth-is-time", "nothing says that it cannot explode")
@claim("depth-is-time", "larger than \\mathbf{1} in some directions, and those multiply too")
def test_claim_a_residual_stack_can_explode():
    assert at_start("residual", layers=100) > 2
    assert at_start("residual", layers=24, gain=2.0) > 2
    one_block = depth.by_depth(Stack("residual", 1, seeds=10)).log10_norm[:, 1]
    assert (one_block > 0).all()


@claim("depth-is-time", "x grows, so each further block adds less in proportion")
@claim("depth-is-time", "factors ever nearer to 1, whose product grows slowly")
def test_claim_with_layer_norm_each_further_block_matters_less():
    stack = Stack("pre-norm", 48, seeds=10)
    size = np.median(depth.by_depth(stack).size, axis=0)
    added = np.median(depth.branch_norms(stack), axis=0)
    assert size[48] > 2 * size[12] > 2 * size[0]
    assert added[0] > added[6] > added[24] > added[47]
    grown = np.median(depth.by_depth(stack).log10_norm, axis=0)
    # per block, the first half from x(L) back is nearer to 1 than the second
    assert grown[24] / 24 < (grown[48] - grown[24]) / 24
    assert grown[48] < 2


@claim("depth-is-time", "every block adds in proportion to x, and the product grows by the same factor again and again")
def test_claim_without_layer_norm_every_block_matters_the_same():
    stack = Stack("no-norm", 28, seeds=10)
    added = np.median(depth.branch_norms(stack), axis=0)
    assert np.ptp(added[4:]) < 0.5
    grown = np.median(depth.by_depth(stack).log10_norm, axis=0)
    assert grown[28] > 4
    assert grown[14] == pytest.approx(grown[28] / 2, rel=0.25)


@claim("depth-is-time", "with t = 1/2 a highway layer is half of a residual one")
def test_claim_a_half_open_highway_is_half_of_a_residual_layer():
    weights = {"layer": torch.randn(8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)}
    x = torch.randn(1, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    half_open = weights | {"gate": torch.zeros(8, 8, dtype=torch.float64), "gate_bias": torch.zeros(8)}
    highway, residual = (KINDS[kind].block(half_open, x, x) for kind in ("highway", "residual"))
    torch.testing.assert_close(highway, residual / 2, rtol=1e-14, atol=0)


@claim("depth-is-time", "so x cannot grow beyond the larger of the two; the residual layer only adds")
@claim("depth-is-time", "at −2 or −4 for instance, so that most of x passes")
def test_claim_a_highway_keeps_x_where_it_is():
    """F is between −1 and 1: no number of a highway's x ever exceeds what it was, or 1."""
    for gain in (1.0, 4.0):
        stack = Stack("highway", 48, gain=gain)
        weights, start = depth.materialise(stack)
        highway = torch.stack(depth.states(stack, weights, start)).abs().amax((0, 2))
        assert (highway <= start.abs().amax(1).clamp(min=1)).all()
        size = depth.by_depth(Stack("residual", 48, gain=gain)).size
        assert (size[:, -1] > 2 * size[:, 0]).all()
    for bias in (-2.0, -4.0):
        direct = depth.by_path(Stack("highway", 1, gate_bias=bias, input_scale=0.01)).direct[:, 1]
        assert 10**direct == pytest.approx(1 / (1 + math.exp(bias)), abs=0.01)
        assert (10**direct > 0.8).all()


@claim("depth-is-time", "at gain 1 its \\mathbf{J} alone is larger than 10")
@claim("depth-is-time", "without the norm, the size of x^{(0)} makes no such difference")
def test_claim_the_norm_makes_the_first_factor_large_where_x_is_small():
    first = {
        (kind, scale): 10 ** np.median(depth.branch_norms(Stack(kind, 1, input_scale=scale, seeds=10)))
        for kind in ("pre-norm", "no-norm")
        for scale in (0.1, 1.0)
    }
    assert first["pre-norm", 0.1] > 10 > 5 * first["pre-norm", 1.0] / 2
    for width in CONTROL["d"].values:
        assert np.median(depth.branch_norms(Stack("pre-norm", 1, width, input_scale=0.1, seeds=10))) > 1
    assert 0.5 < first["no-norm", 0.1] / first["no-norm", 1.0] < 2


@claim("depth-is-time", "both transformer lines are of the last of four tokens")
@claim("depth-is-time", "is drawn from n(0, 1/m), and multiplied by the gain g if it writes into x")
def test_claim_how_the_stacks_are_drawn():
    assert {kind.tokens for name, kind in KINDS.items() if "norm" in name} == {TOKENS} == {4}
    for kind in KINDS:
        one, three = (depth.materialise(Stack(kind, 30, 16, gain=gain, seeds=5))[0] for gain in (1.0, 3.0))
        for name in one.keys() - {"gate_bias"}:
            assert one[name].std() == pytest.approx(one[name].shape[-1] ** -0.5, rel=0.05)
            torch.testing.assert_close(three[name], (3 if name in KINDS[kind].writes else 1) * one[name])
    assert [KINDS[kind].writes for kind in ("plain", "highway", "residual")] == [("layer",)] * 3


# --- gates without a squashed state -------------------------------------------------------------------------


@claim("gates-without-a-squashed-state", "for all of these the lab's formula is no simplification. it is exact")
@claim("gates-without-a-squashed-state", "there are no paths round about: where |a| \\le 1 this derivative cannot grow")
@pytest.mark.parametrize("cell", LINEAR)
def test_claim_the_product_of_gates_is_the_whole_gradient_and_never_grows(cell: str):
    for fields in ({}, {"forget_bias": 6.0, "input_scale": 4.0}, {"forget_bias": -2.0, "input_scale": 0.25}):
        measured = jacobians.by_lag(Network(cell, length=60, **fields), seeds=5).spectral
        assert np.isneginf(measured.rest).all()
        np.testing.assert_allclose(measured.whole, measured.direct, rtol=1e-12, atol=1e-13)
        assert (measured.whole <= 1e-13).all()
    grows = jacobians.by_lag(Network("lstm", length=60, gain=8.0), seeds=10).spectral.whole
    assert grows.max() > 2  # an LSTM's can


@claim("gates-without-a-squashed-state", "t states take \\lceil \\log_2 t \\rceil rounds of a parallel scan")
def test_claim_a_scan_takes_as_many_rounds_as_doublings():
    for length in CONTROL["T"].values:
        scan = ring.scanned(Network("mingru", hidden_size=4, length=length))
        assert scan.rounds == math.ceil(math.log2(length))
        assert scan.difference < 1e-12


@claim("gates-without-a-squashed-state", "with biases as torch draws an lstm's, the gates start half open")
@claim("gates-without-a-squashed-state", "with 16 units and gain 1 it even falls behind the lstm")
def test_claim_with_torchs_biases_the_linear_recurrences_fall_behind_the_lstm():
    lstm = jacobians.by_lag(Network("lstm"), seeds=10).spectral.whole[:, 50]
    for cell in LINEAR:
        measured = jacobians.by_lag(Network(cell), seeds=10)
        assert measured.gate.mean() == pytest.approx(0.5, abs=0.05)
        assert np.median(measured.spectral.whole[:, 50]) < np.median(lstm) - 1


@claim("gates-without-a-squashed-state", "without input, each keeps \\mathrm{logistic}(b_f) of its memory")
def test_claim_a_forget_bias_means_the_same_for_all():
    for cell in (*LINEAR, "lstm"):
        gate = jacobians.by_lag(Network(cell, length=2, forget_bias=3.0, input_scale=0.0), seeds=2).gate[:, -1]
        np.testing.assert_allclose(gate, 1 / (1 + math.exp(-3.0)), rtol=1e-12)


@claim("gates-without-a-squashed-state", "the minGRU has w x^{(t)} + b in the place of x^{(t)}")
def test_claim_the_state_space_with_a_of_minus_1_is_the_min_gru():
    draw = torch.Generator().manual_seed(0)
    weights = {
        "weight_ih_l0": torch.randn(8, 3, generator=draw, dtype=torch.float64),
        "bias_ih_l0": torch.randn(8, generator=draw, dtype=torch.float64),
        "rate_l0": torch.zeros(4, dtype=torch.float64),
    }
    x = torch.randn(20, 3, generator=draw, dtype=torch.float64)
    for space, gru in zip(state_space_terms(weights, x), min_gru_terms(weights, x), strict=True):
        torch.testing.assert_close(space, gru, rtol=1e-13, atol=1e-15)


@claim("gates-without-a-squashed-state", "the factor is \\exp(-\\mathrm{softplus}(z)) = 1 - \\sigma(z)")
@claim("gates-without-a-squashed-state", "(1-g) \\odot h^{(t-1)} + g \\odot x^{(t)} with g = \\sigma(z)")
def test_claim_the_state_space_with_a_of_minus_1_and_b_of_1_is_a_gated_recurrence():
    """Theorem 1 of Gu & Dao 2023: what is written is x itself, and every channel has one number z of its own."""
    draw = torch.Generator().manual_seed(0)
    gate, bias, x = (torch.randn(size, generator=draw, dtype=torch.float64) for size in ((4, 4), (4,), (20, 4)))
    weights = {
        "weight_ih_l0": torch.cat((gate, torch.eye(4, dtype=torch.float64))),
        "bias_ih_l0": torch.cat((bias, torch.zeros(4, dtype=torch.float64))),
        "rate_l0": torch.zeros(4, dtype=torch.float64),
    }
    g = 1 / (1 + torch.exp(-(x @ gate.T + bias)))
    kept, written = state_space_terms(weights, x)
    torch.testing.assert_close(kept, 1 - g, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(written, g * x, rtol=1e-12, atol=1e-15)


@claim("gates-without-a-squashed-state", "the size of the gradient is |a|^k all the same")
def test_claim_an_lru_turns_and_shrinks_by_the_size_of_a():
    measured = jacobians.by_lag(Network("lru", forget_bias=3.0), seeds=2).spectral.whole
    np.testing.assert_allclose(measured, measured[:, 1:2] * np.arange(100), rtol=1e-10, atol=1e-12)
    assert measured[0, 1] == pytest.approx(-math.log10(1 + math.exp(-3.0)), rel=1e-10)


@claim("gates-without-a-squashed-state", "where less than 10^{-5} of the gradient reaches the bit; with a bias of 3")
def test_claim_what_reaches_the_bit_of_a_min_gru_before_training():
    plan = Plan(k=100, learners=tuple(Learner("mingru", bias) for bias in (1.0, 2.0, 3.0)), seeds=5)
    one, two, three = np.median(training.at_start(plan)[:, :, 100], axis=1)
    assert one < two < -5
    assert three == pytest.approx(-2, abs=0.3)


@pytest.mark.claims(seconds=13)
@claim("gates-without-a-squashed-state", "only guesses with a forget bias of 2 or less")
@claim("gates-without-a-squashed-state", "most draws of it learn, and with 4 they learn sooner")
def test_claim_a_min_gru_learns_lag_100_with_a_forget_bias_of_3_and_not_with_2():
    learners = tuple(Learner("mingru", bias) for bias in (None, 2.0, 3.0, 4.0))
    (result,) = side_by_side.train(Plan(k=100, learners=learners, seeds=10))
    drawn, two, three, four = (result.outcome(i) for i in range(4))
    assert sum(drawn.learned) == sum(two.learned) == 0
    assert sum(three.learned) >= 6
    assert sum(four.learned) >= 9
    sooner = [np.median([200 if at is None else at for at in one.learned_at]) for one in (four, three)]
    assert sooner[0] < sooner[1]


# --- remembering on purpose ---------------------------------------------------------------------------------


@claim("remembering-on-purpose", "all have 16 units, adam with learning rate 0.01 and 200 steps")
def test_claim_all_remedies_are_trained_alike():
    plan = ON_PURPOSE.work.plan(Settings())
    assert (plan.hidden_size, plan.learning_rate, plan.steps, plan.task) == (16, 0.01, 200, "memory")
    assert (plan.seeds, plan.k) == (Settings().tn, Settings().tk)


@claim("remembering-on-purpose", "the ring is between the radii 0.9 and 0.999, which")
def test_claim_where_the_ring_lies():
    assert RING == (0.9, 0.999)


@claim("remembering-on-purpose", "which keep every length until tanh shrinks it")
def test_claim_orthogonal_weights_keep_what_torchs_own_lose():
    plan = Plan(k=50, learners=(Learner("rnn"), Learner("rnn", start="orthogonal")), seeds=5)
    drawn, orthogonal = training.at_start(plan)
    assert (orthogonal <= 1e-6).all()  # no factor is larger than 1
    assert (orthogonal[:, 50] - drawn[:, 50] > 5).all()


@claim(
    "remembering-on-purpose", "at k = 10 the product starts at 1; at k = 50 there are sequences through which nothing"
)
def test_claim_noise_switches_the_units_of_the_identity_off():
    short, long = (
        training.at_start(Plan(k=k, learners=(Learner("relu", start="identity"),), seeds=5))[0, :, k] for k in (10, 50)
    )
    assert np.median(short) == pytest.approx(0, abs=1e-6)
    assert np.isneginf(long).sum() >= 3  # the mean over the sequences of one seed: one of nothing is enough


@claim("remembering-on-purpose", "each acts on the same number, some by far more than others")
@claim("remembering-on-purpose", "here with a forget bias of 3")
def test_claim_each_remedy_raises_the_product_at_the_start():
    """By lag k = 50, each above the network as torch draws it; but for the fragile one."""
    plan = ON_PURPOSE.work.plan(Settings())
    assert [learner.forget_bias for learner in plan.learners if learner.cell == "coupled"] == [3.0]
    names = [learner.label for learner in plan.learners]
    middle = dict(zip(names, np.median(training.at_start(plan)[:, :, 50], axis=1), strict=True))
    for learner in plan.learners:
        if learner.forget_bias is not None or (learner.start is not None and learner.start != "identity"):
            assert middle[learner.label] > max(middle[Learner("rnn").label], middle[Learner("lstm").label]) + 4
    assert np.ptp([value for value in middle.values() if np.isfinite(value)]) > 3


def test_the_first_numbers_of_a_training_are_those_at_the_start():
    plan = dataclasses.replace(ON_PURPOSE.work.plan(Settings(tk=10, tn=1)), steps=1)
    first = next(iter(training.train(plan)))
    np.testing.assert_array_equal(training.at_start(plan), first.log10_norm[:, :, 0])


# --- the words are still there ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "words"), CLAIMED, ids=lambda value: value[:40])
def test_the_section_still_says_what_is_computed_here(slug: str, words: str):
    assert plain(words) in everything_said(BY_SLUG[slug])
