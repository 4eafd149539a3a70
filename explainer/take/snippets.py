"""The code behind each figure: a few lines of plain torch at the reader's settings, ready to paste and run.

A snippet is written for reading. It shares no code with the engine: it says the recurrence once more, in the shortest
way, and asks autograd. So it is a check of the page as well, and a test runs every snippet and compares.

Each ends with ``figure``, a dictionary: the figure's numbers by line (or by column, where there are no lines).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent, indent

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.lesson import does_it_learn

LINES = ("cell", "series", "format", "learner")
"""The columns of the figures' tables that tell one line from another."""


@dataclass(frozen=True)
class Snippet:
    """The code behind one figure.

    Attributes:
        code: a whole program in plain torch; it leaves its numbers in ``figure``.
        column: the column of the figure's table that ``figure`` holds, line by line; empty where its keys are the
            columns themselves.
        minutes: whether it runs for longer than a reader waits.
    """

    code: str
    column: str
    minutes: bool = False


def _join(*parts: str) -> str:
    """The parts below each other, with the blank lines that a function asks for."""
    code = ""
    for part in parts:
        part = dedent(part).strip("\n")
        if code:
            after_function = code.rpartition("\n")[2].startswith(" ")
            code += "\n\n\n" if after_function or part.startswith("def ") else "\n\n"
        code += part
    return code + "\n"


# --- the two scalar cells -----------------------------------------------------------------------------------

_SIGMA = {"identity": "{}", "relu": "torch.relu({})", "tanh": "torch.tanh({})", "logistic": "torch.sigmoid({})"}


def _sigma(settings: Settings, of: str) -> str:
    return _SIGMA[settings.act].format(of)


def _start(settings: Settings, k: int | None = None) -> str:
    return f"import torch\n\nk, h0 = {settings.k if k is None else k}, {settings.h0}"


def _vanilla_step(settings: Settings) -> str:
    return f"w = {settings.w}\n\n\ndef vanilla_step(h):\n    return {_sigma(settings, 'w * h')}\n"


def _run_vanilla() -> str:
    return """
        h = [torch.tensor(h0, dtype=torch.float64, requires_grad=True)]
        for step in range(k):
            h.append(vanilla_step(h[-1]))
        # one backward pass gives the gradient at every lag; the latest state comes first
        gradient_h = torch.stack(torch.autograd.grad(h[-1], h)[::-1])
        """


def _gate(settings: Settings, kind: str | None = None, name: str = "gate") -> str:
    kind = settings.gate if kind is None else kind
    head = f"f = torch.tensor({settings.f}, dtype=torch.float64)\n"
    if kind == "constant":
        return head + f"\n\ndef {name}(c, step):\n    return f.expand_as(c)\n"
    head += "b = torch.logit(f)  # the forget bias that this gate corresponds to\n"
    if kind == "state":
        return head + f"u = {settings.u}\n\n\ndef {name}(c, step):\n    return torch.sigmoid(u * c + b)\n"
    return head + (
        f"generator = torch.Generator().manual_seed({settings.seed})\n"
        f"noise = {settings.spread} * torch.randn(256, dtype=torch.float64, generator=generator)\n\n\n"
        f"def {name}(c, step):\n    return torch.sigmoid(b + noise[step]).expand_as(c)\n"
    )


def _run_gated(gate: str = "gate", gradient: str = "gradient_c") -> str:
    return f"""
        c = [torch.tensor(h0, dtype=torch.float64, requires_grad=True)]
        for step in range(k):
            c.append(c[-1] * {gate}(c[-1], step))
        {gradient} = torch.stack(torch.autograd.grad(c[-1], c)[::-1])
        """


def _both(settings: Settings, k: int | None = None) -> str:
    return _join(_start(settings, k), _vanilla_step(settings), _gate(settings), _run_vanilla(), _run_gated())


def _unrolled(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _both(settings),
            """
            stride = -(-k // 24)  # a long lag shows every so many-th state
            shown = sorted({*range(0, k + 1, stride), k})
            figure = {"vanilla": gradient_h.abs().log10()[shown], "gated": gradient_c.abs().log10()[shown]}
            print(figure)
            """,
        ),
        "log10_magnitude",
    )


