"""Places in ascending values, which all kernels look for."""

import torch
import triton
import triton.language as tl
from torch import Tensor


def starts(keys: Tensor, count: int) -> Tensor:
    """Where in ascending keys each of `count` begins, int32, and one more for the end of the last."""
    every = torch.arange(count + 1, dtype=keys.dtype, device=keys.device)
    return torch.searchsorted(keys, every, out_int32=True)


@triton.jit
def first(values: tl.tensor, low: tl.tensor, high: tl.tensor, bound: tl.tensor) -> tl.tensor:
    """The first place in [low, high) whose value is `bound` or more, else `high`; the values there ascend."""
    # All lanes take the same steps. Beyond its end a lane reads its last value, which then does not count: without
    # masks the loads are made together, with them they wait for each other.
    left, last = tl.max(high - low), tl.maximum(high, 1) - 1
    while left > 0:
        step = (left + 1) >> 1
        value = tl.load(values + tl.minimum(low + (step - 1), last))
        low = tl.where((value < bound) & (low + step <= high), low + step, low)
        left >>= 1
    return low


@triton.jit
def pair(high: tl.tensor, low: tl.tensor) -> tl.tensor:
    """Two int32 in an int64, `low` not negative: one load or store at a random place instead of two."""
    return (high.to(tl.int64) << 32) | low.to(tl.int64)
