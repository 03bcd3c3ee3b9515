"""What can still be read of a damaged HDF5 file."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from unflare.events.hdf5 import CHUNK, column, names, one_sentence
from unflare.events.plain import sensor
from unflare.events.recording import DSEC_SHAPE
from unflare.events.stream import DTYPES, Array
from unflare.events.streamed import Streamed


class Salvaged(Streamed):
    """The columns events/{t,x,y,p} as far as all four go, whatever ms_to_idx says. Times count from the first event."""

    format = "damaged HDF5"

    def __init__(self, path: Path, shape: tuple[int, int] | None, fault: str | None) -> None:
        """`fault` is why the file was refused, if it was."""
        with one_sentence(path), h5py.File(path, "r") as file:
            if not isinstance(file.get("events"), h5py.Group):
                raise ValueError(f"{path}: expected a group 'events', found {names(file)}")
            said = sensor(file, path)
        super().__init__(path, said or shape or DSEC_SHAPE, repair=True)
        self.repaired = Counter(self.repaired) + Counter({f"fault: {fault}": 1} if fault else {})

    def _raw(self) -> Iterator[dict[str, Array]]:
        with one_sentence(self.path), h5py.File(self.path, "r") as file:
            columns = {name: column(file["events"], name, self.path) for name in DTYPES}
            offset = self._offset(file)
            count = min(map(len, columns.values()))
            for first in range(0, max(count, 1), CHUNK):
                raw = {name: dataset[first : min(first + CHUNK, count)] for name, dataset in columns.items()}
                yield raw | {"t": raw["t"].astype(np.int64) + offset}

    def _offset(self, file: h5py.File) -> int:
        offset = file.get("t_offset")
        whole = isinstance(offset, h5py.Dataset) and not offset.shape and offset.dtype.kind in "iu"
        return int(offset[()]) if whole else 0
