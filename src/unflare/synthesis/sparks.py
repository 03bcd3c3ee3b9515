"""The embedded background of sparks: many small bright points, thrown, falling or carried. What there is; `fountain`
draws it.
"""

import math
from dataclasses import dataclass

import numpy as np

from unflare.events import Array
from unflare.params import PositiveRange
from unflare.synthesis.camera import Camera, draw_camera
from unflare.synthesis.ground import Ground, draw_ground
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.motion import looks
from unflare.synthesis.styles import STYLES, Style

AMBIENT = (0.5, 40.0)  # irradiance of a white wall: sparks are seen by night and in dim rooms
CONTRAST = (0.05, 0.8)
AFTERGLOW = (1e-3, 0.03)  # seconds in which a trace fades to 1/e, where it is left
SWEPT = 6.0  # times the frame that all sparks together pass over in a second, at most: some ten million events
WIDTH = 640  # pixels of the frame for which speeds and sizes of the styles hold


@dataclass(frozen=True)
class Source:
    """Where sparks come from. Ranges and the rest are those of a `Style`, narrowed and in pixels of this frame.

    x, y     pixels
    rate     sparks a second
    """

    x: float
    y: float
    everywhere: bool
    rate: float
    heading: float
    spread: float
    speed: PositiveRange
    fall: float
    drag: float
    life: PositiveRange
    radius: PositiveRange
    peak: PositiveRange
    burst: int
    seed: int


@dataclass(frozen=True)
class Sparks:
    """Sparks from one or several sources before a wall. `afterglow` in seconds, 0 where sparks leave no trace."""

    shape: tuple[int, int]
    ground: Ground
    camera: Camera
    sources: tuple[Source, ...]
    afterglow: float

    def times(self, seconds: float, rate: int) -> Array:
        """When to render, int64 us ascending; see `motion.looks`."""
        fastest = max(source.speed[1] for source in self.sources)
        return looks(seconds, rate, fastest + self.camera.fastest(seconds), self.shape)


def draw_sparks(shape: tuple[int, int], rng: np.random.Generator) -> Sparks:
    """Sparks of one style, from one to four places; everything about them from `rng`."""
    styles = tuple(STYLES.values())
    style = styles[rng.choice(len(styles), p=[one.weight for one in styles])]
    count = 1 if style.everywhere else int(rng.integers(1, 5))
    return Sparks(
        shape=shape,
        ground=draw_ground(AMBIENT, CONTRAST, rng),
        camera=draw_camera(shape, rng),
        sources=tuple(_draw_source(style, shape, count, rng) for _ in range(count)),
        afterglow=log_uniform(AFTERGLOW, rng) if rng.random() < 0.5 else 0.0,
    )


def _draw_source(style: Style, shape: tuple[int, int], count: int, rng: np.random.Generator) -> Source:
    scale = shape[1] / WIDTH
    life, speed, radius = (
        _narrowed(within, rng, size)
        for within, size in ((style.life, 1.0), (style.speed, scale), (style.radius, scale))
    )
    burst, width = int(rng.integers(0, style.burst + 1)), 2 * math.sqrt(radius[0] * radius[1]) + 2
    # By each that is alive, in a second; a piece flies 0.4 times as fast and as long: a sixth of what its spark sweeps.
    swept = math.sqrt(speed[0] * speed[1]) * width * (1 + burst / 6)
    alive = min(log_uniform(style.count, rng), SWEPT * shape[0] * shape[1] / swept) / count
    return Source(
        x=shape[1] * rng.uniform(0.05, 0.95),
        y=shape[0] * rng.uniform(0.2, 1.05),
        everywhere=style.everywhere,
        rate=alive / math.sqrt(life[0] * life[1]),
        heading=rng.uniform(0, 2 * math.pi) if style.heading is None else style.heading + rng.normal(0, 0.2),
        spread=log_uniform(style.spread, rng),
        speed=speed,
        fall=scale * log_uniform(style.fall, rng),
        drag=log_uniform(style.drag, rng),
        life=life,
        radius=radius,
        peak=_narrowed(style.peak, rng),
        burst=burst,
        seed=int(rng.integers(2**31)),
    )


def _narrowed(within: PositiveRange, rng: np.random.Generator, scale: float = 1.0) -> PositiveRange:
    low, high = sorted(log_uniform(within, rng) for _ in range(2))
    return scale * low, scale * high
