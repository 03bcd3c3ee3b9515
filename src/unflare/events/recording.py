"""A recording on disk: read by time or in chunks, never as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from unflare.events.stream import Array, Events

DSEC_SHAPE = (480, 640)


class Recording(ABC):
    """Events of one file; a context manager.

    format    name of the file's format
    shape     sensor (height, width)
    count     events in the file
    start     time of the first event, microseconds
    duration  microseconds from the first event to after the last: all events lie in [start, start + duration)
    origin    time of t = 0 on the clock of the file, microseconds
    beside    what else the file holds that is no event
    repaired  what a repair left out, and how often; empty where nothing was amiss, or nothing was to be repaired
    """

    format: str
    beside: tuple[str, ...] = ()
    repaired: Mapping[str, int] = MappingProxyType({})
    path: Path
    shape: tuple[int, int]
    count: int
    start: int
    duration: int
    origin: int

    @abstractmethod
    def read(self, first: int, last: int) -> Events:
        """Events number first, ..., last - 1, every value checked. Raises ValueError naming the file."""

    @abstractmethod
    def stored(self, first: int, last: int) -> dict[str, Array]:
        """The same events in the columns, dtypes, units and encoding of the file, t, x, y, p among them."""

    @abstractmethod
    def locate(self, time: int) -> int:
        """The number of the first event at `time` or later; `count` if there is none."""

    @abstractmethod
    def close(self) -> None:
        """Gives the file back."""

    def between(self, start: int, stop: int) -> Events:
        """Events with start <= t < stop."""
        first = self.locate(start)
        return self.read(first, max(first, self.locate(stop)))

    def chunks(self, events: int = 1 << 20, start: int = 0) -> Iterator[Events]:
        """All events in order from number `start` on, `events` at a time.

        Raises ValueError naming the file if time goes back.
        """
        previous = 0
        for first in range(start, self.count, events):
            chunk = self.read(first, min(first + events, self.count))
            if chunk.t[0] < previous:
                raise ValueError(f"{self.path}: event {first}: time must not go back, found {chunk.t[0]} us")
            previous = int(chunk.t[-1])
            yield chunk

    def validate(self) -> None:
        """Looks at every value of the file, chunk by chunk. Raises ValueError naming the file and the first fault."""
        for _ in self.chunks():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
