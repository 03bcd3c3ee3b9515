"""The parts of a Mamba layer on a CUDA device: the scan, which takes and returns its state, and its adjoint, in Triton.

A training from the beginning of its sequences goes through mamba_ssm and causal_conv1d where both are installed.
"""

from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional

from unflare.network.convolution import causal_conv, tail_after
from unflare.network.cuda.convolution import convolve as convolve_without_gradients
from unflare.network.cuda.mixing import mix as own
from unflare.network.cuda.norm import add_norm as add_norm_without_gradients
from unflare.network.norm import add_norm as add_norm_in_torch

__all__ = ["add_norm", "convolve", "mix", "name", "official", "own"]

OFFICIAL = all(find_spec(package) is not None for package in ("mamba_ssm", "causal_conv1d"))


def name() -> str:
    if not OFFICIAL:
        return "selective scan, Triton"
    import mamba_ssm

    return f"selective scan, Triton; training through mamba_ssm {mamba_ssm.__version__}"


def convolve(x: Tensor, conv: nn.Conv1d, tail: Tensor) -> tuple[Tensor, Tensor]:
    """As `unflare.network.convolution.convolve`."""
    if not torch.is_grad_enabled():
        return convolve_without_gradients(x, conv, tail), tail_after(x, tail)
    if OFFICIAL and x.shape[2] % 8 == 0:  # what its layout with channels last asks for
        return _official_convolution(x, conv, tail), tail_after(x, tail)
    y, after = causal_conv(x, conv, tail)
    return functional.silu(y), after


def add_norm(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """As `unflare.network.norm.add_norm`."""
    return (add_norm_in_torch if torch.is_grad_enabled() else add_norm_without_gradients)(x, y)


def mix(  # noqa: PLR0913
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
    """As `unflare.network.scan.mix`; the final state of a training through mamba_ssm carries no gradient."""
    if h0 is None and OFFICIAL and torch.is_grad_enabled():
        return official(u, step, bias, A, B, C, D, z)
    h0 = A.new_zeros(len(u), *A.shape) if h0 is None else h0
    return own(u, step, bias, A, B, C, D, z, h0)


def _official_convolution(x: Tensor, conv: nn.Conv1d, tail: Tensor) -> Tensor:
    from causal_conv1d import causal_conv1d_fn

    u: Tensor = causal_conv1d_fn(
        x.transpose(1, 2),
        conv.weight.squeeze(1),
        conv.bias,
        initial_states=tail.transpose(1, 2),
        activation="silu",
    )
    return u.transpose(1, 2)


def official(  # noqa: PLR0913
    u: Tensor, step: Tensor, bias: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, z: Tensor
) -> tuple[Tensor, Tensor]:
    """mamba_ssm leaves the final state out of its backward pass, so it is detached: a gradient would be wrong."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    u, step, B, C, z = (tensor.transpose(1, 2).contiguous() for tensor in (u, step, B, C, z))
    y, h1 = selective_scan_fn(
        u, step, A, B, C, D.float(), z=z, delta_bias=bias.float(), delta_softplus=True, return_last_state=True
    )
    return y.transpose(1, 2), h1.detach()
