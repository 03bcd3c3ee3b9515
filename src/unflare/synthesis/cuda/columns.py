"""Events of a CUDA device: out of the pixels' slots, into columns in time order, and to the host."""

from typing import NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.events import Array, Events
from unflare.synthesis.cuda.passage import Slots


class Fired(NamedTuple):
    """Events on a device, with the columns of `Events`; x and y are read as uint16."""

    t: Tensor
    x: Tensor
    y: Tensor
    p: Tensor


@triton.jit
def gather(  # noqa: PLR0913
    slots: Slots,
    bounds: tl.tensor,
    when: tl.tensor,
    who: tl.tensor,
    pixels: tl.tensor,
    ROWS: tl.constexpr,
    STEP: tl.constexpr,
) -> None:
    """Events out of their slots into line, pixel by pixel from bounds[pixel]: time, and pixel << 1 | polarity."""
    pixel = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = pixel < pixels
    count = tl.load(slots.counts + pixel, mask=inside, other=0)
    source = tl.load(slots.bounds + pixel, mask=inside, other=0)
    target = tl.load(bounds + pixel, mask=inside, other=0)
    for step in range(0, tl.max(count, axis=0), STEP):
        place = step + tl.arange(0, STEP)
        there = place[None, :] < count[:, None]
        event = tl.load(slots.events + source[:, None] + place[None, :], mask=there, other=0)
        tl.store(when + target[:, None] + place[None, :], event >> 1, mask=there)
        tl.store(who + target[:, None] + place[None, :], (pixel[:, None] << 1) | (event & 1), mask=there)


@triton.jit(do_not_specialize=["start", "events"])
def spread(  # noqa: PLR0913
    when: tl.tensor,
    who: tl.tensor,
    order: tl.tensor,
    fired: tl.tuple,
    start: tl.tensor,
    events: tl.tensor,
    width: tl.tensor,
    SIZE: tl.constexpr,
) -> None:
    """Columns t, x, y, p of events in the order given; `start` is the time of the first frame."""
    i = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    inside = i < events
    event = tl.load(who + tl.load(order + i, mask=inside, other=0), mask=inside, other=0)
    time = tl.load(when + i, mask=inside, other=0)
    pixel = event >> 1
    tl.store(fired[0] + i, start + (time >> 1).to(tl.int64), mask=inside)
    tl.store(fired[1] + i, (pixel % width).to(tl.int16), mask=inside)
    tl.store(fired[2] + i, (pixel // width).to(tl.int16), mask=inside)
    tl.store(fired[3] + i, (event & 1).to(tl.uint8), mask=inside)


def on_host(parts: list[Fired], shape: tuple[int, int]) -> Events:
    t, x, y, p = (_column(column) for column in zip(*parts, strict=True))
    return Events(t, x.view(np.uint16), y.view(np.uint16), p, shape)


def _column(parts: tuple[Tensor, ...]) -> Array:
    """Of parts on a device one array of the host, in memory that the device writes to directly."""
    whole = torch.empty(sum(map(len, parts)), dtype=parts[0].dtype, pin_memory=True)
    place = 0
    for part in parts:
        whole[place : place + len(part)].copy_(part, non_blocking=True)
        place += len(part)
    torch.cuda.current_stream().synchronize()
    array: Array = whole.numpy()
    return array
