"""How well flare probabilities tell flare from background, event by event.

An event *is* flare when more than half of it is: share > 0.5. It is *called* flare, and removed, when its probability
is at least the threshold; so 0 removes every event, and any threshold above 1 none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

Array: TypeAlias = NDArray[Any]

SHARES = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)  # of the background, that a threshold may be asked to keep


@dataclass(frozen=True)
class Scores:
    """Of one set of events, at one threshold; None where it is not defined.

    events             how many there are
    flare_share        share of them that is flare
    precision          share of the removed events that is flare         None if none is removed
    recall             share of the flare events that is removed         None without flare
    f1                 harmonic mean of the two: 2 TP / (2 TP + FP + FN) None without flare and without removed events
    roc_auc            area under recall over false positive rate        None without flare or without background
    average_precision  mean precision over recall, in steps              None without flare
    background_kept    share of the background events that is kept       None without background
    flare_removed      recall, under the name that stands beside background_kept
    threshold          what the probability must reach for removal
    flare_removed_at_95  what flare_removed would be at the lowest threshold that keeps 95 % of these background events,
                       the one place where all methods cost the same        None as roc_auc
    """

    events: int
    flare_share: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    average_precision: float | None
    background_kept: float | None
    flare_removed: float | None
    threshold: float
    flare_removed_at_95: float | None


class Curve(NamedTuple):
    """A method at several thresholds, ascending; each float64 (points,). Precision is 1 where nothing is removed."""

    threshold: Array
    precision: Array
    recall: Array
    false_positive_rate: Array


def scores(probability: Array, flare: Array, threshold: float) -> Scores:
    """Scores of flare probabilities float32 (n,) against flare shares (n,).

    Raises ValueError if the lengths differ or a probability is not in 0..1.
    """
    truth = _truth(probability, flare)
    removed = probability >= threshold
    events, positives, called = len(truth), int(truth.sum()), int(removed.sum())
    hits = int((truth & removed).sum())
    negatives = events - positives
    recall = _share(hits, positives)
    areas = _areas(probability, truth)
    return Scores(
        events=events,
        flare_share=_share(positives, events),
        precision=_share(hits, called),
        recall=recall,
        f1=_share(2 * hits, positives + called),
        roc_auc=areas.roc_auc if positives and negatives else None,
        average_precision=areas.average_precision if positives else None,
        background_kept=_share(negatives - (called - hits), negatives),
        flare_removed=recall,
        threshold=float(threshold),
        flare_removed_at_95=areas.removed_at_95 if positives and negatives else None,
    )


class _Areas(NamedTuple):
    roc_auc: float
    average_precision: float
    removed_at_95: float


def _areas(probability: Array, truth: NDArray[np.bool_]) -> _Areas:
    """Both areas, and a point of the curve, from one sort; events of one probability are one point of the curves."""
    order = np.argsort(probability)[::-1]
    ends = np.flatnonzero(np.diff(probability[order], append=np.float32(-1)))
    hits = np.cumsum(truth[order])[ends].astype(np.float64)
    alarms = 1.0 + ends - hits
    if not len(ends) or not hits[-1]:
        return _Areas(math.nan, math.nan, math.nan)
    recall, precision = hits / hits[-1], hits / (hits + alarms)
    average_precision = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    if not alarms[-1]:
        return _Areas(math.nan, average_precision, math.nan)
    rate = alarms / alarms[-1]
    roc_auc = float(np.trapezoid(np.append(0.0, recall), np.append(0.0, rate)))
    within = recall[alarms <= alarms[-1] - math.ceil(0.95 * alarms[-1])]
    return _Areas(roc_auc, average_precision, float(within[-1]) if len(within) else 0.0)


def f1(probability: Array, flare: Array, threshold: float) -> float:
    """2 TP / (2 TP + FP + FN) of the events that are removed; 0 without flare and without removed events."""
    truth, removed = _truth(probability, flare), probability >= threshold
    return _share(2 * int((truth & removed).sum()), int(truth.sum()) + int(removed.sum())) or 0.0


def best_threshold(probability: Array, flare: Array) -> float:
    """The threshold of greatest F1, for probabilities float32 (n,) of a validation set.

    It lies midway to the next lower probability that occurs, so that it is no event's own. A probability that never
    varies leaves nothing to choose: 0.5. Raises ValueError as `scores`, and if no event is flare.
    """
    truth = _truth(probability, flare)
    if not truth.any():
        raise ValueError(f"threshold: there is no best one without a flare event, found {len(truth)} background events")
    precision, recall, thresholds = precision_recall_curve(truth, probability)
    if len(thresholds) == 1:
        return 0.5
    # The last point of the curve is that of an infinite threshold. F1 = 2 P R / (P + R), and 0 where both are.
    total = precision[:-1] + recall[:-1]
    best = int(np.argmax(precision[:-1] * recall[:-1] / np.where(total > 0, total, 1)))
    upper = np.float32(thresholds[best])
    lower = np.float32(thresholds[best - 1]) if best else np.float32(0)
    middle = lower + (upper - lower) / np.float32(2)
    return float(middle if middle > lower else upper)


def background_thresholds(probability: Array, flare: Array, shares: Sequence[float] = SHARES) -> dict[str, float]:
    """For each share, from above 0 to 1, the lowest threshold that keeps at least this share of the background events.

    For probabilities float32 (n,) of a validation set. Raises ValueError as `scores`, and without background.
    """
    background = np.sort(probability[~_truth(probability, flare)])
    if not len(background):
        raise ValueError("thresholds: expected background events to keep, found none")
    places = [math.ceil(share * len(background)) - 1 for share in shares]
    above = np.nextafter(background[places], np.float32(2))
    return {str(share): float(threshold) for share, threshold in zip(shares, above, strict=True)}


def curve(probability: Array, flare: Array, points: int = 200) -> Curve:
    """Precision, recall and false positive rate at `points` thresholds or fewer, as many events between each two.

    The first removes every event, the last none. Raises ValueError as `scores`, and without flare or background.
    """
    truth = _truth(probability, flare)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        raise ValueError(f"curve: needs both kinds, found {positives} flare and {negatives} background events")
    chosen = np.unique(np.quantile(probability, np.linspace(0, 1, points - 2), method="nearest"))
    thresholds = np.unique(np.concatenate([[0.0], chosen, [np.nextafter(1.0, 2.0)]]).astype(np.float64))
    hits = _reaching(probability[truth], thresholds)
    alarms = _reaching(probability[~truth], thresholds)
    called = hits + alarms
    precision = np.where(called > 0, hits / np.maximum(called, 1), 1.0)
    return Curve(thresholds, precision, hits / positives, alarms / negatives)


def _reaching(probability: Array, thresholds: Array) -> Array:
    """For each threshold, how many probabilities are at least that."""
    return len(probability) - np.searchsorted(np.sort(probability), thresholds, side="left")


def _truth(probability: Array, flare: Array) -> NDArray[np.bool_]:
    if probability.ndim != 1 or probability.shape != flare.shape:
        raise ValueError(f"scores: expected a probability for each event, found {probability.shape} for {flare.shape}")
    fine = (probability >= 0) & (probability <= 1)
    if not fine.all():
        i = int(np.argmin(fine))
        raise ValueError(f"scores: event {i}: a probability must be in 0..1, found {probability[i]}")
    found: NDArray[np.bool_] = flare > 0.5
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
