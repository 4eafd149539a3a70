"""The programs behind two networks that read a sentence: what reaches each letter, and how sure they are."""

import torch

from explainer.programs.networks import LSTM, RNN
from explainer.programs.readers import draw_reader, read_letters, read_reader


def letter_gradients(bf, begin, right):
    """log10 of the norm of ∂margin/∂x(t−lag), the last letter first, before training and after it."""
    figure = {}
    for name, network in {"vanilla": RNN, "gated": LSTM}.items():
        moments = {"before training": draw_reader(network, bf), "after training": read_reader(name, network)}
        for moment, weights in moments.items():
            inputs, margin = read_letters(network, weights, begin, right)
            (gradient,) = torch.autograd.grad(margin, inputs)
            figure[f"{name}, {moment}"] = gradient.flip(0).norm(dim=1).log10()
    return figure


def right_verbs(singular, plural):
    """How probable the right one of the two verbs is after each of these beginnings, by its first letter."""
    figure = {}
    for name, network in {"vanilla": RNN, "gated": LSTM}.items():
        weights = read_reader(name, network)
        for number, begins, right in (("singular", singular, "i"), ("plural", plural, "a")):
            margins = [read_letters(network, weights, begin, right)[1] for begin in begins]
            figure[f"{name}, {number}"] = torch.sigmoid(torch.stack(margins)).detach()
    return figure
