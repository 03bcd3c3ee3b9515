"""Which selective scan runs on a device. One place decides; there is no stand-in for a scan that is missing."""

from collections.abc import Callable

import torch
from torch import Tensor

from unflare.network.scan import selective_scan

Scan = Callable[..., tuple[Tensor, Tensor]]

TINY = (
    2.0**-40
)  # a step size so small that exp(TINY A) is 1 in float32, and a power of two, so that TINY / TINY is exact


def implementation(device: torch.device) -> str:
    """Name of the scan that runs on this device, for checkpoints, runs and reports. Raises as `scan_for`."""
    if device.type == "cpu":
        return "selective scan, numba, float32"
    scan_for(device)
    import mamba_ssm

    return f"mamba_ssm {mamba_ssm.__version__} selective_scan_fn, float32"


def scan_for(device: torch.device) -> Scan:
    """The scan of a device; signature and results are those of `scan.selective_scan`.

    On CUDA the final state carries no gradient: mamba_ssm leaves it out of its backward pass, so it is detached here,
    where a gradient that is silently wrong would begin.

    Raises ImportError on CUDA without mamba_ssm, ValueError on a device without a scan.
    """
    if device.type == "cpu":
        return selective_scan
    if device.type != "cuda":
        raise ValueError(f"device: the selective scan runs on cpu and cuda, found {device.type}")
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError as error:
        raise ImportError(f"CUDA: the scan needs mamba-ssm, install it with `make setup-gpu` ({error})") from error

    def scan(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        u, delta, A, B, C, D, h0 = (tensor.float() for tensor in tensors)
        time_last = (tensor.transpose(1, 2).contiguous() for tensor in with_state(u, delta, B, C, h0))
        u, delta, B, C = time_last
        y, h1 = selective_scan_fn(u, delta, A, B, C, D, return_last_state=True)
        return y.transpose(1, 2)[:, A.shape[1] :], h1.detach()

    return scan


def with_state(u: Tensor, delta: Tensor, B: Tensor, C: Tensor, h0: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same inputs behind n steps that bring a state of zeros to h0: for a scan that takes no initial state.

    Step i writes state i alone (B one-hot) and lets nothing decay (exp(TINY A) = 1): TINY (h0 / TINY) = h0, exactly,
    gradients too. The outputs of these steps, the first n, are to be dropped.
    """
    n = h0.shape[2]
    writes = (h0 / TINY).transpose(1, 2)
    one_hot = torch.eye(n, dtype=B.dtype, device=B.device).expand(len(B), n, n)
    return (
        torch.cat([writes, u], dim=1),
        torch.cat([torch.full_like(writes, TINY), delta], dim=1),
        torch.cat([one_hot, B], dim=1),
        torch.cat([torch.zeros_like(one_hot), C], dim=1),
    )
