"""Scenes with a truth: input = background (+) flare, truth = background (+) light source.

The flare contains its light sources, which are to be kept: only what is scattered or reflected is flare. Flare and
light sources follow one script a lamp, one clock, one sensor pixel by pixel, and one sequence of random numbers; (+) is
`fuse` with what either light is worth beside the other, I_bg and that of the flare, or I_bg and that of the sources.
I_bg is not known from events: one constant per scene stands for it, drawn from the range `night_level` (`light` says
why).

Nor is the contrast threshold of the camera that made a recording: the flare is seen by one of its own, drawn from the
range `thresholds`, so that nothing can be told from the two being alike or not.

Hot pixels and background activity come from the recording alone, where there is one: it has those of the camera that
made it, and a pixel has its noise once, however many videos its light is made of. Else the flare's sensor has them.

The label of an input event is the flare's scattered share of the change that fired it, 0 to 1: of all worth that came
to the pixel since it last fired, the part that came from events of the flare, times the part of the flare's light, then
and there, that is not its sources'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from unflare.events import SPLITS, Events, FlarePair, Index, Scene, Sequence, Split, empty, open_recording
from unflare.params import Lamp, Scenes, Sensor
from unflare.runtime import Clock
from unflare.synthesis.flare import read_pair
from unflare.synthesis.fusion import fuse
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.light import constant, scattered_part, shares
from unflare.synthesis.lighting import draw_lighting
from unflare.synthesis.voltmeter import IMPLEMENTATION, simulate

Scenario = Literal["mixed", "flare_only", "background_only"]
SCENARIOS: tuple[Scenario, ...] = ("mixed", "flare_only", "background_only")
TRIES = 100  # windows of a sequence that are looked at for one with events

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What one scene is made of; with the parameters, everything `make_scene` needs."""

    root: Path
    split: Split
    number: int
    scenario: Scenario
    sequence: Sequence
    flare: FlarePair
    seed: int


def plan(index: Index, split: Split, scenes: Scenes, seed: int) -> list[Job]:
    """The scenes of a split: scenarios in their exact proportions, sequences and flares of the split in turn."""
    count = {"train": scenes.train, "validation": scenes.validation, "test": scenes.test}[split]
    rng = np.random.default_rng((seed, SPLITS.index(split)))
    shares = (1 - scenes.flare_only - scenes.background_only, scenes.flare_only, scenes.background_only)
    kinds = np.repeat(SCENARIOS, _apportioned(count, shares))
    sequences, flares = _in_turn(index.sequences[split], rng), _in_turn(index.flares[split], rng)
    return [
        Job(index.root, split, number, kind, sequence, flare, seed=int(rng.integers(2**63)))
        for number, (kind, sequence, flare) in enumerate(
            zip(rng.permutation(kinds).tolist(), sequences, flares, strict=False)
        )
    ]


def make_scene(scenes: Scenes, lamp: Lamp, sensor: Sensor, job: Job, clock: Clock) -> Scene:
    """One scene, the same for the same job; parts of the time go to `clock`.

    Raises ValueError if the sequence holds no events, or a file is broken.
    """
    window, made = np.random.SeedSequence(job.seed).spawn(2)
    recipe: dict[str, Any] = {"split": job.split, "number": job.number, "scenario": job.scenario, "seed": job.seed}
    recipe["duration"] = scenes.duration
    if job.scenario == "flare_only":
        background = empty(job.sequence.shape)
    else:
        with clock("reading"):
            path, rng = job.root / job.sequence.path, np.random.default_rng(window)
            start, background = _window(path, scenes.duration, rng)
        recipe |= {"sequence": job.sequence.name, "start": start}
    if job.scenario == "background_only":
        counts = {"background": len(background), "flare": 0, "input": len(background), "truth": len(background)}
        return Scene(background, np.zeros(len(background), np.float32), background, recipe | {"counts": counts})
    recipe |= {"flare": job.flare.name, "collection": job.flare.collection}
    pair = (job.root / job.flare.flare, job.root / job.flare.light)
    scene = compose(background, pair, scenes, lamp, sensor, made, clock)
    return Scene(scene.events, scene.flare, scene.truth, recipe | scene.recipe)


def compose(  # noqa: PLR0913 - three nouns of params.yaml, and what one scene differs by
    background: Events,
    pair: tuple[Path, Path],
    scenes: Scenes,
    lamp: Lamp,
    sensor: Sensor,
    seed: np.random.SeedSequence,
    clock: Clock,
) -> Scene:
    """The scene of a background, from 0 to the duration of a scene, and a (flare, light source) pair of images."""
    rng = np.random.default_rng(seed)
    lighting = draw_lighting(lamp, background.shape, scenes.duration, rng)
    level = log_uniform(scenes.night_level, rng)
    noise, coin = rng.integers(2**63, size=2).tolist()
    threshold = log_uniform(scenes.thresholds, rng)
    with clock("reading"):
        lights = lighting.lights(read_pair(*pair, lighting.gamma), background.shape)
    sees = (sensor.quiet() if len(background) else sensor).at(threshold)
    times = lighting.times(lamp.frame_rate)
    with clock("simulator"):
        videos = (clock.over("rendering", light.frames(times)) for light in lights)
        streams = [simulate(video, sees, noise) for video in videos]
    with clock("fusion"):
        seen, truth = (
            fuse(background, stream, shares(constant(level), light.at, sensor.k[1]), scenes.rule, coin)
            for stream, light in zip(streams, lights, strict=True)
        )
        share = seen.share * scattered_part(lights.flare.at, lights.source.at, seen.events)
    recipe = lighting.recipe() | {
        "frames": len(times),
        "background_light": {"proxy": "constant", "level": level},
        "sensor": sees.model_dump(mode="json"),
        "simulator": IMPLEMENTATION,
        "rule": scenes.rule,
        "counts": {
            "background": len(background),
            "flare": len(streams[0]),
            "light": len(streams[1]),
            "input": len(seen.events),
            "input_from_background": int((seen.source == 0).sum()),
            "truth": len(truth.events),
        },
    }
    return Scene(seen.events, share, truth.events, recipe)


def _window(path: Path, duration: int, rng: np.random.Generator) -> tuple[int, Events]:
    """A random stretch of a recording that holds events: when it starts, and the events from 0 on."""
    with open_recording(path) as recording:
        for _ in range(TRIES):
            start = recording.start + int(rng.integers(recording.duration - duration + 1))
            events = recording.between(start, start + duration)
            if len(events):
                return start, events.shifted(-start)
    raise ValueError(f"{path}: expected a stretch of {duration} us with events, found none in {TRIES}")


def _in_turn(parts: tuple[T, ...], rng: np.random.Generator) -> Iterator[T]:
    """All parts in random order, again and again, each time in another order."""
    return chain.from_iterable([parts[i] for i in rng.permutation(len(parts))] for _ in repeat(None))


def _apportioned(count: int, shares: tuple[float, ...]) -> list[int]:
    """`count` in parts by the largest remainder."""
    exact = np.array(shares) * count
    parts = np.floor(exact + 1e-9).astype(int)
    parts[np.argsort(parts - exact, kind="stable")[: count - parts.sum()]] += 1
    return [int(part) for part in parts]
