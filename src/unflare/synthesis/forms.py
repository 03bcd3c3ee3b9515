"""Outlines of things, drawn without steps: what a thing covers of the image, whose middle is the thing's."""

import math
from typing import Literal

import cv2
import numpy as np

from unflare.events import Array
from unflare.synthesis.textures import SOFT

Form = Literal["disc", "polygon", "bar", "wheel", "fan", "hand", "car", "ball", "lamp"]
FINE = 4  # bits after the point of places in OpenCV's drawings


def outline(form: Form, radius: float, half: int, rng: np.random.Generator) -> Array:
    """Cover 0 to 1, float32 (2 half, 2 half), of a form within a circle of that radius in pixels."""
    image = np.zeros((2 * half, 2 * half), np.uint8)
    match form:
        case "polygon" | "bar":
            _fill(image, _polygon(radius, rng) if form == "polygon" else _bar(radius, rng))
        case "fan":
            _fan(image, radius, rng)
        case "wheel":
            _wheel(image, radius, rng)
        case "hand":
            _hand(image, radius, rng)
        case _:
            _disc(image, radius)
    cover: Array = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), SOFT)
    return cover


def _polygon(radius: float, rng: np.random.Generator) -> Array:
    turns = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 9)))
    return _around(radius * rng.uniform(0.4, 1.0, len(turns)), turns)


def _bar(radius: float, rng: np.random.Generator) -> Array:
    width, slant = rng.uniform(0.02, 0.35), rng.uniform(0, math.pi)
    return _around(radius, slant + np.array([-width, width, math.pi - width, math.pi + width]))


def _fan(image: Array, radius: float, rng: np.random.Generator) -> None:
    count, width = int(rng.integers(2, 7)), rng.uniform(0.1, 0.4)
    for turn in np.arange(count) * 2 * math.pi / count:
        _fill(image, _around(radius * np.array([0.05, 1, 1]), turn + np.array([0, -width, width])))


def _wheel(image: Array, radius: float, rng: np.random.Generator) -> None:
    _disc(image, 0.88 * radius, max(1, round(0.2 * radius)))
    count, width = int(rng.integers(3, 12)), rng.uniform(0.03, 0.1) * radius
    for turn in np.arange(count) * 2 * math.pi / count:
        _line(image, turn, 0.88 * radius, width)


def _hand(image: Array, radius: float, rng: np.random.Generator) -> None:
    _disc(image, 0.45 * radius)
    for turn in np.linspace(-1, 1, 5) + rng.uniform(-0.15, 0.15, 5) + rng.uniform(0, 2 * math.pi):
        _line(image, turn, rng.uniform(0.7, 0.88) * radius, 0.18 * radius)


def _around(radius: Array | float, turns: Array) -> Array:
    return np.column_stack([radius * np.cos(turns), radius * np.sin(turns)])


def _placed(image: Array, places: Array) -> Array:
    """Places from the image's middle, in OpenCV's numbers: the middle of the first pixel is 0."""
    fixed: Array = np.rint((places + len(image) / 2 - 0.5) * 2**FINE).astype(np.int32)
    return fixed


def _fill(image: Array, corners: Array) -> None:
    cv2.fillPoly(image, [_placed(image, corners)], 255, cv2.LINE_AA, FINE)


def _disc(image: Array, radius: float, thickness: int = -1) -> None:
    middle = _placed(image, np.zeros(2)).tolist()
    cv2.circle(image, middle, round(radius * 2**FINE), 255, thickness, cv2.LINE_AA, FINE)


def _line(image: Array, turn: float, length: float, width: float) -> None:
    first, last = _placed(image, np.array([[0, 0], [length * math.cos(turn), length * math.sin(turn)]])).tolist()
    cv2.line(image, first, last, 255, max(1, round(width)), cv2.LINE_AA, FINE)
