"""The simulator on CUDA: the laws of the CPU form, its statistics, and the same bits however it is run."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import test_pixels
import test_voltmeter
import torch
from reference import sensor
from scipy import stats
from test_pixels import ALL, K, flat, flicker, same, waits

from unflare import params
from unflare.events import Array, Events
from unflare.params import Sensor
from unflare.synthesis import simulate
from unflare.synthesis.pixels import draw_pixels
from unflare.synthesis.video import opened

DEFAULT = params.load(Path(__file__).parents[1] / "params.yaml").sensor
on_cuda = partial(simulate, device="cuda")


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    there = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    return pytest.mark.gpu(there(test))


def flare(frames: int = 100, shape: tuple[int, int] = (240, 320)) -> list[tuple[int, Array]]:
    """A lamp that flickers at 100 Hz, its glow all over the frame."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    glow = 230 * np.exp(-np.hypot(x - shape[1] / 2, y - shape[0] / 2) / 60)
    return [(i * 833, glow * np.float32(0.7 + 0.3 * math.sin(math.pi * i / 6))) for i in range(frames)]


def only_cuda(video: list[tuple[int, Array]]) -> list[tuple[int, torch.Tensor]]:
    return [(t, torch.tensor(frame, device="cuda")) for t, frame in video]


def in_chunks(video: list[tuple[int, Array]], it: Sensor, seed: int, *, of: int) -> Events:
    from unflare.synthesis.cuda import fired

    shape, frames = opened(video)
    parts = fired(frames, shape, it, seed, torch.device("cuda", 0), of)
    t, x, y, p = (torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True))
    return Events(t, x.view(np.uint16), y.view(np.uint16), p, shape)


LAWS = [
    test_voltmeter.test_waiting_times_under_constant_drift_are_inverse_gaussian,
    test_voltmeter.test_waiting_times_without_drift_follow_levy,
    test_voltmeter.test_the_first_barrier_from_rest_is_the_one_along_the_drift_with_the_gamblers_odds,
    partial(test_voltmeter.test_a_ramp_of_light_gives_the_analytic_number_of_events, 10.0, 200.0),
    partial(test_voltmeter.test_a_ramp_of_light_gives_the_analytic_number_of_events, 200.0, 10.0),
    test_voltmeter.test_constant_light_without_noise_gives_no_event,
    test_voltmeter.test_counts_and_times_agree_with_the_plain_simulator,
    test_voltmeter.test_counts_agree_with_the_simulator_of_the_benchmark,
    test_voltmeter.test_the_seed_decides,
    test_voltmeter.test_events_are_sorted_by_time_then_pixel_and_inside_the_sensor,
    test_voltmeter.test_more_events_than_the_buffer_holds_are_all_written,
    test_voltmeter.test_one_frame_has_no_events,
    partial(test_pixels.test_a_step_and_a_linear_ramp_give_the_analytic_number_of_events, 0.0, 255.0, 2),
    partial(test_pixels.test_a_step_and_a_linear_ramp_give_the_analytic_number_of_events, 255.0, 0.0, 3),
    partial(test_pixels.test_a_step_and_a_linear_ramp_give_the_analytic_number_of_events, 3.0, 3000.0, 100),
    test_pixels.test_mismatch_is_gaussian_and_shows_in_the_counts_of_a_long_ramp,
    partial(test_pixels.test_the_low_pass_has_its_gain_at_the_cutoff_which_falls_with_the_light, 117.5),
    partial(test_pixels.test_the_low_pass_has_its_gain_at_the_cutoff_which_falls_with_the_light, 0.0),
    test_pixels.test_no_two_events_of_a_pixel_are_nearer_than_the_refractory_period,
    test_pixels.test_background_activity_and_hot_pixels_are_poisson_of_their_rate,
    test_pixels.test_a_switch_changes_no_draw_of_another,
    test_pixels.test_two_videos_of_one_seed_are_seen_by_the_same_pixels,
    test_pixels.test_frames_twice_as_often_give_the_same_number_of_events,
]


