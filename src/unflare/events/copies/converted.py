"""Copies in DSEC's layout of recordings that are in another format."""

from pathlib import Path

from unflare.events.copies.keeping import BLOCK, Keeping
from unflare.events.recording import Recording
from unflare.events.stream import empty
from unflare.events.writing import write_dsec


def copy_as_dsec(recording: Recording, path: Path, keeping: Keeping) -> None:
    """Times since the first event of the recording, whose time on the clock of the file is t_offset."""
    kept = (chunk[keeping.take(len(chunk))] for chunk in recording.chunks(BLOCK))
    write_dsec(path, kept if recording.count else [empty(recording.shape)], recording.origin)
