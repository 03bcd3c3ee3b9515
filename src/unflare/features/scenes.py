"""A scene into the cache: one job of `featurize`, on any core or machine."""

from pathlib import Path
from typing import NamedTuple

from unflare.events.scene import Scene, load_scene
from unflare.features import PixelState, extract
from unflare.features.store import save_shard
from unflare.runtime import Clock


class Cached(NamedTuple):
    """A scene in numbers; `flare` counts events more than half flare."""

    events: int
    flare: int
    seconds: dict[str, float]


def cache_scene(window: int, job: tuple[Path, Path]) -> Cached:
    """Features of the scene at the first path into a shard at the second. `window` in us. Raises what either raises."""
    clock = Clock()
    with clock("reading"):
        scene = load_scene(job[0])
    with clock("features"):
        features = extract(scene.events, PixelState(scene.events.shape), window)
    with clock("writing"):
        save_shard(job[1], features, scene.flare, window)
    return measured(scene)._replace(seconds=clock.parts())


def measured(scene: Scene) -> Cached:
    return Cached(len(scene.events), int((scene.flare > 0.5).sum()), {})
