"""Scenes: input, truth and label belong together, and a job makes the same scene again."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from unflare import params
from unflare.events import Array, Events, Index, Scene, build, write_dsec
from unflare.params import Params
from unflare.runtime import Clock
from unflare.synthesis.compose import Job, make_scene, plan

SHAPE = (48, 64)


def recording(number: int) -> Events:
    rng = np.random.default_rng(number)
    t = np.sort(rng.integers(500_000, 900_000, 40_000))
    y, x = (rng.integers(0, side, len(t)).astype(np.uint16) for side in SHAPE)
    return Events(t, x, y, rng.integers(0, 2, len(t)).astype(np.uint8), SHAPE)


def glare(width: float) -> Array:
    y, x = (np.mgrid[:100, :100] - 49.5) / 50
    return np.repeat((255 * np.exp(-np.hypot(x, y) / width)).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("data")
    for number in range(3):
        write_dsec(root / f"street_{number}" / "events" / "left" / "events.h5", [recording(number)])
    for number in range(5):
        for folder, width in (("Compound_Flare", 0.3 + 0.1 * number), ("Light_Source", 0.1)):
            (root / "Flare-R" / folder).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / "Flare-R" / folder / f"{number}.png"), glare(width))
    return build(root, 100_000, 0.2, 0.2, seed=1)


@pytest.fixture(scope="module")
def p() -> Params:
    return params.load(Path(__file__).parents[1] / "params.yaml")


def made(p: Params, job: Job, rule: str = "pnl_es") -> Scene:
    return make_scene(p.scenes.model_copy(update={"rule": rule}), p.lamp, p.sensor, job, Clock())


def rows(events: Events) -> Counter[tuple[int, ...]]:
    return Counter(zip(*(getattr(events, name).tolist() for name in "txyp"), strict=True))


def job_of(index: Index, p: Params, scenario: str) -> Job:
    return replace(plan(index, "train", p.scenes, seed=1)[0], scenario=scenario)


def test_a_plan_keeps_the_proportions_and_the_splits(index: Index, p: Params) -> None:
    seen: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        scenes = p.scenes.model_copy(update={split: 40})
        jobs = plan(index, split, scenes, seed=1)
        assert Counter(job.scenario for job in jobs) == {"mixed": 30, "flare_only": 4, "background_only": 6}
        assert {job.flare.name for job in jobs} == {pair.name for pair in index.flares[split]}
        assert len({job.seed for job in jobs}) == 40
        seen[split] = {job.sequence.name for job in jobs}
    assert len(set.union(*seen.values())) == sum(map(len, seen.values())) == 3
    assert plan(index, "test", p.scenes, seed=1) == plan(index, "test", p.scenes, seed=1)
    assert plan(index, "test", p.scenes, seed=1) != plan(index, "test", p.scenes, seed=2)


def test_a_flare_is_seen_with_thresholds_of_its_own_and_the_recording_stays(index: Index, p: Params) -> None:
    job, found = job_of(index, p, "mixed"), {}
    for factor in (0.5, 1.0, 2.0):
        scenes = p.scenes.model_copy(update={"thresholds": (factor, factor), "rule": "union"})
        found[factor] = make_scene(scenes, p.lamp, p.sensor, job, Clock()).recipe
    assert {recipe["counts"]["background"] for recipe in found.values()} == {found[1.0]["counts"]["background"]}
    flare = [found[factor]["counts"]["flare"] for factor in (0.5, 1.0, 2.0)]
    assert flare[0] > 1.5 * flare[1] > 2 * flare[2]
    assert found[0.5]["sensor"]["k"][0] == 2 * p.sensor.k[0]


@pytest.mark.parametrize("scenario", ["mixed", "flare_only", "background_only"])
def test_a_job_makes_the_same_scene_again_and_says_how(index: Index, p: Params, scenario: str) -> None:
    job = job_of(index, p, scenario)
    one, again = made(p, job), made(p, job)
    assert rows(one.events) == rows(again.events)
    assert np.array_equal(one.flare, again.flare)
    assert one.recipe == again.recipe == json.loads(json.dumps(one.recipe))
    assert one.recipe["counts"]["input"] == len(one.events)
    one.events.checked()
    one.truth.checked()


@pytest.mark.parametrize("rule", ["pnl_es", "integrate", "union"])
def test_under_every_rule_a_mixed_scene_has_flare_and_background(index: Index, p: Params, rule: str) -> None:
    scene = made(p, job_of(index, p, "mixed"), rule)
    assert 0.02 < scene.flare.mean() < 0.98
    assert scene.flare.min() == 0


def test_background_that_the_flare_leaves_is_in_the_truth(index: Index, p: Params) -> None:
    scene = made(p, job_of(index, p, "mixed"))
    kept = scene.events[scene.flare == 0]
    assert len(kept) > 3000
    assert rows(kept) <= rows(scene.truth)


def test_background_only_is_its_own_truth(index: Index, p: Params) -> None:
    scene = made(p, job_of(index, p, "background_only"))
    assert rows(scene.events) == rows(scene.truth)
    assert not scene.flare.any()
    assert scene.events.t[-1] < p.scenes.duration


def test_flare_only_has_no_background(index: Index, p: Params) -> None:
    scene = made(p, job_of(index, p, "flare_only"))
    assert scene.recipe["counts"]["input_from_background"] == 0
    assert "sequence" not in scene.recipe
