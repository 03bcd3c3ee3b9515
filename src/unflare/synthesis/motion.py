"""How things and cameras move, and how often to look, so that little moves on between two frames."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unflare.events import Array

STEP = 0.5  # pixels that anything moves between two frames, where that is affordable
AFFORDABLE = 3.0e8  # pixels to render a second: 1000 frames of 640x480, 3300 of 346x260
LOOKS = 2000  # at a movement, to find out how fast it is


class Pose(NamedTuple):
    """Places in pixels, angles in radians, sizes as a factor: numbers or arrays."""

    x: Array
    y: Array
    angle: Array
    size: Array


@dataclass(frozen=True)
class Wave:
    """A swing to and fro: amplitude, cycles a second, and radians at t = 0."""

    amplitude: float
    hertz: float
    phase: float

    def at(self, t: Array) -> Array:
        swing: Array = self.amplitude * np.sin(2 * math.pi * self.hertz * t + self.phase)
        return swing


STILL = Wave(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Motion:
    """Of one thing, all of it at once; what a thing does not do is 0.

    x, y      pixels, at t = 0 and at rest
    vx, vy    pixels a second
    sway      pixels, right and down
    swing     radians of a pendulum whose arm is so many pixels; with `side` -1 or 1 only to the left or to the right,
              as the end balls of a Newton's cradle
    angle     radians at t = 0
    spin      radians a second
    growth    of the logarithm of the size, a second
    """

    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    sway: tuple[Wave, Wave] = (STILL, STILL)
    swing: Wave = STILL
    arm: float = 0.0
    side: int = 0
    angle: float = 0.0
    spin: float = 0.0
    growth: float = 0.0

    def pose(self, t: Array) -> Pose:
        """At times in seconds."""
        theta = self.swing.at(t)
        if self.side:
            theta = self.side * np.maximum(self.side * theta, 0)
        return Pose(
            x=self.x + self.vx * t + self.sway[0].at(t) + self.arm * np.sin(theta),
            y=self.y + self.vy * t + self.sway[1].at(t) + self.arm * (np.cos(theta) - 1),
            angle=self.angle + self.spin * t - theta,
            size=np.exp(self.growth * t),
        )

    def fastest(self, seconds: float, radius: float) -> float:
        """Pixels a second of the centre, and of the rim about it, at most."""
        t = np.linspace(0, seconds, LOOKS)
        pose = self.pose(t)
        rim = radius * pose.size[1:] * np.abs(np.diff(pose.angle)) + radius * np.abs(np.diff(pose.size))
        return float((np.hypot(np.diff(pose.x), np.diff(pose.y)) + rim).max() * (LOOKS - 1) / seconds)


def looks(seconds: float, rate: int, fastest: float, shape: tuple[int, int]) -> Array:
    """When to render, int64 us ascending: `rate` frames a second, or more for what moves fast.

    Between two frames nothing moves by more than `STEP` pixels, unless that takes more than `AFFORDABLE`.
    """
    ceiling = AFFORDABLE / (shape[0] * shape[1])
    rate = max(rate, math.ceil(min(fastest / STEP, ceiling)))
    return (np.arange(round(seconds * rate) + 1) * 1e6 / rate).round().astype(np.int64)
