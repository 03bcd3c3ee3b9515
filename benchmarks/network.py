"""Tokens a second of the network, forward and with its backward pass, by batch and length, on this machine's device.

PYTHONPATH=tests python benchmarks/network.py

Against the same network with other scans, in the same run: a loop over time in plain torch, a segmented scan in plain
torch, and none at all, which is the bound that a scan on this device can reach.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import reference
import torch
from torch import Tensor
from torch.nn import functional

from unflare import params, runtime
from unflare.network import Classifier, dispatch
from unflare.network.dispatch import Form
from unflare.network.precision import autocast
from unflare.training.replay import Replayed

Scan = Callable[..., tuple[Tensor, Tensor]]
SHAPES = {"cpu": ((2, 64), (2, 1024), (2, 4096)), "cuda": ((2, 64), (8, 4096), (2, 65_536), (1, 1 << 20))}
OTHER_SHAPE = {"cpu": (2, 4096), "cuda": (8, 4096)}  # where the other scans are measured, which are slow
RECORDED = ((2, 1024), (8, 4096), (16, 4096), (32, 4096))
ROUNDS = 3


def segmented(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:  # noqa: PLR0913
    """The recurrence in 2 sqrt(l) steps: in all segments at once, from segment to segment, then what they bring."""
    b, steps, d = u.shape
    size = math.isqrt(steps - 1) + 1
    pad = (0, 0, 0, -steps % size)
    split = [functional.pad(x, pad).unflatten(1, (-1, size)) for x in (u, delta, B, C)]
    at = [tuple(x[:, :, i] for x in split) for i in range(size)]  # each (b, segments, ...)
    local, spans, state, span = [], [], None, None
    for u_i, delta_i, B_i, _ in at:
        driven = (delta_i * u_i)[..., None] * B_i[:, :, None]
        state = driven if state is None else torch.exp(delta_i[..., None] * A) * state + driven
        span = delta_i if span is None else span + delta_i
        local.append(state)
        spans.append(span)
    begins = []
    for end, whole in zip(local[-1].unbind(1), spans[-1].unbind(1), strict=True):
        begins.append(h)
        h = torch.exp(whole[..., None] * A) * h + end
    begin = torch.stack(begins, 1)
    states = (one + torch.exp(s[..., None] * A) * begin for one, s in zip(local, spans, strict=True))
    y = [(state * C_i[:, :, None]).sum(-1) + D * u_i for state, (u_i, _, _, C_i) in zip(states, at, strict=True)]
    return torch.stack(y, 2).reshape(b, -1, d)[:, :steps], h


def none(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:  # noqa: PLR0913
    """No scan: what it reads is read, and nothing remembered."""
    return D * u + delta + (B.sum(-1, keepdim=True) + C.sum(-1, keepdim=True)) * A.sum(), h


OTHERS: dict[str, Scan | None] = {
    "no scan": none,
    "own scan": None,
    "segmented, torch": segmented,
    "loop, torch": reference.selective_scan,
}


@contextmanager
def with_scan(scan: Scan | None) -> Iterator[None]:
    """The network runs on this scan instead of the device's own."""
    own = dispatch.form_for

    def form_for(device: torch.device) -> Form:
        form = own(device)
        return form if scan is None else form._replace(mix=lambda *given: mixed(scan, *given))

    with mock.patch("unflare.network.mamba.form_for", form_for):
        yield


def mixed(scan: Scan, *given: Tensor) -> tuple[Tensor, Tensor]:
    u, step, bias, A, B, C, D, z, h0 = given
    y, h = scan(u, functional.softplus(step + bias), A, B, C, D, A.new_zeros(len(u), *A.shape) if h0 is None else h0)
    return y * functional.silu(z), h


def seconds(run: Callable[[Tensor], Tensor], network: Classifier, features: Tensor, *, backward: bool) -> float:
    """Of one pass, the best of a few."""
    cuda, best = features.is_cuda, math.inf
    for _ in range(ROUNDS):
        if cuda:
            torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.set_grad_enabled(backward):
            logits = run(features)
            if backward:
                network.zero_grad(set_to_none=True)
                logits.float().square().mean().backward()
        if cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def line(name: str, network: Classifier, shape: tuple[int, int], precision: str = "float32") -> tuple[float, float]:
    device = network.mean.device
    features = torch.randn(*shape, 13, device=device)
    narrow = autocast(precision, device)

    def run(features: Tensor) -> Tensor:
        with narrow():
            logits: Tensor = network(features)[0]
        return logits

    seconds(run, network, features[:, :64], backward=True)  # compiles
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    rates = [shape[0] * shape[1] / seconds(run, network, features, backward=backward) for backward in (False, True)]
    peak = f", peak {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB" if device.type == "cuda" else ""
    print(f"{name:28} {shape[0]:3} x {shape[1]:9,}: {rates[0]:14,.0f} forward, {rates[1]:14,.0f} with backward{peak}")
    return rates[0], rates[1]


def recorded_line(network: Classifier, shape: tuple[int, int], precision: str) -> None:
    """Both passes as the training runs them."""
    recorded, narrow = Replayed(network), autocast(precision, network.mean.device)

    def run(features: Tensor) -> Tensor:
        with narrow():
            return recorded(features)

    rate = shape[0] * shape[1] / seconds(run, network, torch.randn(*shape, 13, device="cuda"), backward=True)
    print(f"{f'{precision}, recorded':28} {shape[0]:3} x {shape[1]:9,}: {'':23} {rate:14,.0f} with backward")


def on_cuda(network: Classifier) -> None:
    """Half precision, recorded passes, and the bound of a scan that computes nothing but exponentials, and those once.

    A multiprocessor of compute capability 8 or 9 makes 16 a clock (CUDA C++ Programming Guide, arithmetic throughput).
    """
    made, shape = torch.cuda.get_device_properties(network.mean.device), network.shape
    exponentials = shape.layers * shape.expand * shape.d_model * shape.d_state
    bound = made.multi_processor_count * 16 * made.clock_rate * 1e3 / exponentials
    print(f"exponentials alone, {exponentials:,} a token: {bound:,.0f}")
    for size in SHAPES["cuda"]:
        line("bfloat16", network, size, "bfloat16")
    for size in RECORDED:
        for precision in ("float32", "bfloat16"):
            recorded_line(network, size, precision)


def main() -> None:
    device = runtime.device()
    network = Classifier(params.load().network, torch.zeros(13), torch.ones(13)).to(device)
    print(f"{device}, {torch.get_num_threads()} threads, {network.scan}; tokens/s")
    for shape in SHAPES[device.type]:
        line("the network", network, shape)
    if device.type == "cuda":
        on_cuda(network)
    shape, found = OTHER_SHAPE[device.type], {}
    for name, scan in OTHERS.items():
        with with_scan(scan):
            found[name] = line(name, network, shape)
    for name, rates in found.items():
        ratios = [own / rate for own, rate in zip(found["own scan"], rates, strict=True)]
        print(f"own scan / {name:17} {ratios[0]:6.2f} forward, {ratios[1]:6.2f} with backward")


if __name__ == "__main__":
    main()
