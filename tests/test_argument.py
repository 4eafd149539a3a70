"""Where the lab's rule and the page's own figures part: each sentence about it, computed; see ``test_claims``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from test_claims import BY_SLUG, everything_said, plain

from explainer import words
from explainer.choices.settings import Settings
from explainer.maths import cells, cliff
from explainer.maths.gradients import vanilla
from explainer.maths.grid import vanilla_grid

CLAIMED: list[tuple[str, str]] = []
BEYOND_ONE = (*(w for w in np.round(np.arange(-8, 8.01, 0.2), 1).tolist() if abs(w) > 1), 1.01, -1.01)
SQUASHING = ("tanh", "logistic")


def claim(slug: str, words: str) -> Callable:
    """The test computes these words of the section, which must still be there."""

    def decorate(test: Callable) -> Callable:
        CLAIMED.append((slug, words))
        return test

    return decorate


def caption(slug: str, settings: Settings, plot: int = 0) -> str:
    return BY_SLUG[slug].figures_at(settings)[plot].caption


# --- k steps, vanish or explode: what |w| alone does not say ------------------------------------------------


@claim("k-steps", "|w| < 1 is enough to vanish; |w| > 1 is not enough to explode")
@claim("vanish-or-explode", "the first line holds for every σ here")
@claim("vanish-or-explode", 'behind tanh or the logistic function, |w| > 1 does not mean "explodes"')
@claim("vanish-or-explode", "in the end it vanishes as well")
def test_claim_below_one_every_gradient_vanishes_and_beyond_one_a_squashed_one_does_too():
    for act, h0 in itertools.product(("identity", "relu", "tanh", "logistic"), (-2.0, 0.0, 0.01, 0.5)):
        below = vanilla_grid(Settings(act=act, h0=h0), (-0.99, -0.5, 0.3, 0.99), (2000,))
        assert (below.log10_magnitude < -2).all()
    for act, h0 in itertools.product(SQUASHING, (-2.0, -0.1, 0.01, 0.3, 1.0)):
        assert (vanilla_grid(Settings(act=act, h0=h0), BEYOND_ONE, (2000,)).log10_magnitude < -2).all()


@claim("k-steps", "no slope of these four functions is greater than 1, so the true gradient never lies above |w|^k")
def test_claim_the_true_gradient_never_lies_above_the_power_of_w():
    for act, h0 in itertools.product(("identity", "relu", "tanh", "logistic"), (-1.0, 0.0, 0.01, 0.5)):
        grid = vanilla_grid(Settings(act=act, h0=h0), BEYOND_ONE, (1, 10, 199))
        assert (grid.log10_magnitude <= np.log10(np.abs(BEYOND_ONE))[:, None] * [1, 10, 199] + 1e-9).all()


@claim("k-steps", "tanh takes every state but exactly 0 to where σ is flatter")
@claim("k-steps", "there the gradient shrinks, if not with every step, then from one round to the next")
def test_claim_beyond_one_the_squashed_state_settles_where_the_gradient_shrinks():
    for act, h0 in itertools.product(SQUASHING, (-1.0, 0.3, 1.0)):
        late = vanilla_grid(Settings(act=act, h0=h0), BEYOND_ONE, (1000, 1500)).log10_magnitude
        assert (late[:, 1] < late[:, 0] - 0.5).all()
        if act == "tanh":  # flat: below the slope at 0, which is 1
            assert all(abs(vanilla(Settings(act=act, h0=h0, w=w, k=1000)).parts[0, 1]) < 1 for w in BEYOND_ONE)


@claim("vanish-or-explode", "by 1 only for tanh at |w| = 1, where it settles ever more slowly")
def test_claim_at_a_weight_of_one_tanh_settles_ever_more_slowly():
    for w in (1.0, -1.0):
        early, late = (abs(vanilla(Settings(w=w, h0=0.5, k=k)).factor[0]) for k in (100, 10_000))
        assert early < late < 1
        assert late > 0.999


@claim("vanish-or-explode", "only a state that rests at exactly h = 0 lets it grow for ever")
def test_claim_a_tanh_cell_at_rest_grows_for_ever():
    at_rest = vanilla(Settings(w=1.5, h0=0.0, k=2000))
    assert at_rest.log10_magnitude[-1] == pytest.approx(2000 * math.log10(1.5), rel=1e-12)
    pushed = vanilla_grid(Settings(h0=0.01), (1.5,), (8, 2000)).log10_magnitude[0]
    assert pushed[0] > 1
    assert pushed[-1] < -100


@claim("vanish-or-explode", "a large negative w can let it grow for some steps")
def test_claim_a_logistic_cell_with_a_large_negative_weight_grows_for_some_steps():
    grown = vanilla(Settings(act="logistic", w=-22.0, h0=0.1, k=12)).gradient[-1]
    assert grown == pytest.approx(2051.6088739082581, rel=1e-9)  # 60-digit arithmetic
    within = vanilla_grid(Settings(act="logistic", h0=0.19), (-8.0,), tuple(range(1, 20))).log10_magnitude[0]
    assert within.max() > 0.1
    assert vanilla(Settings(act="logistic", w=-22.0, h0=0.1, k=2000)).log10_magnitude[-1] < -2


SAID = (
    (Settings(w=0.9), "“|w| < 1: it shrinks” holds here", True),
    (Settings(w=1.5), "“|w| > 1: it grows” does not hold here", False),
    (Settings(w=1.5, act="identity"), "“|w| > 1: it grows” holds here", True),
    (Settings(w=1.5, h0=0.01, k=8), "“|w| > 1: it grows” holds here", True),
    (Settings(w=-1.5, h0=0.0), "“|w| > 1: it grows” holds here", True),
    (Settings(w=8.0, act="relu", h0=-0.5), "“|w| > 1: it grows” does not hold here", False),
    (Settings(w=1.0, act="identity"), "“|w| = 1: it stays” holds here", True),
    (Settings(w=1.0), "“|w| = 1: it stays” does not hold here", False),
    (Settings(w=4.0, act="logistic", k=1), "“|w| > 1: it grows” does not hold here, since the slope σ′ is 0.", False),
)


@pytest.mark.parametrize("slug", ["k-steps", "vanish-or-explode"])
@pytest.mark.parametrize(("settings", "rule", "holds"), SAID)
def test_the_caption_says_whether_the_rule_holds_at_the_readers_settings(slug, settings, rule, holds):
    """The right answer by the state, run step by step in plain Python, and differences in place of derivatives."""
    assert rule in caption(slug, settings)
    sigma = {
        "identity": lambda x: x,
        "relu": lambda x: max(x, 0.0),
        "tanh": math.tanh,
        "logistic": lambda x: 1 / (1 + math.exp(-x)),
    }[settings.act]
    ends = []
    for h in (settings.h0 - 1e-12, settings.h0 + 1e-12):
        for _ in range(settings.k):
            h = sigma(settings.w * h)
        ends.append(h)
    actual, size = abs(ends[1] - ends[0]) / 2e-12, abs(settings.w)
    follows = actual < 1 if size < 1 else actual > 1 if size > 1 else actual == pytest.approx(1, abs=0.01)
    assert follows == holds


def test_where_the_rule_fails_the_caption_says_what_the_slopes_multiply_to():
    slopes = np.prod(vanilla(Settings(w=1.5, k=20)).parts[:, 1])
    assert f"since the 20 slopes σ′ multiply to {words.number(slopes)}." in caption("k-steps", Settings(w=1.5, k=20))


# --- a cliff, and clipping ----------------------------------------------------------------------------------


def descent_by_forward_mode(clip: float | None) -> np.ndarray:
    """(41, 4): w, b, loss and the gradient's norm, the derivatives carried along with the state instead of back."""
    w, b, rows = 5.0, -2.6, []
    for _ in range(41):
        h, by_w, by_b = 0.5, 0.0, 0.0
        for _ in range(50):
            after = 1 / (1 + math.exp(-(w * h + b)))
            slope = after * (1 - after)
            h, by_w, by_b = after, slope * (h + w * by_w), slope * (1 + w * by_b)
        gradient = np.array([by_w, by_b]) * 2 * (h - 0.7)
        norm = math.hypot(*gradient)
        rows.append((w, b, (h - 0.7) ** 2, norm))
        scale = 1.0 if clip is None else min(1.0, clip / (norm + 1e-6))
        w, b = np.array([w, b]) - 0.1 * scale * gradient
    return np.array(rows)


