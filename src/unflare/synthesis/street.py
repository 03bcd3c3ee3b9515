"""Textures of the embedded street: its surfaces in one atlas that repeats along the street, and cars from behind."""

import cv2
import numpy as np

from unflare.events import Array

METRE = 24  # texels
PERIOD = 1024  # texels along the street, after which it repeats


def atlas(seed: int, contrast: float, half_street: float, facade: float, scales: int) -> Array:
    """Reflectance 0 to 1 float32: rows are ground (left to right), left and right facade (ground to roof); columns are
    the way along the street. Below it stand the same surfaces at half the detail, and so on, `scales` in all.
    """
    rng = np.random.default_rng(seed)
    surfaces = [
        _ground(rng, round(2 * half_street * METRE), contrast),
        _facade(rng, round(facade * METRE), contrast),
        _facade(rng, round(facade * METRE), contrast),
    ]
    finest = np.vstack(surfaces)
    stack = [finest]
    for scale in range(1, scales):
        stack.append(np.vstack([_blurred(surface, 0.5 * 2**scale) for surface in surfaces]))
    return np.vstack(stack).astype(np.float32)


def rear_view(seed: int) -> Array:
    """A car from behind or in front, float32 (75, 90, 3): reflectance, lamps and cover, 0 to 1, times the cover."""
    rng = np.random.default_rng(seed)
    car = np.zeros((75, 90, 3), np.float32)
    paint = rng.uniform(0.1, 0.9)
    cv2.rectangle(car, (4, 28), (85, 66), (paint, 0, 1), -1)
    cv2.rectangle(car, (14, 5), (75, 30), (paint, 0, 1), -1)
    cv2.rectangle(car, (18, 9), (71, 27), (0.05, 0, 1), -1)
    cv2.rectangle(car, (34, 50), (56, 57), (0.95, 0, 1), -1)
    for left in (8, 68):
        cv2.rectangle(car, (left, 64), (left + 13, 73), (0.02, 0, 1), -1)
        cv2.circle(car, (left + 6, 40), 5, (0.9, 1, 1), -1)
    soft: Array = cv2.GaussianBlur(car, (0, 0), 0.8)
    return soft


def _noise(rng: np.random.Generator, rows: int, finest: int, octaves: int) -> Array:
    """Fractal noise of mean 0 and deviation about 1 that repeats along its columns."""
    total: Array = np.zeros((rows, PERIOD), np.float32)
    for octave in range(octaves):
        grain = finest * 2**octave
        coarse = rng.standard_normal((rows // grain + 2, PERIOD // grain)).astype(np.float32)
        wrapped = np.hstack([coarse[:, -2:], coarse, coarse[:, :2]])
        fine = cv2.resize(wrapped, (wrapped.shape[1] * grain, wrapped.shape[0] * grain), interpolation=cv2.INTER_CUBIC)
        total += fine[:rows, 2 * grain : 2 * grain + PERIOD]
    total /= np.sqrt(octaves)
    return total


def _blurred(surface: Array, sigma: float) -> Array:
    margin = int(4 * sigma) + 1
    wrapped = np.hstack([surface[:, -margin:], surface, surface[:, :margin]])
    soft: Array = cv2.GaussianBlur(wrapped, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    middle: Array = soft[:, margin:-margin]
    return middle


def _ground(rng: np.random.Generator, rows: int, contrast: float) -> Array:
    asphalt: Array = 0.3 * np.exp(0.5 * contrast * _noise(rng, rows, 3, 5))
    middle = rows // 2
    for line, dash in ((middle - 2 * METRE, 6), (middle + 3 * METRE, 0)):
        for start in range(0, PERIOD, 2 * dash * METRE or PERIOD):
            asphalt[line : line + 4, start : start + (dash * METRE or PERIOD)] = 0.85
    for kerb in (int(1.5 * METRE), rows - int(1.5 * METRE)):
        asphalt[kerb : kerb + 3] *= 1.8
    for _ in range(25):
        x, y = int(rng.integers(PERIOD)), int(rng.integers(rows))
        cv2.circle(asphalt, (x, y), int(rng.integers(4, 16)), float(rng.uniform(0.08, 0.5)), -1)
    ground: Array = np.clip(asphalt, 0.02, 1)
    return ground


def _facade(rng: np.random.Generator, rows: int, contrast: float) -> Array:
    """House after house, each of its own paint, with windows and a door."""
    wall: Array = np.exp(0.4 * contrast * _noise(rng, rows, 3, 5))
    column = 0
    while column < PERIOD:
        width = min(int(rng.uniform(5, 14) * METRE), PERIOD - column)
        wall[:, column : column + width] *= rng.uniform(0.25, 0.7)
        pitch = int(rng.uniform(1.8, 3.2) * METRE)
        for left in range(column + METRE // 2, column + width - METRE, pitch):
            for floor in range(METRE, rows - METRE, 3 * METRE):
                shade = rng.choice([0.05, 0.12, 0.9], p=[0.5, 0.3, 0.2]) * contrast + 0.3 * (1 - contrast)
                wall[floor : floor + int(1.5 * METRE), left : left + METRE] = shade
        column += width
    facade: Array = np.clip(wall, 0.02, 1)
    return facade
