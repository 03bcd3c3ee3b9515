"""Laws of the selective scan and of the convolution in front of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from torch import Tensor, nn
from torch.nn import functional

from unflare.network.convolution import causal_conv
from unflare.network.dispatch import form_for, implementation
from unflare.network.kernels import exp2
from unflare.network.scan import mix, selective_scan

CPU = torch.device("cpu")


def inputs(*, sequences: int = 2, steps: int = 100, channels: int = 72, states: int = 5) -> list[Tensor]:
    """u, Δ, A, B, C, D, h0; decays from none to all of the state, 72 channels: a whole block and a part of one."""
    generator = torch.Generator().manual_seed(steps + channels)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    u, delta = normal(sequences, steps, channels), functional.softplus(2 * normal(sequences, steps, channels) - 3)
    A, D, h0 = -torch.exp(normal(channels, states) + 1), normal(channels), normal(sequences, channels, states)
    return [u, delta, A, normal(sequences, steps, states), normal(sequences, steps, states), D, h0]


def with_gradients(
    scan: Callable[..., tuple[Tensor, Tensor]], values: list[Tensor], dtype: torch.dtype, through_state: float = 1.0
) -> list[Tensor]:
    """Outputs, final state, and gradients of all inputs of a fixed weighting of both; the state's times a factor."""
    leaves = [value.to(dtype, copy=True).requires_grad_() for value in values]
    y, h = scan(*leaves)
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(part.shape, generator=generator).to(part) for part in (y, h)]
    ((y * weights[0]).sum() + through_state * (h * weights[1]).sum()).backward()
    return [y.detach(), h.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def relative(found: Tensor, exact: Tensor) -> float:
    return float((found.double() - exact).norm() / exact.norm())


def test_powers_of_two_are_right_to_float32() -> None:
    x = np.linspace(-125, 20, 100_001).astype(np.float32)
    found = np.array([exp2(value) for value in x], np.float64)
    assert np.abs(found / np.exp2(x.astype(np.float64)) - 1).max() < 1.5e-7
    assert exp2(np.float32(0)) == 1  # what does not decay stays, however long
    assert 0 <= exp2(np.float32(-1e6)) < 1e-37


@pytest.mark.parametrize(("steps", "channels", "states"), [(100, 72, 5), (1, 16, 40), (16, 64, 16), (33, 128, 1)])
def test_scan_and_all_its_gradients_are_those_of_the_recurrence_in_float64(
    steps: int, channels: int, states: int
) -> None:
    values = inputs(steps=steps, channels=channels, states=states)
    found = with_gradients(selective_scan, values, torch.float32)
    exact = with_gradients(reference.selective_scan, values, torch.float64)
    assert len(found) == len(exact) == 9
    assert max(relative(f, e) for f, e in zip(found, exact, strict=True)) < 2e-6


@pytest.mark.parametrize("cut", [1, 7, 64])
def test_a_cut_sequence_with_its_state_carried_equals_the_whole(cut: int) -> None:
    u, delta, A, B, C, D, h = inputs()
    whole, last = selective_scan(u, delta, A, B, C, D, h)
    pieces = []
    for i in range(0, u.shape[1], cut):
        y, h = selective_scan(*(x[:, i : i + cut] for x in (u, delta)), A, B[:, i : i + cut], C[:, i : i + cut], D, h)
        pieces.append(y)
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.equal(h, last)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    values, threads = inputs(sequences=3), torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(with_gradients(selective_scan, values, torch.float32))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_without_gradients_the_outputs_are_the_same_bits() -> None:
    values = inputs()
    with torch.no_grad():
        plain = selective_scan(*values)
    for found, expected in zip(plain, selective_scan(*(value.requires_grad_() for value in values)), strict=True):
        assert torch.equal(found, expected)


def test_a_mixer_is_the_scan_between_its_softplus_and_its_gate() -> None:
    u, delta, A, B, C, D, h0 = inputs()
    step, z = delta.expm1().log(), torch.randn(u.shape, generator=torch.Generator().manual_seed(3))
    y, h = mix(u, step - 0.5, torch.full_like(D, 0.5), A, B, C, D, z, h0)
    plain, last = reference.selective_scan(*(value.double() for value in (u, delta, A, B, C, D, h0)))
    assert relative(y, plain * functional.silu(z.double())) < 2e-6
    assert relative(h, last) < 2e-6
    for found, expected in zip(
        mix(u, step, 0 * D, A, B, C, D, z, None), mix(u, step, 0 * D, A, B, C, D, z, 0 * h0), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_convolution_and_its_gradients_are_those_of_torch(steps: int) -> None:
    torch.manual_seed(steps)
    conv = nn.Conv1d(72, 72, 4, groups=72)
    x, tail = torch.randn(2, steps, 72, requires_grad=True), torch.randn(2, 3, 72, requires_grad=True)
    parameters = [x, tail, conv.weight, conv.bias]
    y, after = causal_conv(x, conv, tail)
    padded = torch.cat([tail, x], 1)
    plain = conv(padded.transpose(1, 2)).transpose(1, 2)
    weight = torch.randn_like(plain)
    torch.testing.assert_close(y, plain)
    assert torch.equal(after, padded[:, -3:])
    for found, exact in zip(
        torch.autograd.grad((y * weight).sum(), parameters),
        torch.autograd.grad((plain * weight).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(found, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_kernels_give_the_same_bits_compiled_and_from_the_cache(tmp_path: Path) -> None:
    """Else a first training would differ from every later one, and from itself where it was killed and went on."""
    code = (
        "import hashlib, torch; from test_scan import inputs, selective_scan\n"
        "values = [value.requires_grad_() for value in inputs(steps=100, channels=128, states=40)]\n"
        "y, h = selective_scan(*values); (y.square().sum() + h.sum()).backward()\n"
        "print(hashlib.sha256(b''.join(x.grad.numpy().tobytes() for x in values)).hexdigest())\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", code]
    said = [subprocess.run(command, env=environment, capture_output=True, check=True).stdout for _ in range(2)]
    assert list(tmp_path.rglob("*.nbc"))
    assert said[0] == said[1]


def test_a_device_without_a_scan_is_refused_by_name() -> None:
    assert "numba" in implementation(CPU)
    with pytest.raises(ValueError, match=r"runs on cpu and cuda, found meta"):
        form_for(torch.device("meta"))


@pytest.mark.skipif(find_spec("triton") is not None, reason="about machines without Triton")
def test_cuda_without_triton_is_refused_in_a_sentence() -> None:
    with pytest.raises(ImportError, match="CUDA: the scan needs Triton, which comes with torch for CUDA"):
        form_for(torch.device("cuda"))
