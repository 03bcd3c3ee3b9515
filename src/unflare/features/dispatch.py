"""Which form runs on a device. One place decides; none stands in for another."""

from collections.abc import Callable

import torch
from torch import Tensor

from unflare.features import ordered
from unflare.features.columns import Accept, Columns, Look
from unflare.features.ordered import Tables

Form = Callable[[Columns, Tables, Tensor, Accept], Look]


def place(device: str | torch.device) -> torch.device:
    """The device that is meant, on CUDA with its number. Raises ValueError where it is not there."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device: expected cpu, cuda or cuda:<number>, found {device}") from None
    if found.type not in ("cpu", "cuda"):
        raise ValueError(f"device: the features run on cpu and cuda, found {found}")
    if found.type == "cpu":
        return torch.device("cpu")
    if (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: {found} was asked for, and torch finds {torch.cuda.device_count()} CUDA devices")
    return torch.device("cuda", torch.cuda.current_device() if found.index is None else found.index)


def form_for(device: torch.device) -> Form:
    """Signature and results are those of `ordered.write`. Raises ImportError on CUDA without Triton."""
    if device.type == "cpu":
        return ordered.write
    try:
        from unflare.features import cuda
    except ModuleNotFoundError as error:
        raise ImportError(f"CUDA: the features need Triton, which comes with torch for CUDA ({error})") from error
    return cuda.write