def _cobweb(settings: Settings, gated: bool) -> Snippet:
    cell = (_gate(settings), _run_gated()) if gated else (_vanilla_step(settings), _run_vanilla())
    return Snippet(
        _join(
            _start(settings),
            *cell,
            f"""
            corners = torch.stack({"c" if gated else "h"}).detach().repeat_interleave(2)
            figure = {{"state": corners[:-1], "next_state": corners[1:]}}
            print(figure)
            """,
        ),
        "",
    )


_FACTORS = """
    def derivative(step_of_cell, before):
        before = before.detach().requires_grad_()
        return torch.autograd.grad(step_of_cell(before).sum(), before)[0]


    steps = torch.arange(k)
    factor_h = derivative(vanilla_step, torch.stack(h[:-1])).flip(0)  # the latest step first
    factor_c = derivative(lambda c: c * gate(c, steps), torch.stack(c[:-1])).flip(0)
    """


def _factors(settings: Settings) -> Snippet:
    figure = 'figure = {"vanilla": factor_h, "gated": factor_c}\nprint(figure)'
    return Snippet(_join(_both(settings), _FACTORS, figure), "factor")


def _one_step(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _both(settings),
            """
            states = torch.stack([h[-2], c[-2]]).detach()  # the two states one step ago
            low, high = min(-2.0, states.min().item()), max(2.0, states.max().item())
            points = torch.from_numpy(np.unique(np.append(np.linspace(low, high, 201), states)))


            def derivative(step_of_cell):
                at = points.clone().requires_grad_()
                return torch.autograd.grad(step_of_cell(at).sum(), at)[0]


            figure = {"vanilla": derivative(vanilla_step), "gated": derivative(lambda c: c * gate(c, k - 1))}
            print(figure)
            """,
        ).replace("import torch\n", "import numpy as np\nimport torch\n", 1),
        "gradient",
    )


def _ladder(settings: Settings) -> Snippet:
    k = max(settings.k, 2)
    reads = settings.gate == "state"
    rungs = "f1, factor_c[0] / f1, f2, factor_c[1] / f2" if reads else "f1, f2"
    return Snippet(
        _join(
            _both(settings, k),
            _FACTORS,
            f"""
            one = torch.tensor(1.0, dtype=torch.float64)
            x = (w * torch.stack([h[-2], h[-3]])).detach().requires_grad_()
            slope = torch.autograd.grad(({_sigma(settings, "x")}).sum(), x)[0]
            f1, f2 = (gate(c[-1 - i], k - i).detach() for i in (1, 2))
            climb_h = [one, one * w, slope[0], one * w, slope[1]]
            climb_c = [one, {rungs}]
            figure = {{"vanilla": torch.stack(climb_h).cumprod(0), "gated": torch.stack(climb_c).cumprod(0)}}
            print(figure)
            """,
        ),
        "running_product",
    )


def _by_lag(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _both(settings),
            f"""
            power_of_w = abs(w) ** torch.arange(k + 1)
            bound = (abs(w) * {0.25 if settings.act == "logistic" else 1.0}) ** torch.arange(k + 1)
            figure = {{"vanilla": gradient_h, "gated": gradient_c}}
            print(figure)
            """,
        ),
        "gradient",
    )


def _map(settings: Settings, gated: bool) -> Snippet:
    if gated:
        parameter = "f = (0.0125 * torch.arange(81, dtype=torch.float64)).round(decimals=4)[:, None]"
        _, _, kind = _gate(settings).partition("\n")  # the map has gates of its own in place of one f
        cell = f"{parameter}\n{kind}"
        step, state = "c * gate(c, step)", "c"
    else:
        cell = "w = torch.linspace(-8, 8, 81, dtype=torch.float64).round(decimals=1)[:, None]"
        step, state = _sigma(settings, "w * h"), "h"
    return Snippet(
        _join(
            f"import torch\n\nh0 = {settings.h0}\nlags = torch.arange(1, 200, 6)",
            cell,
            f"""
            # one batch for every parameter and every lag: a column stands still once it has gone its lag
            start = torch.full((81, len(lags)), h0, dtype=torch.float64, requires_grad=True)
            {state} = start
            for step in range(lags[-1]):
                {state} = torch.where(step < lags, {step}, {state})
            (gradient,) = torch.autograd.grad({state}.sum(), start)
            figure = {{"gradient": gradient.flatten()}}
            print(figure)
            """,
        ),
        "",
    )


