"""Outputs that are whole or absent: written aside, then renamed."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def finished(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder, by name, that are not being written."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A temporary sibling of `path`, for a file or a folder: renamed onto `path` on success, removed on failure.

    The name is hidden, so that no listing of results takes it for one, and keeps the suffix, which writers go by.
    A folder that already stands at `path` is replaced as a whole. Missing parent folders are made. An OSError that does
    not say which file it is about, as those of a full disk, says `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if path.is_dir():
            _swap(temporary, path)
        else:
            temporary.replace(path)
    except OSError as error:
        if error.errno and not error.filename:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        _remove(temporary)


def _swap(new: Path, old: Path) -> None:
    """A rename cannot replace a folder that holds files, so the old one steps aside first."""
    discarded = new.with_name(f"{new.name}.old")
    new.stat()
    os.rename(old, discarded)
    os.rename(new, old)
    _remove(discarded)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
