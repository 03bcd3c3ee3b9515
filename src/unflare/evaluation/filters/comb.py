"""A comb filter against flicker. What it writes are new events, so it is no scorer: it makes a stream of a stream."""

from dataclasses import dataclass

import numba
import numpy as np

from unflare.events import Array, Events

MERGED = 10_000  # microseconds in which an entry takes up what comes after it
BIASED = 20  # events that a pixel's bias is told from


@dataclass(frozen=True)
class CombFilter:
    """The linear comb filter of Wang et al., "A Linear Comb Filter for Event Flicker Removal", ICRA 2022 (EFR).

    Each pixel's events, less their mean polarity, go through

        H(z) = (1 - z^-d1) / (1 - rho1 z^-d1) * (1 - rho2 z^-d2) / (1 - z^-d2)

    with d1 a period of `frequency` (Hz), d2 = d1 / 10 and rho2 = 1 - (1 - rho1) / 10, and become an event each time
    their sum has moved by `contrast`. The authors' program is late by d1 + d2 and loses what a pixel still holds when
    it has fired for the last time; here times are put right and the recording's end empties the queues. With `original`
    neither is.
    """

    frequency: float = 50.0
    rho: float = 0.6
    contrast: float = 0.7
    original: bool = False

    def __post_init__(self) -> None:
        if not (self.frequency > 0 and 0 < self.rho < 1 and self.contrast > 0):
            found = f"{self.frequency} Hz, {self.rho} and {self.contrast}"
            raise ValueError(f"comb: expected a frequency, a rho below 1 and a contrast above 0, found {found}")

    def __call__(self, events: Events) -> Events:
        """The filtered stream of a whole recording, in time order, ties by pixel."""
        if not len(events):
            return events
        d1 = int(1e6 / self.frequency)
        d2 = d1 // 10
        pixel = events.y.astype(np.int64) * events.shape[1] + events.x
        order = np.argsort(pixel, kind="stable")
        borders = np.append(np.flatnonzero(np.diff(pixel[order], prepend=-1)), len(order))
        end = -1 if self.original else int(events.t[-1]) + d1
        rows = _filtered(events.t[order], events.p[order], borders, (d1, d2), (self.rho, self.contrast), end)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        y, x = (place.astype(np.uint16) for place in np.divmod(pixel[order][rows[:, 1]], events.shape[1]))
        late = 0 if self.original else d1 + d2
        return Events(rows[:, 0] - late, x, y, rows[:, 2].astype(np.uint8), events.shape)


@numba.njit(cache=True, nogil=True)
def _filtered(
    t: Array, p: Array, borders: Array, delays: tuple[int, int], factors: tuple[float, float], end: int
) -> Array:
    """Rows of an event's time, the place in `t` of its pixel's first, and its polarity, int64 (n, 3), pixel by pixel.

    Every pixel is advanced to `end`, and by the second delay beyond it, unless that is -1.
    """
    (d1, d2), (rho1, contrast) = delays, factors
    rho2, later = 1 - (1 - rho1) / 10, end + d2 if end >= 0 else -1
    rows, count = np.empty((len(t), 3), np.int64), 0
    for k in range(len(borders) - 1):
        first, last = borders[k], borders[k + 1]
        signs = 2 * p[first:last].astype(np.float64) - 1
        bias = signs.mean() if last - first >= BIASED else 0.0
        time, value = _ended(t[first:last], signs - bias, end)
        time, value = _forward(time, value, d1, 1.0)
        time, value = _back(time, value, d1, rho1)
        time, value = _ended(time, value, later)
        time, value = _forward(time, value, d2, rho2)
        time, value = _back(time, value, d2, 1.0)
        total = 0.0
        for i in range(len(time)):
            total += value[i]
            while abs(total) >= contrast:
                if count == len(rows):
                    rows = np.concatenate((rows, np.empty_like(rows)))
                rows[count, 0], rows[count, 1], rows[count, 2] = time[i], first, total > 0
                count += 1
                total -= contrast if total > 0 else -contrast
    return rows[:count]


@numba.njit(cache=True, nogil=True)
def _ended(time: Array, value: Array, end: int) -> tuple[Array, Array]:
    """The same signal, which is also known to be 0 at `end`, unless that is -1."""
    if end < 0:
        return time, value
    return np.append(time, end), np.append(value, 0.0)


@numba.njit(cache=True, nogil=True)
def _forward(time: Array, value: Array, delay: int, factor: float) -> tuple[Array, Array]:
    """1 - factor z^-delay, which moves on only when something comes in; what is inside at the end is lost."""
    times, values = np.empty(2 * len(time), np.int64), np.empty(2 * len(time))
    count = front = 0
    for i in range(len(time)):
        while time[i] - time[front] >= delay:
            times[count], values[count] = time[front] + delay, -factor * value[front]
            count, front = count + 1, front + 1
        times[count], values[count] = time[i], value[i]
        count += 1
    return times[:count], values[:count]


@numba.njit(cache=True, nogil=True)
def _back(time: Array, value: Array, delay: int, factor: float) -> tuple[Array, Array]:
    """1 / (1 - factor z^-delay), late by the delay and weaker by the factor.

    An entry comes round after the delay: it goes out, and in again. What comes in soon after the last entry joins it.
    """
    entered, held = np.empty(2 * len(time), np.int64), np.empty(2 * len(time))  # the queue, and what has left it
    times, values = np.empty_like(entered), np.empty_like(held)
    front = back = count = 0
    for i in range(len(time)):
        while front < back and time[i] - entered[front] >= delay:
            if back + 1 == len(entered):
                entered, held = np.append(entered, entered), np.append(held, held)
                times, values = np.append(times, times), np.append(values, values)
            entered[back], held[back] = entered[front] + delay, factor * held[front]
            times[count], values[count] = entered[back], held[back]
            front, back, count = front + 1, back + 1, count + 1
        if front < back and time[i] - entered[back - 1] < MERGED:
            held[back - 1] += value[i]
        else:
            entered[back], held[back] = time[i], value[i]
            back += 1
    return times[:count], values[:count]
