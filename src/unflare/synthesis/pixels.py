"""What real sensors add to the model of `voltmeter.py`: pixels that differ, and events that the light has no part in.

A draw is a function of (seed, what it is for, pixel or interval), so that switching one thing on or off, or running on
other threads, changes no draw of another. Everything is off at 0.

    mismatch         deviation of a pixel's threshold from the nominal one, relative; Gaussian, one value per pixel for
                     ON and OFF. A pixel of threshold θ is one of threshold 1 that sees drift and noise divided by θ.
    cutoff           of the photoreceptor's first-order low pass on log irradiance, Hz at white; it falls with the light
                     to 20/275 of that in the dark (in `passage.py`)
    refractory       us after an event in which a pixel sees nothing; it starts anew from 0 (in `passage.py`)
    hot_share        share of the pixels that fire ON events on their own, at
    hot_rate         Hz: the leak of a broken reset switch, which has that one sign
    background_rate  Hz per pixel of events of either sign, beside the model's own leak and noise k4..k6

Events of the last two are a Poisson process, and reset the pixel that fires as any event does.

Hu, Liu & Delbruck, "v2e", CVPRW 2021. Nozaki & Delbruck, "Temperature and Parasitic Photocurrent Effects in Dynamic
Vision Sensors", IEEE Trans. Electron Devices, 2017. Lichtsteiner, Posch & Delbruck, "A 128x128 120 dB 15 us Latency
Asynchronous Temporal Contrast Vision Sensor", IEEE JSSC, 2008.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from unflare.events import Array
from unflare.params import Sensor
from unflare.synthesis.draws import GOLDEN, mixed
from unflare.synthesis.intervals import TIME

LEAST = 0.05  # of the nominal threshold: the lowest a pixel can have
MISMATCH, HOT, HOT_EVENTS, BACKGROUND = -1, -2, -3, -4  # streams of random numbers; intervals of a video count from 0
WORD = (1 << 64) - 1


class Pixels(NamedTuple):
    """The pixels of one sensor: 1 / threshold, float32 (h, w), and which are hot, int64 ascending."""

    sharpness: Array
    hot: Array


@lru_cache(maxsize=2)
def draw_pixels(sensor: Sensor, shape: tuple[int, int], seed: int) -> Pixels:
    size = shape[0] * shape[1]
    threshold = np.ones(size)
    if sensor.mismatch:
        u, angle = _uniform(key(seed, MISMATCH), 2 * size).reshape(2, size)
        threshold += sensor.mismatch * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * angle)
    chosen = _uniform(key(seed, HOT), size) < sensor.hot_share if sensor.hot_share else np.zeros(size, np.bool_)
    sharpness = (1 / np.maximum(threshold, LEAST)).astype(np.float32)
    return Pixels(sharpness.reshape(shape), np.flatnonzero(chosen))


def draw_residuals(shape: tuple[int, int], seed: int) -> Array:
    """Voltages at the start, float32 (h, w), uniform in (-1, 1): pixels do not fire in step."""
    voltage = 1.9999998 * _uniform(key(seed, 0), shape[0] * shape[1]) - 0.9999999
    return voltage.astype(np.float32).reshape(shape)


def disturbances(sensor: Sensor, pixels: Pixels, span: int, seed: int, number: int) -> Array:
    """Events of hot pixels and background activity in interval `number`, `span` us long, as `alone.py` wants
    them: pixel << 32 | offset << 1 | polarity, ascending."""
    found = []
    if sensor.hot_rate and len(pixels.hot):
        place, offset, _ = _poisson(sensor.hot_rate, len(pixels.hot), span, key(int(key(seed, HOT_EVENTS)), number))
        found.append(_packed(pixels.hot[place], offset, 1))
    if sensor.background_rate:
        stream = key(int(key(seed, BACKGROUND)), number)
        place, offset, coin = _poisson(sensor.background_rate, pixels.sharpness.size, span, stream)
        found.append(_packed(place, offset, coin))
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)


def key(seed: int, number: int) -> np.uint64:
    """Of a stream of random numbers, where 64 bits or more of the seed's count."""
    return np.uint64(mixed(np.uint64((int(mixed(np.uint64(seed & WORD))) + number * int(GOLDEN)) & WORD)))


def _packed(pixel: Array, offset: Array, polarity: Array | int) -> Array:
    packed: Array = (pixel << (TIME + 1)) | (offset << 1) | polarity
    return packed


def _poisson(rate: float, pixels: int, span: int, stream: np.uint64) -> tuple[Array, Array, Array]:
    """(pixel, offset in us, coin) int64 of events at `rate` Hz in each of so many pixels, ascending.

    One process along all pixels' intervals laid end to end: the gaps are exponential, pixel and time follow.
    """
    each = rate * 1e-6 * span
    count = int(each * pixels + 8 * np.sqrt(each * pixels) + 16)
    bits = _bits(stream, count)
    along = np.cumsum(-np.log(_unit(bits)))
    if along[-1] < each * pixels:
        raise ArithmeticError(f"a Poisson process of {each * pixels} events had more than {count}")
    chosen = along < each * pixels
    place, rest = np.divmod(along[chosen] / each, 1.0)
    offset = np.minimum((rest * span).astype(np.int64), span - 1)
    return np.minimum(place.astype(np.int64), pixels - 1), offset, (bits[chosen] & np.uint64(1)).astype(np.int64)


def _uniform(stream: np.uint64, count: int) -> Array:
    return _unit(_bits(stream, count))


def _unit(bits: Array) -> Array:
    """In (0, 1)."""
    unit: Array = ((bits >> np.uint64(12)) + 0.5) * 2.0**-52
    return unit


def _bits(stream: np.uint64, count: int) -> Array:
    bits: Array = mixed.py_func(stream + GOLDEN * np.arange(count, dtype=np.uint64))
    return bits
