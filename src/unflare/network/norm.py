"""The norm between the layers, without parameters (Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019)."""

from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5


def add_norm(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    """x + y, or x alone, (b, l, m), and the norm of it: over the root of the mean of its squares."""
    total = x if y is None else x + y
    return total, functional.rms_norm(total, total.shape[-1:], eps=EPSILON)
