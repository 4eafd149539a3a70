"""Norms from random probes: within their error bars, whatever the singular values are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explainer import reach
from explainer.reach import modules, norms


def small() -> nn.LSTM:
    torch.manual_seed(7)
    return nn.LSTM(3, 5)


def inputs() -> Tensor:
    return torch.randn(9, 3, generator=torch.Generator().manual_seed(1)).double()


def test_probed_norms_lie_within_their_error_bars_in_at_least_95_of_100_draws():
    torch.manual_seed(0)
    model, inputs = nn.LSTM(2, 40), torch.randn(25, 2)
    exact = reach.of(model, inputs, exact=True).layers[0]
    within = []
    for seed in range(100):
        probed = reach.of(model, inputs, exact=False, seed=seed).layers[0]
        assert probed.method == "probed"
        spectral = np.abs(probed.log10_spectral - exact.log10_spectral) <= probed.spectral_error + 1e-9
        frobenius = np.abs(probed.log10_frobenius - exact.log10_frobenius) <= probed.frobenius_error + 1e-9
        within.append(spectral & frobenius)
    assert np.mean(within, axis=0).min() >= 0.95  # at every lag
    assert probed.spectral_error.max() < 0.25  # decades


def test_products_with_vectors_are_those_of_the_whole_jacobians():
    (((run,),)) = modules.runs_of(modules.layers_of(small()), inputs(), torch.zeros(1, 10).double())
    plain, rows = run.recurrence, torch.randn(4, 10, generator=torch.Generator().manual_seed(5)).double()
    formed = plain.tabled()
    assert formed is not plain
    for t in (1, 9):
        torch.testing.assert_close(plain.step_back(t, rows), formed.step_back(t, rows))
        torch.testing.assert_close(plain.step_on(t, rows), formed.step_on(t, rows))
        torch.testing.assert_close(plain.leave(t, rows), formed.leave(t, rows))
        torch.testing.assert_close(plain.enter(t, rows[:, :5]), formed.enter(t, rows[:, :5]))


def test_a_recurrence_that_turns_everything_is_probed_within_its_bounds():
    """All singular values are equal: the case in which no direction stands out."""
    turn = torch.linalg.qr(torch.randn(80, 80, generator=torch.Generator().manual_seed(0)).double())[0]
    report = reach.of_step(lambda x, h: turn @ h, torch.ones(80).double(), torch.zeros(12, 1).double(), exact=False)
    (layer,) = report.layers
    assert (np.abs(layer.log10_spectral) <= layer.spectral_error + 1e-9).all()
    assert (np.abs(layer.log10_frobenius - math.log10(80) / 2) <= layer.frobenius_error + 1e-9).all()
    assert "bounds" in str(report)


def test_the_quantiles_are_those_of_chi_squared():
    draws = np.random.default_rng(0).chisquare(32, 200_000)
    for share in (0.01, 0.5, 0.99):
        assert norms.quantile(share, 32) == pytest.approx(np.quantile(draws, share), rel=0.01)


def test_large_networks_are_probed_and_small_ones_are_not():
    recurrence = modules.stack_of(modules.runs_of(modules.layers_of(small()), inputs(), torch.zeros(1, 10).double()))
    assert norms.measure(recurrence, exactly=None, seed=0, progress=lambda share: None).method == "exact"
    assert 2 * 1024 * 4 * 1024**2 * 1000 > norms.AFFORDABLE > 2 * 128 * 4 * 128**2 * 200
