"""Features and labels of many scenes in one HDF5 file, for training.

    features   float16 (n, 13)   in the order of FEATURES; half precision halves the file, and rounds by 0.05 % at most
    flare      float32 (n,)      share of the flare in the event
    offsets    int64 (s + 1,)    scene i is the rows offsets[i] to offsets[i + 1]
    names      text (s,)
    mean, std  float64 (13,)     over all events; std is 1 where a feature is constant, so that it divides safely

The file's attributes say which features these are: names, version and window. Another definition is refused.
"""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from unflare.events import Array
from unflare.events.aside import aside
from unflare.events.hdf5 import BLOSC, one_sentence
from unflare.features.kernel import COLUMNS
from unflare.features.pfd import FEATURES, VERSION

ROWS = 4096  # events in a compressed block: a training window meets two
BLOCK = 16 * ROWS


class Writer:
    """A context manager: `add` scenes, and the file at `path` is there, whole, when all went well.

    Equal scenes give equal bytes. Raises ValueError if there was no event.
    """

    def __init__(self, path: Path, window: int) -> None:
        self.path, self.window = path, window
        self.names: list[str] = []
        self.offsets = [0]
        self._mean, self._squares = np.zeros(COLUMNS), np.zeros(COLUMNS)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(aside(self.path))
            self._file = stack.enter_context(h5py.File(temporary, "w"))
            self._features = self._column("features", np.float16, (COLUMNS,))
            self._flare = self._column("flare", np.float32, ())
            self._stack = stack.pop_all()
        return self

    def add(self, features: Array, flare: Array, name: str) -> None:
        """Append a scene: features float32 (n, 13), flare share float32 (n,). Raises ValueError for anything else."""
        count = len(features)
        if features.shape != (count, COLUMNS) or flare.shape != (count,):
            found = f"{features.shape} and {flare.shape}"
            raise ValueError(f"scene {name}: expected features (n, {COLUMNS}) and flare shares (n,), found {found}")
        if not (np.isfinite(features).all() and np.isfinite(flare).all()):
            raise ValueError(f"scene {name}: features and flare shares must be finite")
        start = self.offsets[-1]
        self._features.resize(start + count, axis=0)
        self._flare.resize(start + count, axis=0)
        self._flare[start:] = flare
        for first in range(0, count, BLOCK):  # the float64 copies of a whole scene would be larger than the scene
            block = features[first : first + BLOCK]
            self._features[start + first : start + first + len(block)] = block.astype(np.float16)
            self._account(block, start + first)
        self.names.append(name)
        self.offsets.append(start + count)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if not self.offsets[-1]:
                raise ValueError(f"{self.path}: no features to store, found {len(self.names)} scenes without an event")
            self._finish()

    def _column(self, name: str, dtype: type, width: tuple[int, ...]) -> Any:  # noqa: ANN401
        return self._file.create_dataset(
            name, (0, *width), dtype, maxshape=(None, *width), chunks=(ROWS, *width), track_times=False, **BLOSC
        )

    def _account(self, features: Array, before: int) -> None:
        """Mean and sum of squared deviations of all events so far (Chan, Golub & LeVeque, 1979)."""
        values = features.astype(np.float64)
        count, mean = len(values), values.mean(axis=0)
        difference = mean - self._mean
        values -= mean
        self._squares += np.einsum("ij,ij->j", values, values) + difference**2 * (before * count / (before + count))
        self._mean += difference * (count / (before + count))

    def _finish(self) -> None:
        std = np.sqrt(self._squares / self.offsets[-1])
        tables = {"mean": self._mean, "std": np.where(std > 0, std, 1.0), "offsets": np.array(self.offsets, np.int64)}
        for name, values in tables.items():
            self._file.create_dataset(name, data=values, track_times=False)
        self._file.create_dataset("names", data=self.names, dtype=h5py.string_dtype(), track_times=False)
        self._file.attrs.update(definition(self.window))


def definition(window: int) -> dict[str, Any]:
    """What a cache and its reader must agree on."""
    return {"features": ", ".join(FEATURES), "version": VERSION, "window": window}


class Cache:
    """A file that a Writer made, of the features with this window (us). Any number of processes may read it.

    count    events               offsets  int64 (scenes + 1,)      names  of the scenes
    mean, std  float64 (13,)      over all events

    Raises FileNotFoundError, or ValueError if the file holds other features or is damaged.
    """

    def __init__(self, path: Path, window: int) -> None:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such feature cache")
        self.path = path
        self._process = 0
        with one_sentence(path), h5py.File(path) as file:
            for key, expected in definition(window).items():
                if (found := file.attrs.get(key)) != expected:
                    raise ValueError(f"{path}: expected features of {key} {expected}, found {found}; featurize anew")
            self.offsets: Array = file["offsets"][:]
            self.names: tuple[str, ...] = tuple(file["names"].asstr()[:])
            self.mean: Array = file["mean"][:]
            self.std: Array = file["std"][:]
        self.count = int(self.offsets[-1])

    def window(self, start: int, length: int) -> tuple[Array, Array]:
        """`length` events of one scene, from row `start`: features float32 (length, 13), flare share float32 (length,).

        Raises IndexError if the rows are not in the file, or of more than one scene.
        """
        scene = int(np.searchsorted(self.offsets, start, side="right"))
        if start < 0 or length < 0 or scene > len(self.names) or start + length > self.offsets[scene]:
            raise IndexError(f"{self.path}: rows {start} to {start + length} are not inside one scene")
        file = self._open()
        with one_sentence(self.path):
            rows = slice(start, start + length)
            return file["features"][rows].astype(np.float32), file["flare"][rows]

    def _open(self) -> Any:  # noqa: ANN401
        """The file, opened by the process that reads: HDF5's handles do not survive a fork."""
        if self._process != os.getpid():
            self._file = h5py.File(self.path)
            self._process = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_file"} | {"_process": 0}
