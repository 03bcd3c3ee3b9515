"""Where the time goes: disjoint parts of the wall time, by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Clock:
    """Seconds per named part. A part opened inside another pauses the outer one, so parts never overlap.

    On a CUDA device a part ends when the device has finished it: the clock synchronizes at each border, which
    makes the parts true at the price of the overlap between host and device.
    """

    def __init__(self, device: "torch.device | None" = None) -> None:
        self._cuda = device is not None and device.type == "cuda"
        self._open: list[str] = []
        self._started = self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        self._settle()
        self._open.append(part)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    @property
    def total(self) -> float:
        """Wall seconds since the clock was made."""
        return time.perf_counter() - self._started

    def parts(self) -> dict[str, float]:
        """Seconds per part so far, and as `rest` what no part covers; they sum to `total`."""
        return {**self.seconds, "rest": self.total - sum(self.seconds.values())}

    def _settle(self) -> None:
        if self._cuda:
            import torch

            torch.cuda.synchronize()
        now = time.perf_counter()
        if self._open:
            part = self._open[-1]
            self.seconds[part] = self.seconds.get(part, 0.0) + now - self._last
        self._last = now
