"""The programs behind a network from a file: its gradient by lag, its gates, and the share of each lag."""

import base64
import json
import math
from pathlib import Path

import torch

from explainer.programs.networks import gru_step, log10_norms, lstm_step

# two small files of weights, so that this runs without any: an LSTM after training and before
EXAMPLE_FILES = {
    "example": (
        "MAEAAAAAAAB7ImxzdG0uYmlhc19oaF9sMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMzJdLCJkYXRhX29mZnNldHMiOlswLDEyOF19"
        "LCJsc3RtLmJpYXNfaWhfbDAiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzMyXSwiZGF0YV9vZmZzZXRzIjpbMTI4LDI1Nl19LCJsc3Rt"
        "LndlaWdodF9oaF9sMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMzIsOF0sImRhdGFfb2Zmc2V0cyI6WzI1NiwxMjgwXX0sImxzdG0u"
        "d2VpZ2h0X2loX2wwIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlszMiwyXSwiZGF0YV9vZmZzZXRzIjpbMTI4MCwxNTM2XX19ICAgICAg"
        "aAuXPjhOFj5rclM/BMbrPszzyT7WUNk+JRNwPnqILj5USGQ+05W7PmtSxj69Uh8/1xgoPyVVhD4U7T0/zl7IPsJ+Lr5Bq2w+JABgPa4X"
        "S74pxti91YaRvTqn2ryWu6E+mCDOPoT4sj5AFaw/KkQPP+fJBT9H2MM+P8jnPhZltz7BOUc/IL+gPk+Jhz4+lzQ+KCNAP+gzqT72+gg/"
        "mGYePzX39z7Yuvo9G1MAPw+6ED8vmYc+FJADPyz0Ej/DLyE/TzdRvjK1Uj73QRU/pJGJvRqF5L4ZY8e+7uhCPuCyML6s/Sc/iZaYPnxy"
        "Vz/Cfi4/D7fDPpUASz8Pgkc/HEX+PuFrEb9Ih/E8o+R3PphJXrs45Ui+uTYQvsvoCL6oXwA/YdscPlZbyT6d7G4/g/fuPuLm2z0ecRM/"
        "7feQvswnKz/SY7e+ZkcAPx40Ij1Nf2k+LW2pPd3xur6Gg4y+eDG3Pknuyb0c058+Dk7XPkdJ3D6ACwW/tDrdPhf1r77GqRE/0Ffrvo32"
        "Ij+Ukb09FyBNPXFyib7WFC299jlQvgBEGD6Rm5++c0W4Pq2tXD71I7s+oEZyvr3yHb8S/lW+DmENPzWhvb1IagA+HZW2Pp+aS730qIo+"
        "dX7XPksjy77vXUE/SLrmPqJP6z0Rfog+3l5QPjzhq76BdBs+lTqkvhUD4j7YJO2+OU0kP5MLPD9p0Bg/HSuKvuVq8r7AYiq//L0KP14F"
        "CT/rtSU/mf5tPmwbvz5Oc9G+PmuwProE075d0xI/sdSpvl1UHj9X4fY+cOXOvgg3RL59Me27uEWqvuTcNj/FLOu9fWRVP6K+Vj976eM8"
        "j26QviEDgr6wE6a+FZCpPkFgCb/SniQ/CWwKPo5wvj4BBwq/VkMVvy9nTr6+3No+KSPSvkYE/j5RTag+xAwSPx6TRL+tDIi+2+ynvuVp"
        "Dz+Sftm+ycA8P8MyVD/v3Cw+49qevoEKgr74yqm93XZFP2msIz5z7Ao/YJ8vP5CcIz+sEG+/94fgPCOVrb2NQFY+yJh9Pv2e7T5cr1U+"
        "rJQlP9qPnj4MxwQ/N8Ahv6ZOTz/x4Hk+22AlP2o6OD5/0Uk/JTgrP/2XtT41oXS+EY1jPvYXHb73YcC+0LhOPk9lE7/50De+H8fdvvqA"
        "ZT1zrPm+6lUCP2qpsz7hF14+iqoxP/Ix1j3GuxM+7qvjvmK0Nj8qGSk/Dp3QPp+grL3heRE/p5YVP5/NCj62sgC/l0g7P7JdOD8BsD0/"
        "sjHrPQYuTj9WQKW8/PMAPz/S177jyDc/XTjavuT1SL6zVqS+awwHvzapd75xnIe+XG0UP6Ucg74EErI+syLgPgHCBT8VbTM/sfAJP3cF"
        "Ej67bPS+jTooPnSdPb6OqKE/7ugxP0Ajlj5LVFe/dD85vzbvhr4Aomo/0vATP6fekj6s8/s9ReMrP4u66z4pxlM/UagMv40gED94KKG+"
        "NzjVP33ODT/3iGO+93BFv/X2HL/XUDi+y6lwP629bL69C2k/43owP5rDUD7A4CW/u+3fvqyUCr/mNn4/w0aMvhLKmz8rovY+zD5dvkvi"
        "XL/SlhC/QRocPvxQEz/vDGi/w9udP8qPLj+u8kU/pdBLvyyFNb8oMQ2/UI0TP+n6jT1s+14/NyNAP234ST7D6IO/K6dfvttJ9L67LHk/"
        "lK/aPgE1Qz/GOxE/JTTAPiGXNL9iMcY+eqy+vgM3Sj88H7o9PeUtviSFIL+QgtK9zXSpvl+/ab40TNk7moPKPRmeBj+gi8g90brbPkvi"
        "MT3MCAK/ehqHvsXoRr+tHRA7C+Nqvv33Mz5OfHs+Yx9QPsTG1j1rdxo9caqiPmYsUL3QEWe+iIM8vaERFr7toNK9yB6JvsDVfLxCJC2+"
        "CrmTPJUGOb9kZ309bDlDvwSEwj1qDgS/AEh3vcTGIb8el6M8nATHvgsGxjvwJAO/+gaUPUOMJT/1DZC9e3Q0v0xWtD1LYaw+381vPS8E"
        "lb5QvmS9WnEBv7ouWz2nazK8HA/vu34stb1RvkI94oVFPugjMr20OgS+5WMavYUSPb86l7o8"
    ),
    "example before": (
        "MAEAAAAAAAB7ImxzdG0uYmlhc19oaF9sMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMzJdLCJkYXRhX29mZnNldHMiOlswLDEyOF19"
        "LCJsc3RtLmJpYXNfaWhfbDAiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzMyXSwiZGF0YV9vZmZzZXRzIjpbMTI4LDI1Nl19LCJsc3Rt"
        "LndlaWdodF9oaF9sMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMzIsOF0sImRhdGFfb2Zmc2V0cyI6WzI1NiwxMjgwXX0sImxzdG0u"
        "d2VpZ2h0X2loX2wwIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlszMiwyXSwiZGF0YV9vZmZzZXRzIjpbMTI4MCwxNTM2XX19ICAgICAg"
        "d2A1vtHyVr4R940+BB1OPAe/nL1xJlS9A/WSvh5eo75wWYu+GPymvfGcK77hiQQ+72lwPi0lbL7z7mk+8ZnMvQ239L28AK8+yhFlvlYV"
        "uz0iVNU9ba3iPW8xOb4pE5s+uxCCvlau+r2E67Q+tzGlvUkiE74yHKS+Gt6zvpPLkr7yt5w+nAsvvX1kkb5qCYu+xSKPPnpDFb7w6148"
        "slUEPhPLMLwzpqa+qNVbvT5OlD38xiC+uIbLPDEteD2RtA0+FBQdvrUFoj76+ps+ftljPhL9cb4yrFS+sTEUPesDPr7WzNe5ExsyvpsJ"
        "Gb7zRik96W2RvosyuD2bIsq8CtcXvpGSh77i7ZW+TpwNPFa5gb7v8kA+mOkhPpPBmz1eJ5U+Xzokvg7DrDtZdl4+YEn6PeF0Lz0TXpc+"
        "aQWlPUWXcz6+AJy+fvybvhRjo74A9KM8uZ2ZPgH5nb4gDhA+BL+fvhGZcL626fa96DcTvpLe1T2NyZe+GQKzPmEeUz3na/w9CpB0voLL"
        "Rz5SEam9HiE0vpdSdj0BrRY+sFwZPahT/b3xo4Y9DRUMvnkl9b1RgQa+OrNXPkYOfb6WNB0+Z6Y7PlmOcL5+fom+CRhxvgchmb7B+pc+"
        "2I+fPnwzSr0Jvak+TRrNPc6Usb4IoaW++NEuvlyQtL4gFya+V9XDPWjnAbymNYe9geSxPPt/pT4/wXs7hwk2PjaGrr0/zIe+76KNPVq7"
        "Jj6hglI+j1GqviDEP700aq6++e2NO0LDfzxfpus903n4vceMU70UqrE9KlevvvgRMj4C/K4+zNKAvgeHsD7E2Vs9yRmzPuyFnj77/Jq+"
        "xkaIPjEoRjyqf7c90WADvjgYkb7rlAo97W/JPTIRNj4815e+ESmvvoVFLD4A9pC95haru1/fu73dGUA6IR1vPVMtp74HiAU+2UIfPXUq"
        "Jz6E+Tq+2LuDPp9scT7V0TW+Wn+ePkBgOj1g0J8+z4ukPggeYz2yL2o9/8XiPd6AaD6tS6W+a7cROxjvrD7On3++KulLvqJwFz3e5wI+"
        "yXVCPjRqozxJz6o9RA4kvuR7qz7ik26+2W9rPimIRD4kGJ4+xKugPq1I8L0nUIE+HBuEvmd5fD7O216+LRR2viYEdb48HrA+k/HVPaxN"
        "fL7GzIe+YsEVPUYtnL21orw9ktljPn+4ZL7xZKS+fjQVPdFfcT7CYFw+wR2muzwlwb1B2+Y9PLt7PtHtm76MHgm9CN6IPoF2iz7Ioqc+"
        "p8wLPsq+sj50DK++LwiJPV4zUD2Dr3k+HzSQPSjgZz5g1Z6+EeccvVu2Bz5eMmg+moarPczqaT6VL+K981r5vO7WqT4ScnE+mDR+PvLj"
        "nL5VI5y7yFCdvltWpD7Pi5I+2zRKPsmeXr5vYE6+tUZsvtz7BT7fYpQ+Quo8vUmUqr6Tvp69HysvPfaWpTwwvEQ+VNHWPR68xb3vEoC+"
        "ulLcu1RuKb487I++onRNvhf9pb63KyM9NCm/vUOgTr5rxoU9gFLUvJ1sdb5+MR0+BO6uvtdM+7zOXYo+66qUPoNaQT4Q3Iu9EuWiPdvA"
        "fL4JRza8yDqcPpBUGL6jOam+jHyUPjJpEz6SCns+zgvrvZmCF74FcHu9+fbYvWj4Pz1GRaS9VF/OvToUgL5oKgi+dBh4vnD1yTzQ61Q+"
        "asAqPrxAhD1QPoW+UdotvUYrzbz01YU+kBV5PTs7Wz7MebO+lcyOvg0RG765Qqu+XG2kvEJBn74W2kQ+CnUwPoy8iD1La4w+FNQNvbja"
        "WD7Sin2+O7COvbtnob5jJuu8C+Nqvh+foj5OfHs+Y7aHPsTG1j2XiU6+caqiPrKisL7QEWe+TR5ivqERFr4MYZA9yB6JvnV1i75CJC2+"
        "0/dcPpuQgr4GW6K+F+ScvmQnMr79P769J3SzvoOAKb5i3947R7huPR6bT70GMyS9d4hrvn55OT4Nb669K4h3vh1grr2zUEq9G1+nPuyt"
        "PD7NLxK+y3NNvRT2nz5Clmg+lYm0PYTeAb48n5Y+vBsbPjM+Ib5HdoA+iW3OPMHfhb4TeCC+"
    ),
}

