# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Kernels of DVS-Voltmeter: random numbers and first passages. `voltmeter.py` has the model and its letters.

One module, for numba's cache looks at the source of the cached function alone. A draw is a function of (seed,
interval, pixel, how often), never of who drew before: the bits are the same on one thread and on many.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
Giles, "Approximating the erfinv function", GPU Computing Gems, 2012.
Michael, Schucany & Haas, "Generating random variates using transformations with multiple roots", 1976.
Hu, Liu & Delbruck, "v2e: From Video Frames to Realistic DVS Events", CVPRW 2021 (the bandwidth).
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
ASLEEP = np.float32(3.0)  # a pixel in its refractory period has this and the microseconds left as its residual
WHITE, DARK = 255.0, 20.0  # irradiance at which the bandwidth is the cutoff; what it keeps in the dark, as in v2e
TIME = np.int64(31)  # bits of time in a packed disturbance, pixel << 32 | offset << 1 | polarity

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
# artanh(z) / z in z^2, for |z| <= 0.21
_ARTANH = (1 / 9, 1 / 7, 1 / 5, 1 / 3, 1.0)
# 2^f for |f| <= 1/2, Taylor's series
_EXP2 = (1.5403530e-4, 1.3333558e-3, 9.6181291e-3, 5.5504109e-2, 2.4022651e-1, 6.9314718e-1, 1.0)
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


@njit(inline="always", error_model="numpy")
def rise(a: np.float32, b: np.float32, k2: np.float32) -> np.float32:
    """log((b + k2) / (a + k2)) to 3e-7 of itself, however small: no branch, no difference of logarithms.

    The ratio is 2^e (1 + z) / (1 - z) with |z| <= 0.21; at e = 0, z is (b - a) / (a + b + 2 k2), exact in b - a.
    """
    low, high = np.float32(a + k2), np.float32(b + k2)
    # Each sum is brought back to 32 bits, as numba's are of 64, which fills half as many of a register's lanes.
    e = np.int32(np.int32(np.int32(high.view(np.int32) - low.view(np.int32)) + np.int32(0x00400000)) >> np.int32(23))
    low *= np.int32(np.int32(e + _BIAS) << np.int32(23)).view(np.float32)
    top = b - a if e == 0 else high - low
    z = top / (high + low)
    return np.float32(e) * _LOG2 + np.float32(2) * z * _polynomial(z * z, _ARTANH)


@njit(inline="always", error_model="numpy")
def falling(x: np.float32) -> np.float32:
    """exp(-x) for x >= 0, to 2e-7; 0 to it beyond 80."""
    y = np.float32(-1.4426950408889634) * min(x, np.float32(80))
    whole = np.int32(y - _HALF)
    power = np.int32(np.int32(whole + _BIAS) << np.int32(23)).view(np.float32)
    return power * _polynomial(y - np.float32(whole), _EXP2)