@pytest.mark.parametrize("clip", [None, 1.0])
def test_the_descents_are_those_of_derivatives_carried_forwards(clip: float | None):
    found, expected = cliff.descend(clip), descent_by_forward_mode(clip)
    columns = (found.weight, found.bias, found.loss, found.norm)
    # a cliff enlarges the last digits, of both
    for column, other in zip(columns, expected.T, strict=True):
        np.testing.assert_allclose(column, other, rtol=1e-5, atol=1e-300)


@claim(
    "vanish-or-explode",
    "one step beyond the edge, and the weights are gone, to a place where the gradient has vanished",
)
@claim("vanish-or-explode", "clipped at 1, is not thrown away: it goes to and fro over the edge")
def test_claim_without_clipping_the_descent_leaves_for_where_the_gradient_has_vanished():
    free, clipped = cliff.descend(None), cliff.descend(1.0)
    edge = int(free.norm.argmax())
    assert free.norm[edge] > 1000
    assert abs(free.weight[edge + 1] - free.weight[edge]) > 50
    assert (free.norm[edge + 1 :] < 1e-40).all()
    assert (free.loss[edge + 1 :] > 0.48).all()
    assert np.abs(np.diff(clipped.weight)).max() <= 0.1
    assert clipped.loss[edge + 1 :].max() > 0.2
    assert clipped.loss[edge + 1 :].min() < 0.1 * clipped.loss[0]


