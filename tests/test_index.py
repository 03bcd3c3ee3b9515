"""Laws of the index: everything is found once, lies in one split, and every fault of a folder has its sentence."""

from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from unflare.events import Events, Index, build, write_dsec
from unflare.events.flare7k import png_shape
from unflare.events.splits import SPLITS, sizes, split

SHAPE = (12, 16)
SCENE = 100_000


def sequence(root: Path, name: str, seconds: float, start: int = 0) -> Path:
    count = 500
    t = np.linspace(start, start + seconds * 1e6 - 1, count).astype(np.int64)
    x, y, p = np.arange(count) % SHAPE[1], np.arange(count) % SHAPE[0], np.arange(count) % 2
    path = root / name / "events" / "left" / "events.h5"
    write_dsec(path, [Events(t, x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), SHAPE)], t_offset=10**12)
    return path


def collection(folder: Path, count: int, shape: tuple[int, int] = (7, 9)) -> None:
    for i in range(count):
        for part in ("Compound_Flare", "Light_Source"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / f"{i:06d}.png"), np.full((*shape, 3), i, np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for i, seconds in enumerate((1.2, 2.5, 3.0, 0.4)):
        sequence(root / "DSEC" / "train", f"sequence_{i}", seconds, start=1000 * i)
    sequence(root / "DSEC" / "train", "blink", 0.05)
    collection(root / "Flare7Kpp" / "Flare7K" / "Scattering_Flare", 7)
    collection(root / "Flare7Kpp" / "Flare-R", 3, shape=(5, 8))
    return root


def made(root: Path, seed: int = 0) -> Index:
    return build(root, duration=SCENE, validation=0.2, test=0.2, seed=seed)


def test_everything_is_found_once_and_lies_in_one_split(root: Path) -> None:
    index = made(root)
    sequences = [sequence.name for split in SPLITS for sequence in index.sequences[split]]
    assert sorted(sequences) == ["sequence_0", "sequence_1", "sequence_2", "sequence_3"]
    flares = [pair.name for split in SPLITS for pair in index.flares[split]]
    assert sorted(flares) == sorted([f"Flare7K/{i:06d}" for i in range(7)] + [f"Flare-R/{i:06d}" for i in range(3)])
    assert all(index.sequences[split] and index.flares[split] for split in SPLITS)


def test_windows_are_whole_seconds_and_a_blink_is_skipped(root: Path) -> None:
    index = made(root)
    found = {sequence.name: sequence for split in SPLITS for sequence in index.sequences[split]}
    assert {name: sequence.windows for name, sequence in found.items()} == {
        "sequence_0": 1,
        "sequence_1": 2,
        "sequence_2": 3,
        "sequence_3": 0,
    }
    assert found["sequence_2"].start == 2000
    assert found["sequence_2"].duration == 3_000_000
    assert [(skipped.path.parts[2], skipped.reason) for skipped in index.skipped] == [
        ("blink", "50000 us long, a scene needs 100000")
    ]


def test_paths_lead_from_the_root_to_files_of_the_stated_shape(root: Path) -> None:
    index = made(root)
    for name in SPLITS:
        assert all((root / sequence.path).is_file() for sequence in index.sequences[name])
        for pair in index.flares[name]:
            for path in (pair.flare, pair.light):
                assert cv2.imread(str(root / path)).shape[:2] == pair.shape == png_shape(root / path)


def test_the_summary_says_how_much_of_each_collection_is_there(root: Path) -> None:
    lines = made(root).summary()
    assert lines[0].startswith("4 sequences (2 train, 1 validation, 1 test): 6 one-second windows")
    assert "Flare-R: 3 flare images of the 962 of the full collection" in lines
    assert "Flare7K: 7 flare images of the 5,000 of the full collection" in lines
    assert any("blink" in line for line in lines)


def test_an_index_comes_back_from_its_file(root: Path, tmp_path: Path) -> None:
    index = made(root)
    index.save(tmp_path / "index.json")
    assert Index.load(tmp_path / "index.json") == index
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(ValueError, match="Field required"):
        Index.load(tmp_path / "index.json")


def test_the_seed_decides_the_split_and_nothing_else_does(root: Path, tmp_path: Path) -> None:
    assert made(root, seed=5) == made(root, seed=5)
    assert any(made(root, seed=5).flares != made(root, seed=seed).flares for seed in range(6, 10))
    (tmp_path / "link").symlink_to(root)
    assert made(tmp_path / "link").flares == made(root).flares


def test_a_folder_linked_twice_is_found_once(root: Path) -> None:
    (root / "again").symlink_to(root / "DSEC")
    (root / "DSEC" / "loop").symlink_to(root)
    assert sum(len(part) for part in made(root).sequences.values()) == 4


class Part:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize("count", [3, 4, 10, 47, 962])
@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.01, 0.01), (0.1, 0.85), (0.49, 0.49)])
def test_a_split_covers_is_disjoint_and_as_large_as_asked(count: int, shares: tuple[float, float]) -> None:
    parts = [Part(f"{i:03d}") for i in range(count)]
    result = split(parts, *shares, seed=3)
    names = [part.name for name in SPLITS for part in result[name]]
    assert sorted(names) == [part.name for part in parts]
    wanted = dict(zip(SPLITS, (1 - sum(shares), *shares), strict=True))
    for name in SPLITS:
        assert result[name]
        assert abs(len(result[name]) - max(1, wanted[name] * count)) < 2
    assert {name: [part.name for part in result[name]] for name in SPLITS} == {
        name: [part.name for part in split(parts[::-1], *shares, seed=3)[name]] for name in SPLITS
    }


