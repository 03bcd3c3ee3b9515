"""What is looked at: panels side by side, and how many events there are at which time."""

from typing import NamedTuple, Protocol

import numpy as np

from unflare.events import Array, Events
from unflare.reporting.pictures import GROUND, OFF, ON, by_polarity, picture

LEGEND = "ON red, OFF blue"
POLARITIES = np.array([GROUND, ON, OFF], np.uint8)


class Layer(NamedTuple):
    """Events by time, int (bins,); a later layer lies on top of an earlier one and counts a part of its events."""

    name: str
    color: str
    counts: Array


class View(Protocol):
    """Times are microseconds since its beginning, from 0 to `duration`.

    name      what it is, for the heading
    shape     of every panel (height, width)
    titles    one a panel
    colors    uint8 (n, 3), those that panels are made of, or enough of them
    """

    name: str
    shape: tuple[int, int]
    duration: int
    titles: tuple[str, ...]
    colors: Array

    def middle(self) -> int:
        """The time by which half of the events have come."""

    def images(self, start: int, stop: int) -> list[Array]:
        """A panel a title, uint8 (height, width, 3): the events with start <= t < stop, the last on top."""

    def layers(self, edges: Array) -> list[Layer]:
        """Events between each two of the ascending times."""


def drawn(events: Events) -> Array:
    """ON red, OFF blue, uint8 (height, width, 3)."""
    return picture(events.x, events.y, by_polarity(events.p), events.shape)
