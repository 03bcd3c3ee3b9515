"""The scan of a Mamba layer with its softplus and its gate, as one function of torch tensors on a CUDA device."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from unflare.network.cuda.adjoint import gradients, tails
from unflare.network.cuda.scan import Inputs, Strides, carry, ends, outputs

ROWS = 64  # channels of a program
BACK_ROWS = 32  # on the way back
PROGRAMS = 1024  # that keep a device busy
SHORTEST, LONGEST = 32, 2048  # steps of a chunk
KEPT = 64  # steps of a chunk where gradients are wanted: each keeps a state for the way back
SCRATCH = 1 << 28  # bytes for the states of all steps, on the way back, of as many chunks as fit


def mix(  # noqa: PLR0913
    u: Tensor,
    step: Tensor,
    bias: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    z: Tensor,
    h0: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gated outputs (b, l, d) of u's type, and the state after the last step (b, d, n), float32. All have gradients."""
    apply: Callable[..., tuple[Tensor, Tensor]] = _Mix.apply
    tensors = (u, step, z, B, C, A, D, bias, h0)
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return apply(KEPT if wanted else _steps_of_a_chunk(u), *tensors)


class _Mix(Function):
    @staticmethod
    def forward(ctx: Any, T: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        inputs, strides = _laid_out(*tensors[:8])
        (b, length, d), n = inputs.u.shape, inputs.A.shape[1]
        chunks = -(-length // T)
        states = inputs.A.new_empty(b, chunks, d, n)
        spans, h1 = states.new_empty(b, chunks, d), states.new_empty(b, d, n)
        y = torch.empty_like(inputs.u, memory_format=torch.contiguous_format)
        grid, how = (chunks, -(-d // ROWS), b), {"T": T, "N": n, "ROWS": ROWS, "num_warps": 1}
        packed = {"PACKED": _packed(inputs, strides)}
        ends[grid](inputs, strides, states, spans, length, d, **how, **packed)
        _carry(states, spans, inputs.A, tensors[8].float().contiguous(), h1, back=False)
        outputs[grid](inputs, strides, states, y, length, d, **how, **packed)
        ctx.save_for_backward(*inputs, states, spans)
        ctx.T = T
        return y, h1

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dh1: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        *saved, states, spans = ctx.saved_tensors
        inputs, strides = Inputs(*saved), _strides(*saved[:5])
        (b, length, d), n, T = inputs.u.shape, inputs.A.shape[1], ctx.T
        chunks, blocks, dy = states.shape[1], -(-d // BACK_ROWS), dy.contiguous()
        how = {"T": T, "N": n, "ROWS": BACK_ROWS, "num_warps": 1}
        adjoint, dh0 = torch.empty_like(states), torch.empty_like(dh1, dtype=torch.float32)
        tails[(chunks, blocks, b)](inputs, strides, dy, adjoint, length, d, **how)
        _carry(adjoint, spans, inputs.A, dh1.float().contiguous(), dh0, back=True)

        du, dstep, dz = (torch.empty_like(dy) for _ in range(3))
        dB, dC = (states.new_empty(blocks, b, length, n) for _ in range(2))
        dA, dD = torch.empty_like(states), torch.empty_like(spans)
        slab = max(1, SCRATCH // (4 * T * BACK_ROWS * n * blocks * b))
        scratch = states.new_empty(min(slab, chunks), blocks, b, T, BACK_ROWS, n)
        for first in range(0, chunks, slab):
            grid = (min(slab, chunks - first), blocks, b)
            wanted = (du, dstep, dz, dB, dC, dA, dD)
            gradients[grid](inputs, strides, dy, states, adjoint, scratch, wanted, first, chunks, length, d, **how)
        sums = (dB.sum(0).to(inputs.B.dtype), dC.sum(0).to(inputs.C.dtype), dA.sum((0, 1)), dD.sum((0, 1)))
        return None, du, dstep, dz, *sums, dstep.sum((0, 1), dtype=torch.float32), dh0


def _packed(inputs: Inputs, strides: Strides) -> bool:
    """Whether B and C are bfloat16 that can be read four at a time."""
    whole = all(number % 4 == 0 for number in (inputs.A.shape[1], strides.B, strides.C))
    aligned = all(tensor.data_ptr() % 8 == 0 for tensor in (inputs.B, inputs.C))
    return inputs.B.dtype == torch.bfloat16 and whole and aligned


def _carry(states: Tensor, spans: Tensor, A: Tensor, first: Tensor, last: Tensor, *, back: bool) -> None:
    b, chunks, d, n = states.shape
    carry[(-(-d * n // 128), b)](states, spans, A, first, last, chunks, d, N=n, BLOCK=128, BACK=back)


def _laid_out(  # noqa: PLR0913
    u: Tensor, step: Tensor, z: Tensor, B: Tensor, C: Tensor, A: Tensor, D: Tensor, bias: Tensor
) -> tuple[Inputs, Strides]:
    """Inputs as the kernels read them; what is a view of a larger tensor stays one."""
    u, step, z, B, C = (_in_steps(tensor) for tensor in (u, step, z, B, C))
    A = (A.float() / math.log(2)).contiguous()
    return Inputs(u, step, z, B, C, A, D.float().contiguous(), bias.float().contiguous()), _strides(u, step, z, B, C)


def _strides(*views: Tensor) -> Strides:
    return Strides(*(tensor.stride(1) for tensor in views))


def _in_steps(tensor: Tensor) -> Tensor:
    """The tensor (b, l, k), copied unless its last dimension is dense and its sequences follow each other."""
    b, length, _ = tensor.shape
    dense = tensor.stride(2) == 1 and (b == 1 or tensor.stride(0) == length * tensor.stride(1))
    return tensor if dense else tensor.contiguous()


def _steps_of_a_chunk(u: Tensor) -> int:
    """A power of two that gives about as many programs as keep a device busy."""
    wanted = u.shape[0] * u.shape[1] * -(-u.shape[2] // ROWS) / PROGRAMS
    return min(LONGEST, max(SHORTEST, 1 << max(0, round(wanted) - 1).bit_length()))
