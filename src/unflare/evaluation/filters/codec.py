"""Voxels and back again, and nothing between: what a network that works on voxels starts from."""

from dataclasses import dataclass

import numpy as np

from unflare.edeflare.voxels import BIN, BINS, STRETCH
from unflare.events import Array, Events


@dataclass(frozen=True)
class VoxelRoundTrip:
    """The codec of E-Deflare (Han et al., arXiv 2512.09016): polarities summed in 8 bins of each 20 ms, and read out.

    A voxel of sum v becomes |v| events of its sign at random times within its bin. Stretches of 20 ms count from the
    first event, bins from the first of their stretch. Opposite events of a voxel cancel, and its times are lost.
    """

    seed: int = 0

    def __call__(self, events: Events) -> Events:
        """The decoded stream of a whole recording, in time order."""
        if not len(events):
            return events
        height, width = events.shape
        stretch = (events.t - events.t[0]) // STRETCH
        begins = events.t[np.searchsorted(stretch, stretch)]  # of each event's stretch, by its first event
        bins = np.minimum((events.t - begins) // BIN, BINS - 1)
        pixel = events.y.astype(np.int64) * width + events.x
        voxel, place, which = np.unique(
            (stretch * BINS + bins) * (height * width) + pixel, return_index=True, return_inverse=True
        )
        sums = np.bincount(which, 2.0 * events.p - 1, len(voxel)).astype(np.int64)
        return self._decoded((begins + bins * BIN)[place], pixel[place], sums, events.shape)

    def _decoded(self, starts: Array, pixels: Array, sums: Array, shape: tuple[int, int]) -> Events:
        """`starts` (us), `pixels` and `sums` of voxels, int64 (n,)."""
        start, pixel, on = (np.repeat(column, np.abs(sums)) for column in (starts, pixels, sums > 0))
        t = start + np.random.default_rng(self.seed).integers(0, BIN, len(start))
        order = np.argsort(t, kind="stable")
        y, x = (place.astype(np.uint16) for place in np.divmod(pixel[order], shape[1]))
        return Events(t[order], x, y, on[order].astype(np.uint8), shape)
