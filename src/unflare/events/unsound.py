"""Which events of a damaged file can be."""

from collections import Counter

import numpy as np

from unflare.events.stream import Array

FAR = 1 << 60  # us; 36,000 years


def sound(raw: dict[str, Array], shape: tuple[int, int], previous: int | None) -> tuple[Array, Counter[str]]:
    """Whether each event can be, bool (n,), and how many cannot for which reason, the first that applies.

    It lies inside the sensor (height, width), has a polarity of -1, 0 or 1, and is not earlier than the event before it
    that can be, nor than `previous`. One event that is later than the next two, which are in order, is at fault itself.
    """
    found: Counter[str] = Counter()
    height, width = shape
    t, x, y, p = (raw[name] for name in "txyp")
    keep = np.ones(len(t), bool)
    for reason, fine in (
        ("outside the sensor", (x >= 0) & (x < width) & (y >= 0) & (y < height)),
        ("of no polarity", (p <= 1) & ((p >= 0) | (p == -1))),
        ("of no time", (t < FAR) & (t > -FAR)),
    ):
        found[reason] = int(np.count_nonzero(keep & ~fine))
        keep &= fine
    candidates = np.flatnonzero(keep)
    fine = _ascending(t[candidates].astype(np.int64), previous)
    found["earlier than the event before"] = int(np.count_nonzero(~fine))
    keep[candidates[~fine]] = False
    return keep, +found


def _ascending(t: Array, previous: int | None) -> Array:
    before = np.append(t[:1] if previous is None else previous, t)[: len(t)]
    after = np.append(t, t[-1:])[1:]
    spike = (t > after) & (after >= before)
    kept = np.where(spike, -FAR, t)
    latest = np.maximum.accumulate(np.append(-FAR if previous is None else previous, kept))[:-1]
    fine: Array = ~spike & (t >= latest)
    return fine
