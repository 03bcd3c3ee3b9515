# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Kernels of DVS-Voltmeter: random numbers and first passages. `voltmeter.py` has the model and its letters.

One module, for numba's cache looks at the source of the cached function alone. A draw is a function of (seed,
interval, pixel, how often), never of who drew before: the bits are the same on one thread and on many.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
Giles, "Approximating the erfinv function", GPU Computing Gems, 2012.
Michael, Schucany & Haas, "Generating random variates using transformations with multiple roots", 1976.
"""

import numpy as np
from numba import njit, prange

from unflare.events import Array

BLOCKS = (
    32  # of rows, simulated independently; more than threads, so that a busy block does not keep the others waiting
)
DRAWS = np.uint64(1 << 20)  # counters reserved for one pixel in one interval
HIGH = np.uint64(32)
CERTAIN = 45.0  # exp(-45) is below the resolution of a 64-bit draw: the barrier along the drift is certain
UNSETTLED = np.float32(2.0)  # outside (-1, 1): this pixel may fire, settle it one by one

GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_S27, _S30, _S31 = (np.uint64(shift) for shift in (27, 30, 31))
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF = np.float32(0.5)
_UNIT32 = np.float32(2.0**-32)
_UNIT64 = 2.0**-64
_MANTISSA, _ONE, _BIAS = np.int32(0x007FFFFF), np.int32(0x3F800000), np.int32(127)
_LOG2, _ROOT2 = np.float32(0.6931471805599453), np.float32(1.4142135623730951)

# log(1 + r) = r - r^2/2 + r^3 P(r) for sqrt(1/2) < 1 + r < sqrt(2); P from Moshier's Cephes library, logf
_LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
# erfinv(u) / u in w = -log(1 - u^2): of w - 2.5 where w < 5, of sqrt(w) - 3 beyond; Giles
_CENTRE = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)
_TAIL = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)


@njit(inline="always", error_model="numpy")
def _polynomial(x: np.float32, coefficients: tuple[float, ...]) -> np.float32:
    value = np.float32(coefficients[0])
    for i in range(1, len(coefficients)):
        value = value * x + np.float32(coefficients[i])
    return value


@njit(inline="always", error_model="numpy")
def mixed(z: np.uint64) -> np.uint64:
    """splitmix64's finalizer: 64 bits that look independent for consecutive z."""
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@njit(inline="always", error_model="numpy")
def uniform(bits: np.uint64) -> float:
    """All 64 bits as a float64 in [0, 1]."""
    return (np.float64(bits) + 0.5) * _UNIT64


@njit(inline="always", error_model="numpy")
def uniform32(bits: np.uint32) -> np.float32:
    """32 bits as a float32 in (0, 1]."""
    return (np.float32(bits) + _HALF) * _UNIT32


@njit(inline="always", error_model="numpy")
def _log(v: np.float32) -> np.float32:
    """Natural logarithm of a normal positive float32, to 2e-7; a polynomial, so that loops over it vectorise."""
    word = np.float32(v).view(np.int32)
    exponent = np.int32((word >> np.int32(23)) - _BIAS)
    m = np.int32((word & _MANTISSA) | _ONE).view(np.float32)
    high = m > _ROOT2
    m = m * _HALF if high else m
    e = np.float32(exponent) + (np.float32(1) if high else np.float32(0))
    r = m - np.float32(1)
    return e * _LOG2 + (r - _HALF * r * r + r * r * r * _polynomial(r, _LOG))


@njit(inline="always", error_model="numpy")
def chi_square(bits: np.uint32) -> np.float32:
    """The square of a standard normal by Giles' inverse error function in single precision."""
    v = uniform32(bits)
    w = -_log(v * (np.float32(2) - v))
    centre = _polynomial(w - np.float32(2.5), _CENTRE)
    tail = _polynomial(np.float32(np.sqrt(max(w, np.float32(0)))) - np.float32(3), _TAIL)
    z = (centre if w < np.float32(5) else tail) * (np.float32(1) - v)
    return np.float32(2) * z * z


@njit(cache=True)
def residuals(pixels: int, key: np.uint64) -> Array:
    v = np.empty(pixels, np.float32)
    for i in range(pixels):
        v[i] = 1.9999998 * uniform(mixed(key + GOLDEN * np.uint64(i))) - 0.9999999
    return v


