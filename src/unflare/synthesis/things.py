"""What moves before a wall: plain and textured shapes, wheels and fans, hands, cars, shiny balls and small lamps."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.forms import Form, outline
from unflare.synthesis.motion import Motion
from unflare.synthesis.street import rear_view
from unflare.synthesis.textures import Texture, surface

WINDOWS = 15  # bright places of a room, which shiny things reflect
ROOM = 256  # pixels of the picture of a room


@dataclass(frozen=True)
class Thing:
    """One thing and how it moves.

    radius   pixels, of the circle about it
    paint    reflectance in the middle, 0 to 1
    gloss    share of the light that a ball mirrors; for flat things, how much brighter a glint is than white
    lamp     irradiance, 0 to 255, of what shines by itself
    """

    form: Form
    radius: float
    paint: float
    texture: Texture
    contrast: float
    gloss: float
    lamp: float
    motion: Motion
    seed: int


def picture(thing: Thing) -> Array:
    """Reflectance, own light and cover, float32 (n, n, 3), each 0 to 1 and times the cover; the thing's centre is the
    image's.
    """
    rng, half = np.random.default_rng(thing.seed), math.ceil(thing.radius) + 3
    if thing.form == "car":
        return _padded(cv2.resize(rear_view(thing.seed), None, fx=thing.radius / 55, fy=thing.radius / 55), half)
    if thing.form == "lamp":
        y, x = np.indices((2 * half, 2 * half)) + 0.5 - half
        glow = np.exp(-(x**2 + y**2) / (2 * (thing.radius / 2) ** 2)).astype(np.float32)
        return np.dstack([np.zeros_like(glow), glow, glow])
    cover = outline(thing.form, thing.radius, half, rng)
    grain = max(2, round(thing.radius * rng.uniform(0.05, 0.4)))
    paint = np.clip(thing.paint / 0.4 * surface(thing.texture, cover.shape, thing.contrast, grain, rng), 0, 1)
    return np.dstack([cover * paint, np.zeros_like(cover), cover])


def _padded(image: Array, half: int) -> Array:
    padded = np.zeros((2 * half, 2 * half, 3), np.float32)
    top, left = half - image.shape[0] // 2, half - image.shape[1] // 2
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    return padded


def room(seed: int, ambient: float) -> Array:
    """What shiny balls mirror, irradiance float32 (`ROOM`, `ROOM`): dim walls, windows and lamps that outshine them."""
    rng = np.random.default_rng(seed)
    walls = ambient * surface("clouds", (ROOM, ROOM), rng.uniform(0.5, 1.5), int(rng.integers(4, 12)), rng)
    for _ in range(rng.integers(3, WINDOWS)):
        left, top = rng.integers(20, ROOM - 50, 2).tolist()
        width, height = rng.integers(3, 45, 2).tolist()
        cv2.rectangle(walls, (left, top), (left + width, top + height), ambient * float(rng.uniform(2, 12)), -1)
    soft: Array = cv2.GaussianBlur(walls, (0, 0), 1.5)
    return soft
