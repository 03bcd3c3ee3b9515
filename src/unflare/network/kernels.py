"""The selective scan in numba: forward, and backward with the states recomputed (Gu & Dao 2023, Algorithm 2).

    h_t = exp(Δ_t A) h_{t-1} + Δ_t u_t B_t          y_t = C_t · h_t + D u_t

    u, Δ (b, l, d)     B, C (b, l, n)     A (d, n)     D (d,)     h (b, d, n)     all float32

A call does BLOCK channels of one sequence: all steps in order, channels in the vector lanes, exp(Δ A) = 2^(Δ A log2 e).
Blocks are the same whatever the number of threads, and so are the bits. Lanes beyond the last channel compute on zeros.

Everything stands in this one file because numba's cache notices a change of the kernel's own file only.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

BLOCK = 64  # channels of a call
SEGMENT = 16  # steps between two kept states; what backward recomputes from one of them stays near the level-2 cache

LOG2_E, LN_2, ONE = np.float32(1.4426950408889634), np.float32(0.6931471805599453), np.float32(1)
MAGIC = np.float32(1.5 * 2**23)  # a small float32 plus this is rounded to an integer, found in the low bits of the sum
BIAS, MANTISSA = np.int32(127), np.int32(23)
P1, P2, P3 = np.float32(0.6931472), np.float32(0.24022648), np.float32(0.055503324)  # 2^f - 1 over -1/2..1/2, minimax:
P4, P5, P6 = np.float32(0.009618437), np.float32(0.0013398874), np.float32(0.00015353362)  # 2e-9, float32 itself 1e-7

ORDERED = {"contract", "nnan", "ninf", "nsz"}  # exp2 needs its additions in the order written;
REGROUPED = {*ORDERED, "reassoc"}  # the sums over lanes in backward vectorise only when regrouped


class Inputs(NamedTuple):
    """What a scan reads, C-contiguous float32; shapes above."""

    u: Array
    delta: Array
    A: Array
    B: Array
    C: Array
    D: Array


class Gradients(NamedTuple):
    """What backward writes, shaped as what it belongs to; but a part each for sums that go over more than one call.

    A (b, d, n) and D (b, d) a part a sequence; B and C (blocks, b, l, n) a part a block of channels.
    """

    u: Array
    delta: Array
    A: Array
    B: Array
    C: Array
    D: Array
    h0: Array


@njit(fastmath=ORDERED, cache=True)
def exp2(x: np.float32) -> np.float32:
    """2^x for x <= 127, to 1e-7; below -126 it stays at 2^-126. Vectorises, which the C library's does not."""
    x = max(x, np.float32(-126))
    rounded = np.float32(x + MAGIC)
    f = x - (rounded - MAGIC)
    m = ONE + f * (P1 + f * (P2 + f * (P3 + f * (P4 + f * (P5 + f * P6)))))
    return m * np.int32((rounded.view(np.int32) + BIAS) << MANTISSA).view(np.float32)