def test_two_parts_do_not_split_in_three() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        sizes(2, 0.2, 0.2)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


FLARES = Path("Flare7Kpp/Flare7K/Scattering_Flare")
EVENTS = Path("DSEC/train/sequence_0/events/left/events.h5")


def shrink(root: Path) -> None:
    cv2.imwrite(str(root / FLARES / "Light_Source" / "000002.png"), np.zeros((3, 3), np.uint8))


def rename(old: Path, new: Path) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)

    return plant


def unsort(root: Path) -> None:
    with h5py.File(root / EVENTS, "r+") as file:
        file["events/t"][300] = 0


def few(root: Path) -> None:
    for i in (1, 2):
        sequence(root / "DSEC" / "train", f"sequence_{i}", 0.01)


def again(root: Path) -> None:
    sequence(root / "DSEC" / "other", "sequence_0", 1.0)


FAULTS = {
    "no sequences": (rename(Path("DSEC"), Path("../DSEC")), "expected DSEC sequences"),
    "no flares": (rename(Path("Flare7Kpp"), Path("../Flare7Kpp")), "expected Flare7K images"),
    "two sequences": (few, "sequences that a scene fits in: at least 3 are needed.*found 2"),
    "truncated events": (lambda root: truncate(root / EVENTS), "truncated"),
    "unsorted events": (unsort, "time must not go back"),
    "a sequence twice": (again, "each sequence once, found sequence_0"),
    "no light sources": (rename(FLARES / "Light_Source", FLARES / "Light"), "expected a folder Light_Source"),
    "no partner": (lambda root: (root / FLARES / "Light_Source" / "000002.png").unlink(), "1 without.*000002.png"),
    "no flare": (lambda root: (root / FLARES / "Compound_Flare" / "000006.png").unlink(), "1 without.*000006.png"),
    "another size": (shrink, r"\(3, 3\).*found \(7, 9\)"),
    "truncated image": (lambda root: truncate(root / FLARES / "Compound_Flare" / "000001.png"), "found it truncated"),
    "no image": (lambda root: (root / FLARES / "Compound_Flare" / "000001.png").write_text("GIF89a"), "a PNG image"),
    "empty image": (lambda root: (root / FLARES / "Compound_Flare" / "000001.png").write_text(""), "empty file"),
    "a collection twice": (
        lambda root: collection(root / "Flare7K" / "Scattering_Flare", 2),
        "each flare collection once, found Flare7K",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_folder_has_its_sentence(root: Path, fault: str) -> None:
    plant, said = FAULTS[fault]
    plant(root)
    with pytest.raises(ValueError, match=said) as caught:
        made(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_a_file_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        made(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="found a file"):
        made(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="found none"):
        made(tmp_path / "empty")
