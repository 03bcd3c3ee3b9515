"""Recordings by content: HDF5 (plain, E-Flare's, DSEC's), npz, text, and the formats of cameras' makers."""

import zipfile
from pathlib import Path

import h5py

from unflare.events.dsec import Dsec
from unflare.events.foreign import Foreign
from unflare.events.hdf5 import one_sentence
from unflare.events.heads import head
from unflare.events.npz import Npz
from unflare.events.plain import PlainHdf5
from unflare.events.recording import Recording
from unflare.events.salvage import Salvaged
from unflare.events.stream import Events
from unflare.events.text import Text, layout

KINDS = "HDF5, npz, text, EVT2, EVT3, DAT, AEDAT4 or event stream"


def open_recording(path: Path | str, shape: tuple[int, int] | None = None, *, repair: bool = False) -> Recording:
    """The recording in a file, whose content, not its name, says which kind it is.

    shape   sensor (height, width), for files that do not say it
    repair  leave out what cannot be, instead of refusing it; `repaired` then says what that was

    >>> import unflare
    >>> with unflare.open_recording("night.npz") as recording:
    ...     recording.shape, recording.count, sum(len(chunk) for chunk in recording.chunks(300))
    ((48, 64), 1000, 1000)

    Raises FileNotFoundError, or ValueError of one sentence: file, expected, found.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: expected a recording, found {'a folder' if path.is_dir() else 'no regular file'}")
    if zipfile.is_zipfile(path):
        return Npz(path, shape, repair=repair)
    if h5py.is_hdf5(path):
        return _salvaged(path, shape) if repair else _hdf5(path, shape)
    if said := head(path, shape):
        return Foreign(path, said, repair=repair)
    if layout(path):
        return Text(path, shape, repair=repair)
    with path.open("rb") as file:
        found = repr(file.read(8)) if path.stat().st_size else "an empty file"
    raise ValueError(f"{path}: expected a recording in {KINDS}, found {found}")


def load(path: Path | str) -> Events:
    """All events of a recording. Raises as `open_recording`.

    >>> import unflare
    >>> len(unflare.load("night.npz"))
    1000
    """
    with open_recording(path) as recording:
        return recording.read(0, recording.count)


def _hdf5(path: Path, shape: tuple[int, int] | None) -> Recording:
    return (Dsec if _has_milliseconds(path) else PlainHdf5)(path, shape)


def _salvaged(path: Path, shape: tuple[int, int] | None) -> Recording:
    """A file that is in order is no less readable for it, but for its times, which count from its first event."""
    try:
        with _hdf5(path, shape):
            return Salvaged(path, shape, None)
    except ValueError as error:
        return Salvaged(path, shape, str(error).removeprefix(f"{path}: "))


def _has_milliseconds(path: Path) -> bool:
    """One of DSEC's two additions is enough: where the other is missing, the file is damaged, not plain."""
    with one_sentence(path), h5py.File(path, "r") as file:
        return "ms_to_idx" in file or "t_offset" in file
