"""The record of a training run: a row per step, and what the rows add up to."""

import csv
import json
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from unflare.events import Array, aside
from unflare.runtime import Clock, Memory
from unflare.training.fit import Step

PARTS: tuple[str, ...] = ("loaders", "reading", "waiting", "transfer", "forward", "loss", "backward", "optimizer")
PARTS += ("validation", "checkpoint", "tracking", "measuring")
COLUMNS: tuple[str, ...] = ("step", "loss", "learning_rate", "gradient_norm", "seconds")
COLUMNS += tuple("loss_seconds" if part == "loss" else part for part in PARTS)
COLUMNS += ("loader_seconds", "validation_loss", "validation_f1", "validation_auc")
MEMORY = ["seconds", "phase", "step", "rss_bytes", "device_bytes", "device_peak_bytes"]  # a MemorySample, with its unit


class History:
    """Collects steps with the time that passed in each, by part.

    `rows` are the numbers of COLUMNS, one step after the other; NaN where there is none. Packed, since a list of rows
    would be the leak that it is there to find.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows = array("d")
        self.begin()

    def begin(self) -> None:
        """The next row counts from now."""
        self._before = self._now()

    def add(self, step: Step) -> dict[str, float]:
        """The row of this step: its values, and the seconds since the row before it, in all and by part."""
        now = self._now()
        passed = [now[part] - self._before[part] for part in now]
        self._before = now
        found = step.validation
        validated = (found.loss, found.scores.f1, found.scores.roc_auc) if found else (None, None, None)
        values = [step.number, step.loss, step.learning_rate, step.gradient_norm, *passed, step.loader_seconds]
        row = [*map(float, values), *(math.nan if value is None else value for value in validated)]
        self.rows.extend(row)
        return dict(zip(COLUMNS, row, strict=True))

    @property
    def table(self) -> dict[str, Array]:
        """Columns by name, float64 (steps,)."""
        rows = np.array(self.rows).reshape(-1, len(COLUMNS))
        return dict(zip(COLUMNS, rows.T, strict=True))

    @property
    def seconds(self) -> dict[str, float]:
        """Over all steps, by part; `total` is their wall time, `rest` what no part covers."""
        table = self.table
        seconds = {part: float(table[f"{part}_seconds" if part == "loss" else part].sum()) for part in PARTS}
        total = float(table["seconds"].sum())
        return {"total": total, **seconds, "rest": total - sum(seconds.values())}

    @property
    def loader_seconds(self) -> float:
        """That loader processes worked beside the training."""
        return float(self.table["loader_seconds"].sum())

    def summary(self, events_per_step: int) -> dict[str, Any]:
        """Totals over all steps; `train_loss_*` are means over a tenth of the steps at either end."""
        table = self.table
        steps = len(table["step"])
        tenth = max(1, steps // 10)
        seconds = self.seconds
        return {
            "steps": steps,
            "events_seen": steps * events_per_step,
            "train_loss_first": float(table["loss"][:tenth].mean()),
            "train_loss_last": float(table["loss"][-tenth:].mean()),
            "best": _validated(table, int(np.nanargmin(table["validation_loss"]))),
            "final": _validated(table, steps - 1),
            "seconds": seconds,
            "loader_seconds": self.loader_seconds,
            "events_per_second": steps * events_per_step / seconds["total"],
        }

    def write(self, folder: Path, summary: Mapping[str, Any], memory: Memory) -> None:
        """metrics.json, steps.csv and memory.csv of the result folder."""
        content = {**summary, "memory": {"rss_peak": memory.peak, "device_peak": memory.device_peak}}
        with aside(folder / "metrics.json") as temporary:
            temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        table = self.table
        rows = zip(table["step"].astype(int).tolist(), *(table[name].tolist() for name in COLUMNS[1:]), strict=True)
        _write_csv(folder / "steps.csv", list(COLUMNS), rows)
        _write_csv(folder / "memory.csv", MEMORY, map(astuple, memory.curve))

    def _now(self) -> dict[str, float]:
        parts = self._clock.seconds
        return {"total": self._clock.total, **{part: parts.get(part, 0.0) for part in PARTS}}


def _validated(table: Mapping[str, Array], row: int) -> dict[str, Any]:
    names = {"step": "step", "loss": "validation_loss", "f1": "validation_f1", "auc": "validation_auc"}
    found = {name: float(table[column][row]) for name, column in names.items()}
    return found | {"step": int(found["step"])}


def _write_csv(path: Path, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    with aside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value != value else value for value in row] for row in rows)