@claim("vanish-or-explode", "a gradient below the limit stays as it is")
@claim("vanish-or-explode", "cuts a gradient that is too long to a largest norm and keeps its direction")
def test_claim_clipping_rescales_and_cannot_bring_back_what_has_vanished():
    for size in (1e-40, 1e-8, 0.5, 1.0, 3.0, 1e6):
        gradient = size * torch.tensor([0.6, -0.8], dtype=torch.float64)
        parameter = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
        parameter.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)  # torch's own, which divides by the norm + 1e-6
        mine = cliff.clipped(gradient, 1.0)
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-15, atol=0)
        torch.testing.assert_close(mine / mine.norm(), gradient / gradient.norm(), rtol=1e-12, atol=0)
        if size < 1:
            assert torch.equal(mine, gradient)


# --- one step, two steps: the slope by the output ------------------------------------------------------------


@claim("one-step", "\\tanh &: \\quad \\sigma'(x) = 1 - h^2")
@claim("one-step", "\\text{logistic} &: \\quad \\sigma'(x) = h\\,(1 - h)")
@claim("one-step", "relu has the slope 1 where its output is positive and 0 where it is 0")
def test_claim_the_slopes_are_what_their_outputs_say():
    x = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)
    by_output = {
        "tanh": lambda h: 1 - h**2,
        "logistic": lambda h: h * (1 - h),
        "relu": lambda h: (h > 0).double(),
        "identity": lambda h: torch.ones_like(h),
    }
    for act, slope in by_output.items():
        h = cells.ACTIVATIONS[act].apply(x)
        (measured,) = torch.autograd.grad(h.sum(), x)
        torch.testing.assert_close(slope(h.detach()), measured, rtol=1e-9, atol=1e-12)


@claim("one-step", "next to h = 1 the difference 1 - h^2 has lost its digits")
@claim("one-step", "4\\,e^{-2|x|}/(1+e^{-2|x|})^2 keeps them")
def test_claim_the_slope_by_the_output_loses_digits_where_tanh_is_saturated():
    x = 18.0
    exact = float(1 / mpmath.cosh(x) ** 2)
    assert 4 * math.exp(-2 * x) / (1 + math.exp(-2 * x)) ** 2 == pytest.approx(exact, rel=1e-14)
    assert 1 - math.tanh(x) ** 2 != pytest.approx(exact, rel=0.01, abs=0)


@claim("one-step", "the state may have come so close to 0 that σ is steep there and \\sigma' almost 1; at the start it")
@claim("two-steps", "where h is close to 0 the rungs of tanh's slope, 1 - h^2, are flat")
def test_claim_at_the_defaults_the_last_slopes_are_almost_1_and_the_first_are_not():
    g = vanilla(Settings())
    assert (g.parts[:2, 1] > 0.9999).all()
    assert (g.parts[-2:, 1] < 0.9).all()
    # in general: wherever |w| < 1 lets the state die down
    for w, h0 in itertools.product((-0.9, -0.5, 0.7), (0.5, 1.0, 2.0)):
        g = vanilla(Settings(w=w, h0=h0, k=100))
        assert g.parts[0, 1] > 0.999 > g.parts[-1, 1] + 0.05


@pytest.mark.parametrize("act", ["tanh", "logistic"])
def test_the_captions_say_the_slopes_of_the_last_steps_and_of_the_first(act: str):
    settings = Settings(act=act, k=9, h0=0.8, w=1.2)
    sigma = {"tanh": math.tanh, "logistic": lambda x: 1 / (1 + math.exp(-x))}[act]
    states = [0.8]
    for _ in range(9):
        states.append(sigma(1.2 * states[-1]))
    slopes = [1 - h**2 if act == "tanh" else h * (1 - h) for h in states]
    formula = "1 − h²" if act == "tanh" else "h·(1 − h)"
    said = caption("one-step", settings)
    assert f"in its first σ′ = {formula} = {words.number(slopes[1])} with h(t−8) = {words.number(states[1], 4)}" in said
    assert f"last step σ′ = {formula} = {words.number(slopes[-1])} with h(t) = {words.number(states[-1], 4)}" in said
    for plot, (later, earlier) in enumerate(((slopes[9], slopes[8]), (slopes[2], slopes[1]))):
        assert (
            f"σ′ = {words.number(later)}, w again, σ′ = {words.number(earlier)}: the vanilla ladder ends at "
            f"{words.number(1.44 * later * earlier)}."
        ) in caption("two-steps", settings, plot)


# --- the words are still there ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "words"), CLAIMED, ids=lambda value: value[:40])
def test_the_section_still_says_what_is_computed_here(slug: str, words: str):
    assert plain(words) in everything_said(BY_SLUG[slug])
