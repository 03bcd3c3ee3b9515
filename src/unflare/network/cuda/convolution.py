"""The convolution in front of the scan with its SiLU, on a CUDA device, where no gradient is wanted.

u_t = silu(bias + sum_k w_k x_{t+k-(K-1)})          x, u (b, l, d), w (d, K), bias (d,)
"""

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

STEPS, CHANNELS = 64, 64  # of a program


def convolve(x: Tensor, conv: nn.Conv1d, tail: Tensor) -> Tensor:
    """u (b, l, d) of x's type, contiguous; `tail` (b, K - 1, d) is the inputs before the first of x."""
    b, length, d = x.shape
    x = x if x.stride(2) == 1 and (b == 1 or x.stride(0) == length * x.stride(1)) else x.contiguous()
    u = torch.empty(b, length, d, dtype=x.dtype, device=x.device)
    weight, bias, tail = conv.weight.contiguous(), conv.bias, tail.contiguous()
    grid = (-(-length // STEPS), -(-d // CHANNELS), b)
    convolution[grid](x, tail, weight, bias, u, x.stride(1), length, d, K=conv.kernel_size[0], T=STEPS, D=CHANNELS)
    return u


@triton.jit
def convolution(  # noqa: PLR0913
    x: tl.tensor,
    tail: tl.tensor,
    weight: tl.tensor,
    bias: tl.tensor,
    u: tl.tensor,
    stride: tl.tensor,
    length: tl.tensor,
    channels: tl.tensor,
    K: tl.constexpr,
    T: tl.constexpr,
    D: tl.constexpr,
) -> None:
    t, sequence = tl.program_id(0) * T + tl.arange(0, T)[:, None], tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * D + tl.arange(0, D)[None, :]
    there = channel < channels
    total = tl.zeros((T, D), tl.float32) + tl.load(bias + channel, mask=there, other=0.0)
    for k in tl.static_range(K):
        s = t + k - (K - 1)
        of_x, of_tail = there & (s >= 0) & (s < length), there & (s < 0)
        value = tl.load(x + (sequence * length + s) * stride + channel, mask=of_x, other=0.0).to(tl.float32)
        before = tail + (sequence * (K - 1) + s + K - 1) * channels + channel
        value += tl.load(before, mask=of_tail, other=0.0).to(tl.float32)
        total += value * tl.load(weight + channel * K + k, mask=there, other=0.0)
    out = total / (1 + tl.exp(-total))
    tl.store(u + (sequence * length + t) * channels + channel, out.to(u.dtype.element_ty), mask=there & (t < length))
