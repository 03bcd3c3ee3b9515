"""What moves before a wall: plain and textured shapes, wheels and fans, hands, cars, shiny balls and small lamps."""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.motion import Motion
from unflare.synthesis.street import rear_view
from unflare.synthesis.textures import Texture, surface

Form = Literal["disc", "polygon", "bar", "wheel", "fan", "hand", "car", "ball", "lamp"]
FINE = 4  # bits after the point of places in OpenCV's drawings
SOFT = 0.7  # pixels: what a lens leaves of an edge
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
    cover = cv2.GaussianBlur(_cover(thing, half, rng), (0, 0), SOFT)
    grain = max(2, round(thing.radius * rng.uniform(0.05, 0.4)))
    paint = np.clip(thing.paint / 0.4 * surface(thing.texture, cover.shape, thing.contrast, grain, rng), 0, 1)
    return np.dstack([cover * paint, np.zeros_like(cover), cover])


def _padded(image: Array, half: int) -> Array:
    padded = np.zeros((2 * half, 2 * half, 3), np.float32)
    top, left = half - image.shape[0] // 2, half - image.shape[1] // 2
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    return padded


def _cover(thing: Thing, half: int, rng: np.random.Generator) -> Array:
    image, r = np.zeros((2 * half, 2 * half), np.uint8), thing.radius
    match thing.form:
        case "polygon":
            turns = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 9)))
            _fill(image, _around(half, r * rng.uniform(0.4, 1.0, len(turns)), turns))
        case "bar":
            width, slant = rng.uniform(0.02, 0.35), rng.uniform(0, math.pi)
            _fill(image, _around(half, r, slant + np.array([-width, width, math.pi - width, math.pi + width])))
        case "fan":
            count, width = int(rng.integers(2, 7)), rng.uniform(0.1, 0.4)
            for turn in np.arange(count) * 2 * math.pi / count:
                _fill(image, _around(half, r * np.array([0.05, 1, 1]), turn + np.array([0, -width, width])))
        case "wheel":
            _ring(image, half, 0.88 * r, 0.2 * r)
            for turn in np.arange(rng.integers(3, 12)) * 2 * math.pi / rng.integers(3, 12):
                _line(image, half, turn, 0.88 * r, rng.uniform(0.03, 0.1) * r)
        case "hand":
            cv2.circle(image, (half, half), round(0.45 * r), 255, -1, cv2.LINE_AA)
            for turn in np.linspace(-1, 1, 5) + rng.uniform(-0.15, 0.15, 5) + rng.uniform(0, 2 * math.pi):
                _line(image, half, turn, rng.uniform(0.7, 0.88) * r, 0.18 * r)
        case _:
            cv2.circle(image, (half << FINE, half << FINE), round(r * 2**FINE), 255, -1, cv2.LINE_AA, FINE)
    cover: Array = image.astype(np.float32) / 255
    return cover


def _around(half: int, radius: Array | float, turns: Array) -> Array:
    return half + np.column_stack([radius * np.cos(turns), radius * np.sin(turns)])


def _fill(image: Array, corners: Array) -> None:
    cv2.fillPoly(image, [np.rint(corners * 2**FINE).astype(np.int32)], 255, cv2.LINE_AA, FINE)


def _ring(image: Array, half: int, radius: float, width: float) -> None:
    place = (half << FINE, half << FINE)
    cv2.circle(image, place, round(radius * 2**FINE), 255, max(1, round(width)), cv2.LINE_AA, FINE)


def _line(image: Array, half: int, turn: float, length: float, width: float) -> None:
    end = half + length * np.array([math.cos(turn), math.sin(turn)])
    first, last = (half << FINE, half << FINE), np.rint(end * 2**FINE).astype(int).tolist()
    cv2.line(image, first, last, 255, max(1, round(width)), cv2.LINE_AA, FINE)


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
