"""Laws of the embedded backgrounds beside the street: what moves, moves as described; what stands, is not seen."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from reference import sensor

from unflare import params
from unflare.params import Kind
from unflare.runtime import Clock
from unflare.synthesis import simulate
from unflare.synthesis.backgrounds import background
from unflare.synthesis.camera import Camera
from unflare.synthesis.flight import Flight
from unflare.synthesis.fountain import DIMMING, Fountain, draw, traces
from unflare.synthesis.ground import Ground
from unflare.synthesis.motion import AFFORDABLE, STEP, STILL, Motion, Wave, looks
from unflare.synthesis.objects import Objects, draw_objects
from unflare.synthesis.sample import write_sequence
from unflare.synthesis.sparks import Source, Sparks, draw_sparks
from unflare.synthesis.tableau import Tableau
from unflare.synthesis.things import Thing

SHAPE = (96, 128)
SENSOR = sensor(5.265, 20.0, 1e-4, 1e-8, 2e-10, 1e-5)
GROUND = Ground("clouds", contrast=0.3, grain=6, ambient=80.0, slope=1.0, fall=0.3, seed=1)
CAMERA = Camera(SHAPE, Motion(0.0, 0.0))
DISC = Thing("disc", 9.0, 0.9, "plain", 0.05, gloss=0.0, lamp=0.0, motion=Motion(30.3, 40.2), seed=2)
SOURCE = Source(
    x=20.0, y=48.0, everywhere=False, rate=40.0, heading=0.0, spread=1e-9, speed=(200.0, 200.001), fall=0.0, drag=1e-6,
    life=(0.4, 0.4001), radius=(3.0, 3.001), peak=(200.0, 200.001), burst=0, seed=3,
)  # fmt: skip


def objects(*things: Thing, camera: Camera = CAMERA) -> Objects:
    return Objects(SHAPE, GROUND, camera, things, seed=4)


@pytest.mark.parametrize("kind", ["objects", "sparks"])
def test_frames_are_light_and_follow_from_the_seed(kind: Kind) -> None:
    def seen(seed: int) -> np.ndarray:
        description, video = background(kind, SHAPE, np.random.default_rng(seed))
        pairs = list(video.frames(description.times(0.05, 100)[-5:]))
        assert [t for t, _ in pairs] == description.times(0.05, 100)[-5:].tolist()
        return np.stack([frame for _, frame in pairs])

    videos = [seen(seed) for seed in range(25)]
    for video in videos:
        assert video.shape == (5, *SHAPE)
        assert video.dtype == np.float32
        assert 0 <= video.min() < video.max() <= 255
    assert np.array_equal(seen(0), videos[0])
    assert len({video.tobytes() for video in videos}) == len(videos)


@pytest.mark.parametrize("form", ["disc", "ball", "hand", "lamp", "fan", "wheel", "car"])
def test_a_still_scene_gives_almost_no_events(form: str) -> None:
    thing = replace(DISC, form=form, lamp=100.0 if form == "lamp" else 0.0)
    still, moving = (objects(replace(thing, motion=motion)) for motion in (DISC.motion, Motion(30.3, 40.2, vx=200.0)))
    few, many = (len(simulate(Tableau(one).frames(range(0, 60_001, 1000)), SENSOR, 1)) for one in (still, moving))
    assert few < 0.01 * SHAPE[0] * SHAPE[1]  # of the sensor itself
    assert many > 5 * few


@pytest.mark.parametrize("form", ["disc", "ball", "lamp"])
@pytest.mark.parametrize("camera", [CAMERA, Camera(SHAPE, Motion(0.0, 0.0, vx=15.0, vy=-40.0, spin=0.5))])
def test_a_thing_moves_as_described_under_any_camera(form: str, camera: Camera) -> None:
    plain = replace(GROUND, texture="plain", contrast=1e-3, ambient=30.0, slope=0.0)
    moved = replace(
        DISC, form=form, lamp=200.0 if form == "lamp" else 0.0, gloss=0.0, motion=Motion(40.3, 40.2, 150.0, 60.0)
    )
    with_it, without = (replace(objects(*things, camera=camera), ground=plain) for things in ((moved,), ()))
    times = [0, 33_333, 100_000, 200_000]
    y, x = np.indices(SHAPE) + 0.5
    for t, *frames in (
        (t, a, b) for (t, a), (_, b) in zip(*(Tableau(o).frames(times) for o in (with_it, without)), strict=True)
    ):
        mass = np.abs(frames[0] - frames[1])
        mass[mass < 1] = 0
        expected = camera.affine(t / 1e6) @ (40.3 + 150e-6 * t, 40.2 + 60e-6 * t, 1)
        assert ((x * mass).sum() / mass.sum(), (y * mass).sum() / mass.sum()) == pytest.approx(expected, abs=0.2)


def test_the_balls_at_the_ends_of_a_cradle_swing_out_only() -> None:
    t = np.linspace(0, 1, 1001)
    left, right = (Motion(50, 50, arm=40, swing=Wave(0.5, 2.0, 0.3), side=side).pose(t) for side in (-1, 1))
    assert left.x.max() == right.x.min() == 50
    assert left.x.min() == pytest.approx(50 - 40 * np.sin(0.5), abs=1e-2)
    assert np.array_equal(left.x < 50, right.x <= 50)
    assert np.allclose(np.hypot(left.x - 50, left.y - 10), 40)


@pytest.mark.parametrize("seed", range(3))
def test_between_two_frames_nothing_moves_on_by_more_than_a_step(seed: int) -> None:
    one = draw_objects(SHAPE, np.random.default_rng(seed))
    fastest = max(thing.motion.fastest(0.5, thing.radius) for thing in one.things)
    times = one.times(0.5, 100)
    gap = np.diff(times).max() * 1e-6
    assert times[0] == 0
    assert times[-1] == pytest.approx(500_000, abs=1e6 * gap)
    assert gap * fastest <= STEP * 1.01 or gap <= 1.01 * SHAPE[0] * SHAPE[1] / AFFORDABLE
    for thing in one.things:
        pose = thing.motion.pose(times * 1e-6)
        assert np.hypot(np.diff(pose.x), np.diff(pose.y)).max() <= 1.05 * fastest * gap
    assert len(looks(1.0, 250, 1e9, SHAPE)) == np.ceil(AFFORDABLE / (SHAPE[0] * SHAPE[1])) + 1
    assert len(looks(1.0, 250, 0.0, SHAPE)) == 251


@pytest.mark.parametrize("form", ["disc", "ball", "fan"])
def test_frames_twice_as_often_give_as_many_events(form: str) -> None:
    motion = Motion(40.0, 40.0, vx=120.0, spin=2.0, sway=(STILL, Wave(5.0, 3.0, 0.0)))
    one = objects(replace(DISC, form=form, gloss=0.5, motion=motion))
    few, many = (len(simulate(Tableau(one).frames(one.times(0.1, rate)), SENSOR, 1)) for rate in (600, 1200))
    assert few > 1000
    assert many == pytest.approx(few, rel=0.03)


def test_sparks_fly_as_drag_and_fall_ask_for() -> None:
    """Against small steps of v' = g - d v."""
    flight = Flight(*(np.array([value]) for value in (0.0, 1.0, 3.0, 4.0, 200.0, -300.0, 500.0, 2.0, 1.0, 1.0)))
    place, speed, step = np.array([3.0, 4.0]), np.array([200.0, -300.0]), 1e-5
    for _ in range(40_000):
        middle = speed + step / 2 * (np.array([0, 500.0]) - 2.0 * speed)
        place, speed = place + step * middle, speed + step * (np.array([0, 500.0]) - 2.0 * middle)
    assert np.concatenate(flight.at(np.array([0.4]))) == pytest.approx(place, abs=1e-4)


