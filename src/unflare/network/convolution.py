"""The short causal convolution in front of the scan: one filter a channel, its last inputs carried.

    y_t = bias + sum_k w_k x_{t+k-(K-1)}          x float32 (b, l, d), w (d, K)

torch's own grouped convolution wants time last and costs ten times as much on a CPU; it remains for other devices.
"""

from collections.abc import Callable

import torch
from numba import njit
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from unflare.network.blocks import over_blocks
from unflare.network.kernels import BLOCK, Array


def convolve(x: Tensor, conv: nn.Conv1d, tail: Tensor) -> tuple[Tensor, Tensor]:
    """silu of `causal_conv`, and the new tail."""
    y, after = causal_conv(x, conv, tail)
    return functional.silu(y), after


def tail_after(x: Tensor, tail: Tensor) -> Tensor:
    """The last inputs of a sequence (b, l, d) that had the tail (b, K - 1, d) before it; a copy that holds no more."""
    taps = tail.shape[1]
    return torch.cat([tail, x[:, -taps:]], dim=1)[:, -taps:].clone() if taps else tail


def causal_conv(x: Tensor, conv: nn.Conv1d, tail: Tensor) -> tuple[Tensor, Tensor]:
    """y_bld and the new tail; `conv` has the weights, `tail` (b, K - 1, d) is the inputs before the first of x."""
    padded = torch.cat([tail, x], dim=1)
    after = tail_after(x, tail)
    if x.device.type == "cpu":
        apply: Callable[..., Tensor] = _Convolution.apply
        y = apply(padded, conv.weight.squeeze(1), conv.bias)
    else:
        y = conv(padded.transpose(1, 2)).transpose(1, 2)
    return y, after


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Function, padded: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        (sequences, length, channels), taps = padded.shape, weight.shape[1]
        w = weight.t().contiguous()
        y = padded.new_empty(sequences, length - taps + 1, channels)
        over_blocks(_forward, (sequences, channels), padded.numpy(), w.numpy(), bias.numpy(), y.numpy())
        ctx.save_for_backward(padded, w)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Function, dy: Tensor) -> tuple[Tensor, ...]:
        padded, w = tuple(ctx.saved_tensors)
        sequences, _, channels = padded.shape
        dx, dw, dy = torch.zeros_like(padded), w.new_zeros(sequences, *w.shape), dy.contiguous()
        arrays = (tensor.numpy() for tensor in (padded, w, dy, dx, dw))
        over_blocks(_backward, (sequences, channels), *arrays)
        return dx, dw.sum(0).t(), dy.sum((0, 1))


@njit(fastmath={"contract"}, cache=True, nogil=True, error_model="numpy")
def _forward(padded: Array, w: Array, bias: Array, y: Array, place: tuple[int, int]) -> None:
    b, first = place
    last = min(first + BLOCK, y.shape[2])
    for t in range(y.shape[1]):
        for d in range(first, last):
            y[b, t, d] = bias[d]
        for k in range(len(w)):
            for d in range(first, last):
                y[b, t, d] += w[k, d] * padded[b, t + k, d]


@njit(fastmath={"contract"}, cache=True, nogil=True, error_model="numpy")
def _backward(padded: Array, w: Array, dy: Array, dx: Array, dw: Array, place: tuple[int, int]) -> None:
    """Adds to dx and to dw (b, K, d)."""
    b, first = place
    last = min(first + BLOCK, dy.shape[2])
    for t in range(dy.shape[1]):
        for k in range(len(w)):
            for d in range(first, last):
                dx[b, t + k, d] += w[k, d] * dy[b, t, d]
                dw[b, k, d] += padded[b, t + k, d] * dy[b, t, d]
