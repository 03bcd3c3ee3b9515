"""The one verb of every de-flaring method."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from unflare.events.stream import Array, Events


class Scorer(Protocol):
    """Chunks of one recording in time order go in; for each chunk a flare probability per event comes out.

    The probabilities, float32 (n,) in 0..1, do not depend on where the recording was cut into chunks.
    """

    def __call__(self, chunks: Iterable[Events]) -> Iterator[Array]: ...
