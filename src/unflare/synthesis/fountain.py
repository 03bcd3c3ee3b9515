# mypy: disable-error-code="untyped-decorator"
"""Frames of linear irradiance of sparks: each is the traces of what flew since the frame before.

A trace keeps the light of its spark: the longer it is within a frame, or the thinner than a pixel, the dimmer. Where
sparks leave an afterglow, traces fade in the frames that follow.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from unflare.events import Array
from unflare.synthesis.flight import PIECES, Flight, joined, thrown
from unflare.synthesis.ground import Wall
from unflare.synthesis.sparks import Sparks

WHITE = 255.0
THINNEST = 0.6  # pixels: what a lens makes of a point, as the deviation of a Gaussian
DIMMING = 2.0  # a spark dies with exp(-2) of its brightness
LOT = 0.05  # seconds of sparks that are thrown at once, at least
KINDLING = 0.05  # of its life, until a spark is bright


class Traces(NamedTuple):
    """Lines from one place to another, float64 (n, 2), with the deviation of their Gaussian profile and their peak."""

    first: Array
    last: Array
    width: Array
    peak: Array


class Fountain:
    """Sparks before a wall as a video. Kept is the wall; the sparks come from the description's seeds."""

    def __init__(self, sparks: Sparks) -> None:
        self._sparks, self._wall = sparks, Wall(sparks.ground, sparks.camera)
        self._longest = max(source.life[1] for source in sparks.sources) * (1 + PIECES[1])
        self._lot = max(LOT, self._longest)

    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, frame float32 (h, w)) at these times, which ascend."""
        glow, lots = np.zeros(self._sparks.shape, np.float32), dict[int, Flight]()
        before: float | None = None
        for time in times:
            t = int(time) / 1e6
            since, affine = t if before is None else before, self._sparks.camera.affine(t)
            glow *= self._kept(t - since)
            draw(glow, *traces(self._flying(lots, since, t), affine, since, t))
            yield int(time), np.minimum(self._wall.view(affine) + glow, np.float32(WHITE))
            before = t

    def _kept(self, seconds: float) -> np.float32:
        """What an afterglow has left of its light after a time."""
        return np.float32(math.exp(-seconds / self._sparks.afterglow) if self._sparks.afterglow else 0)

    def _flying(self, lots: dict[int, Flight], since: float, t: float) -> Flight:
        """The sparks that shine in between, out of `lots`, which is brought up to date."""
        wanted = range(math.floor((since - self._longest) / self._lot), math.floor(t / self._lot) + 1)
        for number in lots.keys() - set(wanted):
            del lots[number]
        for number in wanted:
            if number not in lots:
                lots[number] = joined(
                    [thrown(one, self._sparks.shape, number, self._lot) for one in self._sparks.sources]
                )
        flights = [lots[number] for number in wanted]
        return joined([one.some((one.birth <= t) & (since <= one.birth + one.life)) for one in flights])


def traces(flight: Flight, affine: Array, since: float, t: float) -> Traces:
    """What sparks leave between two times in seconds, in the frame of a camera with this affine map."""
    ages = [np.clip(when - flight.birth, 0, flight.life) for when in (since, t)]
    first, last = (np.column_stack(flight.at(age)) @ affine[:, :2].T + affine[:, 2] for age in ages)
    width, length = np.maximum(flight.radius / 2, THINNEST), np.hypot(*(last - first).T)
    share = np.minimum(1, (flight.radius / 2 / width) ** 2) * 2.5 * width / (2.5 * width + length)
    aged = ages[1] / flight.life
    power = np.exp(-DIMMING * aged) * np.minimum(1, aged / KINDLING)
    return Traces(first, last, width, flight.peak * share * power)


@njit(cache=True)
def draw(glow: Array, first: Array, last: Array, width: Array, peak: Array) -> None:
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