@gpu
@pytest.mark.parametrize("law", LAWS, ids=lambda law: getattr(law, "func", law).__name__)
def test_the_laws_of_the_cpu_form_hold(law: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (test_voltmeter, test_pixels):
        monkeypatch.setattr(module, "simulate", on_cuda)
    law()


@gpu
@pytest.mark.parametrize("it", [sensor(*K), DEFAULT], ids=["plain", "default"])
def test_statistics_are_those_of_the_cpu_form(it: Sensor) -> None:
    video = flare()
    found, expected = on_cuda(video, it, 1).checked(), simulate(video, it, 1)
    assert len(expected) > 1_000_000
    assert len(found) == pytest.approx(len(expected), rel=0.005)
    assert found.p.mean() == pytest.approx(expected.p.mean(), abs=0.001)
    assert stats.ks_2samp(waits(found), waits(expected)).statistic < 0.005
    times = [np.histogram(events.t, 50, (0, video[-1][0]))[0] for events in (found, expected)]
    assert np.abs(times[0] - times[1]).max() < 0.02 * times[1].max()


@gpu
def test_the_bits_are_the_same_run_after_run_whatever_the_chunks_and_wherever_the_frames_are() -> None:
    video, it = flicker(), sensor(*K, **ALL)
    runs = [on_cuda(video, it, 7), on_cuda(video, it, 7), on_cuda(only_cuda(video), it, 7)]
    assert len(runs[0]) > 500
    assert all(same(runs[0], run) for run in [*runs, *(in_chunks(video, it, 7, of=of) for of in (1, 3, 1000))])


@gpu
@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (7, 5)])
def test_a_small_sensor_is_one_as_well(shape: tuple[int, int]) -> None:
    video = [(0, flat(0, shape)), (100_000, flat(3000, shape)), (200_000, flat(0, shape))]
    found = test_pixels.counts(on_cuda(video, sensor(50.0, *test_pixels.SILENT[1:]), 1).checked())
    assert np.abs(found - 2 * 50 * math.log(3020 / 20)).max() < 4


@gpu
def test_the_pixels_are_those_of_the_cpu_form() -> None:
    from unflare.synthesis.cuda.simulator import _Pixels

    drawn = _Pixels(DEFAULT, (480, 640), 5, torch.device("cuda", 0), 8).traits
    expected = draw_pixels(DEFAULT, (480, 640), 5)
    assert drawn.sharpness.cpu().numpy() == pytest.approx(expected.sharpness.ravel(), rel=2e-7)
    assert np.flatnonzero(drawn.share.cpu().numpy() > 0.9).tolist() == expected.hot.tolist()
    assert len(expected.hot) > 10


def order(events: Events) -> Array:
    """Which of two neighbors in time is first, where the CPU form decides by pixel."""
    pixel = events.y.astype(np.int64) * events.shape[1] + events.x
    return np.diff(pixel)[np.diff(events.t) == 0]


@gpu
def test_ties_are_by_pixel_but_where_two_intervals_meet() -> None:
    events = on_cuda([(0, flat(10)), (40_000, flat(200))], sensor(*K), 1)
    assert len(order(events)) > 1000
    assert (order(events) >= 0).all()


@gpu
@pytest.mark.parametrize(
    ("video", "sentence"),
    [
        ([], "at least one frame"),
        ([(5, flat(1)), (5, flat(1))], "a time after 5 us, found 5 us"),
        ([(0, flat(1)), (9, flat(1, (3, 4)))], r"frame 1: expected shape \(100, 100\), found \(3, 4\)"),
        ([(0, flat(1)), (9, flat(math.nan))], "frame 1: expected finite irradiance of 0 or more, found nan"),
        ([(0, flat(-2))], "found -2.0"),
        ([*((t, flat(1)) for t in range(100)), (100, flat(math.inf))], "frame 100: .* found inf"),
        ([(0, flat(1)), (2**30, flat(1))], "at most 536870911 us from frame to frame, found 1073741824 us"),
    ],
)
def test_a_broken_video_is_refused(video: list[tuple[int, Array]], sentence: str) -> None:
    for frames in (video, only_cuda(video)):
        with pytest.raises(ValueError, match=sentence):
            on_cuda(frames, DEFAULT, 1)


@gpu
def test_too_little_memory_is_said_in_a_sentence() -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-3)
    try:
        with pytest.raises(MemoryError, match=r"does not fit cuda:0, .* MiB are free"):
            on_cuda(((t, flat(80, (2000, 2000))) for t in range(40)), DEFAULT, 1)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("device", ["xpu", "cuda:", "cuda:-1", "cudas", "", "gpu:0"])
def test_another_device_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="expected cpu, cuda or cuda:<number>, found"):
        simulate([(0, flat(1))], DEFAULT, 1, device=device)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="cuda:99 was asked for, and torch finds"):
        simulate([(0, flat(1))], DEFAULT, 1, device="cuda:99")
