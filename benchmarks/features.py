"""Events a second of the features, by size of the recording, and as a multiple of the plain double loop.

PYTHONPATH=tests python benchmarks/features.py
"""

import time
from collections.abc import Callable

import numpy as np
import reference

from unflare.events import Events
from unflare.features import PixelState, extract
from unflare.features.kernel import COLUMNS, NEVER, PAST, advance, logarithms, pixels

SHAPE = (480, 640)
RATE = 5_000_000  # events a second
CHUNK = 1 << 20
WINDOW = 25_000
PLAIN = 3_000  # events for the double loop, whose time grows with their square
REPEATS = 5


def moving_edges(count: int) -> Events:
    """Events of either polarity along forty wavy lines that drift over the sensor."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, max(1, count * 1_000_000 // RATE), count))
    y = rng.integers(0, SHAPE[0], count)
    x = 16 * rng.integers(0, 40, count) + 8 * np.sin(y / 30) + t * 1e-4 + rng.normal(0, 1, count)
    p = rng.integers(0, 2, count)
    return Events(t, (x % SHAPE[1]).astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), SHAPE).checked()


def rate(events: Events, work: Callable[[Events], object]) -> float:
    """Events a second, the best of several runs."""
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        work(events)
        best = min(best, time.perf_counter() - start)
    return len(events) / best


def in_chunks(events: Events) -> None:
    state = PixelState(SHAPE)
    for first in range(0, len(events), CHUNK):
        extract(events[first : first + CHUNK], state, WINDOW)


def main() -> None:
    in_chunks(moving_edges(1_000))  # compiles
    plain = rate(moving_edges(PLAIN), lambda events: reference.extract(events, WINDOW))
    print(f"double loop, {PLAIN:,} events: {plain:,.0f} events/s")
    for count in (10_000, 100_000, 1_000_000, 10_000_000):
        found = rate(moving_edges(count), in_chunks)
        print(
            f"extract, {count:>10,} events: {found / 1e6:5.1f} M events/s, {found / plain:,.0f} times the double loop"
        )

    # Without the 52 bytes an event of fresh memory for the result, which some machines hand out slowly.
    out, queue, table = np.zeros((CHUNK, COLUMNS), np.float32), np.zeros(CHUNK, PAST), logarithms(WINDOW)

    def kernel(events: Events) -> None:
        t, x, y, p = events.t, events.x, events.y, events.p
        advance(t, x, y, p, SHAPE, *pixels(SHAPE), queue, 0, 0, NEVER, WINDOW, table, out)

    found = rate(moving_edges(CHUNK), kernel)
    print(f"kernel,  {CHUNK:>10,} events: {found / 1e6:5.1f} M events/s into memory in use")


if __name__ == "__main__":
    main()
