"""What all our HDF5 files share: one compression, one block size, events in four columns, errors of one sentence."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from unflare.events.stream import DTYPES, Array, Events

CHUNK = 1 << 15
LARGEST = 1 << 28  # bytes of a block, which is read as a whole
BLOSC = hdf5plugin.Blosc(cname="zstd", clevel=3, shuffle=hdf5plugin.Blosc.SHUFFLE)


@contextmanager
def one_sentence(path: Path) -> Iterator[None]:
    """Turns whatever h5py says about the file into one ValueError that names it.

    Blosc reports a damaged block, and HDF5 a truncated file, as OSError, KeyError or RuntimeError.
    """
    try:
        yield
    except (OSError, KeyError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{path}: expected a whole HDF5 file, found it truncated or damaged: {said}") from error


def names(group: Iterable[str | bytes]) -> str:
    """What a group or an archive holds, for a sentence, whatever a damaged file makes of its names."""
    plain = (name if isinstance(name, str) and name.isprintable() else repr(name) for name in group)
    return ", ".join(plain) or "nothing"


def column(group: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    """The one-dimensional dataset of integers `name`. Raises ValueError: file, expected, found."""
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{path}: expected a dataset {name!r} in {group.name!r}, found {names(group)}")
    if dataset.ndim != 1 or dataset.dtype.kind not in "iub":
        found = f"{dataset.dtype} {dataset.shape}"
        raise ValueError(f"{path}: {dataset.name} must be integers of shape (n,), found {found}")
    _refuse_hollow(group, name, dataset, path)
    return dataset


def _refuse_hollow(group: h5py.Group, name: str, dataset: h5py.Dataset, path: Path) -> None:
    """A dataset can claim any length, point into other files, or have blocks that no memory holds."""
    outside = dataset.external or dataset.is_virtual or isinstance(group.get(name, getlink=True), h5py.ExternalLink)
    if outside:
        raise ValueError(f"{path}: {dataset.name} must be in the file itself, found it in another")
    if not len(dataset):
        return
    if dataset.chunks:
        block, found = dataset.chunks[0], dataset.id.get_num_chunks()
        if block * dataset.dtype.itemsize > LARGEST:
            raise ValueError(
                f"{path}: {dataset.name} must have blocks of at most {LARGEST} bytes, found {block} values"
            )
        if found != -(-len(dataset) // block):
            raise ValueError(f"{path}: {dataset.name} must hold {len(dataset)} values, found {found} blocks of {block}")
    elif dataset.id.get_storage_size() < dataset.nbytes:
        raise ValueError(f"{path}: {dataset.name} must hold {len(dataset)} values, found less")


def columns(file: h5py.Group, name: str, path: Path) -> dict[str, h5py.Dataset]:
    """The datasets t, x, y, p of the group `name`. Raises ValueError as `column`, and for unequal lengths."""
    group = file.get(name)
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{path}: expected a group {name!r}, found {names(file)}")
    found = {key: column(group, key, path) for key in DTYPES}
    if len({len(dataset) for dataset in found.values()}) != 1:
        lengths = ", ".join(f"{key} {len(dataset)}" for key, dataset in found.items())
        raise ValueError(f"{path}: t, x, y and p must have one length, found {lengths}")
    return found


def narrowed(values: Array, name: str) -> Array:
    """Integers of any width in the dtype that Events has for `name`; what does not fit is refused, never wrapped.

    A polarity of -1 becomes 0.
    """
    dtype: Any = DTYPES[name]
    if np.can_cast(values.dtype, dtype):
        return values.astype(dtype, copy=False)
    if name == "p":
        values = np.where(values == -1, 0, values)
    fits: Array = values.astype(dtype)
    bad = fits != values
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"event {i}: {name} must fit {dtype}, found {values[i]}")
    return fits


def checked(raw: dict[str, Array], shape: tuple[int, int], path: Path, first: int = 0) -> Events:
    """Columns of a file as Events, every value looked at; `first` is the number of their first event in the file.

    Raises ValueError that names the file and the event at fault.
    """
    try:
        return Events(**{name: narrowed(raw[name], name) for name in DTYPES}, shape=shape).checked()
    except ValueError as error:
        raise ValueError(f"{path}: {f'counted from event {first}, ' if first else ''}{error}") from None


def store(group: h5py.Group, name: str, values: Array) -> None:
    """One compressed dataset; equal values give equal bytes, whenever they are written."""
    group.create_dataset(name, data=values, chunks=(CHUNK,), maxshape=(None,), track_times=False, **BLOSC)
    group.file.flush()  # else the layout depends on when the dataset is closed, which a profiler's reference delays
