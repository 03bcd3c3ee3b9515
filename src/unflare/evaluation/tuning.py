"""What validation scenes choose for a baseline: its parameters, from a small grid, and its threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unflare.evaluation.benchmark import Judgement, judge
from unflare.evaluation.filters import GRIDS, Choice, baselines
from unflare.events.scorer import Scorer
from unflare.runtime import Clock
from unflare.scores import best_threshold, f1


@dataclass(frozen=True, eq=False)
class Tuned:
    """A baseline with what was chosen for it, and what it then said of the validation scenes."""

    choice: Choice
    threshold: float
    f1: float
    said: Judgement


def tune(paths: Sequence[Path], clock: Clock) -> dict[str, Tuned]:
    """Each baseline with the parameters and the threshold of greatest F1; of equals, the first in the grid.

    `chance` is not tuned but removes the share of events that is flare: its best F1 would be that of removing all.
    Raises ValueError as `best_threshold`.
    """
    best: dict[str, Tuned] = {}
    for number in range(max(map(len, GRIDS.values()))):
        choices = {name: grid[number] for name in baselines if number < len(grid := GRIDS.get(name, [{}]))}
        judged = judge({name: baselines[name](**choice) for name, choice in choices.items()}, paths, clock)
        for name, said in judged.items():
            threshold = _threshold(name, said)
            tuned = Tuned(choices[name], threshold, f1(said.probability, said.flare, threshold), said)
            if name not in best or tuned.f1 > best[name].f1:
                best[name] = tuned
    return best


def made(tuned: dict[str, Tuned]) -> dict[str, Scorer]:
    """The baselines with what was chosen for them."""
    return {name: baselines[name](**one.choice) for name, one in tuned.items()}


def _threshold(name: str, said: Judgement) -> float:
    if name == "chance":
        return float(1 - (said.flare > 0.5).mean())
    return best_threshold(said.probability, said.flare)
