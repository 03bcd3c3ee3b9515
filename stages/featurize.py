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
        record.facts = {"features": list(FEATURES), "window": window, "events": {}}
        for split in ("train", "validation"):
            record.memory.mark(split)
            record.facts["events"][split] = cache_split(scenes / split, features / f"{split}.h5", window, record)
            print(f"{split}: features of {record.facts['events'][split]:,} events")


def cache_split(scenes: Path, path: Path, window: int, record: runtime.Record) -> int:
    events = 0
    with Writer(path, window) as writer:
        for scene_path in track(scene_paths(scenes), f"features of {scenes.name}"):
            with record.clock("reading"):
                scene = load_scene(scene_path)
            with record.clock("features"):
                values = extract(scene.events, PixelState(scene.events.shape), window)
            with record.clock("writing"):
                writer.add(values, scene.flare, scene_path.stem)
            events += len(scene.events)
    return events


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
