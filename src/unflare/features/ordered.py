"""The features by sorting instead of by walking, for devices that do much at once; the steps, and their plain form.

Sorted by pixel, and within a pixel as they came, the events that a feature counts are neighbors in memory: how many
there are is the distance of two places, and how many of them are flips the difference of two running sums. A binary
search inside the pixel finds the places. It compares an event's number in the stream, not its time: that is unique, in
the order of time, and says where the window begins as well.

The same once more, sorted by cell. Logarithms are looked up in the table of the CPU's kernel, or taken in double
precision, so the bits do not depend on the device.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from unflare.features.columns import Accept, Columns, Look, look, wide
from unflare.features.kernel import CELL, cells, logarithms


class Stream(NamedTuple):
    """Events as they came, (n,) each. An event's number is its place here, and below 2^30.

    t       int64  us
    pixel   int32  in the map that is framed by pixels which never fire
    cell    int16  or int32, where there are many
    entry   int32  2 number + polarity
    recent  int32  number of the first event that is not older than W
    near    int32  number of the first event that is not older than 3/25 W
    """

    t: Tensor
    pixel: Tensor
    cell: Tensor
    entry: Tensor
    recent: Tensor
    near: Tensor


class Order(NamedTuple):
    """The same events by pixel, int32.

    pixel   (n,)     ascending
    entry   (n,)     those of `Stream`, ascending within a pixel
    recent  (n,)     likewise
    flips   (n + 1,)  how many of the entries before this one are flips
    """

    pixel: Tensor
    entry: Tensor
    recent: Tensor
    flips: Tensor


class Cells(NamedTuple):
    """The same events by cell.

    cell      (n,)     as in `Stream`, ascending
    entry     (n,)     int32, ascending within a cell
    polarity  (n + 1,)  int32, the sum of +1 and -1 over the entries before this one
    """

    cell: Tensor
    entry: Tensor
    polarity: Tensor


class Tables(NamedTuple):
    """Float32 values of the features: of a column x (w,), a row y (h,), an age (W + 1,), a count (see `logarithms`)."""

    x: Tensor
    y: Tensor
    ages: Tensor
    logs: Tensor


def tables(shape: tuple[int, int], window: int, device: torch.device) -> Tables:
    logs = torch.from_numpy(logarithms(window))
    ages = (logs[1 : window + 2].double() * (1 / float(logs[window + 1]))).float()
    y, x = ((2 * torch.arange(size) - (size - 1)).double() * (1 / max(size - 1, 1)) for size in shape)
    return Tables(*(values.to(device) for values in (x.float(), y.float(), ages, logs)))


def write(columns: Columns, tables: Tables, out: Tensor, accept: Accept) -> Look:
    """Features of the last events, as many as `out` (m, 13) float32 has rows; those before them are their past.

    The past is in time order and on the sensor. `accept` raises unless the others are, before any row is written.
    """
    before, shape, window = len(columns.t) - len(out), (len(tables.y), len(tables.x)), len(tables.ages) - 1
    seen = look(Columns(*(column[before:] for column in columns)), columns.t, shape, window)
    accept(seen)
    joint = stream(columns, shape, window)
    rows(joint, by_pixel(joint), by_cell(joint), tables, out)
    return seen


def stream(columns: Columns, shape: tuple[int, int], window: int) -> Stream:
    """Events of a sensor (h, w), in time order."""
    t, x, y, p = columns
    stride, few = shape[1] + 2, cells(shape) < 1 << 15  # a sort takes time by the bytes of its keys
    x, y = wide(x), wide(y)
    pixel = y * stride + x + (stride + 1)
    cell = (y // CELL * -(-shape[1] // CELL) + x // CELL).to(torch.int16 if few else torch.int32)
    entry = 2 * torch.arange(len(t), dtype=torch.int32, device=t.device) + p
    recent, near = (torch.searchsorted(t, t - age, out_int32=True) for age in (window, window * 3 // 25))
    return Stream(t, pixel, cell, entry, recent, near)


def by_pixel(events: Stream) -> Order:
    pixel, order = torch.sort(events.pixel, stable=True)
    entry, recent = events.entry[order], events.recent[order]
    del order  # the largest of all
    flip = (pixel[1:] == pixel[:-1]) & ((entry[1:] ^ entry[:-1]) & 1).bool() & (entry[:-1] >> 1 >= recent[1:])
    flips = torch.zeros(len(pixel) + 1, dtype=torch.int32, device=pixel.device)
    torch.cumsum(flip, 0, dtype=torch.int32, out=flips[2:])
    return Order(pixel, entry, recent, flips)


def by_cell(events: Stream) -> Cells:
    cell, order = torch.sort(events.cell, stable=True)
    entry = events.entry[order]
    polarity = torch.zeros(len(cell) + 1, dtype=torch.int32, device=cell.device)
    torch.cumsum(2 * (entry & 1) - 1, 0, dtype=torch.int32, out=polarity[1:])
    return Cells(cell, entry, polarity)


def rows(events: Stream, order: Order, by: Cells, tables: Tables, out: Tensor) -> None:
    """Features of the last events of the stream, as many as `out` (m, 13) float32 has rows."""
    first, stride, window = len(events.t) - len(out), len(tables.x) + 2, len(tables.ages) - 1
    t, pixel, cell, entry, recent, near = (column[first:] for column in events)
    # Pixel and entry in one number, so that one search finds a place in the order; entries are below 2^31.
    line = (order.pixel.long() << 31) + order.entry
    begin, here = (torch.searchsorted(line, (pixel.long() << 31) + bound) for bound in (2 * recent, entry))
    Mf = order.flips[here + 1] - order.flips[begin]

    Ma, Ne, witnesses, allies = (torch.zeros_like(pixel) for _ in range(4))
    for step in _neighbors(stride):
        there = (pixel + step).long() << 31
        low, high = (torch.searchsorted(line, there + bound) for bound in (2 * recent, entry))
        latest = order.entry[high - 1]
        active = high > low
        close = active & (latest >> 1 >= near)
        Ma += order.flips[high] - order.flips[low]
        Ne += active
        witnesses += close
        allies += close & ((latest ^ entry) & 1 == 0)

    def age(known: Tensor, number: Tensor) -> Tensor:
        """Of the event with this number, where it is known."""
        since = torch.where(known, t - events.t[number], window)
        return tables.ages[since.clamp(max=window)]

    def ln(count: Tensor) -> Tensor:
        return tables.logs[count.clamp(max=len(tables.logs) - 1)]

    share = Ne.clamp(min=1)
    out[:, 0] = tables.x[pixel % stride - 1]
    out[:, 1] = tables.y[pixel // stride - 1]
    out[:, 2] = 2 * (entry & 1) - 1
    out[:, 3] = age(entry >> 1 > 0, (entry >> 1) - 1)
    out[:, 4] = age(begin < here, order.entry[here - 1] >> 1)
    out[:, 5] = ln(Mf + 1)
    out[:, 6] = ln(Ma + 1)
    out[:, 7] = Ne * 0.125
    out[:, 8] = (2 * allies - witnesses) / witnesses.clamp(min=1)
    # ln(1 + a / Ne) = ln(a + Ne) - ln(Ne); without an active neighbor Ma is 0, and so is Ma / Ne
    out[:, 9] = ln((Mf * share - Ma).abs() + share) - ln(share)
    out[:, 10] = ln(Ma + share) - ln(share)

    line = (by.cell.long() << 31) + by.entry
    begin, here = (torch.searchsorted(line, (cell.long() << 31) + bound) for bound in (2 * recent, entry))
    count, polarity, size = (
        here + 1 - begin,
        by.polarity[here + 1] - by.polarity[begin],
        cells((len(tables.y), len(tables.x))),
    )
    level = torch.log(((entry >> 1) + 1 - recent + size).double()) - math.log(size)
    out[:, 11] = (2 * (entry & 1) - 1) * polarity / count
    out[:, 12] = ln(count + 1) - level.float()


def _neighbors(stride: int) -> Iterator[int]:
    """Steps from a pixel to the eight around it."""
    return (step for row in (-stride, 0, stride) for step in (row - 1, row, row + 1) if step)
