# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Events of many frame intervals, packed into 64 bits each, in order of time: `packed` and `unpack`.

offset << 33 | row << 17 | column << 1 | polarity        offset in us from the start of the interval
"""

import numpy as np
from numba import njit, prange

from unflare.events import Array

BUCKETS = 1 << 14  # of time, at most, that the events of an interval are counted in

_OFFSET, _ROW, _PLACE, _WORD = np.uint64(33), np.uint64(17), np.uint64(1), np.uint64(0xFFFF)


@njit(inline="always", error_model="numpy")
def packed(offset: int, place: np.uint32, on: bool) -> np.uint64:  # noqa: FBT001
    """An event at row << 16 | column; as numbers, events are in order of time and place."""
    return (np.uint64(offset) << _OFFSET) | (np.uint64(place) << _PLACE) | np.uint64(on)


@njit(cache=True, parallel=True)
def unpack(events: Array, ends: Array, starts: Array, columns: tuple[Array, Array, Array, Array]) -> None:
    """Packed events into columns t (int64 us), x, y (uint16) and p (uint8): by time, ties by place.

    events          uint64 (n,), by interval
    ends, starts    (m + 1,) and (m,): interval i has events[ends[i]:ends[i + 1]] and starts at starts[i] us
    """
    t, x, y, p = columns
    for i in prange(len(starts)):
        found = _sorted(events[ends[i] : ends[i + 1]])
        for j in range(len(found)):
            t[ends[i] + j] = starts[i] + np.int64(found[j] >> _OFFSET)
            y[ends[i] + j] = (found[j] >> _ROW) & _WORD
            x[ends[i] + j] = (found[j] >> _PLACE) & _WORD
            p[ends[i] + j] = found[j] & _PLACE


@njit
def _sorted(events: Array) -> Array:
    """By counting. Blocks are found row by row, so that the events of a microsecond are nearly in order of place."""
    latest, shift = np.uint64(0), _OFFSET
    for event in events:
        latest = max(latest, event)
    while latest >> shift >= BUCKETS:
        shift += _PLACE
    ends = np.zeros((latest >> shift) + np.uint64(2), np.uint64)
    for event in events:
        ends[(event >> shift) + _PLACE] += _PLACE
    ends = np.cumsum(ends)
    found, places = np.empty_like(events), ends.copy()
    for event in events:
        found[places[event >> shift]] = event
        places[event >> shift] += _PLACE
    if shift == _OFFSET:
        _insert(found)
    else:
        for bucket in range(len(ends) - 1):
            found[ends[bucket] : ends[bucket + 1]].sort()
    return found


@njit
def _insert(events: Array) -> None:
    """Insertion sort, in place."""
    for i in range(1, len(events)):
        event, j = events[i], i
        while j > 0 and events[j - 1] > event:
            events[j] = events[j - 1]
            j -= 1
        events[j] = event
