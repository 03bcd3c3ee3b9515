"""Copies of recordings without some of their events, in the format that the recording has."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unflare.events.aside import aside
from unflare.events.copies.columns import copy_npz, copy_text
from unflare.events.copies.converted import copy_as_dsec
from unflare.events.copies.encoded import copy_aedat, copy_event_stream
from unflare.events.copies.hdf5 import copy_hdf5
from unflare.events.copies.keeping import BLOCK, Keeping, Sums
from unflare.events.copies.words import copy_words
from unflare.events.files import open_recording
from unflare.events.recording import Recording

DSEC = "DSEC HDF5"
ELSE = f"an output name that ends in .h5 makes it {DSEC}"
HDF5 = (".h5", ".hdf5")
COPIES: dict[str, Callable[[Recording, Path, Keeping], None]] = {
    DSEC: copy_hdf5,
    "HDF5": copy_hdf5,
    "npz": copy_npz,
    "text": copy_text,
    "EVT2": copy_words,
    "EVT3": copy_words,
    "DAT": copy_words,
    "AEDAT4": copy_aedat,
    "event stream": copy_event_stream,
}
WHOLE = {DSEC, "HDF5", "EVT2", "EVT3", "DAT", "AEDAT4"}  # what is no event is copied too

__all__ = ["DSEC", "Keeping", "Sums", "copy_kept", "format_of_copy", "left_out"]


def format_of_copy(recording: Recording, path: Path) -> str:
    """That of the recording; DSEC's where it was repaired, or where the name asks for HDF5 and it is none."""
    asked = path.suffix.lower() in HDF5 and not recording.format.endswith("HDF5")
    return DSEC if asked or recording.repaired or recording.format not in COPIES else recording.format


def left_out(recording: Recording, path: Path) -> tuple[str, ...]:
    """What the recording holds besides events that a copy will not."""
    return () if format_of_copy(recording, path) == recording.format in WHOLE else recording.beside


def copy_kept(recording: Recording, path: Path, keeping: Keeping, sums: Sums) -> None:
    """Writes the events that are kept, as they are stored, to `path`: aside, read back, compared with `sums`, renamed.

    Memory for a few blocks. Raises ValueError of one sentence, and leaves nothing, if the format cannot hold them.
    """
    form = format_of_copy(recording, path)
    with aside(path) as temporary:
        with _one_failure(path, form):
            (COPIES[form] if form == recording.format else copy_as_dsec)(recording, temporary, keeping)
        found = _read_back(temporary, recording.shape, path)
        if found != sums:
            raise ValueError(
                f"{path}: {form} cannot hold these events: expected {sums.count:,} of them, unchanged, found "
                f"{found.count:,} after reading them back; {ELSE}"
            )


@contextmanager
def _one_failure(path: Path, form: str) -> Iterator[None]:
    """Turns what HDF5 or faery say of a full disk, or of a value that does not fit, into one error.

    HDF5 says it again of every object that is given up, until none of them is left.
    """
    hooks = sys.unraisablehook, sys.excepthook
    sys.unraisablehook, sys.excepthook = _silent, _silent
    try:
        yield
    except (OSError, RuntimeError, KeyError, EOFError) as error:
        traceback.clear_frames(error.__traceback__)
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno), error.filename or str(path)) from None
        said = " ".join(str(error).split())
        raise ValueError(f"{path}: could not be written as {form}: {said}; {ELSE}") from None
    finally:
        sys.unraisablehook, sys.excepthook = hooks


def _silent(*said: object) -> None:
    """Of an error that will be told once."""


def _read_back(temporary: Path, shape: tuple[int, int], path: Path) -> Sums:
    sums = Sums()
    if not temporary.stat().st_size:
        return sums  # text without a heading and without events
    try:
        with open_recording(temporary, shape) as recording:
            for chunk in recording.chunks(BLOCK):
                sums = sums.after(chunk, recording.origin)
    except ValueError as error:
        raise ValueError(f"{path}: written, but not as it can be read: {error}") from error
    return sums
