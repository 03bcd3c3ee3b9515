"""Surfaces without a place of their own: reflectance 0 to 1 of plain walls, clouds, checkers, stripes and writing."""

from typing import Literal

import cv2
import numpy as np

from unflare.events import Array

Texture = Literal["plain", "clouds", "checkers", "stripes", "writing"]
TEXTURES: tuple[Texture, ...] = ("plain", "clouds", "checkers", "stripes", "writing")
SOFT = 0.7  # pixels: what a lens leaves of an edge


def surface(kind: Texture, shape: tuple[int, int], contrast: float, grain: int, rng: np.random.Generator) -> Array:
    """Reflectance float32 (h, w), about 0.4 in the middle; contrast is half that of ln(light), grain in pixels."""
    if kind == "plain":
        pattern = np.zeros(shape, np.float32)
    elif kind == "clouds":
        pattern = _clouds(shape, grain, rng)
    elif kind == "writing":
        pattern = _writing(shape, grain, rng)
    else:
        pattern = _squares(shape, grain, checkered=kind == "checkers")
    worn = 0.1 * _clouds(shape, max(8, grain), rng)  # nothing is quite even
    soft = cv2.GaussianBlur(pattern + worn, (0, 0), SOFT)
    reflectance: Array = np.clip(0.4 * np.exp(contrast * soft), 0.01, 1).astype(np.float32)
    return reflectance


def _clouds(shape: tuple[int, int], grain: int, rng: np.random.Generator) -> Array:
    """Fractal noise of mean 0 and deviation about 1."""
    total: Array = np.zeros(shape, np.float32)
    for octave in range(4):
        size = grain * 2**octave
        coarse = rng.standard_normal((shape[0] // size + 2, shape[1] // size + 2)).astype(np.float32)
        total += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    total /= 2
    return total


def _squares(shape: tuple[int, int], grain: int, *, checkered: bool) -> Array:
    y, x = np.indices(shape) // (2 * grain)
    pattern: Array = np.where((x + (y if checkered else 0)) % 2, 1, -1).astype(np.float32)
    return pattern


def _writing(shape: tuple[int, int], grain: int, rng: np.random.Generator) -> Array:
    """Dark strokes in lines, as letters are."""
    page = np.full(shape, 0.8, np.float32)
    size = 3 * grain
    for top in range(size, shape[0] - size, 2 * size):
        for left in np.arange(0, shape[1] - size, 1.3 * size):
            if rng.random() < 0.85:
                corner = np.array([int(left), top])
                strokes = (corner + rng.integers(0, size + 1, (3, 2))).astype(np.int32)
                cv2.polylines(page, [strokes], isClosed=False, color=-1.2, thickness=max(1, grain // 3))
    return page
