# mypy: disable-error-code="untyped-decorator, no-any-return"
"""A flare image under a script, as a video for the simulator and as exact light at any event.

Dai et al., Flare7K, NeurIPS 2022: images are coded with a gamma of 1.8 to 2.2, undone here before anything is added or
compared, and have a black level, which is removed.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit, prange

from unflare.events import Array
from unflare.synthesis.lamp import Script

WHITE = 255.0
SATURATED = 0.8  # of the linear white: from here on a picture's pixel says less and less of the light that fell on it


class Pair(NamedTuple):
    """The linear images of a flare and of its light source, float32 of one shape, nowhere light > flare."""

    flare: Array
    light: Array


def read_pair(flare: Path, light: Path, gamma: float) -> Pair:
    """Both pictures in linear light, white 1. Raises ValueError of one sentence: unreadable, or of two sizes."""
    images = [_image(path) for path in (flare, light)]
    if images[0].shape != images[1].shape:
        sizes = f"{images[0].shape[:2]}, found {images[1].shape[:2]}"
        raise ValueError(f"{light}: expected the size of its flare {sizes}")
    return linear_pair(images[0], images[1], gamma)


def linear_pair(flare: Array, light: Array, gamma: float) -> Pair:
    """Two coded pictures of one size, uint8 (h, w, 3), in linear light, white 1."""
    images = [_linear(coded, gamma) for coded in (flare, light)]
    return Pair(np.maximum(*images), images[1])


def _image(path: Path) -> Array:
    coded: Array | None = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if coded is None:
        raise ValueError(f"{path}: expected an image, found nothing that can be decoded")
    return coded


def _linear(coded: Array, gamma: float) -> Array:
    """Equal parts of red, green and blue, for an event sensor has no color filter and sees all of them."""
    table = ((np.arange(256) / 255) ** gamma).astype(np.float32)
    image = table[coded].mean(axis=2)
    low, high = image.min(), image.max()
    return (image - low) * (high / (high - low)) if high > low else np.zeros_like(image)


def unclipped(image: Array, core: float) -> Array:
    """Linear light as it may have been before the picture clipped it: white becomes `core`, and what is near it rises.

    A lamp's core is orders brighter than its streaks; a picture of 8 bits cannot say so. Order is kept.
    """
    above = np.clip((image - SATURATED) / (1 - SATURATED), 0, 1) ** 2
    return np.asarray(image * (1 + (core - 1) * above), np.float32)


class Glow:
    """One image under a script: linear light, white = 255 times the script's brightness."""

    def __init__(self, image: Array, script: Script, shape: tuple[int, int]) -> None:
        self.shape, self._script = shape, script
        # Shrunk to its final size before it is moved, with every pixel averaged: sampling it then cannot alias.
        ratio = script.scale * max(shape) / min(image.shape)
        size = (max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio)))
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
        lit, self._centre = _lit(cv2.copyMakeBorder(scaled, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0))
        self._image = np.ascontiguousarray(lit * np.float32(WHITE * script.brightness), np.float32)
        self._inverse = np.linalg.inv(script.axes())

    def add(self, t: int, frame: Array) -> None:
        """The light at a time in us, added to a frame (h, w) float32."""
        power, inverse = np.float32(self._script.power(np.array(t))), self._inverse / self._script.size(np.array(t))
        column, row = self._image_place(t, np.zeros(1), np.zeros(1))
        _paint(self._image, inverse, column[0], row[0], power, frame)

    def at(self, t: Array, x: Array, y: Array) -> Array:
        """Linear light, float32 (n,), at times in us and pixels."""
        light = _sample(self._image, *self._image_place(t, x, y))
        return (light * self._script.power(t)).astype(np.float32)

    def _image_place(self, t: Array | int, x: Array, y: Array) -> tuple[Array, Array]:
        """Where the frame's pixels lie in the image, (column, row)."""
        right, down = self._script.position(np.asarray(t))
        size = self._script.size(np.asarray(t))
        dx = (x - (self.shape[1] - 1) / 2 - right) / size
        dy = (y - (self.shape[0] - 1) / 2 - down) / size
        (a, b), (c, d) = self._inverse
        return self._centre[0] + a * dx + b * dy, self._centre[1] + c * dx + d * dy


class Glows:
    """Several at once, of one sensor: their light adds up.

    frames  the video, one frame (h, w) float32 per time
    at      the light at events; equal to the frames where and when there is one
    """

    def __init__(self, parts: Sequence[Glow]) -> None:
        self.parts = parts

    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, frame) at these times."""
        for t in times:
            frame = np.zeros(self.parts[0].shape, np.float32)
            for part in self.parts:
                part.add(int(t), frame)
            yield int(t), frame

    def at(self, t: Array, x: Array, y: Array) -> Array:
        """Linear light, float32 (n,), at times in us and pixels."""
        light = np.zeros(len(t), np.float32)
        for part in self.parts:
            light += part.at(t, x, y)
        return light


def _lit(image: Array) -> tuple[Array, tuple[float, float]]:
    """The part of an image that is not black, with a black border; and where the image's centre is in it."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return image[:2, :2], (0.0, 0.0)
    top, left = rows[0] - 1, columns[0] - 1
    part = image[top : rows[-1] + 2, left : columns[-1] + 2]
    return part, ((image.shape[1] - 1) / 2 - left, (image.shape[0] - 1) / 2 - top)


@njit(inline="always")
def _bilinear(image: Array, column: float, row: float) -> float:
    """Between four pixels; 0 outside the image, whose border is 0 as well."""
    height, width = image.shape
    if not (0.0 <= column < width - 1 and 0.0 <= row < height - 1):
        return 0.0
    i, j = int(row), int(column)
    u, v = column - j, row - i
    upper = image[i, j] + u * (image[i, j + 1] - image[i, j])
    lower = image[i + 1, j] + u * (image[i + 1, j + 1] - image[i + 1, j])
    return upper + v * (lower - upper)


@njit(inline="always")
def _inside(start: float, step: float, size: int, first: int, last: int) -> tuple[int, int]:
    """The x of first, ..., last - 1 for which start + step x can lie in 0..size - 1, one more at either end."""
    if step == 0.0:
        return (first, last) if 0.0 <= start <= size - 1 else (first, first)
    ends = (-start / step, (size - 1 - start) / step)
    return max(first, math.floor(min(ends))), min(last, math.ceil(max(ends)) + 1)


@njit(parallel=True, cache=True)
def _paint(image: Array, inverse: Array, column: float, row: float, power: np.float32, frame: Array) -> None:
    (a, b), (c, d) = (inverse[0, 0], inverse[0, 1]), (inverse[1, 0], inverse[1, 1])
    height, width = image.shape
    for y in prange(frame.shape[0]):
        first, last = _inside(column + b * y, a, width, 0, frame.shape[1])
        first, last = _inside(row + d * y, c, height, first, last)
        for x in range(first, last):
            frame[y, x] += power * _bilinear(image, column + a * x + b * y, row + c * x + d * y)


@njit(cache=True)
def _sample(image: Array, column: Array, row: Array) -> Array:
    light = np.empty(len(column), np.float32)
    for i in range(len(column)):
        light[i] = _bilinear(image, column[i], row[i])
    return light
