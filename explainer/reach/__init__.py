"""How far back does *your* network's gradient reach? ::

    from explainer import reach
    report = reach.of(model, inputs)     # a trained nn.LSTM, nn.GRU or nn.RNN

recurrence → norms → report; cells → modules → measure; files → weights for networks that come as files. Torch and
Altair, no Streamlit. Command line: ``python -m explainer.reach weights.safetensors``.
"""

from explainer.reach.advice import Advice
from explainer.reach.callback import HorizonLog
from explainer.reach.measure import of, of_step
from explainer.reach.report import Measured, Report

__all__ = ["Advice", "HorizonLog", "Measured", "Report", "of", "of_step"]
