"""A mixer's outputs and gradients against the recurrence in float64: the scans of this machine's device, by precision.

PYTHONPATH=tests python benchmarks/parity.py
"""

from collections.abc import Callable, Iterator

import reference
import torch
from torch import Tensor
from torch.nn import functional

from unflare import runtime
from unflare.network.dispatch import form_for

SIZE = (2, 1024, 128, 40)  # sequences, steps, channels, states
NARROW = ("u", "step", "B", "C", "z")  # in half precision, where there is one
Pair = tuple[Tensor, Tensor]


def inputs() -> dict[str, Tensor]:
    """Float64, of the sizes that a network has at its start and later."""
    b, steps, d, n = SIZE
    generator = torch.Generator().manual_seed(0)
    sizes = {"u": (b, steps, d), "step": (b, steps, d), "bias": (d,), "A": (d, n), "B": (b, steps, n)}
    sizes |= {"C": (b, steps, n), "D": (d,), "z": (b, steps, d)}
    found = {name: torch.randn(size, generator=generator).double() for name, size in sizes.items()}
    return found | {"bias": found["bias"] - 3, "A": -torch.exp(found["A"] + 1)}


def plain(u: Tensor, step: Tensor, bias: Tensor, z: Tensor, **rest: Tensor) -> Pair:
    h = rest["A"].new_zeros(len(u), *rest["A"].shape)
    y, h = reference.selective_scan(u, functional.softplus(step + bias), *(rest[name] for name in "ABCD"), h)
    return y * functional.silu(z), h


def scans(device: torch.device) -> Iterator[tuple[str, Callable[..., Pair]]]:
    if device.type == "cpu":
        yield form_for(device).name, lambda **given: form_for(device).mix(**given, h0=None)
        return
    from unflare.network import cuda

    yield "Triton", lambda **given: cuda.own(**given, h0=given["A"].new_zeros(SIZE[0], *SIZE[2:]))
    if cuda.OFFICIAL:
        yield "mamba_ssm", lambda **given: cuda.mix(**given, h0=None)


def run(mix: Callable[..., Pair], given: dict[str, Tensor]) -> dict[str, Tensor]:
    leaves = {name: value.detach().clone().requires_grad_() for name, value in given.items()}
    y, _ = mix(**leaves)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    (y * weight).sum().backward()
    return {"y": y.detach()} | {f"d{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def main() -> None:
    device, given = runtime.device(), inputs()
    exact = run(plain, given)
    print(f"{runtime.device_name(device)}; |found - exact| / |exact| of {SIZE}")
    print(f"{'':34}" + "".join(f"{name:>9}" for name in exact))
    for name, mix in scans(device):
        for kind in (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,):
            values = {key: v.to(device, kind if key in NARROW else torch.float32) for key, v in given.items()}
            found = {key: value.cpu().double() for key, value in run(mix, values).items()}
            errors = [float((found[key] - exact[key]).norm() / exact[key].norm()) for key in exact]
            print(f"{f'{name}, {str(kind)[6:]}':34}" + "".join(f"{error:9.1e}" for error in errors))


if __name__ == "__main__":
    main()
