"""A metric over several scenes: its mean and spread, and how often it could not be computed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev


@dataclass(frozen=True)
class Summary:
    """Over the scenes where a metric is defined; the mean is None if nowhere.

    The spread is the standard deviation of a sample, over one less than the scenes; None of fewer than two.
    """

    mean: float | None
    spread: float | None
    scenes: int
    failures: int


def summarize(values: Sequence[float | None]) -> Summary:
    """A failure is a scene whose value is None or not finite. It is counted, and enters neither mean nor spread."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    failures = len(values) - len(known)
    if not known:
        return Summary(None, None, len(values), failures)
    mean = math.fsum(known) / len(known)
    spread = stdev(known) if len(known) > 1 else None
    return Summary(mean, spread, len(values), failures)


def summaries(rows: Sequence[Mapping[str, float | None]]) -> dict[str, Summary]:
    """Of each metric of the scenes' rows, which have the same names."""
    return {name: summarize([row[name] for row in rows]) for name in (rows[0] if rows else {})}
