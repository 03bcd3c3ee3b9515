"""What is in the data folder, and which split each part belongs to."""

import logging
import os
from collections import Counter
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from unflare.events.aside import aside
from unflare.events.dsec import Dsec
from unflare.events.flare7k import COMPLETE, FlarePair, find_flares, walk
from unflare.events.splits import SPLITS, Split, T, split

SECOND = 1_000_000
EMBEDDED = "embedded.json"  # the embedded data set says so in this file of its root

log = logging.getLogger(__name__)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sequence(_Record):
    """A DSEC sequence; `path` of its events.h5 is relative to the root, times are microseconds.

    All its events lie in [start, start + duration); `windows` whole seconds fit in there.
    """

    name: str
    path: Path
    shape: tuple[int, int]
    start: int
    duration: int
    count: int
    windows: int


class Skipped(_Record):
    path: Path
    reason: str


class Index(_Record):
    """Sequences and flare pairs by split, what was found but cannot be used, and whether it is the embedded set."""

    root: Path
    embedded: bool
    sequences: dict[Split, tuple[Sequence, ...]]
    flares: dict[Split, tuple[FlarePair, ...]]
    skipped: tuple[Skipped, ...]

    def save(self, path: Path) -> None:
        with aside(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Index":
        """Raises FileNotFoundError, or ValueError of one sentence."""
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such index; the stage `prepare` makes it")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"])) or "the whole file"
            raise ValueError(f"{path}: {place}: {fault['msg']}") from None

    def summary(self) -> list[str]:
        """What was found, a line each."""
        sequences = [sequence for split in SPLITS for sequence in self.sequences[split]]
        windows, events = (sum(getattr(sequence, name) for sequence in sequences) for name in ("windows", "count"))
        lines = [
            f"{len(sequences)} sequences ({_shares(self.sequences)}): {windows} one-second windows, {events:,} events"
        ]
        found = Counter(pair.collection for split in SPLITS for pair in self.flares[split])
        lines += [f"{name}: {count} flare images{_of_complete(name)}" for name, count in sorted(found.items())]
        lines += [f"{found.total()} flare images with their light sources ({_shares(self.flares)})"]
        return lines + [f"skipped {skipped.path}: {skipped.reason}" for skipped in self.skipped]


def build(root: Path, duration: int, validation: float, test: float, seed: int, unpacked: Path | None = None) -> Index:
    """Looks at everything below `root`, every event included, and splits it by sequence and by image.

    `unpacked` is a folder with more sequences, out of archives.

    duration          microseconds of a scene; shorter sequences are skipped
    validation, test  shares of the sequences, and of the images

    Raises FileNotFoundError, or ValueError of one sentence: file or folder, expected, found.
    """
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder; data.root must hold DSEC sequences and Flare7K images")
    if not root.is_dir():
        raise ValueError(f"{root}: data.root must be a folder, found a file")
    flares = find_flares(root)
    sequences, skipped = find_sequences(root, duration, unpacked)
    return Index(
        root=root,
        embedded=(root / EMBEDDED).is_file(),
        sequences=_split(root, "sequences that a scene fits in", sequences, validation, test, seed),
        flares=_split(root, "flare images", flares, validation, test, seed),
        skipped=tuple(skipped),
    )


def find_sequences(root: Path, duration: int, unpacked: Path | None = None) -> tuple[list[Sequence], list[Skipped]]:
    """Every <name>/events/left/events.h5 below root, and below `unpacked`, validated whole; and those shorter than
    `duration` microseconds.

    Raises ValueError of one sentence: no sequence, one name twice, or a fault in a file.
    """
    found: dict[str, Sequence] = {}
    skipped = []
    for place, _, files in chain(walk(root), walk(unpacked) if unpacked and unpacked.is_dir() else ()):
        if place.parts[-2:] != ("events", "left") or "events.h5" not in files:
            continue
        sequence = _sequence(root, place / "events.h5")
        if sequence.name in found:
            both = f"{found[sequence.name].path} and {sequence.path}"
            raise ValueError(f"{root}: expected each sequence once, found {sequence.name} as {both}")
        if sequence.duration < duration:
            reason = f"{sequence.duration} us long, a scene needs {duration}"
            skipped.append(Skipped(path=sequence.path, reason=reason))
        else:
            found[sequence.name] = sequence
    if not found and not skipped:
        raise ValueError(
            f"{root}: expected DSEC sequences (*/events/left/events.h5, or *_events_left.zip), found none below it"
        )
    return sorted(found.values(), key=lambda sequence: sequence.name), skipped


def _sequence(root: Path, path: Path) -> Sequence:
    with Dsec(path) as recording:
        recording.validate()
        log.info("%s: %d events in %.1f s", path, recording.count, recording.duration / SECOND)
        return Sequence(
            name=path.absolute().parts[-4],
            path=_beside(root, path),
            shape=recording.shape,
            start=recording.start,
            duration=recording.duration,
            count=recording.count,
            windows=recording.duration // SECOND,
        )


def _beside(root: Path, path: Path) -> Path:
    """The way from the root, which may be a link, to a file that need not be below it."""
    if path.is_relative_to(root):
        return path.relative_to(root)
    return Path(os.path.relpath(path.resolve(), root.resolve()))


def _split(
    root: Path, what: str, parts: list[T], validation: float, test: float, seed: int
) -> dict[Split, tuple[T, ...]]:
    try:
        return split(parts, validation, test, seed)
    except ValueError as error:
        raise ValueError(f"{root}: {what}: {error}") from None


def _shares(parts: dict[Split, tuple[T, ...]]) -> str:
    return ", ".join(f"{len(parts[name])} {name}" for name in SPLITS)


def _of_complete(collection: str) -> str:
    return f" of the {COMPLETE[collection]:,} of the full collection" if collection in COMPLETE else ""