def _cell(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _start(settings),
            _gate(settings),
            _run_gated(),
            """
            figure = {"c(t−1)": c[-2].item(), "f(t−1)": gate(c[-2], k - 1).item(), "c(t)": c[-1].item()}
            print(figure)
            """,
        ),
        "text",
    )


def _over_time(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _both(settings),
            """
            gates = [torch.tensor(torch.nan)] + [gate(c[step], step) for step in reversed(range(k))]
            figure = {
                "h(t), vanilla": torch.stack(h[::-1]).detach(),
                "c(t), gated": torch.stack(c[::-1]).detach(),
                "gate f(t)": torch.stack(gates).detach(),
            }
            print(figure)
            """,
        ),
        "value",
    )


def _three_gates(settings: Settings) -> Snippet:
    parts = [_start(settings), _vanilla_step(settings), _run_vanilla()]
    for kind in CONTROL["gate"].values:
        parts += [_gate(settings, kind, f"{kind}_gate"), _run_gated(f"{kind}_gate", f"gradient_{kind}")]
    return Snippet(
        _join(
            *parts,
            """
            figure = {
                "gated: constant f": gradient_constant,
                "gated: varying f": gradient_varying,
                "gated: f set by the state": gradient_state,
                "vanilla": gradient_h,
            }
            print(figure)
            """,
        ),
        "gradient",
    )


def _paths(settings: Settings) -> Snippet:
    return Snippet(
        _join(
            _start(settings),
            _vanilla_step(settings),
            _gate(settings, "state"),
            _run_vanilla(),
            _run_gated(),
            """
            c = [torch.tensor(h0, dtype=torch.float64, requires_grad=True)]
            for step in range(k):
                c.append(c[-1] * gate(c[-1], step).detach())  # the gates held fixed: the direct path alone
            direct = torch.stack(torch.autograd.grad(c[-1], c)[::-1])
            figure = {"whole derivative": gradient_c, "direct path: ∏ f": direct, "vanilla": gradient_h}
            print(figure)
            """,
        ),
        "gradient",
    )


# --- real networks ------------------------------------------------------------------------------------------

# blocks of n rows, whether there are peepholes, the block of the gate that keeps, the state beside h, and the step
_NETWORKS = {
    "rnn": (1, None, "h = torch.tanh(x @ W_x.T + b_x + h @ W_h.T + b_h)", "h"),
    "lstm": (
        4,
        (1, 1),
        """
        i, f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        """,
        "c",
    ),
    "gru": (
        3,
        (1, 1),
        """
        (r_x, z_x, n_x), (r_h, z_h, n_h) = (x @ W_x.T + b_x).chunk(3), (h @ W_h.T + b_h).chunk(3)
        z = torch.sigmoid(z_x + z_h)
        h = (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * h
        """,
        "h",
    ),
    "peephole": (
        4,
        (1, 1),
        """
        i, f, g, o = (x @ W_x.T + b_x + h @ W_h.T + b_h).chunk(4)
        c_before = c
        c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c_before) * torch.tanh(g)
        h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
        """,
        "c",
    ),
    "mgu": (
        2,
        (0, -1),
        """
        f_x, g_x = (x @ W_x.T + b_x).chunk(2)
        f = torch.sigmoid(f_x + h @ W_h[:n].T + b_h[:n])
        h = (1 - f) * h + f * torch.tanh(g_x + (f * h) @ W_h[n:].T + b_h[n:])
        """,
        "h",
    ),
}
_LABELS = {
    "rnn": "RNN (tanh)",
    "lstm": "LSTM",
    "gru": "GRU",
    "peephole": "Peephole LSTM",
    "mgu": "Minimal gated unit",
}


