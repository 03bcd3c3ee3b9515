"""Methods that do not look at events: what any other has to be held against."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numba
import numpy as np

from unflare.events import Array, Events


class KeepAll:
    """Nothing is flare: the recording as it is."""

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        for events in chunks:
            yield np.zeros(len(events), np.float32)


class DropAll:
    """Everything is flare."""

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        for events in chunks:
            yield np.ones(len(events), np.float32)


@dataclass(frozen=True)
class Chance:
    """A uniform random number for each event, so that a threshold of 1 - r removes the share r of any recording.

    The number is made of the seed and the event's place in the recording: the finalizer of SplitMix64 (Steele, Lea &
    Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), its upper 24 bits.
    """

    seed: int = 0

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]:
        place = 0
        for events in chunks:
            yield _drawn(np.uint64(self.seed), np.uint64(place), len(events))
            place += len(events)


@numba.njit(cache=True, nogil=True)
def _drawn(seed: np.uint64, place: np.uint64, count: int) -> Array:
    found = np.empty(count, np.float32)
    for i in range(count):
        number = (_mixed(seed) + place + np.uint64(i) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        found[i] = np.float32(_mixed(number) >> np.uint64(40)) * np.float32(2.0**-24)
    return found


@numba.njit(cache=True, nogil=True)
def _mixed(number: np.uint64) -> np.uint64:
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))
