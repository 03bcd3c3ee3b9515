"""The memory of a stage: its curve, by phase and step, and the guard that stops it at its limit."""

import _thread
import multiprocessing
import signal
import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psutil

from unflare.runtime.limits import Limit, MemoryLimit, gibibytes

INTERVAL = 0.2  # seconds between two looks of the guard
WORKERS = 5  # looks between two at the workers
SPACING = 0.2  # seconds between two samples of the curve, at least ...
STOP = signal.SIGUSR1  # raises KeyboardInterrupt; SIGINT is ignored in what a shell has started in the background
THINNING = 2e-4  # ... and this share of what has passed: a long run has a curve of thousands, not of millions


@dataclass(frozen=True)
class MemorySample:
    seconds: float
    phase: str
    step: int
    rss: int  # bytes resident, workers included
    device: int  # bytes held by torch's allocator on the CUDA device, 0 without one
    device_peak: int  # the most of it since the phase began


class Memory:
    """Samples while it is entered: at each `mark`, and from a thread. Past `limit` the stage ends with MemoryLimit.

    The first to notice is a `mark`, between two steps, when everything is in order. Where none comes, the thread
    interrupts the main thread at its next look.

    overhead   CPU seconds that the thread has used
    """

    def __init__(self, limit: Limit | None = None, interval: float = INTERVAL) -> None:
        self.curve: list[MemorySample] = []
        self.limit = limit
        self.overhead = 0.0
        self._interval = interval
        self._phase, self._step = "start", 0
        self._process = psutil.Process()
        self._workers = 0  # bytes; the thread asks for them, which takes milliseconds
        self._breach: MemorySample | None = None
        self._started = time.perf_counter()
        self._next = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._former = signal.signal(STOP, signal.default_int_handler)
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:  # from here on the thread interrupts no more
            self._stop.set()
        self._thread.join()
        signal.signal(STOP, self._former)
        breach, self._breach = self._breach, None
        where = f"phase `{self._phase}`, step {self._step}"
        self._phase = "end"
        self._sample()
        if breach and isinstance(error, KeyboardInterrupt):
            raise self._excess(breach) from None
        torch = sys.modules.get("torch")
        if torch and isinstance(error, torch.OutOfMemoryError):
            wanted = " ".join(str(error).split(". ")[1:2])  # of torch's many sentences the one with the figure
            raise MemoryLimit(
                f"memory: the device's memory, as far as allowed, ran out in {where}: {wanted}"
            ) from error

    def mark(self, phase: str, step: int = 0) -> None:
        """From here on samples belong to `phase`; one is taken if it is a new one, or if it is time.

        Raises MemoryLimit where the limit has been passed.
        """
        if phase != self._phase:
            _forget_device_peak()
            self._next = 0.0
        with self._lock:
            self._phase, self._step = phase, step
        if time.perf_counter() >= self._next:
            self._sample()
        with self._lock:
            breach = self._breach
            if breach:
                self._stop.set()  # what the caller saves now must not be interrupted
        if breach:
            raise self._excess(breach)

    def held(self, kind: str) -> int:
        """Bytes of "host" or "device" memory, now."""
        self._sample()
        return self.curve[-1].rss if kind == "host" else self.curve[-1].device

    def most(self, kind: str, *phases: str) -> int | None:
        """The most of it in these phases; None if there was none of them."""
        chosen = [sample for sample in self.curve if sample.phase in phases]
        return max((sample.rss if kind == "host" else sample.device_peak for sample in chosen), default=None)

    @property
    def peak(self) -> int:
        """Bytes, the highest resident sample."""
        return max(sample.rss for sample in self.curve)

    @property
    def device_peak(self) -> int:
        """Bytes, as torch's allocator counted them."""
        return max(sample.device_peak for sample in self.curve)

    def _watch(self) -> None:
        looks = 0
        while not self._stop.wait(self._interval):
            if looks % WORKERS == 0:
                self._workers = sum(map(_alone, multiprocessing.active_children()))
            looks += 1
            known = self._breach
            self._sample(keep=time.perf_counter() >= self._next + self._interval)
            with self._lock:
                if known and self._breach and not self._stop.is_set():
                    _thread.interrupt_main(STOP)
                    return
            self.overhead = time.thread_time()

    def _sample(self, *, keep: bool = True) -> None:
        rss = self._process.memory_info().rss + self._workers
        over = self.limit is not None and rss > self.limit.bytes
        if not (keep or over or self._breach):
            return
        now, peak = _device_bytes()
        with self._lock:
            seconds = time.perf_counter() - self._started
            sample = MemorySample(seconds, self._phase, self._step, rss, now, peak)
            self._breach = (self._breach or sample) if over else None
            self.curve.append(sample)
            self._next = time.perf_counter() + max(SPACING, THINNING * seconds)

    def _excess(self, sample: MemorySample) -> MemoryLimit:
        assert self.limit
        return MemoryLimit(
            f"memory: {gibibytes(sample.rss)} of host memory taken in phase `{sample.phase}`, step {sample.step}, "
            f"{gibibytes(self.limit.bytes)} allowed ({self.limit.source})"
        )


def _alone(process: Any) -> int:  # noqa: ANN401 (multiprocessing's processes have no common type)
    """Bytes resident, but for files and shared memory: spawned processes have the same libraries."""
    try:
        held = psutil.Process(process.pid).memory_info()
        return int(held.rss - getattr(held, "shared", 0))  # only Linux tells
    except psutil.Error:  # it ended between being listed and being asked
        return 0


def _device_bytes() -> tuple[int, int]:
    """Held now, and at most since it was last forgotten. A stage that has not loaded torch holds none."""
    torch = sys.modules.get("torch")
    if not torch or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return 0, 0
    held = torch.cuda.memory_stats_as_nested_dict()["allocated_bytes"]["all"]
    return int(held["current"]), int(held["peak"])


def _forget_device_peak() -> None:
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
