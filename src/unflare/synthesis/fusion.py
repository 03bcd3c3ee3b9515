# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Two event streams as one sensor would have seen their light together.

"Removing lens flare from event streams" (E-Deflare, arXiv 2512.09016): the log of a sum of lights changes by
d ln(I_bg + I_o) = w d ln I_bg + (1 - w) d ln I_o with w = I_bg / (I_bg + I_o), the share of the background in the
light. What each event is worth follows from w at its place and time, by one of three rules.

    integrate   per pixel, each event adds ±w (background) or ±(1 - w) (other) to an accumulator, which fires, with the
                sign it has reached, where it reaches one threshold
    pnl_es      each background event is kept with probability w, each other one with 1 - w
    union       all events of both, the ablation
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from unflare.events import Array, Events, merge

Weight: TypeAlias = float | Array | Callable[[Array, Array, Array], Array]
RULES = ("integrate", "pnl_es", "union")
ROUNDING = 1e-6  # ten events of weight 0.1 are one threshold, though their float32 sum may fall short


class Fused(NamedTuple):
    """Events with their origin.

    events
    source  uint8 (n,), the stream of the event that fired: 0 background, 1 other
    share   float32 (n,), the other stream's share in what fired, 0 to 1
    """

    events: Events
    source: Array
    share: Array


def fuse(background: Events, other: Events, weight: Weight, rule: str, seed: int) -> Fused:
    """Both streams in time order under a rule; `weight` is the share of the background in the light, 0 to 1.

    weight  one number, one per pixel (h, w), or a function of (t, x, y) that gives one per event
    seed    of `pnl_es`: an event's draw depends on seed, stream and its number in the stream alone, so that two
            fusions of one background keep the same of its events wherever their weights agree

    Raises ValueError for streams of two sensors, an unknown rule, or weights outside 0..1.
    """
    if rule not in RULES:
        raise ValueError(f"fuse: rule must be one of {', '.join(RULES)}, found {rule!r}")
    if rule == "union":
        return _all(background, other)
    w = _at(weight, background)
    v = _at(weight, other)
    if rule == "pnl_es":
        return _all(background[_uniform(seed, 0, len(background)) < w], other[_uniform(seed, 1, len(other)) >= v])
    events, source = merge(background, other)
    worth = np.empty(len(events), np.float32)
    worth[source == 0], worth[source == 1] = w, 1 - v
    fired, polarity, share = _integrate(events.y, events.x, events.p, source, worth, np.zeros((*events.shape, 3)))
    kept = events[fired]
    return Fused(Events(kept.t, kept.x, kept.y, polarity[fired], kept.shape), source[fired], share[fired])


def _all(background: Events, other: Events) -> Fused:
    events, source = merge(background, other)
    return Fused(events, source, source.astype(np.float32))


def _at(weight: Weight, events: Events) -> Array:
    """The weight at each event, float32 (n,)."""
    if callable(weight):
        found = np.asarray(weight(events.t, events.x, events.y), np.float32)
    elif np.ndim(weight) == 0:
        found = np.full(len(events), weight, np.float32)
    else:
        found = _of_pixels(np.asarray(weight, np.float32), events)
    if found.shape != (len(events),) or not np.all((found >= 0) & (found <= 1)):
        ends = f"{found.min()} to {found.max()}" if found.size else "none"
        raise ValueError(f"fuse: weights must be {len(events)} numbers in 0..1, found {found.shape}, {ends}")
    return found


def _of_pixels(weight: Array, events: Events) -> Array:
    if weight.shape != events.shape:
        raise ValueError(f"fuse: weights must be of the sensor's shape {events.shape}, found {weight.shape}")
    return np.asarray(weight[events.y, events.x])


def _uniform(seed: int, stream: int, count: int) -> Array:
    """Numbers in [0, 1); number i depends on seed, stream and i alone, not on `count`."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream)))).random(count, np.float64)


@njit
def _integrate(y: Array, x: Array, p: Array, source: Array, worth: Array, state: Array) -> tuple[Array, Array, Array]:
    """Which events fire, with which polarity, and the other stream's share in all change since the pixel last fired.

    state  (h, w, 3): accumulator in thresholds, change by the background, change by the other stream
    """
    fired = np.zeros(len(p), np.bool_)
    polarity = np.zeros(len(p), np.uint8)
    share = np.zeros(len(p), np.float32)
    for i in range(len(p)):
        pixel = state[y[i], x[i]]
        pixel[0] += worth[i] if p[i] else -worth[i]
        pixel[1 + source[i]] += worth[i]
        if abs(pixel[0]) >= 1 - ROUNDING:
            fired[i] = True
            polarity[i] = pixel[0] > 0
            share[i] = pixel[2] / (pixel[1] + pixel[2])
            pixel[0] -= 1.0 if pixel[0] > 0 else -1.0
            pixel[1:] = 0
    return fired, polarity, share
