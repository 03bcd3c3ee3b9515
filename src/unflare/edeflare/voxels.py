"""Two streams compared on a grid of voxels: what every voxel metric is made of, as whole numbers.

A voxel holds the sum of its events' polarities, +1 or -1. Its two channels are what is above 0 and what is below. All
sums are exact; means of them are left to the caller.
"""

from typing import NamedTuple

import numba
import numpy as np

from unflare.events import Array, Events

BINS, BIN = 8, 2_500  # number, microseconds
STRETCH = BINS * BIN
POOL = 4  # pixels, the side of the larger pools


class Counts(NamedTuple):
    """Sums over the grid of one stretch; they add up over stretches.

    squares           of the difference, over voxels
    squares_2, _4     of the difference of both channels' sums, over pools of 2x2 and 4x4 pixels
    estimate, truth, both                filled channels of voxels: of either stream, of both
    estimate_t, truth_t, both_t          the same, without time: filled in any bin
    estimate_tp, truth_tp, both_tp       the same, without time and polarity
    """

    squares: int
    squares_2: int
    squares_4: int
    estimate: int
    truth: int
    both: int
    estimate_t: int
    truth_t: int
    both_t: int
    estimate_tp: int
    truth_tp: int
    both_tp: int


def grid(events: Events, start: int, shape: tuple[int, int]) -> Array:
    """Voxels int32 (8, h, w) of events from `start` us on, h and w rounded up to whole pools.

    The last bin takes what comes later. Events outside `shape` are left out.
    """
    height, width = (-(-side // POOL) * POOL for side in shape)
    voxels = np.zeros((BINS, height, width), np.int32)
    _fill(events.t, events.x, events.y, events.p, start, shape, voxels)
    return voxels


def compare(estimate: Array, truth: Array) -> Counts:
    """The sums of two grids of one shape."""
    return Counts(*map(int, _compare(estimate, truth)))


def f1(estimate: int, truth: int, both: int) -> float | None:
    """2 TP / (2 TP + FP + FN); None where neither has anything."""
    return 2 * both / (estimate + truth) if estimate + truth else None


@numba.njit(cache=True, nogil=True)
def _fill(  # noqa: PLR0913
    t: Array, x: Array, y: Array, p: Array, start: int, shape: tuple[int, int], voxels: Array
) -> None:
    for i in range(len(t)):
        if y[i] < shape[0] and x[i] < shape[1]:
            voxels[min((t[i] - start) // BIN, BINS - 1), y[i], x[i]] += 2 * np.int32(p[i]) - 1


@numba.njit(cache=True, nogil=True)
def _compare(estimate: Array, truth: Array) -> Array:  # noqa: C901
    """In the order of `Counts`; a row of pools at a time, which stays in the cache."""
    found = np.zeros(12, np.int64)
    bins, height, width = estimate.shape
    filled = np.empty((2, POOL, width), np.uint8)  # of either stream, bit 0 above zero, bit 1 below
    sums = np.empty((2, 2, width // 2), np.int64)  # rows of 2x2 pools, both channels
    for top in range(0, height, POOL):
        filled[:] = 0
        for k in range(bins):
            for half in range(2):
                sums[half] = 0
                for row in range(2 * half, 2 * half + 2):
                    for column in range(width):
                        a, b = int(estimate[k, top + row, column]), int(truth[k, top + row, column])
                        if not a and not b:
                            continue
                        rise, fall = max(a, 0) - max(b, 0), max(-a, 0) - max(-b, 0)
                        found[0] += (a - b) * (a - b)
                        sums[half, 0, column // 2] += rise
                        sums[half, 1, column // 2] += fall
                        found[3] += a != 0
                        found[4] += b != 0
                        found[5] += a * b > 0
                        filled[0, row, column] |= (a > 0) + 2 * (a < 0)
                        filled[1, row, column] |= (b > 0) + 2 * (b < 0)
            for channel in range(2):
                for pool in range(0, width // 2, 2):
                    total = np.int64(0)
                    for half in range(2):
                        for one in range(pool, pool + 2):
                            found[1] += sums[half, channel, one] ** 2
                            total += sums[half, channel, one]
                    found[2] += total * total
        for row in range(POOL):
            for column in range(width):
                a, b = filled[0, row, column], filled[1, row, column]
                found[6] += (a & 1) + (a >> 1)
                found[7] += (b & 1) + (b >> 1)
                found[8] += (a & b & 1) + ((a & b) >> 1)
                found[9] += a > 0
                found[10] += b > 0
                found[11] += a > 0 and b > 0
    return found
