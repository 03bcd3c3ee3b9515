"""How a device does the parts of a Mamba layer that torch has no fast form of. One place decides; none stands in."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from unflare.network import convolution, norm, scan


class Form(NamedTuple):
    """name      for checkpoints, runs and reports
    convolve  as `convolution.convolve`
    mix       as `scan.mix`
    add_norm  as `norm.add_norm`
    """

    name: str
    convolve: Callable[..., tuple[Tensor, Tensor]]
    mix: Callable[..., tuple[Tensor, Tensor]]
    add_norm: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]


def form_for(device: torch.device) -> Form:
    """Raises ImportError on CUDA without Triton, ValueError on a device without a scan."""
    if device.type == "cpu":
        return Form(scan.NAME, convolution.convolve, scan.mix, norm.add_norm)
    if device.type != "cuda":
        raise ValueError(f"device: the selective scan runs on cpu and cuda, found {device.type}")
    try:
        from unflare.network import cuda
    except ModuleNotFoundError as error:
        raise ImportError(f"CUDA: the scan needs Triton, which comes with torch for CUDA ({error})") from error
    return Form(cuda.name(), cuda.convolve, cuda.mix, cuda.add_norm)


def implementation(device: torch.device) -> str:
    """Name of the scan that runs on this device. Raises as `form_for`."""
    return form_for(device).name