KINDS_OF_NUMBER = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_weights(file, network):
    """The weights of one network by torch's names: from a .safetensors file or a state_dict beside this notebook."""
    data = base64.b64decode(EXAMPLE_FILES[file]) if file in EXAMPLE_FILES else Path(file).read_bytes()
    if data.startswith(b"PK"):
        found = torch.load(file, weights_only=True)
    else:
        end = 8 + int.from_bytes(data[:8], "little")
        found = {}
        for name, one in json.loads(data[8:end]).items():
            if name != "__metadata__" and one["dtype"] in KINDS_OF_NUMBER:
                start, stop = one["data_offsets"]
                numbers = bytearray(data[end + start : end + stop])
                found[name] = torch.frombuffer(numbers, dtype=KINDS_OF_NUMBER[one["dtype"]]).view(one["shape"])
    return {name.removeprefix(network): weight.double() for name, weight in found.items() if name.startswith(network)}


def draw_fresh(like, seed):
    """Weights of the same shapes, drawn as torch's own modules draw theirs."""
    generator = torch.Generator().manual_seed(seed)
    n = like["weight_hr_l0"].shape[1] if "weight_hr_l0" in like else like["weight_hh_l0"].shape[1]
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    layers = 1 + max(int(name.split("_l")[1].split("_")[0]) for name in like)
    names = [f"{kind}_l{i}{way}" for i in range(layers) for way in ("", "_reverse") for kind in kinds]
    empty = {name: torch.empty_like(like[name]) for name in names if name in like}
    return {name: one.uniform_(-1 / math.sqrt(n), 1 / math.sqrt(n), generator=generator) for name, one in empty.items()}


