"""The cells against step rules written a second time, in numpy, from the papers; and against torch's own modules."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from explainer.maths.cell_types import CELLS, RECURRENT_WEIGHT
from explainer.maths.network import Network, build, stacked_weights
from explainer.maths.squashing import TORCHS_OWN

# --- one oracle per cell -----------------------------------------------------------------------------------------
#
# (weights, x, h, c, nudge) -> (h, c, keep): the next state from arrays h and c of shape (n, batch); ``nudge`` is added
# to the new memory before anything is read from it; keep is the gate that multiplies the old memory, or None. They hold
# for complex numbers too, so that a complex step differentiates them.


def _logistic(x):
    return 1 / (1 + np.exp(-x))


def _gate_inputs(weights, x, h):
    """Per block of rows: (from the input, from h), each with its own bias."""
    n = len(h)
    from_x = (weights["weight_ih_l0"] @ x + weights["bias_ih_l0"])[:, None]
    from_h = weights["weight_hh_l0"] @ h + weights["bias_hh_l0"][:, None]
    return [(from_x[i : i + n], from_h[i : i + n]) for i in range(0, len(from_x), n)]


def _rnn(weights, x, h, c, nudge):
    ((a, b),) = _gate_inputs(weights, x, h)
    return np.tanh(a + b) + nudge, c, None


def _lstm(weights, x, h, c, nudge, peep=(0.0, 0.0, 0.0)):
    i, f, g, o = (a + b for a, b in _gate_inputs(weights, x, h))
    keep = _logistic(f + peep[1] * c)
    c = keep * c + _logistic(i + peep[0] * c) * np.tanh(g) + nudge
    return _logistic(o + peep[2] * c) * np.tanh(c), c, keep


def _peephole(weights, x, h, c, nudge):
    return _lstm(weights, x, h, c, nudge, [weights[f"weight_c{gate}_l0"][:, None] for gate in "ifo"])


def _gru(weights, x, h, c, nudge):
    (r_x, r_h), (z_x, z_h), (n_x, n_h) = _gate_inputs(weights, x, h)
    z, one_minus_z = _logistic(z_x + z_h), _logistic(-(z_x + z_h))
    return one_minus_z * np.tanh(n_x + _logistic(r_x + r_h) * n_h) + z * h + nudge, c, z


def _mgu(weights, x, h, c, nudge):
    n = len(h)
    (f_x, f_h), _ = _gate_inputs(weights, x, h)
    f, one_minus_f = _logistic(f_x + f_h), _logistic(-(f_x + f_h))
    into = weights["weight_ih_l0"][n:] @ x + weights["bias_ih_l0"][n:] + weights["bias_hh_l0"][n:]
    candidate = np.tanh(into[:, None] + weights["weight_hh_l0"][n:] @ (f * h))
    return one_minus_f * h + f * candidate + nudge, c, one_minus_f


def _relu(weights, x, h, c, nudge):
    ((a, b),) = _gate_inputs(weights, x, h)
    return np.where((a + b).real > 0, a + b, 0) + nudge, c, None


def _leaky(weights, x, h, c, nudge):
    ((a, b),) = _gate_inputs(weights, x, h)
    bias = weights["keep_l0"][:, None]
    return _logistic(bias) * h + _logistic(-bias) * np.tanh(a + b) + nudge, c, _logistic(bias) + 0 * h


def _coupled(weights, x, h, c, nudge):
    f, g, o = (a + b for a, b in _gate_inputs(weights, x, h))
    c = _logistic(f) * c + _logistic(-f) * np.tanh(g) + nudge
    return _logistic(o) * np.tanh(c), c, _logistic(f)


def _from_input(weights, x, blocks):
    return np.split((weights["weight_ih_l0"] @ x + weights["bias_ih_l0"])[:, None], blocks)


def _linear(weights, x, h, c, nudge):
    a = _logistic(weights["keep_l0"])[:, None]
    return a * h + np.sqrt(1 - a**2) * _from_input(weights, x, 1)[0] + nudge, c, a + 0 * h


def _lru(weights, x, h, c, nudge):
    """Pairs of numbers, turned and shrunk; a last one without a partner is only shrunk. keep is the shrinking."""
    n, (u,) = len(h), _from_input(weights, x, 1)
    after, keep = np.zeros_like(h + u + nudge), np.zeros_like(h)
    for j, modulus in enumerate(_logistic(weights["keep_l0"])):
        angle = np.pi * np.sqrt(n) * weights["angle_l0"][j] if 2 * j + 1 < n else 0
        re, im = h[2 * j], h[2 * j + 1] if 2 * j + 1 < n else 0
        rows = (np.cos(angle) * re - np.sin(angle) * im, np.sin(angle) * re + np.cos(angle) * im)
        for i, turned in zip(range(2 * j, n), rows, strict=False):
            after[i] = modulus * turned + np.sqrt(1 - modulus**2) * u[i]
            keep[i] = modulus
    return after + nudge, c, keep


def _mingru(weights, x, h, c, nudge):
    z, candidate = _from_input(weights, x, 2)
    return _logistic(-z) * h + _logistic(z) * candidate + nudge, c, _logistic(-z) + 0 * h


def _minlstm(weights, x, h, c, nudge):
    f, i, candidate = _from_input(weights, x, 3)
    f, i = _logistic(f), _logistic(i)
    return f / (f + i) * h + i / (f + i) * candidate + nudge, c, f / (f + i) + 0 * h


def _ssm(weights, x, h, c, nudge):
    step, written = _from_input(weights, x, 2)
    rate, step = np.exp(weights["rate_l0"])[:, None], np.logaddexp(0, step)
    a = np.exp(-step * rate)
    return a * h - np.expm1(-step * rate) / rate * written + nudge, c, a + 0 * h


ORACLES = {
    "rnn": _rnn,
    "lstm": _lstm,
    "gru": _gru,
    "peephole": _peephole,
    "mgu": _mgu,
    "relu": _relu,
    "leaky": _leaky,
    "coupled": _coupled,
    "linear": _linear,
    "lru": _lru,
    "mingru": _mingru,
    "minlstm": _minlstm,
    "ssm": _ssm,
}
TURNING = [name for name, cell in CELLS.items() if cell.turns]
READING = [name for name, cell in CELLS.items() if cell.reads_state]


def numpy_weights(module):
    return {name: weight.detach().double().numpy() for name, weight in module.named_parameters()}


def run_oracle(name, weights, inputs):
    """(h, c, keep) at times 0…T, shape (T+1, n) each, from a zero state; keep[0] is not used."""
    n = CELLS[name].hidden_size(weights)
    h = c = np.zeros((n, 1))
    rows = [(h, c, np.zeros((n, 1)))]
    for x in inputs:
        h, c, keep = ORACLES[name](weights, x, h, c, 0.0)
        rows.append((h, c, np.zeros((n, 1)) if keep is None else keep))
    return tuple(np.array([row[i][:, 0] for row in rows]) for i in range(3))


def test_every_cell_has_an_oracle():
    assert set(ORACLES) == set(CELLS)


def direct_path(cell, weights, x, state):
    """The derivative of a step's memory by its carried memory, by autograd, shape (..., n)."""
    carried = cell.memory_of(state, cell.hidden_size(weights)).clone().requires_grad_()
    return torch.autograd.grad(cell.update(TORCHS_OWN, weights, x, state, carried).sum(), carried)[0]


