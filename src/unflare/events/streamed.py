"""Recordings whose files can only be read from the beginning: memory for a few blocks, whatever the length."""

from abc import abstractmethod
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unflare.events.hdf5 import checked, narrowed
from unflare.events.recording import Recording
from unflare.events.stream import Array, Events
from unflare.events.unsound import sound

MARK = 1 << 16  # events between two times that are remembered, 16 bytes each
HELD = 1 << 18  # events that are held: a window is found, then read
FARTHEST = 1 << 61  # us on either side of 0: differences of such times fit int64


class Block(NamedTuple):
    """Some events, and the same in the columns of the file."""

    events: Events
    stored: dict[str, Array]


class Streamed(Recording):
    """Times count from the first event. Opening reads the file once, so that every value has been looked at.

    Reading goes forward: it costs what lies between this read and the last. A step back by more than HELD events begins
    the file anew. With `repair` events that cannot be are left out, and so is what follows damage; `repaired` says so.
    """

    def __init__(self, path: Path, shape: tuple[int, int], *, repair: bool = False) -> None:
        self.path, self.shape, self._repair = path, shape, repair
        self.start, self.count, self.duration = 0, 0, 0
        self._numbers: list[int] = []
        self._times: list[int] = []
        found: Counter[str] = Counter()
        self._origin: int | None = None
        for block in self._blocks(found):
            self._note(block.events)
        self.origin, self.repaired = self._origin or 0, found
        self._rewind()

    @abstractmethod
    def _raw(self) -> Iterator[dict[str, Array]]:
        """Integer columns t, x, y, p of the file and what else its copies need, each (n,), a piece at a time.

        Raises ValueError of one sentence where the file is damaged.
        """

    def read(self, first: int, last: int) -> Events:
        blocks = self._span(first, last)
        t, x, y, p = (np.concatenate([getattr(block.events, name) for block in blocks]) for name in "txyp")
        return Events(t, x, y, p, self.shape)

    def stored(self, first: int, last: int) -> dict[str, Array]:
        blocks = [block.stored for block in self._span(first, last)]
        return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}

    def locate(self, time: int) -> int:
        mark = bisect_left(self._times, time) - 1
        if mark < 0:
            return 0
        bounds = [*self._numbers[mark : mark + 2], self.count][:2]
        return bounds[0] + int(np.searchsorted(self.read(*bounds).t, time))

    def close(self) -> None:
        self._stream.close()

    def _note(self, events: Events) -> None:
        if len(events) and (not self._numbers or self.count - self._numbers[-1] >= MARK):
            self._numbers.append(self.count)
            self._times.append(int(events.t[0]))
        self.count += len(events)
        self.duration = int(events.t[-1]) + 1 if len(events) else self.duration

    def _rewind(self) -> None:
        self._stream = self._blocks(Counter())
        self._recent = deque([(0, next(self._stream, Block(self._none(), {})))])

    def _span(self, first: int, last: int) -> list[Block]:
        """What holds the events first, ..., last - 1; one block, which may be empty, or more."""
        if first < self._recent[0][0]:
            self._stream.close()
            self._rewind()
        parts: list[Block] = []
        for at, (events, stored) in self._following():
            part = slice(max(first - at, 0), max(last - at, 0))
            if not parts or part.start < len(events):
                parts.append(Block(events[part], {name: column[part] for name, column in stored.items()}))
            if last <= at + len(events):
                return parts
        raise ValueError(f"{self.path}: expected {self.count} events, as before, found fewer: the file changed")

    def _following(self) -> Iterator[tuple[int, Block]]:
        """Blocks and the numbers of their first events: those that are held, then those that come next."""
        yield from tuple(self._recent)
        for block in self._stream:
            at, before = self._recent[-1]
            self._recent.append((at + len(before.events), block))
            while at - self._recent[1][0] > HELD:
                self._recent.popleft()
            yield self._recent[-1]

    def _none(self) -> Events:
        return checked({name: np.empty(0, np.int64) for name in "txyp"}, self.shape, self.path)

    def _blocks(self, found: Counter[str]) -> Generator[Block]:
        first, previous = 0, 0
        for raw in self._pieces(found):
            raw = self._mended(raw, previous, found) if self._repair else raw
            t = self._clock(raw["t"], first)
            events = checked(raw | {"t": t}, self.shape, self.path, first)
            if len(t) and t[0] < previous:
                raise ValueError(f"{self.path}: event {first}: time must not go back, found {t[0]} us")
            yield Block(events, raw)
            first, previous = first + len(t), int(t[-1]) if len(t) else previous

    def _pieces(self, found: Counter[str]) -> Iterator[dict[str, Array]]:
        pieces = self._raw()
        while True:
            try:
                raw = next(pieces, None)
            except ValueError as error:
                if not self._repair:
                    raise
                found[f"the file ends here: {str(error).removeprefix(f'{self.path}: ')}"] += 1
                return
            if raw is None:
                return
            yield raw

    def _mended(self, raw: dict[str, Array], previous: int, found: Counter[str]) -> dict[str, Array]:
        keep, reasons = sound(raw, self.shape, None if self._origin is None else previous + self._origin)
        found.update(reasons)
        return {name: column[keep] for name, column in raw.items()}

    def _clock(self, times: Array, first: int) -> Array:
        """Times of the file as microseconds since its first event."""
        try:
            t = narrowed(times, "t")
        except ValueError as error:
            raise ValueError(f"{self.path}: counted from event {first}, {error}") from None
        if len(t) and not -FARTHEST < t.min() <= t.max() < FARTHEST:
            raise ValueError(f"{self.path}: times must be within {FARTHEST} us, found {t.min()} to {t.max()}")
        if self._origin is None and len(t):
            self._origin = int(t[0])
        return t - (self._origin or 0)
