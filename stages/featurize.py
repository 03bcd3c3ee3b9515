"""Thirteen features for every event of the training and validation scenes."""

import sys
from pathlib import Path

from rich.progress import track

from unflare import params, runtime
from unflare.events.scene import load_scene, scene_paths
from unflare.features import FEATURES, IMPLEMENTATION, PixelState, extract
from unflare.features.store import Writer


def main(scenes: Path, features: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        window = params.load().features.window
        record.implementations["features"] = IMPLEMENTATION
        record.facts = {"features": list(FEATURES), "window": window, "events": {}, "flare_share": {}}
        for split in ("train", "validation"):
            record.memory.mark(split)
            events, flare = cache_split(scenes / split, features / f"{split}.h5", window, record)
            record.facts["events"][split], record.facts["flare_share"][split] = events, flare / events
            print(f"{split}: features of {events:,} events, {flare / events:.0%} of them flare")


def cache_split(scenes: Path, path: Path, window: int, record: runtime.Record) -> tuple[int, int]:
    """How many events there are, and how many of them are more than half flare."""
    events = flare = 0
    with record.clock("writing"), Writer(path, window) as writer:
        for scene_path in track(scene_paths(scenes), f"features of {scenes.name}"):
            with record.clock("reading"):
                scene = load_scene(scene_path)
            with record.clock("features"):
                values = extract(scene.events, PixelState(scene.events.shape), window)
            writer.add(values, scene.flare, scene_path.stem)
            events += len(scene.events)
            flare += int((scene.flare > 0.5).sum())
    return events, flare


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
