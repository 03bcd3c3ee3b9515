"""Procedural flare images and their light sources, in the manner of Flare7K: RGB on black, gamma-coded, 8 bit.

A flare is a sum of parts in linear light about the lamp: core, glow, streaks, shimmer, a ring, and ghosts on a line
through the lamp. Each part has a colour of its own, and the light source is the core alone.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from unflare.events import Array

GAMMA = 2.2
SIZE = 480  # pixels, square
WHITE = 6.0  # linear exposure: the core saturates, as it does in photographs


@dataclass(frozen=True)
class _Polar:
    """Coordinates about the lamp: radius (1 at the edge of the image) and angle."""

    r: Array
    angle: Array


def flare_pair(rng: np.random.Generator, size: int = SIZE) -> tuple[Array, Array]:
    """A flare and its light source, each uint8 (size, size, 3), red first."""
    centre = size / 2 + rng.uniform(-0.06, 0.06, 2) * size
    y, x = (np.mgrid[:size, :size] + 0.5 - centre[:, None, None]) / (size / 2)
    polar = _Polar(np.hypot(x, y), np.arctan2(y, x))
    warmth = rng.uniform(0, 1)
    lamp = np.array([1.0, 0.85 - 0.2 * warmth, 0.75 - 0.5 * warmth])
    light = _core(polar, rng)[..., None] * lamp
    flare = light + _glow(polar, rng)[..., None] * _tint(lamp, rng)
    flare += _streaks(polar, rng)[..., None] * _tint(lamp, rng)
    if rng.random() < 0.7:
        flare += _shimmer(polar, rng)[..., None] * _tint(lamp, rng)
    if rng.random() < 0.4:
        flare += _ring(polar, rng)
    if rng.random() < 0.5:
        flare += _ghosts(x, y, rng)
    edge = np.clip((1 - polar.r) / 0.5, 0, 1)[..., None] ** 2  # nothing may end at a straight border of the image
    return _coded(flare * edge), _coded(light)


def _coded(linear: Array) -> Array:
    coded: Array = np.round(255 * np.clip(WHITE * linear, 0, 1) ** (1 / GAMMA)).astype(np.uint8)
    return coded


def _tint(lamp: Array, rng: np.random.Generator) -> Array:
    colour: Array = lamp * rng.uniform(0.6, 1.0, 3)
    colour /= colour.max()
    return colour


def _core(polar: _Polar, rng: np.random.Generator) -> Array:
    radius = rng.uniform(0.02, 0.06)
    core: Array = np.exp(-((polar.r / radius) ** 4))
    return core


def _glow(polar: _Polar, rng: np.random.Generator) -> Array:
    near, far = rng.uniform(0.05, 0.12), rng.uniform(0.2, 0.5)
    glow: Array = 0.15 * np.exp(-polar.r / near) + rng.uniform(0.003, 0.02) * np.exp(-polar.r / far)
    return glow


def _streaks(polar: _Polar, rng: np.random.Generator) -> Array:
    """Two to twelve spikes of different length, or a single long one: what fingers and rain leave on a lens."""
    total: Array = np.zeros_like(polar.r)
    count = int(rng.choice([2, 4, 6, 8, 12]))
    first, even = rng.uniform(0, np.pi), rng.random() < 0.7
    for number in range(count):
        angle = first + 2 * np.pi * number / count if even else rng.uniform(0, 2 * np.pi)
        along = polar.r * np.cos(polar.angle - angle)
        across = polar.r * np.sin(polar.angle - angle)
        width = rng.uniform(0.004, 0.016) * (1 + 2 * np.clip(along, 0, 1))
        reach = rng.uniform(0.12, 0.5)
        total += np.where(along > 0, rng.uniform(0.05, 0.3) * np.exp(-((across / width) ** 2) - along / reach), 0)
    return total


def _shimmer(polar: _Polar, rng: np.random.Generator) -> Array:
    """Fine rays of random strength around the lamp."""
    rays = rng.standard_normal(720) ** 2
    rays = np.convolve(np.tile(rays, 3), np.hanning(int(rng.integers(5, 13))), "same")[720:1440]
    place = (polar.angle + np.pi) / (2 * np.pi) * 720
    strength = np.interp(place, np.arange(721), np.append(rays, rays[0])) / rays.mean()
    shimmer: Array = rng.uniform(0.01, 0.04) * strength * np.exp(-polar.r / rng.uniform(0.08, 0.22))
    return shimmer


def _ring(polar: _Polar, rng: np.random.Generator) -> Array:
    """A halo, red outside and blue inside."""
    radius, width = rng.uniform(0.25, 0.6), rng.uniform(0.01, 0.03)
    radii = radius * np.array([1.03, 1.0, 0.97])
    ring: Array = rng.uniform(0.01, 0.04) * np.exp(-(((polar.r[..., None] - radii) / width) ** 2))
    return ring


def _ghosts(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Soft-edged discs and hexagons on a line through the lamp."""
    total: Array = np.zeros((*x.shape, 3))
    angle = rng.uniform(0, 2 * np.pi)
    sides = int(rng.choice([0, 6]))
    for distance in rng.uniform(0.2, 0.85, int(rng.integers(2, 6))):
        dx, dy = x - distance * np.cos(angle), y - distance * np.sin(angle)
        size = rng.uniform(0.03, 0.12)
        r = np.hypot(dx, dy)
        if sides:
            turn = np.pi / sides
            r = r * np.cos((np.arctan2(dy, dx) + angle) % (2 * turn) - turn) / np.cos(turn)
        disc = 0.5 - 0.5 * np.tanh((r - size) / (0.16 * size))
        total += rng.uniform(0.003, 0.02) * disc[..., None] * rng.uniform(0.3, 1.0, 3)
    return total


def encoded(image: Array) -> bytes:
    """The PNG file of an RGB image, uint8 (h, w, 3)."""
    done, data = cv2.imencode(".png", image[..., ::-1])
    if not done:
        raise ValueError(f"png: an image of shape {image.shape} and {image.dtype} cannot be encoded")
    return bytes(data)
