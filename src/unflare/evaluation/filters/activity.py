"""Filters that keep what the neighbors announced."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from unflare.evaluation.filters.support import NEIGHBORS, ages_of, last_times
from unflare.events import Array, Events


@dataclass(frozen=True)
class BackgroundActivity:
    """Keeps an event that `support` or more of its 8 neighbors announced, by an event at most `window` us old.

    Support 1 is the background-activity filter (Delbruck, "Frame-free dynamic digital vision", 2008); more is the
    spatiotemporal correlation filter (Guo & Delbruck, "Low Cost and Latency Event Camera Background Activity
    Denoising", TPAMI 2022), here over neighbors of either polarity. Probability: a / (a + window + 1), with a the age
    of the `support`-th latest neighbor.
    """

    window: int = 10_000
    support: int = 1

    def __post_init__(self) -> None:
        if self.window < 0 or not 1 <= self.support <= NEIGHBORS:
            found = f"{self.window} us and {self.support}"
            raise ValueError(f"filter: expected a window of 0 us or more and a support of 1 to 8, found {found}")

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        last = None
        for events in chunks:
            last = last_times(events.shape) if last is None else last
            age = ages_of(events, last, same=0)[:, self.support - 1].astype(np.float64)
            yield (age / (age + self.window + 1)).astype(np.float32)
