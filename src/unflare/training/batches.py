"""What the network sees in a training step: contiguous windows of features."""

import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from unflare.params import Training
from unflare.training.sources import Source

COORDINATES = 2  # the first two features: mirroring a sensor changes their sign, turning it swaps them

ALL = slice(None)


class Batch(NamedTuple):
    """Windows of events. The mask is 0 on the lead and on padding, which carry no loss."""

    features: Tensor  # float32 (B, L, 13)
    flare: Tensor  # float32 (B, L), the flare's share
    mask: Tensor  # float32 (B, L)
    seconds: float  # that it took to make


class Batches(Dataset[Batch]):
    """The batch of every training step, a function of the seed and the step alone.

    Its windows are contiguous, each from a scene drawn uniformly, so that a quiet scene counts as much as a busy one.
    `share` leaves some of them to others, of the same batch. It is where the source is: on the host, or on the device.
    """

    def __init__(self, source: Source, plan: Training, seed: int, share: slice = ALL) -> None:
        self.source, self.plan, self.seed, self.share = source, plan, seed, share

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> Batch:
        start = time.perf_counter()
        rng = np.random.default_rng((self.seed, step))
        windows, signs, turned = [], [], []
        for _ in range(self.plan.batch):
            windows.append((int(rng.integers(len(self.source.offsets) - 1)), rng.random()))
            signs.append(rng.choice(np.array([-1, 1], np.float32), size=COORDINATES))
            turned.append(rng.random() < 0.5)
        windows, signs, turned = windows[self.share], signs[self.share], turned[self.share]
        features, flare, mask = stacked(self.source, windows, self.plan)
        place = features[..., :COORDINATES] * torch.from_numpy(np.array(signs)).to(features.device)[:, None]
        turn = torch.tensor(turned, device=features.device)[:, None, None]
        features[..., :COORDINATES] = torch.where(turn, place.flip(-1), place)
        return Batch(features, flare, mask, time.perf_counter() - start)


def stacked(source: Source, windows: list[tuple[int, float]], plan: Training) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of `plan.window` events, each at a place (0 to 1) of a scene: features, flare and mask as of a Batch.

    Padded with zeros where a scene is shorter.
    """
    rows = [_cut(source, scene, place, plan.window) for scene, place in windows]
    lengths = torch.tensor([len(flare) for _, flare in rows], device=rows[0][1].device)
    features = torch.stack([functional.pad(of, (0, 0, 0, plan.window - len(of))) for of, _ in rows]).float()
    flare = torch.stack([functional.pad(of, (0, plan.window - len(of))) for _, of in rows])
    place = torch.arange(plan.window, device=lengths.device)
    counted = (place >= (lengths // 2).clamp(max=plan.lead)[:, None]) & (place < lengths[:, None])
    return features, flare, counted.float()


def _cut(source: Source, scene: int, place: float, window: int) -> tuple[Tensor, Tensor]:
    first, last = (int(offset) for offset in source.offsets[scene : scene + 2])
    length = min(window, last - first)
    features, flare = source.window(first + int(place * (last - first - length + 1)), length)
    return torch.as_tensor(features), torch.as_tensor(flare)
