"""Events a second of the features on CUDA, by the size of the call; medians of runs, each without a past.

PYTHONPATH=tests python benchmarks/features_cuda.py
"""

import statistics
import time
from collections.abc import Callable
from copy import copy
from types import ModuleType

import torch
from features import SHAPE, WINDOW, in_chunks, moving_edges

from unflare.events import empty
from unflare.features import PixelState, cuda, kernel, ordered, sorting
from unflare.features.columns import Columns, on_device
from unflare.features.cuda import cells, pixels, rows, search, stream
from unflare.features.dispatch import Form
from unflare.features.sorting import SortedState, extract

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
REPEATS = 9
PIECES = tuple(1 << power for power in range(20, 25))  # events
SHAPES = ((32, 1), (64, 1), (64, 2), (128, 4), (256, 8))  # events and warps of a program
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


def fresh(form: Form) -> SortedState:
    """A state that has its tables and no past; copies of it stay so."""
    state = SortedState(SHAPE, DEVICE)
    state.form = form
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
    triton, plain = fresh(cuda.write), fresh(ordered.write)
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
    tables = ordered.tables(SHAPE, WINDOW, DEVICE)
    keys, bounds, _ = stream.enter(there, tables, 0)
    line, of_cells = pixels.line_up(keys.pixel, bounds, tables), cells.count(keys.cell, there.p, bounds, tables, 0)
    of_pixels, out = pixels.count(line, tables, 0), torch.empty(count, kernel.COLUMNS, device=DEVICE)
    areas, places = kernel.cells(SHAPE), (SHAPE[0] + 2) * (SHAPE[1] + 2)
    by_cell = torch.sort(keys.cell, stable=True).values
    steps: dict[str, Callable[[], object]] = {
        "joining with what is remembered": lambda: Columns(*(torch.cat((column[:0], column)) for column in there)),
        "stream.enter": lambda: stream.enter(there, tables, 0),
        "cells.count": lambda: cells.count(keys.cell, there.p, bounds, tables, 0),
        "of which the sort of cells": lambda: torch.sort(keys.cell, stable=True),
        "where cells begin": lambda: search.starts(by_cell, areas),
        "pixels.line_up": lambda: pixels.line_up(keys.pixel, bounds, tables),
        "of which the sort of pixels": lambda: torch.sort(keys.pixel, stable=True),
        "where pixels begin": lambda: search.starts(line.pixel, places),
        "the running sum": lambda: torch.empty_like(line.flips).cumsum_(0),
        "pixels.count": lambda: pixels.count(line, tables, 0),
        "rows.write": lambda: rows.write(there, bounds, of_cells, of_pixels, tables, out),
    }
    print(f"the steps, {count:,} events on the device")
    for step, work in steps.items():
        print(f"  {step:34} {seconds(work) * 1e3:9.3f} ms")
    for name, module in (("cells.count", cells), ("pixels.line_up", pixels), ("rows.write", rows)):
        sweep(name, module, steps[name])
    for stream.PARTS in (1, 2, 4, 8, 16):
        sweep(f"stream.enter, {stream.PARTS} parts", stream, steps["stream.enter"])
    for pixels.TOGETHER in (1, 2, 4, 8):
        sweep(f"pixels.count, {pixels.TOGETHER} together", pixels, steps["pixels.count"])


def sweep(name: str, module: ModuleType, work: Callable[[], object]) -> None:
    """The time of a step by the size of its module's programs."""
    usual = module.BLOCK, module.WARPS
    for module.BLOCK, module.WARPS in SHAPES:
        spent = seconds(work)
        print(f"  {f'{name}, {module.BLOCK} events, {module.WARPS} warps':44} {spent * 1e3:9.3f} ms")
    module.BLOCK, module.WARPS = usual


def report_pieces(count: int) -> None:
    there, state = on_device(moving_edges(count), slice(None), DEVICE), fresh(cuda.write)
    print(f"pieces, {count:,} events on the device")
    for sorting.PIECE in PIECES:
        spent = seconds(lambda: extract(there, copy(state), WINDOW))
        bytes_an_event = peak(lambda: extract(there, copy(state), WINDOW)) / count
        print(f"  {sorting.PIECE:>10,} events {spent * 1e3:9.3f} ms, peak {bytes_an_event:5.1f} bytes an event")


def main() -> None:
    print(torch.cuda.get_device_name(DEVICE), "torch", torch.__version__)
    for count in SIZES:
        report(count)
    report_pieces(SIZES[-1])
    report_steps(SIZES[-1])


if __name__ == "__main__":
    main()
