"""Exact distances to nearest points in four dimensions, for millions of points.

Points and queries are put along a space-filling curve, and stretches of points into boxes (`unflare.edeflare.curve`).
Queries of one small cell are answered together: the middle one by descending from the box of all, nearest first; with
the point that it finds none of the others can be far off, so that a few boxes are left for them to look into.

A distance is sqrt(((dx^2 + dy^2) + dz^2) + dw^2) in float64, and that to a box is rounded in the same order, so that
nothing is skipped by rounding: the numbers are those of `scipy.spatial.KDTree`, bit for bit.
"""

import math

import numba
import numpy as np

from unflare.edeflare import curve
from unflare.edeflare.curve import FAN, LEAF
from unflare.events import Array

DEEP = 64  # entries of a stack: FAN - 1 a level and one, for levels enough for 2^40 points
TOGETHER, GROUP = 4, 32  # queries that are answered together: wanted on average, and the most


def nearest(points: Array, queries: Array, far: float = math.inf) -> Array:
    """Euclidean distance from each query float64 (m, 4) to the nearest point float64 (n, 4), at most `far`; (m,).

    Coordinates are finite; `far` without points. Lets other threads run.
    """
    if not len(points) or not len(queries):
        return np.full(len(queries), far)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = curve.scale(low, high)
    place = curve.along(points, low, scale)
    order = np.argsort(place)
    points, place = points[order], place[order]
    boxes, starts = curve.boxes(points)
    asked = curve.along(queries, low, scale)
    order = np.argsort(asked)
    asked = asked[order]
    beside = np.minimum(np.searchsorted(place, asked), len(points) - 1)
    cells = asked >> curve.shift(asked, TOGETHER)
    squares, found = np.full(len(queries), far * far), np.empty(len(queries))
    _search(points, boxes, starts, queries[order], cells, beside, squares)
    found[order] = np.sqrt(squares)
    return found


@numba.njit(cache=True, nogil=True)
def _search(  # noqa: PLR0913
    points: Array, boxes: Array, starts: Array, queries: Array, cells: Array, beside: Array, found: Array
) -> None:
    """Brings `found`, squares of distances, down to those of queries along the curve; `beside` is the point there."""
    stack, apart, corners = np.empty((2, DEEP), np.int64), np.empty(DEEP), np.empty((2, 1, 4))
    near = first = 0
    while first < len(queries):
        last = first + 1
        while last < min(len(queries), first + GROUP) and cells[last] == cells[first]:
            last += 1
        middle = (first + last) // 2
        near = _descend(points, boxes, starts, queries, middle, near, beside[middle], stack, apart, found)
        if last > first + 1:
            for n in range(first, last):
                for j in (near, beside[n], max(beside[n] - 1, 0)):
                    found[n] = min(found[n], _apart(points, j, queries, n))
            _look(points, boxes, starts, queries, first, last, stack, corners, found)
        first = last


@numba.njit(cache=True, nogil=True)
def _descend(  # noqa: C901, PLR0913
    points: Array,
    boxes: Array,
    starts: Array,
    queries: Array,
    n: int,
    near: int,
    beside: int,
    stack: Array,
    apart: Array,
    found: Array,
) -> int:
    """Sets `found[n]`, and gives the number of the nearest point, or of one near by if that is beyond `found[n]`."""
    level, place, best = stack[0], stack[1], found[n]
    for j in (near, beside, max(beside - 1, 0)):
        d = _apart(points, j, queries, n)
        if d < best:
            best, near = d, j
    level[0], place[0], apart[0], depth = len(starts) - 2, 0, 0.0, 1
    while depth:
        depth -= 1
        if apart[depth] >= best:
            continue
        at, box = level[depth], place[depth]
        if at == 0:
            for j in range(box * LEAF, min(len(points), box * LEAF + LEAF)):
                d = _apart(points, j, queries, n)
                if d < best:
                    best, near = d, j
            continue
        bottom = depth
        for child in range(box * FAN, min(starts[at] - starts[at - 1], box * FAN + FAN)):
            d = _outside(boxes, starts[at - 1] + child, queries, queries, n)
            if d < best:
                k = depth  # the nearest child is looked at first
                while k > bottom and apart[k - 1] < d:
                    level[k], place[k], apart[k] = level[k - 1], place[k - 1], apart[k - 1]
                    k -= 1
                level[k], place[k], apart[k] = at - 1, child, d
                depth += 1
    found[n] = best
    return near


@numba.njit(cache=True, nogil=True)
def _look(  # noqa: C901, PLR0913
    points: Array,
    boxes: Array,
    starts: Array,
    queries: Array,
    first: int,
    last: int,
    stack: Array,
    corners: Array,
    found: Array,
) -> None:
    """Brings `found` of some queries, which is not too small, down to what it is."""
    level, place, low, high, widest = stack[0], stack[1], corners[0], corners[1], 0.0
    for n in range(first, last):
        widest = max(widest, found[n])
        for k in range(4):
            q = queries[n, k]
            low[0, k], high[0, k] = (q, q) if n == first else (min(low[0, k], q), max(high[0, k], q))
    level[0], place[0], depth = len(starts) - 2, 0, 1
    while depth:
        depth -= 1
        at, box = level[depth], place[depth]
        if _outside(boxes, starts[at] + box, low, high, 0) >= widest:
            continue
        if at:
            for child in range(box * FAN, min(starts[at] - starts[at - 1], box * FAN + FAN)):
                level[depth], place[depth] = at - 1, child
                depth += 1
            continue
        for n in range(first, last):
            best = found[n]
            if _outside(boxes, box, queries, queries, n) < best:
                for j in range(box * LEAF, min(len(points), box * LEAF + LEAF)):
                    best = min(best, _apart(points, j, queries, n))
                found[n] = best


@numba.njit(cache=True, nogil=True)
def _apart(points: Array, j: int, queries: Array, n: int) -> float:
    """The square of a distance."""
    x, y = points[j, 0] - queries[n, 0], points[j, 1] - queries[n, 1]
    z, w = points[j, 2] - queries[n, 2], points[j, 3] - queries[n, 3]
    square: float = ((x * x + y * y) + z * z) + w * w
    return square


@numba.njit(cache=True, nogil=True)
def _outside(boxes: Array, k: int, low: Array, high: Array, n: int) -> float:
    """The square of the distance from a box to another, whose corners are rows of `low` and `high`; or to a point."""
    x = max(boxes[k, 0] - high[n, 0], low[n, 0] - boxes[k, 4], 0.0)
    y = max(boxes[k, 1] - high[n, 1], low[n, 1] - boxes[k, 5], 0.0)
    z = max(boxes[k, 2] - high[n, 2], low[n, 2] - boxes[k, 6], 0.0)
    w = max(boxes[k, 3] - high[n, 3], low[n, 3] - boxes[k, 7], 0.0)
    square: float = ((x * x + y * y) + z * z) + w * w
    return square
