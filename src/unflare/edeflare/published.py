"""The published metrics of de-flaring, as their authors compute them.

Han et al., "Removing lens flare from event streams" (E-Deflare, arXiv 2512.09016), and their evaluation code, whose
numbers these are, its peculiarities included. What to know before trusting one:

- Chamfer and Gaussian distance go one way, from estimate to truth: events that are missing cost nothing. Each stream is
  scaled by its own extremes before, x and y to whole numbers of 0 to 99; a difference in polarity counts 27, the rest
  of an overflow; ranges above 655 pixels overflow too.
- Voxels have 8 bins of 2.5 ms, counted in each stretch of 20 ms from its own first event; stretches without events are
  left out and the rest is compared in order. MSE rewards deletion: most cells of a truth are empty.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from unflare.edeflare import voxels
from unflare.edeflare.nearest import nearest
from unflare.events import Array, Events

SHAPE = (480, 640)  # events outside are left out of the voxels
SHARPNESS = 0.4  # of the Gaussian distance: 1 - exp(-d^2 / 0.4)


class Voxels(NamedTuple):
    """Mean over stretches of what two grids are compared by."""

    voxel_mse: float
    pmse_2: float
    pmse_4: float
    rf1: float
    tf1: float
    tpf1: float


def edeflare(estimate: Events, truth: Events) -> dict[str, float]:
    """Metrics of a de-flared stream against its truth; times are microseconds, of either stream from any origin.

    chamfer_distance, gaussian_distance   from each event to the nearest of the truth, mean; infinite without events
    voxel_mse, pmse_2, pmse_4             of signed voxels; of both polarities, pooled 2x2 and 4x4; infinite without
    rf1, tf1, tpf1                        F1 of filled cells: all; without time; without time and polarity; 0 without
    pger                                  events of the estimate over those of the truth
    """
    both = len(estimate) and len(truth)
    distance = _distances(estimate, truth) if both else np.array([np.inf])
    voxels = _voxels(estimate, truth)
    ratio = len(estimate) / len(truth) if len(truth) else (np.inf if len(estimate) else 0.0)
    return {
        "chamfer_distance": float(distance.mean()),
        "gaussian_distance": float((1 - np.exp(-(distance**2) / SHARPNESS)).mean()) if both else np.inf,
        **voxels._asdict(),
        "pger": ratio,
    }


def _distances(estimate: Events, truth: Events) -> Array:
    return nearest(_scaled(truth), _scaled(estimate))


def _scaled(events: Events) -> Array:
    """(n, 4): x, y, t, p from 0 to 100 each, in the arithmetic of the types that the authors keep them in."""
    t = events.t / 1e6
    columns = (events.x, events.y, t - t.min(), (2 * events.p.astype(np.int8) - 1).astype(np.int8))
    return np.stack([_one_scale(column).astype(np.float64) for column in columns], axis=1)


def _one_scale(column: Array) -> Array:
    scaled: Array = ((column - column.min()) * 100 / (column.max() - column.min() + 1e-8)).astype(column.dtype)
    return scaled


def _voxels(estimate: Events, truth: Events) -> Voxels:
    rows = [_compared(a, b) for a, b in zip(_stretches(estimate), _stretches(truth), strict=False)]
    return Voxels(*map(float, np.mean(rows, axis=0))) if rows else Voxels(np.inf, np.inf, np.inf, 0.0, 0.0, 0.0)


def _stretches(events: Events) -> Iterator[Array]:
    """The voxels of each 20 ms that holds events, counted from its own first one."""
    if not len(events):
        return
    span = int(events.t[-1] - events.t[0])
    edges = events.t[0] + voxels.STRETCH * np.arange(-(-span // voxels.STRETCH) + 1)
    borders = np.searchsorted(events.t, edges)
    for first, last in pairwise(borders.tolist()):
        if last > first:
            yield voxels.grid(events[first:last], int(events.t[first]), SHAPE)


def _compared(estimate: Array, truth: Array) -> tuple[float, ...]:
    """In the order of `Voxels`. The means are float32, as the authors'."""
    found = voxels.compare(estimate, truth)
    means = [
        float(np.float32(total / pool**2) / np.float32(channels * estimate.size // pool))
        for total, pool, channels in ((found.squares, 1, 1), (found.squares_2, 4, 2), (found.squares_4, 16, 2))
    ]
    rows = (found[3:6], found[6:9], found[9:12])
    return (*means, *(voxels.f1(*row) or 0.0 for row in rows))
