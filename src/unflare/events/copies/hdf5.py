"""Copies in HDF5: every dataset with the dtype, chunks and compression it has, every attribute, every other object."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from unflare.events.copies.keeping import BLOCK, Keeping
from unflare.events.dsec import first_events
from unflare.events.hdf5 import narrowed, one_sentence
from unflare.events.recording import Recording
from unflare.events.stream import Array

TABLE = "ms_to_idx"


def copy_hdf5(recording: Recording, path: Path, keeping: Keeping) -> None:
    """In `events`, what has a value for each event keeps those of the events that are kept; ms_to_idx is made anew."""
    with h5py.File(recording.path, "r") as old, h5py.File(path, "w") as new:
        _attributes(old, new)
        for name in old:
            if name not in ("events", TABLE):
                old.copy(name, new, expand_external=False)
        table = _events(old["events"], new.create_group("events"), recording, keeping)
        if isinstance(old.get(TABLE), h5py.Dataset):
            entries = len(old[TABLE])
            values = np.append(table, np.full(max(entries - len(table), 0), keeping.kept))[:entries]
            _made(old[TABLE], new, TABLE, entries)[:] = values.astype(old[TABLE].dtype)


def _events(old: h5py.Group, new: h5py.Group, recording: Recording, keeping: Keeping) -> Array:
    """Returns the first event of each millisecond, as far as there are events."""
    _attributes(old, new)
    columns = {name: one for name, one in old.items() if _is_column(one, recording.count)}
    for name in set(old) - set(columns):
        old.copy(name, new, expand_external=False)
    made = {name: _made(one, new, name, keeping.kept) for name, one in columns.items()}
    table = [np.empty(0, np.int64)]
    place = known = 0
    for block in _blocks(columns, recording, keeping):
        last = place + len(block["t"])
        for name, values in block.items():
            made[name][place:last] = values
        table.append(first_events(narrowed(block["t"], "t"), known, place))
        known, place = known + len(table[-1]), last
    return np.concatenate(table)


def _blocks(columns: dict[str, h5py.Dataset], recording: Recording, keeping: Keeping) -> Iterator[dict[str, Array]]:
    for first in range(0, recording.count, BLOCK):
        last = min(first + BLOCK, recording.count)
        keep = keeping.take(last - first)
        with one_sentence(recording.path):
            block = {name: one[first:last] for name, one in columns.items()}
        yield {name: values[keep] for name, values in block.items()}


def _is_column(one: h5py.Dataset | h5py.Group, count: int) -> bool:
    return isinstance(one, h5py.Dataset) and one.ndim == 1 and len(one) == count


def _made(old: h5py.Dataset, new: h5py.Group, name: str, count: int) -> h5py.Dataset:
    plist = old.id.get_create_plist()
    plist.set_obj_track_times(False)
    limit = (h5py.h5s.UNLIMITED,) if old.chunks else (count,)
    space = h5py.h5s.create_simple((count,), limit)
    made = h5py.Dataset(h5py.h5d.create(new.id, name.encode(), old.id.get_type(), space, plist))
    _attributes(old, made)
    return made


def _attributes(old: h5py.HLObject, new: h5py.HLObject) -> None:
    for name, value in old.attrs.items():
        new.attrs[name] = value
