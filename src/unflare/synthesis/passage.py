# mypy: disable-error-code="untyped-decorator, no-any-return"
"""First passages of DVS-Voltmeter in loops without branches, 16 pixels at a time in a register. The letters are those
of `voltmeter.py`.

The first draw, `settle`, is for all pixels of a row: most come to the end of the interval without an event. Those that
fire are gathered, and go through as many more draws as they need. What does not fit these loops is in `alone.py`.

Michael, Schucany & Haas, "Generating random variates using transformations with multiple roots", 1976.
"""

import numpy as np
from numba import njit

from unflare.events import Array
from unflare.synthesis.draws import chi_square, toss, words
from unflare.synthesis.intervals import ASLEEP, FIRES, LANES, UNSURE, Gathered, Interval, Row
from unflare.synthesis.ordering import packed

CERTAIN = 11.1  # |μ|/σ² times distance from which the barrier against the drift has odds below 2^-32, exp(-2 * 11.1)

_CERTAIN, _ZERO, _HALF, _ONE, _TWO = (np.float32(value) for value in (CERTAIN, 0, 0.5, 1, 2))
_ROW, _COLUMN = np.uint32(16), np.uint32(0xFFFF)


@njit(inline="always", error_model="numpy")
def speed(c: float, variance: float, distance: float, m: np.uint32, n: np.uint32) -> float:
    """ε/τ of a passage of drift c along it: one of two roots, the greater with the odds g : c."""
    q = chi_square(m, n) * variance * _HALF / distance
    g = c + q + np.sqrt(q * (q + _TWO * c))
    return g if toss(n) * (g + c) <= g else c * c / g


@njit(error_model="numpy", fastmath={"contract"})
def settle(interval: Interval, y: int, v: Array, after: Array, row: Row) -> None:
    """Row y from the residuals v, by the first draw: to those at the end, FIRES or UNSURE."""
    a, b, sharpness, change = interval.a[y], interval.b[y], interval.sharpness[y % len(interval.sharpness)], row.change
    drifts, variances, speeds, is_open = row.drift, row.variance, row.speed, row.open
    k1, k2, k3 = interval.k[0], interval.k[1], interval.k[2]
    k4, k5, k6 = interval.k[3], interval.k[4], interval.k[5]
    span, key, place = interval.span, (interval.key[0], interval.key[1]), np.uint32(y << 16)
    for x in range(len(a)):
        light = _HALF * (a[x] + b[x])
        drift = sharpness[x] * (k1 / span * change[x] + (k4 + k5 * light))
        noise = sharpness[x] * (k3 * np.sqrt(light) / (light + k2) + k6)
        variance, c, sign = noise * noise, np.abs(drift), _ONE if drift > 0 else -_ONE
        distance = _ONE - sign * v[x]
        m, n = words(place, np.uint32(0), key)
        drawn = speed(c, variance, distance, m, n)
        step = span * drawn
        stays = step < distance
        sure = (c * min(_ONE, _TWO - distance) > _CERTAIN * variance) & (v[x] <= _ONE)
        left = v[x] + sign * step if stays else FIRES
        after[x] = left if sure else UNSURE
        is_open[x] = np.uint8(0) if sure & stays else np.uint8(1)
        drifts[x], variances[x], speeds[x] = drift, variance, drawn
        place = np.uint32(place + np.uint32(1))


@njit(error_model="numpy")
def pick(is_open: Array, chosen: Array) -> np.uint64:
    """Columns of the open pixels of a row, and how many they are.

    Eight at a time are passed over where none is open; else there is no branch, for nobody can predict which are.
    """
    count, eight = np.uint64(0), np.uint64(8)  # unsigned: numba need not ask whether an index counts from the end
    eights = is_open.view(np.uint64)
    for i in range(np.uint64(len(eights))):
        if eights[i]:
            for x in range(eight * i, eight * i + eight):
                chosen[count] = x
                count += np.uint64(is_open[x])
    return count


@njit(error_model="numpy")
def gather(  # noqa: PLR0913
    interval: Interval, y: int, v: Array, after: Array, row: Row, chosen: Array, gathered: Gathered, count: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Those of the chosen that fire to the others, at their events; how many there are, and how many are not sure.

    The columns of the latter are then the first of `chosen`.
    """
    start, unsure = np.uint32(y << 16), np.uint64(0)
    for i in range(len(chosen)):
        column = chosen[i]
        x = np.uint64(column)
        mu = row.drift[x]
        gathered.place[count], gathered.drift[count] = np.uint32(start + column), mu
        gathered.variance[count] = row.variance[x]
        gathered.ahead[count] = interval.span - (_ONE - np.copysign(v[x], v[x] * mu)) / row.speed[x]
        chosen[unsure] = column
        fires = np.uint64(after[x] == FIRES)
        count += fires
        unsure += np.uint64(1) - fires
    return count, unsure


@njit(error_model="numpy", fastmath={"contract"})
def emit(
    interval: Interval, gathered: Gathered, first: np.uint64, count: np.uint64, events: tuple[Array, np.uint64]
) -> np.uint64:
    """Events of the gathered pixels from the first on, and how many are found now; the pixels go on from when they see.

    Events for which there is no room are counted.
    """
    (out, found), span = events, interval.span
    place, drift, ahead = gathered.place[first:count], gathered.drift[first:count], gathered.ahead[first:count]
    room = out[min(found, np.uint64(len(out))) :]
    for i in range(min(len(ahead), len(room))):
        room[i] = packed(np.int64(span - ahead[i] + _HALF), place[i], drift[i] > 0)
    if interval.refractory:
        for i in range(len(ahead)):
            ahead[i] = span - np.float32(np.int64(span - ahead[i] + _HALF) + interval.refractory)
    return found + (count - first)


@njit(error_model="numpy")
def exhaust(
    interval: Interval, gathered: Gathered, count: np.uint64, after: Array, events: tuple[Array, np.uint64]
) -> np.uint64:
    """Draws for those that are gathered until nobody fires any more; how many events are found now."""
    (out, found), number = events, np.uint32(1)
    while count > 0:
        _draw(interval, gathered, count, number)
        count = _retire(interval, gathered, count, after)
        found = emit(interval, gathered, np.uint64(0), count, (out, found))
        number = np.uint32(number + np.uint32(1))
    return found


@njit(error_model="numpy", fastmath={"contract"})
def _draw(interval: Interval, gathered: Gathered, count: np.uint64, number: np.uint32) -> None:
    place, drift, variance, ahead, left, then = gathered
    key = (interval.key[0], interval.key[1])
    for i in range((np.int64(count) + LANES - 1) // LANES * LANES):
        m, n = words(place[i], number, key)
        drawn = speed(np.abs(drift[i]), variance[i], _ONE, m, n)
        step = ahead[i] * drawn
        residual = (step if drift[i] > 0 else -step) if step < _ONE else FIRES
        left[i] = residual if ahead[i] > 0 else ASLEEP - ahead[i]
        then[i] = max(ahead[i] - _ONE / drawn, _ZERO)


@njit(error_model="numpy")
def _retire(interval: Interval, gathered: Gathered, count: np.uint64, after: Array) -> np.uint64:
    """Residuals of those that do not fire; the others move up, to when they do. How many they are. Without branches."""
    place, drift, variance, ahead, left, then = gathered
    kept = np.uint64(0)
    for i in range(count):
        here, residual = place[i], left[i]
        after[np.uint64(here >> _ROW), np.uint64(here & _COLUMN)] = residual
        place[kept], drift[kept], variance[kept], ahead[kept] = here, drift[i], variance[i], then[i]
        kept += np.uint64(residual == FIRES)
    return kept
