"""Events by pixel: what happened at the pixel and at its neighbors within the window.

Those that follow each other in the order are of the same pixel or of near ones, so the lanes of a warp search in the
same memory.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.features.cuda.search import first, pair, starts
from unflare.features.ordered import Tables

BLOCK, WARPS = 128, 4  # events of a program
TOGETHER = 8  # neighbors that are searched at once: a load waits long for memory, many wait no longer


class Line(NamedTuple):
    """Events by pixel, int32.

    pixel   (n,)     ascending
    entry   (n,)     2 number + polarity, ascending within a pixel
    recent  (n,)     2 x the number of the first event that is not older than W, and
    near    (n,)     than 3/25 W
    begin   (n,)     where the pixel's events begin that are not older than W
    flips   (n + 1,)  how many of the entries before this one are flips
    starts  (k + 1,)  where a pixel begins
    """

    pixel: Tensor
    entry: Tensor
    recent: Tensor
    near: Tensor
    begin: Tensor
    flips: Tensor
    starts: Tensor


def line_up(pixel: Tensor, bounds: Tensor, tables: Tables) -> Line:
    """Events by pixel, from their pixels (n,) int32 in time order and `bounds` of `stream.enter`."""
    total = len(pixel)
    pixel, order = torch.sort(pixel, stable=True)
    entry, recent, near, begin = (torch.empty_like(pixel) for _ in range(4))
    flips = pixel.new_empty(total + 1)
    line = Line(pixel, entry, recent, near, begin, flips, starts(pixel, (len(tables.x) + 2) * (len(tables.y) + 2)))
    line_up_events[(-(-total // BLOCK),)](order, bounds, line, total, BLOCK=BLOCK, num_warps=WARPS)
    flips.cumsum_(0)
    return line


def count(line: Line, tables: Tables, before: int) -> Tensor:
    """Of events past the first `before`, in time order, (m, 2) int64, each of two halves, the lower one last.

    Mf and Ma; 1 + the number of the pixel's previous event, 0 where that is older than W, and Ne + 16 witnesses +
    256 allies, as in `kernel.advance`.
    """
    total = len(line.pixel)
    found = torch.empty(total - before, 2, dtype=torch.int64, device=line.pixel.device)
    shape = {"BLOCK": BLOCK, "TOGETHER": TOGETHER, "num_warps": WARPS}
    count_around[(-(-total // BLOCK),)](line, found, total, before, len(tables.x) + 2, **shape)
    return found


@triton.jit(do_not_specialize=["count"])
def line_up_events(order: tl.tensor, bounds: tl.tensor, events: Line, count: tl.tensor, BLOCK: tl.constexpr) -> None:
    """Everything of `events` but what the sort has given; of flips, whether the entry before each is one."""
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    number = tl.load(order + line, mask=there, other=0).to(tl.int32)
    bound = tl.load(bounds + number, mask=there, other=0)
    recent, p = bound.to(tl.int32) >> 1, bound.to(tl.int32) & 1
    start = tl.load(events.starts + tl.load(events.pixel + line, mask=there, other=0), mask=there, other=0)
    last = tl.load(order + line - 1, mask=there & (line > start), other=-1).to(tl.int32)
    repeated = last >= recent
    flip = repeated & ((tl.load(bounds + last, mask=repeated, other=0).to(tl.int32) & 1) != p)
    begin = first(order, tl.where(repeated, start, line), tl.where(repeated, line - 1, line), recent)
    tl.store(events.entry + line, 2 * number + p, mask=there)
    tl.store(events.recent + line, 2 * recent, mask=there)
    tl.store(events.near + line, (bound >> 32).to(tl.int32), mask=there)
    tl.store(events.begin + line, begin, mask=there)
    tl.store(events.flips + line + 1, flip.to(tl.int32), mask=there)
    tl.store(events.flips + line, 0, mask=line == 0)


@triton.jit(do_not_specialize=["count", "before", "stride"])
def count_around(  # noqa: PLR0913
    events: Line,
    found: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    stride: tl.tensor,
    BLOCK: tl.constexpr,
    TOGETHER: tl.constexpr,
) -> None:
    """See `count`; a row of the map of pixels is `stride` long."""
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    entry = tl.load(events.entry + line, mask=there, other=0)
    inside = there & (entry >> 1 >= before)
    pixel = tl.load(events.pixel + line, mask=inside, other=0)
    recent = tl.load(events.recent + line, mask=inside, other=0)
    near = tl.load(events.near + line, mask=inside, other=0)

    Ma, small = pixel * 0, pixel * 0
    for part in range(8 // TOGETHER):
        number = part * TOGETHER + tl.arange(0, TOGETHER)
        number += number // 4  # of nine, and the fifth is the pixel itself
        step = (number // 3 - 1) * stride + number % 3 - 1
        # Events first: so a lane has all neighbors of an event, and the lanes of a warp read at the same one.
        flips, about = _of_neighbors(
            events, pixel[:, None] + step[None, :], inside[:, None], (entry[:, None], recent[:, None], near[:, None])
        )
        Ma += tl.sum(flips, 1)
        small += tl.sum(about, 1)

    begin = tl.load(events.begin + line, mask=inside, other=0)
    Mf = tl.load(events.flips + line + 1, mask=inside, other=0) - tl.load(events.flips + begin, mask=inside, other=0)
    last = tl.load(events.entry + line - 1, mask=inside & (begin < line), other=-2) >> 1
    row = 2 * ((entry >> 1) - before)
    tl.store(
        found + row[:, None] + tl.arange(0, 2)[None, :],
        tl.join(pair(Mf, Ma), pair(last + 1, small)),  # 16 bytes at once
        mask=inside[:, None],
    )


@triton.jit
def _of_neighbors(events: Line, pixel: tl.tensor, inside: tl.tensor, event: tl.tuple) -> tl.tensor:
    """Flips at neighboring pixels and, added up, 1 for an active one, 16 for a witness, 256 for an ally.

    event  entry, and the entries at which the window and what is near begin
    """
    entry, recent, near = event
    start = tl.load(events.starts + pixel, mask=inside, other=0)
    high = first(events.entry, start, tl.load(events.starts + pixel + 1, mask=inside, other=0), entry)
    latest = tl.load(events.entry + high - 1, mask=high > start, other=-1)
    # The window of the latest began earlier than that of the event: few are left to search. Where it is over, none are.
    begin = tl.load(events.begin + high - 1, mask=latest >= recent, other=high)
    low = first(events.entry, begin, tl.maximum(high - 1, begin), recent)
    active, close = low < high, latest >= near
    flips = tl.load(events.flips + high, mask=active, other=0) - tl.load(events.flips + low, mask=active, other=0)
    ally = close & (((latest ^ entry) & 1) == 0)
    return flips, active.to(tl.int32) + 16 * close.to(tl.int32) + 256 * ally.to(tl.int32)
