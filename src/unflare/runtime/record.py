"""What a stage leaves for the report: time by part, memory by phase, which implementation ran, and its facts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unflare.runtime import machine
from unflare.runtime.clock import Clock
from unflare.runtime.ending import one_sentence
from unflare.runtime.memory import Memory

if TYPE_CHECKING:
    import torch


class Record:
    """Filled by a stage while it works; written as one JSON file when it ends well."""

    def __init__(self, name: str, device: "torch.device | None") -> None:
        self.name = name
        self._device = device
        self.clock = Clock(device)
        self.memory = Memory()
        self.implementations: dict[str, str] = {}
        self.facts: dict[str, Any] = {}

    @property
    def device(self) -> "torch.device":
        if self._device is None:
            raise RuntimeError(f"{self.name}: a stage opened without computes=True has no device")
        return self._device

    def content(self) -> dict[str, Any]:
        return {
            "stage": self.name,
            "seconds": self.clock.total,
            "parts": self.clock.parts(),
            "implementations": self.implementations,
            "facts": self.facts,
            "memory": [asdict(sample) for sample in self.memory.curve],
            "machine": machine.facts(),
        }


@contextmanager
def stage(path: Path, *, computes: bool = False) -> Iterator[Record]:
    """The record of the stage that `path` is named after; one that computes with a network is told its `device`.

    Bad input ends the stage with its one sentence and exit code 2.
    """
    with one_sentence(path.stem):
        record = Record(path.stem, machine.device() if computes else None)
        with record.memory:
            yield record
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(json.dumps(record.content(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    aside.replace(path)
