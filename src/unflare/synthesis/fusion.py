# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Two event streams as one sensor would have seen their light together.

"Removing lens flare from event streams" (E-Deflare, arXiv 2512.09016): the log of a sum of lights changes by
d ln(I_bg + I_o) = w d ln I_bg + w_o d ln I_o, where w = I_bg / (I_bg + I_o) and w_o = I_o / (I_bg + I_o) are the shares
of the two in the light. A sensor with a dark current k counts contrast as d ln(I + k), and then the shares are
(I_bg + k) / (I_bg + I_o + k) and (I_o + k) / (I_bg + I_o + k): together more than one. An event of a stream is worth
the share of its light, at its place and time, in thresholds; what comes of it, one of three rules says.

    integrate   per pixel, each event adds its worth, with its sign, to an accumulator, which fires where it reaches a
                threshold, with the sign that it has, and is one less for it. The threshold is drawn anew for each
                firing, uniform in (1/3, 1]
    pnl_es      each event is kept with the probability of its worth
    union       all events of both, the ablation

Why a threshold is drawn: a stream shows whole steps alone. The change below a step, at a pixel's start and at its end,
is lost in each of the two and would be lost again in the sum; with thresholds of one, half of the events are missing.
The accumulator keeps what it was worth, so that the sum of the changes stays the same, and an event of worth 1 fires
under any threshold, so that a light alone leaves its stream as it is. `proof` measures what 1/3 is the answer to.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from unflare.events import Array, Events, merge
from unflare.synthesis.draws import GOLDEN, mixed, uniform

Weight: TypeAlias = float | Array | Callable[[Array, Array, Array], Array]
RULES = ("integrate", "pnl_es", "union")
LOWEST = 1 / 3  # threshold, in worth
ROUNDING = 1e-6  # ten events of weight 0.1 are one threshold, though their float32 sum may fall short
FIRINGS = np.uint64(1 << 20)  # counters reserved for one pixel


class Shares(NamedTuple):
    """What an event of either stream is worth, 0 to 1: one number, one per pixel (h, w), or a function of (t, x, y)
    that gives one per event.
    """

    background: Weight
    other: Weight


class Fused(NamedTuple):
    """Events with their origin.

    events
    source  uint8 (n,), the stream of the event that fired: 0 background, 1 other
    share   float32 (n,), the other stream's share in what fired, 0 to 1: of all worth, whatever its sign, that came to
            the pixel since it last fired
    """

    events: Events
    source: Array
    share: Array


def fuse(background: Events, other: Events, weight: Weight | Shares, rule: str, seed: int) -> Fused:
    """Both streams in time order under a rule.

    weight  the share of the background in the light, which leaves the rest to the other; or the shares of both
    seed    of `pnl_es`: an event's draw depends on seed, stream and its number in the stream alone, so that two
            fusions of one background keep the same of its events wherever their shares agree; of `integrate`: a
            threshold depends on seed, pixel and how often the pixel has fired, to the same end

    Raises ValueError for streams of two sensors, an unknown rule, or shares outside 0..1.
    """
    if rule not in RULES:
        raise ValueError(f"fuse: rule must be one of {', '.join(RULES)}, found {rule!r}")
    if rule == "union":
        return _all(background, other)
    shares = weight if isinstance(weight, Shares) else Shares(weight, _rest(weight))
    w, v = _at(shares.background, background), _at(shares.other, other)
    if rule == "pnl_es":
        return _all(background[_uniform(seed, 0, len(background)) < w], other[_uniform(seed, 1, len(other)) < v])
    events, source = merge(background, other)
    worth = np.empty(len(events), np.float32)
    worth[source == 0], worth[source == 1] = w, v
    state, key = np.zeros((*events.shape, 3)), np.uint64(mixed(np.uint64(seed)))
    fired, polarity, share = _integrate(events.y, events.x, events.p, source, worth, state, key)
    kept = events[fired]
    return Fused(Events(kept.t, kept.x, kept.y, polarity[fired], kept.shape), source[fired], share[fired])


def _rest(weight: Weight) -> Weight:
    if callable(weight):
        return lambda t, x, y: 1 - weight(t, x, y)
    return 1 - weight


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
        raise ValueError(f"fuse: shares must be {len(events)} numbers in 0..1, found {found.shape}, {ends}")
    return found


def _of_pixels(weight: Array, events: Events) -> Array:
    if weight.shape != events.shape:
        raise ValueError(f"fuse: shares must be of the sensor's shape {events.shape}, found {weight.shape}")
    return np.asarray(weight[events.y, events.x])


def _uniform(seed: int, stream: int, count: int) -> Array:
    """Numbers in [0, 1); number i depends on seed, stream and i alone, not on `count`."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream)))).random(count, np.float64)


@njit
def _integrate(  # noqa: PLR0913
    y: Array, x: Array, p: Array, source: Array, worth: Array, state: Array, key: np.uint64
) -> tuple[Array, Array, Array]:
    """Which events fire, with which polarity, and the other stream's share in all change since the pixel last fired.

    state  (h, w, 3): accumulator in thresholds, change by the background, change by the other stream
    """
    fired = np.zeros(len(p), np.bool_)
    polarity = np.zeros(len(p), np.uint8)
    share = np.zeros(len(p), np.float32)
    firings = np.zeros(state.shape[:2], np.uint64)
    for i in range(len(p)):
        pixel = state[y[i], x[i]]
        pixel[0] += worth[i] if p[i] else -worth[i]
        pixel[1 + source[i]] += worth[i]
        if abs(pixel[0]) < LOWEST - ROUNDING:
            continue
        counter = FIRINGS * np.uint64(y[i] * state.shape[1] + x[i]) + firings[y[i], x[i]]
        if abs(pixel[0]) >= 1 - (1 - LOWEST) * uniform(mixed(key + GOLDEN * counter)) - ROUNDING:
            fired[i] = True
            polarity[i] = pixel[0] > 0
            share[i] = pixel[2] / (pixel[1] + pixel[2])
            pixel[0] -= 1.0 if pixel[0] > 0 else -1.0
            pixel[1:] = 0
            firings[y[i], x[i]] += np.uint64(1)
    return fired, polarity, share
