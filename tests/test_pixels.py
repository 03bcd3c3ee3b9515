"""What sensors add to the model: each a law of its own, each off at 0, none changing the draws of another."""

import math
from itertools import pairwise

import numba
import numpy as np
import pytest
from reference import sensor, simulate_plainly
from scipy import stats

from unflare.events import Array, Events
from unflare.synthesis import simulate
from unflare.synthesis.pixels import draw_pixels
from unflare.synthesis.receptor import exponential, rise

K = (5.265, 20.0, 1e-4, 1e-7, 5e-9, 1e-5)
SILENT = (5.0, 20.0, 1e-12, 0.0, 0.0, 1e-12)
NOISE = {"hot_share": 0.01, "hot_rate": 200.0, "background_rate": 5.0}
ALL = {"mismatch": 0.15, "cutoff": 300.0, "refractory": 700} | NOISE
SHAPE = (100, 100)


def flat(level: float, shape: tuple[int, int] = SHAPE) -> Array:
    return np.full(shape, level, np.float32)


def counts(events: Events) -> Array:
    height, width = events.shape
    return np.bincount(events.y.astype(np.int64) * width + events.x, minlength=height * width).reshape(height, width)


def flicker(frames: int = 40, shape: tuple[int, int] = (24, 32)) -> list[tuple[int, Array]]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    glow = 200 * np.exp(-np.hypot(x - 15, y - 12) / 6)
    return [(i * 833, (glow * (0.6 + 0.4 * math.sin(0.5 * i))).astype(np.float32)) for i in range(frames)]


def ramp(low: float, high: float, frames: int) -> list[tuple[int, Array]]:
    return [(i * 1000, flat(level)) for i, level in enumerate(np.linspace(low, high, frames))]


def same(a: Events, b: Events) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in "txyp")


def waits(events: Events) -> Array:
    pixel = events.y.astype(np.int64) * events.shape[1] + events.x
    order = np.lexsort((events.t, pixel))
    return np.diff(events.t[order])[np.diff(pixel[order]) == 0]


@numba.njit
def both(a: np.float32, b: np.float32) -> tuple[np.float32, np.float32]:
    return rise(a, b, np.float32(20)), exponential(-b)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.1, 1.0, 30.0])
def test_the_logarithm_of_a_ratio_is_exact_to_single_precision_however_small(size: float) -> None:
    rng = np.random.default_rng(1)
    for a in rng.uniform(0, 255, 300).astype(np.float32):
        b = np.float32(max(0.0, a + size * rng.standard_normal()))
        exact = math.log1p((float(b) - float(a)) / (float(a) + 20))
        log, power = both(a, b)
        assert log == pytest.approx(exact, rel=4e-7, abs=1e-30)
        assert power == pytest.approx(math.exp(-min(b, 80)), rel=1e-5 if b > 10 else 1e-6)


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (255.0, 0.0), (3.0, 3000.0)])
@pytest.mark.parametrize("frames", [2, 3, 100])
def test_a_step_and_a_linear_ramp_give_the_analytic_number_of_events(low: float, high: float, frames: int) -> None:
    events = simulate(ramp(low, high, frames), sensor(*SILENT), seed=1)
    expected = 5.0 * abs(math.log((high + 20) / (low + 20)))
    assert len(events) / flat(0).size == pytest.approx(expected - 0.5, abs=0.04)


def test_mismatch_is_gaussian_and_shows_in_the_counts_of_a_long_ramp() -> None:
    it = sensor(200.0, *SILENT[1:], mismatch=0.1)
    sharpness = draw_pixels(it, SHAPE, 5).sharpness
    assert stats.kstest(((1 / sharpness.ravel()) - 1) / 0.1, "norm").pvalue > 1e-3
    found = counts(simulate(ramp(10, 200, 50), it, 5))
    assert np.abs(found - 200 * math.log(220 / 30) * sharpness + 0.5).max() < 2.1


@pytest.mark.parametrize("level", [255.0, 117.5, 0.0])
def test_the_low_pass_has_its_gain_at_the_cutoff_which_falls_with_the_light(level: float) -> None:
    """A small sine at the cutoff: the receptor has 1 / sqrt(2) of it, and the events say so."""
    cutoff, k1, depth = 500.0, 3000.0, 0.02
    hertz = cutoff * (level + 20) / 275
    step = 1e6 / hertz / 64
    video = [
        (round(i * step), flat((level + 20) * math.exp(depth * math.sin(2 * math.pi * i / 64)) - 20 + 1, (8, 8)))
        for i in range(64 * 9)
    ]
    base, passed = (simulate(video, sensor(k1, 20.0, *SILENT[2:], cutoff=value), seed=1) for value in (0.0, cutoff))
    last = [(events.t > video[64 * 5][0]).sum() for events in (base, passed)]
    assert last[1] / last[0] == pytest.approx(1 / math.sqrt(2), abs=0.03)