@njit(cache=True, nogil=True)
def forward(inputs: Inputs, h0: Array, y: Array, h1: Array, kept: Array, place: tuple[int, int]) -> None:
    """Outputs y and final state h1 from initial state h0, of one place: (sequence, first channel).

    kept (b, segments, n, d) takes the state before each segment; with segments = 0 none is kept.
    """
    u, delta, A, B, C, D = inputs
    b, first = place
    width = min(BLOCK, u.shape[2] - first)
    a, h = _lanes(A, first, LOG2_E), _lanes(h0[b], first, ONE)
    dt, x, out = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    for t in range(u.shape[1]):
        if t % SEGMENT == 0 and t < kept.shape[1] * SEGMENT:
            kept[b, t // SEGMENT, :, first : first + width] = h[:, :width]
        for j in range(width):
            dt[j] = delta[b, t, first + j]
            x[j] = dt[j] * u[b, t, first + j]
            out[j] = D[first + j] * u[b, t, first + j]
        _step(a, (dt, x), B[b, t], C[b, t], h, out)
        for j in range(width):
            y[b, t, first + j] = out[j]
    h1[b, first : first + width] = h[:, :width].T


@njit(cache=True, nogil=True)
def backward(inputs: Inputs, kept: Array, dy: Array, dh1: Array, gradients: Gradients, place: tuple[int, int]) -> None:
    """Gradients of inputs and initial state, of one place, from those of y and of the final state."""
    u, delta, A, B, C, D = inputs
    b, first = place
    width, steps = min(BLOCK, u.shape[2] - first), u.shape[1]
    a, g = _lanes(A, first, LOG2_E), _lanes(dh1[b], first, ONE)
    h, decay = np.zeros((SEGMENT + 1, *a.shape), np.float32), np.zeros((SEGMENT, *a.shape), np.float32)
    dt, x, w = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    dx, ddt = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    dA, dD = np.zeros_like(a), np.zeros(BLOCK, np.float32)
    for segment in range((steps - 1) // SEGMENT, -1, -1):
        start = segment * SEGMENT
        stop = min(start + SEGMENT, steps)
        h[0, :, :width] = kept[b, segment, :, first : first + width]
        for i in range(stop - start):
            for j in range(width):
                dt[j] = delta[b, start + i, first + j]
                x[j] = dt[j] * u[b, start + i, first + j]
            _remember(a, (dt, x), B[b, start + i], (h[i], h[i + 1], decay[i]))
        for t in range(stop - 1, start - 1, -1):
            for j in range(width):
                dt[j] = delta[b, t, first + j]
                x[j] = dt[j] * u[b, t, first + j]
                w[j] = dy[b, t, first + j]
            sums = (dx, ddt, dA, gradients.B[first // BLOCK, b, t], gradients.C[first // BLOCK, b, t])
            i = t - start
            _step_back(a, (dt, x, w), (B[b, t], C[b, t]), (h[i], h[i + 1], decay[i]), g, sums)
            for j in range(width):
                gradients.u[b, t, first + j] = dx[j] * dt[j] + w[j] * D[first + j]
                gradients.delta[b, t, first + j] = dx[j] * u[b, t, first + j] + ddt[j] * LN_2
                dD[j] += w[j] * u[b, t, first + j]
    gradients.A[b, first : first + width] = dA[:, :width].T
    gradients.D[b, first : first + width] = dD[:width]
    gradients.h0[b, first : first + width] = g[:, :width].T


@njit(cache=True)
def _lanes(source: Array, first: int, scale: np.float32) -> Array:
    """Rows first .. first + BLOCK of a (d, n), scaled, as lanes (n, BLOCK)."""
    lanes = np.zeros((source.shape[1], BLOCK), np.float32)
    for j in range(min(BLOCK, len(source) - first)):
        for n in range(source.shape[1]):
            lanes[n, j] = source[first + j, n] * scale
    return lanes


# A step is a function of its own so that LLVM sees few arrays and fills its vector registers.
@njit(fastmath=ORDERED, cache=True, error_model="numpy")
def _step(a: Array, channels: tuple[Array, Array], B: Array, C: Array, h: Array, out: Array) -> None:
    """h and out, of one step, in place; channels: Δ and Δ u."""
    dt, x = channels
    for n in range(len(a)):
        for j in range(BLOCK):
            v = exp2(dt[j] * a[n, j]) * h[n, j] + x[j] * B[n]
            h[n, j] = v
            out[j] += v * C[n]


@njit(fastmath=ORDERED, cache=True, error_model="numpy")
def _remember(a: Array, channels: tuple[Array, Array], B: Array, step: tuple[Array, Array, Array]) -> None:
    """The state after one step from the one before, and the decay between them; step: before, after, decay."""
    dt, x = channels
    before, after, decay = step
    for n in range(len(a)):
        for j in range(BLOCK):
            k = exp2(dt[j] * a[n, j])
            decay[n, j] = k
            after[n, j] = k * before[n, j] + x[j] * B[n]


# Inlined by force: LLVM regroups the sums of the function's own copy and of the one inside `backward` each in its way,
# and which of them a call reached, so the last bits, hung on whether `backward` was compiled or came from the cache.
@njit(fastmath=REGROUPED, cache=True, error_model="numpy", forceinline=True)
def _step_back(
    a: Array,
    channels: tuple[Array, Array, Array],
    rows: tuple[Array, Array],
    step: tuple[Array, Array, Array],
    g: Array,
    sums: tuple[Array, Array, Array, Array, Array],
) -> None:
    """Adjoint of one step; channels: Δ, Δ u, dy; rows: B, C; step: state before, state after, decay.

    g comes in as the gradient of the state after the step, but for dy's part, and leaves as that of the state before.
    sums: gradients of Δ u, of Δ through A (over ln 2), of A (added to), of B and of C.
    """
    dt, x, dy = channels
    B, C = rows
    before, after, decay = step
    dx, ddt, dA, dB, dC = sums
    dx[:] = 0
    ddt[:] = 0
    for n in range(len(a)):
        b = c = np.float32(0)
        for j in range(BLOCK):
            v = g[n, j] + dy[j] * C[n]
            c += dy[j] * after[n, j]
            b += v * x[j]
            dx[j] += v * B[n]
            v *= decay[n, j]
            g[n, j] = v
            q = v * before[n, j]
            ddt[j] += q * a[n, j]
            dA[n, j] += q * dt[j]
        dB[n], dC[n] = b, c
