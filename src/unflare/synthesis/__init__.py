"""From light to events: the simulator, flares, and their fusion with a background."""

from unflare.synthesis.dispatch import simulate
from unflare.synthesis.fusion import fuse

__all__ = ["fuse", "simulate"]