def read_inputs(inputs, length, size):
    """Inputs from a table of numbers, one row a step; or noise of this standard deviation."""
    if isinstance(inputs, str):
        lines = Path(inputs).read_text().splitlines()
        return torch.tensor([[float(cell) for cell in line.split(",")] for line in lines], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    return inputs * torch.randn(length, size, generator=generator, dtype=torch.float64)


def run_layer(weights, layer, inputs, relu):
    """States (h, memory) at time 0 … T, forget gates and W_hh by step of one layer; those below it are run first."""
    number, way = int(layer.split()[1]), "_reverse" if "reverse" in layer else ""
    ways = ("", "_reverse") if "weight_hh_l0_reverse" in weights else ("",)
    for below in range(number):
        hidden = [run_one(weights, f"_l{below}{one}", inputs, relu)[0][1:] for one in ways]
        inputs = torch.cat([torch.stack(hidden[0]), *(torch.stack(one).flip(0) for one in hidden[1:])], -1).detach()
    return run_one(weights, f"_l{number}{way}", inputs, relu)


def run_one(weights, ending, inputs, relu):
    """One layer and direction over its inputs, from a state of 0; each step has its own copy of W_hh."""
    W_x, W_h = weights["weight_ih" + ending], weights["weight_hh" + ending]
    b_x, b_h = (weights.get(name + ending, torch.zeros(len(W_h)).double()) for name in ("bias_ih", "bias_hh"))
    W_r = weights.get("weight_hr" + ending)
    n, blocks = W_h.shape[1], len(W_h) // (W_h.shape[1] if W_r is None else W_r.shape[1])
    h = torch.zeros(n, dtype=torch.float64, requires_grad=True)
    memory = h if blocks < 4 else torch.zeros(len(W_h) // 4, dtype=torch.float64, requires_grad=True)
    hidden, memories, gates = [h], [memory], []
    inputs = inputs.flip(0) if ending.endswith("reverse") else inputs
    copies = W_h.expand(len(inputs), *W_h.shape).clone().requires_grad_()
    for x, W_h in zip(inputs, copies, strict=True):
        a = x @ W_x.T + b_x + h @ W_h.T + b_h
        gates.append(torch.sigmoid(a.detach().chunk(blocks)[blocks > 1]))
        if blocks == 4:
            h, memory = lstm_step(x, h, memory, W_x, W_h, b_x, b_h)
            h = h if W_r is None else h @ W_r.T
        elif blocks == 3:
            h, memory = gru_step(x, h, memory, W_x, W_h, b_x, b_h)
        else:
            h = memory = torch.relu(a) if relu else torch.tanh(a)
        hidden.append(h)
        memories.append(memory)
    return hidden, memories, torch.stack(gates) if blocks > 1 else None, copies


def own_runs(file, before, network, layer, length, inputs, relu):
    """The reader's network, the same before training if there is a file of it, and three fresh ones: each run once."""
    weights = {"your network": read_weights(file, network)}
    if before:
        weights["before training"] = read_weights(before, network)
    fresh = [draw_fresh(weights["your network"], seed) for seed in range(3)]
    read = read_inputs(inputs, length, weights["your network"]["weight_ih_l0"].shape[1])
    runs = {name: run_layer(own, layer, read, relu) for name, own in weights.items()}
    return runs, [run_layer(own, layer, read, relu) for own in fresh]


def own_norms(file, before, network, layer, length, inputs, relu):
    """The gradient's spectral norm by lag: the reader's network, its direct path, before training, and fresh."""
    runs, fresh = own_runs(file, before, network, layer, length, inputs, relu)
    figure = {name: 10 ** log10_norms(memories) for name, (_, memories, _, _) in runs.items()}
    gates = runs["your network"][2]
    if gates is not None:
        start = torch.zeros(1, gates.shape[1], dtype=torch.float64)
        figure["its direct path"] = 10 ** torch.cat([start, gates.log10().flip(0)[:-1].cumsum(0)]).max(1).values
    figure["torch's fresh network"] = 10 ** torch.stack([log10_norms(one[1]) for one in fresh]).median(0).values
    return figure


def own_gates(file, before, network, layer, length, inputs, relu):
    """How often a forget gate stands where: the share of all units and steps in each of 20 bins from 0 to 1."""
    runs, fresh = own_runs(file, before, network, layer, length, inputs, relu)
    gates = {name: gate for name, (_, _, gate, _) in runs.items()}
    gates["torch's fresh network"] = torch.stack([gate for _, _, gate, _ in fresh])
    return {name: torch.histc(gate, 20, 0, 1) / gate.numel() for name, gate in gates.items()}


def own_shares(file, before, network, layer, length, inputs, relu):
    """The share of each lag in ∂L(T)/∂W_hh, for L(T) = ½‖h(T) − y‖² with a random target y."""
    runs, _ = own_runs(file, before, network, layer, length, inputs, relu)
    figure = {}
    for name, (hidden, _, _, copies) in runs.items():
        y = torch.randn(len(hidden[-1]), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        loss = 0.5 * (hidden[-1] - y).square().sum()
        shares = torch.autograd.grad(loss, copies)[0].flip(0)
        total = shares.sum(0)
        figure[name] = (shares * total).sum((1, 2)) / total.square().sum()
    return figure
