"""DSEC's events.h5, read by milliseconds.

Gehrig et al., DSEC: A Stereo Event Camera Dataset for Driving Scenarios, RA-L 2021. A file holds

    events/t   uint32  (n,)   microseconds since t_offset, not descending
    events/x   uint16  (n,)   column
    events/y   uint16  (n,)   row
    events/p   uint8   (n,)   1 brighter, 0 darker
    ms_to_idx  uint64  (m,)   for every millisecond, the number of its first event
    t_offset   int64   ()     microseconds, the time of t = 0 on the clock of the whole sequence

compressed with Blosc. The table obeys, for every ms in 0, ..., m - 1,

    1.  t[ms_to_idx[ms]]     >= 1000 ms     (where there is such an event; otherwise ms_to_idx[ms] = n)
    2.  t[ms_to_idx[ms] - 1] <  1000 ms     (where ms_to_idx[ms] > 0)
    3.  ms_to_idx[0] = 0

An example with n = 7 and m = 5:

    number     0    1    2     3     4     5     6
    t          0  400  999  1000  1000  3500  4001

    ms         0    1    2     3     4
    ms_to_idx  0    3    5     5     6

An event at exactly 1000 us belongs to millisecond 1. Millisecond 2 is empty: its entry is that of the next event, 5,
and so is the entry of millisecond 3, where that event lies. To find the first event at 3700 us or later, the slice from
ms_to_idx[3] = 5 to ms_to_idx[4] = 6 is read, here one event, and searched: 3500 < 3700, so the answer is 6. Nothing
else of the column t is touched.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from unflare.events.hdf5 import column, one_sentence
from unflare.events.plain import PlainHdf5
from unflare.events.stream import Array, Events

LONGEST = (1 << 32) // 1000 + (1 << 20)  # entries: times are uint32, and a table may go a little further
SAMPLES = 32  # entries of ms_to_idx that are compared with the events when a file is opened


class Dsec(PlainHdf5):
    """Times are as stored, since t_offset. Opening checks the structure and the table at SAMPLES places."""

    format = "DSEC HDF5"

    def _open(self) -> None:
        super()._open()
        offset = self._file.get("t_offset")
        if not isinstance(offset, h5py.Dataset) or offset.shape or offset.dtype.kind not in "iu":
            found = f"{offset.dtype} {offset.shape}" if isinstance(offset, h5py.Dataset) else "no such dataset"
            raise ValueError(f"{self.path}: t_offset must be one whole number, found {found}")
        self.start, self.origin, self._zero = self._zero, int(offset[()]), 0
        table = column(self._file, "ms_to_idx", self.path)
        if len(table) > LONGEST:
            raise ValueError(f"{self.path}: ms_to_idx must have at most {LONGEST} entries, found {len(table)}")
        table = table[:]
        _check_table(table, self.count, self.start + self.duration, self.path)
        self._table = table.astype(np.int64)
        self._sample()

    def locate(self, time: int) -> int:
        ms = max(time, 0) // 1000
        first = self._first_of(max(min(ms, len(self._table) - 1), 0))  # the table may lack the last millisecond
        with one_sentence(self.path):
            return self._bisect(time, first, self._first_of(ms + 1))

    def _first_of(self, ms: int) -> int:
        return int(self._table[ms]) if ms < len(self._table) else self.count

    def _sample(self) -> None:
        t = self._columns["t"]
        for ms in np.unique(np.linspace(0, max(len(self._table) - 1, 0), SAMPLES).astype(int)).tolist():
            first = self._first_of(ms)
            before = int(t[first - 1]) if first > 0 else -1
            after = int(t[first]) if first < self.count else 1000 * ms
            if not before < 1000 * ms <= after:
                raise ValueError(
                    f"{self.path}: ms_to_idx[{ms}] = {first} must be the first event at {1000 * ms} us or later, "
                    f"found the events around it at {before} and {after} us"
                )

    def validate(self) -> None:
        known = 0
        for first, chunk in self._numbered():
            expected = first_events(chunk.t, known, first)
            self._compare(known, expected)
            known += len(expected)
        self._compare(known, np.full(max(len(self._table) - known, 0), self.count))

    def _compare(self, known: int, expected: Array) -> None:
        found = self._table[known : known + len(expected)]
        wrong = np.flatnonzero(found != expected[: len(found)])
        if len(wrong):
            i = int(wrong[0])
            raise ValueError(f"{self.path}: ms_to_idx[{known + i}] must be {expected[i]}, found {found[i]}")

    def _numbered(self) -> Iterator[tuple[int, Events]]:
        first = 0
        for chunk in self.chunks():
            yield first, chunk
            first += len(chunk)


def first_events(t: Array, known: int, first: int) -> Array:
    """Entries known, known + 1, ... of ms_to_idx as far as the events at times t, numbered from `first`, settle them.

    `known` entries are settled by the events before these. int64 (entries,).
    """
    ms = np.arange(known, int(t[-1]) // 1000 + 1 if len(t) else known)
    return first + np.searchsorted(t, 1000 * ms)


def _check_table(table: Array, count: int, stop: int, path: Path) -> None:
    expected = max((stop - 1) // 1000, 1) if count else 0
    if len(table) < expected:
        raise ValueError(f"{path}: ms_to_idx must have {expected} entries or more, found {len(table)}")
    if len(table) and table[0] != 0:
        raise ValueError(f"{path}: ms_to_idx must begin with 0, found {table[0]}")
    falls = np.flatnonzero(table[1:] < table[:-1])
    if len(falls):
        ms = int(falls[0]) + 1
        raise ValueError(f"{path}: ms_to_idx must not descend, found {table[ms - 1]} then {table[ms]} at {ms}")
    if len(table) and table[-1] > count:
        raise ValueError(f"{path}: ms_to_idx must stay within the {count} events, found {table[-1]}")
