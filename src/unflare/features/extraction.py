"""From events to features, on several cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numba
import numpy as np

from unflare.events import Array, Events
from unflare.features.cutting import ROWS, cut
from unflare.features.kernel import COLUMNS, SEEN, cells
from unflare.features.state import PixelState

IMPLEMENTATION = f"numba, bands of {ROWS} rows"
BLOCK = 1 << 15  # events that a thread cuts at a time
ROUND = 8 * BLOCK  # events that are cut before bands advance, 24 bytes each; long, because a band comes with its map
FEW = 20_000  # events of a chunk that are done sooner than threads are woken


def extract(events: Events, state: PixelState, window: int = 25_000) -> Array:
    """The features of each event, float32 (n, 13) in the order of FEATURES; advances `state`.

    Chunks of a recording with one state give the same bits as the recording whole. `window` is W in microseconds.
    Runs on as many threads as numba does (numba.set_num_threads); they change no bits.
    Raises ValueError if the events are out of range or order, of another sensor, earlier than the state, or if the
    window is not the state's.
    """
    state.open(events, window)
    out = np.empty((len(events), COLUMNS), np.float32)
    seen = np.empty(2 * min(len(events), ROUND), SEEN)
    threads = 1 if len(events) < FEW else numba.get_num_threads()
    for first in range(0, len(events), ROUND):
        part = slice(first, first + ROUND)
        _round(events[part], state, window, seen, out[part], threads)
    return out


def _round(events: Events, state: PixelState, window: int, seen: Array, out: Array, threads: int) -> None:
    """Features of at most ROUND events into `out`."""
    t, x, y, p = events.t, events.x, events.y, events.p
    spans = [(first, min(first + BLOCK, len(t))) for first in range(0, len(t), BLOCK)]
    bounds = np.empty((len(spans), len(state.bands) + 1), np.int64)
    state.times.add(t, window)
    recent = (state.times.ring, state.times.head, state.times.tail - len(t), window)

    def cut_block(k: int) -> None:
        cut(t, x, y, p, spans[k], state.previous, recent, cells(state.shape), seen, bounds[k], out)

    def advance_band(b: int) -> None:
        for first, last in bounds[:, b : b + 2]:
            state.bands[b].advance(seen[first:last], window, state.table, out)

    _over(cut_block, range(len(spans)), threads)
    sizes = np.diff(bounds, axis=1).sum(axis=0)
    _over(advance_band, np.argsort(-sizes, kind="stable").tolist(), threads)
    state.previous = int(t[-1])


def _over(work: Callable[[int], None], numbers: Sequence[int], threads: int) -> None:
    if threads == 1:
        for number in numbers:
            work(number)
    else:
        for _ in _pool(threads, os.getpid()).map(work, numbers):
            pass


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # a fork does not inherit its parent's threads
    return ThreadPoolExecutor(threads, thread_name_prefix=f"features {process}")
