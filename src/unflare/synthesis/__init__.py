"""From light to events: the simulator, flares, and their fusion with a background."""

from unflare.synthesis.fusion import fuse
from unflare.synthesis.voltmeter import simulate

__all__ = ["fuse", "simulate"]
