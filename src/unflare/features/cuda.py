"""The last step of `ordered.py` on a CUDA device: a program for a few events that follow each other in the order.

Such events are of the same pixel or of near ones, so the searches of a warp's lanes read the same memory.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.features.kernel import COLUMNS, cells
from unflare.features.ordered import Cells, Order, Stream, Tables

BLOCK, WARPS = 64, 1  # events of a program; one warp need not wait for others
_COLUMNS = tl.constexpr(COLUMNS)
_OF_CELLS = tl.constexpr(2)  # the last ones


def rows(events: Stream, order: Order, by: Cells, tables: Tables, out: Tensor) -> None:
    """As `ordered.rows`."""
    with torch.cuda.device(out.device):
        launch(events, order, by, tables, out)


def launch(events: Stream, order: Order, by: Cells, tables: Tables, out: Tensor) -> None:
    count, width, height = len(events.t), len(tables.x), len(tables.y)
    before, most, areas = count - len(out), len(tables.logs) - 1, cells((height, width))
    programs, shape = (-(-count // BLOCK),), {"BLOCK": BLOCK, "num_warps": WARPS}
    starts = _starts(order.pixel, (width + 2) * (height + 2))
    window, stride = len(tables.ages) - 1, width + 2
    write[programs](events, order, starts, tables, out, count, before, stride, window, most, **shape)
    write_cells[programs](events, by, _starts(by.cell, areas), tables, out, count, before, most, areas, **shape)


def _starts(keys: Tensor, count: int) -> Tensor:
    """Where in ascending keys each of `count` begins, int32, and one more for the end of the last."""
    all_of_them = torch.arange(count + 1, device=keys.device).to(keys.dtype)
    return torch.searchsorted(keys, all_of_them, out_int32=True)


@triton.jit
def _first(values: tl.tensor, low: tl.tensor, high: tl.tensor, bound: tl.tensor) -> tl.tensor:
    """The first place in [low, high) whose value is `bound` or more, else `high`; the values there ascend."""
    left = tl.max(high - low)
    while left > 0:
        middle = low + ((high - low) >> 1)
        searching = low < high
        below = searching & (tl.load(values + middle, mask=searching, other=0) < bound)
        high = tl.where(below, high, tl.where(searching, middle, high))
        low = tl.where(below, middle + 1, low)
        left >>= 1
    return low


@triton.jit
def _around(order: tl.tuple, starts: tl.tensor, event: tl.tensor, inside: tl.tensor, stride: tl.tensor) -> tl.tensor:
    """Ma, Ne, witnesses and allies of events, as in `kernel.advance`.

    event   pixel, entry, and the entries at which the window and what is near begin
    """
    pixel, entry, recent, near = event
    Ma, Ne, witnesses, allies = pixel * 0, pixel * 0, pixel * 0, pixel * 0
    for neighbor in range(8):
        number = neighbor + neighbor // 4  # of nine, and the fifth is the pixel itself
        there = starts + pixel + (number // 3 - 1) * stride + number % 3 - 1
        start = tl.load(there, mask=inside, other=0)
        high = _first(order.entry, start, tl.load(there + 1, mask=inside, other=0), entry)
        low = _first(order.entry, start, high, recent)
        active = high > low
        latest = tl.load(order.entry + high - 1, mask=active, other=0)
        close = active & (latest >= near)
        Ma += tl.load(order.flips + high, mask=active, other=0) - tl.load(order.flips + low, mask=active, other=0)
        Ne += active.to(tl.int32)
        witnesses += close.to(tl.int32)
        allies += (close & (((latest ^ entry) & 1) == 0)).to(tl.int32)
    return Ma, Ne, witnesses, allies


@triton.jit
def _age(times: tl.tensor, now: tl.tensor, number: tl.tensor, known: tl.tensor, window: tl.tensor) -> tl.tensor:
    """us since the event with this number, where it is known, and W at most."""
    since = tl.where(known, now - tl.load(times + number, mask=known, other=0), window)
    return tl.minimum(since, window).to(tl.int32)


@triton.jit
def _ln(count: tl.tensor, tables: tl.tuple, most: tl.tensor) -> tl.tensor:
    return tl.load(tables.logs + tl.minimum(count, most))


@triton.jit(do_not_specialize=["count", "before", "stride", "window", "most"])
def write(  # noqa: PLR0913
    events: Stream,
    order: Order,
    starts: tl.tensor,
    tables: Tables,
    out: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    stride: tl.tensor,
    window: tl.tensor,
    most: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Features of events into `out`, a row for each but the first `before` of the stream.

    Those of cells are left to `write_cells`.

    starts  where in the order a pixel begins, int32, and one more for the end of the last
    most    the largest count in the table of logarithms
    """
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    entry = tl.load(order.entry + line, mask=there, other=0)
    number = entry >> 1
    inside = there & (number >= before)
    pixel = tl.load(order.pixel + line, mask=inside, other=0)
    recent = 2 * tl.load(order.recent + line, mask=inside, other=0)
    near = 2 * tl.load(events.near + number, mask=inside, other=0)

    start = tl.load(starts + pixel, mask=inside, other=0)
    begin = _first(order.entry, start, tl.where(inside, line, start), recent)
    flips = tl.load(order.flips + line + 1, mask=inside, other=0)
    Mf = flips - tl.load(order.flips + begin, mask=inside, other=0)
    Ma, Ne, witnesses, allies = _around(order, starts, (pixel, entry, recent, near), inside, stride)

    now = tl.load(events.t + number, mask=inside, other=0)
    repeated = inside & (begin < line)
    last = tl.load(order.entry + line - 1, mask=repeated, other=0) >> 1
    dt = _age(events.t, now, number - 1, inside & (number > 0), window)
    dt_pixel = _age(events.t, now, last, repeated, window)

    share = tl.maximum(Ne, 1)
    ln_share = _ln(share, tables, most)
    values = (
        tl.load(tables.x + pixel % stride - 1, mask=inside, other=0.0),
        tl.load(tables.y + pixel // stride - 1, mask=inside, other=0.0),
        (2 * (entry & 1) - 1).to(tl.float32),
        tl.load(tables.ages + dt),
        tl.load(tables.ages + dt_pixel),
        _ln(Mf + 1, tables, most),
        _ln(Ma + 1, tables, most),
        Ne.to(tl.float32) * 0.125,
        tl.div_rn((2 * allies - witnesses).to(tl.float32), tl.maximum(witnesses, 1).to(tl.float32)),
        _ln(tl.abs(Mf * share - Ma) + share, tables, most) - ln_share,
        _ln(Ma + share, tables, most) - ln_share,
    )
    row = out + (number - before).to(tl.int64) * _COLUMNS
    for column in tl.static_range(_COLUMNS - _OF_CELLS):
        tl.store(row + column, values[column], mask=inside)


@triton.jit(do_not_specialize=["count", "before", "most", "cells"])
def write_cells(  # noqa: PLR0913
    events: Stream,
    by: Cells,
    starts: tl.tensor,
    tables: Tables,
    out: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    most: tl.tensor,
    cells: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """The two features of cells of events, as `write` those of pixels. The sensor has `cells`."""
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    entry = tl.load(by.entry + line, mask=there, other=0)
    number = entry >> 1
    inside = there & (number >= before)
    cell = tl.load(by.cell + line, mask=inside, other=0).to(tl.int32)
    recent = tl.load(events.recent + number, mask=inside, other=0)
    start = tl.load(starts + cell, mask=inside, other=0)
    begin = _first(by.entry, start, tl.where(inside, line, start), 2 * recent)
    polarity = tl.load(by.polarity + line + 1, mask=inside, other=0)
    polarity -= tl.load(by.polarity + begin, mask=inside, other=0)
    size = tl.where(inside, line + 1 - begin, 1)
    # In double precision: rounded to float32, the bits are those of any other double precision.
    level = (tl.log((number + 1 - recent + cells).to(tl.float64)) - tl.log(cells.to(tl.float64))).to(tl.float32)
    balance = tl.div_rn(((2 * (entry & 1) - 1) * polarity).to(tl.float32), size.to(tl.float32))
    row = out + (number - before).to(tl.int64) * _COLUMNS + (_COLUMNS - _OF_CELLS)
    tl.store(row, balance, mask=inside)
    tl.store(row + 1, _ln(size + 1, tables, most) - level, mask=inside)