# --- the registry against its oracles ----------------------------------------------------------------------------


def _seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("n", "gain", "forget_bias"), [(1, 1.0, None), (5, 1.0, 2.0), (16, 1.5, None)])
def test_module_and_step_agree_with_the_oracle(name, n, gain, forget_bias):
    cell = CELLS[name]
    module = build(name, input_size=3, hidden_size=n, gain=gain, forget_bias=forget_bias, generator=_seeded(n))
    inputs = torch.randn(40, 3, generator=_seeded(1), dtype=torch.float64)
    weights = numpy_weights(module)
    h, c, keep = run_oracle(name, weights, inputs.numpy())
    output, last = module(inputs.unsqueeze(1))
    np.testing.assert_allclose(output[:, 0].detach(), h[1:], rtol=1e-11, atol=1e-15)
    parts = (last,) if isinstance(last, torch.Tensor) else last
    for part, expected in zip(parts, (h, c), strict=False):
        assert part.shape == (1, 1, n)
        np.testing.assert_allclose(part[0, 0].detach(), expected[-1], rtol=1e-11, atol=1e-15)
    memory = {"h": h, "c": c}[cell.memory]
    packed = h if cell.memory == "h" else np.concatenate([h, c], 1)
    own = dict(module.named_parameters())
    states = torch.tensor(packed[:-1])
    after = cell.step(TORCHS_OWN, own, inputs, states).detach()
    np.testing.assert_allclose(after, packed[1:], rtol=1e-11, atol=1e-15)
    np.testing.assert_array_equal(cell.memory_of(after, n), after[:, -n:])
    np.testing.assert_allclose(cell.memory_of(after, n), memory[1:], rtol=1e-11, atol=1e-15)
    assert cell.state_size(n) == packed.shape[1]
    if cell.gated and not cell.turns:
        gate = direct_path(cell, own, inputs, states)
        np.testing.assert_allclose(gate, keep[1:], rtol=1e-11)


