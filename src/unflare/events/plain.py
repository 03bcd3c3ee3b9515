"""HDF5 with four columns, events/{t,x,y,p}, and nothing else that is needed."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from unflare.events.hdf5 import CHUNK, checked, columns, one_sentence
from unflare.events.recording import DSEC_SHAPE, Recording
from unflare.events.stream import DTYPES, Array, Events


class PlainHdf5(Recording):
    """Times count from the first event. Without attributes `width` and `height` the sensor is `shape`, or DSEC's."""

    format = "HDF5"

    def __init__(self, path: Path, shape: tuple[int, int] | None = None) -> None:
        self.path, self._named = path, shape
        with one_sentence(path), ExitStack() as stack:
            self._file = stack.enter_context(h5py.File(path, "r"))
            self._open()
            stack.pop_all()

    def _open(self) -> None:
        self._columns = columns(self._file, "events", self.path)
        self.shape = sensor(self._file, self.path) or self._named or DSEC_SHAPE
        t = self._columns["t"]
        self.count = len(t)
        first, last = (int(t[0]), int(t[-1])) if self.count else (0, -1)
        if last < first and self.count:
            raise ValueError(f"{self.path}: time must not go back, found {first} us first and {last} us last")
        self.origin = self._zero = first
        self.start, self.duration = 0, last + 1 - first

    def read(self, first: int, last: int) -> Events:
        raw = self.stored(first, last)
        if self._zero:
            raw["t"] = raw["t"].astype(np.int64) - self._zero
        return checked(raw, self.shape, self.path, first)

    def stored(self, first: int, last: int) -> dict[str, Array]:
        with one_sentence(self.path):
            return {name: self._columns[name][first:last] for name in DTYPES}

    def locate(self, time: int) -> int:
        with one_sentence(self.path):
            return self._bisect(time, 0, self.count)

    def _bisect(self, time: int, first: int, last: int) -> int:
        """The answer, which lies in [first, last]: halved by single reads down to one block, and this searched."""
        t = self._columns["t"]
        while last - first > CHUNK:
            middle = (first + last) // 2
            first, last = (middle, last) if int(t[middle]) - self._zero < time else (first, middle)
        return first + int(np.searchsorted(t[first:last].astype(np.int64) - self._zero, time))

    def close(self) -> None:
        self._file.close()


def sensor(file: h5py.File, path: Path) -> tuple[int, int] | None:
    """(height, width), as the attributes of the file or of `events` say; None if they do not."""
    for place in (file, file["events"]):
        found = {name: place.attrs[name] for name in ("height", "width") if name in place.attrs}
        if found:
            return _shape(found, path)
    return None


def _shape(found: dict[str, Any], path: Path) -> tuple[int, int]:
    sizes = {name: np.asarray(value) for name, value in found.items()}
    if len(sizes) != 2 or any(size.dtype.kind not in "iu" or size.shape or size < 1 for size in sizes.values()):
        stated = ", ".join(f"{name} {value}" for name, value in found.items())
        raise ValueError(f"{path}: attributes height and width must both be positive whole numbers, found {stated}")
    return int(sizes["height"]), int(sizes["width"])
