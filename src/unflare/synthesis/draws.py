# mypy: disable-error-code="untyped-decorator, no-any-return"
"""Random numbers that are functions of what they are for, never of who drew before: the same bits on any thread.

A stream of numbers has a 64-bit key (`mixed` of a seed and of what it is for). Within it a pixel's n-th draw in a frame
interval is two 32-bit words, `words`: products and shifts that a register does for 16 pixels at once, with the upper
half of the key added between them. All functions here are inlined into loops that vectorise.

Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
Wellons, "Prospecting for hash functions", nullprogram.com, 2018 (32 bits; the multipliers are from its discussion).
Box & Muller, "A note on the generation of random normal deviates", 1958.
"""

from typing import TypeAlias

import numpy as np
from numba import njit

Key: TypeAlias = tuple[np.uint32, np.uint32]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)

_S27, _S30, _S31 = (np.uint64(shift) for shift in (27, 30, 31))
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT64 = 2.0**-64

_T12, _T15, _T16 = (np.uint32(shift) for shift in (12, 15, 16))
_GOLDEN32, _N1, _N2, _N3 = (np.uint32(m) for m in (0x9E3779B9, 0x21F0AAAD, 0x735A2D97, 0x2C1B3C6D))
_TOSS = np.uint32(0xFFF)
_HALF, _ONE = np.float32(0.5), np.float32(1)
_UNIT32, _UNIT20, _UNIT12 = (np.float32(2.0**-bits) for bits in (32, 20, 12))
_ROOT_HALF, _EXPONENT = np.int32(0x3F3504F3), np.int32(23)  # sqrt(1/2) as bits of a float32; where its exponent starts
_LOG2 = np.float32(0.6931471805599453)

# Minimax: log(1 + r) / r for sqrt(1/2) <= 1 + r < sqrt(2), to 2e-7; sqrt(2) sin(πs/2) / s in s², for s <= 1, to 1e-6
_LOG = (-0.10106884, 0.162225758, -0.172508314, 0.199001661, -0.24969909, 0.333350589, -0.500003651, 0.999999945)
_SINE = (-0.006169463, 0.11241252, -0.913470205, 2.22143938)


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
def words(place: np.uint32, number: np.uint32, key: Key) -> tuple[np.uint32, np.uint32]:
    """The bits of draw `number` of a pixel; at one number no two pixels have the same first word."""
    # Each result is brought back to 32 bits, as numba's are of 64, which fills half as many of a register's lanes.
    a = np.uint32(np.uint32(place * _GOLDEN32) + key[0])
    a = np.uint32(np.uint32(a ^ (a >> _T16)) * _N1)
    a = np.uint32(a + np.uint32(key[1] + np.uint32(number * _GOLDEN32)))
    a = np.uint32(np.uint32(a ^ (a >> _T15)) * _N2)
    a = np.uint32(a ^ (a >> _T15))
    b = np.uint32(np.uint32(a ^ key[0]) * _N3)
    return a, np.uint32(b ^ (b >> _T16))


@njit(inline="always", error_model="numpy")
def polynomial(x: np.float32, coefficients: tuple[float, ...]) -> np.float32:
    value = np.float32(coefficients[0])
    for i in range(1, len(coefficients)):
        value = value * x + np.float32(coefficients[i])
    return value


@njit(inline="always", error_model="numpy")
def log(v: np.float32) -> np.float32:
    """Natural logarithm of a normal positive float32, to 2e-7 of itself or of 1."""
    bits = np.float32(v).view(np.int32)
    exponent = np.int32(np.int32(bits - _ROOT_HALF) >> _EXPONENT)
    r = np.int32(bits - np.int32(exponent << _EXPONENT)).view(np.float32) - _ONE
    return np.float32(exponent) * _LOG2 + r * polynomial(r, _LOG)


@njit(inline="always", error_model="numpy")
def uniform32(a: np.uint32) -> np.float32:
    """All 32 bits as a float32 in (0, 1]."""
    return np.float32(a) * _UNIT32 + _HALF * _UNIT32


@njit(inline="always", error_model="numpy")
def chi_square(a: np.uint32, b: np.uint32) -> np.float32:
    """The square of a standard normal: -2 log(u) sin²(πs/2), u of the 32 bits of a, s of the upper 20 of b."""
    s = np.float32(np.uint32(b >> _T12)) * _UNIT20 + _HALF * _UNIT20
    sine = s * polynomial(s * s, _SINE)
    return -log(uniform32(a)) * sine * sine


@njit(inline="always", error_model="numpy")
def toss(b: np.uint32) -> np.float32:
    """The lower 12 bits of b in (0, 1), for a choice whose odds vary continuously."""
    return np.float32(np.uint32(b & _TOSS)) * _UNIT12 + _HALF * _UNIT12
