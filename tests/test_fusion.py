"""The three rules of fusion: their limits, their means, and one draw per event."""

import numpy as np
import pytest

from unflare.events import Array, Events, merge
from unflare.synthesis import fuse
from unflare.synthesis.fusion import LOWEST, Shares, Weight
from unflare.synthesis.light import constant, shares

SHAPE = (12, 16)


def stream(count: int, seed: int, duration: int = 50_000) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, duration, count))
    y, x = (rng.integers(0, side, count).astype(np.uint16) for side in SHAPE)
    return Events(t, x, y, rng.integers(0, 2, count).astype(np.uint8), SHAPE)


def rows(events: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(events, name).tolist() for name in "txyp"), strict=True))


BACKGROUND, OTHER = stream(4000, 1), stream(3000, 2)
NONE = stream(0, 1)


@pytest.mark.parametrize("rule", ["integrate", "pnl_es"])
@pytest.mark.parametrize("form", ["number", "pixels", "function"])
def test_a_light_alone_leaves_its_stream_as_it_is(rule: str, form: str) -> None:
    for value, alone in ((1.0, BACKGROUND), (0.0, OTHER)):
        forms: dict[str, Weight] = {
            "number": value,
            "pixels": np.full(SHAPE, value, np.float32),
            "function": constant(value),
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

    def early_or_right(t: Array, x: Array, y: Array) -> Array:
        return 1 - late_on_the_left(t, x, y)

    fused = fuse(BACKGROUND, OTHER, Shares(late_on_the_left, early_or_right), "pnl_es", seed=5)
    inside = late_on_the_left(fused.events.t, fused.events.x, fused.events.y) == 1
    assert np.array_equal(fused.source == 0, inside)


def test_what_survives_a_stronger_flare_survives_a_weaker_one() -> None:
    kept = []
    for w, other in ((0.3, OTHER), (0.6, stream(500, 9))):
        fused = fuse(BACKGROUND, other, w, "pnl_es", seed=5)
        kept.append(rows(fused.events[fused.source == 0]))
    assert set(kept[0]) < set(kept[1])
    assert len(kept[0]) > 1000


@pytest.mark.parametrize("rule", ["integrate", "pnl_es"])
def test_where_there_is_one_stream_in_its_own_light_alone_nothing_changes(rule: str) -> None:
    """No flare leaves the background as it is, no background the flare; a dark current is no light."""
    for lights, streams in (((40.0, 0.0), (BACKGROUND, NONE)), ((0.0, 40.0), (NONE, OTHER))):
        fused = fuse(*streams, shares(*map(constant, lights), dark=20.0), rule, seed=3)
        assert rows(fused.events) == rows(streams[0] if len(streams[0]) else streams[1])


@pytest.mark.parametrize("rule", ["integrate", "pnl_es"])
def test_a_weight_leaves_the_rest_to_the_other(rule: str) -> None:
    one, both = (fuse(BACKGROUND, OTHER, weight, rule, seed=1) for weight in (0.3, Shares(0.3, 0.7)))
    assert rows(one.events) == rows(both.events)
    assert np.array_equal(one.share, both.share)


def test_shares_of_two_lights_add_up_to_one_and_the_dark_current() -> None:
    worth = shares(constant(30.0), constant(50.0), dark=20.0)
    assert [one(BACKGROUND.t, BACKGROUND.x, BACKGROUND.y)[0] for one in worth] == pytest.approx([0.5, 0.7])  # type: ignore[operator]


def ramp(count: int, polarity: int, late: int = 0) -> Events:
    """ON or OFF events at every pixel, one each 10 us."""
    pixels = SHAPE[0] * SHAPE[1]
    y, x = (np.tile(of, count).astype(np.uint16) for of in np.divmod(np.arange(pixels), SHAPE[1]))
    t = np.repeat(np.arange(count) * 10 + late, pixels)
    return Events(t, x, y, np.full(len(t), polarity, np.uint8), SHAPE)


@pytest.mark.parametrize("w", [0.4, 0.7, 0.9])
def test_integrate_fires_once_a_threshold_whatever_the_steps(w: float) -> None:
    fused = fuse(ramp(50, 1), NONE, w, "integrate", seed=0)
    assert set(fused.events.p.tolist()) == {1}
    assert len(fused.events) / (SHAPE[0] * SHAPE[1]) == pytest.approx(50 * w, abs=1 - LOWEST)


@pytest.mark.parametrize("w", [0.2, 0.5, 0.8])
def test_a_first_step_fires_where_it_reaches_the_threshold_that_is_drawn(w: float) -> None:
    pixels = SHAPE[0] * SHAPE[1]
    fired = len(fuse(ramp(1, 0), NONE, w, "integrate", seed=0).events)
    expected = max(0.0, (w - LOWEST) / (1 - LOWEST))
    assert abs(fired / pixels - expected) <= 4 * np.sqrt(expected * (1 - expected) / pixels)


def test_equal_and_opposite_steps_take_each_other_away() -> None:
    small = fuse(ramp(20, 1), ramp(20, 0, late=5), 0.5, "integrate", seed=0)
    net = 2 * small.events.p.astype(int).sum() - len(small.events)
    assert abs(net) <= SHAPE[0] * SHAPE[1]
    assert np.allclose(small.share[small.events.t > 100], 0.5, atol=0.51)


def test_thresholds_are_those_of_the_seed_and_the_same_for_two_lights() -> None:
    """Where two flares are worth the same, they leave the same, whatever happens elsewhere."""
    right = (OTHER.x >= 8).nonzero()[0]
    one, again, other = (
        fuse(BACKGROUND, light, 0.6, "integrate", seed=seed)
        for light, seed in ((OTHER, 1), (OTHER[right], 1), (OTHER, 2))
    )
    inside = [fused.events[fused.events.x >= 8] for fused in (one, again)]
    assert rows(inside[0]) == rows(inside[1])
    assert rows(one.events) != rows(again.events)
    assert rows(one.events) != rows(other.events)


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
def test_what_is_no_share_is_refused(weight: Weight, rule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fuse(BACKGROUND, OTHER, Shares(weight, 0.5), rule, seed=0)
