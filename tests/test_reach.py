"""How far a network's gradient reaches: every norm against a Jacobian that knows nothing of the engine."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn.utils.rnn import pack_sequence

from explainer import reach

LENGTH, INPUTS, UNITS = 9, 3, 5
EXACTLY = 1e-8


def seeded(make, **options) -> nn.RNNBase:
    torch.manual_seed(7)
    return make(INPUTS, UNITS, **options)


def sequence(*batch: int) -> Tensor:
    return torch.randn(LENGTH, *batch, INPUTS, generator=torch.Generator().manual_seed(1))


def log10_norms(matrices: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    spectral = [float(torch.linalg.matrix_norm(one, 2).log10()) for one in matrices]
    return np.array(spectral), np.array([float(torch.linalg.matrix_norm(one).log10()) for one in matrices])


def assert_norms(measured: reach.Measured, jacobians: list[Tensor]) -> None:
    spectral, frobenius = log10_norms(jacobians)
    assert measured.method == "exact"
    np.testing.assert_allclose(10 ** (measured.log10_spectral - spectral), 1, rtol=EXACTLY)
    np.testing.assert_allclose(10 ** (measured.log10_frobenius - frobenius), 1, rtol=EXACTLY)


# --- oracles: torch's own modules, unrolled by hand ---------------------------------------------------------


def one_layer(model: nn.RNNBase, ending: str = "_l0") -> nn.RNNBase:
    """A module of one layer and direction with the weights of one of the model's."""
    names = [name for name, _ in model.named_parameters() if name.endswith(ending)]
    inputs = model.get_parameter(f"weight_ih{ending}").shape[1]
    options = {"nonlinearity": model.nonlinearity} if type(model) is nn.RNN else {}
    options |= {"proj_size": model.proj_size} if type(model) is nn.LSTM else {}
    one = type(model)(inputs, model.hidden_size, bias=model.bias, **options).double()
    with torch.no_grad():
        for name in names:
            one.get_parameter(name.removesuffix(ending) + "_l0").copy_(model.get_parameter(name))
    return one


def state_jacobians(one: nn.RNNBase, inputs: Tensor, start=None) -> list[Tensor]:
    """∂memory(T)/∂memory(T−lag) as a change of the node: h follows c, as at the step that has made it."""
    states = [start]
    for x in inputs:
        states.append(one(x[None, None], states[-1])[1])
    is_lstm = isinstance(one, nn.LSTM)

    def memory(state) -> Tensor:
        return (state[1] if is_lstm else state).flatten()

    def output_gate(t: int) -> Tensor:
        """o(t), from the step's own inputs and the h before it."""
        h = (
            torch.zeros(one.proj_size or one.hidden_size).double()
            if states[t - 1] is None
            else states[t - 1][0].flatten()
        )
        biases = one.bias_ih_l0 + one.bias_hh_l0 if one.bias else 0.0
        return torch.sigmoid(one.weight_ih_l0 @ inputs[t - 1] + one.weight_hh_l0 @ h + biases).chunk(4)[3]

    found = []
    for lag in range(len(inputs)):
        t = len(inputs) - lag

        def onwards(changed: Tensor, t: int = t) -> Tensor:
            if is_lstm:
                h = output_gate(t).detach() * torch.tanh(changed)
                h = one.weight_hr_l0.detach() @ h if one.proj_size else h
                state = (h.view(1, 1, -1), changed.view(1, 1, -1))
            else:
                state = changed.view(1, 1, -1)
            for x in inputs[t:]:
                state = one(x[None, None], state)[1]
            return memory(state)

        found.append(jacobian(onwards, memory(states[t]).detach()))
    return found


