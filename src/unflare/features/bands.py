"""The sensor cut into bands of rows that share nothing, and the events likewise.

Bands can be worked on at the same time, and their maps fit a core's cache. An event in the first or last row of a band
is also a neighbor of the next band's pixels, which therefore sees it too, as a halo event.
"""

from typing import Any

import numba
import numpy as np

from unflare.events import Array, Events
from unflare.features.kernel import PAST, advance, pixels

LONG = np.iinfo(np.int32).max  # us
ROWS = 64  # of a band; must not depend on the machine
ROOM = 1 << 12  # events of a band's queue to begin with; a power of two
PAGE = 64  # rows of features; they take less than the 4,096 bytes that a machine hands out at a time


class Band:
    """What a band of a sensor of shape (height, width) remembers: pixels, framed, and the queue of its window."""

    def __init__(self, first: int, shape: tuple[int, int]) -> None:
        self.first, self.shape = first, shape
        self.pixels, self.flipped = pixels((min(ROWS, shape[0] - first), shape[1]))
        self.queue = np.empty(ROOM, PAST)  # a ring: event number k of the band is queue[k % len(queue)]
        self.head = self.tail = 0

    def advance(self, events: Array, window: int, table: Array, out: Array) -> None:
        """Features of the events that the band sees, SEEN (m,), into `out`; see `unflare.features.kernel.advance`."""
        done = 0
        while done < len(events):
            self.head, tail = advance(
                events[done:],
                self.first,
                self.shape,
                self.pixels,
                self.flipped,
                self.queue,
                self.head,
                self.tail,
                window,
                table,
                out,
            )
            done, self.tail = done + tail - self.tail, tail
            if done < len(events):
                self._grow()

    def recent(self, since: int) -> tuple[Events, Array]:
        """The events of the band's own pixels that are not before `since` (us), and which of them were flips, bool."""
        past, stride = self._alive(), self.shape[1] + 2
        past = past[(past["t"] >= since) & (past["pixel"] >= stride) & (past["pixel"] < len(self.pixels) - stride)]
        row, column = np.divmod(past["pixel"], stride)
        x, y = (column - 1).astype(np.uint16), (row + self.first - 1).astype(np.uint16)
        return Events(past["t"].copy(), x, y, past["p"].astype(np.uint8), self.shape), past["flip"] != 0

    def remember(self, events: Events, flips: Array) -> None:
        """Take a new band to where it is after these events of the whole sensor, all of one window."""
        row = events.y.astype(np.int64) - self.first + 1
        stride = self.shape[1] + 2
        seen = (row >= 0) & (row < len(self.pixels) // stride)
        place = (row * stride + events.x + 1)[seen]
        t, p, flip = events.t[seen], events.p[seen], flips[seen]
        self.pixels["stamp"][place] = 2 * t + p  # where a pixel is named twice, numpy keeps the last
        self.flipped[place[flip]] = t[flip]
        np.add.at(self.pixels["events"], place, 1)
        np.add.at(self.pixels["flips"], place[flip], 1)
        self.queue, self.tail = np.empty(max(ROOM, 1 << len(t).bit_length()), PAST), len(t)
        for name, values in {"t": t, "pixel": place, "p": p, "flip": flip}.items():
            self.queue[name][: self.tail] = values

    def _alive(self) -> Array:
        return self.queue[np.arange(self.head, self.tail) % len(self.queue)]

    def _grow(self) -> None:
        alive, queue = self._alive(), np.empty(2 * len(self.queue), PAST)
        queue[: len(alive)] = alive
        self.queue, self.head, self.tail = queue, 0, len(alive)


@numba.njit(inline="always")
def _show(band: Any, t: Array, x: Array, y: Array, p: Array, i: Any, since: Any, seen: Array, end: Array) -> None:  # noqa: ANN401, PLR0913
    event = seen[end[band]]
    event.stamp, event.index, event.since, event.x, event.y = 2 * t[i] + p[i], i, since, x[i], y[i]
    end[band] += 1


@numba.njit(cache=True, nogil=True)
def cut(  # noqa: PLR0913
    t: Array,
    x: Array,
    y: Array,
    p: Array,
    span: tuple[int, int],
    previous: int,
    seen: Array,
    bounds: Array,
    out: Array,
) -> None:
    """What the bands see of the events from span[0] to span[1] of a chunk (n,).

    previous  time of the event before the chunk, us
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
    for i in range(start, stop):
        if i % PAGE == 0:
            out[i, 0] = 0
        since = min(t[i] - (t[i - 1] if i else previous), LONG)
        band, row = y[i] // ROWS, y[i] % ROWS
        _show(band, t, x, y, p, i, since, seen, end)
        if row == 0 and band > 0:
            _show(band - 1, t, x, y, p, i, since, seen, end)
        elif row == ROWS - 1 and band + 1 < bands:
            _show(band + 1, t, x, y, p, i, since, seen, end)
