"""The selective scan as a differentiable function of torch tensors on the CPU."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from unflare.network import kernels
from unflare.network.blocks import over_blocks

NAME = "selective scan, numba, float32"


def mix(  # noqa: PLR0913 - the paper's letters
    u: Tensor,
    step: Tensor,
    bias: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    h0: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Gated outputs y silu(z) (b, l, d) of the scan with Δ = softplus(step + bias), and the state after the last step.

    step, z (b, l, d), bias (d,), all else as of `selective_scan`; without h0 the sequences begin here.
    """
    h0 = A.new_zeros(len(u), *A.shape) if h0 is None else h0
    y, h1 = selective_scan(u, functional.softplus(step + bias), A, B, C, D, h0)
    return y * functional.silu(z), h1


def selective_scan(  # noqa: PLR0913 - the paper's letters
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h0: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y (b, l, d), and the state after the last step (b, d, n) from the state h0 before the first.

    u, delta (b, l, d); A (d, n), not positive; B, C (b, l, n); D (d,): float32, CPU. `kernels` has the recurrence.
    All inputs have gradients. The bits do not depend on the number of threads (torch.set_num_threads).
    """
    apply: Callable[..., tuple[Tensor, Tensor]] = _Scan.apply
    segments = math.ceil(u.shape[1] / kernels.SEGMENT) if torch.is_grad_enabled() else 0
    return apply(segments, u, delta, A, B, C, D, h0)


class _Scan(Function):
    @staticmethod
    def forward(ctx: Function, segments: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        u, delta, A, B, C, D, h0 = (tensor.contiguous() for tensor in tensors)
        (sequences, _, channels), states = u.shape, A.shape[1]
        y, h1, kept = torch.empty_like(u), torch.empty_like(h0), u.new_empty(sequences, segments, states, channels)
        inputs = kernels.Inputs(*(tensor.numpy() for tensor in (u, delta, A, B, C, D)))
        over_blocks(kernels.forward, (sequences, channels), inputs, h0.numpy(), y.numpy(), h1.numpy(), kept.numpy())
        ctx.save_for_backward(u, delta, A, B, C, D, kept)
        return y, h1

    @staticmethod
    @once_differentiable
    def backward(ctx: Function, dy: Tensor, dh1: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, A, B, C, D, kept = tuple(ctx.saved_tensors)
        inputs = kernels.Inputs(*(tensor.numpy() for tensor in (u, delta, A, B, C, D)))
        (b, steps, d), n = u.shape, A.shape[1]
        rows = (math.ceil(d / kernels.BLOCK), b, steps, n)
        shapes = ((b, steps, d), (b, steps, d), (b, d, n), rows, rows, (b, d), (b, d, n))
        du, ddelta, dA, dB, dC, dD, dh0 = gradients = [kept.new_empty(shape) for shape in shapes]
        outputs = kernels.Gradients(*(tensor.numpy() for tensor in gradients))
        incoming = (dy.contiguous().numpy(), dh1.contiguous().numpy())
        over_blocks(kernels.backward, (b, d), inputs, kept.numpy(), *incoming, outputs)
        return None, du, ddelta, dA.sum(0), dB.sum(0), dC.sum(0), dD.sum(0), dh0
