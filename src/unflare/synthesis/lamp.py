"""What a lamp does during a scene: how it is placed, how it moves, how its brightness goes. One script, one clock."""

import math
from dataclasses import dataclass

import numpy as np

from unflare.events import Array
from unflare.params import Lamp, Waveform

STRAIGHT = 0.5  # share of lamps that move in a straight line
TURN = math.pi / 3  # of the others, the change of heading within a scene, at most
CEILING = 10_000  # rendered frames a second, at most, for lamps of up to half as many cycles
FINEST = 8  # frames a cycle, at least, where the ceiling allows
STEP = 0.5  # pixels that a lamp moves in a frame, at most, where the ceiling allows
EDGE = 100.0  # us that a jump of the brightness takes in the frames, at most
AFTER = np.array([[0.0], [1.0], [3.0]])  # times that, after a jump: a sensor follows it as fast at first, then slower
PEAK: dict[Waveform, float] = {"sine": 0.25}  # where the brightest is; 0 or 0.5 in the others
DECAY = 3.0  # of the waveform "exponential": a cycle falls to exp(-3) of its peak


@dataclass(frozen=True)
class Script:
    """One lamp through one scene; the flare and its light source follow the same script.

    brightness          of the image: its white is 255 times that, in linear light
    rotation, shear     radians
    scale               at half time, the image's shorter side in units of the frame's longer one
    growth              change of log(scale) within the scene: a lamp that comes nearer grows
    mirrored            left and right exchanged
    x, y                of the image's centre at half time, pixels from the frame's centre
    speed, heading      pixels a second, and radians at half time
    turn                radians by which the heading changes within the scene
    duration            microseconds
    waveform            None is a steady lamp
    hertz, floor, phase cycles a second; darkest brightness as a share of the brightest; 0..1 of a cycle at t = 0
    duty                of the waveform "pwm": the share of a cycle that it is bright
    """

    brightness: float
    rotation: float
    shear: float
    scale: float
    growth: float
    mirrored: bool
    x: float
    y: float
    speed: float
    heading: float
    turn: float
    duration: int
    waveform: Waveform | None
    hertz: float
    floor: float
    phase: float
    duty: float

    def power(self, t: Array) -> Array:
        """Brightness at times in us, floor to 1."""
        if self.waveform is None:
            return np.ones(np.shape(t), np.float64)
        cycle = (self.hertz * 1e-6 * np.asarray(t, np.float64) + self.phase) % 1.0
        power: Array = self.floor + (1 - self.floor) * _wave(self.waveform, cycle, self.duty)
        return power

    def position(self, t: Array) -> tuple[Array, Array]:
        """Where the image's centre is at times in us, pixels right of and below the frame's: an arc or a line."""
        travelled = self.speed * 1e-6 * (np.asarray(t, np.float64) - self.duration / 2)
        bend = self.turn * (np.asarray(t, np.float64) / self.duration - 0.5)
        chord = travelled * np.sinc(bend / (2 * math.pi))  # of an arc that starts with the heading and turns by `bend`
        heading = self.heading + bend / 2
        return self.x + chord * np.cos(heading), self.y + chord * np.sin(heading)

    def size(self, t: Array) -> Array:
        """How large the image is at times in us, in units of its size at half time."""
        size: Array = np.exp(self.growth * (np.asarray(t, np.float64) / self.duration - 0.5))
        return size

    def times(self, rate: int) -> Array:
        """When to render, int64 us ascending, from 0 to the duration: `rate` frames a second, or more for fast changes.

        No brightest and no darkest instant is missed: frames keep step with the flicker, an even number a cycle, and
        stand on either side of a jump. Between two frames the brightness then rises or falls, and the number of events
        of a lamp that stands still does not depend on the rate.
        """
        rate = min(CEILING, max(rate, math.ceil(self.speed / STEP)))
        if self.waveform is None:
            count = max(1, round(self.duration * rate / 1e6))
            return np.linspace(0, self.duration, count + 1).round().astype(np.int64)
        count = min(2 * math.ceil(max(FINEST, rate / self.hertz) / 2), max(2, int(CEILING / self.hertz) // 2 * 2))
        cycles = np.arange(-1, math.ceil(self.duration * 1e-6 * self.hertz) + 1)[:, None]
        jumps = self._jumps()
        edge = min(EDGE * 1e-6 * self.hertz, 0.5 / count)
        inside = np.concatenate([np.arange(count) / count + PEAK.get(self.waveform, 0.0), *(jumps + AFTER * edge)])
        before = jumps - edge
        # A microsecond late rather than early: a jump is then over.
        late, early = (np.floor((cycles + c - self.phase) * 1e6 / self.hertz).ravel() for c in (inside, before))
        times = np.concatenate([[0, self.duration], late + 1, early]).astype(np.int64)
        return np.unique(times[(times >= 0) & (times <= self.duration)])

    def _jumps(self) -> Array:
        """Where in a cycle the brightness jumps."""
        match self.waveform:
            case "square":
                return np.array([0.0, 0.5])
            case "pwm":
                return np.array([0.0, self.duty])
            case "exponential":
                return np.array([0.0])
        return np.array([])

    def axes(self) -> Array:
        """The image's axes in the frame, (2, 2): a step in the scaled image becomes a step in the frame."""
        c, s = math.cos(self.rotation), math.sin(self.rotation)
        mirror = np.diag([-1.0 if self.mirrored else 1.0, 1.0])
        axes: Array = np.array([[c, -s], [s, c]]) @ np.array([[1.0, math.tan(self.shear)], [0.0, 1.0]]) @ mirror
        return axes


def draw_script(lamp: Lamp, shape: tuple[int, int], duration: int, mains: float, rng: np.random.Generator) -> Script:
    """A lamp within the ranges of the parameters; `shape` is the frame's (height, width), duration microseconds.

    It is steady, or follows the mains, `mains` cycles of brightness a second, or is a dimmed LED, which is switched on
    and off (pulse width modulation). Brightness and the dimmer's frequency are uniform in the logarithm; most lamps
    move slowly, and some fast.
    """
    height, width = shape
    kind = rng.random()
    steady, dimmed = kind < lamp.steady, lamp.steady <= kind < lamp.steady + lamp.dimmed
    waveform: Waveform = "pwm" if dimmed else lamp.waveforms[rng.integers(len(lamp.waveforms))]
    return Script(
        brightness=log_uniform(lamp.brightness, rng),
        rotation=rng.uniform(0, 2 * math.pi),
        shear=math.radians(rng.uniform(-lamp.shear, lamp.shear)),
        scale=rng.uniform(*lamp.scale),
        growth=lamp.growth * rng.uniform(-1, 1) ** 3,
        mirrored=bool(rng.random() < 0.5),
        x=width * rng.uniform(-lamp.translation, lamp.translation),
        y=height * rng.uniform(-lamp.translation, lamp.translation),
        speed=lamp.speed * rng.random() ** 3,
        heading=rng.uniform(0, 2 * math.pi),
        turn=0.0 if rng.random() < STRAIGHT else rng.uniform(-TURN, TURN),
        duration=duration,
        waveform=None if steady else waveform,
        hertz=log_uniform(lamp.dimmed_hertz, rng) if dimmed else mains,
        floor=rng.uniform(*lamp.floor),
        phase=rng.random(),
        duty=rng.uniform(*lamp.duty),
    )


def log_uniform(between: tuple[float, float], rng: np.random.Generator) -> float:
    """Uniform in the logarithm: what differs by factors, not by differences."""
    return float(np.exp(rng.uniform(*np.log(between))))


def _wave(waveform: Waveform, cycle: Array, duty: float) -> Array:
    """0 to 1 over a cycle of 0 to 1."""
    wave: Array
    match waveform:
        case "sine":
            wave = 0.5 + 0.5 * np.sin(2 * math.pi * cycle)
        case "square":
            wave = np.where(cycle < 0.5, 1.0, 0.0)
        case "pwm":
            wave = np.where(cycle < duty, 1.0, 0.0)
        case "triangle":
            wave = 1 - np.abs(2 * cycle - 1)
        case "exponential":
            wave = (np.exp(-DECAY * cycle) - math.exp(-DECAY)) / (1 - math.exp(-DECAY))
    return wave