@pytest.mark.parametrize("name", CELLS)
def test_the_carried_memory_is_multiplied_by_the_gate_and_nothing_else(name):
    cell, n = CELLS[name], 6
    module = build(name, input_size=2, hidden_size=n, gain=2.0, generator=_seeded(4))
    weights = {key: weight.detach() for key, weight in module.named_parameters()}
    x = torch.randn(2, generator=_seeded(5), dtype=torch.float64)
    state = torch.randn(cell.state_size(n), generator=_seeded(6), dtype=torch.float64)
    carried = torch.randn(n, generator=_seeded(7), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda m: cell.update(TORCHS_OWN, weights, x, state, m), carried)
    h, c = (state[:n], state[-n:]) if cell.memory == "c" else (state, torch.zeros(n))
    _, _, keep = ORACLES[name](numpy_weights(module), x.numpy(), h.numpy()[:, None], c.numpy()[:, None], 0.0)
    expected = keep[:, 0] if cell.gated else np.zeros(n)
    if cell.turns:  # pairs are turned as well: each column is as long as the gate says, and they stay at right angles
        np.testing.assert_allclose(jacobian.mT @ jacobian, np.diag(expected**2), atol=1e-15, rtol=1e-14)
        assert (jacobian - jacobian.diag().diag()).abs().max() > 0.1
    else:
        np.testing.assert_allclose(jacobian, np.diag(expected), atol=0, rtol=1e-14)
    memory = torch.randn(n, generator=_seeded(8), dtype=torch.float64)
    assert torch.equal(cell.memory_of(cell.expose(TORCHS_OWN, weights, x, state, memory), n), memory)


@pytest.mark.parametrize("name", CELLS)
def test_a_batch_of_networks_steps_like_each_of_them(name):
    cell, n = CELLS[name], 4
    modules = [build(name, input_size=2, hidden_size=n, generator=_seeded(seed)) for seed in range(3)]
    x = torch.randn(3, 7, 2, generator=_seeded(5), dtype=torch.float64)
    state = torch.randn(3, 7, cell.state_size(n), generator=_seeded(6), dtype=torch.float64)
    together = cell.step(TORCHS_OWN, stacked_weights(modules), x, state)
    for i, module in enumerate(modules):
        alone = cell.step(TORCHS_OWN, dict(module.named_parameters()), x[i], state[i])
        torch.testing.assert_close(together[i], alone.detach(), atol=0, rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_modules_continue_from_a_state_and_take_batches(name, dtype):
    module = build(name, input_size=2, hidden_size=4, generator=_seeded(), dtype=dtype)
    inputs = torch.randn(12, 3, 2, generator=_seeded(1), dtype=dtype)
    rtol = 1e-12 if dtype == torch.float64 else 1e-4
    whole, last = module(inputs)
    first, state = module(inputs[:5])
    second, end = module(inputs[5:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, atol=0, rtol=rtol)
    for a, b in zip(end, last, strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=rtol)
    torch.testing.assert_close(module(inputs[:, 1])[0], whole[:, 1], atol=0, rtol=rtol)
    whole.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in module.parameters())


# --- seeds, gain, forget bias ------------------------------------------------------------------------------------

TORCHS_MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@pytest.mark.parametrize("name", TORCHS_MODULES)
def test_the_default_weights_are_those_of_torchs_constructor(name):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        expected = TORCHS_MODULES[name](3, 5, dtype=torch.float64)
    module = build(name, input_size=3, hidden_size=5, generator=_seeded(7))
    assert type(module) is TORCHS_MODULES[name]
    assert [key for key, _ in module.named_parameters()] == [key for key, _ in expected.named_parameters()]
    for ours, theirs in zip(module.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", CELLS)
def test_weights_come_from_the_generator_alone(name):
    before = torch.get_rng_state()
    first = numpy_weights(build(name, input_size=3, hidden_size=9, generator=_seeded(2)))
    again = numpy_weights(build(name, input_size=3, hidden_size=9, generator=_seeded(2)))
    other = numpy_weights(build(name, input_size=3, hidden_size=9, generator=_seeded(3)))
    single = numpy_weights(build(name, input_size=3, hidden_size=9, generator=_seeded(2), dtype=torch.float32))
    assert torch.equal(before, torch.get_rng_state())
    for key, weight in first.items():
        np.testing.assert_array_equal(weight, again[key])
        np.testing.assert_allclose(weight, single[key], rtol=1e-6)
        assert np.abs(weight).max() <= 1 / 3
        assert (weight != other[key]).all()


@pytest.mark.parametrize("name", CELLS)
def test_gain_multiplies_the_recurrent_weights_and_nothing_else(name):
    plain = numpy_weights(build(name, input_size=3, hidden_size=4, generator=_seeded()))
    scaled = numpy_weights(build(name, input_size=3, hidden_size=4, gain=2.5, generator=_seeded()))
    assert (RECURRENT_WEIGHT in plain) == CELLS[name].reads_state
    for key, weight in plain.items():
        np.testing.assert_array_equal(scaled[key], weight * (2.5 if key == RECURRENT_WEIGHT else 1.0))


@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.gated])
@pytest.mark.parametrize("forget_bias", [-3.0, 0.0, 1.0, 2.0])
def test_the_forget_bias_is_the_effective_one(name, forget_bias):
    """Without input and state the cell keeps logistic(b_f) of its memory, although torch adds two biases."""
    cell, n = CELLS[name], 5
    module = build(name, input_size=2, hidden_size=n, forget_bias=forget_bias, generator=_seeded())
    plain = build(name, input_size=2, hidden_size=n, generator=_seeded())
    zero = torch.zeros(2, dtype=torch.float64), torch.zeros(cell.state_size(n), dtype=torch.float64)
    own = dict(module.named_parameters())
    carried = torch.zeros(n, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda m: cell.update(TORCHS_OWN, own, *zero, m), carried)
    keep = jacobian.square().sum(0).sqrt()
    np.testing.assert_allclose(keep, np.full(n, 1 / (1 + math.exp(-forget_bias))), rtol=1e-13)
    changed = sum(int((a != b).sum()) for a, b in zip(module.parameters(), plain.parameters(), strict=True))
    biases = {"minlstm": 2 * n, "lru": (n + 1) // 2} | dict.fromkeys(("leaky", "linear", "mingru", "ssm"), n)
    assert changed == biases.get(name, 2 * n)


def test_a_cell_without_a_gate_has_no_forget_bias_to_set():
    plain = numpy_weights(build("rnn", input_size=1, hidden_size=3, generator=_seeded()))
    asked = numpy_weights(build("rnn", input_size=1, hidden_size=3, forget_bias=4.0, generator=_seeded()))
    for key, weight in plain.items():
        np.testing.assert_array_equal(weight, asked[key])


# --- the value that names a network ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "cell": ["LSTM", "", None, 3],
        "hidden_size": [0, -1, 65, 2.0, True, "4", math.nan],
        "length": [0, 201, 1.5, None],
        "gain": [-0.1, math.inf, math.nan, 101.0, "1", True, None],
        "forget_bias": [math.nan, math.inf, -101.0, "0"],
        "input_scale": [-1.0, math.nan, 101, None],
        "input_size": [0, 65, 1.0],
        "seed": [-1, 2**31, 0.0, None, False],
    }.items(),
)
def test_bad_fields_are_refused_by_name(field, values):
    for value in values:
        with pytest.raises(ValueError, match="cell type" if field == "cell" else field):
            Network(**{"cell": "lstm", field: value})


