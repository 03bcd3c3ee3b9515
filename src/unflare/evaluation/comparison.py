"""What each method makes of the test scenes as a stream, against the scene's truth."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numba
import numpy as np

from unflare.edeflare import edeflare
from unflare.edeflare.published import SHAPE, Voxels
from unflare.evaluation.benchmark import Judgement
from unflare.evaluation.streams import distances, streams
from unflare.evaluation.structure import event_structural_ratio
from unflare.evaluation.summary import Summary, summaries
from unflare.events import Array, Events
from unflare.events.scene import Scene, load_scene
from unflare.runtime import Clock

Row = dict[str, float | None]
PUBLISHED = ("chamfer_distance", "gaussian_distance", *Voxels._fields)


def compare(
    judged: Mapping[str, Judgement],
    thresholds: Mapping[str, float],
    generators: Mapping[str, Callable[[Events], Events]],
    paths: Sequence[Path],
    clock: Clock,
) -> dict[str, dict[str, dict[str, Summary]]]:
    """Method -> scenario, and `overall` -> metric: over the scenes of `paths`, which are those that were judged."""
    rows: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for number, path in enumerate(paths):
        with clock("reading"):
            scene = load_scene(path)
        removed = {name: said.of_scene(number) >= thresholds[name] for name, said in judged.items()}
        with clock("stream metrics"):
            found = _measured(scene, removed, generators)
        for name, row in found.items():
            rows[name]["overall"].append(row)
            rows[name][scene.recipe["scenario"]].append(row)
    return {
        name: {scenario: summaries(found) for scenario, found in scenarios.items()} for name, scenarios in rows.items()
    }


def _measured(
    scene: Scene, removed: Mapping[str, Array], generators: Mapping[str, Callable[[Events], Events]]
) -> dict[str, Row]:
    """The row of each method: of the input without the events that it removed, bool (n,), or of what it made of it."""
    away, flare = distances(scene.events, scene.truth), scene.flare > 0.5

    def part(gone: Array) -> Row:
        return measure(scene.events[~gone], scene, away[~gone]) | _shares(gone, flare)

    def whole(make: Callable[[Events], Events]) -> Row:
        return measure(make(scene.events), scene)

    same = {name: gone.tobytes() for name, gone in removed.items()}  # several may remove the same, say all
    work: dict[str | bytes, Callable[[], Row]] = {same[name]: partial(part, gone) for name, gone in removed.items()}
    work |= {name: partial(whole, make) for name, make in generators.items()}
    with ThreadPoolExecutor(numba.get_num_threads()) as pool:  # kernels and numpy release the interpreter's lock
        rows = dict(zip(work, pool.map(lambda method: method(), work.values()), strict=True))
    return {name: rows[same.get(name, name)] for name in (*removed, *generators)}


def measure(estimate: Events, scene: Scene, away: Array | None = None) -> Row:
    """All metrics of a stream; None where one is not defined, as the published ones beyond 640x480."""
    fits = scene.truth.shape[0] <= SHAPE[0] and scene.truth.shape[1] <= SHAPE[1]
    published: Row = dict(edeflare(estimate, scene.truth)) if fits else dict.fromkeys(PUBLISHED)
    sound = streams(estimate, scene.truth, (0, scene.recipe["duration"]), away)
    ratio = {"pger": len(estimate) / len(scene.truth) if len(scene.truth) else None}
    return published | asdict(sound) | ratio | {"esr": event_structural_ratio(estimate)}


def _shares(removed: Array, flare: Array) -> Row:
    """Signal kept, noise removed, and denoising accuracy, the mean of the two."""
    kept = float(np.mean(~removed[~flare])) if not flare.all() else None
    gone = float(np.mean(removed[flare])) if flare.any() else None
    accuracy = (kept + gone) / 2 if kept is not None and gone is not None else None
    return {"signal_kept": kept, "noise_removed": gone, "denoising_accuracy": accuracy}
