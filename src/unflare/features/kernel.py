"""The sliding window behind the features: one pass over the events, a few look-ups each.

A map of pixels holds what each pixel did within the horizon, framed by pixels that never fire, so that neighbors need
no test for the border. A queue holds the events of the horizon in time order; what leaves it is subtracted from the
map. Both are exact: an event costs the same however long the recording is, and chunks leave no trace.
"""

from typing import Any

import numba
import numpy as np

from unflare.events import Array
from unflare.features.prefetch import prefetch

NEVER = -(1 << 61)  # us: twice this, and any time less this, still fit 64 bits
COLUMNS = 13
MANY = 1 << 14
AHEAD = 16  # events; far enough for a load from memory to arrive in time, a threefold gain on scattered events

# 16 bytes a pixel, because memory is what the kernel waits for. `stamp` is 2 t + p of the pixel's last event.
PIXEL = np.dtype([("stamp", "i8"), ("events", "i4"), ("flips", "i4")])
PAST = np.dtype([("t", "i8"), ("pixel", "i4"), ("flip", "i4")])


def pixels(shape: tuple[int, int]) -> tuple[Array, Array]:
    """Pixels of a sensor (h, w) that have never fired, framed: PIXEL and time of the last flip, ((h + 2) (w + 2),)."""
    size = (shape[0] + 2) * (shape[1] + 2)
    found = np.zeros(size, PIXEL)
    found["stamp"] = 2 * NEVER
    return found, np.full(size, NEVER)


def logarithms(window: int) -> Array:
    """ln n, float32, for n as large as an age can be; counts beyond its end are taken for its end."""
    return np.log(np.maximum(np.arange(max(window, MANY) + 2), 1)).astype(np.float32)


@numba.njit(inline="always")
def _ln(n: Any, table: Array) -> Any:  # noqa: ANN401
    return table[np.uint64(min(n, len(table) - 1))]


@numba.njit(inline="always")
def _place(x: Any, y: Any, stride: Any) -> Any:  # noqa: ANN401
    """Index of a pixel in the framed map; unsigned, because numba tests a signed one for its sign."""
    return (np.uint64(y) + np.uint64(1)) * stride + np.uint64(x) + np.uint64(1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def advance(  # noqa: PLR0913
    t: Array,
    x: Array,
    y: Array,
    p: Array,
    shape: tuple[int, int],
    pixels: Array,
    flipped: Array,
    queue: Array,
    head: int,
    tail: int,
    previous: int,
    window: int,
    table: Array,
    out: Array,
) -> int:
    """Features of events into `out` (n, 13); `pixels`, `flipped` and `queue` move on. Returns the queue's new head.

    The queue's events are queue[head:tail], and there is room for n more behind them. `previous` is the time of the
    recording's event before the first of these.
    """
    height, width = shape
    stride = np.uint64(width + 2)
    one = np.uint64(1)
    near = window * 3 // 25
    age_scale = 1 / np.float64(table[window + 1])
    x_scale, y_scale = 1 / max(width - 1, 1), 1 / max(height - 1, 1)
    for i in range(len(t)):
        if i + AHEAD < len(t):
            there = _place(x[i + AHEAD], y[i + AHEAD], stride)
            prefetch(flipped, there)
            for row in (there - stride, there, there + stride):
                prefetch(pixels, row)

        now = t[i]
        while head < tail and now - queue[head].t > window:
            gone = queue[head]
            pixels[gone.pixel].events -= 1
            pixels[gone.pixel].flips -= gone.flip
            head += 1

        place = _place(x[i], y[i], stride)
        pixel = pixels[place]
        bit = np.int64(p[i])
        age = now - (pixel.stamp >> 1)
        flip = (age <= window) & (pixel.stamp ^ bit) & 1
        pixel.stamp = 2 * now + bit
        pixel.events += 1
        pixel.flips += flip
        if flip:
            flipped[place] = now
        queue[tail].t = now
        queue[tail].pixel = place
        queue[tail].flip = flip
        tail += 1

        # Over all nine pixels, then less the one in the middle: no branch.
        Ma = Ne = witnesses = allies = 0
        for row in (place - stride, place, place + stride):
            for neighbor in (row - one, row, row + one):
                other = pixels[neighbor]
                since = now - (other.stamp >> 1)
                close = since <= near
                Ma += other.flips
                Ne += since <= window
                witnesses += close
                allies += close & ~(other.stamp ^ bit)
        Mf = pixel.flips
        Ma, Ne, witnesses, allies = Ma - Mf, Ne - 1, witnesses - 1, allies - 1

        out[i, 0] = (2 * np.int64(x[i]) - (width - 1)) * x_scale
        out[i, 1] = (2 * np.int64(y[i]) - (height - 1)) * y_scale
        out[i, 2] = 2 * bit - 1
        out[i, 3] = _ln(min(now - previous, window) + 1, table) * age_scale
        out[i, 4] = _ln(min(age, window) + 1, table) * age_scale
        out[i, 5] = _ln(Mf + 1, table)
        out[i, 6] = _ln(Ma + 1, table)
        out[i, 7] = Ne * 0.125
        out[i, 8] = (2 * allies - witnesses) / max(witnesses, 1)
        # ln(1 + a / Ne) = ln(a + Ne) - ln(Ne); without an active neighbor Ma is 0, and so is Ma / Ne
        share = max(Ne, 1)
        out[i, 9] = _ln(abs(Mf * share - Ma) + share, table) - _ln(share, table)
        out[i, 10] = _ln(Ma + share, table) - _ln(share, table)
        out[i, 11] = _ln(min(now - flipped[place], window) + 1, table) * age_scale
        out[i, 12] = _ln(pixel.events + 1, table)
        previous = now
    return head