@pytest.mark.parametrize("unhashable", [["lstm"], {}, {"lstm"}])
def test_an_unhashable_name_is_refused_too(unhashable):
    with pytest.raises(ValueError, match="cell type"):
        Network(unhashable)


@pytest.mark.parametrize(
    "bad", [{"input_size": 0}, {"hidden_size": 0}, {"gain": -1.0}, {"forget_bias": math.nan}, {"name": "x"}]
)
def test_build_refuses_bad_arguments(bad):
    good = {"name": "lstm", "input_size": 1, "hidden_size": 2, "generator": _seeded()}
    with pytest.raises(ValueError, match="unknown" if "name" in bad else next(iter(bad))):
        build(**{**good, **bad})


def test_networks_are_values():
    assert Network("lstm", gain=1) == Network("lstm", gain=1.0)
    assert hash(Network("lstm", gain=1)) == hash(Network("lstm", gain=1.0))
    assert Network("lstm") != Network("lstm", seed=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Network("lstm").seed = 3
    assert Network("gru").type is CELLS["gru"]


@pytest.mark.parametrize("name", CELLS)
def test_a_seed_means_the_same_inputs_for_every_cell_and_length(name):
    long = Network(name, length=150, input_scale=2.0, input_size=2, seed=5).materialise()
    short = Network(name, length=9, input_scale=1.0, input_size=2, seed=5).materialise()
    other = Network("rnn", length=150, input_scale=2.0, input_size=2, seed=5).materialise()
    assert torch.equal(long.inputs[:9], 2 * short.inputs)
    assert torch.equal(long.inputs, other.inputs)
    assert torch.equal(long.target, other.target)
    for a, b in zip(long.module.parameters(), short.module.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (Network(name, input_scale=0.0).materialise().inputs == 0).all()
    assert abs(long.inputs.std().item() / 2 - 1) < 0.2


def test_the_registry_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        CELLS["mine"] = CELLS["rnn"]
