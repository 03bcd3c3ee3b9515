"""Tokens a second of the network, forward and with its backward pass, by batch and length, on this machine's device.

OMP_WAIT_POLICY=passive PYTHONPATH=tests python benchmarks/network.py

Against the same network with other scans, in the same run: a loop over time in plain torch, a segmented scan in plain
torch, mamba_ssm's where it is installed, and none at all, which is the bound that a scan on this device can reach.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

import reference
import torch
from torch import Tensor
from torch.nn import functional

from unflare import params, runtime
from unflare.network import Classifier, dispatch
from unflare.network.precision import autocast

Scan = Mix = Callable[..., tuple[Tensor, Tensor]]
SHAPES = {"cpu": ((2, 64), (2, 1024), (2, 4096)), "cuda": ((2, 64), (8, 4096), (2, 65_536), (1, 1 << 20))}
OTHER_SHAPE = {"cpu": (2, 4096), "cuda": (8, 4096)}  # where the other scans are measured, which are slow
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


def others(device: torch.device) -> dict[str, Mix]:
    found = {"no scan": partial(mixed, none), "own scan": dispatch.form_for(device).mix}
    if device.type == "cuda":
        from unflare.network import cuda

        found["own scan"] = lambda *given: cuda.own(*given[:-1], zeros(*given) if given[-1] is None else given[-1])
        if cuda.OFFICIAL:
            found["mamba_ssm"] = lambda *given: cuda.official(*given[:-1])
    found |= {"segmented, torch": partial(mixed, segmented), "loop, torch": partial(mixed, reference.selective_scan)}
    return found


@contextmanager
def with_mix(mix: Mix) -> Iterator[None]:
    """The network runs on this scan instead of the device's own."""
    own = dispatch.form_for
    with mock.patch("unflare.network.mamba.form_for", lambda device: own(device)._replace(mix=mix)):
        yield


def zeros(u: Tensor, step: Tensor, bias: Tensor, A: Tensor, *_: object) -> Tensor:
    return A.new_zeros(len(u), *A.shape)


def mixed(scan: Scan, *given: Tensor) -> tuple[Tensor, Tensor]:
    u, step, bias, A, B, C, D, z, h0 = given
    y, h = scan(u, functional.softplus(step + bias), A, B, C, D, zeros(*given) if h0 is None else h0)
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


def plain_network(device: torch.device) -> Classifier:
    return Classifier(params.load().network, torch.zeros(13), torch.ones(13)).to(device)


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


def main() -> None:
    device = runtime.device()
    network = plain_network(device)
    print(f"{device}, {torch.get_num_threads()} threads, {network.scan}; tokens/s")
    for shape in SHAPES[device.type]:
        line("the network", network, shape)
    shape, found = OTHER_SHAPE[device.type], {}
    for name, mix in others(device).items():
        with with_mix(mix):
            found[name] = line(name, network, shape)
    for name, rates in found.items():
        ratios = [own / rate for own, rate in zip(found["own scan"], rates, strict=True)]
        print(f"own scan / {name:17} {ratios[0]:6.2f} forward, {ratios[1]:6.2f} with backward")


if __name__ == "__main__":
    main()
