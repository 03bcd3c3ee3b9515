"""DSEC's archives: <sequence>_events_left.zip, with events.h5 and rectify_map.h5 in it."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unflare.events.aside import aside
from unflare.events.flare7k import walk
from unflare.events.hdf5 import names

ENDING = "_events_left.zip"
MEMBERS = ("events.h5", "rectify_map.h5")


@contextmanager
def unpacked(root: Path, folder: Path) -> Iterator[None]:
    """Within the block and after it, the archives below `root` are in `folder` as <sequence>/events/left/events.h5.

    Nothing else is taken out of an archive, whatever names it holds. Where the block fails the folder goes. Raises
    ValueError of one sentence for an archive that is damaged or without events.h5.
    """
    shutil.rmtree(folder, ignore_errors=True)
    archives = list(_archives(root))
    if archives:
        with aside(folder) as temporary:
            for path in archives:
                _unpack(path, temporary / path.name.removesuffix(ENDING) / "events" / "left")
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    folder.mkdir(parents=True, exist_ok=True)


def _archives(root: Path) -> Iterator[Path]:
    for place, _, files in walk(root) if root.is_dir() else ():
        yield from (place / name for name in sorted(files) if name.endswith(ENDING))


def _unpack(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.rpartition("/")[2]: name for name in archive.namelist()}
            if MEMBERS[0] not in found:
                raise ValueError(f"{path}: expected {MEMBERS[0]} in the archive, found {names(found)}")
            for name in MEMBERS:
                if name in found:
                    with archive.open(found[name]) as member, (folder / name).open("wb") as file:
                        shutil.copyfileobj(member, file, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path}: expected a whole zip archive, found it damaged: {error}") from error
