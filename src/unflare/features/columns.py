"""Events on a device: their columns, their way there and back, and the one look that says whether they are sound."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unflare.events import Array, Events


class Columns(NamedTuple):
    """Events on a device, with the columns of `Events`, (n,) each: t int64, x and y int16 read as uint16, p uint8."""

    t: Tensor
    x: Tensor
    y: Tensor
    p: Tensor


DTYPES = (torch.int64, torch.int16, torch.int16, torch.uint8)  # of `Columns`


class Look(NamedTuple):
    """What the host must know of new events, with their past in front: us, and whether they are in range and order.

    `kept` is where the last 2 W begin, as a place among all of them.
    """

    begin: int
    end: int
    sound: bool
    kept: int


Accept = Callable[[Look], None]  # raises for what cannot be computed


def wide(column: Tensor) -> Tensor:
    """x or y of `Columns` as int32."""
    return column.int() & 0xFFFF


def look(new: Columns, t: Tensor, shape: tuple[int, int], window: int) -> Look:
    """At new events; `t` has their past in front. In one go: each look waits for the device."""
    back = (new.t[1:] < new.t[:-1]).any()
    found = [new.t[0], new.t[-1], back, wide(new.x).max(), wide(new.y).max(), new.p.max()]
    keep = torch.searchsorted(t, new.t[-1:] - 2 * window)[0]
    begin, end, unsorted, x, y, p, kept = torch.stack([value.long() for value in (*found, keep)]).tolist()
    return Look(begin, end, not unsorted and x < shape[1] and y < shape[0] and p <= 1, kept)


def on_device(events: Events | Columns, part: slice, device: torch.device) -> Columns:
    """A part of the events, contiguous; those of the host go through memory that the device reads directly."""
    if isinstance(events, Columns):
        return Columns(*(column[part].contiguous() for column in events))
    arrays = (events.t[part], events.x[part].view(np.int16), events.y[part].view(np.int16), events.p[part])
    return Columns(*(_moved(array, device) for array in arrays))


def _moved(array: Array, device: torch.device) -> Tensor:
    column = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    pinned = torch.empty_like(column, pin_memory=device.type == "cuda")
    return pinned.copy_(column).to(device, non_blocking=True)


def on_host(events: Columns, shape: tuple[int, int]) -> Events:
    """Events of a device as those of the host. Raises ValueError for columns that are not like those of `Events`."""
    t, x, y, p = (column.cpu().numpy() for column in events)
    return Events(t, x.view(np.uint16), y.view(np.uint16), p, shape)


def refuse_foreign(events: Columns, device: torch.device) -> None:
    for name, column, dtype in zip(Columns._fields, events, DTYPES, strict=True):
        if column.dtype != dtype or column.shape != events.t.shape or column.ndim != 1 or column.device != device:
            found = f"{column.dtype} {tuple(column.shape)} on {column.device}"
            raise ValueError(f"columns: {name} must be {dtype} of shape (n,), one n, on {device}, found {found}")
