"""Laws of the recordings on disk: what is written is read, by time as by chunk, and every damage has its sentence."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import reference

from unflare.events import Events, aside, empty, load, open_recording, write_dsec, write_rectify_map
from unflare.events.dsec import Dsec
from unflare.events.stream import DTYPES

SHAPE = (48, 64)


def of(t: np.ndarray, seed: int = 0) -> Events:
    """Random events at the given times."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, size, len(t)).astype(np.uint16) for size in SHAPE[::-1])
    return Events(t.astype(np.int64), x, y, rng.integers(0, 2, len(t)).astype(np.uint8), SHAPE)


def times(kind: str, count: int = 70_000) -> np.ndarray:
    rng = np.random.default_rng(7)
    gaps = {
        "even": rng.integers(0, 4, count),
        "ties": rng.choice([0, 0, 0, 0, 1000], count),
        "gaps": np.where(rng.random(count) < 1e-4, 3_000_000, rng.integers(0, 3, count)),
        "sparse": rng.integers(0, 20_000, count),
        "late": np.r_[5_432_100, rng.integers(0, 4, count - 1)],
        "single": np.r_[0],
    }
    return np.cumsum(gaps[kind])


Change = Callable[[np.ndarray], np.ndarray]
KINDS = ["even", "ties", "gaps", "sparse", "late", "single"]


def same(a: Events, b: Events) -> bool:
    return a.shape == b.shape and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in DTYPES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.h5"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(path: Path, kind: str) -> None:
    events = of(times(kind))
    assert write_dsec(path, [events], t_offset=51_648_500_652) == len(events)
    with open_recording(path) as recording:
        assert isinstance(recording, Dsec)
        recording.validate()
        assert (recording.count, recording.shape, recording.origin) == (len(events), SHAPE, 51_648_500_652)
        assert (recording.start, recording.start + recording.duration) == (events.t[0], events.t[-1] + 1)
    assert same(load(path), events)


def test_no_events_are_a_recording_too(path: Path) -> None:
    write_dsec(path, [empty(SHAPE), empty(SHAPE)])
    assert same(load(path), empty(SHAPE))
    with open_recording(path) as recording:
        assert (recording.count, recording.duration, list(recording.chunks())) == (0, 0, [])
        assert same(recording.between(0, 10**6), empty(SHAPE))


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_the_obvious_one(path: Path, kind: str) -> None:
    events = of(times(kind)[:500])
    write_dsec(path, [events])
    with h5py.File(path) as file:
        assert file["ms_to_idx"].dtype == np.uint64
        assert file["ms_to_idx"][:].tolist() == reference.ms_to_idx(events.t)


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_the_mask(path: Path, kind: str) -> None:
    events = of(times(kind))
    write_dsec(path, [events])
    rng = np.random.default_rng(1)
    with open_recording(path) as recording:
        for _ in range(30):
            start = int(rng.integers(-2000, events.t[-1] + 5000))
            stop = start + int(rng.choice([-10, 0, 1, 999, 1000, 20_000, 10_000_000]))
            assert same(recording.between(start, stop), events[(events.t >= start) & (events.t < stop)])


@pytest.mark.parametrize("change", [lambda table: table[:-1], lambda table: np.append(table, np.uint64([70_000] * 3))])
def test_a_table_a_little_short_or_long_changes_no_window(path: Path, change: Change) -> None:
    events = of(times("even"))
    write_dsec(path, [events])
    with h5py.File(path, "r+") as file:
        put("ms_to_idx", change)(file)
    with open_recording(path) as recording:
        recording.validate()
        for start in range(int(events.t[-1]) - 5000, int(events.t[-1]) + 5000, 250):
            assert same(recording.between(start, start + 600), events.between(start, start + 600))


@pytest.mark.parametrize("size", [1, 777, 32_768, 10**6])
def test_chunks_joined_are_the_whole(path: Path, size: int) -> None:
    events = of(times("even", 3000 if size == 1 else 70_000))
    write_dsec(path, [events])
    with open_recording(path) as recording:
        chunks = list(recording.chunks(size))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert all(
        np.array_equal(np.concatenate([getattr(chunk, name) for chunk in chunks]), getattr(events, name))
        for name in DTYPES
    )


