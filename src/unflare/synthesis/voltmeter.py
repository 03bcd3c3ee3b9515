"""DVS-Voltmeter: from video to events, by a stochastic process at every pixel.

Lin, Ma, Guo & Wen, "DVS-Voltmeter: Stochastic Process-based Event Simulator for Dynamic Vision Sensors", ECCV 2022,
Eqs. 10-11 and Algorithm 1. Between two frames at t_a < t_b a pixel's voltage is a Brownian motion with drift; the
sensor fires where it first leaves (-1, 1), and the voltage starts anew at 0.

    L       irradiance, linear, 0 to 255 (above 255 where a lamp outshines white)
    k1..k6  constants of the sensor
    μ       drift, per us:       k1 log((L_b + k2) / (L_a + k2)) / (t_b - t_a) + k4 + k5 L_m,  L_m = (L_a + L_b) / 2
    σ       noise, per sqrt(us): k3 sqrt(L_m) / (L_m + k2) + k6
    v       residual voltage, carried from frame to frame; starts uniform in (-1, 1), so that pixels do not fire in step
    ε       distance to the barrier that v heads for: 1 - v (ON) or 1 + v (OFF); the other is 2 - ε away

The barrier along the drift is hit first with probability (1 - exp(-2|μ|(2-ε)/σ²)) / (1 - exp(-4|μ|/σ²)), or 1 - ε/2
without drift. Given the barrier, the waiting time τ is inverse Gaussian, of mean ε/|μ| and shape (ε/σ)² (also against
the drift: a path conditioned on the barrier is one with the drift turned round). Michael, Schucany & Haas (1976) draw
it from y = N(0, 1)²; with q = y σ²/(2ε) and g = |μ| + q + sqrt(q (q + 2|μ|)) their two roots are τ = ε/g and ε g/μ²,
the first with probability g/(g + |μ|). Nothing divides by μ: at μ = 0 it is the Lévy law ε²/(σ² y) itself.

The paper's drift has (L_b - L_a) / (L_m + k2) where ours has the logarithm, which is the mean of k1 dL/dt / (L + k2)
over a linear ramp. The paper's is its midpoint rule: right for small steps, and never above 2, so that black to white
(255) in one interval gave 9 events where the same ramp in many intervals gives k1 log((255 + k2) / k2) = 13.8. With
the mean, the number of events does not depend on how often a video is sampled, only on the extremes that it passes.

What the model leaves out and real sensors have is in `pixels.py`; with all of it at 0 the bits are the plain model's.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from unflare.events import Array, Events, empty
from unflare.params import Sensor
from unflare.synthesis.passage import BLOCKS, interval, residuals
from unflare.synthesis.pixels import disturbances, draw_pixels, key

IMPLEMENTATION = "DVS-Voltmeter, numba"


def simulate(video: Iterable[tuple[int, Array]], sensor: Sensor, seed: int) -> Events:
    """Events of a video of (time in us, frame (h, w) linear 0 to 255), in time order; constant memory in the video.

    The same video, sensor and seed give the same bits on any number of threads. Two videos with the same seed are seen
    by the same pixels: thresholds, hot pixels and background activity are the same. Raises ValueError where the video
    has no frame, times do not ascend, shapes differ, or a value is negative or not finite.
    """
    frames = _checked(video)
    first = next(frames, None)
    if first is None:
        raise ValueError("video: expected at least one frame, found none")
    shape = first[1].shape
    k, pixels = np.array(sensor.k, np.float64), draw_pixels(sensor, shape, seed)
    traits = (pixels.sharpness, float(sensor.cutoff), int(sensor.refractory))
    lag = np.zeros(shape if sensor.cutoff else (0, 0), np.float32)
    state = (residuals(shape[0] * shape[1], key(seed, 0)).reshape(shape), lag)
    following = (np.empty_like(state[0]), np.empty_like(lag))
    buffer = np.empty((BLOCKS, max(256, shape[0] * shape[1] // BLOCKS)), np.int64)
    parts = []
    for number, ((start, a), (stop, b)) in enumerate(pairwise(_chained(first, frames)), 1):
        noise = disturbances(sensor, pixels, stop - start, seed, number)
        passage = (a, b, float(stop - start), k, traits, noise, key(seed, number), state, following)
        counts = interval(*passage, buffer)
        if counts.max() > buffer.shape[1]:  # nothing is committed yet, and the draws depend on the counters alone
            buffer = np.empty((BLOCKS, 2 * int(counts.max())), np.int64)
            counts = interval(*passage, buffer)
        state, following = following, state
        parts.append(_sorted(buffer, counts, start, stop, shape))
    return _joined(parts, shape)


def _chained(first: tuple[int, Array], rest: Iterator[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
    yield first
    yield from rest


def _checked(video: Iterable[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
    previous, shape = -1, None
    for number, (t, frame) in enumerate(video):
        if t <= previous:
            raise ValueError(f"video: frame {number}: expected a time after {previous} us, found {t} us")
        if frame.ndim != 2 or frame.shape != (shape or frame.shape):
            raise ValueError(f"video: frame {number}: expected shape {shape or '(h, w)'}, found {frame.shape}")
        if not (frame.size and frame.min() >= 0 and frame.max() < np.inf):
            raise ValueError(f"video: frame {number}: expected finite irradiance of 0 or more, found {_worst(frame)}")
        previous, shape = t, frame.shape
        yield int(t), np.ascontiguousarray(frame, np.float32)


def _worst(frame: Array) -> str:
    bad = frame[~((frame >= 0) & (frame < np.inf))]
    return str(bad[0]) if bad.size else "no pixel"


def _sorted(buffer: Array, counts: Array, start: int, stop: int, shape: tuple[int, int]) -> Events:
    """The events of one interval by time, ties by pixel. A packed event is offset << 33 | pixel << 1 | polarity."""
    packed = np.concatenate([buffer[block, :count] for block, count in enumerate(counts)])
    offset = packed >> 33
    packed = packed[np.argsort(offset.astype(np.min_scalar_type(stop - start)), kind="stable")]
    y, x = np.divmod((packed >> 1) & 0xFFFFFFFF, shape[1])
    p = (packed & 1).astype(np.uint8)
    return Events(start + (packed >> 33), x.astype(np.uint16), y.astype(np.uint16), p, shape)


def _joined(parts: list[Events], shape: tuple[int, int]) -> Events:
    parts = [empty(shape), *parts]
    t, x, y, p = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x", "y", "p"))
    return Events(t, x, y, p, shape)
