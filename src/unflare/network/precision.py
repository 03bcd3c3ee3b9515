"""How wide the numbers of a forward pass are: float32, or half of it on CUDA, where half the memory moves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch


def autocast(name: str, device: torch.device) -> Callable[[], AbstractContextManager[Any]]:
    """Makes contexts in which torch runs in float32, bfloat16 or float16 what bears it; weights stay float32.

    Casts are not kept: a pass uses a weight once, and a recorded one must not depend on what came before it.

    Raises ValueError for half precision on a device that is not CUDA.
    """
    if name == "float32":
        return partial(torch.autocast, device.type, enabled=False)
    if device.type != "cuda":
        raise ValueError(f"precision: {name} needs a CUDA device, found {device}")
    return partial(torch.autocast, device.type, getattr(torch, name), cache_enabled=False)
