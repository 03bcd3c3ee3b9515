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

AMBIENT = (0.5, 40.0)  # irradiance of a white wall: sparks are seen by night and in dim rooms
CONTRAST = (0.05, 0.8)
AFTERGLOW = (1e-3, 0.03)  # seconds in which a trace fades to 1/e, where it is left
WIDTH = 640  # pixels of the frame for which speeds and sizes of the styles hold


@dataclass(frozen=True)
class Style:
    """What one way to make sparks has in common; ranges are drawn from, log-uniform.

    count     sparks that are alive at once
    speed     pixels a second
    spread    radians about the heading, either way; pi is all ways
    heading   radians: 0 is to the right, -pi/2 up; None is any
    fall      pixels a second squared
    drag      of the speed, a second
    life      seconds
    radius    pixels
    peak      irradiance, above 255 where a spark is thicker than its radius says
    burst     pieces that a spark breaks into at its end, at most
    everywhere  whether they start anywhere rather than at one place
    weight    share of the scenes
    """

    count: PositiveRange
    speed: PositiveRange
    spread: PositiveRange
    heading: float | None
    fall: PositiveRange
    drag: PositiveRange
    life: PositiveRange
    radius: PositiveRange
    peak: PositiveRange
    burst: int
    everywhere: bool
    weight: float


UP, DOWN = -math.pi / 2, math.pi / 2
STYLES: dict[str, Style] = {
    "fountain": Style(
        (10, 300), (300, 2500), (0.1, 1.2), UP, (300, 3000), (0.3, 3), (0.05, 0.7), (0.6, 4), (60, 3000), 12, False, 0.3
    ),
    "grinding": Style(
        (20, 400), (700, 4000), (0.05, 0.5), None, (100, 2000), (1, 8), (0.02, 0.3), (0.4, 2), (60, 2000), 8, False, 0.2
    ),
    "fireworks": Style(
        (2, 20), (50, 500), (0.1, 0.4), UP, (50, 300), (0.5, 2), (0.3, 0.9), (0.6, 2.5), (40, 800), 80, True, 0.15
    ),
    "rain": Style(
        (30, 600), (200, 2500), (0.01, 0.1), DOWN, (1, 10), (0.01, 0.1), (0.1, 1), (0.4, 1.5), (4, 150), 3, True, 0.12
    ),
    "snow": Style(
        (20, 500), (15, 200), (0.3, 1.5), DOWN, (1, 20), (0.01, 0.5), (0.3, 2), (0.7, 6), (3, 150), 0, True, 0.11
    ),
    "lights": Style(
        (1, 12), (3, 400), (3.1, 3.2), None, (0.1, 1), (0.01, 0.1), (2, 20), (0.8, 4), (30, 600), 0, True, 0.12
    ),
}  # fmt: skip


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
    life, burst = _narrowed(style.life, rng), int(rng.integers(0, style.burst + 1))
    return Source(
        x=shape[1] * rng.uniform(-0.05, 1.05),
        y=shape[0] * rng.uniform(0.2, 1.1),
        everywhere=style.everywhere,
        rate=log_uniform(style.count, rng) / count / math.sqrt(life[0] * life[1]),
        heading=rng.uniform(0, 2 * math.pi) if style.heading is None else style.heading + rng.normal(0, 0.2),
        spread=log_uniform(style.spread, rng),
        speed=_narrowed(style.speed, rng, scale),
        fall=scale * log_uniform(style.fall, rng),
        drag=log_uniform(style.drag, rng),
        life=life,
        radius=_narrowed(style.radius, rng, scale),
        peak=_narrowed(style.peak, rng),
        burst=burst,
        seed=int(rng.integers(2**31)),
    )


def _narrowed(within: PositiveRange, rng: np.random.Generator, scale: float = 1.0) -> PositiveRange:
    low, high = sorted(log_uniform(within, rng) for _ in range(2))
    return scale * low, scale * high
