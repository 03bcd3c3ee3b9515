"""Baselines: each is its published rule at 0.5, and does not see where a recording was cut."""

from collections.abc import Iterator

import numpy as np
import pytest
import reference

from unflare.evaluation import BackgroundActivity, PolarityFocused, baselines
from unflare.events import Events
from unflare.events.scorer import Scorer


def stream(seed: int, count: int = 900, shape: tuple[int, int] = (9, 12)) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 300_000, count))
    x, y = (rng.integers(0, size, count).astype(np.uint16) for size in shape[::-1])
    return Events(t, x, y, rng.integers(0, 2, count).astype(np.uint8), shape).checked()


def cut(events: Events, size: int) -> Iterator[Events]:
    return (events[i : i + size] for i in range(0, len(events), size))


def judged(scorer: Scorer, events: Events, size: int = 10**6) -> np.ndarray:
    return np.concatenate(list(scorer(cut(events, size))))


@pytest.mark.parametrize("name", baselines)
def test_probabilities_do_not_depend_on_chunks(name: str) -> None:
    events = stream(0)
    scorer = baselines[name]()
    whole = judged(scorer, events)
    assert whole.dtype == np.float32
    assert whole.shape == (len(events),)
    assert ((whole >= 0) & (whole <= 1)).all()
    for size in (1, 7, 450):
        assert np.array_equal(judged(scorer, events, size), whole)


@pytest.mark.parametrize("name", baselines)
def test_a_scorer_forgets_the_recording_before(name: str) -> None:
    scorer = baselines[name]()
    first, second = stream(1), stream(2, shape=(20, 5))
    alone = judged(scorer, second)
    judged(scorer, first)
    assert np.array_equal(judged(scorer, second), alone)


def test_the_limits_keep_and_drop_everything() -> None:
    events = stream(0)
    assert (judged(baselines["keep_all"](), events) == 0).all()
    assert (judged(baselines["drop_all"](), events) == 1).all()


@pytest.mark.parametrize("window", [0, 1, 5_000, 10_000])
@pytest.mark.parametrize("support", [1, 2, 8])
def test_correlation_filters_keep_what_their_rule_keeps(window: int, support: int) -> None:
    events = stream(3)
    kept = judged(BackgroundActivity(window, support), events) < 0.5
    assert kept.tolist() == reference.kept_by_correlation(events, window, support)


@pytest.mark.parametrize("window", [10_000, 25_000])
@pytest.mark.parametrize("score", ["A", "B"])
def test_polarity_focused_denoising_keeps_what_its_rule_keeps(window: int, score: str) -> None:
    events = stream(4, 1_500)
    kept = judged(PolarityFocused(score, window), events) < 0.5
    assert kept.tolist() == reference.kept_by_polarity(events, window, score)
    assert 0.02 < kept.mean() < 0.98


def test_the_window_of_the_activity_filter_is_closed_and_graded() -> None:
    t, zeros = np.array([0, 10, 21, 1_000_000]), np.zeros(4, np.uint8)
    events = Events(t, np.uint16([0, 1, 0, 1]), zeros.astype(np.uint16), zeros, (1, 2))
    found = judged(BackgroundActivity(window=10), events)
    assert found[0] == 1  # nothing before it, at time 0 as at any other
    assert found[1] < 0.5 == found[2]
    assert found[2] < found[3] < 1


def test_a_filter_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="found 10 us and 9"):
        BackgroundActivity(10, 9)
