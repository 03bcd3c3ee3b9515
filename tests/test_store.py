"""The feature cache: what goes in comes out, from any process, and only of the right definition."""

import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from unflare.features import FEATURES
from unflare.features.store import Cache, Writer

WINDOW = 25_000


def scene(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 2, (count, len(FEATURES))).astype(np.float32)
    features[:, 2] = 1
    return features, rng.random(count, dtype=np.float32)


def written(path: Path, counts: tuple[int, ...] = (5_000, 0, 9_001)) -> list[tuple[np.ndarray, np.ndarray]]:
    scenes = [scene(count, seed) for seed, count in enumerate(counts)]
    with Writer(path, WINDOW) as writer:
        for number, (features, flare) in enumerate(scenes):
            writer.add(features, flare, f"{number:04}")
    return scenes


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    scenes = written(tmp_path / "new" / "train.h5")
    cache = Cache(tmp_path / "new" / "train.h5", WINDOW)
    assert cache.count == 14_001
    assert cache.offsets.dtype == np.int64
    assert cache.offsets.tolist() == [0, 5_000, 5_000, 14_001]
    assert cache.names == ("0000", "0001", "0002")
    for number, (features, flare) in enumerate(scenes):
        found, share = cache.window(int(cache.offsets[number]), len(features)) if len(features) else (features, flare)
        assert found.dtype == share.dtype == np.float32
        assert np.array_equal(found, features.astype(np.float16).astype(np.float32))
        assert np.array_equal(share, flare)


def test_windows_are_slices(tmp_path: Path) -> None:
    (features, flare), *_ = written(tmp_path / "train.h5")
    found, share = Cache(tmp_path / "train.h5", WINDOW).window(4_000, 200)
    assert np.allclose(found, features[4_000:4_200], rtol=1e-3)
    assert np.array_equal(share, flare[4_000:4_200])
    found += 1  # theirs to change


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (14_000, 2), (4_999, 2), (14_001, 1), (20_000, 1), (10, -1)])
def test_a_window_is_of_one_scene(tmp_path: Path, start: int, length: int) -> None:
    written(tmp_path / "train.h5")
    with pytest.raises(IndexError, match="not inside one scene"):
        Cache(tmp_path / "train.h5", WINDOW).window(start, length)


def test_mean_and_std_are_those_of_all_events(tmp_path: Path) -> None:
    scenes = written(tmp_path / "train.h5", (1, 700, 0, 4_000))
    cache = Cache(tmp_path / "train.h5", WINDOW)
    joined = np.concatenate([features for features, _ in scenes]).astype(np.float64)
    expected = joined.std(axis=0)
    expected[2] = 1  # constant
    assert np.allclose(cache.mean, joined.mean(axis=0), rtol=1e-12)
    assert np.allclose(cache.std, expected, rtol=1e-12)


def test_equal_scenes_give_equal_bytes(tmp_path: Path) -> None:
    written(tmp_path / "one.h5")
    written(tmp_path / "two.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    features, flare = scene(10, 0)
    with pytest.raises(KeyError), Writer(tmp_path / "train.h5", WINDOW) as writer:
        writer.add(features, flare, {0: "0000"}[1])
    with pytest.raises(ValueError, match="no features to store, found 0 scenes"), Writer(tmp_path / "a.h5", WINDOW):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_scene_is_refused(tmp_path: Path) -> None:
    features, flare = scene(10, 0)
    sentence = r"scene a: expected .* \(n,\), found \(10, 13\) and \(9,\)"
    with pytest.raises(ValueError, match=sentence), Writer(tmp_path / "a.h5", WINDOW) as writer:
        writer.add(features, flare[:9], "a")
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"scene a: .* must be finite"), Writer(tmp_path / "b.h5", WINDOW) as writer:
        writer.add(features, flare, "a")


@pytest.mark.parametrize(("key", "value"), [("features", "x, y"), ("version", 0), ("window", 10_000)])
def test_another_definition_is_refused(tmp_path: Path, key: str, value: str | int) -> None:
    path = tmp_path / "train.h5"
    written(path)
    with h5py.File(path, "a") as file:
        file.attrs[key] = value
    with pytest.raises(ValueError, match=f"train.h5: expected features of {key} .*, found {value}"):
        Cache(path, WINDOW)


def test_files_that_are_no_cache_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such feature cache"):
        Cache(tmp_path / "train.h5", WINDOW)
    (tmp_path / "train.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="expected a whole HDF5 file"):
        Cache(tmp_path / "train.h5", WINDOW)


class Windows(Dataset[np.ndarray]):
    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> np.ndarray:
        return self.cache.window(100 * index, 100)[0]


def test_workers_read_what_their_parent_reads(tmp_path: Path) -> None:
    written(tmp_path / "train.h5")
    cache = Cache(tmp_path / "train.h5", WINDOW)
    here = [cache.window(100 * i, 100)[0] for i in range(40)]
    forked = DataLoader(
        Windows(cache), batch_size=None, num_workers=2, multiprocessing_context=multiprocessing.get_context("fork")
    )
    assert all(np.array_equal(found, expected) for found, expected in zip(forked, here, strict=True))
    copied = pickle.loads(pickle.dumps(cache))
    assert np.array_equal(copied.window(100, 100)[0], here[1])
