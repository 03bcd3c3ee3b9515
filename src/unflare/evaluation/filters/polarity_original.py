"""Polarity-focused denoising as the authors' two programs compute it, where those differ from their paper.

Both ask for more than 3 active neighbors, cut the window open (an age of W is too old), and take time 0 for "never".
Event by event, the one that E-Deflare compares with:

- a flip is an event whose polarity is not that of the pixel's first event, for ever; of each pixel the last 5 count;
- a pixel that has not fired yet is active as long as the recording is younger than the window;
- |M_f - M_a / N_e| is cut to a whole number before it is compared with 1, so that anything below 2 passes.

In slices, the fast one: counts are those of a slice of W, at whose end its events are judged; those of the last slice,
and the very first event, are lost, and times are counted from that one.
"""

from collections.abc import Iterable, Iterator

import numba
import numpy as np

from unflare.events import Array, Events

FLIPS = 5  # times of a pixel's latest flips
ACTIVE = 3


def each_event(chunks: Iterable[Events], score: str, window: int) -> Iterator[Array]:
    """0 for an event that is kept and 1 for one that is not, float32 (n,), of each chunk."""
    state = None
    for events in chunks:
        if state is None:
            frame = (events.shape[0] + 2, events.shape[1] + 2)
            state = (np.full(frame, -1, np.int8), np.zeros((2, *frame), np.int64), np.full((*frame, FLIPS), -1))
        removed = np.empty(len(events), np.float32)
        _judge_events(events.t, events.x, events.y, events.p, *state, score == "A", window, removed)
        yield removed


def in_slices(events: Events, score: str, window: int = 25_000) -> Array:
    """Which events of a recording the program that works in slices writes, bool (n,)."""
    kept = np.zeros(len(events), np.bool_)
    if len(events):
        _judge_slices(events.t, events.x, events.y, events.p, events.shape, score == "A", window, kept)
    return kept


@numba.njit(cache=True, nogil=True)
def _judge_events(  # noqa: C901, PLR0913
    t: Array,
    x: Array,
    y: Array,
    p: Array,
    first: Array,
    last: Array,
    flips: Array,
    own: bool,  # noqa: FBT001
    window: int,
    removed: Array,
) -> None:
    """Maps are framed by a pixel: `first` polarity, `last` time of either, times of `flips`, -1 where there is none."""
    height, width = first.shape
    for i in range(len(t)):
        now, row, column = t[i], int(y[i]) + 1, int(x[i]) + 1
        if first[row, column] < 0:
            first[row, column] = p[i]
        elif first[row, column] != p[i]:
            for k in range(1, FLIPS):
                flips[row, column, k - 1] = flips[row, column, k]
            flips[row, column, FLIPS - 1] = now
        last[p[i], row, column] = now
        near, active, around = False, 0, 0
        for r in range(max(row - 1, 1), min(row + 2, height - 1)):
            for c in range(max(column - 1, 1), min(column + 2, width - 1)):
                if r == row and c == column:
                    continue
                same = last[p[i], r, c]
                near |= same != 0 and now - same < window
                active += now - max(last[0, r, c], last[1, r, c]) < window
                around += _recent(flips, r, c, now - window)
        removed[i] = 1
        if near and active > ACTIVE:
            ratio = around / active
            value = np.floor(abs(_recent(flips, row, column, now - window) - ratio)) if own else np.floor(ratio)
            removed[i] = value > 1


@numba.njit(cache=True, nogil=True)
def _recent(flips: Array, row: int, column: int, before: int) -> int:
    count = 0
    for k in range(FLIPS):
        count += flips[row, column, k] >= 0 and flips[row, column, k] > before
    return count


@numba.njit(cache=True, nogil=True)
def _judge_slices(  # noqa: C901, PLR0913
    t: Array,
    x: Array,
    y: Array,
    p: Array,
    shape: tuple[int, int],
    own: bool,  # noqa: FBT001
    window: int,
    kept: Array,
) -> None:
    height, width = shape
    last = np.zeros((2, height, width), np.int64)
    count, flips, sign = np.zeros((3, height, width), np.int64)
    waiting, waits, begin = np.empty(len(t), np.int64), 0, np.int64(0)
    for i in range(1, len(t)):
        now, row, column, polarity = t[i] - t[0], int(y[i]), int(x[i]), 2 * int(p[i]) - 1
        flips[row, column] += sign[row, column] == -polarity
        sign[row, column] = polarity
        count[row, column] += 1
        last[p[i], row, column] = now
        near = False
        for r in range(max(row - 1, 0), min(row + 2, height)):
            for c in range(max(column - 1, 0), min(column + 2, width)):
                same = last[p[i], r, c]
                near |= (r != row or c != column) and same != 0 and now - same < window
        if near:
            waiting[waits] = i
            waits += 1
        if now - begin < window:
            continue
        begin = now
        for k in range(waits):
            row, column, active, around = int(y[waiting[k]]), int(x[waiting[k]]), 0, 0
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    if r != row or c != column:
                        active += count[r, c] > 0
                        around += flips[r, c]
            if active > ACTIVE:
                ratio = around / active
                kept[waiting[k]] = (abs(flips[row, column] - ratio) if own else ratio) <= 1
        waits = 0
        count[:] = 0
        flips[:] = 0
        sign[:] = 0
