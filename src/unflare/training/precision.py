"""The precision that a training's forward passes run in."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from unflare.network.precision import autocast

SCALE = 2.0**10  # of the loss in float16, to begin with; so small that no first gradient overflows


class Precision:
    """As `autocast`; `scaler` keeps the gradients of float16 from vanishing, and for the others does nothing."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self._autocast = name, autocast(name, device)
        self.scaler = torch.amp.GradScaler(device.type, SCALE, enabled=name == "float16")

    def __call__(self) -> AbstractContextManager[Any]:
        return self._autocast()
