"""The parts of a Mamba layer on CUDA: the laws of the CPU form, its gradients, its exact streaming, and mamba_ssm."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest
import reference
import torch
from test_scan import inputs, relative
from torch import Tensor, nn
from torch.nn import functional

from unflare.network import Classifier
from unflare.network.convolution import convolve
from unflare.network.dispatch import form_for
from unflare.params import Network

SHAPE = Network(d_model=128, d_state=40, d_conv=4, expand=1, layers=4)
Pair = tuple[Tensor, Tensor]
TIMED = ("u", "step", "B", "C", "z")
SIZES = [(2, 300, 128, 40), (1, 1, 16, 40), (3, 65, 72, 5), (1, 5_000, 256, 16)]


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    there = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    return pytest.mark.gpu(there(test))


def official(test: Callable[..., None]) -> Callable[..., None]:
    reason = "mamba_ssm is not installed"
    return gpu(pytest.mark.skipif(find_spec("mamba_ssm") is None, reason=reason)(test))


def values(size: tuple[int, int, int, int]) -> dict[str, Tensor]:
    """What a mixer is called with, float64 on CUDA."""
    b, steps, d, n = size
    u, delta, A, B, C, D, h0 = inputs(sequences=b, steps=steps, channels=d, states=n)
    z = torch.randn(u.shape, generator=torch.Generator().manual_seed(3))
    bias = torch.randn(d, generator=torch.Generator().manual_seed(4))
    named = {"u": u, "step": delta.expm1().log() - bias, "bias": bias, "A": A, "B": B, "C": C, "D": D, "z": z, "h0": h0}
    return {name: value.double().cuda() for name, value in named.items()}


def plain(**v: Tensor) -> Pair:
    y, h = reference.selective_scan(
        v["u"], functional.softplus(v["step"] + v["bias"]), *(v[name] for name in ("A", "B", "C", "D", "h0"))
    )
    return y * functional.silu(v["z"]), h


def run(mix: Callable[..., Pair], given: dict[str, Tensor], through_state: float = 1.0) -> dict[str, Tensor]:
    """Outputs, last state, and the gradients of all that was given, of a fixed weighting of both."""
    leaves = {name: value.detach().clone().requires_grad_() for name, value in given.items()}
    y, h = mix(**leaves)
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(part.shape, generator=generator).to(part) for part in (y, h)]
    ((y * weights[0]).sum() + through_state * (h * weights[1]).sum()).backward()
    grads = {f"d{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {"y": y.detach(), "h": h.detach(), **grads}


def own(**given: Tensor) -> Pair:
    from unflare.network.cuda import own

    return own(**given)


@gpu
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "most"), [(torch.float32, 3e-6), (torch.bfloat16, 2e-2)])
def test_mixer_and_all_its_gradients_are_those_of_the_recurrence_in_float64(
    size: tuple[int, int, int, int], kind: torch.dtype, most: float
) -> None:
    exact_inputs = values(size)
    rounded = {
        name: v.to(kind if name in ("u", "step", "B", "C", "z") else torch.float32) for name, v in exact_inputs.items()
    }
    found, exact = run(own, rounded), run(plain, {name: value.double() for name, value in rounded.items()})
    assert found["y"].dtype == kind
    assert found["h"].dtype == torch.float32
    assert {
        name: relative(found[name], exact[name]) for name in exact if relative(found[name], exact[name]) > most
    } == {}


@gpu
def test_gradients_are_the_same_bits_run_after_run_whatever_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from unflare.network.cuda import mixing

    given = {name: value.float() for name, value in values((2, 300, 128, 40)).items()}
    runs = [run(own, given), run(own, given)]
    monkeypatch.setattr(mixing, "SCRATCH", 1)
    runs.append(run(own, given))
    for other in runs[1:]:
        assert all(torch.equal(runs[0][name], other[name]) for name in other)


@gpu
@pytest.mark.parametrize("cut", [1, 7, 64, 1_000, 4_096])
def test_a_cut_sequence_with_its_state_carried_equals_the_whole(cut: int) -> None:
    given = {name: value.float() for name, value in values((2, 300 if cut == 1 else 5_000, 128, 40)).items()}
    with torch.no_grad():
        whole, last = own(**given)
        h, pieces = given["h0"], []
        for i in range(0, whole.shape[1], cut):
            piece = {name: v[:, i : i + cut] if name in TIMED else v for name, v in given.items()} | {"h0": h}
            y, h = own(**piece)
            pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(h, last, rtol=1e-5, atol=1e-5)


@official
def test_mamba_ssm_gives_the_same_outputs_and_gradients() -> None:
    given = {name: value.float() for name, value in values((2, 300, 128, 40)).items()}
    given["h0"] = torch.zeros_like(given["h0"])
    exact = run(plain, {name: value.double() for name, value in given.items()}, through_state=0.0)
    found = run(lambda h0, **rest: form_for(torch.device("cuda")).mix(**rest, h0=None), given, through_state=0.0)
    assert max(relative(found[name], exact[name]) for name in found if name != "h") < 1e-5
    assert relative(found["h"], exact["h"]) < 1e-5


@official
def test_the_final_state_of_a_training_through_mamba_ssm_carries_no_gradient() -> None:
    given = {name: value.float().requires_grad_() for name, value in values((2, 20, 128, 40)).items() if name != "h0"}
    assert not form_for(torch.device("cuda")).mix(**given, h0=None)[1].requires_grad


@gpu
@pytest.mark.parametrize(("steps", "channels"), [(1, 72), (2, 72), (500, 128)])
def test_the_convolution_is_that_of_the_cpu(steps: int, channels: int) -> None:
    torch.manual_seed(steps)
    conv = nn.Conv1d(channels, channels, 4, groups=channels)
    both, tail = torch.randn(2, steps, 2 * channels), torch.randn(2, 3, channels)
    x = both[..., :channels]  # a view, as the mixer has it
    with torch.no_grad():
        expected = convolve(x, conv, tail)
        found = form_for(torch.device("cuda")).convolve(both.cuda()[..., :channels], conv.cuda(), tail.cuda())
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.cpu(), other)


@gpu
@pytest.mark.parametrize(("steps", "channels"), [(1, 72), (500, 128), (50, 20)])
def test_the_convolution_of_a_training_has_the_gradients_of_the_cpu(steps: int, channels: int) -> None:
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(steps)
        conv, both = nn.Conv1d(channels, channels, 4, groups=channels), torch.randn(2, steps, 2 * channels)
        tail, weight = torch.randn(2, 3, channels), torch.randn(2, steps, channels)
        conv, both, tail = conv.to(device), both.to(device).requires_grad_(), tail.to(device).requires_grad_()
        y, after = form_for(both.device).convolve(both[..., :channels], conv, tail)
        (y * weight.to(device)).sum().backward()
        leaves = (both, tail, *conv.parameters())
        found.append([y.detach().cpu(), after.detach().cpu(), *(x.grad.cpu() for x in leaves if x.grad is not None)])
    assert len(found[0]) == 6
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@gpu
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 37, 128), (1, 5, 72)])
def test_the_sum_and_its_norm_are_those_of_torch(shape: tuple[int, int, int], kind: torch.dtype) -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    x, y = (torch.randn(shape, generator=generator, device="cuda").to(kind) for _ in range(2))
    with torch.no_grad():
        found, expected = form_for(x.device).add_norm(x, y), form_for(torch.device("cpu")).add_norm(x, y)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@gpu
@pytest.mark.parametrize("cut", [1, 7, 1_000])
def test_a_recording_in_pieces_has_the_probabilities_of_the_whole(cut: int) -> None:
    torch.manual_seed(0)
    network, features = (
        Classifier(SHAPE, torch.zeros(13), torch.ones(13)).cuda(),
        torch.randn(1, 3_000 // max(1, 10 // cut), 13),
    )
    state, pieces = None, []
    with torch.no_grad():
        whole = network(features.cuda())[0].sigmoid()
        for piece in features.cuda().split(cut, dim=1):
            logits, state = network(piece, state)
            pieces.append(logits.sigmoid())
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=0, atol=1e-5)
