"""What is done of a recording so far, beside the output that will be: enough to go on after any interruption.

.<name of the output>.unfinished/
    progress.json      what is being done, how many events are done, their sums, where the state is
    values             a bit an event (kept or not), or four bytes (its probability)
    state-<events>/    what the method remembers after so many events
    <name>             the output, while it is being written
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import filelock
import numpy as np

from unflare.cleaning.methods import Remembered
from unflare.events import Array, Events
from unflare.events.aside import aside
from unflare.events.copies import Sums

PROGRESS, VALUES, LOCK = "progress.json", "values", "lock"


class Journal:
    """Values of the events in order, appended; `mark` makes what was appended last through an interruption."""

    def __init__(self, folder: Path, task: Mapping[str, Any], *, resume: bool) -> None:
        self.folder, self.task = folder, dict(task)
        self.done, self.on, self.sums = 0, 0, Sums()
        self.state: str | None = None
        length = self._continue() if resume and (folder / PROGRESS).is_file() else self._begin()
        self._values = (folder / VALUES).open("r+b" if length else "w+b")
        self._values.truncate(length)
        self._values.seek(length)

    def append(self, values: Array, events: Events, kept: Sums) -> None:
        """Values of the events that come next; `kept` are the sums of those that were kept so far."""
        self._values.write(values.tobytes())
        self.done, self.on, self.sums = self.done + len(events), self.on + int(np.count_nonzero(events.p)), kept

    def mark(self, passage: Remembered | None) -> None:
        """The passage's state, if it has one, then all that says it is there: a crash in between changes nothing."""
        self._values.flush()
        os.fsync(self._values.fileno())
        old = self.state
        self.state = f"state-{self.done}" if passage and self.done else None
        if passage and self.state:
            passage.save(self.folder / self.state)
        content = {"task": self.task, "done": self.done, "on": self.on, "sums": asdict(self.sums)}
        content |= {"state": self.state, "length": self._values.tell()}
        with aside(self.folder / PROGRESS) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
        if old and old != self.state:
            shutil.rmtree(self.folder / old)

    def values(self) -> IO[bytes]:
        """All values, from the first."""
        self._values.seek(0)
        return self._values

    def close(self) -> None:
        self._values.close()

    def _begin(self) -> int:
        for path in self.folder.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return 0

    def _continue(self) -> int:
        path = self.folder / PROGRESS
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            task, length = said["task"], int(said["length"])
            self.done, self.on, self.sums = int(said["done"]), int(said["on"]), Sums(**said["sums"])
            self.state = said["state"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: expected how far the work is, found it damaged; without --resume it begins anew"
            ) from error
        for name in self.task:
            if task.get(name) != self.task[name]:
                raise ValueError(
                    f"--resume: expected the work as it was begun, {name} {task.get(name)}, found {self.task[name]}; "
                    "without --resume it begins anew"
                )
        return length


@contextmanager
def journal(output: Path, task: Mapping[str, Any], *, resume: bool) -> Iterator[Journal]:
    """The journal beside an output; it goes once the block ends, and stays where it was interrupted, or where all is
    scored and the copy failed.

    Raises ValueError if another process is at it, or the work to go on with was another.
    """
    folder = output.with_name(f".{output.name}.unfinished")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            opened = Journal(folder, task, resume=resume)
            try:
                yield opened
            except ValueError:
                if opened.done < task["events"]:
                    shutil.rmtree(folder)  # the recording or the method is at fault: it would end there again
                raise
            finally:
                opened.close()
            shutil.rmtree(folder)
    except filelock.Timeout:
        raise ValueError(f"{output}: another process is writing it") from None


class Kept:
    """The bits of a journal as a `Keeping`."""

    def __init__(self, values: IO[bytes], kept: int) -> None:
        self.kept, self._values = kept, values
        self._rest = np.empty(0, bool)

    def take(self, count: int) -> Array:
        if count > len(self._rest):
            more = np.frombuffer(self._values.read(-(-(count - len(self._rest)) // 8)), np.uint8)
            self._rest = np.concatenate([self._rest, np.unpackbits(more).astype(bool)])
        taken, self._rest = self._rest[:count], self._rest[count:]
        if len(taken) < count:
            raise EOFError("more events than were read")
        return taken
