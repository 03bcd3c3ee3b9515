"""Events by cell: how many a cell has within the window, and of which polarity."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.features.cuda.search import first, pair, starts
from unflare.features.kernel import cells
from unflare.features.ordered import Tables

BLOCK, WARPS = 128, 4  # events of a program


def count(cell: Tensor, p: Tensor, bounds: Tensor, tables: Tables, before: int) -> Tensor:
    """Of events past the first `before`, (m,) int64: the sum of +1 and -1, and in the lower half how many there are.

    cell    (n,) int16 or int32, in time order as all here
    p       (n,) uint8
    bounds  of `stream.enter`
    """
    total = len(cell)
    programs, shape = (-(-total // BLOCK),), {"BLOCK": BLOCK, "num_warps": WARPS}
    cell, order = torch.sort(cell, stable=True)
    polarity = torch.empty(total + 1, dtype=torch.int32, device=p.device)
    line_up_polarity[programs](order, p, polarity, total, **shape)
    polarity.cumsum_(0)
    begins = starts(cell, cells((len(tables.y), len(tables.x))))
    found = bounds.new_empty(total - before)
    count_in_cells[programs](cell, order, begins, polarity, bounds, found, total, before, **shape)
    return found


@triton.jit(do_not_specialize=["count"])
def line_up_polarity(
    order: tl.tensor, p: tl.tensor, polarity: tl.tensor, count: tl.tensor, BLOCK: tl.constexpr
) -> None:
    """+1 and -1 into `polarity` (n + 1,), of the entry before each; a running sum makes it that of all before."""
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    number = tl.load(order + line, mask=there, other=0)
    sign = 2 * tl.load(p + number, mask=there, other=0).to(tl.int32) - 1
    tl.store(polarity + line + 1, sign, mask=there)
    tl.store(polarity + line, 0, mask=line == 0)


@triton.jit(do_not_specialize=["count", "before"])
def count_in_cells(  # noqa: PLR0913
    cell: tl.tensor,
    order: tl.tensor,
    starts: tl.tensor,
    polarity: tl.tensor,
    bounds: tl.tensor,
    found: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """See `count`.

    cell, order  of the stable sort, int64 the latter
    starts       where a cell begins
    polarity     (n + 1,) int32, the sum of +1 and -1 over the entries before this one
    """
    line = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = line < count
    number = tl.load(order + line, mask=there, other=0).to(tl.int32)
    inside = there & (number >= before)
    recent = tl.load(bounds + number, mask=inside, other=0).to(tl.int32) >> 1
    start = tl.load(starts + tl.load(cell + line, mask=inside, other=0).to(tl.int32), mask=inside, other=0)
    begin = first(order, start, tl.where(inside, line, start), recent)
    sum_ = tl.load(polarity + line + 1, mask=inside, other=0) - tl.load(polarity + begin, mask=inside, other=0)
    tl.store(found + number - before, pair(sum_, line + 1 - begin), mask=inside)
