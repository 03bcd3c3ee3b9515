"""The sliding window behind the features of a band of rows: one pass over its events, a few look-ups each.

A map of pixels holds what each pixel of the band did within the horizon. It is framed: by columns of pixels that never
fire, so that neighbors need no test for the border, and by one row on either side that belongs to the next band, or to
nobody at the sensor's border. Events there, *halo events*, are remembered like all others and get no features here. A
second, coarse map counts in cells of 16x16 pixels, framed by a row of cells for the halo events.

A queue holds the events of the horizon in time order; what leaves it is subtracted from the maps. All is exact: an
event costs the same however long the recording is, and neither chunks nor bands leave a trace.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np

from unflare.events import Array
from unflare.features.prefetch import prefetch

NEVER = -(1 << 61)  # us: twice this, and any time less this, still fit 64 bits
COLUMNS = 13
MANY = 1 << 14
AHEAD = 16  # events; far enough for a load from memory to arrive in time, a threefold gain on scattered events

CELL = 16  # pixels, either way

# An event as a band sees it: with its index in the chunk, `since`, the age of the recording's event before it (us), and
# the `level` of the sensor, ln(1 + its events within the horizon / its cells).
SEEN = np.dtype(
    [("stamp", "i8"), ("index", "i4"), ("since", "i4"), ("x", "u2"), ("y", "u2"), ("level", "f4")], align=True
)
# A `stamp` is 2 t + p, here of the pixel's last event. 16 bytes, because memory is what the kernel waits for.
PIXEL = np.dtype([("stamp", "i8"), ("flips", "i4")], align=True)
COUNT = np.dtype([("events", "i4"), ("polarity", "i4")])  # of a cell; polarity is the sum of +1 and -1
PAST = np.dtype([("t", "i8"), ("pixel", "i4"), ("cell", "u2"), ("p", "i1"), ("flip", "i1")])


def maps(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Of a band (h, w) that has seen nothing: pixels, ((h + 2) (w + 2),), and cells, ((h / 16 + 2) (w / 16),)."""
    pixels = np.zeros((shape[0] + 2) * (shape[1] + 2), PIXEL)
    pixels["stamp"] = 2 * NEVER
    return pixels, np.zeros((-(-shape[0] // CELL) + 2) * -(-shape[1] // CELL), COUNT)


def cells(shape: tuple[int, int]) -> int:
    """How many cells a sensor (h, w) has; those at its right and lower border may be smaller."""
    return -(-shape[0] // CELL) * -(-shape[1] // CELL)


@lru_cache(maxsize=4)  # as long to make as the features of thousands of events
def logarithms(window: int) -> Array:
    """ln n, float32, for n as large as an age can be; counts beyond its end are taken for its end."""
    return np.log(np.maximum(np.arange(max(window, MANY) + 2), 1)).astype(np.float32)


@numba.njit(inline="always")
def _ln(n: Any, table: Array) -> Any:  # noqa: ANN401
    return table[np.uint64(min(n, len(table) - 1))]


@numba.njit(inline="always")
def _place(event: Any, above: Any, stride: Any) -> Any:  # noqa: ANN401
    """Index of an event's pixel in the framed map, which begins with the sensor's row `above`.

    Unsigned, because numba tests a signed index for its sign.
    """
    return np.uint64(np.int64(event.y) - above) * stride + np.uint64(event.x) + np.uint64(1)


@numba.njit(inline="always")
def cell_of(row: Any, x: Any, across: Any) -> Any:  # noqa: ANN401
    """Index of a cell in the band's map, by the row in the framed map of pixels; `across` cells make a row."""
    return np.uint64(row + (CELL - 1)) // np.uint64(CELL) * np.uint64(across) + np.uint64(x) // np.uint64(CELL)


@numba.njit(inline="always")
def _fetch(index: Any, place: Any, stride: Any, pixels: Array, values: Array) -> None:  # noqa: ANN401
    """Ask for the memory of an event: its neighborhood, and both ends of its row of features."""
    for row in (place - stride, place, place + stride):
        prefetch(pixels, row)
    prefetch(values, index * np.uint64(COLUMNS))
    prefetch(values, index * np.uint64(COLUMNS) + np.uint64(COLUMNS - 1))


@numba.njit(inline="always")
def _forget(since: Any, head: Any, tail: Any, pixels: Array, counts: Array, queue: Array) -> Any:  # noqa: ANN401
    """Take what is older than `since` out of the maps; the queue's new head."""
    mask = len(queue) - 1
    while head < tail and queue[head & mask].t < since:
        gone = queue[head & mask]
        pixels[gone.pixel].flips -= gone.flip
        counts[gone.cell].events -= 1
        counts[gone.cell].polarity -= 2 * np.int32(gone.p) - 1
        head += 1
    return head


@numba.njit(cache=True, nogil=True, error_model="numpy")
def advance(  # noqa: PLR0913
    events: Array,
    first: int,
    shape: tuple[int, int],
    pixels: Array,
    counts: Array,
    queue: Array,
    head: int,
    tail: int,
    window: int,
    table: Array,
    out: Array,
) -> tuple[int, int]:
    """Features of a band's own events into their rows of `out`; returns the queue's new head and tail.

    events     SEEN (m,), in time order, halo events included
    first      row of the band; `shape` is that of the sensor (height, width)
    pixels     and counts, queue: what the band remembers; they move on. The queue's events are head to tail - 1,
               modulo its length, a power of two. When it is full, the events that are left are not touched
    out        float32 (n, 13), of the whole chunk
    """
    height, width = shape
    above = first - 1
    one, stride, across = np.uint64(1), np.uint64(width + 2), -(-width // CELL)
    end = np.uint64(len(pixels)) - stride  # of the band's own pixels, which begin at `stride`
    near = window * 3 // 25
    age_scale = 1 / np.float64(table[window + 1])
    x_scale, y_scale = 1 / max(width - 1, 1), 1 / max(height - 1, 1)
    mask = len(queue) - 1
    values = out.reshape(-1)
    for k in range(len(events)):
        if k + AHEAD < len(events):
            soon = events[k + AHEAD]
            _fetch(np.uint64(soon.index), _place(soon, above, stride), stride, pixels, values)
        event = events[k]
        now, bit = event.stamp >> 1, event.stamp & 1
        head = _forget(now - window, head, tail, pixels, counts, queue)
        if tail - head > mask:
            break

        place = _place(event, above, stride)
        number = cell_of(np.int64(event.y) - above, event.x, across)
        pixel, cell = pixels[place], counts[number]
        age = now - (pixel.stamp >> 1)
        flip = (age <= window) & (pixel.stamp ^ bit) & 1
        pixel.stamp = event.stamp
        pixel.flips += flip
        cell.events += 1
        cell.polarity += 2 * bit - 1
        past = queue[tail & mask]
        past.t, past.pixel, past.cell, past.p, past.flip = now, place, number, bit, flip
        tail += 1
        if place < stride or place >= end:  # a halo event
            continue

        # Over all nine pixels, then less the one in the middle: no branch. A stamp is compared as it is: its lowest bit
        # makes no difference.
        active, close = 2 * (now - window), 2 * (now - near)
        Ma = Ne = witnesses = allies = 0
        for row in (place - stride, place, place + stride):
            for neighbor in (row - one, row, row + one):
                other = pixels[neighbor]
                witness = other.stamp >= close
                Ma += other.flips
                Ne += other.stamp >= active
                witnesses += witness
                allies += witness & ~(other.stamp ^ bit)
        Mf = pixel.flips
        Ma, Ne, witnesses, allies = Ma - Mf, Ne - 1, witnesses - 1, allies - 1

        i = np.uint64(event.index)
        out[i, 0] = (2 * np.int64(event.x) - (width - 1)) * x_scale
        out[i, 1] = (2 * np.int64(event.y) - (height - 1)) * y_scale
        out[i, 2] = 2 * bit - 1
        out[i, 3] = _ln(min(event.since, window) + 1, table) * age_scale
        out[i, 4] = _ln(min(age, window) + 1, table) * age_scale
        out[i, 5] = _ln(Mf + 1, table)
        out[i, 6] = _ln(Ma + 1, table)
        out[i, 7] = Ne * 0.125
        out[i, 8] = (2 * allies - witnesses) / max(witnesses, 1)
        # ln(1 + a / Ne) = ln(a + Ne) - ln(Ne); without an active neighbor Ma is 0, and so is Ma / Ne
        share = max(Ne, 1)
        out[i, 9] = _ln(abs(Mf * share - Ma) + share, table) - _ln(share, table)
        out[i, 10] = _ln(Ma + share, table) - _ln(share, table)
        out[i, 11] = (2 * bit - 1) * cell.polarity / cell.events
        out[i, 12] = _ln(cell.events + 1, table) - event.level
    return head, tail