def _network_start(settings: Settings) -> str:
    return _join(
        f"""
        import math

        import torch

        n, T, first_seed = {settings.n}, {settings.T}, {settings.ns}


        def draw(seed, blocks, peepholes=0):
            \"\"\"Inputs, target and weights of one network, drawn as torch's own modules draw theirs.\"\"\"
            generator = torch.Generator().manual_seed(seed)
            x = {settings.xs} * torch.randn(200, 1, generator=generator, dtype=torch.float64)[:T]
            y = torch.randn(n, generator=generator, dtype=torch.float64)
            shapes = [(blocks * n, 1), (blocks * n, n), (blocks * n,), (blocks * n,)] + [(n,)] * peepholes
            bound = 1 / math.sqrt(n)
            weights = [
                torch.empty(shape, dtype=torch.float64).uniform_(-bound, bound, generator=generator) for shape in shapes
            ]
            weights[1] *= {settings.gain}  # the gain of the recurrent weights
            return x, y, weights
        """
    )


def _run_network(cell: str, settings: Settings, bias: float | None, hidden: str = "W_h", name: str = "run") -> str:
    """A function that runs one network and returns its memories, latest last."""
    blocks, keeps, step, memory = _NETWORKS[cell]
    peepholes = 3 if cell == "peephole" else 0
    unpack = "W_x, W_h, b_x, b_h" + (", p_i, p_f, p_o" if peepholes else "")
    lines = [f"def {name}(seed):", f"    x_all, y, ({unpack}) = draw(seed, {blocks}{', 3' if peepholes else ''})"]
    if bias is not None and keeps is not None:
        block, sign = keeps
        rows = f"[{block} * n : {block + 1} * n]"
        lines += [f"    b_x{rows} = {sign * bias}  # the forget bias", f"    b_h{rows} = 0.0"]
    lines += ["    h = c = torch.zeros(n, dtype=torch.float64, requires_grad=True)", f"    memory = [{memory}]"]
    lines += ["    for x in x_all:"]
    lines += [indent(dedent(step).strip(), " " * 8), f"        memory.append({memory})", "    return memory"]
    return "\n".join(lines) + "\n"


_JACOBIANS = """
    def jacobians(end, starts):
        \"\"\"∂end/∂start for every start: (starts, n, n), as one vectorised backward pass.\"\"\"
        rows = torch.autograd.grad(end, starts, torch.eye(n, dtype=torch.float64), is_grads_batched=True)
        return torch.stack(rows)


    def log10_spectral(matrices):
        return torch.linalg.matrix_norm(matrices, 2).log10()
    """


def _shares(settings: Settings) -> Snippet:
    parts = []
    for cell in ("rnn", "lstm"):
        blocks, keeps, step, _ = _NETWORKS[cell]
        lines = [f"def shares_{cell}(seed):", f"    x_all, y, (W_x, W_h, b_x, b_h) = draw(seed, {blocks})"]
        if settings.bf is not None and keeps is not None:
            lines += [f"    b_x[n : 2 * n] = {settings.bf}  # the forget bias", "    b_h[n : 2 * n] = 0.0"]
        lines += [
            "    copies = [W_h.clone().requires_grad_() for _ in range(T)]  # a copy of W_hh for each step",
            "    h = c = torch.zeros(n, dtype=torch.float64)",
            "    for x, W_h in zip(x_all, copies):",
            indent(dedent(step).strip(), " " * 8),
            "    loss = 0.5 * (h - y).square().sum()",
            "    share = torch.stack(torch.autograd.grad(loss, copies)[::-1])  # the latest step first",
            "    total = share.sum(0)",
            "    return (share * total).sum((1, 2)) / total.square().sum()",
        ]
        parts.append("\n".join(lines) + "\n")
    return Snippet(
        _join(
            _network_start(settings),
            *parts,
            """
            seeds = range(first_seed, first_seed + 5)
            figure = {
                "RNN (tanh)": torch.stack([shares_rnn(seed) for seed in seeds]).median(0).values,
                "LSTM": torch.stack([shares_lstm(seed) for seed in seeds]).median(0).values,
            }
            print(figure)
            """,
        ),
        "share",
    )


