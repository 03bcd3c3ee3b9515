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

from collections.abc import Iterable

import numpy as np

from unflare.events import Array, Events
from unflare.events.stream import DTYPES
from unflare.params import Sensor
from unflare.synthesis.intervals import Interval, State
from unflare.synthesis.ordering import unpack
from unflare.synthesis.pixels import disturbances, draw_pixels, draw_residuals, key
from unflare.synthesis.sweep import BLOCKS, sweep
from unflare.synthesis.video import Frame, opened

IMPLEMENTATION = "DVS-Voltmeter, numba"


def simulate(video: Iterable[tuple[int, Frame]], sensor: Sensor, seed: int) -> Events:
    """Events of a video of (time in us, frame (h, w) linear 0 to 255), in time order; constant memory in the video.

    The same video, sensor and seed give the same bits on any number of threads. Two videos with the same seed are seen
    by the same pixels: thresholds, hot pixels and background activity are the same. Raises ValueError where the video
    has no frame, times do not ascend, shapes differ, or a value is negative or not finite.
    """
    shape, frames = opened(video)
    sight, tape = _Sight(sensor, shape, seed), _Tape(shape[0] * shape[1])
    start, a = next((t, _as_light(frame)) for t, frame in frames)
    if not (a.min() >= 0 and a.max() < np.inf):  # the others are looked at when they are passed over
        raise ValueError(_unsound(0, a))
    for stop, frame in frames:
        b = _as_light(frame)
        sight.pass_over(a, b, start, stop, tape)
        start, a = stop, b
    return tape.events(shape)


def _as_light(frame: Frame) -> Array:
    return np.ascontiguousarray(frame, np.float32)


class _Sight:
    """A sensor that looks at a video: its pixels, and their state at the last frame."""

    def __init__(self, sensor: Sensor, shape: tuple[int, int], seed: int) -> None:
        self._sensor, self._seed, self._number = sensor, seed, 0
        self._k, self._pixels = np.array(sensor.k, np.float32), draw_pixels(sensor, shape, seed)
        receptor = np.zeros((shape[0], 2, shape[1]) if sensor.cutoff else (1, 2, 1), np.float32)
        self._state = State(draw_residuals(shape, seed), receptor)
        self._following = State(*(np.zeros_like(part) for part in self._state))

    def pass_over(self, a: Array, b: Array, start: int, stop: int, tape: "_Tape") -> None:
        """Events of the next interval, onto the tape."""
        self._number += 1
        this = self._interval(a, b, stop - start)
        counts = sweep(this, self._state, self._following, *tape.room())
        while counts.max() > tape.width:  # nothing is committed yet, and the draws depend on the counters alone
            tape.widen(int(counts.max()))
            counts = sweep(this, self._state, self._following, *tape.room())
        if counts.min() < 0:
            raise ValueError(_unsound(self._number, b))
        self._state, self._following = self._following, self._state
        tape.keep(start, int(counts.sum()))

    def _interval(self, a: Array, b: Array, span: int) -> Interval:
        sensor, number = self._sensor, self._number
        noise = disturbances(sensor, self._pixels, span, self._seed, number)
        pace = np.float32(2e-6 * np.pi * sensor.cutoff * span)
        stream = np.array([key(self._seed, number)]).view(np.uint32)
        sharpness = self._pixels.sharpness[: None if sensor.mismatch else 1]
        return Interval(a, b, np.float32(span), stream, noise, self._k, sharpness, pace, sensor.refractory)


class _Tape:
    """Packed events of all intervals so far, 8 bytes each, and room for those of the next."""

    def __init__(self, pixels: int) -> None:
        self._buffer = np.empty((BLOCKS, max(256, pixels // BLOCKS)), np.uint64)
        self._events, self._starts, self._ends = np.empty(0, np.uint64), list[int](), [0]

    @property
    def width(self) -> int:
        return self._buffer.shape[1]

    def widen(self, width: int) -> None:
        self._buffer = np.empty((BLOCKS, 2 * width), np.uint64)

    def room(self) -> tuple[Array, Array]:
        """A line for each block of rows, and where their events go."""
        end, size = self._ends[-1], self._buffer.size
        if len(self._events) < end + size:
            events = np.empty(2 * (end + size), np.uint64)
            events[:end] = self._events[:end]
            self._events = events
        return self._buffer, self._events[end : end + size]

    def keep(self, start: int, count: int) -> None:
        self._starts.append(start)
        self._ends.append(self._ends[-1] + count)

    def events(self, shape: tuple[int, int]) -> Events:
        columns = [np.empty(self._ends[-1], DTYPES[name]) for name in "txyp"]
        unpack(self._events, np.array(self._ends, np.int64), np.array(self._starts, np.int64), tuple(columns))
        t, x, y, p = columns
        return Events(t, x, y, p, shape)


def _unsound(number: int, frame: Array) -> str:
    bad = frame[~((frame >= 0) & (frame < np.inf))]
    return f"video: frame {number}: expected finite irradiance of 0 or more, found {bad[0]}"
