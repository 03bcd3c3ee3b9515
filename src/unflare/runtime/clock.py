"""Where the time goes: disjoint parts of the wall time, by name."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")

PENDING = 4096  # borders on a device that wait for being read


class Clock:
    """Seconds per named part. A part opened inside another pauses the outer one, so parts never overlap.

    On a CUDA device a border is an event in the device's stream, which costs microseconds and waits for nothing: host
    and device go on side by side. A part is then the time between its borders as the device passed them; work of the
    host that the device did not have to wait for is in nobody's part. `elapsed` seconds have passed already, as the
    part "start-up".
    """

    def __init__(self, device: "torch.device | None" = None, elapsed: float = 0.0) -> None:
        self._device = device
        self._open: list[str] = []
        self._started = self._last = time.perf_counter()
        self._started -= elapsed
        self._seconds: dict[str, float] = {"start-up": elapsed} if elapsed else {}
        self._passed: list[tuple[str | None, Any]] = []  # CUDA: what was open until an event, and the event
        self.borders = 0
        self._border = self._event if device is not None and device.type == "cuda" else self._reading

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        self._border()
        self._open.append(part)
        try:
            yield
        finally:
            self._border()
            self._open.pop()

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
        """Seconds per part until the last border. On CUDA this waits until the device has passed it."""
        self._collect()
        return self._seconds

    @property
    def total(self) -> float:
        """Wall seconds since the clock was made, and what had elapsed before."""
        return time.perf_counter() - self._started

    def parts(self) -> dict[str, float]:
        """Seconds per part so far, and as `rest` what no part covers; they sum to `total`."""
        seconds = self.seconds
        return {**seconds, "rest": self.total - sum(seconds.values())}

    def border_seconds(self, pairs: int = 500) -> float:
        """What one border costs here, measured on a clock of the same kind."""
        scratch = Clock(self._device)
        start = time.perf_counter()
        for _ in range(pairs):
            with scratch("empty"):
                pass
        scratch._collect()
        return (time.perf_counter() - start) / (2 * pairs)

    def _reading(self) -> None:
        self.borders += 1
        now = time.perf_counter()
        if self._open:
            self._add(self._open[-1], now - self._last)
        self._last = now

    def _event(self) -> None:
        import torch

        self.borders += 1
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._passed.append((self._open[-1] if self._open else None, event))
        if len(self._passed) > PENDING:
            self._collect()

    def _collect(self) -> None:
        """Reads the events that the device has passed; the last one stays, as the beginning of what follows."""
        if len(self._passed) < 2:
            return
        self._passed[-1][1].synchronize()
        for (_, before), (part, event) in zip(self._passed, self._passed[1:], strict=False):
            if part is not None:
                self._add(part, before.elapsed_time(event) / 1000)
        del self._passed[:-1]

    def _add(self, part: str, seconds: float) -> None:
        self._seconds[part] = self._seconds.get(part, 0.0) + seconds