def _norms(settings: Settings) -> Snippet:
    runs = [_run_network(cell, settings, settings.bf, name=f"run_{cell}") for cell in settings.nets]
    lines = [f'    "{_LABELS[cell]}": middle(run_{cell}),' for cell in settings.nets]
    return Snippet(
        _join(
            _network_start(settings),
            *runs,
            _JACOBIANS,
            """
            def middle(run):
                norms = []
                for seed in range(first_seed, first_seed + 5):
                    s = run(seed)
                    norms.append(log10_spectral(jacobians(s[-1], s[:0:-1])))  # lag 0 … T−1
                return torch.stack(norms).median(0).values
            """,
            "\nfigure = {\n" + "\n".join(lines) + "\n}\nprint(figure)",
        ),
        "log10_magnitude",
    )


def _lstm_paths(settings: Settings) -> Snippet:
    def run(name: str, bias: float | None) -> str:
        code = _run_network("lstm", settings, bias, name=name)
        code = code.replace("    memory = [c]\n", "    memory, gates = [c], []\n")
        kept = "        memory.append(c)\n"
        code = code.replace(kept, f"{kept}        gates.append(torch.sigmoid(f))\n")
        return code.replace("return memory", "return memory, torch.stack(gates).detach()")

    return Snippet(
        _join(
            _network_start(settings),
            run("run_mine", settings.bf),
            run("run_as_torch_draws", None),
            _JACOBIANS,
            """
            def whole(run, seed):
                c, _ = run(seed)
                return log10_spectral(jacobians(c[-1], c[:0:-1]))


            def direct(run, seed):
                _, f = run(seed)
                product = torch.cat([torch.zeros(1, n), f.log10().flip(0)[:-1].cumsum(0)])  # as a sum of logarithms
                return product.max(1).values  # a diagonal matrix: its largest entry is its spectral norm


            def middle(path, run):
                seeds = range(first_seed, first_seed + 5)
                return 10 ** torch.stack([path(run, seed) for seed in seeds]).median(0).values


            figure = {
                "whole": middle(whole, run_mine),
                "direct path: the product of forget gates": middle(direct, run_mine),
                "direct path with torch's own biases": middle(direct, run_as_torch_draws),
            }
            print(figure)
            """,
        ),
        "gradient",
    )


def _all_times(settings: Settings, cell: str) -> Snippet:
    return Snippet(
        _join(
            _network_start(settings),
            _run_network(cell, settings, settings.bf),
            _JACOBIANS.partition("\n\n\n    def log10")[0].replace("batched=True", "batched=True, retain_graph=True"),
            """
            s = run(first_seed)
            times = list(range(T, 0, T // -40))[::-1]  # a long sequence shows every so many-th time
            norms = []
            for t in times:
                earlier = [s[u] for u in times if u <= t]
                norms.append(torch.linalg.matrix_norm(jacobians(s[t], earlier)).log10())
            figure = {"log10_magnitude": torch.cat(norms)}
            print(figure)
            """,
        ),
        "",
    )


# --- number formats -----------------------------------------------------------------------------------------


def _formats(settings: Settings, gated: bool) -> Snippet:
    if gated:
        cell = {
            "constant": "f.to(dtype)",
            "varying": "torch.sigmoid(b.to(dtype) + noise.to(dtype)[step])",
            "state": "torch.sigmoid(u * s[-1] + b.to(dtype))",
        }[settings.gate]
        before, step = _gate(settings).partition("\n\n\ndef")[0], f"s[-1] * {cell}"
    else:
        before, step = f"w = {settings.w}", _sigma(settings, "torch.tensor(w, dtype=dtype) * s[-1]")
    return Snippet(
        _join(
            _start(settings),
            before,
            f"""
            figure = {{}}
            for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
                scale = {2.0**settings.ls} if dtype == torch.float16 else 1.0  # of the loss
                s = [torch.tensor(h0, dtype=dtype, requires_grad=True)]
                for step in range(k):
                    s.append({step})
                gradient = torch.autograd.grad(s[-1], s, torch.tensor(scale, dtype=dtype))
                figure[str(dtype).removeprefix("torch.")] = torch.stack(gradient[::-1]).double() / scale
            print(figure)
            """,
        ),
        "gradient",
    )


