"""Slow, obvious versions of what the package does fast."""

import numpy as np


def ms_to_idx(t: np.ndarray) -> list[int]:
    """For every millisecond up to the last event's, how many events come before it."""
    return [sum(time < 1000 * ms for time in t.tolist()) for ms in range(int(t[-1]) // 1000 + 1)]
