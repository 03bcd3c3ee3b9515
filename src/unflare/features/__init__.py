"""Thirteen features for every event, and their cache."""

from unflare.features.pfd import FEATURES, IMPLEMENTATION, VERSION, PixelState, extract

__all__ = ["FEATURES", "IMPLEMENTATION", "VERSION", "PixelState", "extract"]
