"""The kinds of embedded background: each is drawn from a generator, says when to look, and becomes a video."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from unflare.events import Array
from unflare.params import Kind
from unflare.synthesis.corridor import Corridor
from unflare.synthesis.driving import draw_drive
from unflare.synthesis.fountain import Fountain
from unflare.synthesis.objects import draw_objects
from unflare.synthesis.sparks import draw_sparks
from unflare.synthesis.tableau import Tableau


class Video(Protocol):
    def frames(self, times: Iterable[int]) -> Iterator[tuple[int, Array]]:
        """(time in us, linear irradiance float32 (h, w), 0 to 255) at these times."""


class Description(Protocol):
    def times(self, seconds: float, rate: int) -> Array:
        """When to render, int64 us ascending: `rate` frames a second, or more."""


def background(kind: Kind, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Description, Video]:
    """What there is in a background without flare, and how it looks; everything from `rng`."""
    match kind:
        case "street":
            drive = draw_drive(shape, rng)
            return drive, Corridor(drive)
        case "objects":
            objects = draw_objects(shape, rng)
            return objects, Tableau(objects)
        case "sparks":
            sparks = draw_sparks(shape, rng)
            return sparks, Fountain(sparks)
