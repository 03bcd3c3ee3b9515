"""Laws of reading and copying: every format holds the same events, a copy without some holds the rest."""

import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from formats import DSEC_OFFSET, WRITERS, bomb, csv, some_events, written
from mutation import Bits, campaign, forked

from unflare.events import Events, Recording, empty, open_recording
from unflare.events.copies import Sums, copy_kept, format_of_copy, left_out
from unflare.events.stream import DTYPES

SHAPE = (48, 64)


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders are forks of this process, except where it is their own process that is looked at."""
    if "own_process" not in request.node.name:
        monkeypatch.setattr("unflare.events.foreign.decoded", forked)


EXACT = {"npz", "csv", "txt", "EVT2", "EVT3", "DAT", "event stream"}  # a copy of everything is the file itself


def same(one: Events, other: Events) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in DTYPES) and one.shape == other.shape


def on_the_clock_of_the_file(recording: Recording) -> Events:
    return recording.read(0, recording.count).shifted(recording.origin)


def copied(recording: Recording, path: Path, keep: np.ndarray) -> None:
    events = recording.read(0, recording.count)
    copy_kept(recording, path, Bits(keep), Sums().after(events[keep], recording.origin))


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_holds_the_same_events(tmp_path: Path, kind: str) -> None:
    events = some_events(start=1_000_000)
    with open_recording(written(tmp_path, kind, events), SHAPE) as recording:
        assert same(on_the_clock_of_the_file(recording), events.shifted(DSEC_OFFSET if kind == "DSEC HDF5" else 0))
        assert (recording.count, recording.start + recording.duration) == (
            len(events),
            int(events.t[-1]) - recording.origin + (DSEC_OFFSET if kind == "DSEC HDF5" else 0) + 1,
        )


@pytest.mark.parametrize("kind", WRITERS)
def test_windows_and_chunks_are_those_of_the_whole(tmp_path: Path, kind: str) -> None:
    events = some_events(150_000 if kind == "npz" else 5000)
    rng = np.random.default_rng(0)
    with open_recording(written(tmp_path, kind, events), SHAPE) as recording:
        whole = recording.read(0, recording.count)
        for start in [*np.sort(rng.integers(-100, whole.t[-1] + 100, 6)).tolist(), 0]:  # forwards, then back
            assert same(recording.between(start, start + 700), whole.between(start, start + 700))
        chunks = [chunk.t for chunk in recording.chunks(777)]
        assert np.array_equal(np.concatenate(chunks), whole.t)
        assert {len(chunk) for chunk in chunks[:-1]} == {777}


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_copy_holds_what_is_kept_as_it_was(tmp_path: Path, kind: str, share: float) -> None:
    events = some_events(3000)
    path = written(tmp_path, kind, events)
    keep = np.random.default_rng(1).random(len(events)) < share
    copy = tmp_path / f"copy{path.suffix}"
    with open_recording(path, SHAPE) as recording:
        copied(recording, copy, keep)
        assert format_of_copy(recording, copy) == recording.format
        before, columns = on_the_clock_of_the_file(recording), recording.stored(0, recording.count)
    if kind == "txt" and not keep.any():
        assert not copy.read_bytes()
        return
    with open_recording(copy, SHAPE) as recording:
        assert recording.count == keep.sum()
        assert not recording.count or same(on_the_clock_of_the_file(recording), before[keep])
        for name, column in recording.stored(0, recording.count).items():
            assert column.dtype == columns[name].dtype
            assert np.array_equal(column, columns[name][keep])
    if share == 1 and kind in EXACT:
        assert copy.read_bytes() == path.read_bytes()
    assert {one.name for one in tmp_path.iterdir()} == {path.name, copy.name}


def test_dsecs_table_is_made_anew_and_all_else_stays(tmp_path: Path) -> None:
    events = some_events()
    path, copy = written(tmp_path, "DSEC HDF5", events), tmp_path / "copy.h5"
    keep = (events.x < 30) & (events.t < 9000)
    with open_recording(path, SHAPE) as recording:
        copied(recording, copy, keep)
    with h5py.File(path) as old, h5py.File(copy) as new:
        ms = 1000 * np.arange(len(old["ms_to_idx"]))
        assert np.array_equal(new["ms_to_idx"], np.searchsorted(events.t[keep], ms))
        assert new["ms_to_idx"].dtype == old["ms_to_idx"].dtype
        assert int(new["t_offset"][()]) == DSEC_OFFSET
        assert dict(new.attrs) == dict(old.attrs)
        assert new["events/t"].chunks == old["events/t"].chunks
    with open_recording(copy) as recording:
        recording.validate()


def test_what_is_no_event_is_copied_or_named_by_its_own_process(tmp_path: Path) -> None:
    events = some_events(2000)
    keep = np.zeros(len(events), bool)
    with open_recording(written(tmp_path, "HDF5", events)) as recording:
        copied(recording, tmp_path / "copy.h5", keep)
        assert h5py.File(tmp_path / "copy.h5")["images/0"].shape == (4, 5)
    with open_recording(written(tmp_path, "AEDAT4", events)) as recording:
        copied(recording, tmp_path / "copy.aedat4", keep)
        assert recording.beside == ("2 triggers",)
        assert left_out(recording, tmp_path / "copy.aedat4") == ()
        assert left_out(recording, tmp_path / "copy.h5") == ("2 triggers",)
    with open_recording(tmp_path / "copy.aedat4") as recording:
        assert recording.beside == ("2 triggers",)
    path = written(tmp_path, "EVT2", events)
    path.write_bytes(path.read_bytes() + np.uint32(0xA0000101).tobytes())  # a trigger
    with open_recording(path) as recording:
        copied(recording, tmp_path / "copy.raw", keep)
        assert recording.beside == ("1 triggers",)
    with open_recording(tmp_path / "copy.raw") as recording:
        assert (recording.beside, recording.count) == (("1 triggers",), 0)
    np.savez(tmp_path / "more.npz", **{name: getattr(events, name) for name in DTYPES}, labels=keep)
    with open_recording(tmp_path / "more.npz") as recording:
        assert left_out(recording, tmp_path / "copy.npz") == ("labels",)


def test_a_name_in_h5_makes_dsecs_of_any_format(tmp_path: Path) -> None:
    events = some_events(2000, start=5_000_000)
    keep = events.p == 1
    with open_recording(written(tmp_path, "EVT2", events)) as recording:
        copied(recording, tmp_path / "copy.h5", keep)
        before = on_the_clock_of_the_file(recording)
    with open_recording(tmp_path / "copy.h5") as recording:
        assert recording.format == "DSEC HDF5"
        assert same(on_the_clock_of_the_file(recording), before[keep])


def test_a_copy_that_reads_back_otherwise_is_none(tmp_path: Path) -> None:
    with open_recording(written(tmp_path, "EVT3", some_events(500))) as recording:
        wrong = Sums().after(recording.read(0, 400), recording.origin)
        with pytest.raises(ValueError, match="cannot hold these events"):
            copy_kept(recording, tmp_path / "copy.raw", Bits(np.ones(500, bool)), wrong)
    assert not (tmp_path / "copy.raw").exists()


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind not in ("txt", "EVT2", "EVT3", "AEDAT4")])
def test_no_events_are_a_recording_of_every_format(tmp_path: Path, kind: str) -> None:
    with open_recording(written(tmp_path, kind, empty(SHAPE)), SHAPE) as recording:
        assert (recording.count, recording.duration, list(recording.chunks())) == (0, 0, [])
        assert len(recording.between(0, 1000)) == 0
        copied(recording, tmp_path / "copy", np.empty(0, bool))


TEXTS = {
    "x,y,p,t\n3,4,1,100\n5,6,0,200\n": ([100, 200], [3, 5], [4, 6], [1, 0]),
    "# a comment\ntimestamp x y polarity\n100 3 4 1\n200 5 6 -1\n": ([100, 200], [3, 5], [4, 6], [1, 0]),
    "0.000100 3 4 1\r\n0.0002 5 6 0": ([100, 200], [3, 5], [4, 6], [1, 0]),
    "100;3;4;1;9\n\n200;5;6;0;9\n": ([100, 200], [3, 5], [4, 6], [1, 0]),
    "id,t,x,y,on\n0,100,3,4,1\n1,200,5,6,0\n": ([100, 200], [3, 5], [4, 6], [1, 0]),
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_says_its_columns_or_has_them_in_order(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.txt"
    path.write_bytes(text.encode())
    with open_recording(path) as recording:
        events = on_the_clock_of_the_file(recording)
    assert [column.tolist() for column in (events.t, events.x, events.y, events.p)] == [*TEXTS[text]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,x,y,p\n100,3,4,1\n50,3,4,1\n", "time must not go back"),
        ("t,x,y,p\n100,640,4,1\n", "width 640, found 640"),
        ("t,x,y,p\n100,3,-4,1\n", "y must fit uint16, found -4"),
        ("t,x,y,p\n100,3,4,7\n", "polarity must be 0 or 1, found 7"),
        ("t,x,y,p\n100,3,4,1\n200,NaN,4,1\n", "line 2 of the events: .* found '200,NaN,4,1'"),
        ("0.1 3 4 1\nnan 3 4 1\n", "line 2 of the events: .* found 'nan 3 4 1'"),
        ("0.1 3 4 1\n1e300 3 4 1\n", "line 2 of the events"),
        ("t,x,y,p\n100,3,4,1\n200,3,4\n", "line 2 of the events"),
        ("t,x,y,p\n100,3,4,1\n99999999999999999999999,3,4,1\n", "line 2 of the events"),
        ("1 2 3 1\n" + "5" * (5 << 20), "one of more than"),
    ],
)
def test_text_at_fault_has_its_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)


def cut(content: bytes, kind: str) -> bytes:
    """Three bytes are a part of every word; behind the packets of AEDAT4 there is a table that nobody needs."""
    return content[: len(content) // 2 if kind == "AEDAT4" else -3]


@pytest.mark.parametrize("kind", ["EVT2", "EVT3", "DAT", "AEDAT4", "event stream", "npz", "DSEC HDF5", "csv"])
def test_a_truncated_file_is_refused_and_repaired_only_if_asked(tmp_path: Path, kind: str) -> None:
    events = some_events(3000)
    path = written(tmp_path, kind, events)
    path.write_bytes(cut(path.read_bytes(), kind))
    with pytest.raises(ValueError, match=f"{path}: ") as caught:
        open_recording(path, SHAPE)
    assert "\n" not in str(caught.value)
    if kind in ("npz", "DSEC HDF5"):  # whose contents stand at the end
        with pytest.raises(ValueError, match=f"{path}: "):
            open_recording(path, SHAPE, repair=True)
        return
    with open_recording(path, SHAPE, repair=True) as recording:
        whole = recording.read(0, recording.count)
        assert sum(recording.repaired.values()) >= 1
        assert format_of_copy(recording, path) == "DSEC HDF5"
    assert 1000 <= len(whole) < 3000 + (kind != "AEDAT4")
    assert same(whole, events[: len(whole)].shifted(-int(events.t[0])))


def test_a_repair_leaves_out_what_cannot_be_and_counts_it(tmp_path: Path) -> None:
    events, path = some_events(3000), tmp_path / "recording.npz"
    t, x, p = events.t.copy(), events.x.astype(np.int32), events.p.astype(np.int8)
    x[10], x[20], p[30] = 64, -1, 9
    t[1000] = 10**15  # alone late: itself at fault, and not what follows
    t[2000] = -5
    np.savez(path, t=t, x=x, y=events.y, p=p, resolution=[64, 48])
    with open_recording(path, repair=True) as recording:
        found = recording.read(0, recording.count)
        assert recording.repaired == {"outside the sensor": 2, "of no polarity": 1, "earlier than the event before": 2}
    assert same(found, events[np.delete(np.arange(3000), [10, 20, 30, 1000, 2000])].shifted(-int(events.t[0])))


def test_a_damaged_hdf5_file_is_salvaged_as_far_as_it_goes(tmp_path: Path) -> None:
    events = some_events(40_000)
    path = written(tmp_path, "DSEC HDF5", events)
    with h5py.File(path, "r+") as file:
        del file["ms_to_idx"]
        file["events/t"][7] = 0
        file["events/t"][6] = 5
    with pytest.raises(ValueError, match="ms_to_idx"):
        open_recording(path)
    with open_recording(path, repair=True) as recording:
        assert recording.count > 39_990
        assert recording.repaired["earlier than the event before"] == 40_000 - recording.count
        assert recording.origin == DSEC_OFFSET + events.t[0]


@pytest.mark.parametrize("kind", ["EVT2", "EVT3", "DAT"])
def test_times_that_go_back_are_refused_where_the_decoder_would_hide_it(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, some_events(4000))
    content = path.read_bytes()
    half = len(content) // 16 * 8
    path.write_bytes(content + content[-half:])
    with pytest.raises(ValueError, match="time must not go back"):
        open_recording(path)


def test_a_header_without_the_sensor_asks_for_it(tmp_path: Path) -> None:
    path = written(tmp_path, "EVT2", some_events(500))
    _, _, rest = path.read_bytes().partition(b"48\n% geometry 64x48\n")
    path.write_bytes(b"% evt 2.0\n" + rest)
    with pytest.raises(ValueError, match="name it, such as --sensor 640x480"):
        open_recording(path)
    assert open_recording(path, SHAPE).shape == SHAPE
    path.write_bytes(b"% plugin_name hal_plugin_gen3_fx3\n% evt 2.0\n" + rest)
    assert open_recording(path).shape == (480, 640)
    assert open_recording(path, SHAPE).shape == SHAPE
    path.write_bytes(b"% evt 2.1\n" + rest)
    with pytest.raises(ValueError, match=r"expected EVT .* found evt 2.1"):
        open_recording(path)


def test_a_column_that_claims_what_it_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.h5"
    for chunks in ((1 << 15,), None):
        with h5py.File(path, "w") as file:
            for name in DTYPES:
                file.create_dataset(f"events/{name}", (10**13,), "u1", chunks=chunks)
        with pytest.raises(ValueError, match="must hold 10000000000000 values"):
            open_recording(path)
    with h5py.File(path, "w") as file:
        for name in DTYPES:
            file.create_dataset(f"events/{name}", (10,), "u1", external=[(tmp_path / "secret", 0, 10)])
    with pytest.raises(ValueError, match="in the file itself"):
        open_recording(path)
    with h5py.File(path, "w") as file:
        for name in DTYPES:
            file[f"events/{name}"] = h5py.ExternalLink("/etc/other.h5", name)
    with pytest.raises(ValueError, match="expected"):
        open_recording(path)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",)

    np.savez(tmp_path / "events.npz", allow_pickle=True, **{name: np.array([Trap()], object) for name in DTYPES})
    with pytest.raises(ValueError, match="must be integers"):
        open_recording(tmp_path / "events.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.slow
def test_a_bomb_takes_no_more_memory_than_a_file(tmp_path: Path) -> None:
    path = tmp_path / "events.npz"
    bomb(path, 1 << 25)
    code = (
        "import resource, sys; from pathlib import Path; from unflare.events import open_recording;"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "open_recording(Path(sys.argv[1]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 24 << 10  # KiB; the arrays are 32 MiB each


def test_an_archive_of_another_length_than_it_says_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "npz", some_events(100))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "other.npz", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-8] if name == "t.npy" else old.read(name))
    with pytest.raises(ValueError, match="t must hold 100 values"):
        open_recording(tmp_path / "other.npz")


def test_a_decoder_that_dies_in_its_own_process_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "EVT2", some_events(500))
    crash = tmp_path / "crash.py"
    crash.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr("unflare.events.decoder.__file__", str(crash))
    with pytest.raises(ValueError, match="its decoder ended with SIGSEGV"):
        open_recording(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_mutant_is_read_as_sound_events_or_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, some_events(400))
    found = [outcome for _, outcome in campaign(path, SHAPE, 20, seed=len(kind))]
    assert set(found) <= {"read", "refused", "died"}
    assert "refused" in found


@pytest.mark.parametrize("kind", ["event stream", "AEDAT4"])
def test_a_decoder_in_its_own_process_says_the_same(tmp_path: Path, kind: str) -> None:
    events = some_events(1000)
    with open_recording(written(tmp_path, kind, events)) as recording:
        assert same(on_the_clock_of_the_file(recording), events)


def test_csv_of_the_librarys_own_says_the_sensor(tmp_path: Path) -> None:
    csv(tmp_path / "events.csv", some_events(100))
    assert open_recording(tmp_path / "events.csv").shape == SHAPE
