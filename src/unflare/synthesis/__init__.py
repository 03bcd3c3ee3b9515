"""From light to events: the simulator, flares, and their fusion with a background."""

from unflare.synthesis.voltmeter import simulate

__all__ = ["simulate"]
