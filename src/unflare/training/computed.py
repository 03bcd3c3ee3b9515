"""Features of scenes, computed where the training runs and held there: no cache on disk, nothing sent at a step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unflare.events import Array, Events, load_scene, scene_paths
from unflare.features import IMPLEMENTATION, PixelState, extract, sorting
from unflare.features.moments import Moments, joined, moments
from unflare.runtime import Limit, MemoryLimit, gibibytes

EVENT = 30  # bytes of an event: thirteen features in half precision, as in the cache, and its label


class Computed:
    """A `Source`: the numbers are those that a `Cache` of the same scenes holds, on `device`. `window` in us.

    `memory` tells the kind of memory that is filled, what is held of it now, and its limit.

    Raises FileNotFoundError without scenes, ValueError if none has an event, MemoryLimit if they do not fit.
    """

    def __init__(
        self, scenes: Path, window: int, device: torch.device, memory: Callable[[], tuple[str, int, Limit]]
    ) -> None:
        self.implementation = f"{IMPLEMENTATION if device.type == 'cpu' else sorting.IMPLEMENTATION}, float16"
        paths = scene_paths(scenes)
        self.names = tuple(path.stem for path in paths)
        self._rows: list[tuple[Tensor, Tensor]] = []
        parts: list[Moments] = []
        for number, path in enumerate(paths):
            scene = load_scene(path)
            _refuse_more(len(scene.events), f"{number + 1} of {len(paths)}", memory())
            features, of_these = _features(scene.events, window, device)
            parts.append(of_these)
            self._rows.append((features, torch.from_numpy(scene.flare).to(device)))
        whole = joined(parts, parts[0].mean.size)
        if not whole.rows:
            raise ValueError(f"{scenes}: expected events, found {len(parts)} scenes without any")
        self.offsets: Array = np.cumsum([0, *(part.rows for part in parts)], dtype=np.int64)
        self.count, self.mean, self.std = whole.rows, whole.mean, whole.std

    def window(self, start: int, length: int) -> tuple[Tensor, Tensor]:
        """Views of `length` events of one scene, from row `start`: features float16, flare share float32."""
        scene = int(np.searchsorted(self.offsets, start, side="right")) - 1
        first = start - int(self.offsets[scene])
        features, flare = self._rows[scene]
        return features[first : first + length], flare[first : first + length]


def _features(events: Events, window: int, device: torch.device) -> tuple[Tensor, Moments]:
    if device.type == "cpu":
        values = extract(events, PixelState(events.shape), window)
        return torch.from_numpy(values).half(), moments(values)
    found = sorting.extract(events, sorting.SortedState(events.shape, device), window)
    exact = found.double()
    mean = exact.mean(0) if len(exact) else exact.new_zeros(exact.shape[1])
    squares = (exact - mean).square_().sum(0)
    return found.half(), Moments(len(events), mean.cpu().numpy(), squares.cpu().numpy())


def _refuse_more(events: int, scene: str, memory: tuple[str, int, Limit]) -> None:
    kind, held, limit = memory
    if held + events * EVENT > limit.bytes:
        raise MemoryLimit(
            f"memory: the features of scene {scene} take {gibibytes(events * EVENT)} of {kind} memory, where "
            f"{gibibytes(held)} of {gibibytes(limit.bytes)} are held ({limit.source}); features.cache: true keeps them "
            "on disk"
        )