def test_the_bytes_do_not_depend_on_the_cuts(path: Path, tmp_path: Path) -> None:
    events = of(times("even", 600_000))
    cuts = np.sort(np.random.default_rng(3).integers(0, len(events), 50))
    write_dsec(path, [events])
    other = tmp_path / "other.h5"
    write_dsec(other, [events[first:last] for first, last in zip([0, *cuts], [*cuts, None], strict=True)])
    assert path.read_bytes() == other.read_bytes()


def test_without_attributes_the_sensor_is_dsecs(path: Path) -> None:
    write_dsec(path, [of(times("even"))])
    with h5py.File(path, "r+") as file:
        del file.attrs["height"], file.attrs["width"]
    assert load(path).shape == (480, 640)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_hdf5_counts_from_its_first_event(path: Path, kind: str) -> None:
    events = of(times(kind))
    with h5py.File(path, "w") as file:
        for name in DTYPES:
            file[f"events/{name}"] = getattr(events, name).astype(np.int64)
        file["events/p"][:] = 2 * events.p.astype(np.int64) - 1
        file["events"].attrs.update(height=SHAPE[0], width=SHAPE[1])
    shifted = events.shifted(-int(events.t[0]))
    assert same(load(path), shifted)
    with open_recording(path) as recording:
        assert recording.origin == events.t[0]
        for start in np.random.default_rng(2).integers(0, shifted.t[-1] + 1, 10).tolist():
            assert same(recording.between(start, start + 5000), shifted.between(start, start + 5000))


def test_npz_counts_from_its_first_event(tmp_path: Path) -> None:
    events, path = of(times("late")), tmp_path / "recording.npz"
    columns = {name: getattr(events, name) for name in DTYPES}
    np.savez_compressed(path, **columns, resolution=np.array(SHAPE[::-1]))
    with open_recording(path) as recording:
        assert recording.origin == events.t[0]
        assert same(recording.between(0, recording.duration), events.shifted(-int(events.t[0])))


def put(name: str, change: Change) -> Callable[[h5py.File], None]:
    def plant(file: h5py.File) -> None:
        values = change(file[name][()])
        del file[name]
        file[name] = values

    return plant


def at(i: int, value: int) -> Change:
    def change(values: np.ndarray) -> np.ndarray:
        values[i] = value
        return values

    return change


def drop(name: str) -> Callable[[h5py.File], None]:
    return lambda file: file.__delitem__(name)


