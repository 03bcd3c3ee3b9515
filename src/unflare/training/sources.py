"""Where a training has its features from: the cache, or its own memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from unflare.events import Array
from unflare.features.store import Cache
from unflare.params import Features
from unflare.runtime import Limit
from unflare.training.computed import Computed


class Source(Protocol):
    """Features of scenes, on disk (`Cache`) or in the memory of the device that trains (`Computed`).

    count    events               offsets  int64 (scenes + 1,)      names  of the scenes
    mean, std  float64 (13,)      over all events
    implementation  where they are from, for the records
    """

    count: int
    offsets: Array
    names: tuple[str, ...]
    mean: Array
    std: Array
    implementation: str

    def window(self, start: int, length: int) -> tuple[Any, Any]:
        """Rows of one scene: features float32 (length, 13), flare share float32 (length,), arrays or tensors."""


def opened(
    scenes: Path,
    features: Path,
    plan: Features,
    device: torch.device,
    memory: Callable[[], tuple[str, int, Limit]],
    loaders: int,
) -> dict[str, Source]:
    """The sources of training and validation, as `plan.cache` says. Raises what they raise.

    Raises ValueError where processes are to make batches of what lies in the memory of this one.
    """
    names = ("train", "validation")
    if plan.cache:
        return {name: Cache(features / name, plan.window) for name in names}
    if loaders:
        raise ValueError(
            f"UNFLARE_LOADERS: expected 0 where the training computes its features (features.cache: false), "
            f"found {loaders}"
        )
    return {name: Computed(scenes / name, plan.window, device, memory) for name in names}
