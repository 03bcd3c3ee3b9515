"""The norm between the layers, without parameters (Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019)."""

from torch import Tensor
from torch.nn import functional

EPSILON = 1e-5


def rms_norm(x: Tensor) -> Tensor:
    """x_blm over the root of the mean of its squares."""
    return functional.rms_norm(x, x.shape[-1:], eps=EPSILON)


def add_norm(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """x + y, both (b, l, m), and the norm of it."""
    total = x + y
    return total, rms_norm(total)
