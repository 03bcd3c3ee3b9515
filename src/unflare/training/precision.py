"""How wide the numbers of a forward pass are: float32, or half of it on CUDA, where half the memory moves."""

from contextlib import AbstractContextManager
from typing import Any

import torch

SCALE = 2.0**10  # of the loss in float16, to begin with; so small that no first gradient overflows


class Precision:
    """float32, bfloat16 or float16, in which torch's autocast runs what bears it; weights and updates stay float32.

    `scaler` keeps the gradients of float16 from vanishing; for the others it does nothing.

    Raises ValueError for half precision on a device that is not CUDA.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name != "float32" and device.type != "cuda":
            raise ValueError(f"training.precision: {name} needs a CUDA device, found {device}")
        self.name, self._device = name, device.type
        self.scaler = torch.amp.GradScaler(device.type, SCALE, enabled=name == "float16")

    def __call__(self) -> AbstractContextManager[Any]:
        half = self.name != "float32"
        return torch.autocast(self._device, getattr(torch, self.name) if half else None, enabled=half)
