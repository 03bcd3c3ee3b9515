"""DVS-Voltmeter: the laws of its waiting times, and the same bits however it is run."""

import math

import numba
import numpy as np
import pytest
from reference import sensor, simulate_by_frames, simulate_plainly
from scipy import stats

from unflare.events import Array, Events
from unflare.synthesis import simulate

DVS346 = sensor(5.265, 20.0, 1e-4, 1e-7, 5e-9, 1e-5)
SILENT = sensor(5.0, 20.0, 1e-12, 0.0, 0.0, 1e-12)
LEAKING = sensor(5.0, 20.0, 1e-12, 1e-4, 0.0, 2e-3)


def flat(level: float, shape: tuple[int, int] = (40, 50)) -> Array:
    return np.full(shape, level, np.float32)


def waits(events: Events) -> Array:
    """Times between an event and the next of its pixel, the first event of a pixel left out."""
    pixel = events.y.astype(np.int64) * events.shape[1] + events.x
    order = np.argsort(pixel, kind="stable")
    same = np.diff(pixel[order]) == 0
    return np.diff(events.t[order])[same]


def flicker(frames: int = 25, shape: tuple[int, int] = (24, 32)) -> list[tuple[int, Array]]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    glow = 200 * np.exp(-np.hypot(x - 15, y - 12) / 6)
    return [(i * 833, (glow * (0.6 + 0.4 * math.sin(0.5 * i))).astype(np.float32)) for i in range(frames)]


def same(a: Events, b: Events) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in "txyp")


def test_waiting_times_under_constant_drift_are_inverse_gaussian() -> None:
    events = simulate([(0, flat(50)), (2_000_000, flat(50))], LEAKING, seed=3)
    mean, shape = 1 / 1e-4, 1 / 2e-3**2
    law = stats.invgauss(mean / shape, scale=shape)
    assert (events.p == 1).mean() > 0.999
    assert stats.kstest(waits(events)[:20_000], law.cdf).pvalue > 1e-3


def test_waiting_times_without_drift_follow_levy() -> None:
    sigma, span = 5e-3, 1_000_000
    events = simulate([(0, flat(0)), (span, flat(0))], sensor(5, 20, 1e-12, 0, 0, sigma), seed=4)
    pixel = events.y.astype(np.int64) * events.shape[1] + events.x
    order = np.argsort(pixel, kind="stable")
    began = events.t[order][:-1][np.diff(pixel[order]) == 0]
    # A wait is only seen where it ends inside the interval: take those that began in its first half, up to half of it.
    seen = waits(events)[(began < span // 2) & (waits(events) < span // 2)]
    law = stats.levy(scale=1 / sigma**2)
    assert len(seen) > 3000
    assert stats.kstest(seen, lambda t: law.cdf(t) / law.cdf(span // 2)).pvalue > 1e-3
    assert abs(events.p.mean() - 0.5) < 0.02


def test_the_first_barrier_from_rest_is_the_one_along_the_drift_with_the_gamblers_odds() -> None:
    drift, sigma = 2e-5, 5e-3
    events = simulate([(0, flat(0)), (10**7, flat(0))], sensor(5, 20, 1e-12, drift, 0, sigma), seed=5)
    assert len(events) > 100_000
    assert abs(events.p.mean() - 1 / (1 + math.exp(-2 * drift / sigma**2))) < 0.01


@pytest.mark.parametrize(("low", "high"), [(10.0, 200.0), (200.0, 10.0)])
def test_a_ramp_of_light_gives_the_analytic_number_of_events(low: float, high: float) -> None:
    levels = np.geomspace(low + 20, high + 20, 400) - 20
    events = simulate(((i * 100, flat(level)) for i, level in enumerate(levels)), SILENT, seed=1)
    steps = 5.0 * abs(math.log((high + 20) / (low + 20)))
    # A pixel fires floor(steps + v) times, v its residual at the start, uniform in (-1, 1).
    assert abs(len(events) / flat(0).size - (steps - 0.5)) < 0.04
    assert set(events.p.tolist()) == {int(high > low)}


def test_constant_light_without_noise_gives_no_event() -> None:
    assert len(simulate([(0, flat(80)), (10**6, flat(80)), (2 * 10**6, flat(80))], SILENT, seed=1)) == 0


def test_counts_and_times_agree_with_the_plain_simulator() -> None:
    video = flicker(60)
    fast, plain = simulate(video, DVS346, seed=1), simulate_plainly(video, DVS346, seed=2)
    assert abs(len(fast) - len(plain)) < 4 * math.sqrt(len(plain))
    assert abs(fast.p.mean() - plain.p.mean()) < 0.03
    # A pixel's waits repeat from cycle to cycle, so that there are fewer independent ones than a p-value supposes.
    assert stats.ks_2samp(waits(fast), waits(plain)).statistic < 0.03


def test_counts_agree_with_the_simulator_of_the_benchmark() -> None:
    video = flicker(40, (48, 64))
    found = len(simulate(video, DVS346, seed=1))
    assert simulate_by_frames(video, DVS346, seed=2) == pytest.approx(found, rel=0.02)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    threads = numba.get_num_threads()
    runs = []
    for number in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(number)
        runs.append(simulate(flicker(), DVS346, seed=7))
    numba.set_num_threads(threads)
    assert len(runs[0]) > 500
    assert same(*runs)


def test_the_seed_decides() -> None:
    one, again, other = (simulate(flicker(), DVS346, seed=seed) for seed in (7, 7, 8))
    assert same(one, again)
    assert not same(one, other)


def test_events_are_sorted_by_time_then_pixel_and_inside_the_sensor() -> None:
    events = simulate(flicker(), DVS346, seed=1).checked()
    pixel = events.y.astype(np.int64) * 32 + events.x
    ties = np.diff(events.t) == 0
    assert events.shape == (24, 32)
    assert (np.diff(pixel)[ties] >= 0).mean() > 0.99  # not where two intervals meet


def test_more_events_than_the_buffer_holds_are_all_written() -> None:
    video = [(i * 50_000, flat(3000.0 * (i % 2), (8, 8))) for i in range(4)]
    events = simulate(video, sensor(500.0, 20.0, 1e-4, 1e-7, 5e-9, 1e-5), seed=1)
    assert abs(len(events) / (3 * 64) - 500 * math.log(3020 / 20)) < 500 * 0.05


def test_one_frame_has_no_events() -> None:
    assert len(simulate([(0, flat(1))], DVS346, seed=1)) == 0


@pytest.mark.parametrize(
    ("video", "sentence"),
    [
        ([], "at least one frame"),
        ([(5, flat(1)), (5, flat(1))], "a time after 5 us, found 5 us"),
        ([(0, flat(1)), (9, flat(1, (3, 4)))], r"shape \(40, 50\), found \(3, 4\)"),
        ([(0, flat(1)), (9, flat(math.nan))], "finite irradiance of 0 or more, found nan"),
        ([(0, flat(-2))], "found -2.0"),
        ([(0, flat(math.inf))], "found inf"),
        ([(-1, flat(1))], "a time after -1 us, found -1 us"),
    ],
)
def test_a_broken_video_is_refused(video: list[tuple[int, Array]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        simulate(video, DVS346, seed=1)