# --- training -----------------------------------------------------------------------------------------------

_TASKS = {
    "memory": (
        2,
        """
        def sequences(generator, batch=64):
            x = torch.randn(k + 1, batch, 2, generator=generator)
            bit = torch.randint(0, 2, (batch,), generator=generator).float()
            x[..., 0] = 0
            x[0, :, 0] = 2 * bit - 1
            return x, bit
        """,
        "nn.functional.binary_cross_entropy_with_logits",
        "(given > 0) == (right > 0.5)",
    ),
    "memory-in-noise": (
        1,
        """
        def sequences(generator, batch=64):
            x = torch.randn(k + 1, batch, 1, generator=generator)
            bit = torch.randint(0, 2, (batch,), generator=generator).float()
            x[0, :, 0] = 2 * bit - 1
            return x, bit
        """,
        "nn.functional.binary_cross_entropy_with_logits",
        "(given > 0) == (right > 0.5)",
    ),
    "adding": (
        2,
        """
        def sequences(generator, batch=64):
            half, each = (k + 1) // 2, torch.arange(batch)
            x = torch.zeros(k + 1, batch, 2)
            x[..., 0] = torch.rand(k + 1, batch, generator=generator)
            first = torch.randint(0, half, (batch,), generator=generator)
            second = torch.randint(half, k + 1, (batch,), generator=generator)
            x[first, each, 1] = x[second, each, 1] = 1
            return x, x[first, each, 0] + x[second, each, 0]
        """,
        "nn.functional.mse_loss",
        "(given - right).abs() < 0.08",
    ),
}


def _training_start(settings: Settings) -> str:
    inputs, draw, loss, is_right = _TASKS[settings.task]
    steps = does_it_learn.plan(settings).steps
    return _join(
        f"""
        import torch
        from torch import nn

        k, inputs, steps, seeds = {settings.tk}, {inputs}, {steps}, {settings.tn}
        """,
        draw,
        f"""
        def train(module, seed, bias=None, look=lambda network, step: None):
            \"\"\"Loss and accuracy of every step, on sequences never seen before.\"\"\"
            weights, fresh = (torch.Generator().manual_seed(3 * seed + i) for i in range(2))
            network, readout = module(inputs, 16), nn.Linear(16, 1)
            with torch.no_grad():
                for p in network.parameters():
                    p.copy_(torch.empty(p.shape, dtype=torch.float64).uniform_(-0.25, 0.25, generator=weights))
                for p in readout.parameters():
                    p.uniform_(-0.25, 0.25, generator=weights)
                if bias is not None:
                    network.bias_ih_l0[16:32] = bias
                    network.bias_hh_l0[16:32] = 0.0
            parameters = [*network.parameters(), *readout.parameters()]
            adam, losses, accuracies = torch.optim.Adam(parameters, lr=0.01), [], []
            look(network, 0)
            for step in range(1, steps + 1):
                x, right = sequences(fresh)
                given = readout(network(x)[0][-1]).squeeze(-1)
                loss = {loss}(given, right)
                adam.zero_grad()
                loss.backward()
                {"nn.utils.clip_grad_norm_(parameters, 1.0)" if settings.clip == "on" else "# no clipping"}
                adam.step()
                losses.append(loss.item())
                accuracies.append(({is_right}).double().mean().item())
                look(network, step)
            return torch.tensor([losses, accuracies], dtype=torch.float64)
        """,
    )


