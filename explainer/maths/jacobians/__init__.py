"""How the gradient travels through real recurrent networks: every quantity by autograd, numpy out.

In: a :class:`explainer.maths.network.Network`. Out: frozen dataclasses of read-only numpy arrays (float64), kept by
value, so that asking again costs nothing.

Which derivative. s is the cell's memory: c for the LSTMs, h for the others. ∂s(t)/∂s(t−k) is the derivative along
every path of the unrolled graph from the node s(t−k) to the node s(t), which is what ``torch.autograd.grad(s_t,
s_tk)`` returns. For an LSTM that includes the path that leaves at once through h(t−k) = o·tanh(c(t−k)); the c–c block
of ∂(h, c)(t)/∂(h, c)(t−k), which holds h(t−k) fixed, leaves that path out. The *direct* path is the part that goes
from carried memory to carried memory alone, ∏ f(t−i), a diagonal matrix; the *rest* is whole − direct. c alone is not
the whole state, so ∂c(t)/∂c(t−2) is not the product of two ∂c/∂c: the products are taken over the packed state, then
read off.

What is right, and how far. The whole, the direct path and the rest are three products, each accumulated by itself and
rescaled by a power of two at every step: none is the difference of two others, and a norm of 10⁻⁵⁰⁰ or 10⁺⁵⁰⁰ is right
in log10. The slopes of tanh and of the logistic function are taken in a form that does not cancel. torch itself forms
them from the outputs, as 1 − y²; where a function is saturated float64 loses digits there, all of them from |x| = 19
on. So a vanilla network's own ``backward()`` may be wrong by any factor (n = 1, gain above 6), and an LSTM's rest and
shares where |c| is above 15. :attr:`ByLag.torchs_own` and :attr:`Shares.backward_norm` stand beside for comparison.
Where a network is chaotic (a positive growth rate) its trajectory is sensitive to the last digit of float64; the
derivatives are those along the trajectory that torch computed.

steps → backwards → norms, shares → terms; steps → pairs.
"""

from explainer.maths.jacobians.norms import Band, ByLag, Norms, band, by_lag
from explainer.maths.jacobians.pairs import Pairs, pairs
from explainer.maths.jacobians.shares import Shares, shares
from explainer.maths.jacobians.steps import forget_shared
from explainer.maths.jacobians.terms import Terms, terms

__all__ = [
    "Band",
    "ByLag",
    "Norms",
    "Pairs",
    "Shares",
    "Terms",
    "band",
    "by_lag",
    "forget_shared",
    "pairs",
    "shares",
    "terms",
]
