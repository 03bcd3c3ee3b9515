"""What a run has to say, on disk until the store has it."""

import json
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

Entry: TypeAlias = dict[str, Any]


class Outage(ConnectionError):
    """The store cannot be reached now; try again later."""


class Journal:
    """Entries of one run in order, JSON lines in `<folder>/<run id>.jsonl`; a few microseconds each.

    `pending` are the entries that the store does not have yet, those of an earlier process included. The number of the
    others stands in `<run id>.sent`, and after it `attempted`: how many pending ones were last sent together, which the
    store may have although it did not say so. A lock on `<run id>.lock` is held as long as the process lives, so that
    another process can tell a journal in use from one that was left behind.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Raises OSError where the folder cannot be written, filelock.Timeout where another process has the journal."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.path = folder / f"{name}.jsonl"
        self.copies = folder / f"{name}.files"
        self._counter = folder / f"{name}.sent"
        self._lock = FileLock(folder / f"{name}.lock")
        self._lock.acquire(timeout=0)
        counts = self._counter.read_text().split() if self._counter.exists() else []
        self._sent, self.attempted = map(int, counts or (0, 0))
        self.pending = _read(self.path)[self._sent :]
        for number, entry in enumerate(self.pending):
            if entry["kind"] == "resumed":
                _take_back(self.pending[:number], entry["step"])
        self._file = self.path.open("a", buffering=1, encoding="utf-8")
        if self._file.tell() and not self.path.read_bytes().endswith(b"\n"):
            self._file.write("\n")  # the line that a killed process did not end must not swallow the next one

    def append(self, kind: str, **content: object) -> None:
        """One more entry. After `resumed` at a step, pending metrics of later steps are void: they are said anew."""
        entry: Entry = {"kind": kind, "time": time.time(), **content}
        if kind == "resumed":
            _take_back(self.pending, entry["step"])
        self.pending.append(entry)
        self._file.write(json.dumps(entry) + "\n")

    def keep(self, path: Path, copy: Path) -> None:
        """A copy of a file or folder that could not be sent at once: the original may be gone by then."""
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, copy)
            else:
                shutil.copy2(path, copy)
        except OSError as error:
            log.warning("tracking: no copy of %s was kept: %s", path, error)

    def attempt(self, count: int) -> None:
        """The first `count` pending entries are about to be sent together."""
        self.attempted = count
        self._count()

    def sent(self, count: int) -> None:
        """The store has the first `count` pending entries."""
        del self.pending[:count]
        self._sent += count
        self.attempted = 0
        self._count()

    def close(self) -> None:
        """Gives the journal back; one without pending entries has done its work and goes.

        Raises OSError where the disk is too full for its last lines.
        """
        try:
            self._file.close()
        finally:
            if not self.pending:
                self.path.unlink(missing_ok=True)
                self._counter.unlink(missing_ok=True)
                shutil.rmtree(self.copies, ignore_errors=True)
                Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def _count(self) -> None:
        """Whole or not at all: without the count everything would be sent again."""
        aside = self._counter.with_suffix(".counting")
        aside.write_text(f"{self._sent} {self.attempted}")
        aside.replace(self._counter)


def left_behind(folder: Path) -> list[Journal]:
    """Journals of processes that are no more, opened."""
    journals = []
    for path in sorted(folder.glob("*.jsonl")):
        try:
            journals.append(Journal(folder, path.stem))
        except Timeout:
            continue  # its process lives
    return journals


def _take_back(entries: Sequence[Entry], step: int) -> None:
    """The entries keep their places, since places are what is counted."""
    for entry in entries:
        if entry["kind"] == "metrics" and entry["step"] > step:
            entry["values"] = {}


def _read(path: Path) -> list[Entry]:
    if not path.exists():
        return []
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:  # the process was killed while it wrote the line
            log.warning("%s: line %d was cut off and is dropped", path, number)
    return entries
