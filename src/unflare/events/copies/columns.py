"""Copies in npz and in text."""

import shutil
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

from unflare.events.copies.keeping import Keeping, kept_columns
from unflare.events.npz import RESOLUTION, Npz
from unflare.events.recording import Recording
from unflare.events.stream import DTYPES
from unflare.events.text import Text

BEGINNING = (1980, 1, 1, 0, 0, 0)  # equal arrays make equal archives


def copy_npz(recording: Recording, path: Path, keeping: Keeping) -> None:
    """Arrays of the same dtypes, compressed if they were. They wait in files: an archive takes one after the other."""
    assert isinstance(recording, Npz)
    with ExitStack() as stack:
        parts = {name: stack.enter_context(tempfile.TemporaryFile(dir=path.parent)) for name in DTYPES}
        dtypes = {name: column.dtype for name, column in recording.stored(0, 0).items()}
        for columns in kept_columns(recording, keeping):
            for name, part in parts.items():
                part.write(columns[name].tobytes())
        method = zipfile.ZIP_DEFLATED if recording.compressed else zipfile.ZIP_STORED
        archive = stack.enter_context(zipfile.ZipFile(path, "w", method, compresslevel=6))
        for name, part in parts.items():
            with opened(archive, name) as member:
                header(member, dtypes[name].str, (keeping.kept,))
                part.seek(0)
                shutil.copyfileobj(part, member, 1 << 20)
        if recording.resolution is not None:
            with opened(archive, RESOLUTION) as member:
                npy.write_array(member, recording.resolution)


def opened(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """A member that an array is written to, of any size."""
    info = zipfile.ZipInfo(f"{name}.npy", BEGINNING)
    info.compress_type = archive.compression
    return archive.open(info, "w", force_zip64=True)


def header(member: IO[bytes], dtype: str, shape: tuple[int, ...]) -> None:
    """What stands before the values of an array in a file of numpy's."""
    npy.write_array_header_1_0(member, {"descr": dtype, "fortran_order": False, "shape": shape})


def copy_text(recording: Recording, path: Path, keeping: Keeping) -> None:
    """The heading and the lines of the events that are kept, byte for byte."""
    assert isinstance(recording, Text)
    with recording.path.open("rb") as old, path.open("wb") as new:
        new.write(old.read(recording.layout.heading))
        for columns in kept_columns(recording, keeping):
            new.write(b"".join(columns["line"].tolist()))
