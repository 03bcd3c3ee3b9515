"""Scores: ten events by hand, the limits, and what must not change them."""

import numpy as np
import pytest

from unflare.scores import SHARES, background_thresholds, best_threshold, curve, scores

PROBABILITY = np.float32([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
FLARE = np.float32([1, 1, 0, 1, 0.6, 0.5, 0, 0, 1, 0])  # flare: 0, 1, 3, 4, 8


def drawn(seed: int, count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities with many ties, higher for flare on the whole."""
    rng = np.random.default_rng(seed)
    flare = rng.integers(0, 2, count).astype(np.float32)
    return (rng.integers(0, 30, count) / 60 + flare * rng.random(count).round(1) / 2).astype(np.float32), flare


def f1(probability: np.ndarray, flare: np.ndarray, threshold: float) -> float:
    found = scores(probability, flare, threshold).f1
    assert found is not None
    return found


def test_ten_events_by_hand() -> None:
    found = scores(PROBABILITY, FLARE, 0.55)  # removes 0, 1, 2, 3
    assert (found.events, found.flare_share, found.threshold) == (10, 0.5, 0.55)
    assert (found.precision, found.recall, found.flare_removed) == (3 / 4, 3 / 5, 3 / 5)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert found.background_kept == 4 / 5
    # Of the 25 pairs of a flare and a background event, those in the wrong order: 3 and 4 under 2; 8 under 2, 5, 6, 7.
    assert found.roc_auc == pytest.approx(19 / 25)
    assert found.average_precision == pytest.approx((1 + 1 + 3 / 4 + 4 / 5 + 5 / 9) / 5)


@pytest.mark.parametrize("seed", range(4))
def test_a_share_of_the_background_is_kept_and_no_more_than_ties_ask_for(seed: int) -> None:
    probability, flare = drawn(seed)
    found = background_thresholds(probability, flare)
    assert list(found) == [str(share) for share in SHARES]
    for share, threshold in found.items():
        kept = scores(probability, flare, threshold).background_kept
        assert kept is not None
        assert kept >= float(share)
        lower = float(np.nextafter(np.float32(threshold), np.float32(-1)))
        assert scores(probability, flare, lower).background_kept < float(share)
    with pytest.raises(ValueError, match="found none"):
        background_thresholds(probability, np.ones_like(flare))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_removed_where_95_percent_stay_is_what_that_threshold_removes(seed: int) -> None:
    probability, flare = drawn(seed)
    threshold = background_thresholds(probability, flare, (0.95,))["0.95"]
    at = scores(probability, flare, threshold)
    assert at.flare_removed
    assert scores(probability, flare, 0.5).flare_removed_at_95 == at.flare_removed
    assert scores(np.zeros_like(flare), flare, 0.5).flare_removed_at_95 == 0
    assert scores((flare > 0.5).astype(np.float32), flare, 0.5).flare_removed_at_95 == 1
    assert scores(probability, np.zeros_like(flare), 0.5).flare_removed_at_95 is None


def test_the_threshold_itself_removes() -> None:
    assert scores(PROBABILITY, FLARE, float(np.float32(0.6))).recall == 3 / 5
    assert scores(PROBABILITY, FLARE, 0.0).recall == 1
    assert scores(PROBABILITY, FLARE, 1.01).recall == 0


def test_the_truth_itself_scores_one() -> None:
    truth = (FLARE > 0.5).astype(np.float32)
    found = scores(truth, FLARE, 0.5)
    assert {found.precision, found.recall, found.f1, found.roc_auc, found.average_precision} == {1}
    assert (found.background_kept, found.flare_removed) == (1, 1)
    assert best_threshold(truth, FLARE) == 0.5


def test_keeping_and_dropping_everything() -> None:
    kept, dropped = (scores(np.full(10, value, np.float32), FLARE, 0.5) for value in (0, 1))
    assert (kept.precision, kept.recall, kept.f1, kept.background_kept, kept.roc_auc) == (None, 0, 0, 1, 0.5)
    assert (dropped.precision, dropped.recall, dropped.background_kept, dropped.roc_auc) == (0.5, 1, 0, 0.5)
    assert kept.average_precision == dropped.average_precision == kept.flare_share


def test_what_is_not_defined_is_none() -> None:
    some = np.float32([0.2, 0.8])
    only_flare, only_background = scores(some, np.ones(2), 0.5), scores(some, np.zeros(2), 0.5)
    assert (only_flare.roc_auc, only_flare.background_kept) == (None, None)
    assert (only_flare.recall, only_flare.precision) == (0.5, 1)
    assert (only_background.roc_auc, only_background.recall, only_background.average_precision) == (None, None, None)
    assert (only_background.f1, only_background.background_kept) == (0, 0.5)
    nothing = scores(np.empty(0, np.float32), np.empty(0), 0.5)
    assert (nothing.events, nothing.flare_share, nothing.precision, nothing.f1) == (0, None, None, None)


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_the_chance_that_flare_ranks_higher_and_keeps_under_monotone_maps(seed: int) -> None:
    probability, flare = drawn(seed)
    high, low = probability[flare > 0.5][:, None], probability[flare <= 0.5]
    expected = np.mean((high > low) + 0.5 * (high == low))
    assert scores(probability, flare, 0.5).roc_auc == pytest.approx(expected)
    for mapped in (np.sqrt(probability), probability / 3 + np.float32(0.1)):
        assert scores(mapped, flare, 0.5).roc_auc == pytest.approx(expected)
    assert scores(1 - probability, flare, 0.5).roc_auc == pytest.approx(1 - expected, abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_beats_the_best(seed: int) -> None:
    probability, flare = drawn(seed)
    best = best_threshold(probability, flare)
    tried = np.concatenate([np.unique(probability), [0, best, 1]])
    assert f1(probability, flare, best) == max(f1(probability, flare, threshold) for threshold in tried)
    assert np.float32(best) == best
    assert best not in probability


def test_the_best_threshold_of_neighbors_tells_them_apart() -> None:
    low = np.float32(0.3)
    pair = np.array([low, np.nextafter(low, np.float32(1))])
    assert f1(pair, np.array([0, 1]), best_threshold(pair, np.array([0, 1]))) == 1


@pytest.mark.parametrize("value", [0, 0.3, 1])
def test_a_constant_leaves_no_threshold_to_choose(value: float) -> None:
    assert best_threshold(np.full(10, value, np.float32), FLARE) == 0.5


def test_a_curve_goes_from_everything_to_nothing_through_the_scores() -> None:
    probability, flare = drawn(7, 5_000)
    found = curve(probability, flare, 50)
    assert len(found.threshold) <= 50
    assert (found.recall[0], found.false_positive_rate[0]) == (1, 1)
    assert (found.recall[-1], found.false_positive_rate[-1], found.precision[-1]) == (0, 0, 1)
    assert (np.diff(found.threshold) > 0).all()
    assert (np.diff(found.recall) <= 0).all()
    assert (np.diff(found.false_positive_rate) <= 0).all()
    for threshold, precision, recall, rate in list(zip(*found, strict=True))[:-1]:
        expected = scores(probability, flare, threshold)
        assert (precision, recall) == (expected.precision, expected.recall)
        assert expected.background_kept == pytest.approx(1 - rate)


def test_a_curve_of_few_values_has_few_points() -> None:
    found = curve((FLARE > 0.5).astype(np.float32), FLARE)
    assert found.recall.tolist() == [1, 1, 0]
    assert found.false_positive_rate.tolist() == [1, 0, 0]


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    wrong = PROBABILITY.copy()
    wrong[3] = bad
    for judge in (lambda: scores(wrong, FLARE, 0.5), lambda: best_threshold(wrong, FLARE), lambda: curve(wrong, FLARE)):
        with pytest.raises(ValueError, match=r"event 3: a probability must be in 0\.\.1"):
            judge()


def test_lengths_and_kinds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found \(10,\) for \(9,\)"):
        scores(PROBABILITY, FLARE[:9], 0.5)
    with pytest.raises(ValueError, match="without a flare event, found 10 background events"):
        best_threshold(PROBABILITY, np.zeros(10))
    with pytest.raises(ValueError, match="found 10 flare and 0 background events"):
        curve(PROBABILITY, np.ones(10))
