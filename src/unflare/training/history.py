"""The record of a training run: a row per step, and what the rows add up to."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

from unflare.runtime import Clock, Memory
from unflare.training.fit import Step

PARTS = ("data", "transfer", "forward", "loss", "backward", "optimizer", "validation", "checkpoint", "tracking")
MEMORY = ["seconds", "phase", "step", "rss_bytes", "device_bytes"]  # the fields of a MemorySample, with their unit


class History:
    """Collects steps with the time that passed in each, by part."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = self._now()
        self._first = self._before
        self.rows: list[dict[str, float | None]] = []
        self.best: Step | None = None
        self.last: Step | None = None

    def add(self, step: Step) -> dict[str, float | None]:
        """The row of this step: its values, and the seconds since the row before it, in all and by part."""
        now = self._now()
        passed = {part: now[part] - self._before[part] for part in now}
        self._before = now
        row: dict[str, float | None] = {
            "step": step.number,
            "loss": step.loss,
            "learning_rate": step.learning_rate,
            "gradient_norm": step.gradient_norm,
            "seconds": passed["total"],
            **{"loss_seconds" if part == "loss" else part: passed[part] for part in PARTS},
            "validation_loss": step.validation.loss if step.validation else None,
            "validation_f1": step.validation.scores.f1 if step.validation else None,
            "validation_auc": step.validation.scores.roc_auc if step.validation else None,
        }
        self.rows.append(row)
        self.last = step
        if step.best:
            self.best = step
        return row

    def summary(self, events_per_step: int) -> dict[str, Any]:
        """Totals over all steps; `train_loss_*` are means over a tenth of the steps at either end."""
        tenth = max(1, len(self.rows) // 10)
        losses = [float(row["loss"] or 0.0) for row in self.rows]
        seconds = {part: self._before[part] - self._first[part] for part in self._before}
        total = seconds.pop("total")
        return {
            "steps": len(self.rows),
            "events_seen": len(self.rows) * events_per_step,
            "train_loss_first": sum(losses[:tenth]) / tenth,
            "train_loss_last": sum(losses[-tenth:]) / tenth,
            "best": _validated(self.best),
            "final": _validated(self.last),
            "seconds": {"total": total, **seconds, "rest": total - sum(seconds.values())},
            "events_per_second": len(self.rows) * events_per_step / total,
        }

    def write(self, folder: Path, summary: Mapping[str, Any], memory: Memory) -> None:
        """metrics.json, steps.csv and memory.csv of the result folder."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {**summary, "memory": {"rss_peak": memory.peak, "device_peak": memory.device_peak}}
        (folder / "metrics.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _write_csv(folder / "steps.csv", list(self.rows[0]), (row.values() for row in self.rows))
        _write_csv(folder / "memory.csv", MEMORY, map(astuple, memory.curve))

    def _now(self) -> dict[str, float]:
        parts = self._clock.seconds
        return {"total": self._clock.total, **{part: parts.get(part, 0.0) for part in PARTS}}


def _validated(step: Step | None) -> dict[str, Any] | None:
    if step is None or step.validation is None:
        return None
    found = step.validation
    return {"step": step.number, "loss": found.loss, "f1": found.scores.f1, "auc": found.scores.roc_auc}


def _write_csv(path: Path, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
