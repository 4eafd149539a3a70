"""Linear recurrences: scans beside loops, complex numbers beside pairs, and the ways to start a network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from test_networks import READING, numpy_weights

from explainer.maths import jacobians, ring
from explainer.maths.cell_types import CELLS
from explainer.maths.linear_recurrences import as_complex, as_real, rounds, scan
from explainer.maths.network import Network, build
from explainer.maths.plans import Learner
from explainer.maths.squashing import TORCHS_OWN
from explainer.maths.starts import RING, STARTS

LINEAR = [name for name in CELLS if name not in READING]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- the scan -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 8, 21])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_scan_gives_what_a_loop_gives_in_as_many_rounds_as_doublings(length: int, dtype: torch.dtype):
    a, u = (torch.randn(length, 3, 2, generator=seeded(i), dtype=dtype) for i in range(2))
    h, states = torch.zeros(3, 2, dtype=dtype), []
    for t in range(length):
        h = a[t] * h + u[t]
        states.append(h)
    torch.testing.assert_close(scan(a, u), torch.stack(states), rtol=1e-12, atol=1e-13)
    assert 2 ** rounds(length) >= length > 2 ** (rounds(length) - 1) or length == 1


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pairs_of_numbers_are_complex_numbers_and_back(n: int):
    numbers = torch.randn(4, n, generator=seeded(), dtype=torch.float64)
    paired = as_complex(numbers)
    assert paired.shape == (4, (n + 1) // 2)
    assert torch.equal(as_real(paired, n), numbers)
    assert complex(paired[0, 0]) == complex(float(numbers[0, 0]), float(numbers[0, 1]) if n > 1 else 0.0)


@pytest.mark.parametrize("cell", LINEAR)
def test_the_gradient_through_the_scan_is_that_of_the_steps(cell: str):
    network = Network(cell, hidden_size=5, length=20, forget_bias=2.0)
    measured = 10 ** jacobians.by_lag(network, seeds=1).spectral.whole[0]
    for lag in (0, 1, 7, 19):
        assert ring.through_the_scan(network, lag) == pytest.approx(measured[lag], rel=1e-12)
    result = ring.scanned(network)
    assert result.rounds == 5
    assert result.difference < 1e-14


@pytest.mark.parametrize("n", [1, 4, 7])
@pytest.mark.parametrize("lag", [1, 3])
def test_the_factors_of_an_lru_are_powers_of_its_complex_numbers(n: int, lag: int):
    network = Network("lru", hidden_size=n, length=6, seed=2)
    weights = numpy_weights(network.materialise().module)
    angle = np.append(np.pi * math.sqrt(n) * weights["angle_l0"], np.zeros(n % 2))
    a = 1 / (1 + np.exp(-weights["keep_l0"])) * np.exp(1j * angle)
    np.testing.assert_allclose(ring.factors(network, lag), a**lag, rtol=1e-13)


def test_what_only_linear_recurrences_have_is_refused_of_others():
    with pytest.raises(ValueError, match="reads its state"):
        ring.scanned(Network("lstm", length=3))
    with pytest.raises(ValueError, match="reads its state"):
        ring.through_the_scan(Network("lstm", length=3), 1)
    with pytest.raises(ValueError, match="turn"):
        ring.factors(Network("mingru", length=3), 1)


@pytest.mark.parametrize("cell", LINEAR)
def test_the_memory_stays_of_the_size_of_its_input(cell: str):
    """Noise does not pile up, however much is kept: u is scaled to it."""
    for bias in (0.0, 3.0, 6.0):
        network = build(cell, input_size=1, hidden_size=16, forget_bias=bias, generator=seeded())
        inputs = torch.randn(2000, 1, 1, generator=seeded(1), dtype=torch.float64)
        if not CELLS[cell].reads_input:  # a fixed a is scaled for noise, not for a constant
            with torch.no_grad():
                network.bias_ih_l0.zero_()
        assert network(inputs)[0][1000:].square().mean().sqrt() < 1.0


# --- ways to start ------------------------------------------------------------------------------------------


def started(cell: str, start: str, k: int = 50, n: int = 16, seed: int = 0) -> dict[str, np.ndarray]:
    generator = seeded(seed)
    module = build(cell, input_size=2, hidden_size=n, generator=generator)
    with torch.no_grad():
        STARTS[start].apply(cell, dict(module.named_parameters()), k, generator)
    return numpy_weights(module)


def test_orthogonal_weights_keep_every_length():
    weight = started("rnn", "orthogonal")["weight_hh_l0"]
    np.testing.assert_allclose(weight @ weight.T, np.eye(16), atol=1e-14)
    assert (weight != started("rnn", "orthogonal", seed=1)["weight_hh_l0"]).all()


def test_the_identity_passes_everything_on_at_the_start():
    weights = started("relu", "identity")
    np.testing.assert_array_equal(weights["weight_hh_l0"], np.eye(16))
    assert not weights["bias_ih_l0"].any()
    assert not weights["bias_hh_l0"].any()


@pytest.mark.parametrize("cell", STARTS["time-scale"].cells)
def test_biases_from_the_time_scale_keep_between_a_half_and_all_but_one_part_in_k(cell: str):
    """With no other input each unit keeps logistic(log u) = u/(u + 1), u from 1 to k − 1."""
    k, n = 50, 64
    weights = {name: torch.from_numpy(weight) for name, weight in started(cell, "time-scale", k, n).items()}
    zero = torch.zeros(2, dtype=torch.float64), torch.zeros(CELLS[cell].state_size(n), dtype=torch.float64)
    carried = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    if "weight_hh_l0" in weights:
        weights["bias_hh_l0"] = weights["bias_hh_l0"].clone()
    (keep,) = torch.autograd.grad(CELLS[cell].update(TORCHS_OWN, weights, *zero, carried).sum(), carried)
    scale = keep / (1 - keep)
    assert float(scale.min()) >= 1 - 1e-9
    assert float(scale.max()) <= k - 1 + 1e-6
    assert float(scale.mean()) == pytest.approx(k / 2, rel=0.2)
    if cell == "lstm":
        np.testing.assert_allclose(weights["bias_ih_l0"][:n], -weights["bias_ih_l0"][n : 2 * n])
        assert not weights["bias_hh_l0"][: 2 * n].any()


def test_a_ring_lies_between_its_radii_and_is_even_over_its_area():
    sizes = 1 / (1 + np.exp(-started("lru", "ring", n=2000)["keep_l0"]))
    assert sizes.min() >= RING[0]
    assert sizes.max() <= RING[1]
    share = (sizes**2 - RING[0] ** 2) / (RING[1] ** 2 - RING[0] ** 2)
    assert np.abs(np.sort(share) - np.linspace(0, 1, len(share))).max() < 0.05


@pytest.mark.parametrize(
    ("cell", "start"), [("lstm", "ring"), ("gru", "identity"), ("lru", "orthogonal"), ("rnn", "x")]
)
def test_a_start_that_is_not_for_a_cell_is_refused(cell: str, start: str):
    with pytest.raises(ValueError, match="start"):
        Learner(cell, start=start)


def test_a_learners_label_says_how_it_starts():
    labels = {Learner(cell, start=start).label for start, one in STARTS.items() for cell in one.cells}
    assert len(labels) == sum(len(one.cells) for one in STARTS.values())
