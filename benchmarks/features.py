"""Events a second of the features, by size of the recording and number of threads, and as a multiple of the plain loop.

PYTHONPATH=tests python benchmarks/features.py

The two threads want two idle cores. What one number of threads does is measured next to what the other does.
"""

import time
from collections.abc import Callable

import numba
import numpy as np
import reference

from unflare.events import Events
from unflare.features import FEATURES, PixelState, extract
from unflare.features.kernel import PAST, SEEN

SHAPE = (480, 640)
RATE = 5_000_000  # events a second
CHUNK = 1_000_000
WINDOW = 25_000
PLAIN = 3_000  # events for the plain loop, whose time grows with their square
REPEATS = 5
THREADS = [1, 2][: numba.config.NUMBA_NUM_THREADS]


def moving_edges(count: int, rows: int = SHAPE[0]) -> Events:
    """Events of either polarity along forty wavy lines that drift over the upper `rows` of the sensor."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, max(1, count * 1_000_000 // RATE), count))
    y = rng.integers(0, rows, count)
    x = 16 * rng.integers(0, 40, count) + 8 * np.sin(y / 30) + t * 1e-4 + rng.normal(0, 1, count)
    p = rng.integers(0, 2, count)
    return Events(t, (x % SHAPE[1]).astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), SHAPE).checked()


def in_chunks(events: Events, state: PixelState) -> None:
    for first in range(0, len(events), CHUNK):
        extract(events[first : first + CHUNK], state, WINDOW)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rates(events: Events) -> dict[int, float]:
    """Events a second by number of threads, the best of several runs, the memory of results included."""
    best = dict.fromkeys(THREADS, np.inf)
    for _ in range(max(REPEATS, CHUNK // len(events))):
        for threads in THREADS:
            numba.set_num_threads(threads)
            state = PixelState(SHAPE)
            best[threads] = min(best[threads], seconds(lambda state=state: in_chunks(events, state)))
    return {threads: len(events) / found for threads, found in best.items()}


def main() -> None:
    in_chunks(moving_edges(1_000), PixelState(SHAPE))  # compiles
    few = moving_edges(PLAIN)
    plain = PLAIN / min(seconds(lambda: reference.extract(few, WINDOW)) for _ in range(2))
    print(f"plain loop, {PLAIN:,} events: {plain:,.0f} events/s")
    for rows in (SHAPE[0], SHAPE[0] // 3):
        for count in (10_000, 100_000, 1_000_000, 10_000_000):
            found = rates(moving_edges(count, rows)).items()
            text = "; ".join(f"{n} thread(s) {r / 1e6:5.1f} M events/s, {r / plain:7,.0f} times" for n, r in found)
            print(f"{rows} rows, {count:>10,} events: {text}")

    events, state = moving_edges(CHUNK), PixelState(SHAPE)
    out = extract(events, state, WINDOW)
    fresh = min(seconds(lambda: np.empty(out.shape, out.dtype)[::64].fill(0)) for _ in range(REPEATS))
    print(f"of that, memory for the result: {fresh / CHUNK * 1e9:.1f} ns an event")
    print(f"new state: {min(seconds(lambda: PixelState(SHAPE)) for _ in range(REPEATS)) * 1e3:.1f} ms")
    room = sum(band.queue.nbytes for band in state.bands) / np.sum(events.t >= events.t[-1] - WINDOW)
    print(
        f"bytes an event: {len(FEATURES) * out.itemsize} of the result; {SEEN.itemsize} while it is cut into bands; "
        f"{PAST.itemsize} while it is in the window, {room:.0f} with the queues' free room"
    )


if __name__ == "__main__":
    main()
