"""Removes lens flare from event-camera recordings."""

from unflare.events import Events, load, open_recording

__all__ = ["Events", "load", "open_recording"]
