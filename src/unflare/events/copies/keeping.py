"""Which events of a recording are kept, and sums by which they are known again."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unflare.events.recording import Recording
from unflare.events.stream import Array, Events

BLOCK = 1 << 18  # events that are copied at a time


class Keeping(Protocol):
    """For each event of a recording whether it is kept, told in order.

    kept   how many are, in all
    """

    kept: int

    def take(self, count: int) -> Array:
        """For the next `count` events, bool (count,). Raises EOFError if there are not as many."""


@dataclass(frozen=True)
class Sums:
    """Of some events in order: how many, how many of them ON, and a CRC-32 of each column, whatever the chunks."""

    count: int = 0
    on: int = 0
    t: int = 0
    x: int = 0
    y: int = 0
    p: int = 0

    def after(self, events: Events, origin: int) -> "Sums":
        """The sums once these events followed; `origin` is that of their recording, for times are the file's."""
        columns, old = (events.t + origin, events.x, events.y, events.p), (self.t, self.x, self.y, self.p)
        sums = [zlib.crc32(column.tobytes(), before) for column, before in zip(columns, old, strict=True)]
        return Sums(self.count + len(events), self.on + int(np.count_nonzero(events.p)), *sums)


def kept_columns(recording: Recording, keeping: Keeping) -> Iterator[dict[str, Array]]:
    """The columns of the file, of the events that are kept, a block at a time."""
    for first in range(0, recording.count, BLOCK):
        last = min(first + BLOCK, recording.count)
        keep = keeping.take(last - first)
        yield {name: column[keep] for name, column in recording.stored(first, last).items()}
