"""The programs behind the gradient through layers: stacks of blocks, drawn and differentiated."""

import math

import torch

from explainer.programs.networks import jacobians


def layer(x, W):
    return torch.tanh(x @ W.T)


def plain_block(x, db, W):
    return layer(x, W)


def highway_block(x, db, W, W_gate):
    """t·F(x) + (1 − t)·x with a transform gate t."""
    t = torch.sigmoid(x @ W_gate.T + db)
    return t * layer(x, W) + (1 - t) * x


def residual_block(x, db, W):
    return x + layer(x, W)


def attend(x, W_q, W_k, W_v, W_o):
    """Causal self-attention with four heads over the tokens x (m, d)."""
    q, k, v = (x @ torch.cat((W_q, W_k, W_v)).T).unflatten(-1, (3, 4, -1)).movedim(0, 2)
    past = torch.ones(len(x), len(x), dtype=torch.bool).tril()
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~past, -math.inf)
    return (torch.softmax(scores, -1) @ v).movedim(0, 1).flatten(1) @ W_o.T


def transformer_block(x, norm, W_q, W_k, W_v, W_o, W_up, W_down):
    """x + attention(norm(x)), then x + mlp(norm(x))."""
    x = x + attend(norm(x), W_q, W_k, W_v, W_o)
    return x + torch.relu(norm(x) @ W_up.T) @ W_down.T


def layer_norm(x):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()


def pre_norm_block(x, db, *weights):
    return transformer_block(x, layer_norm, *weights)


def bare_block(x, db, *weights):
    return transformer_block(x, lambda x: x, *weights)


# a block, the shapes of its matrices in widths, which of them write into x, and how many tokens it reads
SIX = [(1, 1), (1, 1), (1, 1), (1, 1), (4, 1), (1, 4)]
STACKS = {
    "plain": (plain_block, [(1, 1)], {0}, 1),
    "highway": (highway_block, [(1, 1), (1, 1)], {0}, 1),
    "residual": (residual_block, [(1, 1)], {0}, 1),
    "pre-norm transformer": (pre_norm_block, SIX, {3, 5}, 4),
    "transformer without norm": (bare_block, SIX, {3, 5}, 4),
}


def draw_stack(name, L, d, dg, dx, seed):
    """x(0) and the weights of each block, drawn from N(0, 1/columns)."""
    _, shapes, writes, tokens = STACKS[name]
    generator = torch.Generator().manual_seed(seed)
    start = dx * torch.randn(4, d, generator=generator, dtype=torch.float64)[-tokens:]
    blocks = []
    for _ in range(L):
        weights = []
        for i, (rows, columns) in enumerate(shapes):
            W = torch.randn(rows * d, columns * d, generator=generator, dtype=torch.float64)
            weights.append((dg if i in writes else 1.0) * W / math.sqrt(columns * d))
        blocks.append(weights)
    return start, blocks


def run_stack(name, L, d, dg, db, dx, seed):
    """x(0) … x(L), and the weights of each block."""
    start, blocks = draw_stack(name, L, d, dg, dx, seed)
    x = [start.requires_grad_()]
    for weights in blocks:
        x.append(STACKS[name][0](x[-1], db, *weights))
    return x, blocks


def depth_norms(L, d, dg, db, dx, ds):
    """log10 of the spectral norm of ∂x(L)/∂x(L−k) for k = 0 … L, of the last token: the middle of five draws."""
    figure = {}
    for name in STACKS:
        draws = []
        for seed in range(ds, ds + 5):
            x, _ = run_stack(name, L, d, dg, db, dx, seed)
            parts = jacobians(x[-1][-1], x[::-1])[:, :, -1]
            draws.append(torch.linalg.matrix_norm(parts, 2).log10())
        figure[name] = torch.stack(draws).median(0).values
    return figure


def stack_paths(name, L, d, dg, db, dx, ds):
    """The same of one stack by path: ∏(D + J), along the direct path ∏D, and all the rest."""
    draws = []
    for seed in range(ds, ds + 5):
        x, blocks = run_stack(name, L, d, dg, db, dx, seed)
        straight = torch.eye(d, dtype=torch.float64)
        rest, norms = torch.zeros_like(straight), [(0.0, 0.0, -math.inf)]
        for before, after, (_, *W_gate) in zip(x[-2::-1], x[:0:-1], blocks[::-1], strict=True):
            both = jacobians(after[0], [before], retain_graph=True)[0, :, 0]
            D = torch.eye(d, dtype=torch.float64)
            if W_gate:
                D = torch.diag(1 - torch.sigmoid(before[0] @ W_gate[0].T + db)).detach()
            rest = rest @ both + straight @ (both - D)
            straight = straight @ D
            parts = torch.stack((straight + rest, straight, rest))
            norms.append(torch.linalg.matrix_norm(parts, 2).log10().tolist())
        draws.append(norms)
    middle = torch.tensor(draws, dtype=torch.float64).median(0).values
    return dict(zip(("whole", "direct path", "rest"), middle.T, strict=True))


def residual_paths(L, d, dg, dx, ds):
    return stack_paths("residual", L, d, dg, 0.0, dx, ds)


def highway_paths(L, d, dg, db, dx, ds):
    return stack_paths("highway", L, d, dg, db, dx, ds)


def block_norms(L, d, dg, dx, ds):
    """log10 of the spectral norm of J(l), what block l adds, by its own x: the middle of five draws."""
    figure = {}
    for name in ("pre-norm transformer", "transformer without norm"):
        draws = []
        for seed in range(ds, ds + 5):
            x, _ = run_stack(name, L, d, dg, 0.0, dx, seed)
            pairs = zip(x[1:], x[:-1], strict=True)
            whole = torch.cat([jacobians(after[-1], [before], retain_graph=True)[:, :, -1] for after, before in pairs])
            draws.append(torch.linalg.matrix_norm(whole - torch.eye(d, dtype=torch.float64), 2).log10())
        figure[name] = torch.stack(draws).median(0).values
    return figure
