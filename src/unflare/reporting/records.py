"""The result files of a pipeline run, read when asked for. What is not there is `Missing`, never a default."""

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

GIB = 2**30
STAGES = ("sample", "prepare", "fusion", "synthesize", "featurize", "train", "evaluate")
OURS = ("unflare", "shipped")  # the network of the run, and the one that comes with the package
NO_RIVALS = {*OURS, "oracle"}  # which knows the answer
FILES: tuple[str, ...] = ("params.yaml", "dvc.lock", "data/index.json", "models/run.json", "reports/previous.json")
FILES += ("reports/stages/*.json", "reports/training/*", "reports/evaluation/*")


class Missing(LookupError):
    """A record that no stage has written; the message names the file and, where the file is there, the key."""


class Impossible(Missing):
    """A record that is there and cannot be true: no number, not finite, below zero, or a file cut short."""


class Records:
    """Results below `root`: `data/index.json`, `models/run.json`, `params.yaml`, `dvc.lock` and `reports/**`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read = cache(self._parse)

    def files(self) -> list[Path]:
        """Everything that a report is made from, as far as it is there; relative to `root`."""
        return sorted(path.relative_to(self.root) for pattern in FILES for path in self.root.glob(pattern))

    def at(self, file: str, *keys: str) -> Any:  # noqa: ANN401 (JSON)
        """The value at this path of keys in a JSON, YAML or CSV file. Raises Missing."""
        value = self._read(file)
        for key in keys:
            if not isinstance(value, dict) or value.get(key) is None:
                raise Missing(f"{file}: {'.'.join(keys)}")
            value = value[key]
        return value

    def number(self, file: str, *keys: str, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number from low to high. Raises Missing where there is none, Impossible where it is another."""
        return finite(self.at(file, *keys), f"{file}: {'.'.join(keys)}", low, high)

    def numbers(self, file: str, *keys: str) -> dict[str, float]:
        """A table of amounts, each finite and not below zero; but for `rest`, a difference. Raises as `number`."""
        table = self.at(file, *keys)
        if not isinstance(table, dict):
            raise Impossible(f"{file}: {'.'.join(keys)}: expected a table, found {table!r}")
        low = {"rest": -math.inf}
        return {
            name: finite(value, f"{file}: {'.'.join((*keys, name))}", low.get(name, 0.0))
            for name, value in table.items()
        }

    def rows(self, file: str) -> list[dict[str, Any]]:
        """The rows of a CSV file. Raises Missing, also where there are none."""
        rows = self._read(file)
        if not isinstance(rows, list) or not rows:
            raise Missing(f"{file}: no row")
        return rows

    def column(self, file: str, name: str) -> list[float | None]:
        """A column of numbers in a CSV file, NaN included; an empty cell is None. Raises as `number`."""
        rows = self.rows(file)
        if name not in rows[0]:
            raise Missing(f"{file}: {name}")
        try:
            return [float(row[name]) if row[name] else None for row in rows]
        except ValueError as error:
            raise Impossible(f"{file}: {name}: {error}") from error

    def has(self, file: str, *keys: str) -> bool:
        try:
            return self.at(file, *keys) is not None
        except Missing:
            return False

    def digest(self, file: str) -> str:
        """MD5 of a file, as `dvc.lock` has it. Raises Missing."""
        path = self.root / file
        if not path.is_file():
            raise Missing(file)
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()

    def facts(self, stage: str, *keys: str) -> Any:  # noqa: ANN401 (JSON)
        return self.at(stage_file(stage), "facts", *keys)

    def params(self, *keys: str) -> Any:  # noqa: ANN401 (YAML)
        return self.at("params.yaml", *keys)

    def training(self, *keys: str) -> Any:  # noqa: ANN401 (JSON)
        return self.at("reports/training/metrics.json", *keys)

    def trained(self, *keys: str, low: float = 0.0) -> float:
        """A number of the training, finite and from `low`. Raises as `number`."""
        return self.number("reports/training/metrics.json", *keys, low=low)

    def scores(self, split: str, scenario: str = "overall") -> dict[str, dict[str, float | None]]:
        """Method -> score of its events -> value; methods without any here are left out. Raises Missing."""
        return self._metrics(split, scenario, summaries=False)

    def streams(self, scenario: str = "overall") -> dict[str, dict[str, dict[str, Any]]]:
        """Method -> metric of its streams -> summary over the test scenes. Raises Missing."""
        return self._metrics("test", scenario, summaries=True)

    def _metrics(self, split: str, scenario: str, *, summaries: bool) -> dict[str, dict[str, Any]]:
        methods = self.at("reports/evaluation/metrics.json", "splits", split)
        rows = {
            name: {metric: value for metric, value in table[scenario].items() if isinstance(value, dict) is summaries}
            for name, table in methods.items()
            if scenario in table
        }
        return {name: row for name, row in rows.items() if row}

    def stages(self) -> list[str]:
        """The stages that have run, in their order."""
        return [stage for stage in STAGES if self.has(stage_file(stage), "seconds")]

    def peaks(self, stage: str) -> dict[str, float]:
        """Bytes, the highest sample on the host and, where it was used, on the device. Raises as `number`."""
        place = f"{stage_file(stage)}: memory"
        samples = self.at(stage_file(stage), "memory")
        if not samples:
            raise Missing(place)
        held = max(finite(sample.get("rss"), f"{place}.rss", 1.0) for sample in samples)
        there = [finite(value, f"{place}.device", 0.0) for sample in samples for value in _on_device(sample)]
        return {"host": held} | ({"device": max(there)} if any(there) else {})

    def _parse(self, file: str) -> Any:  # noqa: ANN401 (JSON)
        path = self.root / file
        if not path.exists():
            raise Missing(file)
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            return list(csv.DictReader(text.splitlines()))
        try:
            return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except (json.JSONDecodeError, yaml.YAMLError) as error:
            raise Impossible(f"{file}: {' '.join(str(error).split())}") from error


def _on_device(sample: Mapping[str, Any]) -> list[Any]:
    return [sample[name] for name in ("device", "device_peak") if name in sample]


def stage_file(stage: str) -> str:
    return f"reports/stages/{stage}.json"


def finite(value: Any, place: str, low: float = -math.inf, high: float = math.inf) -> float:  # noqa: ANN401 (JSON)
    """The value as a number. Raises Impossible where it is none, not finite, or outside low to high."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not known or not low <= value <= high:
        raise Impossible(f"{place}: {value!r}")
    return float(value)


def need(table: Mapping[str, Any], place: str, key: str) -> Any:  # noqa: ANN401 (JSON)
    """The value of a key of a table that stands at `place`. Raises Missing."""
    if table.get(key) is None:
        raise Missing(f"{place}: {key}")
    return table[key]
