"""The published metrics of de-flaring, and the two computations that any comparison of streams is made of."""

from unflare.edeflare.published import edeflare

__all__ = ["edeflare"]