def _curves(settings: Settings, row: int) -> Snippet:
    return Snippet(
        _join(
            _training_start(settings),
            f"""
            def curve(module, bias=None):
                \"\"\"Mean of the last 20 steps, the middle of the seeds.\"\"\"
                runs = torch.stack([train(module, seed, bias)[{row}] for seed in range(seeds)])
                means = [runs[:, max(0, end - 20) : end].mean(1) for end in range(1, steps + 1)]
                return torch.stack(means).quantile(0.5, dim=1)


            figure = {{
                "RNN (tanh)": curve(nn.RNN),
                "LSTM, torch's biases": curve(nn.LSTM),
                "LSTM, your forget bias": curve(nn.LSTM, {settings.tb}),
                "GRU": curve(nn.GRU),
            }}
            print(figure)
            """,
        ),
        "middle",
        minutes=True,
    )


def _norms_in_training(settings: Settings, cell: str) -> Snippet:
    _, _, step, memory = _NETWORKS[cell]
    step = indent(dedent(step).strip().replace(".chunk(4)", ".chunk(4, -1)"), " " * 8)
    module, bias = ("nn.RNN", "") if cell == "rnn" else ("nn.LSTM", f", {settings.tb}")
    function = "\n".join(
        [
            "def log10_norms(network, x_all):",
            '    """log10 of the largest singular value of ∂s(t)/∂s(t−lag), lag 0 … k, mean over the sequences."""',
            "    W_x, W_h, b_x, b_h = (p.detach().double() for p in network.parameters())",
            "    h = c = torch.zeros(x_all.shape[1], 16, dtype=torch.float64, requires_grad=True)",
            "    s = []",
            "    for x in x_all.double():",
            step,
            f"        s.append({memory})",
            "    eye = torch.eye(16, dtype=torch.float64)[:, None].expand(16, len(h), 16)",
            "    rows = torch.stack(torch.autograd.grad(s[-1], s[::-1], eye, is_grads_batched=True))",
            "    return torch.linalg.matrix_norm(rows.movedim(1, 2), 2).log10().mean(1)",
        ]
    )
    return Snippet(
        _join(
            _training_start(settings),
            function + "\n",
            f"""
            when = {{0: "before training", steps // 4: "after a quarter", steps // 2: "half way", steps: "at the end"}}
            seen = {{name: [] for name in when.values()}}
            for seed in range(seeds):
                probes, _ = sequences(torch.Generator().manual_seed(3 * seed + 2), 4)

                def look(network, step):
                    if step in when:
                        seen[when[step]].append(log10_norms(network, probes))

                train({module}, seed{bias}, look=look)
            figure = {{name: 10 ** torch.stack(norms).quantile(0.5, dim=0) for name, norms in seen.items()}}
            print(figure)
            """,
        ),
        "gradient",
        minutes=True,
    )


# --- the figures of the lesson ------------------------------------------------------------------------------

_OF: dict[str, tuple[Callable[[Settings], Snippet], ...]] = {
    "through-time": (_unrolled, _shares),
    "one-recurrence": (lambda s: _cobweb(s, gated=False), lambda s: _cobweb(s, gated=True), _factors),
    "one-step": (_one_step,),
    "two-steps": (_ladder,),
    "k-steps": (_by_lag,),
    "vanish-or-explode": (lambda s: _map(s, gated=False), lambda s: _map(s, gated=True)),
    "gated-state": (_cell, _over_time, _factors),
    "gate-steps": (_ladder,),
    "product-of-gates": (_three_gates,),
    "number-formats": (lambda s: _formats(s, gated=False), lambda s: _formats(s, gated=True)),
    "does-it-learn": (
        lambda s: _curves(s, 1),
        lambda s: _curves(s, 0),
        lambda s: _norms_in_training(s, "rnn"),
        lambda s: _norms_in_training(s, "lstm"),
    ),
}


def of_section(slug: str, settings: Settings) -> tuple[Snippet, ...]:
    """The code behind each figure of a section, in the figures' order."""
    if slug == "many-paths":
        squares = tuple(_all_times(settings, cell) for cell in settings.nets)
        return (_paths(settings), _norms(settings), _lstm_paths(settings), *squares)
    return tuple(write(settings) for write in _OF[slug])
