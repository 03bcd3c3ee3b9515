"""A recording, or two of the same time: before and after."""

from collections.abc import Sequence

import numpy as np

from unflare.events import Array, Recording
from unflare.preview.view import LEGEND, POLARITIES, Layer, drawn
from unflare.reporting.colors import BLUE, ORANGE


class Recorded:
    """A view of one recording, or of `after` beside it, on the clock of the first; read as far as it is shown.

    Raises ValueError of one sentence: no events, two sensors, or no time in common.
    """

    colors = POLARITIES

    def __init__(self, recording: Recording, after: Recording | None = None) -> None:
        if not recording.count:
            raise ValueError(f"{recording.path}: expected events to look at, found none")
        self.shape, self.duration = recording.shape, recording.duration
        self._recordings: Sequence[Recording] = [recording]
        self.name = recording.path.name
        self.titles: tuple[str, ...] = (f"events: {LEGEND}",)
        begin = recording.origin + recording.start
        if after:
            _refuse_strangers(recording, after)
            self._recordings = [recording, after]
            self.name += f" and {after.path.name}"
            self.titles = (f"before: {LEGEND}", f"after: {LEGEND}")
        self._offsets = [begin - one.origin for one in self._recordings]

    def middle(self) -> int:
        first, number = self._recordings[0], self._recordings[0].count // 2
        return int(first.read(number, number + 1).t[0]) - self._offsets[0]

    def images(self, start: int, stop: int) -> list[Array]:
        pairs = zip(self._recordings, self._offsets, strict=True)
        return [drawn(one.between(start + offset, stop + offset)) for one, offset in pairs]

    def layers(self, edges: Array) -> list[Layer]:
        pairs = zip(self._recordings, self._offsets, strict=True)
        counts = [np.diff([one.locate(int(edge) + offset) for edge in edges]) for one, offset in pairs]
        if len(counts) == 1:
            return [Layer("events", BLUE, counts[0])]
        return [Layer("before", ORANGE, counts[0]), Layer("after", BLUE, counts[1])]


def _refuse_strangers(before: Recording, after: Recording) -> None:
    if before.shape != after.shape:
        raise ValueError(f"{after.path}: expected the sensor of {before.path}, {before.shape}, found {after.shape}")
    first, second = (one.origin + one.start for one in (before, after))
    if after.count and (second >= first + before.duration or first >= second + after.duration):
        expected = f"{first} to {first + before.duration} us"
        raise ValueError(f"{after.path}: expected the time of {before.path}, {expected}, found {second} us and later")