FAULTS = {
    "no events": (drop("events"), "'events'"),
    "no t": (drop("events/t"), "'t'"),
    "no p": (drop("events/p"), "'p'"),
    "no table": (drop("ms_to_idx"), "'ms_to_idx'"),
    "no offset": (drop("t_offset"), "t_offset must be one"),
    "t of floats": (put("events/t", lambda t: t / 1e6), "/events/t must be integers"),
    "x of two dimensions": (put("events/x", lambda x: x[:, None]), "/events/x must be integers"),
    "unequal lengths": (put("events/y", lambda y: y[:-5]), "one length, found t 70000, x 70000, y 69995"),
    "table of floats": (put("ms_to_idx", lambda table: table.astype(float)), "/ms_to_idx must be integers"),
    "table falls": (put("ms_to_idx", at(20, 0)), "must not descend"),
    "table beyond": (put("ms_to_idx", at(-1, 70_001)), "within the 70000 events"),
    "table not from 0": (put("ms_to_idx", lambda table: np.maximum(table, 3)), "begin with 0, found 3"),
    "table short": (put("ms_to_idx", lambda table: table[:50]), "entries or more, found 50"),
    "table late": (put("ms_to_idx", lambda table: np.r_[0, table[1:] + 1]), "first event at"),
    "table early": (put("ms_to_idx", lambda table: np.r_[0, table[1:] - 1]), "first event at"),
    "table wrong in one place": (put("ms_to_idx", lambda table: at(21, table[21] + 1)(table)), r"\[21\] must be"),
    "table ends early": (
        put("ms_to_idx", lambda table: np.append(table, np.uint64([69_999] * 3))),
        "must be 70000, found 69999|first event",
    ),
    "offset of two": (put("t_offset", lambda offset: np.array([0, 1])), "t_offset must be one"),
    "t goes back": (put("events/t", at(40_000, 0)), "time must not go back"),
    "x out of range": (put("events/x", at(40_000, SHAPE[1])), "width 64, found 64"),
    "x wide and negative": (put("events/x", lambda x: at(40_000, -1)(x.astype(np.int64))), "must fit uint16, found -1"),
    "y out of range": (put("events/y", at(69_999, SHAPE[0])), "height 48, found 48"),
    "polarity 2": (put("events/p", at(5, 2)), "0 or 1, found 2"),
    "half a sensor": (lambda file: file.attrs.__delitem__("width"), "both be positive"),
    "no sensor": (lambda file: file.attrs.modify("width", 0), "both be positive"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_sentence(path: Path, fault: str) -> None:
    write_dsec(path, [of(times("even"))])
    plant, said = FAULTS[fault]
    with h5py.File(path, "r+") as file:
        plant(file)
    with pytest.raises(ValueError, match=said) as caught, open_recording(path) as recording:
        recording.validate()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fall_between_two_chunks_is_seen(path: Path) -> None:
    write_dsec(path, [of(times("even"))])
    with h5py.File(path, "r+") as file:
        file["events/t"][1000] = file["events/t"][999] - 1
        file["events/t"][1001:] = np.maximum(file["events/t"][1001:], 5)
    with pytest.raises(ValueError, match="event 1000: time must not go back"), open_recording(path) as recording:
        list(recording.chunks(1000))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_has_its_sentence(path: Path, share: float) -> None:
    write_dsec(path, [of(times("even"))])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match="expected") as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_damaged_block_has_its_sentence(path: Path) -> None:
    write_dsec(path, [of(times("even"))])
    with h5py.File(path) as file:
        block = file["events/x"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[block.byte_offset : block.byte_offset + block.size] = bytes(block.size)
    path.write_bytes(content)
    with open_recording(path) as recording:
        assert len(recording.between(0, 1000))
        with pytest.raises(ValueError, match="truncated or damaged") as caught:
            recording.validate()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"timestamp,x,y,z\n", b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"])
def test_a_stranger_has_its_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected"):
        open_recording(path)


def test_no_file_and_no_recording_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        open_recording(tmp_path / "events.h5")
    with pytest.raises(ValueError, match="found a folder"):
        open_recording(tmp_path)


@pytest.mark.parametrize("missing", DTYPES)
def test_an_npz_without_a_column_has_its_sentence(tmp_path: Path, missing: str) -> None:
    events, path = of(times("even", 100)), tmp_path / "recording.npz"
    np.savez(path, **{name: getattr(events, name) for name in DTYPES if name != missing})
    with pytest.raises(ValueError, match="expected arrays t, x, y and p"):
        open_recording(path)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([], "found none"),
        ([of(np.r_[5]), of(np.r_[4])], "begin at 5 us or later"),
        ([of(np.r_[5]), empty((4, 5))], "all chunks must be of the sensor"),
        ([of(np.r_[2**32])], "at most 4294967295 us"),
        ([of(np.r_[5, 4])], "time must not go back"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(path: Path, chunks: list[Events], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_dsec(path, chunks)
    assert list(path.parent.iterdir()) == []


def test_the_map_of_a_perfect_camera_is_the_pixel_itself(path: Path) -> None:
    write_rectify_map(path, SHAPE)
    with h5py.File(path) as file:
        assert file["rectify_map"].dtype == np.float32
        assert file["rectify_map"].shape == (*SHAPE, 2)
        assert file["rectify_map"][7, 9].tolist() == [9, 7]


def fail_inside(path: Path, error: BaseException) -> None:
    with aside(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt()])
def test_aside_leaves_the_old_or_the_new(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "deep" / "result.txt"
    for word in ("old", "new"):
        with aside(path) as temporary:
            temporary.write_text(word)
            assert temporary.suffix == path.suffix
        assert path.read_text() == word
    with pytest.raises(type(error)):
        fail_inside(path, error)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_aside_replaces_a_folder_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for word in ("old", "new"):
        with aside(path) as temporary:
            temporary.mkdir()
            (temporary / word).touch()
        assert [child.name for child in path.iterdir()] == [word]
    with pytest.raises(FileNotFoundError), aside(path):
        pass
    assert list(tmp_path.iterdir()) == [path]
    assert [child.name for child in path.iterdir()] == ["new"]
