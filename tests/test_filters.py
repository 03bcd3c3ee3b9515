"""Baselines: each is its published rule at 0.5, and does not see where a recording was cut."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference

from unflare.evaluation.filters import (
    GRIDS,
    BackgroundActivity,
    Chance,
    EventDensity,
    PolarityFocused,
    TimeSurface,
    baselines,
)
from unflare.evaluation.filters.polarity_original import in_slices
from unflare.events import Events
from unflare.events.scorer import Scorer

ORIGINALS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "polarity.json").read_text())["cases"]


def stream(seed: int, count: int = 900, shape: tuple[int, int] = (9, 12)) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 300_000, count))
    x, y = (rng.integers(0, size, count).astype(np.uint16) for size in shape[::-1])
    return Events(t, x, y, rng.integers(0, 2, count).astype(np.uint8), shape).checked()


def cut(events: Events, size: int) -> Iterator[Events]:
    return (events[i : i + size] for i in range(0, len(events), size))


def judged(scorer: Scorer, events: Events, size: int = 10**6) -> np.ndarray:
    return np.concatenate(list(scorer(cut(events, size))))


@pytest.mark.parametrize(
    "scorer",
    [*(make() for make in baselines.values()), *(PolarityFocused(score, original=True) for score in "AB")],  # type: ignore[arg-type]
    ids=[*baselines, "original_a", "original_b"],
)
def test_probabilities_do_not_depend_on_chunks(scorer: Scorer) -> None:
    events = stream(0)
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
    with pytest.raises(ValueError, match=r"found 0 us and 0.2"):
        TimeSurface(tau=0)
    with pytest.raises(ValueError, match="found 10 us and 0"):
        EventDensity(10, 0)


@pytest.mark.parametrize("tau", [500.0, 20_000.0])
def test_a_time_surface_keeps_where_it_is_fresh(tau: float) -> None:
    events = stream(5)
    fresh = np.array(reference.freshness(events, tau))
    said = judged(TimeSurface(tau), events)
    assert said == pytest.approx(0.2 / (0.2 + fresh), abs=1e-6)
    assert ((said < 0.5) == (fresh > 0.2)).all()
    assert 0 < (said < 0.5).mean() < 1


@pytest.mark.parametrize("window", [0, 2_000, 25_000])
@pytest.mark.parametrize("support", [1, 3])
def test_event_density_keeps_what_its_rule_keeps(window: int, support: int) -> None:
    events = stream(6)
    kept = judged(EventDensity(window, support), events) < 0.5
    assert kept.tolist() == reference.kept_by_density(events, window, support)


def test_chance_removes_any_share_and_looks_at_nothing_but_the_place() -> None:
    one, other = (judged(Chance(seed=3), stream(seed, 200_000)) for seed in (1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, judged(Chance(seed=4), stream(1, 200_000)))
    for share in (0.01, 0.3, 0.9):
        assert (one >= 1 - share).mean() == pytest.approx(share, abs=4e-3)
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.01


def original(case: dict[str, Any]) -> Events:
    t, x, y, p = (np.array(case["events"][name]) for name in ("t", "x", "y", "p"))
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), tuple(case["shape"]))


@pytest.mark.parametrize("score", ["A", "B"])
@pytest.mark.parametrize("case", ORIGINALS, ids=lambda case: str(case["name"]))
def test_the_originals_keep_what_the_authors_programs_keep(case: dict[str, Any], score: str) -> None:
    events = original(case)
    kept = judged(PolarityFocused(score, original=True), events, 37) < 0.5  # type: ignore[arg-type]
    assert np.flatnonzero(kept).tolist() == case["each_event"][score]
    assert np.flatnonzero(in_slices(events, score)).tolist() == case["in_slices"][score]


def test_the_grid_begins_with_the_published_parameters() -> None:
    events = stream(7)
    for name, grid in GRIDS.items():
        assert np.array_equal(judged(baselines[name](**grid[0]), events), judged(baselines[name](), events)), name