def test_no_two_events_of_a_pixel_are_nearer_than_the_refractory_period() -> None:
    for refractory in (1, 300, 2500):
        events = simulate(flicker(), sensor(*K, **(ALL | {"refractory": refractory})), seed=3)
        assert waits(events).min() >= refractory
    assert waits(simulate(flicker(), sensor(*K), seed=3)).min() < 2500


def test_background_activity_and_hot_pixels_are_poisson_of_their_rate() -> None:
    span, rate, hot_rate, share = 2_000_000, 4.0, 50.0, 0.02
    video = [(t, flat(80)) for t in range(0, span + 1, 50_000)]
    events = simulate(video, sensor(*SILENT, background_rate=rate, hot_rate=hot_rate, hot_share=share), seed=7)
    hot = np.zeros(SHAPE, np.bool_)
    hot.ravel()[draw_pixels(sensor(*SILENT, hot_rate=hot_rate, hot_share=share), SHAPE, 7).hot] = True
    assert hot.sum() == pytest.approx(share * hot.size, abs=4 * math.sqrt(share * hot.size))
    for mask, expected in ((~hot, 2 * rate), (hot, 2 * (rate + hot_rate))):
        found = counts(events)[mask]
        assert found.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / mask.sum()))
        assert found.var() == pytest.approx(expected, rel=5 * math.sqrt(2 / mask.sum()))
    assert stats.kstest(events.t / span, "uniform").pvalue > 1e-3
    cold = events[~hot[events.y, events.x]]
    assert cold.p.mean() == pytest.approx(0.5, abs=0.01)
    assert events[hot[events.y, events.x]].p.mean() > 0.9


def test_a_switch_changes_no_draw_of_another() -> None:
    plain = simulate(flicker(), sensor(*K), seed=4)
    disturbed = simulate(flicker(), sensor(*K, hot_share=0.01, hot_rate=300), seed=4)
    hot = draw_pixels(sensor(*K, hot_share=0.01, hot_rate=300), (24, 32), 4).hot
    alike = [events[~np.isin(events.y.astype(np.int64) * 32 + events.x, hot)] for events in (plain, disturbed)]
    assert len(hot) > 0
    assert len(disturbed) > len(plain)
    assert same(*alike)
    one, other = (sensor(*K, mismatch=0.1, **more) for more in ({}, NOISE))
    assert np.array_equal(*(draw_pixels(it, SHAPE, 4).sharpness for it in (one, other)))


def test_two_videos_of_one_seed_are_seen_by_the_same_pixels() -> None:
    quiet = sensor(*SILENT, hot_share=0.01, hot_rate=100, background_rate=2)
    dark, bright = (simulate([(t, flat(level)) for t in (0, 500_000)], quiet, seed=9) for level in (0, 200))
    assert len(dark) > 5000
    assert same(dark, bright)


def test_all_together_agree_with_the_plain_simulator() -> None:
    it = sensor(*K, **ALL)
    fast, plain = simulate(flicker(), it, seed=1), simulate_plainly(flicker(), it, seed=2)
    assert abs(len(fast) - len(plain)) < 5 * math.sqrt(len(plain))
    assert abs(fast.p.mean() - plain.p.mean()) < 0.03
    assert stats.ks_2samp(waits(fast), waits(plain)).pvalue > 1e-3


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    threads = numba.get_num_threads()
    runs = []
    for number in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(number)
        runs.append(simulate(flicker(), sensor(*K, **ALL), seed=7))
    numba.set_num_threads(threads)
    assert len(runs[0]) > 500
    assert same(*runs)


def test_frames_twice_as_often_give_the_same_number_of_events() -> None:
    """A moving texture, features of three pixels and more, half a pixel a frame."""
    y, x = np.mgrid[:60, :80].astype(np.float64)

    def video(rate: int) -> list[tuple[int, Array]]:
        times = np.linspace(0, 50_000, rate // 20 + 1).round().astype(int)
        shift = [500e-6 * t for t in times]
        textures = [80 + 35 * np.sin((x - s) / 2 + y / 9) + 30 * np.sin((x - s) / 5 - y / 4) for s in shift]
        return [(int(t), texture.astype(np.float32)) for t, texture in zip(times, textures, strict=True)]

    for it in (sensor(*K), sensor(*K, mismatch=0.15, cutoff=3000.0, refractory=100)):
        few, many = (len(simulate(video(rate), it, seed=1)) for rate in (1000, 2000))
        assert few > 10_000
        assert many == pytest.approx(few, rel=0.02)
    assert all(s < t for (s, _), (t, _) in pairwise(video(1000)))
