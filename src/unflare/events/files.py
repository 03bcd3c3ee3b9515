"""Recordings by content: HDF5 with four columns (plain, or DSEC's with its table of milliseconds) and npz."""

import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

from unflare.events.dsec import Dsec
from unflare.events.hdf5 import checked, one_sentence
from unflare.events.plain import PlainHdf5
from unflare.events.recording import DSEC_SHAPE, Recording
from unflare.events.stream import DTYPES, Array, Events


class Npz(Recording):
    """Arrays t, x, y, p and, for a sensor other than 640x480, resolution [width, height]; held in memory.

    Times count from the first event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        raw = _arrays(path)
        width, height = raw.pop("resolution", np.array(DSEC_SHAPE[::-1])).tolist()
        self.shape = (height, width)
        self.origin = int(raw["t"][0]) if len(raw["t"]) else 0
        self._events = checked(raw | {"t": raw["t"].astype(np.int64) - self.origin}, self.shape, path)
        self.start = 0
        self.count = len(self._events)
        self.duration = int(self._events.t[-1]) + 1 if self.count else 0

    def read(self, first: int, last: int) -> Events:
        return self._events[first:last]

    def locate(self, time: int) -> int:
        return int(np.searchsorted(self._events.t, time))

    def close(self) -> None:
        """Nothing stays open."""


def open_recording(path: Path) -> Recording:
    """The recording in a file, whose content, not its name, says which kind it is.

    Raises FileNotFoundError, or ValueError of one sentence: file, expected, found.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise ValueError(f"{path}: expected a recording, found a folder")
    if zipfile.is_zipfile(path):
        return Npz(path)
    if h5py.is_hdf5(path):
        return Dsec(path) if _has_milliseconds(path) else PlainHdf5(path)
    with path.open("rb") as file:
        found = repr(file.read(8)) if path.stat().st_size else "an empty file"
    raise ValueError(f"{path}: expected a recording in HDF5 or npz, found {found}")


def load(path: Path) -> Events:
    """All events of a recording. Raises as `open_recording`."""
    with open_recording(path) as recording:
        return recording.read(0, recording.count)


def _has_milliseconds(path: Path) -> bool:
    """One of DSEC's two additions is enough: where the other is missing, the file is damaged, not plain."""
    with one_sentence(path), h5py.File(path, "r") as file:
        return "ms_to_idx" in file or "t_offset" in file


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in DTYPES if name not in archive]
            if missing:
                raise ValueError(f"{path}: expected arrays t, x, y and p, found {', '.join(archive) or 'none'}")
            raw = {name: archive[name] for name in (*DTYPES, "resolution") if name in archive}
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole npz file, found it damaged: {error}") from error
    for name in DTYPES:
        if raw[name].ndim != 1 or raw[name].dtype.kind not in "iub":
            found = f"{raw[name].dtype} {raw[name].shape}"
            raise ValueError(f"{path}: {name} must be integers of shape (n,), found {found}")
    if "resolution" in raw and (raw["resolution"].shape != (2,) or raw["resolution"].dtype.kind not in "iu"):
        raise ValueError(f"{path}: resolution must be [width, height], found {raw['resolution']}")
    return raw
