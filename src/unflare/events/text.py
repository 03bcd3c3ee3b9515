"""Events as lines of text, with or without a heading: txt, csv.

    t,x,y,p            names in any order, among other columns; x@640,y@480 say the sensor, as faery writes it
    # comments         lines that begin with # or %, before the first event
    0.003811 96 133 0  without names: t x y p, separated by commas, semicolons, tabs or blanks

A time with a decimal point is in seconds, else in microseconds. A polarity is 1, and 0 or -1.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from unflare.events.recording import DSEC_SHAPE
from unflare.events.stream import DTYPES, Array
from unflare.events.streamed import Streamed

BLOCK = 1 << 21  # bytes that are read at a time; a line is shorter
HEADING = 1 << 16  # bytes within which the first event begins
NAMES = {"timestamp": "t", "time": "t", "ts": "t", "pol": "p", "polarity": "p", "on": "p"}
NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
SEPARATORS = (",", ";", "\t", " ")


class Layout(NamedTuple):
    """How the lines of a file are made.

    heading    bytes before the first event
    separator  None: blanks
    columns    place of t, x, y and p in a line
    seconds    whether times are in seconds
    shape      sensor (height, width), if the heading says it
    """

    heading: int
    separator: str | None
    columns: tuple[int, ...]
    seconds: bool
    shape: tuple[int, int] | None


class Text(Streamed):
    """Lines of text. The sensor is what the heading says, else `shape`, else DSEC's."""

    format = "text"

    def __init__(self, path: Path, shape: tuple[int, int] | None = None, *, repair: bool = False) -> None:
        found = layout(path)
        if found is None:
            raise ValueError(f"{path}: expected lines of t, x, y and p, found others")
        self.layout = found
        super().__init__(path, found.shape or shape or DSEC_SHAPE, repair=repair)

    def _raw(self) -> Iterator[dict[str, Array]]:
        """With `line`, the lines themselves, as bytes."""
        number = 0
        with self.path.open("rb") as file:
            file.seek(self.layout.heading)
            for lines in _lines(file, self.path):
                yield self._parsed(lines, number)
                number += len(lines)

    def _parsed(self, lines: list[bytes], number: int) -> dict[str, Array]:
        try:
            return _columns(lines, self.layout)
        except ValueError as error:
            if self._repair:
                raise
            wrong = next(i for i, line in enumerate(lines) if not _parses(line, self.layout))
            found = lines[wrong][:80].decode("ascii", "backslashreplace").strip()
            raise ValueError(
                f"{self.path}: line {number + wrong + 1} of the events: expected t, x, y and p, found {found!r}"
            ) from error


def layout(path: Path) -> Layout | None:
    """The layout of a file of text, by its beginning; None if it is none."""
    with path.open("rb") as file:
        head = file.read(HEADING)
    if b"\0" in head or not head.isascii():
        return None
    names: list[str] = []
    place = 0
    for line in head.decode("ascii").splitlines(keepends=True):
        said = line.strip()
        fields, separator = _fields(said.lstrip("#% "))
        comment = not said or said[0] in "#%"
        if len(fields) >= len(DTYPES) and not comment and all(map(NUMBER.fullmatch, fields)):
            return _layout(place, separator, names or list(DTYPES), fields)
        known = [NAMES.get(field.partition("@")[0].lower(), field.lower()) for field in fields]
        if {name.partition("@")[0] for name in known} >= set(DTYPES):
            names = known
        elif not comment:
            return None
        place += len(line)
    return (
        Layout(place, None, (0, 1, 2, 3), seconds=False, shape=_sensor(names))
        if names and len(head) < HEADING
        else None
    )


def _layout(heading: int, separator: str | None, names: list[str], fields: list[str]) -> Layout | None:
    plain = [name.partition("@")[0] for name in names]
    columns = tuple(plain.index(name) for name in DTYPES)
    if max(columns) >= len(fields):
        return None
    return Layout(heading, separator, columns, not fields[columns[0]].lstrip("+-").isdigit(), _sensor(names))


def _sensor(names: list[str]) -> tuple[int, int] | None:
    said = {name.partition("@")[0]: name.partition("@")[2] for name in names}
    sizes = [said.get(name, "") for name in ("y", "x")]
    if not all(size.isdigit() and 0 < int(size) < 1 << 16 for size in sizes):
        return None
    return int(sizes[0]), int(sizes[1])


def _fields(line: str) -> tuple[list[str], str | None]:
    separator = next((one for one in SEPARATORS[:2] if one in line), None)
    return [field.strip() for field in line.split(separator)], separator


def _lines(file: IO[bytes], path: Path) -> Iterator[list[bytes]]:
    """The lines that are not blank, a block of them at a time, each with its end; the last block may be empty."""
    rest = b""
    while block := file.read(BLOCK):
        whole, end, rest = (rest + block).rpartition(b"\n")
        if not end and len(rest) > BLOCK:
            raise ValueError(f"{path}: expected lines of t, x, y and p, found one of more than {BLOCK} bytes")
        yield [line for line in (whole + end).splitlines(keepends=True) if not line.isspace()]
    yield [rest] if rest.strip() else []


def _columns(lines: list[bytes], layout: Layout) -> dict[str, Array]:
    kinds = np.dtype([(name, np.float64 if name == "t" and layout.seconds else np.int64) for name in DTYPES])
    line = np.empty(len(lines), object)
    line[:] = lines
    if not lines:
        return {name: np.empty(0, np.int64) for name in DTYPES} | {"line": line}
    rows = np.loadtxt(
        lines, kinds, comments=None, delimiter=layout.separator, usecols=layout.columns, ndmin=1, encoding="ascii"
    )
    if len(rows) != len(lines):
        raise ValueError("lines without events")
    columns = {name: np.ascontiguousarray(rows[name]) for name in DTYPES} | {"line": line}
    if layout.seconds:
        if not np.all(np.abs(columns["t"]) < 1e12):  # false for NaN too
            raise ValueError("a time must be a number of seconds")
        columns["t"] = np.rint(columns["t"] * 1e6).astype(np.int64)
    return columns


def _parses(line: bytes, layout: Layout) -> bool:
    try:
        _columns([line], layout)
    except ValueError:
        return False
    return True
