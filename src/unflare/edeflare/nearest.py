"""Exact distances to nearest points in four dimensions, for millions of points.

Points are put in the order of a space-filling curve (Morton, "A Computer Oriented Geodetic Data Base", IBM 1966); every
LEAF of them get a bounding box, every FAN boxes another, up to one box of all. A query starts at the points beside its
own place on the curve and skips each box that is not nearer than the best found. Queries run along the curve too, so
that what one has loaded serves the next.

A distance is sqrt(((dx^2 + dy^2) + dz^2) + dw^2) in float64, and a box's distance is rounded in the same order, so
that nothing is skipped by rounding: the numbers are those of `scipy.spatial.KDTree`, bit for bit.
"""

import math

import numba
import numpy as np

from unflare.events import Array

LEAF, FAN = 8, 4
BITS = 10  # of the curve in each of the first three dimensions; the fourth has one
DEEP = 64  # entries of the stack: FAN - 1 a level and one, for levels enough for 2^40 points


def nearest(points: Array, queries: Array, far: float = math.inf) -> Array:
    """Euclidean distance from each query float64 (m, 4) to the nearest point float64 (n, 4), at most `far`; (m,).

    Coordinates are finite; `far` without points. Lets other threads run.
    """
    if not len(points) or not len(queries):
        return np.full(len(queries), far)
    low, high = points.min(axis=0), points.max(axis=0)
    cells, spread = np.array([1 << BITS, 1 << BITS, 1 << BITS, 2.0]), high - low
    scale = np.divide(cells, spread, out=np.zeros(4), where=spread > 0)
    code = _codes(points, low, scale)
    order = np.argsort(code)
    points, code = points[order], code[order]
    boxes, starts = _boxes(points)
    asked = _codes(queries, low, scale)
    order = np.argsort(asked)
    beside = np.searchsorted(code, asked[order])
    found = np.empty(len(queries))
    _search(points, boxes, starts, queries, order, beside, far * far, found)
    return found


def _boxes(points: Array) -> tuple[Array, Array]:
    """Lowest and highest coordinates (boxes, 8), levels after each other from below; and where levels start."""
    levels: list[Array] = []
    low = high = points
    size = LEAF
    while len(low) > 1 or not levels:
        places = np.arange(0, len(low), size)
        low, high = np.minimum.reduceat(low, places), np.maximum.reduceat(high, places)
        levels.append(np.concatenate([low, high], axis=1))
        size = FAN
    return np.concatenate(levels), np.cumsum([0, *map(len, levels)])


@numba.njit(cache=True, nogil=True)
def _codes(points: Array, low: Array, scale: Array) -> Array:
    """Places on the curve, int64 (n,): bits of the first three coordinates in turn, above them that of the fourth."""
    found = np.empty(len(points), np.int64)
    for i in range(len(points)):
        code = np.int64(0)
        for k in range(3):
            v = np.int64(min(max((points[i, k] - low[k]) * scale[k], 0.0), (1 << BITS) - 1.0))
            v = (v | v << 16) & 0x30000FF
            v = (v | v << 8) & 0x300F00F
            v = (v | v << 4) & 0x30C30C3
            v = (v | v << 2) & 0x9249249
            code |= v << k
        found[i] = code | np.int64((points[i, 3] - low[3]) * scale[3] >= 1) << 30
    return found


@numba.njit(cache=True, nogil=True)
def _search(  # noqa: C901, PLR0913
    points: Array, boxes: Array, starts: Array, queries: Array, order: Array, beside: Array, far: float, found: Array
) -> None:
    top_level, count = len(starts) - 2, len(points)
    level, place, apart = np.empty(DEEP, np.int64), np.empty(DEEP, np.int64), np.empty(DEEP)
    near = 0
    for m in range(len(order)):
        i = order[m]
        x, y, z, w = queries[i, 0], queries[i, 1], queries[i, 2], queries[i, 3]
        best = far
        for j in (near, min(beside[m], count - 1), max(beside[m] - 1, 0)):
            d = _square(points[j, 0] - x, points[j, 1] - y, points[j, 2] - z, points[j, 3] - w)
            if d < best:
                best, near = d, j
        level[0], place[0], apart[0], depth = top_level, 0, 0.0, 1
        while depth:
            depth -= 1
            if apart[depth] >= best:
                continue
            at, box = level[depth], place[depth]
            if at == 0:
                for j in range(box * LEAF, min(count, box * LEAF + LEAF)):
                    d = _square(points[j, 0] - x, points[j, 1] - y, points[j, 2] - z, points[j, 3] - w)
                    if d < best:
                        best, near = d, j
                continue
            below, bottom = starts[at - 1], depth
            for child in range(box * FAN, min(starts[at] - below, box * FAN + FAN)):
                b = boxes[below + child]
                d = _square(
                    max(b[0] - x, x - b[4], 0.0),
                    max(b[1] - y, y - b[5], 0.0),
                    max(b[2] - z, z - b[6], 0.0),
                    max(b[3] - w, w - b[7], 0.0),
                )
                if d < best:
                    k = depth  # the nearest child is looked at first
                    while k > bottom and apart[k - 1] < d:
                        level[k], place[k], apart[k] = level[k - 1], place[k - 1], apart[k - 1]
                        k -= 1
                    level[k], place[k], apart[k] = at - 1, child, d
                    depth += 1
        found[i] = math.sqrt(best)


@numba.njit(cache=True, nogil=True, inline="always")
def _square(x: float, y: float, z: float, w: float) -> float:
    return ((x * x + y * y) + z * z) + w * w
