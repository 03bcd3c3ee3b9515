"""The published metrics of de-flaring, as their authors compute them.

Han et al., "Removing lens flare from event streams" (E-Deflare, arXiv 2512.09016), and their evaluation code, whose
numbers these are, its peculiarities included. What to know before trusting one:

- Chamfer and Gaussian distance go one way, from estimate to truth: events that are missing cost nothing. Each stream is
  scaled by its own extremes before, x and y to whole numbers of 0 to 99; a difference in polarity counts 27, the rest
  of an overflow; ranges above 655 pixels overflow too.
- Voxels have 8 bins of 2.5 ms, counted in each stretch of 20 ms from its own first event; stretches without events are
  left out and the rest is compared in order. MSE rewards deletion: most cells of a truth are empty.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import KDTree
from torch.nn.functional import avg_pool2d, mse_loss

from unflare.events import Array, Events

STRETCH, BINS, BIN = 20_000, 8, 2_500  # microseconds, number, microseconds
SHAPE = (480, 640)  # events outside are left out of the voxels
SHARPNESS = 0.4  # of the Gaussian distance: 1 - exp(-d^2 / 0.4)
FILLED = 1e-3


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
    nearest: Array = KDTree(_scaled(truth)).query(_scaled(estimate))[0]
    return nearest


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


def _stretches(events: Events) -> Iterator[torch.Tensor]:
    """The voxels of each 20 ms that holds events, float32 (8, 480, 640)."""
    if not len(events):
        return
    span = int(events.t[-1] - events.t[0])
    edges = events.t[0] + STRETCH * np.arange(-(-span // STRETCH) + 1)
    borders = np.searchsorted(events.t, edges)
    for first, last in pairwise(borders.tolist()):
        if last > first:
            yield _grid(events[first:last])


def _grid(events: Events) -> torch.Tensor:
    inside = (events.y < SHAPE[0]) & (events.x < SHAPE[1])
    bins = np.clip((events.t - events.t[0]) // BIN, 0, BINS - 1)[inside]
    cell = np.ravel_multi_index((bins, events.y[inside], events.x[inside]), (BINS, *SHAPE))
    signs = 2.0 * events.p[inside] - 1.0
    grid = np.bincount(cell, signs, BINS * SHAPE[0] * SHAPE[1]).astype(np.float32)
    return torch.from_numpy(grid.reshape(BINS, *SHAPE))


def _compared(estimate: torch.Tensor, truth: torch.Tensor) -> tuple[float, ...]:
    """In the order of `Voxels`."""
    grids = [torch.stack([grid.clamp(min=0), (-grid).clamp(min=0)]) for grid in (estimate, truth)]
    errors = [mse_loss(estimate, truth).item()]
    for side in (2, 4):
        pooled = [avg_pool2d(grid.flatten(0, 1), side) for grid in grids]
        errors.append(mse_loss(pooled[0], pooled[1]).item())
    sums: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
        lambda grid: grid,
        lambda grid: grid.sum(dim=1),
        lambda grid: grid.sum(dim=(0, 1)),
    )
    return (*errors, *(_f1(*(total(grid) > FILLED for grid in grids)) for total in sums))


def _f1(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    both = int(torch.count_nonzero(estimate & truth))
    filled = int(torch.count_nonzero(estimate)) + int(torch.count_nonzero(truth))
    return 2 * both / filled if filled else 0.0
