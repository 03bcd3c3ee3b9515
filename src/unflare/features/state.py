"""What is remembered of a recording between its chunks."""

import numpy as np

from unflare.events import Events
from unflare.features.bands import ROWS, Band
from unflare.features.kernel import NEVER, logarithms


class PixelState:
    """What a sensor of shape (height, width) remembers between chunks of a recording; starts knowing nothing."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.previous = NEVER  # time of the last event, us
        self.window: int | None = None  # us; fixed by the first chunk
        self.bands = [Band(first, shape) for first in range(0, shape[0], ROWS)]
        self.table = np.empty(0)

    def open(self, events: Events, window: int) -> None:
        """Get ready for a chunk. Raises ValueError if it cannot follow what was seen so far."""
        if events.shape != self.shape:
            raise ValueError(f"features: the state is of a sensor {self.shape}, found events of {events.shape}")
        if self.window is None:
            if window < 1:
                raise ValueError(f"features: the window must be 1 us or more, found {window}")
            self.window, self.table = window, logarithms(window)
        if window != self.window:
            raise ValueError(f"features: the state was built with a window of {self.window} us, found {window}")
        events.checked()
        if len(events) and events.t[0] < self.previous:
            raise ValueError(f"features: the state has seen {self.previous} us, found an event at {events.t[0]} us")
