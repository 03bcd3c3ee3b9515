"""Events a second of the features on CUDA, by the size of the call; medians of runs, each without a past.

PYTHONPATH=tests python benchmarks/features_cuda.py
"""

import statistics
import time
from collections.abc import Callable
from copy import copy

import torch
from features import SHAPE, WINDOW, in_chunks, moving_edges

from unflare.events import empty
from unflare.features import PixelState, cuda, ordered
from unflare.features.columns import look, on_device
from unflare.features.dispatch import Rows
from unflare.features.kernel import COLUMNS
from unflare.features.sorting import SortedState, extract

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
REPEATS = 9
DEVICE = torch.device("cuda", 0)


def seconds(work: Callable[[], object]) -> float:
    """Of one run, the device's part included."""
    work()  # compiles, and takes the memory
    found = []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def fresh(rows: Rows) -> SortedState:
    """A state that has its tables and no past; copies of it stay so."""
    state = SortedState(SHAPE, DEVICE)
    state.rows = rows
    extract(empty(SHAPE), state, WINDOW)
    return state


def peak(work: Callable[[], object]) -> int:
    """Bytes on the device, at most, besides what was there before."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return torch.cuda.max_memory_allocated() - before


def report(count: int) -> None:
    events = moving_edges(count)
    there = on_device(events, slice(None), DEVICE)
    triton, plain = fresh(cuda.rows), fresh(ordered.rows)
    ways: dict[str, Callable[[], object]] = {
        "Triton, events on the device": lambda: extract(there, copy(triton), WINDOW),
        "Triton, events on the host": lambda: extract(events, copy(triton), WINDOW),
        "plain form, events on the device": lambda: extract(there, copy(plain), WINDOW),
        "the kernel on the CPU": lambda: in_chunks(events, PixelState(SHAPE)),
    }
    print(f"{count:,} events")
    for way, work in ways.items():
        spent, bytes_an_event = seconds(work), peak(work) / count
        rate = f"{spent * 1e3:9.3f} ms, {count / spent / 1e6:8.1f} M events/s"
        print(f"  {way:34} {rate}, peak {bytes_an_event:5.1f} bytes an event, the result included")


def report_steps(count: int) -> None:
    there = on_device(moving_edges(count), slice(None), DEVICE)
    stream, tables = ordered.stream(there, SHAPE, WINDOW), ordered.tables(SHAPE, WINDOW, DEVICE)
    order, by = ordered.by_pixel(stream), ordered.by_cell(stream)
    out = torch.empty(count, COLUMNS, device=DEVICE)
    steps: dict[str, Callable[[], object]] = {
        "look": lambda: look(there, there.t, SHAPE, WINDOW),
        "stream": lambda: ordered.stream(there, SHAPE, WINDOW),
        "by pixel": lambda: ordered.by_pixel(stream),
        "of which the sort": lambda: torch.sort(stream.pixel, stable=True),
        "by cell": lambda: ordered.by_cell(stream),
        "rows, Triton": lambda: cuda.rows(stream, order, by, tables, out),
        "rows, plain": lambda: ordered.rows(stream, order, by, tables, out),
    }
    print(f"the steps, {count:,} events on the device")
    for step, work in steps.items():
        print(f"  {step:34} {seconds(work) * 1e3:9.3f} ms")
    for cuda.BLOCK, cuda.WARPS in ((32, 1), (64, 1), (128, 1), (64, 2), (128, 2), (128, 4), (256, 4)):
        spent = seconds(lambda: cuda.rows(stream, order, by, tables, out))
        print(f"  {f'rows, {cuda.BLOCK} events, {cuda.WARPS} warps a program':34} {spent * 1e3:9.3f} ms")


def main() -> None:
    print(torch.cuda.get_device_name(DEVICE), "torch", torch.__version__)
    for count in SIZES:
        report(count)
    report_steps(SIZES[-1])


if __name__ == "__main__":
    main()
