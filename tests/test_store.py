"""The feature cache: what goes in comes out, from any process, and only of the right definition."""

import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from unflare.features import FEATURES, store
from unflare.features.moments import joined, moments
from unflare.features.store import Cache, save_shard

WINDOW = 25_000


def scene(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 2, (count, len(FEATURES))).astype(np.float32)
    features[:, 2] = 1
    return features, rng.random(count, dtype=np.float32)


def written(folder: Path, counts: tuple[int, ...] = (5_000, 0, 9_001)) -> list[tuple[np.ndarray, np.ndarray]]:
    scenes = [scene(count, seed) for seed, count in enumerate(counts)]
    for number, (features, flare) in enumerate(scenes):
        save_shard(folder / f"{number:04}.h5", features, flare, WINDOW)
    return scenes


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    scenes = written(tmp_path / "new" / "train")
    cache = Cache(tmp_path / "new" / "train", WINDOW)
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
    (features, flare), *_ = written(tmp_path / "train")
    found, share = Cache(tmp_path / "train", WINDOW).window(4_000, 200)
    assert np.allclose(found, features[4_000:4_200], rtol=1e-3)
    assert np.array_equal(share, flare[4_000:4_200])
    found += 1  # theirs to change


@pytest.mark.parametrize(("start", "length"), [(-1, 5), (14_000, 2), (4_999, 2), (14_001, 1), (20_000, 1), (10, -1)])
def test_a_window_is_of_one_scene(tmp_path: Path, start: int, length: int) -> None:
    written(tmp_path / "train")
    with pytest.raises(IndexError, match="not inside one scene"):
        Cache(tmp_path / "train", WINDOW).window(start, length)


def test_mean_and_std_are_those_of_all_events(tmp_path: Path) -> None:
    scenes = written(tmp_path / "train", (1, 700, 0, 4_000))
    cache = Cache(tmp_path / "train", WINDOW)
    joined = np.concatenate([features for features, _ in scenes]).astype(np.float64)
    expected = joined.std(axis=0)
    expected[2] = 1  # constant
    assert np.allclose(cache.mean, joined.mean(axis=0), rtol=1e-12)
    assert np.allclose(cache.std, expected, rtol=1e-12)


def test_moments_of_parts_are_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(1e3, 1e-2, (200_000, 2)).astype(np.float32)
    whole = moments(values)
    parts = joined((moments(part) for part in np.split(values, [3, 3, 150_000])), 2)
    assert parts.rows == whole.rows == 200_000
    assert np.allclose(whole.mean, values.astype(np.float64).mean(axis=0), rtol=1e-12)
    assert np.allclose(whole.std, values.astype(np.float64).std(axis=0), rtol=1e-9)
    assert np.allclose(parts.std, whole.std, rtol=1e-9)


def test_equal_scenes_give_equal_bytes(tmp_path: Path) -> None:
    written(tmp_path / "one")
    written(tmp_path / "two")
    for name in ("0000.h5", "0001.h5", "0002.h5"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_more_shards_than_stay_open_are_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "OPEN", 2)
    scenes = written(tmp_path / "train", (10,) * 5)
    cache = Cache(tmp_path / "train", WINDOW)
    for number in (0, 1, 2, 0, 3, 4, 0):
        assert np.array_equal(cache.window(10 * number, 10)[1], scenes[number][1])
        assert len(cache._files) <= 2


def test_what_is_not_a_scene_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    features, flare = scene(10, 0)
    with pytest.raises(ValueError, match=r"a.h5: expected .* \(n,\), found \(10, 13\) and \(9,\)"):
        save_shard(tmp_path / "a.h5", features, flare[:9], WINDOW)
    features[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"a.h5: .* must be finite"):
        save_shard(tmp_path / "a.h5", features, flare, WINDOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("key", "value"), [("features", "x, y"), ("version", 0), ("window", 10_000)])
def test_another_definition_is_refused(tmp_path: Path, key: str, value: str | int) -> None:
    written(tmp_path / "train")
    with h5py.File(tmp_path / "train" / "0001.h5", "a") as file:
        file.attrs[key] = value
    with pytest.raises(ValueError, match=f"0001.h5: expected features of {key} .*, found {value}"):
        Cache(tmp_path / "train", WINDOW)


def test_folders_that_are_no_cache_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train: no such feature cache"):
        Cache(tmp_path / "train", WINDOW)
    written(tmp_path / "train", (0, 0))
    with pytest.raises(ValueError, match="train: expected features of events, found 2 scenes without an event"):
        Cache(tmp_path / "train", WINDOW)
    (tmp_path / "train" / "0001.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"0001\.h5: expected a whole HDF5 file"):
        Cache(tmp_path / "train", WINDOW)


def test_a_shard_whose_columns_do_not_match_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "train")
    with h5py.File(tmp_path / "train" / "0002.h5", "a") as file:
        file["flare"].resize(9_000, axis=0)
    sentence = r"0002.h5: expected features \(n, 13\) and flare \(n,\), found \(9001, 13\) and \(9000,\)"
    with pytest.raises(ValueError, match=sentence):
        Cache(tmp_path / "train", WINDOW)


class Windows(Dataset[np.ndarray]):
    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> np.ndarray:
        return self.cache.window(100 * index, 100)[0]


def test_workers_read_what_their_parent_reads(tmp_path: Path) -> None:
    written(tmp_path / "train")
    cache = Cache(tmp_path / "train", WINDOW)
    here = [cache.window(100 * i, 100)[0] for i in range(40)]
    forked = DataLoader(
        Windows(cache), batch_size=None, num_workers=2, multiprocessing_context=multiprocessing.get_context("fork")
    )
    assert all(np.array_equal(found, expected) for found, expected in zip(forked, here, strict=True))
    copied = pickle.loads(pickle.dumps(cache))
    assert np.array_equal(copied.window(100, 100)[0], here[1])
