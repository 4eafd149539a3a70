"""For a training loop: the horizon, written down every so many steps."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from torch import Tensor, nn

from explainer.reach.measure import of


class HorizonLog:
    """Measures how far the gradient reaches, every N steps of a training loop.

    In plain torch, ``log = HorizonLog(model.lstm, inputs, every=100)`` and ``log(step)`` in the loop. In PyTorch
    Lightning, ``Trainer(callbacks=[log.lightning()])``.

    Args:
        module: the recurrent module.
        inputs: on which it is measured: the same ones each time, so that the numbers can be compared.
        every: how many steps between two measurements.
        tell: (step, {layer: horizon or None}) → is told each measurement; None keeps them in :attr:`seen` alone.

    Attributes:
        seen: {step: {layer: its horizon, or None where it lies beyond the inputs}}.
    """

    def __init__(
        self,
        module: nn.RNNBase,
        inputs: Tensor,
        every: int = 100,
        tell: Callable[[int, dict[str, int | None]], None] | None = None,
    ) -> None:
        self.module, self.inputs, self.every, self.tell = module, inputs, every, tell
        self.seen: dict[int, dict[str, int | None]] = {}

    def __call__(self, step: int) -> None:
        """Measure, if it is time."""
        if step % self.every:
            return
        layers = of(self.module, self.inputs, progress=lambda share: None).layers
        self.seen[step] = {layer.name: layer.horizon for layer in layers}
        if self.tell:
            self.tell(step, self.seen[step])

    def lightning(self) -> object:
        """The same as a callback of PyTorch Lightning, which logs ``horizon/layer 0`` and so on.

        A horizon beyond the inputs is logged as their length.

        Raises:
            ImportError: Lightning is not installed.
        """
        try:
            installed = importlib.import_module("lightning.pytorch")
        except ImportError:
            installed = importlib.import_module("pytorch_lightning")  # the older name
        log = self

        class Horizon(installed.Callback):
            def on_train_batch_end(self, trainer, module, *_) -> None:
                log(trainer.global_step)
                for layer, horizon in log.seen.get(trainer.global_step, {}).items():
                    module.log(f"horizon/{layer}", float(len(log.inputs) if horizon is None else horizon))

        return Horizon()
