"""The memory curve of a stage: resident memory (workers included) and device memory, by phase and step."""

import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil


@dataclass(frozen=True)
class MemorySample:
    seconds: float
    phase: str
    step: int
    rss: int  # bytes, workers included
    device: int  # bytes held by torch's allocator on the CUDA device, 0 without one


class Memory:
    """Samples while it is entered: at each `mark`, and from a thread every `interval` seconds."""

    def __init__(self, interval: float = 0.5) -> None:
        self.curve: list[MemorySample] = []
        self._interval = interval
        self._phase, self._step = "start", 0
        self._process = psutil.Process()
        self._workers: list[psutil.Process] = []  # looked up by the thread: that takes milliseconds, a step has none
        self._started = time.perf_counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory curve", daemon=True)

    def __enter__(self) -> Self:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.mark("end", self._step)

    def mark(self, phase: str, step: int = 0) -> None:
        """From here on samples belong to `phase`; one is taken at once."""
        with self._lock:
            self._phase, self._step = phase, step
        self._sample()

    @property
    def peak(self) -> int:
        """Bytes, the highest resident sample."""
        return max(sample.rss for sample in self.curve)

    @property
    def device_peak(self) -> int:
        """Bytes, as torch's allocator counted them."""
        torch = sys.modules.get("torch")
        return int(torch.cuda.max_memory_allocated()) if torch and torch.cuda.is_available() else 0

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._workers = self._process.children(recursive=True)
            self._sample()

    def _sample(self) -> None:
        torch = sys.modules.get("torch")  # a stage that has not loaded it holds no device memory
        device = int(torch.cuda.memory_allocated()) if torch and torch.cuda.is_available() else 0
        rss = self._process.memory_info().rss + sum(map(_resident, self._workers))
        with self._lock:
            seconds = time.perf_counter() - self._started
            self.curve.append(MemorySample(seconds, self._phase, self._step, rss, device))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended between being listed and being asked
        return 0
