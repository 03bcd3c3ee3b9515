# mypy: disable-error-code="untyped-decorator"
"""Frames of linear irradiance of sparks: each is the trace of what flew since the frame before.

A spark flies with drag d and fall g: after t seconds it has come f v + (t - f) g / d, with f = (1 - exp(-d t)) / d. It
dims, and may break into pieces, which fly straight and die soon. A trace keeps the light of its spark: the longer it is
within a frame, or the thinner than a pixel, the dimmer.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from unflare.events import Array
from unflare.synthesis.ground import Wall
from unflare.synthesis.sparks import Source, Sparks

WHITE = 255.0
THINNEST = 0.6  # pixels: what a lens makes of a point, as the deviation of a Gaussian
LOT = 1.0  # seconds of sparks that are thrown at once
PIECES = (0.1, 0.7)  # of a spark's speed, life and brightness: those of its pieces
DIMMING = 2.0  # a spark dies with exp(-2) of its brightness
KINDLING = 0.05  # of its life, until a spark is bright


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


class Fountain:
    """Sparks before a wall as a video."""

    def __init__(self, sparks: Sparks) -> None:
        self._sparks, self._wall = sparks, Wall(sparks.ground, sparks.camera)

    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, frame float32 (h, w)) at these times, which ascend."""
        glow, before = np.zeros(self._sparks.shape, np.float32), None
        lots = dict[int, Flight]()
        for time in times:
            t = int(time) / 1e6
            affine = self._sparks.camera.affine(t)
            _fade(glow, self._kept(t, before))
            flight = self._alive(lots, t)
            _trace(glow, *self._traces(flight, affine, t if before is None else before, t))
            before = t
            yield int(time), np.minimum(self._wall.view(affine) + glow, WHITE)

    def _kept(self, t: float, before: float | None) -> np.float32:
        """Of the light of traces, since the frame before."""
        glows = before is not None and self._sparks.afterglow > 0
        return np.float32(math.exp((before - t) / self._sparks.afterglow) if glows else 0.0)

    def _alive(self, lots: dict[int, Flight], t: float) -> Flight:
        longest = max(source.life[1] for source in self._sparks.sources) * (1 + PIECES[1])
        wanted = range(math.floor((t - longest) / LOT), math.floor(t / LOT) + 1)
        for number in wanted:
            if number not in lots:
                lots[number] = joined([thrown(source, self._sparks.shape, number) for source in self._sparks.sources])
        flights = [lots[number] for number in wanted]
        return joined([one.some((one.birth <= t) & (t < one.birth + one.life)) for one in flights])

    def _traces(self, flight: Flight, affine: Array, before: float, t: float) -> tuple[Array, Array, Array, Array]:
        """Ends of the traces (n, 2), their width as a deviation, and their brightness."""
        age = t - flight.birth
        ends = [
            np.column_stack(flight.at(a)) @ affine[:, :2].T + affine[:, 2]
            for a in (np.maximum(before - flight.birth, 0), age)
        ]
        width = np.maximum(flight.radius / 2, THINNEST)
        length = np.hypot(*(ends[1] - ends[0]).T)
        share = np.minimum(1, (flight.radius / 2 / width) ** 2) * 2.5 * width / (2.5 * width + length)
        dimming = np.exp(-DIMMING * age / flight.life) * np.minimum(1, age / (KINDLING * flight.life))
        return ends[0], ends[1], width, flight.peak * share * dimming


def thrown(source: Source, shape: tuple[int, int], lot: int) -> Flight:
    """The sparks that start within a lot of time, and their pieces."""
    rng = np.random.default_rng((source.seed, lot & 0xFFFFFFFF))
    n = rng.poisson(source.rate * LOT)
    speed, heading = _between(source.speed, n, rng), source.heading + rng.uniform(-source.spread, source.spread, n)
    sparks = Flight(
        birth=LOT * (lot + rng.random(n)),
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
    drawn: Array = np.exp(rng.uniform(*np.log(within), n))
    return drawn


@njit(cache=True)
def _fade(glow: Array, kept: np.float32) -> None:
    for y in range(glow.shape[0]):
        for x in range(glow.shape[1]):
            glow[y, x] *= kept


@njit(cache=True)
def _trace(glow: Array, first: Array, last: Array, width: Array, peak: Array) -> None:
    """Gaussian lines; where one is brighter than what is there, it takes its place."""
    for i in range(len(peak)):
        reach = 3.5 * width[i]
        (ax, ay), (bx, by) = first[i], last[i]
        dx, dy = bx - ax, by - ay
        square = max(dx * dx + dy * dy, 1e-12)
        for y in range(max(0, int(min(ay, by) - reach)), min(glow.shape[0], int(max(ay, by) + reach) + 1)):
            for x in range(max(0, int(min(ax, bx) - reach)), min(glow.shape[1], int(max(ax, bx) + reach) + 1)):
                u, v = x + 0.5 - ax, y + 0.5 - ay
                along = min(1.0, max(0.0, (u * dx + v * dy) / square))
                away = (u - along * dx) ** 2 + (v - along * dy) ** 2
                if away < reach * reach:
                    glow[y, x] = max(glow[y, x], peak[i] * math.exp(-away / (2 * width[i] ** 2)))
