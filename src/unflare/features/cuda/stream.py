"""Events as they came: whether they are sound, where they are sorted to, and where their windows begin."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.features.columns import Columns
from unflare.features.cuda.search import first, pair
from unflare.features.kernel import CELL, cells
from unflare.features.ordered import Tables

BLOCK, WARPS = 128, 4  # events that a program takes at a time,
PARTS = 8  # and how often it does: the search of its ends is made once
_CELL = tl.constexpr(CELL)


class Keys(NamedTuple):
    """`pixel` and `cell` of `ordered.Stream`."""

    pixel: Tensor
    cell: Tensor


def enter(columns: Columns, tables: Tables, before: int) -> tuple[Keys, Tensor, Tensor]:
    """Of n events, of which `before` are the past: keys, bounds and facts.

    bounds  (n,) int64: 2 near and 2 recent + p, of `ordered.Stream`, the latter in the lower half
    facts   (4,) int64: `columns.Look`, with whether events are unsound in the last place
    """
    count, shape, window = len(columns.t), (len(tables.y), len(tables.x)), len(tables.ages) - 1
    few = cells(shape) < 1 << 15  # a sort takes time by the bytes of its keys
    t = columns.t
    keys = Keys(t.new_empty(count, dtype=torch.int32), t.new_empty(count, dtype=torch.int16 if few else torch.int32))
    bounds, facts = torch.empty_like(t), t.new_zeros(4)
    sizes = (count, before, *shape, window, window * 3 // 25)
    programs, constants = (-(-count // (BLOCK * PARTS)),), {"BLOCK": BLOCK, "PARTS": PARTS, "num_warps": WARPS}
    enter_events[programs](columns, keys, bounds, facts, *sizes, **constants)
    return keys, bounds, facts


@triton.jit(do_not_specialize=["count", "before", "height", "width", "window", "near"])
def enter_events(  # noqa: PLR0913
    columns: Columns,
    keys: Keys,
    bounds: tl.tensor,
    facts: tl.tensor,
    count: tl.tensor,
    before: tl.tensor,
    height: tl.tensor,
    width: tl.tensor,
    window: tl.tensor,
    near: tl.tensor,
    BLOCK: tl.constexpr,
    PARTS: tl.constexpr,
) -> None:
    """See `enter`."""
    begin = tl.program_id(0) * (BLOCK * PARTS)
    # The windows of what lies between two events begin between those of the two. So the lanes search there only.
    end = tl.minimum(begin + BLOCK * PARTS, count) - 1
    which = tl.arange(0, 8)
    event = tl.where(which < 4, tl.where(which % 2 == 0, begin, end), count - 1)
    age = tl.where(which < 2, window, tl.where(which < 4, near, 2 * window))
    found = first(columns.t, 0 * event, event, tl.load(columns.t + event) - age)
    if begin == 0:
        tl.store(facts, tl.load(columns.t + before))
        tl.store(facts + 1, tl.load(columns.t + count - 1))
        tl.store(facts + 2, _one(found, 4).to(tl.int64))

    unsound = tl.zeros((BLOCK,), tl.int32)
    for part in range(PARTS):
        number = begin + part * BLOCK + tl.arange(0, BLOCK)
        there = number < count
        t = tl.load(columns.t + number, mask=there, other=0)
        x = tl.load(columns.x + number, mask=there, other=0).to(tl.int32) & 0xFFFF
        y = tl.load(columns.y + number, mask=there, other=0).to(tl.int32) & 0xFFFF
        p = tl.load(columns.p + number, mask=there, other=0).to(tl.int32)
        past = tl.load(columns.t + number - 1, mask=there & (number > 0), other=-(1 << 62))
        wrong = (t < past) | (x >= width) | (y >= height) | (p > 1)
        unsound |= (there & (number >= before) & wrong).to(tl.int32)
        tl.store(keys.pixel + number, (y + 1) * (width + 2) + x + 1, mask=there)
        tl.store(keys.cell + number, y // _CELL * ((width + _CELL - 1) // _CELL) + x // _CELL, mask=there)
        recent = _between(columns.t, found, 0, t - window, there)
        close = _between(columns.t, found, 2, t - near, there)
        tl.store(bounds + number, pair(2 * close, 2 * recent + p), mask=there)
    if tl.max(unsound) > 0:
        tl.store(facts + 3, 1)  # whoever finds it: all write the same


@triton.jit
def _between(t: tl.tensor, found: tl.tensor, which: tl.constexpr, since: tl.tensor, there: tl.tensor) -> tl.tensor:
    """The first event that is not before `since`, where it is `there`, from found[which] to found[which + 1]."""
    low, high = _one(found, which), _one(found, which + 1)
    return first(t, tl.where(there, low, 0), tl.where(there, high, 0), since)


@triton.jit
def _one(found: tl.tensor, which: tl.constexpr) -> tl.tensor:
    return tl.sum(tl.where(tl.arange(0, 8) == which, found, 0))
