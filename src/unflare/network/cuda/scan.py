# mypy: disable-error-code="assignment"
"""Kernels of the selective scan (Gu & Dao 2023, Algorithm 2), and of what stands around it in a Mamba layer.

    Δ = softplus(step)     h_t = exp(Δ_t A) h_{t-1} + Δ_t u_t B_t     y_t = (C_t · h_t + D u_t) silu(z_t)

    u, step, z, y (b, l, d)     B, C (b, l, n)     A (d, n) float32     D (d,) float32     h (b, d, n) float32

A is handed over as A / ln 2, for exp(Δ A) is 2^(Δ A / ln 2) on a device.

Time is cut into chunks of T steps, which run side by side. Three launches: `ends` goes through every chunk as if it
began with a state of zeros; `carry` leads the true state from chunk to chunk; `outputs` goes through every chunk again,
from its true beginning. A program has ROWS channels of one chunk; their states stay in registers, GROUP at a time.
Tensors have two dimensions throughout, (ROWS, 1), (1, GROUP) or (ROWS, GROUP): so no layout is ever converted.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

GROUP = tl.constexpr(8)  # states of a tensor: 40 are five of them, and nothing is wasted on powers of two


class Inputs(NamedTuple):
    """What a scan reads, shapes above; u, step, z, B, C may be views whose last dimension is dense."""

    u: Tensor
    step: Tensor
    z: Tensor
    B: Tensor
    C: Tensor
    A: Tensor
    D: Tensor


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
    """Groups of (d, n) float32 at `states`, as a tuple of (ROWS, GROUP); beyond n and d are zeros."""
    found = ()
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        n = group * GROUP + tl.arange(0, GROUP)[None, :]
        found = found + (tl.load(states + rows * N + n, mask=(n < N) & (rows < channels), other=0.0),)
    return found


@triton.jit
def store_states(states: tl.tensor, values: tl.tuple, rows: tl.tensor, channels: tl.tensor, N: tl.constexpr) -> None:
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        n = group * GROUP + tl.arange(0, GROUP)[None, :]
        tl.store(states + rows * N + n, values[group], mask=(n < N) & (rows < channels))


@triton.jit
def load_row(row: tl.tensor, group: tl.constexpr, N: tl.constexpr) -> tl.tensor:
    """B or C of one step: a group of n, (1, GROUP) float32."""
    n = group * GROUP + tl.arange(0, GROUP)[None, :]
    return tl.load(row + n, mask=n < N, other=0.0).to(tl.float32)


@triton.jit
def advance(h: tl.tuple, A: tl.tuple, delta: tl.tensor, x: tl.tensor, row: tl.tensor, N: tl.constexpr) -> tl.tuple:
    """The state after one step; `row` is where its B begins."""
    after = ()
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        after = after + (tl.exp2(delta * A[group]) * h[group] + x * load_row(row, group, N),)
    return after


@triton.jit
def read(column: tl.tensor, at: tl.tensor, rows: tl.tensor, channels: tl.tensor) -> tl.tensor:
    """Channels of one step, (ROWS, 1) float32."""
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
) -> None:
    """State at the end of each chunk from zeros, (b, chunks, d, n); the sum of Δ in it, (b, chunks, d)."""
    chunk, sequence = tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    place = sequence * tl.num_programs(0) + chunk
    A = load_states(inputs.A, rows, channels, N)
    h = ()
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        h = h + (A[group] * 0.0,)
    span = tl.zeros((ROWS, 1), tl.float32)
    first = sequence * length + chunk * T
    for t in range(tl.minimum(T, length - chunk * T)):
        at = first + t
        delta = softplus(read(inputs.step, at * strides.step, rows, channels))
        x = delta * read(inputs.u, at * strides.u, rows, channels)
        h = advance(h, A, delta, x, inputs.B + at * strides.B, N)
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
) -> None:
    """y (b, l, d) from the state at the beginning of each chunk, (b, chunks, d, n)."""
    chunk, sequence = tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    A = load_states(inputs.A, rows, channels, N)
    h = load_states(states + (sequence * tl.num_programs(0) + chunk) * channels * N, rows, channels, N)
    D = tl.load(inputs.D + rows, mask=rows < channels, other=0.0)
    first = sequence * length + chunk * T
    for t in range(tl.minimum(T, length - chunk * T)):
        at = first + t
        delta = softplus(read(inputs.step, at * strides.step, rows, channels))
        u = read(inputs.u, at * strides.u, rows, channels)
        h = advance(h, A, delta, delta * u, inputs.B + at * strides.B, N)
        seen = seen_of(h, inputs.C + at * strides.C, N, ROWS)
        z = read(inputs.z, at * strides.z, rows, channels)
        out = (seen + D * u) * z / (1 + tl.exp(-z))
        tl.store(y + at * channels + rows, out.to(y.dtype.element_ty), mask=rows < channels)


@triton.jit
def seen_of(h: tl.tuple, row: tl.tensor, N: tl.constexpr, ROWS: tl.constexpr) -> tl.tensor:
    """C · h of one step, (ROWS, 1); `row` is where its C begins."""
    total = tl.zeros((ROWS, GROUP), tl.float32)
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        total += h[group] * load_row(row, group, N)
    return tl.sum(total, axis=1, keep_dims=True)