KINDS = [
    (nn.LSTM, {}),
    (nn.LSTM, {"bias": False}),
    (nn.LSTM, {"proj_size": 2}),
    (nn.GRU, {}),
    (nn.GRU, {"bias": False}),
    (nn.RNN, {}),
    (nn.RNN, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("make", "options"), KINDS, ids=lambda one: getattr(one, "__name__", str(one)))
def test_each_kind_of_module_against_its_own_steps(make, options: dict):
    model = seeded(make, **options)
    report = reach.of(model, sequence())
    (layer,) = report.layers
    assert_norms(layer, state_jacobians(one_layer(model), sequence().double()))
    assert (layer.log10_direct is None) == (make is nn.RNN)
    if make is not nn.RNN:
        assert_direct(layer, one_layer(model))


def assert_direct(layer: reach.Measured, one: nn.RNNBase) -> None:
    """The gates from the weights, and their product."""
    h, state, gates = torch.zeros(one.proj_size or UNITS).double(), None, []
    for x in sequence().double():
        biases = one.bias_ih_l0 + one.bias_hh_l0 if one.bias else torch.zeros(len(one.weight_hh_l0)).double()
        arrives = one.weight_ih_l0 @ x + one.weight_hh_l0 @ h + biases
        gates.append(torch.sigmoid(arrives[UNITS : 2 * UNITS]))
        h, state = (part.flatten() if i == 0 else part for i, part in enumerate(one(x[None, None], state)))
    gates = torch.stack(gates).detach().numpy()
    np.testing.assert_allclose(layer.gates[0], gates, rtol=1e-12)
    for lag in range(LENGTH):
        product = np.prod(gates[LENGTH - lag :], axis=0).max()
        assert layer.log10_direct[lag] == pytest.approx(math.log10(product), abs=1e-10)


def test_two_layers_and_their_stack_against_the_dense_jacobian_of_all_states():
    model = seeded(nn.LSTM, num_layers=2).double()
    inputs = sequence().double()
    report = reach.of(model, inputs)
    hidden = model(inputs)[0].detach()
    lower, upper = one_layer(model, "_l0"), one_layer(model, "_l1")
    below = lower(inputs)[0].detach()
    assert_norms(report.layers[0], state_jacobians(lower, inputs))
    assert_norms(report.layers[1], state_jacobians(upper, below))
    assert torch.allclose(upper(below)[0], hidden)

    def onwards(packed: Tensor, t: int) -> Tensor:
        h, c = (part.contiguous() for part in packed.view(2, 2, UNITS).unbind(1))
        for x in inputs[t:]:
            _, (h, c) = model(x[None], (h, c))
        return torch.stack((h, c), 1).flatten()

    jacobians = []
    for lag in range(LENGTH):
        h, c = model(inputs[: LENGTH - lag])[1]
        packed = torch.stack((h, c), 1).flatten().detach()
        jacobians.append(jacobian(lambda state, t=LENGTH - lag: onwards(state, t), packed))
    assert_norms(report.stack, jacobians)


def test_two_directions_each_along_its_own_time():
    model = seeded(nn.GRU, bidirectional=True).double()
    inputs = sequence().double()
    report = reach.of(model, inputs)
    assert [layer.name for layer in report.layers] == ["layer 0", "layer 0 reverse"]
    forward = state_jacobians(one_layer(model), inputs)
    backward = state_jacobians(one_layer(model, "_l0_reverse"), inputs.flip(0))
    assert_norms(report.layers[0], forward)
    assert_norms(report.layers[1], backward)
    both = [torch.block_diag(one, other) for one, other in zip(forward, backward, strict=True)]
    assert_norms(report.stack, both)


def test_an_upper_layer_of_two_directions_reads_both_and_the_whole_has_no_order_of_time():
    model = seeded(nn.RNN, num_layers=2, bidirectional=True).double()
    inputs = sequence().double()
    below = one_layer(model)(inputs)[0], one_layer(model, "_l0_reverse")(inputs.flip(0))[0].flip(0)
    report = reach.of(model, inputs)
    assert_norms(report.layers[2], state_jacobians(one_layer(model, "_l1"), torch.cat(below, -1).detach()))
    assert report.stack is None


def test_finite_differences_agree():
    model, inputs, lag = seeded(nn.LSTM).double(), sequence().double(), 4
    c = model(inputs[: LENGTH - lag])[1][1].detach()
    h0, step = model(inputs[: LENGTH - lag])[1][0].detach(), 1e-6
    gate = h0 / torch.tanh(c)

    def end(changed: Tensor) -> Tensor:
        return model(inputs[LENGTH - lag :], (gate * torch.tanh(changed), changed))[1][1].detach().flatten()

    columns = []
    for unit in torch.eye(UNITS).double():
        columns.append((end(c + step * unit) - end(c - step * unit)) / (2 * step))
    spectral, _ = log10_norms([torch.stack(columns, 1)])
    assert reach.of(model, inputs).layers[0].log10_spectral[lag] == pytest.approx(spectral[0], abs=1e-7)


# --- what can be passed -------------------------------------------------------------------------------------


def test_a_batch_gives_the_middle_and_the_range_of_its_sequences():
    model, batch = seeded(nn.GRU), sequence(3)
    whole = reach.of(model, batch).layers[0]
    alone = np.stack([reach.of(model, batch[:, i]).layers[0].log10_spectral for i in range(3)])
    np.testing.assert_allclose(whole.log10_spectral, np.median(alone, axis=0), atol=1e-12)
    np.testing.assert_allclose([whole.lowest, whole.highest], [alone.min(0), alone.max(0)], atol=1e-12)
    first = seeded(nn.GRU, batch_first=True)
    assert np.array_equal(reach.of(first, batch.transpose(0, 1)).layers[0].log10_spectral, whole.log10_spectral)


def test_it_starts_from_the_state_that_is_given():
    model, inputs = seeded(nn.RNN).double(), sequence().double()
    start = torch.full((1, UNITS), 2.0).double()
    given = reach.of(model, inputs, state=start).layers[0]
    assert_norms(given, state_jacobians(one_layer(model), inputs, start[None]))
    assert not np.allclose(given.log10_spectral, reach.of(model, inputs).layers[0].log10_spectral)


def test_the_model_is_left_as_it_is_and_dropout_is_said_to_be_off():
    model = seeded(nn.LSTM, num_layers=2, dropout=0.5).train()
    before = {name: one.clone() for name, one in model.named_parameters()}
    one, again = reach.of(model, sequence()), reach.of(model, sequence())
    assert np.array_equal(one.layers[1].log10_spectral, again.layers[1].log10_spectral)
    assert "Dropout is off" in str(one)
    assert model.training
    assert all(torch.equal(before[name], now) and now.grad is None for name, now in model.named_parameters())


@pytest.mark.parametrize(
    ("inputs", "options", "error"),
    [
        (pack_sequence([torch.zeros(4, INPUTS)]), {}, TypeError),
        (torch.zeros(4, INPUTS + 1), {}, ValueError),
        (torch.zeros(0, INPUTS), {}, ValueError),
        (torch.full((4, INPUTS), torch.nan), {}, ValueError),
        (torch.zeros(4, INPUTS), {"lag": 4}, ValueError),
        (torch.zeros(4, INPUTS), {"state": torch.zeros(2, 2)}, ValueError),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(inputs, options: dict, error):
    with pytest.raises(error, match=r"\w+ \w+ \w+"):
        reach.of(seeded(nn.GRU), inputs, **options)


def test_a_larger_model_is_told_which_part_to_pass():
    model = nn.Sequential(nn.Linear(2, INPUTS), seeded(nn.LSTM))
    with pytest.raises(TypeError, match=r"model\.1"):
        reach.of(model, sequence())
    broken = seeded(nn.LSTM)
    with torch.no_grad():
        broken.weight_hh_l0[0, 0] = torch.inf
    with pytest.raises(ValueError, match="diverged"):
        reach.of(broken, sequence())


# --- any other cell -----------------------------------------------------------------------------------------


def test_a_step_of_anything_and_the_part_of_a_tuple():
    cell, norm = nn.LSTMCell(INPUTS, UNITS).double(), nn.LayerNorm(UNITS).double()
    inputs = sequence().double()

    def step(x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = cell(x, state)
        return norm(h), c

    zero = (torch.zeros(UNITS).double(), torch.zeros(UNITS).double())

    def onwards(h: Tensor, c: Tensor, t: int) -> tuple[Tensor, Tensor]:
        for x in inputs[t:]:
            h, c = step(x, (h, c))
        return h, c

    states = [onwards(*zero, LENGTH)]
    for x in inputs:
        states.append(step(x, states[-1]))
    blocks = [
        jacobian(lambda h, c, t=t: onwards(h, c, t), tuple(one.detach() for one in states[t]))
        for t in range(LENGTH, 0, -1)
    ]
    assert_norms(reach.of_step(step, zero, inputs, part=1).layers[0], [one[1][1] for one in blocks])
    whole = [torch.cat([torch.cat(row, 1) for row in one]) for one in blocks]
    assert_norms(reach.of_step(step, zero, inputs).layers[0], whole)


def test_a_linear_recurrence_has_the_powers_of_its_matrix():
    matrix = torch.diag(torch.tensor([0.9, 0.5], dtype=torch.float64))
    report = reach.of_step(lambda x, h: matrix @ h + x, torch.zeros(2).double(), torch.ones(200, 2).double(), lag=20)
    (layer,) = report.layers
    np.testing.assert_allclose(layer.log10_spectral, np.arange(200) * math.log10(0.9), atol=1e-10)
    assert layer.horizon == 44  # 0.9^43 is 1.08 %
    assert layer.growth_rate == pytest.approx(math.log10(0.9))
    assert report.reaches
    assert report.stack is layer


def test_a_step_that_changes_the_states_shape_is_told_so():
    with pytest.raises(ValueError, match="keep the state's shape"):
        reach.of_step(lambda x, h: torch.cat([h, h]), torch.zeros(2), torch.ones(3, 1))
