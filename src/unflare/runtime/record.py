"""What a stage leaves for the report: time by part, memory by phase, which implementation ran, and its facts."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from unflare.runtime import machine, ranks
from unflare.runtime.clock import Clock
from unflare.runtime.ending import one_sentence
from unflare.runtime.limits import Limit, device_limit, host_limit
from unflare.runtime.memory import Memory

if TYPE_CHECKING:
    import torch


class Record:
    """Filled by a stage while it works; written as one JSON file when it ends well."""

    def __init__(self, name: str, device: "torch.device | None") -> None:
        self.name = name
        self._device = device
        self.clock = Clock(device, _start_up(name))
        self.host, self.accelerator = host_limit(ranks.count()), device_limit(device) if device else None
        self.memory = Memory(self.host)
        self.implementations: dict[str, str] = {}
        self.facts: dict[str, Any] = {}
        self._workers: dict[str, Any] = {}

    @property
    def device(self) -> "torch.device":
        if self._device is None:
            raise RuntimeError(f"{self.name}: a stage opened without computes=True has no device")
        return self._device

    def network_memory(self) -> tuple[str, int, Limit]:
        """The kind of memory that a network on the device fills, host or device; what is held of it now; its limit."""
        kind = "device" if self.accelerator else "host"
        return kind, self.memory.held(kind), self.accelerator or self.host

    def worked(self, processes: int, seconds: Iterable[Mapping[str, float]]) -> None:
        """Time that worker processes spent beside the stage's own, by part; summed over the workers."""
        total: Counter[str] = Counter()
        for one in seconds:
            total.update(one)
        self._workers = {"processes": processes, "seconds": dict(total)}

    def content(self) -> dict[str, Any]:
        return {
            "stage": self.name,
            "seconds": self.clock.total,
            "parts": self.clock.parts(),
            "workers": self._workers or None,
            "implementations": self.implementations,
            "facts": self.facts,
            "limit": {"host": asdict(self.host), "device": self.accelerator and asdict(self.accelerator)},
            "memory": [asdict(sample) for sample in self.memory.curve],
            "machine": machine.facts(),
        }


@contextmanager
def stage(path: Path, *, computes: bool = False) -> Iterator[Record]:
    """The record of the stage that `path` is named after; one that computes with a network is told its `device`.

    Of the ranks of a stage only the first writes it.

    Bad input, and memory or disk that do not suffice, end the stage with one sentence and exit code 2;
    UNFLARE_TRACE=1 shows where it was raised.
    """
    with one_sentence(path.stem):
        record = Record(path.stem, machine.device() if computes else None)
        with record.memory:
            yield record
        if ranks.number() == 0:
            _write(path, record.content())


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _start_up(name: str) -> float:
    """Seconds since this process began, or a rank's launcher, where it is the stage's own; another's past is not."""
    if Path(sys.argv[0]).stem != name:
        return 0.0
    began = psutil.Process(os.getppid() if ranks.launched() else None).create_time()
    return max(0.0, time.time() - began)
