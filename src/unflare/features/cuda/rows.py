"""The rows of features, in time order, from what was counted by cell and by pixel."""

import triton
import triton.language as tl
from torch import Tensor

from unflare.features.columns import Columns
from unflare.features.kernel import COLUMNS, cells
from unflare.features.ordered import Tables

BLOCK, WARPS = 128, 4  # events of a program
_COLUMNS = tl.constexpr(COLUMNS)
_ROOM = tl.constexpr(16)  # columns of a row before it is stored, a power of two


def write(columns: Columns, bounds: Tensor, of_cells: Tensor, of_pixels: Tensor, tables: Tables, out: Tensor) -> None:
    """Into `out` (m, 13) float32, from `bounds` of `stream.enter` and the m last events' `count` of the two modules."""
    before, most = len(columns.t) - len(out), len(tables.logs) - 1
    window, areas = len(tables.ages) - 1, cells((len(tables.y), len(tables.x)))
    sizes = (len(out), before, window, most, areas)
    programs, shape = (-(-len(out) // BLOCK),), {"BLOCK": BLOCK, "num_warps": WARPS}
    write_rows[programs](columns, bounds, of_cells, of_pixels, tables, out, *sizes, **shape)


@triton.jit(do_not_specialize=["count", "before", "window", "most", "cells"])
def write_rows(  # noqa: PLR0913
    columns: Columns,
    bounds: tl.tensor,
    of_cells: tl.tensor,
    of_pixels: tl.tensor,
    tables: Tables,
    out: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    window: tl.tensor,
    most: tl.tensor,
    cells: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """See `write`. `most` is the largest count in the table of logarithms; the sensor has `cells`."""
    begin = tl.program_id(0) * BLOCK
    row = begin + tl.arange(0, BLOCK)
    inside = row < count
    number = before + row
    sign = 2 * tl.load(columns.p + number, mask=inside, other=0).to(tl.int32) - 1
    x = tl.load(columns.x + number, mask=inside, other=0).to(tl.int32) & 0xFFFF
    y = tl.load(columns.y + number, mask=inside, other=0).to(tl.int32) & 0xFFFF

    first = tl.load(of_pixels + 2 * row, mask=inside, other=0)
    second = tl.load(of_pixels + 2 * row + 1, mask=inside, other=0)
    Mf, Ma = (first >> 32).to(tl.int32), first.to(tl.int32)
    last, small = (second >> 32).to(tl.int32) - 1, second.to(tl.int32)
    Ne, witnesses, allies = small & 15, (small >> 4) & 15, small >> 8

    now = tl.load(columns.t + number, mask=inside, other=0)
    dt = _age(columns.t, now, number - 1, inside & (number > 0), window)
    dt_pixel = _age(columns.t, now, last, inside & (last >= 0), window)
    share = tl.maximum(Ne, 1)
    ln_share = _ln(share, tables, most)

    of_cell = tl.load(of_cells + row, mask=inside, other=1)
    polarity, size = (of_cell >> 32).to(tl.int32), of_cell.to(tl.int32)
    recent = tl.load(bounds + number, mask=inside, other=0).to(tl.int32) >> 1
    # In double precision: rounded to float32, the bits are those of any other double precision.
    events = tl.where(inside, number + 1 - recent, 1)
    level = (tl.log((events + cells).to(tl.float64)) - tl.log(cells.to(tl.float64))).to(tl.float32)

    zero = tl.zeros((BLOCK,), tl.float32)
    values = _in_rows(
        (
            tl.load(tables.x + x, mask=inside, other=0.0),
            tl.load(tables.y + y, mask=inside, other=0.0),
            sign.to(tl.float32),
            tl.load(tables.ages + dt),
            tl.load(tables.ages + dt_pixel),
            _ln(Mf + 1, tables, most),
            _ln(Ma + 1, tables, most),
            Ne.to(tl.float32) * 0.125,
            tl.div_rn((2 * allies - witnesses).to(tl.float32), tl.maximum(witnesses, 1).to(tl.float32)),
            _ln(tl.abs(Mf * share - Ma) + share, tables, most) - ln_share,
            _ln(Ma + share, tables, most) - ln_share,
            tl.div_rn((sign * polarity).to(tl.float32), size.to(tl.float32)),
            _ln(size + 1, tables, most) - level,
            zero,
            zero,
            zero,
        )
    )
    place = tl.arange(0, BLOCK * _ROOM)
    row, column = place // _ROOM, place % _ROOM
    there = (column < _COLUMNS) & (row < count - begin)
    tl.store(out + begin.to(tl.int64) * _COLUMNS + (row * _COLUMNS + column), values, mask=there)


@triton.jit
def _age(times: tl.tensor, now: tl.tensor, number: tl.tensor, known: tl.tensor, window: tl.tensor) -> tl.tensor:
    """us since the event with this number, where it is known, and W at most."""
    since = tl.where(known, now - tl.load(times + number, mask=known, other=0), window)
    return tl.minimum(since, window).to(tl.int32)


@triton.jit
def _ln(count: tl.tensor, tables: tl.tuple, most: tl.tensor) -> tl.tensor:
    return tl.load(tables.logs + tl.minimum(count, most))


@triton.jit
def _in_rows(columns: tl.tuple) -> tl.tensor:
    """Sixteen columns (n,) as the values of n rows, one after the other (16 n,), which a warp stores side by side."""
    c = columns
    even = _interleaved(c[0], c[2], c[4], c[6], c[8], c[10], c[12], c[14])
    odd = _interleaved(c[1], c[3], c[5], c[7], c[9], c[11], c[13], c[15])
    return tl.interleave(even, odd)


@triton.jit
def _interleaved(  # noqa: PLR0913
    a: tl.tensor,
    b: tl.tensor,
    c: tl.tensor,
    d: tl.tensor,
    e: tl.tensor,
    f: tl.tensor,
    g: tl.tensor,
    h: tl.tensor,
) -> tl.tensor:
    """Eight (n,) as (8 n,)."""
    even = tl.interleave(tl.interleave(a, e), tl.interleave(c, g))
    return tl.interleave(even, tl.interleave(tl.interleave(b, f), tl.interleave(d, h)))
