"""Polarity-focused denoising: flips of a pixel against those of its neighbors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unflare.evaluation.filters.polarity_original import each_event
from unflare.evaluation.filters.support import NEIGHBORS, ages_of, last_times
from unflare.events import Array, Events
from unflare.features import FEATURES, PixelState, extract


@dataclass(frozen=True)
class PolarityFocused:
    """Keeps an event whose pixel flips polarity about as its neighbors do (A), or whose neighbors flip little (B).

    Shi et al., "Polarity-Focused Denoising for Event Cameras", TCSVT 2025, event by event. With M_f flips at the pixel,
    M_a flips and N_e active pixels among the neighbors, all within `window` us, an event is kept if

        coarse  a neighbor's event of the same polarity is not older than the window,
        fine    N_e >= 3, and |M_f - M_a / N_e| <= 1 (A) or M_a / N_e <= 1 (B).

    Flips are those of `unflare.features.pfd`. Probability: s / (s + 17/16) with s the score, whose next value above 1
    is 9/8; 1 where the coarse stage or N_e fails. With `original` the rule is that of the authors' program instead,
    which says only yes or no: `unflare.evaluation.filters.polarity_original`.
    """

    score: Literal["A", "B"]
    window: int = 25_000
    original: bool = False

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        return each_event(chunks, self.score, self.window) if self.original else self._corrected(chunks)

    def _corrected(self, chunks: Iterable[Events]) -> Iterator[Array]:
        state = last = None
        for events in chunks:
            if state is None or last is None:
                state, last = PixelState(events.shape), last_times(events.shape)
            features = extract(events, state, self.window)
            ages = ages_of(events, last, same=1)
            value = np.expm1(features[:, FEATURES.index("pfd_a" if self.score == "A" else "pfd_b")])
            active = features[:, FEATURES.index("Ne")] * NEIGHBORS
            fine = (ages[:, 0] <= self.window) & (active >= 3)
            yield np.where(fine, value / (value + 17 / 16), 1).astype(np.float32)