@pytest.mark.parametrize("radius", [0.5, 4.0])
def test_a_trace_is_where_the_spark_flew_and_keeps_its_light(radius: float) -> None:
    spark = Flight(*(np.array([value]) for value in (0.0, 9.0, 20.0, 40.0, 50.0, 20.0, 0.0, 1e-6, radius, 100.0)))
    for interval in (0.001, 0.2, 1.0):
        frame = np.zeros(SHAPE, np.float32)
        draw(frame, *traces(spark, CAMERA.affine(0), 1.0 - interval, 1.0))
        middle = 1 - interval / 2
        place = (np.indices(SHAPE) + 0.5).reshape(2, -1) @ frame.ravel() / frame.sum()
        assert place == pytest.approx((40 + 20 * middle, 20 + 50 * middle), abs=0.02)
        assert frame.sum() == pytest.approx(100 * np.exp(-DIMMING / 9) * 2 * np.pi * (radius / 2) ** 2, rel=0.02)


def test_an_afterglow_fades_with_its_time() -> None:
    sparks = Sparks(SHAPE, replace(GROUND, ambient=1e-6), CAMERA, (SOURCE,), afterglow=0.02)
    frames = [frame for _, frame in Fountain(sparks).frames(range(400_000, 500_001, 1000))]
    peak = np.array([frame.max() for frame in frames])
    assert peak.min() > 20
    fading = np.array([later / np.maximum(earlier, 1e-9) for earlier, later in pairwise(frames)])
    assert np.quantile(fading[np.array(frames[:-1]) > 1], 0.01) == pytest.approx(np.exp(-0.05), rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_sparks_give_events_and_dark_ones_none(seed: int) -> None:
    drawn = draw_sparks(SHAPE, np.random.default_rng(seed))
    out = [replace(source, peak=(1e-9, 1e-8)) for source in drawn.sources]
    still = replace(drawn, camera=CAMERA)
    counts = []
    for one in (still, replace(still, sources=tuple(out))):
        counts.append(len(simulate(Fountain(one).frames(range(300_000, 400_001, 1000)), SENSOR, seed)))
    assert counts[1] < 0.02 * SHAPE[0] * SHAPE[1]
    assert counts[0] > 3 * counts[1]


def test_kinds_are_taken_in_turn_and_named(tmp_path: Path) -> None:
    p = params.load(Path(__file__).parents[1] / "params.yaml")
    sample = p.sample.model_copy(
        update={"shapes": ((24, 32),), "seconds": 0.05, "kinds": ("sparks", "street", "objects")}
    )
    for number in range(4):
        count = write_sequence(tmp_path, sample, p.sensor, 1, number, Clock())
        (path,) = tmp_path.glob(f"DSEC/train/*_{number:02d}/events/left/events.h5")
        with h5py.File(path) as file:
            assert len(file["events/t"]) == count
    names = sorted(path.name for path in (tmp_path / "DSEC/train").iterdir())
    assert names == ["objects_02", "sparks_00", "sparks_03", "street_01"]


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_threshold_twice_as_high_halves_the_events_of_a_change(factor: float) -> None:
    times = range(0, 100_001, 1000)
    frames = [np.full((40, 40), 5 * 50 ** (t / 100_000), np.float32) for t in times]
    nominal, other = (len(simulate(zip(times, frames, strict=True), one, 1)) for one in (SENSOR, SENSOR.at(factor)))
    half = 0.5 * 40 * 40  # of an event is not complete at the end, on average
    assert other + half == pytest.approx((nominal + half) / factor, rel=0.02)
    assert SENSOR.at(1.0) == SENSOR


@pytest.mark.parametrize(
    ("name", "value"),
    [("kinds", []), ("kinds", ["street", "meadow"]), ("thresholds", [1.6, 0.6]), ("thresholds", [0.0, 1.0])],
)
def test_what_the_sample_cannot_be_is_said_in_one_sentence(name: str, value: object, tmp_path: Path) -> None:
    content = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))
    content["sample"][name] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"sample.*{name}") as said:
        params.load(tmp_path / "params.yaml")
    assert "\n" not in str(said.value)
