"""How sparks fly: with drag d and fall g a spark has come f v + (t - f) g / d after t seconds, f = (1 - exp(-d t)) / d.

It may break into pieces at its end, which fly all ways and die soon.
"""

from typing import NamedTuple

import numpy as np

from unflare.events import Array
from unflare.synthesis.sparks import Source

PIECES = (0.1, 0.7)  # of a spark's speed, life and brightness: those of its pieces


class Flight(NamedTuple):
    """Sparks, float64 (n,): when and how long (seconds), from where and how fast (pixels), forces, and their look."""

    birth: Array
    life: Array
    x: Array
    y: Array
    vx: Array
    vy: Array
    fall: Array
    drag: Array
    radius: Array
    peak: Array

    def at(self, age: Array) -> tuple[Array, Array]:
        flown = (1 - np.exp(-self.drag * age)) / self.drag
        return self.x + flown * self.vx, self.y + flown * self.vy + self.fall * (age - flown) / self.drag

    def some(self, chosen: Array) -> "Flight":
        return Flight(*(part[chosen] for part in self))


def thrown(source: Source, shape: tuple[int, int], lot: int, seconds: float) -> Flight:
    """The sparks that start within a lot of time, `seconds` long, and their pieces; lots before t = 0 are negative."""
    rng = np.random.default_rng((source.seed, lot & 0xFFFFFFFF))
    n = rng.poisson(source.rate * seconds)
    speed, heading = _between(source.speed, n, rng), source.heading + rng.uniform(-source.spread, source.spread, n)
    sparks = Flight(
        birth=seconds * (lot + rng.random(n)),
        life=_between(source.life, n, rng),
        x=rng.uniform(-0.1, 1.1, n) * shape[1] if source.everywhere else source.x + rng.normal(0, 2, n),
        y=rng.uniform(-0.1, 1.1, n) * shape[0] if source.everywhere else source.y + rng.normal(0, 2, n),
        vx=speed * np.cos(heading),
        vy=speed * np.sin(heading),
        fall=np.full(n, source.fall),
        drag=np.full(n, source.drag),
        radius=_between(source.radius, n, rng),
        peak=_between(source.peak, n, rng),
    )
    return joined([sparks, _pieces(sparks, rng.integers(0, source.burst + 1, n), rng)])


def _pieces(sparks: Flight, counts: Array, rng: np.random.Generator) -> Flight:
    """Of sparks that break at their end, all ways."""
    x, y = sparks.at(sparks.life)
    whole = sparks._replace(birth=sparks.birth + sparks.life, x=x, y=y).some(np.repeat(np.arange(len(counts)), counts))
    n = len(whole.birth)
    heading, speed = rng.uniform(0, 2 * np.pi, n), np.hypot(whole.vx, whole.vy) * rng.uniform(*PIECES, n)
    return whole._replace(
        life=whole.life * rng.uniform(*PIECES, n),
        vx=speed * np.cos(heading),
        vy=speed * np.sin(heading),
        radius=whole.radius * rng.uniform(0.5, 1, n),
        peak=whole.peak * rng.uniform(*PIECES, n),
    )


def joined(flights: list[Flight]) -> Flight:
    return Flight(*(np.concatenate(parts) for parts in zip(*flights, strict=True)))


def _between(within: tuple[float, float], n: int, rng: np.random.Generator) -> Array:
    low, high = np.log(within)
    drawn: Array = np.exp(rng.uniform(low, high, n))
    return drawn
