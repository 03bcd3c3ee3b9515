"""What says how likely each event is flare: the network, or a classical filter."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from unflare.evaluation import baselines
from unflare.events import Array, Events, Scorer
from unflare.features import IMPLEMENTATION, sorting
from unflare.inference import NetworkScorer
from unflare.network import shipped

CHUNKS = {"cpu": 1 << 18, "cuda": 1 << 21}  # events that are scored between two looks at the clock; multiples of 8


class Passage(Protocol):
    """A method on its way through one recording."""

    def score(self, chunk: Events) -> Array:
        """Flare probability of each event of the chunk that comes next, float32 (n,)."""


class Remembered(Passage, Protocol):
    """A passage that can be saved."""

    def save(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Method:
    """name       as --method takes it, or of the model
    backend    what computes, and where
    identity   known again by: the model's content, the device
    chunk      events that are scored at a time
    threshold  probability from which an event is removed; None: it has none of its own
    facts      what the model says of itself; empty for a filter
    begin      at the beginning of a recording of a sensor (height, width)
    resume     where a passage was saved, in a folder; None: the method cannot
    """

    name: str
    backend: str
    identity: str
    chunk: int
    threshold: float | None
    facts: Mapping[str, Any]
    begin: Callable[[tuple[int, int]], Passage]
    resume: Callable[[Path], Remembered] | None

    def keeping_background(self, share: float) -> float:
        """The lowest threshold that kept this share of the background events of the validation scenes.

        Raises ValueError if the model does not say, or the share is none that it says.
        """
        said = self.facts.get("background_thresholds")
        if not isinstance(said, Mapping):
            raise ValueError(
                f"{self.name}: does not say which thresholds keep how much background "
                "(background_thresholds among its facts); --threshold says it directly"
            )
        found = {float(kept): float(threshold) for kept, threshold in said.items()}
        if share not in found:
            raise ValueError(f"{self.name}: says how to keep {', '.join(map(str, sorted(found)))}, found {share}")
        return found[share]


def network_method(model: Path | None, device: str) -> Method:
    """By a saved model, or the weights that come with the package. Raises FileNotFoundError, or ValueError."""
    path = shipped() if model is None else model
    scorer = NetworkScorer.of(path, device)
    network = scorer.network
    features = IMPLEMENTATION if device == "cpu" else sorting.IMPLEMENTATION
    return Method(
        name=f"EventDenoisingMamba ({path})",
        backend=f"{device}: {network.scan}; features {features}",
        identity=f"{network.digest} on {device}",
        chunk=CHUNKS[device],
        threshold=network.facts.get("threshold"),
        facts=network.facts,
        begin=scorer.begin,
        resume=scorer.resume,
    )


def filter_method(name: str) -> Method:
    """A classical filter of `unflare.evaluation.baselines`; it keeps nothing to go on from."""
    if name not in baselines:
        raise ValueError(f"method: expected one of {', '.join(baselines)}, found {name!r}")
    return Method(
        name=name,
        backend="cpu: numba",
        identity=name,
        chunk=CHUNKS["cpu"],
        threshold=0.5,
        facts={},
        begin=lambda shape: _Fed(baselines[name]()),
        resume=None,
    )


class _Fed:
    """A scorer that is given its chunks one by one."""

    def __init__(self, scorer: Scorer) -> None:
        self._waiting: deque[Events] = deque()
        self._said = scorer(self._chunks())

    def score(self, chunk: Events) -> Array:
        self._waiting.append(chunk)
        return next(self._said)

    def _chunks(self) -> Iterator[Events]:
        while True:
            yield self._waiting.popleft()
