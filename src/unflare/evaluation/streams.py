"""Metrics of a de-flared stream whose distances and F1 no deletion, no clock and no scale of its own can please.

Beside the published ones (`unflare.edeflare`), whose Chamfer distance goes one way, between streams that are each
scaled by their own extremes, and whose stretches without events are left out:

- Distances go both ways, so that what is missing costs as much as what is left over, and both streams have one fixed
  scale: 100 is the sensor's width in x, its height in y, and 100 ms in t. An event of the other polarity is 100 away
  wherever it is, and 100 is the most that a distance can be. That is the scale that the authors' paper describes.
- Voxels have the authors' size, 8 bins of 2.5 ms in each 20 ms, but one clock, which starts where it is told, and
  stretches without events count as zeros. Sums are over all stretches before they are divided. The mean square errors
  do reward deletion, since most voxels of a truth are empty.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from unflare.edeflare import voxels
from unflare.edeflare.nearest import nearest
from unflare.events import Array, Events

FAR = 100.0
WINDOW = 100_000  # microseconds
SHARPNESS = 0.4  # of the Gaussian distance, as published: 1 - exp(-d^2 / 0.4)


@dataclass(frozen=True)
class Streams:
    """A stream against its truth; None where it is not defined.

    chamfer    mean distance to the nearest event of the other stream, the mean of both ways; 0 if neither has an event
    gaussian   the same of 1 - exp(-d^2 / 0.4)
    clock_mse                      mean square of the difference of signed voxels
    clock_pmse_2, clock_pmse_4     the same of both polarities, pooled 2x2 and 4x4
    clock_rf1, _tf1, _tpf1         F1 of filled voxels: all; of any bin of a stretch; of any polarity too; None without
    """

    chamfer: float
    gaussian: float
    clock_mse: float
    clock_pmse_2: float
    clock_pmse_4: float
    clock_rf1: float | None
    clock_tf1: float | None
    clock_tpf1: float | None


def streams(estimate: Events, truth: Events, span: tuple[int, int], away: Array | None = None) -> Streams:
    """Both streams on the clock of `span`, in microseconds: from, to; an event at its very end belongs to it.

    `away` are the `distances` from estimate to truth where they are known: those of a stream also serve any part of it.
    Raises ValueError if the streams are of different sensors, or the span is empty.
    """
    if estimate.shape != truth.shape or span[0] >= span[1]:
        found = f"{estimate.shape} and {truth.shape}, {span[0]} to {span[1]} us"
        raise ValueError(f"streams: expected streams of one sensor and a span of 1 us or more, found {found}")
    ways = [distances(estimate, truth) if away is None else away, distances(truth, estimate)]
    known = [way for way in ways if len(way)]
    return Streams(
        _mean([float(way.mean()) for way in known]),
        _mean([float((1 - np.exp(-(way**2) / SHARPNESS)).mean()) for way in known]),
        **_on_the_clock(estimate, truth, span),
    )


def distances(one: Events, other: Events) -> Array:
    """From each event to the nearest of the other stream, 0 to 100, float64 (n,)."""
    return nearest(_scaled(other), _scaled(one), FAR)


def _scaled(events: Events) -> Array:
    """(n, 4): x, y, t and polarity, a hundred units each."""
    height, width = events.shape
    parts = ((events.x, width), (events.y, height), (events.t, WINDOW), (events.p, 1))
    return np.stack([column * (FAR / unit) for column, unit in parts], axis=1)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _on_the_clock(estimate: Events, truth: Events, span: tuple[int, int]) -> dict[str, Any]:
    """The voxel metrics of `Streams`. Events outside the span have no stretch and are left out."""
    (height, width), sums = truth.shape, np.zeros(len(voxels.Counts._fields), np.int64)
    starts = range(*span, voxels.STRETCH)
    for start in starts:
        stop = start + voxels.STRETCH if start + voxels.STRETCH < span[1] else span[1] + 1
        grids = [voxels.grid(events.between(start, stop), start, truth.shape) for events in (estimate, truth)]
        sums += voxels.compare(*grids)
    found = voxels.Counts(*map(int, sums))
    cells = len(starts) * voxels.BINS * height * width
    pools = [len(starts) * voxels.BINS * 2 * -(-height // side) * -(-width // side) for side in (2, 4)]
    return {
        "clock_mse": found.squares / cells,
        "clock_pmse_2": found.squares_2 / 4**2 / pools[0],
        "clock_pmse_4": found.squares_4 / 16**2 / pools[1],
        "clock_rf1": voxels.f1(*found[3:6]),
        "clock_tf1": voxels.f1(*found[6:9]),
        "clock_tpf1": voxels.f1(*found[9:12]),
    }
