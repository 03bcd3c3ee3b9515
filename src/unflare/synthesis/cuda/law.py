"""Random numbers and laws of one pixel, for kernels on a CUDA device; all float32 but time within an interval.

`voltmeter.py`, `receptor.py` and `pixels.py` have the formulas and their letters.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
Giles, "Approximating the erfinv function", GPU Computing Gems, 2012.
"""

import math

import triton
import triton.language as tl

from unflare.synthesis.receptor import DARK, WHITE

GOLDEN, ROWS = tl.constexpr(0x9E3779B97F4A7C15), tl.constexpr((0x9E3779B97F4A7C15 << 20) % 2**64)
_M1, _M2 = tl.constexpr(0xBF58476D1CE4E5B9), tl.constexpr(0x94D049BB133111EB)
_UNIT32, UNIT64 = tl.constexpr(2.0**-32), tl.constexpr(2.0**-64)
_WORD, _ALL = tl.constexpr(2**32 - 1), tl.constexpr(2**64 - 1)
_CERTAIN = tl.constexpr(22.5)  # exp(-2 * 22.5) is below the resolution of a 64-bit draw
_PACE, _DARK = tl.constexpr(2e-6 * math.pi / (WHITE + DARK)), tl.constexpr(DARK)
LIMIT = tl.constexpr(0.9999999)

_ARTANH = tl.constexpr((1 / 9, 1 / 7, 1 / 5, 1 / 3, 1.0))  # artanh(z) / z in z², for |z| < 0.2
_FALL = tl.constexpr((1 / 120, -1 / 24, 1 / 6, -1 / 2, 1.0))  # (1 - exp(-y)) / y in y, for y < 0.1
_LOG = tl.constexpr((1 / 4, 1 / 3, 1 / 2, 1.0))  # -log(1 - u) / u in u, for u < 0.03
# erfinv(u) / u in w = -log(1 - u²): of w - 2.5 where w < 5, of sqrt(w) - 3 beyond; Giles
_CENTRE = tl.constexpr(
    (
        *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
        *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
    )
)
_TAIL = tl.constexpr(
    (
        *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
        *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
    )
)


@triton.jit
def _polynomial(x: tl.tensor, coefficients: tl.constexpr) -> tl.tensor:
    value = coefficients[0]
    for i in tl.static_range(1, len(coefficients.value)):
        value = value * x + coefficients[i]
    return value


@triton.jit
def mixed(z: tl.tensor) -> tl.tensor:
    z = (z ^ (z >> 30)) * _M1
    z = (z ^ (z >> 27)) * _M2
    return z ^ (z >> 31)


@triton.jit
def _uniforms(bits: tl.tensor) -> tl.tensor:
    """Two float32 in (0, 1] of 64 bits."""
    high, low = (bits >> 32).to(tl.uint32), (bits & _WORD).to(tl.uint32)
    return (high.to(tl.float32) + 0.5) * _UNIT32, (low.to(tl.float32) + 0.5) * _UNIT32


@triton.jit
def _chi_square(u: tl.tensor) -> tl.tensor:
    """The square of a standard normal."""
    w = -tl.log(u * (2.0 - u))
    centre, tail = _polynomial(w - 2.5, _CENTRE), _polynomial(tl.sqrt(tl.maximum(w, 0.0)) - 3.0, _TAIL)
    z = tl.where(w < 5.0, centre, tail) * (1.0 - u)
    return 2.0 * z * z


@triton.jit
def _rise(a: tl.tensor, b: tl.tensor, k2: tl.tensor) -> tl.tensor:
    """log((b + k2) / (a + k2)), exact to single precision however small."""
    low, high = a + k2, b + k2
    z = (b - a) / (low + high)
    return tl.where(tl.abs(z) < 0.2, 2.0 * z * _polynomial(z * z, _ARTANH), tl.log(high / low))


@triton.jit
def _fall(y: tl.tensor) -> tl.tensor:
    """(1 - exp(-y)) / y for y >= 0: the mean of exp(-x) from 0 to y."""
    return tl.where(y < 0.1, _polynomial(y, _FALL), (1.0 - tl.exp(-y)) / tl.maximum(y, 0.1))


@triton.jit
def _against(x: tl.tensor, distance: tl.tensor) -> tl.tensor:
    """Probability of the barrier against the drift; that along it is at the distance `distance`, x = 2|μ|/σ²."""
    other = 2.0 - distance
    return tl.exp(-x * other) * 0.5 * distance * _fall(x * distance) / _fall(2.0 * x)


@triton.jit
def law(
    light: tl.tensor, span: tl.tensor, receptor: tl.tensor, k: tl.tuple, cutoff: tl.tensor, BAND: tl.constexpr
) -> tl.tensor:
    """Drift and noise of a pixel of threshold 1 from one light to the next, and its receptor at the latter.

    receptor   its lag, and what it has turned and not given out: `receptor.py`
    """
    a, b = light
    lag, owed = receptor
    mean = 0.5 * (a + b)
    change = _rise(a, b, k[1])
    if BAND:
        r = _PACE * cutoff * span * (mean + _DARK)
        left = lag * tl.exp(-r) + change * _fall(r)
        moved = change - (left - lag)
        u = -lag * r / change  # exp(r t) - 1 at the turn
        turned = tl.where(lag * left < 0.0, lag - lag * tl.log(1.0 + u) / u, moved)
        change = owed + turned
        lag, owed = left, moved - turned
    return k[0] * (change / span) + k[3] + k[4] * mean, k[2] * tl.sqrt(mean) / (mean + k[1]) + k[5], lag, owed


@triton.jit
def draw_barrier(voltage: tl.tensor, drift: tl.tensor, s2: tl.tensor, live: tl.tensor, counter: tl.tensor) -> tl.tensor:
    """1 for ON, -1 for OFF: the barrier that is hit first."""
    sign = tl.where(drift > 0.0, 1.0, -1.0)
    along = 1.0 - sign * voltage
    unsure = live & (tl.abs(drift) * (2.0 - along) <= _CERTAIN * s2)
    if tl.max(unsure.to(tl.int32), axis=0) > 0:
        coin = (mixed(counter ^ _ALL) ^ _ALL).to(tl.float32) * UNIT64
        sign = tl.where(unsure & (coin < _against(2.0 * tl.abs(drift) / s2, along)), -sign, sign)
    return sign


@triton.jit
def draw_speed(distance: tl.tensor, drift: tl.tensor, s2: tl.tensor, counter: tl.tensor) -> tl.tensor:
    """Distance over waiting time."""
    u, coin = _uniforms(mixed(counter))
    c, q = tl.abs(drift), _chi_square(u) * s2 / (2.0 * distance)
    g = c + q + tl.sqrt(q * (q + 2.0 * c))
    return tl.where(coin * (g + c) <= g, g, c * c / g)


@triton.jit
def draw_arrival(after: tl.tensor, counter: tl.tensor, gap: tl.tensor, share: tl.tensor) -> tl.tensor:
    """When the next event comes that the light has no part in, us, and whether it is ON."""
    u, coin = _uniforms(mixed(counter))
    wait = tl.where(u < 0.03, u * _polynomial(u, _LOG), -tl.log(1.0 - tl.minimum(u, LIMIT)))
    return after + (gap * wait).to(tl.float64), coin <= share
