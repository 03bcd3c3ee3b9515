"""Filters that look at the times and polarities of the last events of 3x3 pixels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numba
import numpy as np

from unflare.evaluation.filters.support import NEVER, last_times
from unflare.events import Array, Events


@dataclass(frozen=True)
class TimeSurface:
    """Keeps an event on a fresh surface: where the mean of exp(-age / tau) over its 3x3 pixels is above `threshold`.

    Time surfaces are those of Lagorce et al., "HOTS: A Hierarchy of Event-Based Time-Surfaces for Pattern
    Recognition", TPAMI 2017; as a filter, with these values, Ding et al., "E-MLB", TMM 2023. The ages are those of the
    pixels' last events of its polarity before it, its own pixel's included; pixels that have had none do not count,
    and where none has, nothing is kept. Probability: threshold / (threshold + mean).
    """

    tau: float = 20_000
    threshold: float = 0.2

    def __post_init__(self) -> None:
        if self.tau <= 0 or self.threshold <= 0:
            found = f"{self.tau} us and {self.threshold}"
            raise ValueError(f"filter: expected a time constant and a threshold above 0, found {found}")

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        last = None
        for events in chunks:
            last = last_times(events.shape) if last is None else last
            mean = np.empty(len(events))
            _freshness(events.t, events.x, events.y, events.p, last, self.tau, mean)
            yield (self.threshold / (self.threshold + mean)).astype(np.float32)


@dataclass(frozen=True)
class EventDensity:
    """Keeps an event if `support` or more of its 3x3 pixels last fired in its polarity, at most `window` us before.

    Feng et al., "Event Density Based Denoising Method for Dynamic Vision Sensor", Applied Sciences 2020 (YNoise), in
    the event-by-event form and with the values of Ding et al., "E-MLB", TMM 2023; its own pixel counts, by its event
    before. Probability: s / (s + n), with n these pixels and s half less than the support.
    """

    window: int = 2_000
    support: int = 1

    def __post_init__(self) -> None:
        if self.window < 0 or not 1 <= self.support <= 9:
            found = f"{self.window} us and {self.support}"
            raise ValueError(f"filter: expected a window of 0 us or more and a support of 1 to 9, found {found}")

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        last, middle = None, self.support - 0.5
        for events in chunks:
            last = last_times(events.shape) if last is None else last
            count = np.empty(len(events), np.int64)
            _density(events.t, events.x, events.y, events.p, last, self.window, count)
            yield (middle / (middle + count)).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _freshness(t: Array, x: Array, y: Array, p: Array, last: Array, tau: float, mean: Array) -> None:  # noqa: PLR0913
    """Into `mean` float64 (n,): of exp(-age / tau); `last` moves on."""
    for i in range(len(t)):
        row, column, total, fired = np.int64(y[i]) + 1, np.int64(x[i]) + 1, 0.0, 0
        for r in range(row - 1, row + 2):
            for c in range(column - 1, column + 2):
                latest = last[p[i], r, c]
                if latest != NEVER:
                    total += np.exp((latest - t[i]) / tau)
                    fired += 1
        mean[i] = total / max(fired, 1)
        last[p[i], row, column] = t[i]


@numba.njit(cache=True, nogil=True)
def _density(t: Array, x: Array, y: Array, p: Array, last: Array, window: int, count: Array) -> None:  # noqa: PLR0913
    """Into `count` int64 (n,): pixels whose last event is of the event's polarity and in the window; `last` moves on.

    The other polarity's event is forgotten when a pixel fires, so that only its last event is left.
    """
    for i in range(len(t)):
        row, column, found = np.int64(y[i]) + 1, np.int64(x[i]) + 1, 0
        for r in range(row - 1, row + 2):
            for c in range(column - 1, column + 2):
                found += t[i] - last[p[i], r, c] <= window
        count[i] = found
        last[p[i], row, column], last[1 - p[i], row, column] = t[i], NEVER
