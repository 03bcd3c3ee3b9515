"""The sensor cut into bands of rows that share nothing, and the events likewise.

Bands can be worked on at the same time, and their maps fit a core's cache. An event in the first or last row of a band
is also a neighbor of the next band's pixels, which therefore sees it too, as a halo event.
"""

import numpy as np

from unflare.events import Array, Events
from unflare.features.cutting import ROWS
from unflare.features.kernel import CELL, PAST, advance, maps

ROOM = 1 << 12  # events of a band's queue to begin with; a power of two


class Band:
    """What a band of a sensor of shape (height, width) remembers: pixels, framed, and the queue of its window."""

    def __init__(self, first: int, shape: tuple[int, int]) -> None:
        self.first, self.shape = first, shape
        self.pixels, self.counts = maps((min(ROWS, shape[0] - first), shape[1]))
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
                self.counts,
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
        cell = ((row + CELL - 1) // CELL * -(-self.shape[1] // CELL) + events.x // CELL)[seen]
        self.pixels["stamp"][place] = 2 * t + p  # where a pixel is named twice, numpy keeps the last
        np.add.at(self.pixels["flips"], place[flip], 1)
        np.add.at(self.counts["events"], cell, 1)
        np.add.at(self.counts["polarity"], cell, 2 * p.astype(np.int32) - 1)
        self.queue, self.tail = np.empty(max(ROOM, 1 << len(t).bit_length()), PAST), len(t)
        for name, values in {"t": t, "pixel": place, "cell": cell, "p": p, "flip": flip}.items():
            self.queue[name][: self.tail] = values

    def _alive(self) -> Array:
        return self.queue[np.arange(self.head, self.tail) % len(self.queue)]

    def _grow(self) -> None:
        alive, queue = self._alive(), np.empty(2 * len(self.queue), PAST)
        queue[: len(alive)] = alive
        self.queue, self.head, self.tail = queue, 0, len(alive)
