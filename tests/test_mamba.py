"""Laws of the mixer: mamba_ssm's parameters, causality, a long memory, exact streaming."""

import pytest
import torch
from torch.nn import functional

from unflare.network.mamba import Mamba


def mixer(*, d_model: int = 128, d_state: int = 40, expand: int = 1) -> Mamba:
    torch.manual_seed(0)
    return Mamba(d_model, d_state=d_state, d_conv=4, expand=expand)


@pytest.mark.parametrize(
    ("d_state", "expand", "inner", "count"), [(40, 1, 128, 67_456), (16, 2, 256, 116_480)], ids=["ours", "official"]
)
def test_parameters_have_the_names_and_shapes_of_mamba_ssm(d_state: int, expand: int, inner: int, count: int) -> None:
    network = mixer(d_state=d_state, expand=expand)
    assert {name: tuple(parameter.shape) for name, parameter in network.named_parameters()} == {
        "A_log": (inner, d_state),
        "D": (inner,),
        "in_proj.weight": (2 * inner, 128),
        "conv1d.weight": (inner, 1, 4),
        "conv1d.bias": (inner,),
        "x_proj.weight": (8 + 2 * d_state, inner),
        "dt_proj.weight": (inner, 8),
        "dt_proj.bias": (inner,),
        "out_proj.weight": (128, inner),
    }
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_step_sizes_begin_between_a_thousandth_and_a_tenth() -> None:
    steps = functional.softplus(mixer(d_model=1024).dt_proj.bias).detach()
    assert 1e-3 * 0.999 <= float(steps.min()) < 1.2e-3
    assert 0.08 < float(steps.max()) <= 1e-1 * 1.001
    assert abs(float(steps.log10().mean()) + 2) < 0.1  # log-uniform


@pytest.mark.parametrize("cut", [1, 7, 64, 1000])
def test_a_cut_sequence_with_its_state_carried_equals_the_whole(cut: int) -> None:
    network, x = mixer(d_model=32), torch.randn(2, 200 if cut == 1 else 2100, 32)
    with torch.no_grad():
        whole, (tail, h) = network(x)
        state, pieces = None, []
        for piece in x.split(cut, dim=1):
            y, state = network(piece, state)
            pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-5, atol=1e-6)
    assert state is not None
    torch.testing.assert_close(state[0], tail, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(state[1], h, rtol=1e-5, atol=1e-6)


def test_nothing_later_changes_an_output() -> None:
    network, x = mixer(d_model=32), torch.randn(1, 400, 32)
    changed = x.clone()
    changed[:, 250] += 1
    with torch.no_grad():
        before, after = network(x)[0], network(changed)[0]
    assert torch.equal(before[:, :250], after[:, :250])
    assert not torch.equal(before[:, 250], after[:, 250])


def test_an_output_depends_on_inputs_hundreds_of_steps_back() -> None:
    """The convolution alone reaches 3 steps back."""
    x = torch.randn(1, 600, 128, requires_grad=True)
    mixer()(x)[0][0, 599].sum().backward()
    assert x.grad is not None
    reach = x.grad[0].abs().sum(-1)
    assert float(reach[599 - 512]) > 1e-6 * float(reach[599])
    assert bool((reach > 0).all())


def test_what_was_carried_is_all_that_a_sequence_leaves_behind() -> None:
    network = mixer(d_model=32)
    with torch.no_grad():
        _, state = network(torch.randn(1, 50, 32))
        x = torch.randn(1, 20, 32)
        assert not torch.allclose(network(x, state)[0], network(x)[0], atol=1e-5)
        torch.testing.assert_close(network(x, network.start(1))[0], network(x)[0])
