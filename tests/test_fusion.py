"""The three rules of fusion: their limits, their means, and one draw per event."""

import numpy as np
import pytest

from unflare.events import Array, Events, merge
from unflare.synthesis import fuse

SHAPE = (12, 16)


def stream(count: int, seed: int, duration: int = 50_000) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, duration, count))
    y, x = (rng.integers(0, side, count).astype(np.uint16) for side in SHAPE)
    return Events(t, x, y, rng.integers(0, 2, count).astype(np.uint8), SHAPE)


def rows(events: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(events, name).tolist() for name in "txyp"), strict=True))


BACKGROUND, OTHER = stream(4000, 1), stream(3000, 2)


@pytest.mark.parametrize("rule", ["integrate", "pnl_es"])
@pytest.mark.parametrize("form", ["number", "pixels", "function"])
def test_a_light_alone_leaves_its_stream_as_it_is(rule: str, form: str) -> None:
    for value, alone in ((1.0, BACKGROUND), (0.0, OTHER)):
        forms = {
            "number": value,
            "pixels": np.full(SHAPE, value, np.float32),
            "function": lambda t, x, y, value=value: np.full(len(t), value),
        }
        fused = fuse(BACKGROUND, OTHER, forms[form], rule, seed=3)
        assert rows(fused.events) == rows(alone)
        assert set(fused.source.tolist()) == {int(1 - value)}
        assert np.all(fused.share == 1 - value)


def test_union_is_a_merge() -> None:
    fused = fuse(BACKGROUND, OTHER, 0.5, "union", seed=3)
    events, source = merge(BACKGROUND, OTHER)
    assert rows(fused.events) == rows(events)
    assert np.array_equal(fused.source, source)


@pytest.mark.parametrize("w", [0.1, 0.5, 0.8])
def test_pnl_es_keeps_a_binomial_number(w: float) -> None:
    fused = fuse(BACKGROUND, OTHER, w, "pnl_es", seed=5)
    for source, share, count in ((0, w, 4000), (1, 1 - w, 3000)):
        assert abs((fused.source == source).sum() - share * count) < 4 * np.sqrt(count * w * (1 - w))


def test_a_weight_is_taken_where_and_when_the_event_is() -> None:
    def late_on_the_left(t: Array, x: Array, y: Array) -> Array:
        return ((t >= 25_000) & (x < 8)).astype(np.float32)

    fused = fuse(BACKGROUND, OTHER, late_on_the_left, "pnl_es", seed=5)
    inside = late_on_the_left(fused.events.t, fused.events.x, fused.events.y) == 1
    assert np.array_equal(fused.source == 0, inside)


def test_what_survives_a_stronger_flare_survives_a_weaker_one() -> None:
    kept = []
    for w, other in ((0.3, OTHER), (0.6, stream(500, 9))):
        fused = fuse(BACKGROUND, other, w, "pnl_es", seed=5)
        kept.append(rows(fused.events[fused.source == 0]))
    assert set(kept[0]) < set(kept[1])
    assert len(kept[0]) > 1000


def test_integrate_at_equal_light_fires_on_every_second_event_of_one_polarity() -> None:
    zeros, ones = np.zeros(6, np.uint16), np.ones(6, np.uint8)
    background = Events(np.arange(6) * 10, zeros, zeros, ones, SHAPE)
    other = Events(np.arange(6) * 10 + 5, zeros, zeros, ones, SHAPE)
    fused = fuse(background, other, 0.5, "integrate", seed=0)
    assert fused.events.t.tolist() == [5, 15, 25, 35, 45, 55]
    assert np.allclose(fused.share, 0.5)
    opposed = fuse(background, Events(other.t, zeros, zeros, 1 - ones, SHAPE), 0.5, "integrate", seed=0)
    assert len(opposed.events) == 0


def test_integrate_conserves_the_change_of_light() -> None:
    fused = fuse(BACKGROUND, OTHER, 0.3, "integrate", seed=0)
    for y, x in ((0, 0), (5, 7), (11, 15)):
        change = [
            worth * (2.0 * events.p[(events.y == y) & (events.x == x)] - 1).sum()
            for worth, events in ((0.3, BACKGROUND), (0.7, OTHER), (-1.0, fused.events))
        ]
        assert abs(sum(change)) < 1
    assert np.all((fused.share >= 0) & (fused.share <= 1))


@pytest.mark.parametrize(
    ("weight", "rule", "sentence"),
    [
        (0.5, "average", "rule must be one of integrate, pnl_es, union, found 'average'"),
        (1.5, "pnl_es", "in 0..1"),
        (float("nan"), "integrate", "in 0..1"),
        (np.zeros((3, 4)), "pnl_es", r"shape \(12, 16\), found \(3, 4\)"),
        (lambda t, x, y: np.zeros(2), "pnl_es", "must be 4000 numbers"),
    ],
)
def test_what_is_no_weight_is_refused(weight: float, rule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fuse(BACKGROUND, OTHER, weight, rule, seed=0)
