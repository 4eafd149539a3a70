"""Inputs for a network whose own are not at hand."""

from __future__ import annotations

import torch


def noise(steps: int, size: int, scale: float, seed: int) -> torch.Tensor:
    """Normal inputs (T, I) in float64."""
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(steps, size, generator=generator, dtype=torch.float64)
