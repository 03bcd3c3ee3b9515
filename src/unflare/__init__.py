"""Removes lens flare from event-camera recordings."""

from unflare.events import Events

__all__ = ["Events"]
