"""The embedded background of a drive through a street, by day, dusk or night. What there is; `corridor` draws it."""

import math
from dataclasses import dataclass

import numpy as np

from unflare.events import Array
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.street import METRE

STEP = 0.5  # texels
CYCLE = 8  # frames, at least
CONTRAST = (0.15, 1.1)  # from fog to foliage in the sun
NIGHT = 2  # of the hours: day, dusk, night


@dataclass(frozen=True)
class Vehicle:
    side: float  # metres right of the camera's path
    ahead: float  # metres, at the start
    speed: float  # metres a second, against the camera where negative
    lights: float  # irradiance of its lamps
    seed: int


@dataclass(frozen=True)
class Drive:
    """One drive: what there is, and how the camera passes it. Draw one with `draw_drive`."""

    shape: tuple[int, int]
    seed: int
    speed: float  # metres a second
    ambient: float  # irradiance of a white wall far from any lamp, 0 to 255
    headlight: float  # irradiance that our own headlights add to a white wall at 10 m
    sky: float
    contrast: float  # of the textures, within `CONTRAST`
    sway: tuple[float, float]  # pixels, largest excursion of the picture: across, up
    sway_hertz: tuple[float, float]
    lamp: float  # peak irradiance of a street lamp, 0 where they are off
    lamp_spacing: float  # metres
    pool: float  # irradiance that a street lamp adds to a white wall near its foot
    mains: float  # cycles of the street lamps' brightness a second
    ripple: float  # share of their brightness by which it falls within a cycle
    vehicles: tuple[Vehicle, ...]

    def times(self, seconds: float, rate: int) -> Array:
        """When to render, int64 us ascending: `rate` frames a second, or more for a fast drive, so that between two
        frames no surface moves on by more than `STEP` texels, and for lamps that flicker.
        """
        rate = max(rate, math.ceil(self.speed * METRE / STEP), math.ceil(CYCLE * self.mains) if self.ripple else 0)
        return (np.arange(round(seconds * rate) + 1) * 1e6 / rate).round().astype(np.int64)

    def power(self, t: float) -> float:
        """Brightness of the street lamps at a time in seconds, as a share of the brightest."""
        return 1 - self.ripple * (0.5 - 0.5 * math.cos(2 * math.pi * self.mains * t))


@dataclass(frozen=True)
class Pace:
    """Range of speeds in metres a second, and how much the picture sways, 1 as in town."""

    slowest: float
    fastest: float
    sway: float


PACES = (Pace(0, 0, 0.02), Pace(1, 8, 0.5), Pace(8, 18, 1.0), Pace(18, 36, 1.2))  # parked, creeping, town, road


def draw_drive(shape: tuple[int, int], rng: np.random.Generator) -> Drive:
    """A drive by day, dusk or night, from parked to fast; everything about it from `rng`."""
    hour = rng.choice(3, p=[0.3, 0.3, 0.4])
    pace = PACES[rng.choice(len(PACES), p=[0.15, 0.2, 0.4, 0.25])]
    speed = rng.uniform(pace.slowest, pace.fastest)
    ambient = (rng.uniform(90, 160), rng.uniform(30, 70), rng.uniform(8, 20))[hour]
    vehicles = tuple(
        Vehicle(
            side=2.2 if ours else -2.6,
            ahead=rng.uniform(8, 60),
            speed=rng.uniform(-4, 5) if ours else -rng.uniform(12, 30),
            lights=(0.0, 120.0, 220.0)[hour] * rng.uniform(0.5, 1.0) * (0.4 if ours else 1.0),
            seed=int(rng.integers(2**31)),
        )
        for ours in rng.random(rng.integers(1, 5)) < 0.5
    )
    return Drive(
        shape=shape,
        seed=int(rng.integers(2**31)),
        speed=speed,
        ambient=ambient,
        headlight=(0.0, 20.0, 70.0)[hour] * rng.uniform(0.6, 1.4),
        sky=ambient * (1.5, 1.2, 0.4)[hour],
        contrast=log_uniform(CONTRAST, rng),
        sway=(pace.sway * rng.uniform(1, 10), pace.sway * rng.uniform(0.5, 4)),
        sway_hertz=(rng.uniform(0.3, 1.2), rng.uniform(0.8, 2.5)),
        lamp=(0.0, 180.0, 255.0)[hour],
        lamp_spacing=rng.uniform(18, 35),
        pool=(0.0, 15.0, 60.0)[hour] * rng.uniform(0.3, 1.0),
        mains=rng.uniform(90, 130),
        ripple=rng.uniform(0, 0.6) if hour == NIGHT else 0.0,
        vehicles=vehicles,
    )
