# mypy: disable-error-code="assignment"
"""Kernels of the selective scan (Gu & Dao 2023, Algorithm 2), and of what stands around it in a Mamba layer.

    Δ = softplus(step + bias)     h_t = exp(Δ_t A) h_{t-1} + Δ_t u_t B_t     y_t = (C_t · h_t + D u_t) silu(z_t)

    u, step, z, y (b, l, d)     B, C (b, l, n)     A (d, n) float32     bias, D (d,) float32     h (b, d, n) float32

A is handed over as A / ln 2, for exp(Δ A) is 2^(Δ A / ln 2) on a device.

Time is cut into chunks of T steps, which run side by side. Three launches: `ends` goes through every chunk as if it
began with a state of zeros; `carry` leads the true state from chunk to chunk; `outputs` goes through every chunk again,
from its true beginning. A program is a warp and has ROWS channels of one chunk, two for a lane; their states stay in
its registers, and B and C, which all channels share, are numbers that every lane reads. So few warps fit a processor
that they must not wait for memory: a step asks for the channels of the next. Steps are counted in 32 bits, which takes
less of them: all sequences of a call have fewer than 2^31.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor


class Inputs(NamedTuple):
    """What a scan reads, shapes above; u, step, z, B, C may be views whose last dimension is dense."""

    u: Tensor
    step: Tensor
    z: Tensor
    B: Tensor
    C: Tensor
    A: Tensor
    D: Tensor
    bias: Tensor


class Strides(NamedTuple):
    """From one step to the next, of u, step, z, B, C; sequences follow each other without a gap: l times as much."""

    u: int
    step: int
    z: int
    B: int
    C: int


@triton.jit
def softplus(x: tl.tensor) -> tl.tensor:
    return tl.where(x > 20, x, tl.log(1 + tl.exp(tl.minimum(x, 20))))


@triton.jit
def load_states(states: tl.tensor, rows: tl.tensor, channels: tl.tensor, N: tl.constexpr) -> tl.tuple:
    """N tensors (ROWS,) float32 of (d, n) at `states`; zeros beyond d."""
    found = ()
    for n in tl.static_range(N):
        found = found + (tl.load(states + rows * N + n, mask=rows < channels, other=0.0),)
    return found


@triton.jit
def store_states(states: tl.tensor, values: tl.tuple, rows: tl.tensor, channels: tl.tensor, N: tl.constexpr) -> None:
    for n in tl.static_range(N):
        tl.store(states + rows * N + n, values[n], mask=rows < channels)


@triton.jit
def load_row(row: tl.tensor, N: tl.constexpr, PACKED: tl.constexpr) -> tl.tuple:
    """B or C of one step: N numbers float32. With PACKED they are bfloat16, and four are read at once."""
    found = ()
    if PACKED:
        fours = row.to(tl.pointer_type(tl.int64), bitcast=True)
        for i in tl.static_range(N // 4):
            four = tl.load(fours + i)
            for half in tl.static_range(2):
                both = (four >> 32 * half).to(tl.int32)
                found = found + (
                    (both << 16).to(tl.float32, bitcast=True),
                    (both & -65536).to(tl.float32, bitcast=True),
                )
    else:
        for n in tl.static_range(N):
            found = found + (tl.load(row + n).to(tl.float32),)
    return found


@triton.jit
def advance(h: tl.tuple, A: tl.tuple, delta: tl.tensor, x: tl.tensor, B: tl.tuple, N: tl.constexpr) -> tl.tuple:
    """The state after one step."""
    after = ()
    for n in tl.static_range(N):
        after = after + (tl.exp2(delta * A[n]) * h[n] + x * B[n],)
    return after


@triton.jit
def read(column: tl.tensor, at: tl.tensor, rows: tl.tensor, channels: tl.tensor) -> tl.tensor:
    """Channels of one step, (ROWS,) float32."""
    return tl.load(column + at + rows, mask=rows < channels, other=0.0).to(tl.float32)


@triton.jit
def ends(  # noqa: PLR0913
    inputs: Inputs,
    strides: Strides,
    states: tl.tensor,
    spans: tl.tensor,
    length: tl.tensor,
    channels: tl.tensor,
    T: tl.constexpr,
    N: tl.constexpr,
    ROWS: tl.constexpr,
    PACKED: tl.constexpr,
) -> None:
    """State at the end of each chunk from zeros, (b, chunks, d, n); the sum of Δ in it, (b, chunks, d)."""
    chunk, sequence = tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    place = sequence * tl.num_programs(0) + chunk
    A = load_states(inputs.A, rows, channels, N)
    span = tl.zeros((ROWS,), tl.float32)
    bias = tl.load(inputs.bias + rows, mask=rows < channels, other=0.0)
    h = ()
    for _ in tl.static_range(N):
        h = h + (span,)
    first, steps = (sequence * length + chunk * T).to(tl.int32), tl.minimum(T, length - chunk * T)
    step = read(inputs.step, first.to(tl.int64) * strides.step, rows, channels)
    u = read(inputs.u, first.to(tl.int64) * strides.u, rows, channels)
    for t in range(steps):
        at, ahead = (first + t).to(tl.int64), (first + tl.minimum(t + 1, steps - 1)).to(tl.int64)
        delta = softplus(step + bias)
        x = delta * u
        step = read(inputs.step, ahead * strides.step, rows, channels)
        u = read(inputs.u, ahead * strides.u, rows, channels)
        h = advance(h, A, delta, x, load_row(inputs.B + at * strides.B, N, PACKED), N)
        span += delta
    store_states(states + place * channels * N, h, rows, channels, N)
    tl.store(spans + place * channels + rows, span, mask=rows < channels)


@triton.jit
def carry(  # noqa: PLR0913
    states: tl.tensor,
    spans: tl.tensor,
    A: tl.tensor,
    h0: tl.tensor,
    h1: tl.tensor,
    chunks: tl.tensor,
    channels: tl.tensor,
    N: tl.constexpr,
    BLOCK: tl.constexpr,
    BACK: tl.constexpr,
) -> None:
    """From h0 (b, d, n), in place: for each chunk's end its beginning; the state after the last into h1.

    With BACK from the last chunk to the first.
    """
    sequence = tl.program_id(1).to(tl.int64)
    state = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = state < channels * N
    a = tl.load(A + state, mask=inside, other=0.0)
    h = tl.load(h0 + sequence * channels * N + state, mask=inside, other=0.0)
    for i in range(chunks):
        place = sequence * chunks + (chunks - 1 - i if BACK else i)
        end = tl.load(states + place * channels * N + state, mask=inside, other=0.0)
        span = tl.load(spans + place * channels + state // N, mask=inside, other=0.0)
        tl.store(states + place * channels * N + state, h, mask=inside)
        h = tl.exp2(a * span) * h + end
    tl.store(h1 + sequence * channels * N + state, h, mask=inside)


@triton.jit
def outputs(  # noqa: PLR0913
    inputs: Inputs,
    strides: Strides,
    states: tl.tensor,
    y: tl.tensor,
    length: tl.tensor,
    channels: tl.tensor,
    T: tl.constexpr,
    N: tl.constexpr,
    ROWS: tl.constexpr,
    PACKED: tl.constexpr,
) -> None:
    """y (b, l, d) from the state at the beginning of each chunk, (b, chunks, d, n)."""
    chunk, sequence = tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    A = load_states(inputs.A, rows, channels, N)
    h = load_states(states + (sequence * tl.num_programs(0) + chunk) * channels * N, rows, channels, N)
    D = tl.load(inputs.D + rows, mask=rows < channels, other=0.0)
    bias = tl.load(inputs.bias + rows, mask=rows < channels, other=0.0)
    first, steps = (sequence * length + chunk * T).to(tl.int32), tl.minimum(T, length - chunk * T)
    next_step = read(inputs.step, first.to(tl.int64) * strides.step, rows, channels)
    next_u = read(inputs.u, first.to(tl.int64) * strides.u, rows, channels)
    next_z = read(inputs.z, first.to(tl.int64) * strides.z, rows, channels)
    for t in range(steps):
        at, ahead = (first + t).to(tl.int64), (first + tl.minimum(t + 1, steps - 1)).to(tl.int64)
        delta, u, z = softplus(next_step + bias), next_u, next_z
        next_step = read(inputs.step, ahead * strides.step, rows, channels)
        next_u = read(inputs.u, ahead * strides.u, rows, channels)
        next_z = read(inputs.z, ahead * strides.z, rows, channels)
        h = advance(h, A, delta, delta * u, load_row(inputs.B + at * strides.B, N, PACKED), N)
        C, seen = load_row(inputs.C + at * strides.C, N, PACKED), D * u
        for n in tl.static_range(N):
            seen += h[n] * C[n]
        tl.store(y + at * channels + rows, (seen * z / (1 + tl.exp(-z))).to(y.dtype.element_ty), mask=rows < channels)
