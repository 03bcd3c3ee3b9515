"""The exact answer, where the background is rendered: one sensor that sees the sum of the lights.

No fusion is needed then, and every rule of fusion can be held against it. A case is a short scene by day or by night,
with a steady or a flickering lamp.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unflare.events import Array, Events
from unflare.params import Fusion, Lamp, Sensor
from unflare.synthesis.corridor import Corridor
from unflare.synthesis.driving import Drive, draw_drive
from unflare.synthesis.flare import linear_pair
from unflare.synthesis.glare import flare_pair
from unflare.synthesis.light import filmed
from unflare.synthesis.lighting import draw_lighting
from unflare.synthesis.voltmeter import simulate

Hour = Literal["day", "night"]
AMBIENT: dict[Hour, tuple[float, float]] = {"day": (90.0, 256.0), "night": (0.0, 20.0)}


@dataclass(frozen=True)
class Case:
    """What one scene of the proof is made of; `seed` tells it from others of its kind."""

    hour: Hour
    steady: bool
    seed: int


@dataclass(frozen=True)
class Lights:
    """Linear light 0 to 255 and above, float32 (n, h, w), at times (n,) in us; the flare contains its light source."""

    times: Array
    background: Array
    flare: Array
    source: Array

    def events(self, frames: Array, sensor: Sensor, seed: int) -> Events:
        return simulate(zip(self.times.tolist(), frames, strict=True), sensor, seed)


def cases(fusion: Fusion, seed: int) -> list[Case]:
    """Night and day, flickering and steady in turn."""
    kinds: list[tuple[Hour, bool]] = [("night", False), ("day", False), ("night", True), ("day", True)]
    seeds = np.random.default_rng((seed, 3)).integers(2**63, size=fusion.scenes).tolist()
    return [Case(*kinds[number % len(kinds)], seed=own) for number, own in enumerate(seeds)]


def rendered(case: Case, fusion: Fusion, lamp: Lamp) -> Lights:
    """The lights of a case, at the frame rate of the lamp."""
    rng = np.random.default_rng(case.seed)
    drive = next(drive for drive in _drives(fusion, rng) if _is_at(drive, case.hour))
    kind = lamp.model_copy(update={"steady": float(case.steady), "dimmed": 0.0})
    lighting = draw_lighting(kind, fusion.shape, fusion.duration, rng)
    others = lighting.lights(linear_pair(*flare_pair(rng), lighting.gamma), fusion.shape)
    times = lighting.times(lamp.frame_rate)
    parts = [np.stack([frame.copy() for _, frame in light.frames(times)]) for light in (Corridor(drive), *others)]
    return Lights(times, *parts)


def labels(events: Events, lights: Lights, dark: float) -> Array:
    """The flare's scattered share of the change of light that fired each event of all lights, float32 0 to 1.

    Change is |dI| / (I + dark), I the sum of all lights, from the time that the pixel fired before; that of
    background, light source and scattered light are counted each for itself.
    """
    scattered = lights.flare - lights.source
    whole = lights.background + lights.flare + dark
    middle = (whole[1:] + whole[:-1]) / 2
    moved = [np.abs(np.diff(part, axis=0)) / middle for part in (scattered, lights.source, lights.background)]
    sums = [_summed(change) for change in (moved[0], moved[0] + moved[1] + moved[2])]
    scattered_part, all_of_it = (_grown(events, lights.times, total) for total in sums)
    share = np.divide(scattered_part, all_of_it, out=np.zeros_like(all_of_it), where=all_of_it > 0)
    return np.asarray(share.clip(0, 1), np.float32)


def _drives(fusion: Fusion, rng: np.random.Generator) -> Iterator[Drive]:
    while True:
        yield draw_drive(fusion.shape, rng)


def _is_at(drive: Drive, hour: Hour) -> bool:
    low, high = AMBIENT[hour]
    return low <= drive.ambient < high


def _summed(change: Array) -> Array:
    """From the start up to each frame; 0 at the first."""
    return np.concatenate([np.zeros_like(change[:1]), change.cumsum(axis=0, dtype=np.float64)])


def _grown(events: Events, times: Array, sums: Array) -> Array:
    """By how much each event's pixel's sum has grown since the pixel fired before, or since the start."""
    order = np.lexsort((events.t, events.x, events.y))
    t, x, y = events.t[order], events.x[order], events.y[order]
    again = (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    before = np.concatenate([t[:1] * 0, np.where(again, t[:-1], 0)])
    at = filmed(times, sums)
    grown = np.empty(len(t))
    grown[order] = at(t, x, y) - at(before, x, y)
    return grown
