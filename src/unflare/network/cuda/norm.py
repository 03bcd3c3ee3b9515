"""The norm between the layers, and the sum before it, at once, on a CUDA device, where no gradient is wanted."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from unflare.network.norm import EPSILON

STEPS, WARPS = 16, 4  # of a program


def add_norm(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """As `unflare.network.norm.add_norm`, for x and y of one type."""
    x, y = x.contiguous(), None if y is None else y.contiguous()
    total, normed = x if y is None else torch.empty_like(x), torch.empty_like(x)
    steps, width = x.numel() // x.shape[-1], x.shape[-1]
    size = {"STEPS": STEPS, "WIDTH": triton.next_power_of_2(width), "num_warps": WARPS}
    add_and_norm[(-(-steps // STEPS),)](x, y, total, normed, steps, width, EPSILON, **size)
    return total, normed


@triton.jit
def add_and_norm(  # noqa: PLR0913
    x: tl.tensor,
    y: tl.tensor,
    total: tl.tensor,
    normed: tl.tensor,
    steps: tl.tensor,
    width: tl.tensor,
    epsilon: tl.tensor,
    STEPS: tl.constexpr,
    WIDTH: tl.constexpr,
) -> None:
    step, channel = tl.program_id(0) * STEPS + tl.arange(0, STEPS)[:, None], tl.arange(0, WIDTH)[None, :]
    there = (step < steps) & (channel < width)
    at = step.to(tl.int64) * width + channel
    sums = tl.load(x + at, mask=there, other=0.0).to(tl.float32)
    if y is not None:
        sums += tl.load(y + at, mask=there, other=0.0).to(tl.float32)
        rounded = sums.to(total.dtype.element_ty)
        tl.store(total + at, rounded, mask=there)
        sums = rounded.to(tl.float32)  # what the next layer adds to
    scale = tl.rsqrt(tl.sum(sums * sums, axis=1, keep_dims=True) / width + epsilon)
    tl.store(normed + at, (sums * scale).to(normed.dtype.element_ty), mask=there)
