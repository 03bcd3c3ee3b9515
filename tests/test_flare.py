"""A flare under a script: one clock for flare and light, light at an event as in the frame, any sizes."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from unflare import params
from unflare.events import Array
from unflare.params import Lamp
from unflare.synthesis import simulate
from unflare.synthesis.flare import Glow, Glows, read_pair, unclipped
from unflare.synthesis.lamp import Script, draw_script

SHAPE = (60, 80)
STILL = Script(
    brightness=1.0, rotation=0.0, shear=0.0, scale=1.0, growth=0.0, mirrored=False, x=0.0, y=0.0,
    speed=0.0, heading=0.0, turn=0.0, duration=100_000, waveform=None, hertz=100.0, floor=0.2, phase=0.0,
    duty=0.3,
)  # fmt: skip


@pytest.fixture
def lamp() -> Lamp:
    return params.load(Path(__file__).parents[1] / "params.yaml").lamp


def blob(size: int) -> Array:
    y, x = (np.mgrid[:size, :size] - (size - 1) / 2) / size
    return np.exp(-(x**2 + y**2) / 0.01).astype(np.float32)


def centroid(frame: Array) -> tuple[float, float]:
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    return (x * frame).sum() / frame.sum(), (y * frame).sum() / frame.sum()


def frames(*glows: Glow, rate: int = 1000) -> list[tuple[int, Array]]:
    return list(Glows(glows).frames(range(0, 100_001, 1_000_000 // rate)))


def write(path: Path, image: Array) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def test_the_light_at_events_is_the_frames_light(lamp: Lamp) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        glow = Glow(rng.random((90, 70), np.float32), draw_script(lamp, SHAPE, 100_000, 100.0, rng), SHAPE)
        for t, frame in frames(glow)[::37]:
            y, x = (index.astype(np.uint16).ravel() for index in np.indices(SHAPE))
            assert np.allclose(glow.at(np.full(len(x), t), x, y), frame.ravel(), atol=2e-3)


def test_flare_and_light_move_and_flicker_together_and_the_flare_contains_the_light(lamp: Lamp) -> None:
    rng = np.random.default_rng(2)
    for _ in range(3):
        script = replace(draw_script(lamp, SHAPE, 100_000, 100.0, rng), x=0.0, y=0.0, speed=100.0)
        flare, light = (Glow(image, script, SHAPE) for image in (np.maximum(blob(64), 0.1), blob(64)))
        for (t, wide), (u, narrow) in zip(frames(flare), frames(light), strict=True):
            assert t == u
            assert np.all(narrow <= wide + 1e-3)
            assert math.isclose(wide.max(), narrow.max(), rel_tol=1e-5)


def test_motion_is_smaller_than_a_pixel_a_frame_and_exact() -> None:
    script = replace(STILL, speed=120.0, heading=0.3)  # 0.12 pixels a frame
    places = np.array([centroid(frame) for _, frame in frames(Glow(blob(64), script, SHAPE))])
    steps = np.diff(places, axis=0)[20:-20]
    assert np.allclose(steps, 0.12 * np.array([math.cos(0.3), math.sin(0.3)]), atol=1e-3)


def test_a_growing_lamp_grows_about_its_own_place() -> None:
    script = replace(STILL, growth=0.4, x=3.0, y=-2.0)
    first, middle, last = (frames(Glow(blob(64), script, SHAPE))[number][1] for number in (0, 50, 100))
    assert last.sum() / first.sum() == pytest.approx(math.exp(2 * 0.4), rel=0.02)
    assert last.max() == pytest.approx(first.max(), rel=0.02)
    for frame in (first, middle, last):
        assert centroid(frame) == pytest.approx((39.5 + 3, 29.5 - 2), abs=0.02)


def test_a_turning_lamp_follows_an_arc_of_the_same_length() -> None:
    script = replace(STILL, speed=200.0, turn=0.9)
    t = np.arange(0, 100_001, 10)
    x, y = script.position(t)
    assert math.isclose(np.hypot(np.diff(x), np.diff(y)).sum(), 20.0, rel_tol=1e-4)
    heading = np.unwrap(np.arctan2(np.diff(y), np.diff(x)))
    assert np.allclose(np.diff(heading), 0.9 / 10_000, atol=1e-9)


@pytest.mark.parametrize("waveform", ["sine", "square", "triangle", "exponential", "pwm"])
def test_a_flickering_lamp_repeats_between_its_floor_and_one(waveform: str) -> None:
    script = replace(STILL, waveform=waveform, hertz=125.0, floor=0.3, phase=0.4)
    power = script.power(np.arange(16_000))
    assert np.allclose(power[:8000], power[8000:])
    assert math.isclose(power.max(), 1.0, abs_tol=1e-3)
    assert math.isclose(power.min(), 0.3, abs_tol=1e-3)


def test_drawn_lamps_stay_in_their_ranges_and_the_steady_share_is_kept(lamp: Lamp) -> None:
    rng = np.random.default_rng(3)
    scripts = [draw_script(lamp, SHAPE, 100_000, 100.0, rng) for _ in range(500)]
    assert abs(np.mean([script.waveform is None for script in scripts]) - lamp.steady) < 0.08
    assert {script.waveform for script in scripts} == {None, "pwm", *lamp.waveforms}
    assert abs(np.mean([script.waveform == "pwm" for script in scripts]) - lamp.dimmed) < 0.06
    for script in scripts:
        low, high = lamp.dimmed_hertz if script.waveform == "pwm" else (100.0, 100.0)
        assert 0 <= script.speed <= lamp.speed
        assert low <= script.hertz <= high


def test_a_dimmed_lamp_is_on_for_its_duty() -> None:
    power = replace(STILL, waveform="pwm", hertz=250.0, floor=0.0, duty=0.3).power(np.arange(40_000))
    assert set(np.unique(power)) == {0.0, 1.0}
    assert power.mean() == pytest.approx(0.3, abs=1e-3)


def test_the_light_of_several_adds_up(lamp: Lamp) -> None:
    rng = np.random.default_rng(4)
    parts = [Glow(blob(64), draw_script(lamp, SHAPE, 100_000, 100.0, rng), SHAPE) for _ in range(3)]
    for one in zip(frames(*parts), *map(frames, parts), strict=True):
        (t, whole), *rest = one
        assert all(u == t for u, _ in rest)
        assert np.allclose(whole, sum(frame for _, frame in rest), rtol=1e-5, atol=1e-5)
    t, x, y = np.array([5, 40_000]), np.array([40, 20], np.uint16), np.array([30, 10], np.uint16)
    assert np.allclose(Glows(parts).at(t, x, y), sum(part.at(t, x, y) for part in parts))


def test_a_core_is_brighter_than_the_picture_could_say_and_the_rest_is_as_it_was() -> None:
    image = np.linspace(0, 1, 1001, dtype=np.float32)
    bright = unclipped(image, 10.0)
    assert np.array_equal(bright[:800], image[:800])
    assert bright[-1] == pytest.approx(10.0)
    assert np.all(np.diff(bright) > 0)
    assert np.array_equal(unclipped(image, 1.0), image)


def test_extent_follows_the_frame_not_the_image() -> None:
    light = [frames(Glow(blob(size), STILL, SHAPE))[0][1].sum() for size in (40, 64, 512, 1440)]
    assert np.allclose(light, light[-1], rtol=0.05)
    wide = frames(Glow(blob(512), STILL, (260, 346)))[0][1]
    assert wide.shape == (260, 346)
    assert centroid(wide) == pytest.approx((172.5, 129.5), abs=0.01)


def test_images_become_linear_light_without_their_black_level(tmp_path: Path) -> None:
    coded = np.full((8, 8, 3), 51, np.uint8)
    coded[2:4] = 102
    coded[4:6] = 255
    pair = read_pair(write(tmp_path / "flare.png", coded), write(tmp_path / "light.png", coded // 2), gamma=2.0)
    low, middle = 0.2**2, 0.4**2
    assert pair.flare[0, 0] == 0
    assert pair.flare[5, 5] == pytest.approx(1.0)
    assert pair.flare[2, 2] == pytest.approx((middle - low) / (1 - low), abs=1e-5)
    assert np.all(pair.light <= pair.flare)


def test_broken_pairs_are_refused(tmp_path: Path) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    flare, light = write(tmp_path / "a.png", black), write(tmp_path / "b.png", black[:, :5])
    with pytest.raises(ValueError, match=r"b.png: expected the size of its flare \(8, 8\), found \(8, 5\)"):
        read_pair(flare, light, gamma=2.0)
    broken = tmp_path / "c.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"c.png: expected an image"):
        read_pair(flare, broken, gamma=2.0)


@pytest.mark.parametrize("waveform", ["sine", "square", "triangle", "exponential", "pwm"])
@pytest.mark.parametrize("hertz", [90.0, 117.0, 900.0])
def test_frames_keep_step_with_the_flicker_and_miss_no_extreme(waveform: str, hertz: float) -> None:
    script = replace(STILL, waveform=waveform, hertz=hertz, phase=0.4)
    times = script.times(1200)
    power, fine = script.power(times), script.power(np.arange(script.duration + 1))
    assert (times[0], times[-1]) == (0, script.duration)
    assert len(times) > 0.1 * max(1200, 8 * hertz)
    assert np.abs(np.diff(np.log(power))).sum() == pytest.approx(np.abs(np.diff(np.log(fine))).sum(), rel=0.03)


def test_frames_follow_the_movement_up_to_a_ceiling() -> None:
    assert len(replace(STILL, speed=200.0).times(1000)) == 101
    assert len(replace(STILL, speed=2000.0).times(1000)) == 401
    assert len(replace(STILL, speed=1e6).times(1000)) == 1001
    assert len(replace(STILL, waveform="sine", hertz=5000.0).times(1000)) <= 1003


@pytest.mark.parametrize("effects", ["none", "all"])
@pytest.mark.parametrize("waveform", ["sine", "square", "triangle", "exponential", "pwm"])
def test_frames_twice_as_often_give_as_many_events_of_a_flare(waveform: str, effects: str) -> None:
    sees = params.load(Path(__file__).parents[1] / "params.yaml").sensor
    plain = dict.fromkeys(("mismatch", "cutoff", "refractory", "hot_rate", "background_rate"), 0)
    sees = sees.model_copy(update=plain) if effects == "none" else sees
    script = replace(STILL, waveform=waveform, hertz=105.0, phase=0.3, speed=150.0, growth=0.1, duration=60_000)
    glow = Glows([Glow(blob(64), script, SHAPE)])
    few, many = (len(simulate(glow.frames(script.times(rate)), sees, seed=1)) for rate in (1200, 2400))
    assert few > 10_000
    assert many == pytest.approx(few, rel=0.01 if effects == "none" else 0.02)
