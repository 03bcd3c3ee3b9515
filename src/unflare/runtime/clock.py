"""Where the time goes: disjoint parts of the wall time, by name."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")

PAIRS = 300  # parts that the cost of a border is measured over


class Clock:
    """Seconds per named part. A part opened inside another pauses the outer one, so parts never overlap.

    `elapsed` seconds have passed already, as the part "start-up".
    """

    def __init__(self, device: "torch.device | None" = None, elapsed: float = 0.0) -> None:
        self._device = device
        self._stream = _Stream(self._add) if device is not None and device.type == "cuda" else None
        self._open: list[str] = []
        self._started = self._last = time.perf_counter()
        self._started -= elapsed
        self._seconds: dict[str, float] = {"start-up": elapsed} if elapsed else {}
        self._borders = 0

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        self._border()
        self._open.append(part)
        try:
            yield
        finally:
            self._border()
            self._open.pop()

    @contextmanager
    def queued(self, part: str) -> Iterator[None]:
        """A part whose work a CUDA device does later, from the queue of its stream; a part like any other on a CPU.

        Its borders are events in the stream, which wait for nothing, and its time is that between them as the device
        passes them. Such parts stand side by side, not inside others; the last of them ends by waiting for the device.
        """
        if self._stream is None:
            with self(part):
                yield
            return
        if not self._stream.fresh:
            self._border()
            self._stream.begin()
        yield
        self._stream.end(part)
        self._last = time.perf_counter()

    def over(self, part: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items; the time it takes to make each goes to `part`."""
        iterator = iter(items)
        while True:
            with self(part):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds per part until the last border. Waits until a CUDA device has passed it."""
        if self._stream:
            self._stream.read()
        return self._seconds

    @property
    def total(self) -> float:
        """Wall seconds since the clock was made, and what had elapsed before."""
        return time.perf_counter() - self._started

    def parts(self) -> dict[str, float]:
        """Seconds per part so far, and as `rest` what no part covers; they sum to `total`."""
        seconds = self.seconds
        return {**seconds, "rest": self.total - sum(seconds.values())}

    def cost(self) -> tuple[int, float]:
        """How many borders there have been and the seconds they took, at what one costs on a clock of the same kind."""
        scratch = Clock(self._device)
        start = time.perf_counter()
        for _ in range(PAIRS):
            with scratch("part"):
                pass
        middle = time.perf_counter()
        each = (middle - start) / (2 * PAIRS)
        if not (self._stream and scratch._stream):
            return self._borders, self._borders * each
        for number in range(PAIRS):
            with scratch.queued("part"):
                pass
            if number % 5 == 4:  # as a training step does, which has five such parts
                scratch._stream.read()
        events, queued = self._stream.count, (time.perf_counter() - middle) / scratch._stream.count
        return self._borders + events, self._borders * each + events * queued

    def _border(self) -> None:
        self._borders += 1
        if self._stream:
            self._stream.fresh = False
        now = time.perf_counter()
        if self._open:
            self._add(self._open[-1], now - self._last)
        self._last = now

    def _add(self, part: str, seconds: float) -> None:
        self._seconds[part] = self._seconds.get(part, 0.0) + seconds


class _Stream:
    """Events in the current CUDA stream. They are used again once they are read, since making one takes long."""

    def __init__(self, add: Callable[[str, float], None]) -> None:
        self._add = add
        self._passed: list[tuple[str | None, torch.cuda.Event]] = []
        self._spare: list[torch.cuda.Event] = []
        self.count = 0
        self.fresh = False  # whether the last event is where the next part begins

    def begin(self) -> None:
        self._record(None)

    def end(self, part: str) -> None:
        self._record(part)
        self.fresh = True

    def _record(self, part: str | None) -> None:
        import torch

        event = self._spare.pop() if self._spare else torch.cuda.Event(enable_timing=True)
        event.record()
        self.count += 1
        self._passed.append((part, event))

    def read(self) -> None:
        if not self._passed:
            return
        self._passed[-1][1].synchronize()
        before = self._passed[0][1]
        for part, event in self._passed[1:]:
            if part is not None:
                self._add(part, before.elapsed_time(event) / 1000)
            before = event
        self._spare += [event for _, event in self._passed]
        self._passed.clear()
        self.fresh = False
