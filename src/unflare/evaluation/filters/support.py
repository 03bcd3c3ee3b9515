"""Ages of the latest events around an event, the look-up that the classical filters share."""

import numba
import numpy as np

from unflare.events import Array, Events

NEVER = -(1 << 62)  # us; any time less this still fits 64 bits
NEIGHBORS = 8


def last_times(shape: tuple[int, int]) -> Array:
    """Time of the last OFF and the last ON event of each pixel: NEVER, int64 (2, h + 2, w + 2), framed by silence."""
    return np.full((2, shape[0] + 2, shape[1] + 2), NEVER)


def ages_of(events: Events, last: Array, same: int) -> Array:
    """Ages of the last event of each of an event's 8 neighbors, ascending, int64 (n, 8); `last` moves on."""
    ages = np.empty((len(events), NEIGHBORS), np.int64)
    neighbor_ages(events.t, events.x, events.y, events.p, last, same, ages)
    return ages


@numba.njit(cache=True, nogil=True)
def neighbor_ages(  # noqa: PLR0913
    t: Array, x: Array, y: Array, p: Array, last: Array, same: int, ages: Array
) -> None:
    """Into `ages` int64 (n, 8), ascending: age of the last event of each of an event's 8 neighbors; `last` moves on.

    With `same` 1 only the neighbors' events of the event's own polarity count.
    """
    for i in range(len(t)):
        row, column = np.int64(y[i]) + 1, np.int64(x[i]) + 1
        one, other = p[i], p[i] if same else 1 - p[i]
        found = 0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                if dx or dy:
                    latest = max(last[one, row + dy, column + dx], last[other, row + dy, column + dx])
                    age, k = t[i] - latest, found
                    while k > 0 and ages[i, k - 1] > age:
                        ages[i, k] = ages[i, k - 1]
                        k -= 1
                    ages[i, k] = age
                    found += 1
        last[p[i], row, column] = t[i]
