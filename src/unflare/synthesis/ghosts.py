"""Reflective flare: ghosts of a lamp, by light that lens surfaces send back and forth before it reaches the sensor.

To first order in the angles a pair of surfaces images the lamp at a fixed multiple of its place from the image centre
(Hullin et al., "Physically-based real-time lens flare rendering", SIGGRAPH 2011), so a ghost moves along the line
through lamp and centre: with the lamp, faster, or against it. It shows the aperture, sharp or soft, a little larger in
one color than in another, and is many times fainter than the lamp.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from unflare.events import Array
from unflare.params import Lamp
from unflare.synthesis.flare import Glow
from unflare.synthesis.lamp import Script, log_uniform

SIDE = 128  # pixels of a drawn ghost; it is scaled to its size in the frame
FAINTEST, BRIGHTEST = 0.004, 0.08  # of the linear white, log-uniform


@dataclass(frozen=True)
class Ghost:
    """One pair of surfaces of a lens.

    follow      place of the ghost in units of the lamp's, from the image centre; negative is opposite the lamp
    size        of the aperture's image, in units of the frame's longer side
    blades      of the aperture; 0 is round
    softness    of the edge, as a share of the radius
    rim         how much brighter the edge is than the middle, -1 to 1
    chromatic   difference in size between the colors, as a share
    brightness  of the middle, as a share of the linear white
    """

    follow: float
    size: float
    blades: int
    softness: float
    rim: float
    chromatic: float
    brightness: float

    def picture(self) -> Array:
        """The aperture in linear light, float32 (SIDE, SIDE), mean of red, green and blue."""
        scales = (1 - self.chromatic, 1.0, 1 + self.chromatic)
        largest = 0.45 * SIDE / scales[-1]
        colors = [_aperture(largest * scale, self.blades, self.softness * largest, self.rim) for scale in scales]
        return np.asarray(self.brightness * np.mean(colors, axis=0), np.float32)

    def glow(self, script: Script, shape: tuple[int, int]) -> Glow:
        """The ghost of the lamp that follows `script`, in a frame of this shape."""
        path = replace(script, x=self.follow * script.x, y=self.follow * script.y, speed=self.follow * script.speed)
        still = replace(path, rotation=0.0, shear=0.0, mirrored=False, growth=0.0, scale=self.size / 0.9)
        return Glow(self.picture(), still, shape)


def draw_lens(lamp: Lamp, rng: np.random.Generator) -> tuple[Ghost, ...]:
    """The ghosts of one lens: one aperture, as many pairs of surfaces as the parameters allow."""
    blades = int(rng.choice([0, 5, 6, 7, 8]))
    return tuple(
        Ghost(
            follow=float(rng.uniform(-1.4, 1.4)),
            size=float(rng.uniform(0.03, 0.25)),
            blades=blades,
            softness=float(rng.uniform(0.02, 0.4)),
            rim=float(rng.uniform(-0.5, 0.8)),
            chromatic=float(rng.uniform(0.0, 0.08)),
            brightness=log_uniform((FAINTEST, BRIGHTEST), rng),
        )
        for _ in range(rng.integers(lamp.ghosts[0], lamp.ghosts[1] + 1))
    )


def _aperture(radius: float, blades: int, softness: float, rim: float) -> Array:
    """A disc or a polygon of this radius in pixels, 0 to 1 and up to 1 + rim at its edge, float32 (SIDE, SIDE)."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(x, y)
    if blades:
        sector = math.pi / blades
        angle = (np.arctan2(y, x) + sector) % (2 * sector) - sector
        distance = distance * np.cos(angle) / math.cos(sector)
    inside = np.clip((radius - distance) / max(1.0, softness) + 0.5, 0, 1)
    shade = 1 + rim * np.clip(distance / radius, 0, 1) ** 2
    soft: Array = cv2.GaussianBlur((inside * shade).astype(np.float32), (0, 0), 0.7)
    return soft
