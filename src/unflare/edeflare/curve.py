"""Points in four dimensions along a space-filling curve, and boxes around stretches of it.

The curve is that of Morton, "A Computer Oriented Geodetic Data Base", IBM 1966, over the first three coordinates, once
for either half of the fourth.
"""

import numba
import numpy as np

from unflare.events import Array

LEAF, FAN = 8, 4  # points in a box of the lowest level, boxes in one of the next
BITS = 10  # of each of the first three coordinates


def scale(low: Array, high: Array) -> Array:
    """Cells of the curve per unit of each coordinate, (4,); 0 where all points agree."""
    cells, spread = np.array([1 << BITS, 1 << BITS, 1 << BITS, 2.0]), high - low
    per_unit: Array = np.divide(cells, spread, out=np.zeros(4), where=spread > 0)
    return per_unit


def boxes(points: Array) -> tuple[Array, Array]:
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


def shift(places: Array, together: int) -> int:
    """Bits to drop of sorted places, so that those that then agree are `together` or more on average."""
    for bits in range(0, 3 * BITS, 3):
        if len(places) >= together * (1 + np.count_nonzero(np.diff(places >> bits))):
            return bits
    return 3 * BITS


@numba.njit(cache=True, nogil=True)
def along(points: Array, low: Array, scale: Array) -> Array:
    """Places on the curve, int64 (n,): bits of the first three coordinates in turn, above them that of the fourth."""
    found = np.empty(len(points), np.int64)
    for i in range(len(points)):
        place = np.int64(0)
        for k in range(3):
            v = np.int64(min(max((points[i, k] - low[k]) * scale[k], 0.0), (1 << BITS) - 1.0))
            v = (v | v << 16) & 0x30000FF
            v = (v | v << 8) & 0x300F00F
            v = (v | v << 4) & 0x30C30C3
            v = (v | v << 2) & 0x9249249
            place |= v << k
        found[i] = place | np.int64((points[i, 3] - low[3]) * scale[3] >= 1) << 3 * BITS
    return found
