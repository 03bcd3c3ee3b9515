# mypy: disable-error-code="untyped-decorator, no-any-return"
"""All pixels of a sensor through one interval between two frames, block by block on as many threads as there are."""

import numpy as np
from numba import njit, prange

from unflare.events import Array
from unflare.synthesis import alone, draws, intervals, ordering, passage, receptor
from unflare.synthesis.alone import PIXEL, disturb, one_by_one
from unflare.synthesis.cached import cached
from unflare.synthesis.intervals import GATHERED, LANES, Interval, State, new_columns, new_row
from unflare.synthesis.passage import emit, exhaust, gather, pick, settle
from unflare.synthesis.receptor import respond

BLOCKS = 32  # of rows, each one thread's work; more than threads, so that a busy block does not keep the others waiting

_INFINITE = np.uint32(0x7F800000)  # bits of a float32; those of negative numbers are more


@cached(alone, draws, intervals, ordering, passage, receptor)
@njit(parallel=True)
def sweep(interval: Interval, state: State, following: State, buffer: Array, out: Array) -> Array:
    """Packed events of the interval into `out`, states at its end into `following`; how many events each block has.

    buffer   uint64 (BLOCKS, n), a line for the events of each block; `out` has its size

    A count above n, int64 (BLOCKS,), says that events did not fit; one below 0, that light at the end of the interval
    is negative or not finite. `out` is then as it was.
    """
    counts, height = np.zeros(BLOCKS, np.int64), len(interval.a)
    for block in prange(BLOCKS):
        rows = (block * height // BLOCKS, (block + 1) * height // BLOCKS)
        counts[block] = _block(interval, state, following, rows, buffer[block])
    ends = _ends(counts, buffer.shape[1])
    for block in prange(BLOCKS):
        for i in range(ends[block + 1] - ends[block]):
            out[ends[block] + i] = buffer[block, i]
    return counts


@njit
def _ends(counts: Array, width: int) -> Array:
    """Where the events of each block end; 0 for all if there is a block whose do not count."""
    ends = np.zeros(len(counts) + 1, np.int64)
    if counts.min() >= 0 and counts.max() <= width:
        ends[1:] = np.cumsum(counts)
    return ends


@njit(error_model="numpy")
def _block(interval: Interval, state: State, following: State, rows: tuple[int, int], out: Array) -> np.int64:
    width = interval.a.shape[1]
    if not _sound(interval.b[rows[0] : rows[1]]):  # which also fetches it, at once rather than row by row
        return np.int64(-1)
    row, chosen, gathered = new_row(width), np.empty(width + 1, np.uint32), new_columns(GATHERED + width + LANES)
    disturbed = np.searchsorted(interval.disturbances, np.int64(rows[0] * width) << PIXEL)
    count, found = np.uint64(0), np.uint64(0)
    for y in range(rows[0], rows[1]):
        v, after, first = state.voltage[y], following.voltage[y], count
        respond(interval, y, state, following, row)
        settle(interval, y, v, after, row)
        mine = disturb(interval, disturbed, y, after, row)
        opened = chosen[: pick(row.open, chosen)]
        count, unsure = gather(interval, y, v, after, row, opened, gathered, count)
        found = emit(interval, gathered, first, count, (out, found))
        if unsure:
            rest, waiting = chosen[:unsure], (gathered, count)
            count, found = one_by_one(interval, y, mine, (v, after), row, rest, waiting, (out, found))
        if count > GATHERED or y == rows[1] - 1:
            found = exhaust(interval, gathered, count, following.voltage, (out, found))
            count = np.uint64(0)
        disturbed += len(mine)
    return np.int64(found)


@njit(error_model="numpy")
def _sound(light: Array) -> bool:
    """Whether all of it is finite and not negative: a loop over integers vectorises, and almost always decides."""
    largest, bits = np.uint32(0), light.reshape(-1).view(np.uint32)
    for x in range(len(bits)):
        largest = max(largest, bits[x])
    return bool(largest < _INFINITE) or bool(np.all((light >= 0) & (light < np.inf)))
