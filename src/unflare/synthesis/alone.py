# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Pixels that do not fit the loops of `passage.py`, one at a time: those that hot pixels or background activity
disturb, those for which the barrier against the drift has odds that a draw of 32 bits can meet, and those that are
asleep.
"""

import numpy as np
from numba import njit

from unflare.events import Array
from unflare.synthesis.draws import uniform32, words
from unflare.synthesis.intervals import ASLEEP, TIME, UNSURE, Gathered, Interval, Row
from unflare.synthesis.ordering import packed
from unflare.synthesis.passage import CERTAIN, speed

PIXEL = np.int64(TIME + 1)  # where it starts in a packed disturbance

_BARRIER = np.uint32(1 << 31)  # numbers of the draws that choose one


@njit(error_model="numpy")
def disturb(interval: Interval, first: int, y: int, after: Array, row: Row) -> Array:
    """Opens the disturbed pixels of row y; returns their disturbances, which start at the `first`."""
    last = first
    while last < len(interval.disturbances) and interval.disturbances[last] >> PIXEL < (y + 1) * len(after):
        x = (interval.disturbances[last] >> PIXEL) - y * len(after)
        row.open[x], after[x] = 1, UNSURE
        last += 1
    return interval.disturbances[first:last]


@njit(error_model="numpy")
def one_by_one(  # noqa: PLR0913
    interval: Interval,
    y: int,
    mine: Array,
    voltages: tuple[Array, Array],
    row: Row,
    unsure: Array,
    waiting: tuple[Gathered, np.uint64],
    events: tuple[Array, np.uint64],
) -> tuple[np.uint64, np.uint64]:
    """Pixels of row y through the interval, except those that only wake: to the gathered. How many those and the events
    are now."""
    (v, after), (gathered, count), (out, found), first = voltages, waiting, events, 0
    for column in unsure:
        x = np.uint64(column)
        place, drift, variance = np.uint32(np.uint32(y << 16) + column), row.drift[x], row.variance[x]
        last = first
        while last < len(mine) and (mine[last] >> PIXEL) - y * len(v) == np.int64(x):
            last += 1
        if last == first and v[x] > 1 and np.abs(drift) > CERTAIN * variance:
            gathered.place[count], gathered.drift[count], gathered.variance[count] = place, drift, variance
            gathered.ahead[count] = interval.span - (v[x] - ASLEEP)
            count += np.uint64(1)
        else:
            found, after[x] = _through(interval, place, (drift, variance), v[x], mine[first:last], (out, found))
        first = last
    return count, found


@njit(error_model="numpy")
def _through(
    interval: Interval,
    place: np.uint32,
    motion: tuple[np.float32, np.float32],
    voltage: float,
    mine: Array,
    events: tuple[Array, np.uint64],
) -> tuple[np.uint64, np.float32]:
    """One pixel, event by event, past its disturbances; how many events are found now, and its residual."""
    (drift, variance), (out, found), key = motion, events, (interval.key[0], interval.key[1])
    span, c, number, waiting = np.float64(interval.span), np.float64(abs(drift)), np.uint32(0), 0
    asleep = voltage > 1
    sees, voltage = np.float64(voltage - ASLEEP if asleep else 0), np.float64(0 if asleep else voltage)
    while sees < span:
        while waiting < len(mine) and _offset(mine[waiting]) < sees:
            waiting += 1  # it fell into the refractory period
        disturbed = waiting < len(mine)
        until = _offset(mine[waiting]) if disturbed else span
        sign = _barrier(drift, variance, voltage, words(place, np.uint32(number + _BARRIER), key)[0])
        distance = 1 - sign * voltage
        m, n = words(place, number, key)
        drawn = speed(c, variance, distance, m, n)
        if (until - sees) * drawn > distance:
            sees += distance / drawn
        elif disturbed:
            sees, sign = until, 1.0 if mine[waiting] & 1 else -1.0
            waiting += 1
        else:
            return found, np.float32(voltage + sign * drawn * (span - sees))
        stamp = np.int64(sees + 0.5)
        out[min(found, np.uint64(len(out) - 1))] = packed(stamp, place, sign > 0)
        found, number, voltage = found + np.uint64(1), np.uint32(number + np.uint32(1)), 0.0
        if interval.refractory:
            sees = np.float64(stamp + interval.refractory)
    return found, ASLEEP + np.float32(sees - span)


@njit(inline="always", error_model="numpy")
def _offset(disturbance: np.int64) -> float:
    """When a disturbance happens, us from the start of the interval."""
    return np.float64((disturbance >> 1) & ((1 << TIME) - 1))


@njit(error_model="numpy")
def _barrier(drift: float, variance: float, voltage: float, bits: np.uint32) -> float:
    """Which of the two is reached, 1 or -1: that along the drift but for the gambler's odds."""
    along = 1.0 if drift > 0 else -1.0
    against, x = 1 + along * voltage, 2.0 * abs(drift) / variance
    if 0.5 * x * against > CERTAIN:
        return along
    odds = 0.5 * against if x == 0 else np.expm1(-x * against) / np.expm1(-2 * x)
    return along if uniform32(bits) <= odds else -along
