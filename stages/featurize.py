"""Thirteen features for every event of the training and validation scenes."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from unflare import params, runtime
from unflare.events.scene import load_scene, scene_paths
from unflare.features import FEATURES, IMPLEMENTATION
from unflare.features.scenes import Cached, cache_scene, measured

SPLITS = ("train", "validation")


def main(scenes: Path, features: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        plan = params.load().features
        jobs = [(path, features / split / path.name) for split in SPLITS for path in scene_paths(scenes / split)]
        record.memory.mark("features")
        features.mkdir(parents=True, exist_ok=True)
        if plan.cache:
            workers = runtime.workers()
            with record.clock("features"):
                done = runtime.parallel(partial(cache_scene, plan.window), jobs, workers)
                found = list(track(done, "features", len(jobs)))
            record.implementations["features"] = IMPLEMENTATION
            record.worked(workers, (scene.seconds for scene in found))
        else:
            with record.clock("reading"):
                found = [measured(load_scene(path)) for path, _ in jobs]
            record.implementations["features"] = "none: the training computes them"
        record.facts = account(jobs, found) | {"features": list(FEATURES), "window": plan.window, "cache": plan.cache}
        for split in SPLITS:
            events, flare = record.facts["events"][split], record.facts["flare_share"][split]
            print(f"{split}: features of {events:,} events, {flare:.0%} of them flare")


def account(jobs: list[tuple[Path, Path]], found: list[Cached]) -> dict[str, Any]:
    """Events of each split, and the share of them that is more than half flare."""
    found_of = list(zip((path.parent.name for path, _ in jobs), found, strict=True))
    events = {split: sum(scene.events for name, scene in found_of if name == split) for split in SPLITS}
    flare = {split: sum(scene.flare for name, scene in found_of if name == split) for split in SPLITS}
    return {"events": events, "flare_share": {split: flare[split] / max(1, events[split]) for split in SPLITS}}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
