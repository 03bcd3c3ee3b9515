"""Every method on the same scenes: one table of scores, one set of curves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unflare.events import Array, Events
from unflare.events.scene import load_scene
from unflare.events.scorer import Scorer
from unflare.runtime import Clock
from unflare.scores import Scores, scores

SCENARIOS = ("mixed", "flare_only", "background_only")
CHUNK = 1 << 18  # events


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a method said of the events of several scenes, joined.

    probability  float32 (n,)  flare probability, by the method
    flare        float32 (n,)  flare share, the truth
    scenario     uint8 (n,)    place in SCENARIOS of the scene that the event is from
    offsets      int64 (scenes + 1,)  where each scene begins, and the end of the last
    """

    probability: Array
    flare: Array
    scenario: Array
    offsets: Array

    def of_scene(self, number: int) -> Array:
        """Probabilities of the events of one scene."""
        return self.probability[self.offsets[number] : self.offsets[number + 1]]

    def table(self, threshold: float) -> dict[str, Scores]:
        """Scores over all events, and over those of each scenario that occurs."""
        rows = {"overall": scores(self.probability, self.flare, threshold)}
        for number, name in enumerate(SCENARIOS):
            chosen = self.scenario == number
            if chosen.any():
                rows[name] = scores(self.probability[chosen], self.flare[chosen], threshold)
        return rows

    def oracle(self) -> "Judgement":
        """What the truth itself would say: the bound of scores of events, not of every metric of streams."""
        return replace(self, probability=(self.flare > 0.5).astype(np.float32))


def chunks(events: Events, size: int = CHUNK) -> Iterator[Events]:
    for start in range(0, len(events), size):
        yield events[start : start + size]


def probability(scorer: Scorer, events: Events) -> Array:
    """Flare probability of each event of a recording, float32 (n,)."""
    parts = list(scorer(chunks(events)))
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def judge(scorers: Mapping[str, Scorer], paths: Iterable[Path], clock: Clock) -> dict[str, Judgement]:
    """Each method over all scenes, a scene at a time; its seconds go to the clock under its name."""
    said: dict[str, list[Array]] = {name: [] for name in scorers}
    flare: list[Array] = []
    scenario: list[Array] = []
    for path in paths:
        with clock("reading"):
            scene = load_scene(path)
        flare.append(scene.flare)
        scenario.append(np.full(len(scene.flare), SCENARIOS.index(scene.recipe["scenario"]), np.uint8))
        for name, scorer in scorers.items():
            with clock(name):
                said[name].append(probability(scorer, scene.events))
    truth, kinds = np.concatenate(flare), np.concatenate(scenario)
    offsets = np.cumsum([0, *map(len, flare)])
    return {name: Judgement(np.concatenate(parts), truth, kinds, offsets) for name, parts in said.items()}
