"""Stream metrics: the plain definitions, and that neither deletion nor an empty stretch nor another scale pleases."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import reference

from unflare.evaluation import event_structural_ratio, streams
from unflare.evaluation.streams import distances
from unflare.evaluation.structure import PACKET
from unflare.evaluation.summary import Summary, summaries, summarize
from unflare.events import Events, empty

SPAN = (0, 100_000)


def stream(seed: int, count: int = 400, shape: tuple[int, int] = (48, 64), stop: int = SPAN[1]) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, stop + 1, count))
    x, y = (rng.integers(0, side, count).astype(np.uint16) for side in shape[::-1])
    return Events(t, x, y, rng.integers(0, 2, count).astype(np.uint8), shape)


def one(t: int, x: int, y: int, p: int) -> Events:
    return Events(np.array([t]), np.uint16([x]), np.uint16([y]), np.uint8([p]), (50, 200))


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_their_definitions(seed: int) -> None:
    truth, extra = stream(seed), stream(seed + 10, 150)
    t = np.concatenate([truth.t[::2], extra.t])
    order = np.argsort(t, kind="stable")
    columns = (np.concatenate([getattr(truth, c)[::2], getattr(extra, c)])[order] for c in ("x", "y", "p"))
    estimate = Events(t[order], *columns, truth.shape)
    found = asdict(streams(estimate, truth, SPAN))
    chamfer, gaussian = reference.two_sided(estimate, truth)
    expected = {"chamfer": chamfer, "gaussian": gaussian} | reference.voxels_on_the_clock(estimate, truth, SPAN)
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_truth_itself_is_at_no_distance() -> None:
    found = asdict(streams(stream(0), stream(0), SPAN))
    zero = ("chamfer", "gaussian", "clock_mse", "clock_pmse_2", "clock_pmse_4")
    assert found == {name: 0.0 if name in zero else 1.0 for name in found}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (one(7_000, 20, 10, 1), 2.0),  # 2 ms of 100
        (one(5_000, 24, 10, 1), 2.0),  # 4 pixels of 200
        (one(5_000, 20, 12, 1), 4.0),  # 2 pixels of 50
        (one(7_000, 24, 12, 1), math.sqrt(24)),
        (one(5_000, 20, 10, 0), 100.0),  # the other polarity
        (one(999_000, 20, 10, 1), 100.0),  # beyond the window
    ],
)
def test_a_distance_has_the_same_units_in_every_stream(other: Events, expected: float) -> None:
    assert streams(one(5_000, 20, 10, 1), other, (0, 10**6)).chamfer == pytest.approx(expected)


def test_distances_go_both_ways_so_that_deletion_costs() -> None:
    truth = stream(1)
    costs = [streams(truth[np.arange(len(truth)) % 10 < kept], truth, SPAN).chamfer or 0.0 for kept in (10, 7, 3, 1)]
    assert costs == sorted(costs)
    assert costs[0] == 0 < costs[1]
    nothing = streams(empty(truth.shape), truth, SPAN)
    assert (nothing.chamfer, nothing.gaussian, nothing.clock_rf1) == (100, pytest.approx(1), 0)


def test_distances_of_a_stream_serve_its_parts() -> None:
    estimate, truth = stream(2), stream(3)
    part = np.arange(len(estimate)) % 3 > 0
    away = distances(estimate, truth)[part]
    assert streams(estimate[part], truth, SPAN, away) == streams(estimate[part], truth, SPAN)


def test_empty_stretches_are_zeros_and_the_clock_is_one() -> None:
    truth = stream(4)
    late = truth[truth.t >= 60_000]
    found, whole = streams(late, truth, SPAN), streams(late, late, SPAN)
    assert found.clock_mse == pytest.approx(reference.voxels_on_the_clock(late, truth, SPAN)["clock_mse"])
    assert found.clock_mse > whole.clock_mse == 0
    assert streams(late.shifted(-60_000), late, SPAN).clock_rf1 == 0
    twice = streams(truth[truth.t < 20_000], empty(truth.shape), (0, 200_000)).clock_mse
    assert twice == pytest.approx(streams(truth[truth.t < 20_000], empty(truth.shape), SPAN).clock_mse / 2)


def test_square_errors_of_voxels_reward_deletion_and_distances_do_not() -> None:
    """Why the first stand beside dropping everything: most voxels of a truth are empty."""
    truth, other = stream(4), stream(9)
    nothing, wrong = streams(empty(truth.shape), truth, SPAN), streams(other, truth, SPAN)
    assert nothing.clock_mse < wrong.clock_mse
    assert nothing.chamfer == 100 > wrong.chamfer


def test_what_is_not_defined_is_none_and_the_rest_is_refused() -> None:
    nothing = streams(empty((48, 64)), empty((48, 64)), SPAN)
    assert (nothing.chamfer, nothing.gaussian, nothing.clock_rf1, nothing.clock_mse) == (0, 0, None, 0)
    with pytest.raises(ValueError, match=r"found \(48, 64\) and \(48, 63\), 0 to 100000 us"):
        streams(empty((48, 64)), empty((48, 63)), SPAN)
    with pytest.raises(ValueError, match="5 to 5 us"):
        streams(empty((48, 64)), empty((48, 64)), (5, 5))


def test_the_structural_ratio_is_its_formula_over_whole_packets() -> None:
    events = stream(5, 2 * PACKET + 17, (60, 80))
    packets = [events[:PACKET], events[PACKET : 2 * PACKET]]
    expected = [reference.structural_ratio(e.x.tolist(), e.y.tolist(), e.shape) for e in packets]
    assert event_structural_ratio(events) == pytest.approx(sum(expected) / 2)
    assert event_structural_ratio(events[: PACKET - 1]) is None
    assert event_structural_ratio(packets[0]) == pytest.approx(expected[0])


def test_failures_are_counted_and_never_averaged() -> None:
    assert summarize([1.0, None, 3.0, math.inf, math.nan]) == Summary(mean=2, spread=math.sqrt(2), scenes=5, failures=3)
    assert summarize([None, None]) == Summary(None, None, scenes=2, failures=2)
    assert summaries([{"a": 1.0, "b": None}, {"a": 2.0, "b": 4.0}])["b"] == Summary(4, None, scenes=2, failures=1)
