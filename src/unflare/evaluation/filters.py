"""Classical filters as scorers, for comparison. They were made against noise, not against flare, and it shows.

Each is the published rule in a graded form: the probability is below 0.5 exactly where the filter keeps the event, and
grows with the quantity that the rule compares, so that a filter has a curve and not only a point.
All are causal, start from "never" instead of time 0, and carry their state from chunk to chunk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unflare.evaluation.support import NEIGHBORS, last_times, neighbor_ages
from unflare.events import Array, Events
from unflare.features import FEATURES, PixelState, extract


class KeepAll:
    """Nothing is flare: the recording as it is."""

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        for events in chunks:
            yield np.zeros(len(events), np.float32)


class DropAll:
    """Everything is flare."""

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        for events in chunks:
            yield np.ones(len(events), np.float32)


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
            age = _neighbor_ages(events, last, same=0)[:, self.support - 1].astype(np.float64)
            yield (age / (age + self.window + 1)).astype(np.float32)


@dataclass(frozen=True)
class PolarityFocused:
    """Keeps an event whose pixel flips polarity about as its neighbors do (A), or whose neighbors flip little (B).

    Shi et al., "Polarity-Focused Denoising for Event Cameras", TCSVT 2025, event by event. With M_f flips at the pixel,
    M_a flips and N_e active pixels among the neighbors, all within `window` us, an event is kept if

        coarse  a neighbor's event of the same polarity is not older than the window,
        fine    N_e >= 3, and |M_f - M_a / N_e| <= 1 (A) or M_a / N_e <= 1 (B).

    Flips are those of `unflare.features.pfd`; the authors' programs differ from their paper (integer scores, times that
    start at 0, the first polarity for ever). Probability: s / (s + 17/16) with s the score, whose next value above 1 is
    9/8; 1 where the coarse stage or N_e fails.
    """

    score: Literal["A", "B"]
    window: int = 25_000

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        state = last = None
        for events in chunks:
            if state is None or last is None:
                state, last = PixelState(events.shape), last_times(events.shape)
            features = extract(events, state, self.window)
            ages = _neighbor_ages(events, last, same=1)
            value = np.expm1(features[:, FEATURES.index("pfd_a" if self.score == "A" else "pfd_b")])
            active = features[:, FEATURES.index("Ne")] * NEIGHBORS
            fine = (ages[:, 0] <= self.window) & (active >= 3)
            yield np.where(fine, value / (value + 17 / 16), 1).astype(np.float32)


def _neighbor_ages(events: Events, last: Array, *, same: int) -> Array:
    ages = np.empty((len(events), NEIGHBORS), np.int64)
    neighbor_ages(events.t, events.x, events.y, events.p, last, same, ages)
    return ages
