"""The result files of an evaluation, for reports and comparisons."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unflare.evaluation.benchmark import SCENARIOS, Judgement
from unflare.evaluation.summary import Summary
from unflare.events import Array, Events, aside
from unflare.events.scene import load_scene
from unflare.scores import curve

SLICE = 20_000  # microseconds of a scene that an example shows
COLUMNS = ("method", "threshold", "precision", "recall", "false_positive_rate")

Scenarios = dict[str, dict[str, Any]]  # scenario, metric: a number or None, of streams a summary
Tables = dict[str, dict[str, Scenarios]]  # split, method


def tables(splits: Mapping[str, Mapping[str, Judgement]], thresholds: Mapping[str, float]) -> Tables:
    """Scores of every method on every split, over all its scenes and by scenario."""
    return {
        split: {
            name: {scenario: asdict(row) for scenario, row in said.table(thresholds[name]).items()}
            for name, said in methods.items()
        }
        for split, methods in splits.items()
    }


def add_streams(methods: dict[str, Scenarios], found: Mapping[str, Mapping[str, Mapping[str, Summary]]]) -> None:
    """The summaries of stream metrics beside the scores, by method and scenario; generators have nothing else."""
    for name, scenarios in found.items():
        for scenario, metrics in scenarios.items():
            row = methods.setdefault(name, {}).setdefault(scenario, {})
            row |= {metric: asdict(summary) for metric, summary in metrics.items()}


def named(scenarios: Scenarios) -> dict[str, float | None]:
    """Numbers for a run: evaluation/<score> over all scenes, evaluation/<scenario>/<score> over those of a scenario.

    Of the streams the means over all scenes, and evaluation/failures/<metric> where there were any.
    """
    found: dict[str, float | None] = {}
    for scenario, row in scenarios.items():
        folder = "evaluation" if scenario == "overall" else f"evaluation/{scenario}"
        found |= {f"{folder}/{score}": value for score, value in row.items() if not isinstance(value, dict)}
    for metric, value in scenarios["overall"].items():
        if isinstance(value, dict):
            found[f"evaluation/{metric}"] = value["mean"]
            found |= {f"evaluation/failures/{metric}": value["failures"]} if value["failures"] else {}
    return found


def write_tables(folder: Path, splits: Tables, facts: Mapping[str, Any]) -> None:
    """metrics.json: the tables, and what else there is to say of the methods."""
    content = {**facts, "splits": splits}
    with aside(folder / "metrics.json") as path:
        path.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def write_curves(folder: Path, methods: Mapping[str, Judgement]) -> None:
    """curves.csv: precision, recall and false positive rate of each method at many thresholds."""
    with aside(folder / "curves.csv") as path, path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, said in methods.items():
            writer.writerows((name, *map(float, row)) for row in zip(*curve(said.probability, said.flare), strict=True))


def write_examples(folder: Path, said: Judgement, scenes: Sequence[Path], count: int) -> None:
    """examples.npz: 20 ms from the middle of `count` mixed scenes, input, probability and truth."""
    arrays: dict[str, Array] = {}
    for number, place in enumerate(_balanced(said, scenes, count)):
        path, probability = scenes[place], said.of_scene(place)
        scene = load_scene(path)
        start = (int(scene.events.t[0]) + int(scene.events.t[-1]) - SLICE) // 2
        chosen = (scene.events.t >= start) & (scene.events.t < start + SLICE)
        arrays |= _columns(f"{number}_input", scene.events[chosen])
        arrays |= _columns(f"{number}_truth", scene.truth.between(start, start + SLICE))
        arrays[f"{number}_flare"] = scene.flare[chosen]
        arrays[f"{number}_probability"] = probability[chosen]
        arrays[f"{number}_shape"] = np.array(scene.events.shape)
        arrays[f"{number}_title"] = np.array(f"{path.stem}: {scene.recipe['sequence']}, {scene.recipe['flare']}")
    with aside(folder / "examples.npz") as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_gallery(folder: Path, scenes: Sequence[Path]) -> None:
    """gallery.npz: 20 ms from the middle of each scene: x, y, p, the flare's share, shape and what the scene is."""
    arrays: dict[str, Array] = {}
    for number, path in enumerate(scenes):
        scene = load_scene(path)
        t = scene.events.t
        start = (int(t[0]) + int(t[-1]) - SLICE) // 2 if len(t) else 0
        chosen = (t >= start) & (t < start + SLICE)
        arrays |= {f"{number}_{name}": getattr(scene.events, name)[chosen] for name in ("x", "y", "p")}
        arrays[f"{number}_flare"] = scene.flare[chosen].astype(np.float16)
        arrays[f"{number}_shape"] = np.array(scene.events.shape)
        rate = chosen.sum() / SLICE  # a microsecond, or million a second
        arrays[f"{number}_title"] = np.array(f"{path.stem} {scene.recipe['scenario']}, {rate:.2f} million events/s")
    with aside(folder / "gallery.npz") as path, path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _balanced(said: Judgement, scenes: Sequence[Path], count: int) -> list[int]:
    """Mixed scenes, those with the most even shares of flare and background first, so that both can be seen."""
    mixed = SCENARIOS.index("mixed")
    places = [n for n in range(len(scenes)) if len(said.of_scene(n)) and said.scenario[said.offsets[n]] == mixed]
    flare = [float(said.flare[said.offsets[n] : said.offsets[n + 1]].mean()) for n in places]
    return [place for _, place in sorted(zip(np.abs(np.array(flare) - 0.5).tolist(), places, strict=True))[:count]]


def _columns(prefix: str, events: Events) -> dict[str, Array]:
    return {f"{prefix}_{name}": getattr(events, name) for name in ("t", "x", "y", "p")}
