"""Features and labels of scenes on disk, for training: a folder of HDF5 shards, one a scene.

    features       float16 (n, 13)   in the order of FEATURES
    flare          float32 (n,)      share of the flare in the event
    mean, squares  float64 (13,)     of the features before rounding; `Moments`

A shard's attributes say which features these are: names, version and window. Another definition is refused.

Half precision halves the file and rounds by 0.05 % at most; a network scores its scenes as it does at full precision
(ROC-AUC and F1 to 2e-5, a probability to 0.002). Of 26 bytes an event blosc leaves about 14.
"""

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from unflare.events import Array
from unflare.events.aside import aside, finished
from unflare.events.hdf5 import one_sentence
from unflare.features.kernel import COLUMNS
from unflare.features.moments import Moments, joined, moments
from unflare.features.pfd import FEATURES, VERSION

ROWS = 4096  # events in a compressed block: a training window meets two
BLOSC = hdf5plugin.Blosc(cname="zstd", clevel=1, shuffle=hdf5plugin.Blosc.SHUFFLE)
OPEN = 64  # shards that a reader keeps open


def save_shard(path: Path, features: Array, flare: Array, window: int) -> None:
    """One scene: features float32 (n, 13), flare share float32 (n,). Equal scenes give equal bytes.

    Raises ValueError for anything else; nothing is at `path` then.
    """
    count = len(features)
    if features.shape != (count, COLUMNS) or flare.shape != (count,):
        found = f"{features.shape} and {flare.shape}"
        raise ValueError(f"{path}: expected features (n, {COLUMNS}) and flare shares (n,), found {found}")
    if not (np.isfinite(features).all() and np.isfinite(flare).all()):
        raise ValueError(f"{path}: features and flare shares must be finite")
    with aside(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(definition(window))
        for name, values, width in (("features", features.astype(np.float16), (COLUMNS,)), ("flare", flare, ())):
            packed = {"chunks": (ROWS, *width), "maxshape": (None, *width), **BLOSC}
            file.create_dataset(name, data=values, track_times=False, **packed)
            file.flush()  # as in `events.hdf5.store`: the bytes then depend on nothing else
        _, mean, squares = moments(features)
        file.create_dataset("mean", data=mean, track_times=False)
        file.create_dataset("squares", data=squares, track_times=False)


def definition(window: int) -> dict[str, Any]:
    """What a cache and its reader must agree on."""
    return {"features": ", ".join(FEATURES), "version": VERSION, "window": window}


class Cache:
    """A folder of shards, of the features with this window (us). Any number of processes may read it.

    count    events               offsets  int64 (scenes + 1,)      names  of the scenes
    mean, std  float64 (13,)      over all events

    Raises FileNotFoundError, or ValueError if a shard holds other features or is damaged, or if there is no event.
    """

    def __init__(self, folder: Path, window: int) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such feature cache")
        self.folder, self.implementation = folder, "the cache, float16"
        self._paths = finished(folder, "*.h5")
        parts = [_checked(path, window) for path in self._paths]
        whole = joined(parts, COLUMNS)
        if not whole.rows:
            raise ValueError(f"{folder}: expected features of events, found {len(parts)} scenes without an event")
        self.names = tuple(path.stem for path in self._paths)
        self.offsets: Array = np.cumsum([0, *(part.rows for part in parts)], dtype=np.int64)
        self.count, self.mean, self.std = whole.rows, whole.mean, whole.std
        self._process, self._files = 0, OrderedDict[int, Any]()

    def window(self, start: int, length: int) -> tuple[Array, Array]:
        """`length` events of one scene, from row `start`: features float32 (length, 13), flare share float32 (length,).

        Raises IndexError if the rows are not in the cache, or of more than one scene.
        """
        scene = int(np.searchsorted(self.offsets, start, side="right"))
        if start < 0 or length < 0 or scene > len(self.names) or start + length > self.offsets[scene]:
            raise IndexError(f"{self.folder}: rows {start} to {start + length} are not inside one scene")
        first = start - int(self.offsets[scene - 1])
        with one_sentence(self._paths[scene - 1]):
            file, rows = self._open(scene - 1), slice(first, first + length)
            return file["features"][rows].astype(np.float32), file["flare"][rows]

    def _open(self, scene: int) -> Any:  # noqa: ANN401
        """The shard, opened by the process that reads: HDF5's handles do not survive a fork."""
        if self._process != os.getpid():
            self._process, self._files = os.getpid(), OrderedDict()
        if scene not in self._files:
            if len(self._files) == OPEN:
                self._files.popitem(last=False)[1].close()
            self._files[scene] = h5py.File(self._paths[scene])
        self._files.move_to_end(scene)
        return self._files[scene]

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_process": 0, "_files": OrderedDict()}


def _checked(path: Path, window: int) -> Moments:
    with one_sentence(path), h5py.File(path) as file:
        for key, expected in definition(window).items():
            if (found := file.attrs.get(key)) != expected:
                raise ValueError(f"{path}: expected features of {key} {expected}, found {found}; featurize anew")
        rows, labels = file["features"].shape, file["flare"].shape
        if rows != (*labels, COLUMNS):
            raise ValueError(f"{path}: expected features (n, {COLUMNS}) and flare (n,), found {rows} and {labels}")
        return Moments(len(file["flare"]), file["mean"][:], file["squares"][:])
