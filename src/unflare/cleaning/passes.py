"""The two passes through a recording: what each event is, then a copy of it without some, or a file of what they are.

The first pass is what takes time, and what is journaled: a bit an event. The second starts from its beginning whenever
it is interrupted, so the output's bytes do not know of interruptions.
"""

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from unflare.cleaning.journal import Journal, Kept, journal
from unflare.cleaning.methods import Method, Passage, Remembered
from unflare.events import Array, Events, Recording
from unflare.events.copies import copy_kept, format_of_copy, left_out
from unflare.events.copies.columns import header, opened

OFTEN = 10.0  # seconds between two marks
Told = Callable[[int, int], None]  # events done, and in all


@dataclass(frozen=True)
class Summary:
    """What was done. Times are seconds; `scored` events went through the method in `seconds`, the rest before."""

    method: str
    backend: str
    threshold: float
    format: str
    events: int
    on: int
    kept: int
    kept_on: int
    duration: float
    scored: int
    seconds: float
    left_out: tuple[str, ...]
    repaired: Mapping[str, int] = field(default_factory=dict)


def clean(
    recording: Recording, output: Path, method: Method, threshold: float, told: Told, *, resume: bool = False
) -> Summary:
    """Writes the events whose flare probability is below the threshold, as they are stored, to `output`.

    In the recording's format where that can be, else DSEC's. Raises ValueError or OSError, and leaves no output then.
    """
    task = _task(recording, method) | {"threshold": threshold}
    with journal(output, task, resume=resume) as work:
        begun, start = work.done, time.monotonic()

        def keep(probability: Array, chunk: Events) -> None:
            kept = probability < threshold
            work.append(np.packbits(kept), chunk, work.sums.after(chunk[kept], recording.origin))

        _first_pass(recording, method, work, keep, told)
        seconds = time.monotonic() - start
        written = work.folder / output.name
        copy_kept(recording, written, Kept(work.values(), work.sums.count), work.sums)
        os.replace(written, output)
        return Summary(
            method.name,
            method.backend,
            threshold,
            format_of_copy(recording, output),
            recording.count,
            work.on,
            work.sums.count,
            work.sums.on,
            recording.duration / 1e6,
            work.done - begun,
            seconds,
            left_out(recording, output),
            recording.repaired,
        )


def write_scores(recording: Recording, output: Path, method: Method, told: Told, *, resume: bool = False) -> None:
    """Writes the flare probability of every event as array `probability`, float32 (n,), of an npz file."""
    with journal(output, _task(recording, method) | {"scores": True}, resume=resume) as work:

        def keep(probability: Array, chunk: Events) -> None:
            work.append(probability.astype("<f4"), chunk, work.sums)

        _first_pass(recording, method, work, keep, told)
        written = work.folder / output.name
        with zipfile.ZipFile(written, "w") as archive, opened(archive, "probability") as member:
            header(member, "<f4", (recording.count,))
            shutil.copyfileobj(work.values(), member, 1 << 20)
        os.replace(written, output)


def _task(recording: Recording, method: Method) -> dict[str, Any]:
    stat = recording.path.stat()
    task = {"recording": str(recording.path.resolve()), "bytes": stat.st_size, "changed": stat.st_mtime_ns}
    task |= {"shape": list(recording.shape), "events": recording.count, "method": method.identity}
    return task | {"chunk": method.chunk}


def _first_pass(
    recording: Recording, method: Method, work: Journal, keep: Callable[[Array, Events], None], told: Told
) -> None:
    passage: Passage = method.begin(recording.shape)
    if work.state and method.resume:
        passage = method.resume(work.folder / work.state)
    marked = time.monotonic()
    for chunk in recording.chunks(method.chunk, work.done):
        told(work.done, recording.count)
        keep(passage.score(chunk), chunk)
        if method.resume and time.monotonic() - marked > OFTEN:
            work.mark(cast(Remembered, passage))
            marked = time.monotonic()
    told(recording.count, recording.count)
    work.mark(None)
