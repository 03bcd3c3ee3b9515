# mypy: disable-error-code="assignment"
"""The way back through the kernels of `scan.py`: the same chunks, the same three launches, and the gradients.

    g_t = C_t dy_t + exp(Δ_{t+1} A) g_{t+1}        the gradient of h_t; y before its gate

`tails` goes back through every chunk as if nothing came from behind it, `scan.carry` leads what comes from chunk to
chunk, `gradients` goes through every chunk forward, which leaves the states of all its steps in memory, and back again.
Sums over what programs share are left in parts, in a fixed order: equal inputs give equal bits.

Other than there, tensors have two dimensions, (ROWS, 1), (1, GROUP) or (ROWS, GROUP): B and C want sums over channels.
"""

import triton
import triton.language as tl

from unflare.network.cuda.scan import Inputs, Strides, softplus

GROUP = tl.constexpr(8)  # states of a tensor: 40 are five of them, and nothing is wasted on powers of two
LN_2 = tl.constexpr(0.6931471805599453)


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
def sigmoid(x: tl.tensor) -> tl.tensor:
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tails(  # noqa: PLR0913
    inputs: Inputs,
    strides: Strides,
    dy: tl.tensor,
    adjoint: tl.tensor,
    length: tl.tensor,
    channels: tl.tensor,
    T: tl.constexpr,
    N: tl.constexpr,
    ROWS: tl.constexpr,
) -> None:
    """Gradient of the state at the beginning of each chunk, (b, chunks, d, n), from the outputs in it alone."""
    chunk, sequence = tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    A = load_states(inputs.A, rows, channels, N)
    bias = tl.load(inputs.bias + rows, mask=rows < channels, other=0.0)
    g = ()
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        g = g + (A[group] * 0.0,)
    first, steps = sequence * length + chunk * T, tl.minimum(T, length - chunk * T)
    for back in range(steps):
        at = first + steps - 1 - back
        delta = softplus(read(inputs.step, at * strides.step, rows, channels) + bias)
        z = read(inputs.z, at * strides.z, rows, channels)
        seen = read(dy, at * channels, rows, channels) * z * sigmoid(z)
        before = ()
        for group in tl.static_range((N + GROUP - 1) // GROUP):
            row = load_row(inputs.C + at * strides.C, group, N)
            before = before + (tl.exp2(delta * A[group]) * (g[group] + seen * row),)
        g = before
    place = sequence * tl.num_programs(0) + chunk
    store_states(adjoint + place * channels * N, g, rows, channels, N)


@triton.jit
def gradients(  # noqa: PLR0913
    inputs: Inputs,
    strides: Strides,
    dy: tl.tensor,
    states: tl.tensor,
    adjoint: tl.tensor,
    scratch: tl.tensor,
    wanted: tl.tuple,
    before: tl.tensor,
    chunks: tl.tensor,
    length: tl.tensor,
    channels: tl.tensor,
    T: tl.constexpr,
    N: tl.constexpr,
    ROWS: tl.constexpr,
) -> None:
    """Gradients of all inputs, of the chunks after the first `before`.

    states   (b, chunks, d, n), at the beginning of each chunk     adjoint  likewise, of the state at its end
    scratch  room for (T, ROWS, N) of each program
    wanted   of u, step, z (b, l, d); of B, C (d / ROWS, b, l, n), of A (b, chunks, d, n) and D (b, chunks, d), in parts
    """
    du, dstep, dz, dB, dC, dA, dD = wanted
    chunk, sequence = before + tl.program_id(0), tl.program_id(2).to(tl.int64)
    rows = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    inside, local = rows < channels, tl.arange(0, ROWS)[:, None]
    place = sequence * chunks + chunk
    A = load_states(inputs.A, rows, channels, N)
    D = tl.load(inputs.D + rows, mask=inside, other=0.0)
    bias = tl.load(inputs.bias + rows, mask=inside, other=0.0)
    program = (tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)) * tl.num_programs(2) + tl.program_id(2)
    scratch += program.to(tl.int64) * T * ROWS * N
    first, steps = sequence * length + chunk * T, tl.minimum(T, length - chunk * T)

    h = load_states(states + place * channels * N, rows, channels, N)
    for t in range(steps):
        at = first + t
        store_states(scratch + t * ROWS * N, h, local, ROWS, N)
        delta = softplus(read(inputs.step, at * strides.step, rows, channels) + bias)
        x = delta * read(inputs.u, at * strides.u, rows, channels)
        h = advance(h, A, delta, x, inputs.B + at * strides.B, N)

    tl.debug_barrier()  # what one thread has left in the scratch another may fetch

    g = load_states(adjoint + place * channels * N, rows, channels, N)
    of_A, of_D = (), tl.zeros((ROWS, 1), tl.float32)
    for group in tl.static_range((N + GROUP - 1) // GROUP):
        of_A = of_A + (A[group] * 0.0,)
    parts = (tl.program_id(1) * tl.num_programs(2) + sequence) * length + chunk * T  # first row of B's and C's
    for back in range(steps):
        t = steps - 1 - back
        at = first + t
        raw = read(inputs.step, at * strides.step, rows, channels) + bias
        u, z = read(inputs.u, at * strides.u, rows, channels), read(inputs.z, at * strides.z, rows, channels)
        delta, gate = softplus(raw), sigmoid(z)
        incoming = read(dy, at * channels, rows, channels)
        seen = incoming * z * gate
        x = delta * u
        total = tl.zeros((ROWS, GROUP), tl.float32)
        through_x, through_decay = total, total
        earlier, summed = (), ()
        old = load_states(scratch + t * ROWS * N, local, ROWS, N)
        for group in tl.static_range((N + GROUP - 1) // GROUP):
            n = group * GROUP + tl.arange(0, GROUP)[None, :]
            b, c = load_row(inputs.B + at * strides.B, group, N), load_row(inputs.C + at * strides.C, group, N)
            decay = tl.exp2(delta * A[group])
            after = decay * old[group] + x * b
            here = g[group] + seen * c
            tl.store(dC + (parts + t) * N + n, tl.sum(seen * after, axis=0, keep_dims=True), mask=n < N)
            tl.store(dB + (parts + t) * N + n, tl.sum(here * x, axis=0, keep_dims=True), mask=n < N)
            total += after * c
            through_x += here * b
            decayed = here * decay * old[group]
            through_decay += decayed * A[group]
            summed = summed + (of_A[group] + decayed * delta,)
            earlier = earlier + (decay * here,)
        g, of_A = earlier, summed
        dx = tl.sum(through_x, axis=1, keep_dims=True)
        y = tl.sum(total, axis=1, keep_dims=True) + D * u
        of_D += seen * u
        ddelta = dx * u + tl.sum(through_decay, axis=1, keep_dims=True) * LN_2
        kind = du.dtype.element_ty
        tl.store(du + at * channels + rows, (dx * delta + seen * D).to(kind), mask=inside)
        tl.store(dstep + at * channels + rows, (ddelta * sigmoid(raw)).to(kind), mask=inside)
        tl.store(dz + at * channels + rows, (incoming * y * gate * (1 + z * (1 - gate))).to(kind), mask=inside)
    store_states(dA + place * channels * N, of_A, rows, channels, N)
    tl.store(dD + place * channels + rows, of_D, mask=inside)
