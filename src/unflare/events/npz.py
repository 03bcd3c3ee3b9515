"""Events in npz: arrays t, x, y, p, read a piece at a time, stored or compressed."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from unflare.events.hdf5 import names
from unflare.events.recording import DSEC_SHAPE
from unflare.events.stream import DTYPES, Array
from unflare.events.streamed import Streamed

PIECE = 1 << 16  # events
RESOLUTION = "resolution"


class Member(NamedTuple):
    """An array of an archive, open at its first value."""

    file: IO[bytes]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def read(self, count: int) -> Array:
        data = self.file.read(count * self.dtype.itemsize)
        if len(data) < count * self.dtype.itemsize:
            raise EOFError(f"an array of {self.shape} ends early")
        return np.frombuffer(data, self.dtype)


class Npz(Streamed):
    """Arrays t, x, y, p and, for a sensor other than `shape` or DSEC's, resolution [width, height].

    Times count from the first event.
    """

    format = "npz"

    def __init__(self, path: Path, shape: tuple[int, int] | None = None, *, repair: bool = False) -> None:
        with _archive(path) as archive:
            held = [name.removesuffix(".npy") for name in archive.namelist()]
            if not set(DTYPES) <= set(held):
                raise ValueError(f"{path}: expected arrays t, x, y and p, found {names(held)}")
            self.beside = tuple(name for name in held if name not in (*DTYPES, RESOLUTION))
            self.compressed = archive.getinfo("t.npy").compress_type != zipfile.ZIP_STORED
            self.resolution = _resolution(archive, path) if RESOLUTION in held else None
        said = None if self.resolution is None else (int(self.resolution[1]), int(self.resolution[0]))
        super().__init__(path, said or shape or DSEC_SHAPE, repair=repair)

    def _raw(self) -> Iterator[dict[str, Array]]:
        with _archive(self.path) as archive, ExitStack() as stack:
            members = {name: _member(archive, name, self.path, stack) for name in DTYPES}
            lengths = {name: member.shape[0] for name, member in members.items()}
            if len(set(lengths.values())) != 1 and not self._repair:
                said = ", ".join(f"{name} {length}" for name, length in lengths.items())
                raise ValueError(f"{self.path}: t, x, y and p must have one length, found {said}")
            count = min(lengths.values())
            for first in range(0, max(count, 1), PIECE):
                last = min(first + PIECE, count)
                yield {name: member.read(last - first) for name, member in members.items()}
            for member in members.values():
                member.file.read(1)  # the sum of a member is compared where it ends


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise _damaged(path, error) from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or of a compression that zipfile has not
        raise _damaged(path, error) from error
    except ValueError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise _damaged(path, error) from error  # of zipfile: names that are no text, places before the beginning


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path}: expected a whole npz file, found it damaged: {' '.join(str(error).split())}")


def _member(archive: zipfile.ZipFile, name: str, path: Path, stack: ExitStack) -> Member:
    info = archive.getinfo(f"{name}.npy")
    file = stack.enter_context(archive.open(info))
    try:
        version = npy.read_magic(file)
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    except (ValueError, SyntaxError, TypeError, TokenError, RecursionError) as error:  # what it says is Python
        raise _damaged(path, error) from error
    if len(shape) != 1 or dtype.kind not in "iub":
        raise ValueError(f"{path}: {name} must be integers of shape (n,), found {dtype} {shape}")
    if info.file_size != file.tell() + shape[0] * dtype.itemsize:
        raise ValueError(f"{path}: {name} must hold {shape[0]} values, found {info.file_size} bytes")
    return Member(file, dtype, shape)


def _resolution(archive: zipfile.ZipFile, path: Path) -> Array:
    with ExitStack() as stack:
        member = _member(archive, RESOLUTION, path, stack)
        values = member.read(2) if member.shape == (2,) else np.empty(0)
    if len(values) != 2 or not ((values > 0) & (values < 1 << 16)).all():
        raise ValueError(f"{path}: resolution must be [width, height], found {values.tolist() or member.shape}")
    return values
