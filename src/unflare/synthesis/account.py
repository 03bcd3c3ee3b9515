"""What was made of the jobs: a line per scene, and what the lines add up to."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unflare.events import SPLITS, Array, Scene, aside, save_scene
from unflare.params import Lamp, Scenes, Sensor
from unflare.runtime import Clock
from unflare.synthesis.compose import Job, make_scene


@dataclass(frozen=True)
class Made:
    """A scene on disk, in numbers; `flare` counts events more than half flare, `on_*` the ON ones of either kind."""

    split: str
    scenario: str
    events: int
    flare: int
    on_flare: int
    on_kept: int
    truth: int
    videos: int  # that the simulator turned into events for this scene
    simulated: int  # events that it made
    seconds: dict[str, float]


def paths(folder: Path, job: Job) -> tuple[Path, Path]:
    """Where the scene of a job is, and its numbers: <folder>/<split>/NNNN.h5 and .json."""
    scene = folder / job.split / f"{job.number:04d}.h5"
    return scene, scene.with_suffix(".json")


def make_and_save(folder: Path, scenes: Scenes, lamp: Lamp, sensor: Sensor, job: Job) -> Made:
    """Makes the scene of a job, then its numbers: where these are, the scene is whole."""
    clock = Clock()
    scene = make_scene(scenes, lamp, sensor, job, clock)
    where, numbers = paths(folder, job)
    with clock("writing"):
        save_scene(where, scene)
    made = _measured(job, scene, clock.parts())
    with aside(numbers) as temporary:
        temporary.write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def _measured(job: Job, scene: Scene, seconds: dict[str, float]) -> Made:
    flare: Array = scene.flare > 0.5
    counts = scene.recipe["counts"]
    simulated = [counts[name] for name in ("flare", "light") if name in counts and "simulator" in scene.recipe]
    return Made(
        split=job.split,
        scenario=job.scenario,
        events=len(scene.events),
        flare=int(flare.sum()),
        on_flare=int(scene.events.p[flare].sum()),
        on_kept=int(scene.events.p[~flare].sum()),
        truth=len(scene.truth),
        videos=len(simulated),
        simulated=sum(simulated),
        seconds=seconds,
    )


def account(made: Iterable[Made]) -> dict[str, Any]:
    """Totals over all scenes, for the record of the stage."""
    rows = list(made)
    total = {name: sum(getattr(row, name) for row in rows) for name in ("events", "flare", "on_flare", "on_kept")}
    with_flare = [row for row in rows if row.scenario != "background_only"]
    empty = [row for row in rows if not row.events or (row in with_flare and not row.flare)]
    kept = total["events"] - total["flare"]
    return {
        "scenes": {split: sum(row.split == split for row in rows) for split in SPLITS},
        "scenarios": dict(Counter(row.scenario for row in rows)),
        "scenes_with_flare": len(with_flare),
        "simulated_videos": sum(row.videos for row in rows),
        "events": total["events"],
        "events_simulated": sum(row.simulated for row in rows),
        "events_flare": total["flare"],
        "events_background": kept,
        "events_truth": sum(row.truth for row in rows),
        "empty_scenes": len(empty),
        "polarity_on_share_flare": total["on_flare"] / max(1, total["flare"]),
        "polarity_on_share_background": total["on_kept"] / max(1, kept),
    }
