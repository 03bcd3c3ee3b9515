"""Laws of scenes on disk."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import h5py
import numpy as np
import pytest

from unflare.events import Events, Scene, empty, load_scene, save_scene, scene_paths, write_dsec
from unflare.events.stream import DTYPES

SHAPE = (48, 64)


def made(seed: int, count: int = 40_000, **recipe: object) -> Scene:
    rng = np.random.default_rng(seed)
    events, truth = (
        Events(
            np.sort(rng.integers(0, 100_000, n)),
            rng.integers(0, SHAPE[1], n).astype(np.uint16),
            rng.integers(0, SHAPE[0], n).astype(np.uint16),
            rng.integers(0, 2, n).astype(np.uint8),
            SHAPE,
        )
        for n in (count, count // 2)
    )
    return Scene(events, rng.random(count, dtype=np.float32), truth, {"seed": seed, **recipe})


def same(a: Events, b: Events) -> bool:
    return a.shape == b.shape and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in DTYPES)


@pytest.mark.parametrize("count", [0, 1, 40_000])
def test_what_is_saved_is_loaded(tmp_path: Path, count: int) -> None:
    scene = made(1, count, lamp={"hertz": 99.7, "waveform": "sine"}, flare=None, window=[100, 200])
    save_scene(tmp_path / "0000.h5", scene)
    loaded = load_scene(tmp_path / "0000.h5")
    assert same(loaded.events, scene.events)
    assert same(loaded.truth, scene.truth)
    assert np.array_equal(loaded.flare, scene.flare)
    assert loaded.recipe == scene.recipe


def while_held(work: Callable[[], object]) -> None:
    """Works while every frame, and so every open dataset, is held on to, as a profiler's thread does for a moment."""
    frames: list[FrameType] = []
    sys.setprofile(lambda frame, _event, _argument: frames.append(frame))
    try:
        work()
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("kind", ["scene", "recording"])
def test_who_still_holds_a_dataset_does_not_change_the_bytes(tmp_path: Path, kind: str) -> None:
    scene = made(3, 1_200_000)

    def write(path: Path) -> None:
        if kind == "scene":
            save_scene(path, scene)
        else:
            write_dsec(path, [scene.events], t_offset=5)

    write(tmp_path / "first.h5")
    while_held(lambda: write(tmp_path / "second.h5"))
    assert (tmp_path / "first.h5").read_bytes() == (tmp_path / "second.h5").read_bytes()


def test_equal_scenes_are_equal_bytes_at_any_time(tmp_path: Path) -> None:
    save_scene(tmp_path / "first.h5", made(1, a=1, b=2))
    time.sleep(1.1)
    save_scene(tmp_path / "second.h5", made(1, b=2, a=1))
    assert (tmp_path / "first.h5").read_bytes() == (tmp_path / "second.h5").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), Path("here"), np.float32(1)])
def test_a_recipe_that_is_not_json_leaves_nothing(tmp_path: Path, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        save_scene(tmp_path / "0000.h5", made(1, value=value))
    assert list(tmp_path.iterdir()) == []


def test_a_share_belongs_to_each_event_and_lies_in_0_to_1() -> None:
    scene = made(1)
    for flare in (scene.flare[1:], scene.flare.astype(np.float64), scene.flare + 1, scene.flare * np.float32("nan")):
        with pytest.raises(ValueError, match="flare must"):
            replace(scene, flare=flare)
    with pytest.raises(ValueError, match="one sensor"):
        replace(scene, truth=empty((4, 5)))


@pytest.mark.parametrize("missing", ["input", "truth/t", "input/flare"])
def test_a_damaged_scene_has_its_sentence(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "0000.h5"
    save_scene(path, made(1))
    with h5py.File(path, "r+") as file:
        del file[missing]
    with pytest.raises(ValueError, match="expected") as caught:
        load_scene(path)
    assert str(path) in str(caught.value)


def test_scenes_are_listed_by_name_without_leftovers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found none"):
        scene_paths(tmp_path)
    for name in ("0001.h5", "0000.h5", ".0002-1a2b.h5", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in scene_paths(tmp_path)] == ["0000.h5", "0001.h5"]
