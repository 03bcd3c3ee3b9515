# mypy: disable-error-code="untyped-decorator, no-any-return"
"""What the photoreceptors of a row of pixels make of their light between two frames.

Without a cutoff a receptor follows the logarithm X of the light. With one it is a first-order low pass R of it, whose
pace r falls with the light (Hu, Liu & Delbruck, "v2e: From Video Frames to Realistic DVS Events", CVPRW 2021). Where X
is linear within the interval, of slope X', the lag l = X - R is known exactly:

    l(t) = X'/r + (l(0) - X'/r) exp(-r t),        R' = r l

The model sees R's change over the interval, as if it were even. One thing is put right, or the number of events would
depend on how often there is a frame: R turns where l = 0, if it does, and is given out up to its turn, and the rest is
owed to the interval after it. What is not: R is fast where l is large, so that after a jump of the light events follow
upon each other a little sooner than here.
"""

import numpy as np
from numba import njit

from unflare.events import Array
from unflare.synthesis.draws import log, polynomial
from unflare.synthesis.intervals import Interval, Row, State

WHITE, DARK = 255.0, 20.0  # irradiance at which the pace is the cutoff's; what is added to all light, as in v2e

_BIAS, _EXPONENT, _ROUND = np.int32(127), np.int32(23), np.int32(0x00400000)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LOG2, _PER_LOG2 = np.float32(0.6931471805599453), np.float32(1.4426950408889634)
_GENTLE = np.float32(0.02)  # z² of a ratio below 4/3, whose exponent is 0
_LEAST = np.float32(1e-20)  # below it numbers may become denormal, which take a hundred times as long

# Minimax: 2 artanh(z) / z in z², for |z| <= 0.21, to 4e-9; 2^f for |f| <= 1/2, to 1e-7
_ARTANH = (0.306360846, 0.399420954, 0.66667182, 1.99999999)
_EXP2 = (0.00132764715, 0.00967554133, 0.0555071327, 0.240221197, 0.693146967, 1.00000007)


@njit(inline="always", error_model="numpy")
def rise(a: np.float32, b: np.float32, k2: np.float32) -> np.float32:
    """log((b + k2) / (a + k2)) to 3e-7 of itself, however small: no branch, no difference of logarithms.

    The ratio is 2^e (1 + z) / (1 - z) with |z| <= 0.21; at e = 0, z is (b - a) / (a + b + 2 k2), exact in b - a.
    """
    low, high = np.float32(a + k2), np.float32(b + k2)
    # Each sum is brought back to 32 bits, as numba's are of 64, which fills half as many of a register's lanes.
    e = np.int32(np.int32(np.int32(high.view(np.int32) - low.view(np.int32)) + _ROUND) >> _EXPONENT)
    low *= np.int32(np.int32(e + _BIAS) << _EXPONENT).view(np.float32)
    top = b - a if e == 0 else high - low
    z = top / (high + low)
    return np.float32(e) * _LOG2 + z * polynomial(z * z, _ARTANH)


@njit(inline="always", error_model="numpy")
def exponential(x: np.float32) -> np.float32:
    """exp(x) to 3e-7 of itself, for |x| <= 80; below it is that of -80."""
    y = _PER_LOG2 * max(x, np.float32(-80))
    whole = np.floor(y + _HALF)
    power = np.int32(np.int32(np.int32(whole) + _BIAS) << _EXPONENT).view(np.float32)
    return power * polynomial(y - whole, _EXP2)


@njit(error_model="numpy")
def _any(row: Array) -> bool:
    """Whether any bit of a row is set. Many rows are dark, and a loop over integers vectorises, one over `max` not."""
    found, bits = np.int32(0), row.view(np.int32)
    for x in range(len(bits)):
        found |= bits[x]
    return found != 0


@njit(error_model="numpy", fastmath={"contract"})
def _rise(a: Array, b: Array, k2: np.float32, change: Array) -> None:
    """The change of the logarithm: `rise`, in half the time where it is small in all of the row, and the same bits."""
    steep = np.int32(0)
    for x in range(len(a)):
        z = (b[x] - a[x]) / ((b[x] + k2) + (a[x] + k2))
        change[x] = z * polynomial(z * z, _ARTANH)
        steep |= np.int32(1) if z * z > _GENTLE else np.int32(0)
    if steep:
        for x in range(len(a)):
            change[x] = rise(a[x], b[x], k2)


@njit(error_model="numpy")
def respond(interval: Interval, y: int, state: State, following: State, row: Row) -> None:
    """The change of the receptors of row y while their light goes from one frame to the next, into `row`.

    Of a low pass the states are its lag and what it has turned and not given out, (2, w) for each row.
    """
    _rise(interval.a[y], interval.b[y], interval.k[1], row.change)
    if interval.pace > 0:
        before, after = state.receptor[y], following.receptor[y]
        if _any(row.change) or _any(before[0]) or _any(before[1]):
            _lag(interval, y, before, after, row.change)
        else:
            after[:] = 0


@njit(error_model="numpy", fastmath={"contract"})
def _lag(interval: Interval, y: int, before: Array, after: Array, change: Array) -> None:
    """The receptor's change from that of the light, in place."""
    a, b, pace = interval.a[y], interval.b[y], interval.pace
    for x in range(len(a)):
        r = _rate(a[x], b[x], pace)
        e = exponential(-r)
        mean = (_ONE - e) / r if r > np.float32(0.01) else _ONE - _HALF * r + np.float32(1 / 6) * r * r
        first, rises = before[0, x], change[x]
        last = first * e + rises * mean
        last = last if np.abs(last) > _LEAST else _ZERO
        moves = rises - (last - first)
        u = -first * r / rises  # exp(r t) - 1 at the turn
        turns = first - first * log(_ONE + u) / u if first * last < 0 else moves
        change[x] = before[1, x] + turns
        after[0, x], after[1, x] = last, moves - turns


@njit(inline="always", error_model="numpy")
def _rate(a: np.float32, b: np.float32, pace: np.float32) -> np.float32:
    return pace * np.float32(1 / (WHITE + DARK)) * (_HALF * (a + b) + np.float32(DARK))