@njit(cache=True, parallel=True)
def interval(  # noqa: PLR0913
    a: Array,
    b: Array,
    span: float,
    k: Array,
    pixels: tuple[Array, float, int],
    disturbances: Array,
    key: np.uint64,
    state: tuple[Array, Array],
    following: tuple[Array, Array],
    buffer: Array,
) -> Array:
    """Packed events of each block of rows into its line of `buffer`, states into `following`; counts per block.

    pixels         1 / threshold of each pixel (h, w) float32; cutoff at white in Hz, 0 for none; refractory us
    disturbances   events that the light has no part in, packed with `TIME` and in order
    state          residual voltage (h, w) and, where there is a cutoff, the receptor's lag (h, w), float32

    A count above the buffer's width says that the block's events did not fit.
    """
    counts = np.zeros(BLOCKS, np.int64)
    for block in prange(BLOCKS):
        rows = (block * len(a) // BLOCKS, (block + 1) * len(a) // BLOCKS)
        counts[block] = _block(a, b, span, k, pixels, disturbances, key, state, following, rows, buffer[block])
    return counts


@njit(error_model="numpy")
def _block(  # noqa: PLR0913
    a: Array,
    b: Array,
    span: float,
    k: Array,
    pixels: tuple[Array, float, int],
    disturbances: Array,
    key: np.uint64,
    state: tuple[Array, Array],
    following: tuple[Array, Array],
    rows: tuple[int, int],
    out: Array,
) -> int:
    width = a.shape[1]
    sharpness, cutoff, refractory = pixels
    (v, lag), (next_v, next_lag) = state, following
    chi, coin = np.empty(width, np.uint32), np.empty(width, np.uint32)
    change = np.empty(width, np.float32)
    disturbed = np.searchsorted(disturbances, np.int64(rows[0] * width) << (TIME + 1))
    found = 0
    for y in range(rows[0], rows[1]):
        _draw(key + GOLDEN * (DRAWS * np.uint64(y * width)), chi, coin)
        change[:] = 0.0
        if _differ(a[y].view(np.int32), b[y].view(np.int32)):
            _change(a[y], b[y], np.float32(k[1]), change)
        if cutoff > 0:
            _follow(a[y], b[y], np.float32(span), np.float32(cutoff), lag[y], next_lag[y], change)
        _settle(a[y], b[y], np.float32(span), k, change, sharpness[y], chi, coin, v[y], next_v[y])
        ahead = disturbed
        while ahead < len(disturbances) and disturbances[ahead] >> (TIME + 1) < (y + 1) * width:
            next_v[y, (disturbances[ahead] >> (TIME + 1)) - y * width] = UNSETTLED
            ahead += 1
        for x in range(width):
            if next_v[y, x] == UNSETTLED:
                pixel = y * width + x
                first = disturbed
                while disturbed < ahead and disturbances[disturbed] >> (TIME + 1) == pixel:
                    disturbed += 1
                light = 0.5 * (np.float64(a[y, x]) + np.float64(b[y, x]))
                drift, noise = _law(light, np.float64(change[x]) / span, np.float64(sharpness[y, x]), k)
                mine = (first, disturbed)
                found, next_v[y, x] = _fire(
                    drift, noise, span, refractory, disturbances, mine, key, pixel, v[y, x], out, found
                )
    return found


@njit(error_model="numpy")
def _draw(row: np.uint64, chi: Array, coin: Array) -> None:
    """The first draw of each pixel of a row; apart from `_settle`, whose 32-bit loop then fills the registers."""
    for x in range(len(chi)):
        bits = mixed(row + (GOLDEN * DRAWS) * np.uint64(x))
        chi[x] = np.uint32(bits >> HIGH)
        coin[x] = np.uint32(bits)


@njit(error_model="numpy")
def _differ(a: Array, b: Array) -> bool:
    """Whether any bit of two rows does. Many rows are dark, and a loop over integers vectorises, one over `max` not."""
    found = np.int32(0)
    for x in range(len(a)):
        found |= a[x] ^ b[x]
    return found != 0


@njit(error_model="numpy")
def _change(a: Array, b: Array, k2: np.float32, change: Array) -> None:
    """By how much the logarithm of the light changes."""
    for x in range(len(a)):
        change[x] = rise(a[x], b[x], k2)


@njit(error_model="numpy")
def _follow(  # noqa: PLR0913
    a: Array, b: Array, span: np.float32, cutoff: np.float32, lag: Array, following: Array, change: Array
) -> None:
    """The receptor through a row, at once where it is at rest and nothing changes."""
    following[:] = 0.0
    at_rest = following.view(np.int32)
    if _differ(lag.view(np.int32), at_rest) or _differ(change.view(np.int32), at_rest):
        _lag(a, b, span, cutoff, lag, following, change)


@njit(error_model="numpy")
def _lag(  # noqa: PLR0913
    a: Array, b: Array, span: np.float32, cutoff: np.float32, lag: Array, following: Array, change: Array
) -> None:
    """What a first-order low pass leaves of the change; exact for a signal that is linear within the interval.

    lag   how far the receptor's logarithm stays behind that of the light
    """
    one, half = np.float32(1), np.float32(0.5)
    pace = np.float32(2e-6 * np.pi) * cutoff * span / np.float32(WHITE + DARK)
    for x in range(len(a)):
        r = pace * (half * (a[x] + b[x]) + np.float32(DARK))
        e = falling(r)
        short = one - half * r + np.float32(1 / 6) * r * r
        left = lag[x] * e + change[x] * (short if r < np.float32(0.01) else (one - e) / r)
        left = (
            left if np.abs(left) > np.float32(1e-20) else np.float32(0)
        )  # denormal numbers take a hundred times as long
        change[x] -= left - lag[x]
        following[x] = left


@njit(error_model="numpy")
def _settle(  # noqa: PLR0913
    a: Array,
    b: Array,
    span: np.float32,
    k: Array,
    change: Array,
    sharpness: Array,
    chi: Array,
    coin: Array,
    v: Array,
    following: Array,
) -> None:
    """First draw of a row of pixels, without branches so that it vectorises: those that do not fire are done with."""
    k1, k2, k3 = np.float32(k[0]) / span, np.float32(k[1]), np.float32(k[2])
    k4, k5, k6 = np.float32(k[3]), np.float32(k[4]), np.float32(k[5])
    one, two, half, certain = np.float32(1), np.float32(2), np.float32(0.5), np.float32(CERTAIN / 2)
    for x in range(len(a)):
        light = half * (a[x] + b[x])
        drift = sharpness[x] * (k1 * change[x] + k4 + k5 * light)
        noise = sharpness[x] * (k3 * np.sqrt(light) / (light + k2) + k6)
        s2 = noise * noise
        sign = one if drift > 0 else -one
        c = np.abs(drift)
        distance = one - sign * v[x]
        q = chi_square(chi[x]) * s2 / (two * distance)
        g = c + q + np.sqrt(q * (q + two * c))
        speed = g if uniform32(coin[x]) * (g + c) <= g else c * c / g
        step = span * speed
        settled = (v[x] < one) & (step < distance) & (c * (two - distance) > certain * s2)
        following[x] = v[x] + sign * step if settled else UNSETTLED


@njit(error_model="numpy")
def _law(light: float, slope: float, sharpness: float, k: Array) -> tuple[float, float]:
    """Drift and noise of a pixel, of a signal that changes by `slope` a microsecond."""
    drift = sharpness * (k[0] * slope + k[3] + k[4] * light)
    return drift, sharpness * (k[2] * np.sqrt(light) / (light + k[1]) + k[5])


@njit(error_model="numpy")
def _fire(  # noqa: PLR0913
    drift: float,
    noise: float,
    span: float,
    refractory: int,
    disturbances: Array,
    mine: tuple[int, int],
    key: np.uint64,
    pixel: int,
    voltage: float,
    out: Array,
    found: int,
) -> tuple[int, float]:
    """One pixel through one interval, event by event; how many events the block has now found, and the residual.

    mine   first and last + 1 of the disturbances of this pixel
    """
    s2, c = noise * noise, abs(drift)
    asleep = voltage > 1.0
    now = voltage - float(ASLEEP) if asleep else 0.0
    voltage = 0.0 if asleep else float(voltage)
    draw, (waiting, last) = DRAWS * np.uint64(pixel), mine
    speed, sign = 0.0, 1.0
    while now < span:
        while waiting < last and _offset(disturbances[waiting]) < now:
            waiting += 1  # it fell into the refractory period
        disturbed = waiting < last
        until = _offset(disturbances[waiting]) if disturbed else span
        sign = 1.0 if drift > 0 else -1.0
        against = 1.0 + sign * voltage
        if c * against <= 0.5 * CERTAIN * s2 and uniform(mixed(~(key + GOLDEN * draw))) > _along(2.0 * c / s2, against):
            sign = -sign
        distance = 1.0 - sign * voltage
        bits = mixed(key + GOLDEN * draw)
        q = np.float64(chi_square(np.uint32(bits >> HIGH))) * s2 / (2.0 * distance)
        g = c + q + np.sqrt(q * (q + 2.0 * c))
        speed = g if uniform32(np.uint32(bits)) * (g + c) <= g else c * c / g
        if (until - now) * speed > distance:
            now += distance / speed
        elif disturbed:
            now, sign = until, 1.0 if disturbances[waiting] & 1 else -1.0
            waiting += 1
        else:
            break
        voltage = 0.0
        draw += np.uint64(1)
        stamp = np.int64(now + 0.5)
        if found < len(out):
            out[found] = (stamp << 33) | (np.int64(pixel) << 1) | np.int64(sign > 0)
        found += 1
        now = now if refractory == 0 else np.float64(stamp + refractory)
    else:
        return found, float(ASLEEP) + (now - span) if refractory else 0.0
    return found, max(-0.9999999, min(0.9999999, voltage + sign * speed * (span - now)))


@njit(inline="always", error_model="numpy")
def _offset(disturbance: np.int64) -> float:
    """When a disturbance happens, microseconds from the start of the interval."""
    return np.float64((disturbance >> 1) & ((1 << TIME) - 1))


@njit(error_model="numpy")
def _along(x: float, against: float) -> float:
    """Probability of the barrier along the drift, x = 2|μ|/σ², with the other barrier at the distance `against`."""
    return 0.5 * against if x == 0.0 else np.expm1(-x * against) / np.expm1(-2.0 * x)
