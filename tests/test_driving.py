"""The embedded data set: drives that move continuously and differ, flares that contain their light source."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from reference import sensor

from unflare.synthesis import simulate
from unflare.synthesis.corridor import Corridor
from unflare.synthesis.driving import Drive, draw_drive
from unflare.synthesis.glare import encoded, flare_pair

SHAPE = (120, 160)
SENSOR = sensor(5.265, 20.0, 1e-4, 1e-7, 5e-9, 1e-5)


def drive(seed: int) -> Drive:
    return draw_drive(SHAPE, np.random.default_rng(seed))


def test_frames_are_linear_light_on_a_clock_in_microseconds() -> None:
    video = list(Corridor(drive(0)).frames(range(0, 20_001, 2000)))
    assert [t for t, _ in video] == list(range(0, 20_001, 2000))
    for _, frame in video:
        assert frame.shape == SHAPE
        assert frame.dtype == np.float32
        assert 0 <= frame.min() < frame.max() <= 255


def test_the_same_seed_gives_the_same_drive_and_another_seed_another() -> None:
    (_, one), (_, again), (_, other) = (next(Corridor(drive(seed)).frames([0])) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other, atol=5)


@pytest.mark.parametrize("seed", range(4))
def test_motion_is_continuous_below_a_pixel(seed: int) -> None:
    """A tenth of the time changes the picture by about a tenth: nothing jumps from frame to frame."""
    slow = replace(drive(seed), speed=3.0, vehicles=(), ripple=0.0)
    coarse, fine = ([frame for _, frame in Corridor(slow).frames(range(0, 20_001, step))] for step in (2000, 200))
    steps, tenths = ([np.abs(b - a).mean() for a, b in pairwise(video)] for video in (coarse, fine))
    assert np.mean(tenths) == pytest.approx(np.mean(steps) / 10, rel=0.1)
    assert max(tenths) < 1.5 * np.mean(tenths)


def test_street_lamps_light_the_street_and_flicker_with_the_mains() -> None:
    still = replace(drive(0), speed=0.0, sway=(0.0, 0.0), vehicles=(), pool=50.0, lamp=0.0, mains=100.0, ripple=0.5)
    bright, dark, again = (frame for _, frame in Corridor(still).frames([0, 5_000, 10_000]))
    unlit = next(Corridor(replace(still, pool=0.0)).frames([0]))[1]
    street = bright - unlit > 5
    assert 0.1 < street.mean() < 0.9
    assert np.allclose((dark - unlit)[street], 0.5 * (bright - unlit)[street], atol=1e-2)
    assert np.allclose(again, bright, atol=1e-2)


@pytest.mark.parametrize("seed", [1, 5])
def test_frames_twice_as_often_give_as_many_events(seed: int) -> None:
    for speed, ripple in ((0.0, 0.5), (15.0, 0.0), (30.0, 0.3)):
        one = replace(drive(seed), speed=speed, ripple=ripple, pool=30.0)
        times = one.times(0.06, 400)
        between = np.union1d(times, (times[1:] + times[:-1]) // 2)
        few, many = (len(simulate(Corridor(one).frames(at), SENSOR, seed)) for at in (times, between))
        assert few > 1000
        assert many == pytest.approx(few, rel=0.02)


def test_a_drive_gives_events_of_both_polarities() -> None:
    for seed in range(3):
        events = simulate(Corridor(drive(seed)).frames(range(0, 60_001, 2000)), SENSOR, seed).checked()
        assert len(events) > 1000
        assert 0.2 < events.p.mean() < 0.8


def test_flares_contain_their_light_source_and_differ() -> None:
    pairs = [flare_pair(np.random.default_rng(seed), size=128) for seed in range(6)]
    for flare, light in pairs:
        assert flare.shape == light.shape == (128, 128, 3)
        assert flare.dtype == light.dtype == np.uint8
        assert np.all(light <= flare)
        assert light.max() > 200
        assert (flare > 20).sum() > 1.5 * (light > 20).sum()
    assert len({flare.tobytes() for flare, _ in pairs}) == 6


def test_a_png_holds_the_image_red_first() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(encoded(image), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[..., ::-1], image)