@njit(cache=True, parallel=True)
def interval(  # noqa: PLR0913
    a: Array, b: Array, span: float, k: Array, key: np.uint64, v: Array, following: Array, buffer: Array
) -> Array:
    """Packed events of each block of rows into its line of `buffer`, residuals into `following`; counts per block.

    A count above the buffer's width says that the block's events did not fit.
    """
    counts = np.zeros(BLOCKS, np.int64)
    for block in prange(BLOCKS):
        rows = (block * len(a) // BLOCKS, (block + 1) * len(a) // BLOCKS)
        counts[block] = _block(a, b, span, k, key, v, following, rows, buffer[block])
    return counts


@njit(error_model="numpy")
def _block(  # noqa: PLR0913
    a: Array,
    b: Array,
    span: float,
    k: Array,
    key: np.uint64,
    v: Array,
    following: Array,
    rows: tuple[int, int],
    out: Array,
) -> int:
    width = a.shape[1]
    chi, coin = np.empty(width, np.uint32), np.empty(width, np.uint32)
    found = 0
    for y in range(rows[0], rows[1]):
        _draw(key + GOLDEN * (DRAWS * np.uint64(y * width)), chi, coin)
        _settle(a[y], b[y], np.float32(span), k, chi, coin, v[y], following[y])
        for x in range(width):
            if following[y, x] == UNSETTLED:
                found = _fire(a[y, x], b[y, x], span, k, key, y * width + x, v, following, out, found)
    return found


@njit(error_model="numpy")
def _draw(row: np.uint64, chi: Array, coin: Array) -> None:
    """The first draw of each pixel of a row; apart from `_settle`, whose 32-bit loop then fills the registers."""
    for x in range(len(chi)):
        bits = mixed(row + (GOLDEN * DRAWS) * np.uint64(x))
        chi[x] = np.uint32(bits >> HIGH)
        coin[x] = np.uint32(bits)


@njit(error_model="numpy")
def _settle(  # noqa: PLR0913
    a: Array, b: Array, span: np.float32, k: Array, chi: Array, coin: Array, v: Array, following: Array
) -> None:
    """First draw of a row of pixels, without branches so that it vectorises: those that do not fire are done with."""
    k1, k2, k3 = np.float32(k[0]) / span, np.float32(k[1]), np.float32(k[2])
    k4, k5, k6 = np.float32(k[3]), np.float32(k[4]), np.float32(k[5])
    one, two, half, certain = np.float32(1), np.float32(2), np.float32(0.5), np.float32(CERTAIN / 2)
    for x in range(len(a)):
        light = half * (a[x] + b[x])
        gain = one / (light + k2)
        drift = k1 * (b[x] - a[x]) * gain + k4 + k5 * light
        noise = k3 * np.sqrt(light) * gain + k6
        s2 = noise * noise
        sign = one if drift > 0 else -one
        c = np.abs(drift)
        distance = one - sign * v[x]
        q = chi_square(chi[x]) * s2 / (two * distance)
        g = c + q + np.sqrt(q * (q + two * c))
        speed = g if uniform32(coin[x]) * (g + c) <= g else c * c / g
        step = span * speed
        settled = (step < distance) & (c * (two - distance) > certain * s2)
        following[x] = v[x] + sign * step if settled else UNSETTLED


@njit(error_model="numpy")
def _fire(  # noqa: PLR0913
    a: float,
    b: float,
    span: float,
    k: Array,
    key: np.uint64,
    pixel: int,
    v: Array,
    following: Array,
    out: Array,
    found: int,
) -> int:
    """One pixel through one interval, event by event; returns how many events the block has now found."""
    light = 0.5 * (np.float64(a) + np.float64(b))
    drift = k[0] * (np.float64(b) - np.float64(a)) / (span * (light + k[1])) + k[3] + k[4] * light
    noise = k[2] * np.sqrt(light) / (light + k[1]) + k[5]
    s2 = noise * noise
    c = abs(drift)
    y, x = divmod(pixel, v.shape[1])
    voltage = float(v[y, x])
    now = 0.0
    draw = DRAWS * np.uint64(pixel)
    while True:
        sign = 1.0 if drift > 0 else -1.0
        against = 1.0 + sign * voltage
        if c * against <= 0.5 * CERTAIN * s2 and uniform(mixed(~(key + GOLDEN * draw))) > _along(2.0 * c / s2, against):
            sign = -sign
        distance = 1.0 - sign * voltage
        bits = mixed(key + GOLDEN * draw)
        q = np.float64(chi_square(np.uint32(bits >> HIGH))) * s2 / (2.0 * distance)
        g = c + q + np.sqrt(q * (q + 2.0 * c))
        speed = g if uniform32(np.uint32(bits)) * (g + c) <= g else c * c / g
        if (span - now) * speed <= distance:
            break
        now += distance / speed
        voltage = 0.0
        draw += np.uint64(1)
        if found < len(out):
            out[found] = (np.int64(now + 0.5) << 33) | (np.int64(pixel) << 1) | np.int64(sign > 0)
        found += 1
    following[y, x] = max(-0.9999999, min(0.9999999, voltage + sign * speed * (span - now)))
    return found


@njit(error_model="numpy")
def _along(x: float, against: float) -> float:
    """Probability of the barrier along the drift, x = 2|μ|/σ², with the other barrier at the distance `against`."""
    return 0.5 * against if x == 0.0 else np.expm1(-x * against) / np.expm1(-2.0 * x)
