"""DSEC's events.h5, written; the format is described in dsec.py."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np

from unflare.events.aside import aside
from unflare.events.dsec import first_events
from unflare.events.hdf5 import BLOSC, CHUNK, store
from unflare.events.stream import DTYPES, Array, Events

STORED = DTYPES | {"t": np.dtype(np.uint32)}
LATEST = int(np.iinfo(np.uint32).max)
BLOCK = 16 * CHUNK


def write_dsec(path: Path, chunks: Iterable[Events], t_offset: int = 0) -> int:
    """Writes the chunks of one recording as events.h5 and returns the number of events; memory for a few chunks.

    The bytes depend on the events alone, not on how they were cut. The sensor's size is kept in the attributes `width`
    and `height`. Raises ValueError of one sentence, and leaves nothing, if there is no chunk, a value is out of range,
    a time is beyond the 71 minutes of uint32, or the chunks do not follow each other or are of different sensors.
    """
    with aside(path) as temporary, h5py.File(temporary, "w") as file:
        columns = {
            name: file.create_dataset(
                f"events/{name}", (0,), dtype, chunks=(CHUNK,), maxshape=(None,), track_times=False, **BLOSC
            )
            for name, dtype in STORED.items()
        }
        table: list[Array] = []
        count = known = 0
        for block in _blocks(_following(chunks, path), path):
            for name, dataset in columns.items():
                dataset.resize(count + len(block), axis=0)
                dataset[count:] = getattr(block, name)
            table.append(first_events(block.t, known, count))
            known += len(table[-1])
            count += len(block)
            file.flush()  # as in `store`
        store(file, "ms_to_idx", np.concatenate(table).astype(np.uint64))
        file.create_dataset("t_offset", data=np.int64(t_offset), track_times=False)
        file.attrs["height"], file.attrs["width"] = block.shape
        return count


def write_rectify_map(path: Path, shape: tuple[int, int]) -> None:
    """A rectify_map.h5 of a camera without distortion: map[y, x] = (x, y), float32 (h, w, 2)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    with aside(path) as temporary, h5py.File(temporary, "w") as file:
        values = np.stack([x, y], axis=-1).astype(np.float32)
        file.create_dataset("rectify_map", data=values, chunks=True, track_times=False, **BLOSC)


def _following(chunks: Iterable[Events], path: Path) -> Iterator[Events]:
    """The same chunks, each checked by itself and against the one before."""
    previous, shape = 0, None
    for number, chunk in enumerate(chunks):
        place = f"{path}: chunk {number}"
        try:
            chunk.checked()
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        if chunk.shape != (shape or chunk.shape):
            raise ValueError(f"{place}: all chunks must be of the sensor {shape}, found {chunk.shape}")
        if len(chunk) and chunk.t[0] < previous:
            raise ValueError(
                f"{place}: must begin at {previous} us or later, where the last one ended, found {chunk.t[0]}"
            )
        if len(chunk) and chunk.t[-1] > LATEST:
            raise ValueError(
                f"{place}: times must be at most {LATEST} us (uint32, since t_offset), found {chunk.t[-1]}"
            )
        previous, shape = int(chunk.t[-1]) if len(chunk) else previous, chunk.shape
        yield chunk


def _blocks(chunks: Iterable[Events], path: Path) -> Iterator[Events]:
    """The same events, cut anew into blocks of BLOCK and a last, shorter one."""
    pending: list[Events] = []
    for chunk in chunks:
        pending.append(chunk)
        while sum(map(len, pending)) >= BLOCK:
            whole = _joined(pending)
            yield whole[:BLOCK]
            pending = [whole[BLOCK:]]
    if not pending:
        raise ValueError(f"{path}: expected chunks of events to write, found none")
    yield _joined(pending)


def _joined(parts: list[Events]) -> Events:
    if len(parts) == 1:
        return parts[0]
    t, x, y, p = (np.concatenate([getattr(part, name) for part in parts]) for name in DTYPES)
    return Events(t, x, y, p, parts[0].shape)
