"""The result files of a pipeline run, read when asked for. What is not there is `Missing`, never a default."""

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

STAGES = ("sample", "prepare", "synthesize", "featurize", "train", "evaluate")
FILES: tuple[str, ...] = ("params.yaml", "dvc.lock", "data/index.json", "models/run.json", "reports/previous.json")
FILES += ("reports/stages/*.json", "reports/training/*", "reports/evaluation/*")


class Missing(LookupError):
    """A record that no stage has written; the message names the file and, where the file is there, the key."""


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
            if not isinstance(value, dict) or key not in value:
                raise Missing(f"{file}: {'.'.join(keys)}")
            value = value[key]
        return value

    def number(self, file: str, *keys: str) -> float:
        """The same, where only a number will do. Raises Missing."""
        value = self.at(file, *keys)
        if not isinstance(value, int | float):
            raise Missing(f"{file}: {'.'.join(keys)}")
        return float(value)

    def column(self, file: str, name: str) -> list[float | None]:
        """A column of numbers in a CSV file; an empty cell is None. Raises Missing."""
        rows = self._read(file)
        if not rows or name not in rows[0]:
            raise Missing(f"{file}: {name}")
        return [float(row[name]) if row[name] else None for row in rows]

    def has(self, file: str, *keys: str) -> bool:
        try:
            return self.at(file, *keys) is not None
        except Missing:
            return False

    def facts(self, stage: str, *keys: str) -> Any:  # noqa: ANN401 (JSON)
        return self.at(f"reports/stages/{stage}.json", "facts", *keys)

    def params(self, *keys: str) -> Any:  # noqa: ANN401 (YAML)
        return self.at("params.yaml", *keys)

    def training(self, *keys: str) -> Any:  # noqa: ANN401 (JSON)
        return self.at("reports/training/metrics.json", *keys)

    def scores(self, split: str, scenario: str = "overall") -> dict[str, dict[str, float | None]]:
        """Method -> metric -> value; methods without this scenario are left out. Raises Missing."""
        methods = self.at("reports/evaluation/metrics.json", "splits", split)
        return {name: tables[scenario] for name, tables in methods.items() if scenario in tables}

    def _parse(self, file: str) -> Any:  # noqa: ANN401 (JSON)
        path = self.root / file
        if not path.exists():
            raise Missing(file)
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            return list(csv.DictReader(text.splitlines()))
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
