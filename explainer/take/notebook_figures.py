"""The figures of the lesson as the notebook draws them: one function a figure, from the engine to an Altair chart.

The notebook holds the source of these functions as it stands here. They need the engine and Altair alone: no table
library and no page. Each chart is titled as the figure on the page, and its columns are named as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from explainer.choices.settings import Settings
from explainer.maths import gradients, jacobians, number_formats, training
from explainer.maths.cell_types import CELLS
from explainer.maths.grid import Grid, gated_grid, vanilla_grid
from explainer.maths.network import Network
from explainer.maths.paths import by_path

BLUE, VERMILION = "#0072B2", "#D55E00"
SEEDS = 5


# --- what all figures share ---------------------------------------------------------------------------------


def rows(lines: Mapping[str, Mapping[str, Sequence]]) -> list[dict]:
    """One row for each point of each line; what is not a finite number becomes None, which a chart leaves out."""
    found = []
    for name, columns in lines.items():
        for values in zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True):
            row = dict(zip(columns, values, strict=True))
            found.append({"line": name} | {key: v if np.isfinite(v) else None for key, v in row.items()})
    return found


def plot(title: str, lines: Mapping[str, Mapping[str, Sequence]], x: str, y: str, **scale) -> alt.Chart:
    """Lines over x: vermilion for a vanilla cell, blue for a gated one, told apart by dashes as well."""
    colors = [VERMILION if name in ("vanilla", "h(t), vanilla", "RNN (tanh)") else BLUE for name in lines]
    legend = alt.Legend(orient="top", title=None, labelLimit=400)
    return (
        alt.Chart(alt.Data(values=rows(lines)), title=title, width=600, height=300)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X(f"{x}:Q", title=x.replace("_", " "), scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y(f"{y}:Q", title=y.replace("_", " "), scale=alt.Scale(zero=False, **scale)),
            color=alt.Color("line:N", scale=alt.Scale(domain=list(lines), range=colors), legend=legend),
            strokeDash=alt.StrokeDash("line:N", scale=alt.Scale(domain=list(lines)), legend=legend),
            order=alt.Order(f"{x}:Q"),
            tooltip=[alt.Tooltip("line:N"), alt.Tooltip(f"{x}:Q"), alt.Tooltip(f"{y}:Q", format=".4~g")],
        )
        .interactive()
    )


def squares(title: str, columns: Mapping[str, np.ndarray], x: str, y: str, size: int) -> alt.Chart:
    """A map of log10 magnitudes: purple falls, green rises, pale is 1."""
    color = alt.Scale(domain=[-12, 0, 12], range=["#40004b", "#f0f0f0", "#00441b"], clamp=True)
    return (
        alt.Chart(alt.Data(values=rows({"": columns})), title=title, width=500, height=300)
        .mark_square(size=size, opacity=1)
        .encode(
            x=alt.X(f"{x}:Q", scale=alt.Scale(zero=False)),
            y=alt.Y(f"{y}:Q", scale=alt.Scale(zero=False)),
            color=alt.Color("log10_magnitude:Q", scale=color),
            tooltip=[f"{x}:Q", f"{y}:Q", "log10_magnitude:Q"],
        )
    )


def both_cells(settings: Settings) -> dict[str, gradients.Gradient]:
    return {"vanilla": gradients.vanilla(settings), "gated": gradients.gated(settings)}


def network(cell: str, settings: Settings, forget_bias: float | None) -> Network:
    """The network of one cell type that the settings describe."""
    return Network(
        cell,
        hidden_size=settings.n,
        length=settings.T,
        gain=settings.gain,
        forget_bias=forget_bias,
        input_scale=settings.xs,
        seed=settings.ns,
    )


# --- 1. through time ----------------------------------------------------------------------------------------


def unrolled_network(settings: Settings) -> alt.Chart:
    stride = -(-settings.k // 24)
    shown = np.unique(np.append(np.arange(0, settings.k + 1, stride), settings.k))
    lines = {
        cell: {"lag": shown, "state": gradient.state[shown], "log10_magnitude": gradient.drawn[0][shown]}
        for cell, gradient in both_cells(settings).items()
    }
    return plot("The unrolled network: the gradient that reaches each state", lines, "lag", "log10_magnitude")


def shares_of_the_weight_gradient(settings: Settings) -> alt.Chart:
    lines = {}
    for cell in ("rnn", "lstm"):
        shares = jacobians.shares(network(cell, settings, settings.bf), SEEDS)
        lines[CELLS[cell].label] = {"lag": shares.lag, "share": jacobians.band(shares.fraction).middle}
    return plot("Share of the weight gradient that each lag contributes", lines, "lag", "share")


# --- 2. one recurrence --------------------------------------------------------------------------------------


def cobweb(settings: Settings, gated: bool) -> alt.Chart:
    cell = "gated" if gated else "vanilla"
    corners = np.repeat(both_cells(settings)[cell].state[::-1], 2)
    web = {"order": np.arange(len(corners) - 1), "state": corners[:-1], "next_state": corners[1:]}
    return plot(f"Cobweb of the {cell} cell", {cell: web}, "state", "next_state").encode(order="order:Q")


def factor_of_each_step(settings: Settings, title: str) -> alt.Chart:
    steps = np.arange(1, settings.k + 1)
    lines = {cell: {"step": steps, "factor": one.factor} for cell, one in both_cells(settings).items()}
    return plot(title, lines, "step", "factor")


# --- 3. one step --------------------------------------------------------------------------------------------


def derivative_of_one_step(settings: Settings) -> alt.Chart:
    before = [gradient.state[1] for gradient in both_cells(settings).values()]
    states = tuple(np.unique(np.append(np.linspace(min(-2, *before), max(2, *before), 201), before)).tolist())
    curves = {
        "vanilla": gradients.vanilla_derivative(settings, states),
        "gated": gradients.gated_derivative(settings, states),
    }
    lines = {cell: {"state": curve.state, "gradient": curve.gradient} for cell, curve in curves.items()}
    return plot("Derivative of one step over the state before it", lines, "state", "gradient")


# --- 4 and 8. two steps -------------------------------------------------------------------------------------


def ladder_of_two_steps(settings: Settings, title: str) -> alt.Chart:
    lines = {}
    for cell, gradient in both_cells(settings.replace(k=max(settings.k, 2))).items():
        # w and the slope; for a gate f and, where it reads its state, its own slope
        parts = gradient.parts[:2] if cell == "vanilla" or settings.gate == "state" else gradient.parts[:2, :1]
        running = np.cumprod(np.append(1.0, parts))
        lines[cell] = {"steps_back": np.linspace(0, 2, len(running)), "running_product": running}
    chart = plot(title, lines, "steps_back", "running_product")
    return chart.mark_line(interpolate="step-after", point=True)


# --- 5. k steps ---------------------------------------------------------------------------------------------


def gradient_by_lag(settings: Settings) -> alt.Chart:
    lines = {cell: {"lag": one.lag, "log10_magnitude": one.drawn[0]} for cell, one in both_cells(settings).items()}
    return plot("Gradient against lag, vanilla and gated", lines, "lag", "log10_magnitude")


# --- 6. vanish or explode -----------------------------------------------------------------------------------


def map_over_w(settings: Settings) -> alt.Chart:
    weights = tuple(round(-8 + 0.2 * i, 1) + 0.0 for i in range(81))
    grid = vanilla_grid(settings, weights, tuple(range(1, 200, 6)))
    return map_of_a_grid("Map of the vanilla gradient over w and the lag", grid)


def map_over_f(settings: Settings) -> alt.Chart:
    gates = tuple(round(0.0125 * i, 4) for i in range(81))
    grid = gated_grid(settings, gates, tuple(range(1, 200, 6)))
    return map_of_a_grid("Map of the gated gradient over f and the lag", grid)


def map_of_a_grid(title: str, grid: Grid) -> alt.Chart:
    parameter, lag = np.meshgrid(grid.parameter, grid.lag, indexing="ij")
    columns = {"parameter": parameter.ravel(), "lag": lag.ravel(), "log10_magnitude": grid.drawn[0].ravel()}
    return squares(title, columns, "parameter", "lag", size=70)


# --- 7. a state behind a gate -------------------------------------------------------------------------------


def states_and_gate_over_time(settings: Settings) -> alt.Chart:
    cells = both_cells(settings)
    lag, gates = cells["gated"].lag, np.append(np.nan, cells["gated"].gates)
    lines = {
        "h(t), vanilla": {"lag": lag, "value": cells["vanilla"].state},
        "c(t), gated": {"lag": lag, "value": cells["gated"].state},
        "gate f(t)": {"lag": lag, "value": gates},
    }
    return plot("The states and the gate over time", lines, "lag", "value")


# --- 9. k gates ---------------------------------------------------------------------------------------------


def three_kinds_of_gate(settings: Settings) -> alt.Chart:
    kinds = {
        "gated: constant f": gradients.gated(settings.replace(gate="constant")),
        "gated: varying f": gradients.gated(settings.replace(gate="varying")),
        "gated: f set by the state": gradients.gated(settings.replace(gate="state")),
        "vanilla": gradients.vanilla(settings),
    }
    lines = {kind: {"lag": one.lag, "log10_magnitude": one.drawn[0]} for kind, one in kinds.items()}
    return plot("Gradient against lag for three kinds of gate", lines, "lag", "log10_magnitude")


# --- 10. several paths --------------------------------------------------------------------------------------


def paths_of_a_gate_that_reads_its_state(settings: Settings) -> alt.Chart:
    paths = by_path(settings.replace(gate="state"))
    named = {"whole derivative": paths.whole, "direct path: ∏ f": paths.direct, "paths through the gate": paths.around}
    named["vanilla"] = gradients.vanilla(settings).gradient
    with np.errstate(divide="ignore"):
        lines = {name: {"lag": paths.lag, "log10_magnitude": np.log10(np.abs(v))} for name, v in named.items()}
    title = "The direct path and the whole derivative of a gate that reads its state"
    return plot(title, lines, "lag", "log10_magnitude")


def norms_of_real_networks(settings: Settings) -> alt.Chart:
    lines = {}
    for cell in settings.nets:
        by_lag = jacobians.by_lag(network(cell, settings, settings.bf), SEEDS)
        middle = jacobians.band(by_lag.spectral.whole).middle
        lines[CELLS[cell].label] = {"lag": by_lag.lag, "log10_magnitude": middle}
    return plot("Real networks: norm of the gradient against lag", lines, "lag", "log10_magnitude")


def paths_of_a_real_lstm(settings: Settings) -> alt.Chart:
    mine = jacobians.by_lag(network("lstm", settings, settings.bf), SEEDS).spectral
    default = jacobians.by_lag(network("lstm", settings, None), SEEDS).spectral
    named = {
        "whole": mine.whole,
        "direct path: the product of forget gates": mine.direct,
        "direct path with torch's own biases": default.direct,
    }
    lag = np.arange(settings.T)
    lines = {name: {"lag": lag, "log10_magnitude": np.median(norms, axis=0)} for name, norms in named.items()}
    return plot("A real LSTM: its direct path and its whole derivative", lines, "lag", "log10_magnitude")


def gradients_between_every_two_times(settings: Settings, cell: str) -> alt.Chart:
    pairs = jacobians.pairs(network(cell, settings, settings.bf))
    shown = np.arange(settings.T, 0, settings.T // -40)[::-1]
    row, column = np.tril_indices(len(shown))
    t, u = shown[row], shown[column]
    columns = {"t": t, "u": u, "log10_magnitude": pairs.log10_norm[t - 1, u - 1]}
    chart = squares(f"{CELLS[cell].label}: gradients between every two times", columns, "u", "t", size=60)
    return chart.encode(y=alt.Y("t:Q", scale=alt.Scale(zero=False, reverse=True)))


# --- 11. number formats -------------------------------------------------------------------------------------


def four_number_formats(settings: Settings, gated: bool) -> alt.Chart:
    cell = number_formats.gated if gated else number_formats.vanilla
    compared = number_formats.compare(cell, settings, {"float16": 2.0**settings.ls})
    lines = {}
    for name, one in compared.gradients.items():
        with np.errstate(divide="ignore"):
            lines[name] = {"lag": one.lag, "log10_magnitude": np.log10(np.abs(one.gradient))}
    title = f"The {'gated' if gated else 'vanilla'} gradient by lag in four number formats"
    return plot(title, lines, "lag", "log10_magnitude")


# --- 12. does it learn --------------------------------------------------------------------------------------

LEARNERS = ("RNN (tanh)", "LSTM, torch's biases", "LSTM, your forget bias", "GRU")


def trained(settings: Settings, steps: int) -> training.Training:
    """Train all four networks; this takes minutes."""
    plan = training.Plan(
        task=settings.task,
        k=settings.tk,
        learners=training.usual_learners(settings.tb),
        seeds=settings.tn,
        steps=steps,
        clip=1.0 if settings.clip == "on" else None,
    )
    *_, result = training.train(plan)
    return result


def learning_curves(result: training.Training, what: str) -> alt.Chart:
    _, middle, _ = training.over_seeds(training.trailing_mean(getattr(result, what)))
    lines = {name: {"step": result.step, "middle": middle[i]} for i, name in enumerate(LEARNERS)}
    return plot(f"{what.capitalize()} while training", lines, "step", "middle")


def gradient_while_learning(result: training.Training, learner: int, title: str) -> alt.Chart:
    when = ("before training", "after a quarter", "half way", "at the end")
    middle = np.median(result.log10_norm[learner], axis=0)
    lines = {name: {"lag": result.lag, "log10_magnitude": middle[i]} for i, name in enumerate(when)}
    return plot(title, lines, "lag", "log10_magnitude")
