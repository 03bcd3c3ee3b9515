"""Event streams, their files, and scenes with a truth."""

from unflare.events.stream import Array, Events, empty, merge

__all__ = ["Array", "Events", "empty", "merge"]
