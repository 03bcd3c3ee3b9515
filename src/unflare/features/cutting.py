"""What the bands of a sensor see of its events; and how busy the sensor as a whole is, which no band knows."""

import math
from typing import Any

import numba
import numpy as np

from unflare.events import Array

LONG = np.iinfo(np.int32).max  # us
ROOM = 1 << 12  # times to begin with; a power of two
ROWS = 64  # of a band, whole cells; must not depend on the machine
PAGE = 64  # rows of features; they take less than the 4,096 bytes that a machine hands out at a time


class Times:
    """Times of the sensor's events within the horizon: a ring, in which event number k is ring[k % len(ring)]."""

    def __init__(self) -> None:
        self.ring = np.empty(ROOM, np.int64)
        self.head = self.tail = 0

    def add(self, t: Array, window: int) -> None:
        """Those of new events (n,), us, not empty; what no event of theirs has in its window is forgotten."""
        self.head = first_since(self.ring, self.head, self.tail, t[0] - window)
        kept = np.arange(self.head, self.tail)
        if len(kept) + len(t) > len(self.ring):
            ring = np.empty(1 << (len(kept) + len(t) - 1).bit_length(), np.int64)
            ring[kept % len(ring)] = self.ring[kept % len(self.ring)]
            self.ring = ring
        start = self.tail % len(self.ring)
        fits = min(len(t), len(self.ring) - start)
        self.ring[start : start + fits], self.ring[: len(t) - fits] = t[:fits], t[fits:]
        self.tail += len(t)


@numba.njit(cache=True, nogil=True)
def first_since(ring: Array, head: int, tail: int, since: int) -> int:
    """The first of the numbers from head to tail - 1 whose time is not before `since`, us; else tail."""
    mask = len(ring) - 1
    while head < tail:
        middle = (head + tail) // 2
        if ring[middle & mask] < since:
            head = middle + 1
        else:
            tail = middle
    return head


@numba.njit(inline="always")
def _show(place: Any, stamp: Any, i: Any, since: Any, x: Any, y: Any, level: Any, seen: Array) -> None:  # noqa: ANN401, PLR0913
    event = seen[place]
    event.stamp, event.index, event.since, event.x, event.y, event.level = stamp, i, since, x, y, level


@numba.njit(cache=True, nogil=True)
def cut(  # noqa: PLR0913
    t: Array,
    x: Array,
    y: Array,
    p: Array,
    span: tuple[int, int],
    previous: int,
    recent: tuple[Array, int, int, int],
    cells: int,
    seen: Array,
    bounds: Array,
    out: Array,
) -> None:
    """What the bands see of the events from span[0] to span[1] of a chunk (n,).

    previous  time of the event before the chunk, us
    recent    of `Times` that have the chunk: ring, head, number of the chunk's first event; and the window, us
    cells     of the sensor
    seen      SEEN (2 n,), as an event can be seen twice; written from 2 span[0] on, band after band, in time order
    bounds    int64 (bands + 1,), written: band b sees seen[bounds[b] : bounds[b + 1]]
    out       float32 (n, columns), fresh: its memory is touched in order here, since bands would all ask for the same
              pages at once, and each get them zeroed
    """
    start, stop = span
    bands = len(bounds) - 1
    rows = np.zeros(bands * ROWS, np.int64)
    for i in range(start, stop):
        rows[y[i]] += 1
    bounds[0] = 2 * start
    for b in range(bands):
        bounds[b + 1] = bounds[b] + rows[max(b * ROWS - 1, 0) : (b + 1) * ROWS + 1].sum()
    end = bounds[:-1].copy()
    ring, head, number, window = recent
    mask, quiet = len(ring) - 1, math.log(cells)
    head = first_since(ring, head, number + start, t[start] - window)
    for i in range(start, stop):
        if i % PAGE == 0:
            out[i, 0] = 0
        while ring[head & mask] < t[i] - window:
            head += 1
        level = math.log(cells + number + i + 1 - head) - quiet
        stamp, since = 2 * t[i] + p[i], min(t[i] - (t[i - 1] if i else previous), LONG)
        band, row = y[i] // ROWS, y[i] % ROWS
        _show(end[band], stamp, i, since, x[i], y[i], level, seen)
        end[band] += 1
        if row == 0 and band > 0:
            other = band - 1
        elif row == ROWS - 1 and band + 1 < bands:
            other = band + 1
        else:
            continue
        _show(end[other], stamp, i, since, x[i], y[i], level, seen)
        end[other] += 1
