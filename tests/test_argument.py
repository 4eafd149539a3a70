"""Where the lab's rule and the page's own figures part: each sentence about it, computed; see ``test_claims``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from test_claims import BY_SLUG, everything_said, plain

from explainer import words
from explainer.choices.settings import Settings
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


@claim("k-steps", "take the state to where σ is flat, and there the gradient shrinks step by step")
def test_claim_beyond_one_the_squashed_state_settles_where_the_gradient_shrinks():
    for act, h0 in itertools.product(SQUASHING, (-1.0, 0.3, 1.0)):
        late = vanilla_grid(Settings(act=act, h0=h0), BEYOND_ONE, (1000, 1500)).log10_magnitude
        assert (late[:, 1] < late[:, 0] - 0.5).all()
        if act == "tanh":  # flat: below the slope at 0, which is 1
            assert all(abs(vanilla(Settings(act=act, h0=h0, w=w, k=1000)).parts[0, 1]) < 1 for w in BEYOND_ONE)


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


# --- the words are still there ------------------------------------------------------------------------------


@pytest.mark.parametrize(("slug", "words"), CLAIMED, ids=lambda value: value[:40])
def test_the_section_still_says_what_is_computed_here(slug: str, words: str):
    assert plain(words) in everything_said(BY_SLUG[slug])
