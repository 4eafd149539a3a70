"""The program behind a descent over a cliff, with gradient clipping and without."""

import torch


def descent(what):
    """The loss or the gradient's norm at every training step of h(t) = logistic(w·h(t−1) + b)."""
    figure = {}
    for name, clip in {"no clipping": None, "clipped at norm 1": 1.0}.items():
        parameters = torch.tensor([5.0, -2.6], dtype=torch.float64, requires_grad=True)
        optimiser, rows = torch.optim.SGD([parameters], lr=0.1), []
        for _ in range(41):
            h = torch.tensor(0.5, dtype=torch.float64)
            for _ in range(50):
                h = torch.sigmoid(parameters[0] * h + parameters[1])
            loss = (h - 0.7).square()
            optimiser.zero_grad()
            loss.backward()
            norm = parameters.grad.norm()
            rows.append({"loss": loss.item(), "log10_norm": norm.log10().item()}[what])
            if clip is not None:
                torch.nn.utils.clip_grad_norm_([parameters], clip)
            optimiser.step()
        figure[name] = rows
    return figure
