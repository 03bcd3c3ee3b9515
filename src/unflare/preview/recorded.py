"""A recording, or two of the same time: before, after, and what was removed."""

from collections.abc import Sequence

import numpy as np

from unflare.events import Array, Events, Recording
from unflare.preview.view import LEGEND, POLARITIES, Layer, drawn
from unflare.reporting.colors import BLUE, ORANGE

NUMBERS = 64  # events at one pixel in one microsecond that are told apart


class Recorded:
    """A view of one recording, or of `after` and what is not in it beside it, on the clock of the first.

    Read as far as it is shown.

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
            self.titles = (f"before: {LEGEND}", f"after: {LEGEND}", f"removed: {LEGEND}")
        self._offsets = [begin - one.origin for one in self._recordings]

    def middle(self) -> int:
        first, number = self._recordings[0], self._recordings[0].count // 2
        return int(first.read(number, number + 1).t[0]) - self._offsets[0]

    def images(self, start: int, stop: int) -> list[Array]:
        pairs = zip(self._recordings, self._offsets, strict=True)
        shown = [one.between(start + offset, stop + offset).shifted(-offset) for one, offset in pairs]
        return [drawn(events) for events in (*shown, *([missing(*shown)] if len(shown) > 1 else []))]

    def layers(self, edges: Array) -> list[Layer]:
        pairs = zip(self._recordings, self._offsets, strict=True)
        counts = [np.diff([one.locate(int(edge) + offset) for edge in edges]) for one, offset in pairs]
        if len(counts) == 1:
            return [Layer("events", BLUE, counts[0])]
        return [Layer("before", ORANGE, counts[0]), Layer("after", BLUE, counts[1])]


def missing(before: Events, after: Events) -> Events:
    """The events of `before` that are not in `after`; of several that are alike, as many as are missing there."""
    start = int(before.t[0]) if len(before) else 0
    return before[~np.isin(_numbered(before, start), _numbered(after, start))]


def _numbered(events: Events, start: int) -> Array:
    """A number for each event that tells it from all others, those that are alike by their order."""
    height, width = events.shape
    alike = (((events.t - start) * height + events.y) * width + events.x) * 2 + events.p
    order = np.argsort(alike, kind="stable")
    first = np.diff(alike[order], prepend=-1) != 0
    places = np.arange(len(order))
    alike[order] = alike[order] * NUMBERS + places - np.maximum.accumulate(np.where(first, places, 0))
    return alike


def _refuse_strangers(before: Recording, after: Recording) -> None:
    if before.shape != after.shape:
        raise ValueError(f"{after.path}: expected the sensor of {before.path}, {before.shape}, found {after.shape}")
    first, second = (one.origin + one.start for one in (before, after))
    if after.count and (second >= first + before.duration or first >= second + after.duration):
        expected = f"{first} to {first + before.duration} us"
        raise ValueError(f"{after.path}: expected the time of {before.path}, {expected}, found {second} us and later")
