"""A camera that stands still, is held by hand, pans, rolls or zooms: how it moves the whole picture."""

import math
from dataclasses import dataclass

import numpy as np

from unflare.events import Array
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.motion import STILL, Motion, Wave

SPEED = (5.0, 1000.0)  # pixels a second of a pan, at most
TREMOR = (0.5, 20.0)  # pixels of a hand
ZOOM = 0.3  # of the logarithm of the size, either way


@dataclass(frozen=True)
class Camera:
    """A moving picture: `motion` is that of the frame's centre, from its own place; `zoom` is added to its size."""

    shape: tuple[int, int]
    motion: Motion
    zoom: Wave = STILL

    @property
    def stands(self) -> bool:
        return self.motion == Motion(0.0, 0.0) and self.zoom == STILL

    def affine(self, t: float) -> Array:
        """From places in the scene to pixels of the frame at t seconds, float64 (2, 3)."""
        now, (height, width) = np.asarray(t), self.shape
        pose = self.motion.pose(now)
        size = pose.size * np.exp(self.zoom.at(now))
        c, s = size * np.cos(pose.angle), size * np.sin(pose.angle)
        turn, centre = np.array([[c, -s], [s, c]]), np.array([width / 2, height / 2])
        return np.column_stack([turn, centre + np.array([pose.x, pose.y]) - turn @ centre])

    def fastest(self, seconds: float) -> float:
        """Pixels a second of any pixel, at most."""
        reach = math.hypot(*self.shape) / 2
        return self.motion.fastest(seconds, reach) + reach * 2 * math.pi * self.zoom.hertz * self.zoom.amplitude


def draw_camera(shape: tuple[int, int], rng: np.random.Generator) -> Camera:
    """Two of five cameras stand; a fourth is held by hand; the others pan, roll or zoom as well."""
    kind = rng.choice(["still", "held", "pan", "roll", "zoom"], p=[0.4, 0.25, 0.17, 0.09, 0.09])
    if kind == "still":
        return Camera(shape, Motion(0.0, 0.0))
    tremor = log_uniform(TREMOR, rng)
    hand = tuple(draw_wave((tremor * rng.uniform(0.3, 1),) * 2, (0.4, 5.0), rng) for _ in range(2))
    speed, heading = log_uniform(SPEED, rng) * (kind == "pan"), rng.uniform(0, 2 * math.pi)
    roll = draw_wave((0.01, 0.3), (0.3, 3.0), rng) if kind == "roll" else draw_wave((1e-4, 3e-3), (0.4, 5.0), rng)
    motion = Motion(
        0.0, 0.0, vx=speed * math.cos(heading), vy=speed * math.sin(heading), sway=(hand[0], hand[1]), swing=roll
    )
    return Camera(shape, motion, draw_wave((0.02, ZOOM), (0.2, 1.0), rng) if kind == "zoom" else STILL)


def draw_wave(amplitude: tuple[float, float], hertz: tuple[float, float], rng: np.random.Generator) -> Wave:
    return Wave(log_uniform(amplitude, rng), log_uniform(hertz, rng), rng.uniform(0, 2 * math.pi))
