"""Removes lens flare from event-camera recordings."""

import os
from typing import TYPE_CHECKING, Any

# Torch's threads spin while they wait for each other, and take a core from the kernels that are not torch's. Where they
# sleep, a training step on two cores is a fifth faster, and a forward pass beside another process four times or more.
# Read when torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from unflare.events import Events, load, open_recording

__all__ = ["Events", "load", "open_recording"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever is asked for)
    """Readers of recordings import HDF5, which takes longer than the command line has for its help."""
    if name not in __all__:
        raise AttributeError(f"module 'unflare' has no attribute {name!r}")
    from unflare import events

    return getattr(events, name)
