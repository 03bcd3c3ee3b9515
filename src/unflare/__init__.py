"""Removes lens flare from event-camera recordings."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Torch's threads spin while they wait for each other, and take a core from the kernels that are not torch's. Where they
# sleep, a training step on two cores is a fifth faster, and a forward pass beside another process four times or more.
# Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from unflare.events import Events, load, open_recording
    from unflare.inference import score

__all__ = ["Events", "load", "open_recording", "score"]

HOMES = {"Events": "unflare.events", "load": "unflare.events", "open_recording": "unflare.events"}
HOMES |= {"score": "unflare.inference"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever is asked for)
    """Readers of recordings import HDF5, and scoring torch, which take longer than the command line for its help."""
    if name not in HOMES:
        raise AttributeError(f"module 'unflare' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
