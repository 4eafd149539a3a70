"""The sum of backpropagation through time, term by term: against numpy, and what is said of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from test_claims import BY_SLUG, everything_said, plain

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import networks
from explainer.maths import jacobians
from explainer.maths.network import Network

SECTION = BY_SLUG["through-time"]
TRIED = (
    Network("rnn", hidden_size=4, length=10),
    Network("rnn", hidden_size=3, length=30, gain=4.0, seed=7),
    Network("rnn", hidden_size=1, length=50, gain=8.0, input_scale=1.0),
)


def terms_in_numpy(network: Network) -> np.ndarray:
    """(T, n, n), lag 0 first: each factor written down, without autograd, at torch's own states; slopes as 1/cosh²."""
    module, inputs, target = network.materialise()
    w_x, w_h, b_x, b_h = (weight.detach().numpy() for weight in module.parameters())
    states = [np.zeros(network.hidden_size), *module(inputs)[0].detach().numpy()]
    slopes = [1 / np.cosh(w_x @ x + b_x + w_h @ h + b_h) ** 2 for x, h in zip(inputs.numpy(), states, strict=False)]
    by_last_state = states[-1] - target.numpy()
    terms, jacobian = [], np.eye(network.hidden_size)
    for slope, before in zip(slopes[::-1], states[-2::-1], strict=True):
        terms.append(np.outer((by_last_state @ jacobian) * slope, before))
        jacobian = jacobian @ (slope[:, None] * w_h)
    return np.array(terms)


@pytest.mark.parametrize("network", TRIED, ids=("small", "gain", "saturated"))
def test_the_terms_are_their_three_factors_multiplied(network: Network):
    measured, expected = jacobians.terms(network), terms_in_numpy(network)
    size = np.abs(expected).max((1, 2))
    norms = size * np.linalg.norm(expected / np.where(size, size, 1)[:, None, None], axis=(1, 2))
    normal = norms > 1e-290
    np.testing.assert_allclose(measured.norm[normal], norms[normal], rtol=1e-9, atol=0)
    np.testing.assert_allclose(measured.of_copies[normal], norms[normal], rtol=1e-9, atol=0)
    assert measured.total_norm == pytest.approx(np.linalg.norm(expected.sum(0)), rel=1e-9)
    assert measured.worst_term < 1e-12


def test_an_lstm_has_no_such_terms():
    with pytest.raises(ValueError, match="no state of h alone"):
        jacobians.terms(Network("lstm"))


def test_the_receipt_adds_up_the_terms_and_shows_the_first_alone():
    for settings in (Settings(), Settings(n=4, T=20, gain=4.0), Settings(n=64, gain=8.0, ns=3)):
        receipt, expected = SECTION.receipt(settings), terms_in_numpy(networks.network("rnn", settings))
        assert receipt.difference < 1e-11
        assert receipt.others[0].value == pytest.approx(np.linalg.norm(expected[0]), rel=1e-9)
        assert words.number(jacobians.terms(networks.network("rnn", settings)).worst_term, 2) in receipt.remark
        # by far not the whole: who stops at h(t−1) is wrong
        assert abs(receipt.others[0].value / receipt.autograd.value - 1) > 0.05


# --- what is said -------------------------------------------------------------------------------------------


def test_the_weights_derivative_is_the_immediate_one_and_what_the_state_before_brings():
    """The product rule for the scalar cell: dh(t)/dw = ∂⁺h(t)/∂w + ∂h(t)/∂h(t−1) · dh(t−1)/dw."""
    assert plain("Who stops at $h^{(t-1)}$ has its term of $k = 0$ alone") in everything_said(SECTION)
    assert plain("it is a slope $\\sigma'$ times $h^{(t-k-1)}$ transposed, and nothing more") in everything_said(
        SECTION
    )
    w, h, whole = torch.tensor(0.9, dtype=torch.float64, requires_grad=True), torch.tensor(0.5).double(), 0.0
    for _ in range(8):
        before, slope = h.detach(), 1 / np.cosh(0.9 * h.item()) ** 2
        h = torch.tanh(w * h)
        immediate = torch.autograd.grad(torch.tanh(w * before), w)[0].item()
        assert immediate == pytest.approx(slope * before.item(), rel=1e-12)
        earlier, whole = whole, torch.autograd.grad(h, w, retain_graph=True)[0].item()
        assert whole == pytest.approx(immediate + 0.9 * slope * earlier, rel=1e-12)
    assert whole > 2 * immediate


def test_the_third_figure_is_the_gradient_of_a_graph_that_is_cut():
    """h.detach() after so many steps back, in torch's own RNN, beside the whole gradient."""
    settings = Settings(n=4, T=20, gain=2.0, k=3)
    figure = SECTION.figures_at(settings)[2]
    drawn = [row for row in figure.tables["bands"].to_pylist() if "RNN" in row["cell"]]
    for lag in (0, 3, 19):
        kept = []
        for seed in range(5):
            module, inputs, target = dataclasses.replace(networks.network("rnn", settings), seed=seed).materialise()

            def gradient(cut: int, module=module, inputs=inputs, target=target) -> torch.Tensor:
                h = None if cut == 0 else module(inputs[:cut])[1].detach()
                loss = 0.5 * (module(inputs[cut:], h)[0][-1] - target).square().sum()
                return torch.autograd.grad(loss, module.weight_hh_l0)[0]

            whole = gradient(0)
            kept.append(((gradient(19 - lag) * whole).sum() / whole.square().sum()).item())
        assert drawn[lag]["kept"] == pytest.approx(np.median(kept), rel=1e-9)
        assert drawn[lag]["highest_kept"] == pytest.approx(max(kept), rel=1e-9)
        if lag == settings.k:
            assert (
                f"behind lag 3, {words.percent(np.median(kept))} of the gradient is kept in the RNN" in figure.caption
            )
    assert drawn[19]["kept"] == pytest.approx(1, rel=1e-12)


def test_little_is_lost_by_a_cut_where_the_terms_have_vanished():
    assert plain("little where those terms have vanished anyway") in everything_said(SECTION)
    fraction = jacobians.shares(networks.network("rnn", Settings()), networks.SEEDS).fraction
    assert np.abs(fraction[:, :31].sum(axis=1) - 1).max() < 1e-3


def test_where_time_turns_is_said_where_the_gated_cell_is_first_seen():
    said = everything_said(SECTION)
    assert "c^{(t)} = f(t-1)\\,c^{(t-1)}" in said
    assert "lag 0 is now, and the past lies to the right" in said
    first, second, _ = (plot.drawing() for plot in SECTION.plots)
    scales = [
        layer["encoding"]["x"] for one in (first, second) for layer in one["layer"] if "x" in layer.get("encoding", {})
    ]
    assert any(x["scale"].get("reverse") for x in scales)
    assert not all(x["scale"].get("reverse") for x in scales)
