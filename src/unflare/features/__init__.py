"""Thirteen features for every event, and their cache."""

from unflare.features.extraction import IMPLEMENTATION, extract
from unflare.features.pfd import FEATURES, VERSION
from unflare.features.state import PixelState

__all__ = ["FEATURES", "IMPLEMENTATION", "VERSION", "PixelState", "extract"]
