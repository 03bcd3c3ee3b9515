"""What the network sees in a training step: contiguous windows of cached features."""

import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unflare.events import Array
from unflare.features.store import Cache
from unflare.params import Training

COORDINATES = 2  # the first two features: mirroring a sensor changes their sign, turning it swaps them


class Batch(NamedTuple):
    """Windows of events. The mask is 0 on the lead and on padding, which carry no loss."""

    features: Tensor  # float32 (B, L, 13)
    flare: Tensor  # float32 (B, L), the flare's share
    mask: Tensor  # float32 (B, L)
    seconds: float  # that it took to make


class Batches(Dataset[Batch]):
    """The batch of every training step, a function of the seed and the step alone.

    Its windows are contiguous, each from a scene drawn uniformly, so that a quiet scene counts as much as a busy one.
    """

    def __init__(self, cache: Cache, plan: Training, seed: int) -> None:
        self.cache, self.plan, self.seed = cache, plan, seed

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> Batch:
        start = time.perf_counter()
        rng = np.random.default_rng((self.seed, step))
        items = [self._window(rng) for _ in range(self.plan.batch)]
        features, flare, mask = (torch.from_numpy(np.stack(column)) for column in zip(*items, strict=True))
        return Batch(features, flare, mask, time.perf_counter() - start)

    def _window(self, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        scene = int(rng.integers(len(self.cache.offsets) - 1))
        features, flare, mask = cut(self.cache, scene, rng.random(), self.plan)
        features[:, :COORDINATES] *= rng.choice(np.array([-1, 1], np.float32), size=COORDINATES)
        if rng.random() < 0.5:
            features[:, :COORDINATES] = features[:, COORDINATES - 1 :: -1]
        return features, flare, mask


def cut(cache: Cache, scene: int, place: float, plan: Training) -> tuple[Array, Array, Array]:
    """A window of `plan.window` events at `place` (0 to 1) of a scene, padded with zeros if the scene is shorter."""
    first, last = (int(offset) for offset in cache.offsets[scene : scene + 2])
    length = min(plan.window, last - first)
    features, flare = cache.window(first + int(place * (last - first - length + 1)), length)
    padding = plan.window - length
    mask = np.ones(length, np.float32)
    mask[: min(plan.lead, length // 2)] = 0
    return np.pad(features, ((0, padding), (0, 0))), np.pad(flare, (0, padding)), np.pad(mask, (0, padding))
