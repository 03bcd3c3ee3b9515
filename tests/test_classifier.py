"""Laws of EventDenoisingMamba and of its checkpoints."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from unflare.network import Classifier, load_state, save_state
from unflare.params import Network

SHAPE = Network(d_model=128, d_state=40, d_conv=4, expand=1, layers=4)
SMALL = Network(d_model=32, d_state=8, d_conv=4, expand=1, layers=2)


def classifier(shape: Network = SHAPE) -> Classifier:
    torch.manual_seed(0)
    return Classifier(shape, torch.linspace(-1, 1, 13), torch.linspace(0.5, 2, 13))


def test_there_are_271_745_trainable_parameters() -> None:
    network = classifier()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert parts == {"embedding": 1_792, "layers": 4 * 67_456, "head": 129}
    assert network.parameter_count == sum(p.numel() for p in network.parameters()) == 271_745


def test_the_other_configuration_has_467_841() -> None:
    assert classifier(Network(d_model=128, d_state=16, d_conv=4, expand=2, layers=4)).parameter_count == 467_841


def test_features_are_standardized_and_a_constant_one_is_centered_only() -> None:
    torch.manual_seed(0)
    features, mean, std = torch.randn(1, 20, 13), torch.randn(13), torch.rand(13) + 0.5
    std[4] = 0
    network = Classifier(SMALL, mean.numpy(), std.numpy())
    plain = Classifier(SMALL, torch.zeros(13), torch.ones(13))
    plain.load_state_dict(network.state_dict() | {"mean": torch.zeros(13), "std": torch.ones(13)})
    divisor = torch.where(std > 0, std, 1.0)
    torch.testing.assert_close(network(features)[0], plain((features - mean) / divisor)[0])


def test_the_signal_and_the_gradients_survive_all_layers_at_the_start() -> None:
    network = classifier()
    spreads: list[float] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _, __, output: spreads.append(float(output[0].detach().std())))
    logits, _ = network(torch.randn(2, 256, 13))
    functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)).backward()
    assert min(spreads) > 1e-2
    assert 0.05 < float(logits.detach().std()) < 5
    norms = [float(p.grad.norm()) for p in network.parameters() if p.grad is not None]
    assert len(norms) == len(list(network.parameters()))
    assert min(norms) > 1e-6


@pytest.mark.parametrize("cut", [1, 7, 64, 1000])
def test_a_recording_in_pieces_gives_the_logits_of_the_whole(cut: int) -> None:
    network, features = classifier(SMALL), torch.randn(1, 200 if cut == 1 else 2100, 13)
    state, pieces = None, []
    with torch.no_grad():
        whole, _ = network(features)
        for piece in features.split(cut, dim=1):
            logits, state = network(piece, state)
            pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1).sigmoid(), whole.sigmoid(), rtol=0, atol=1e-5)


def test_a_saved_state_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    network, features = classifier(SMALL), torch.randn(1, 300, 13)
    with torch.no_grad():
        whole, _ = network(features)
        _, state = network(features[:, :130])
        save_state(tmp_path / "there" / "state", state, SMALL)
        rest, _ = network(features[:, 130:], load_state(tmp_path / "there" / "state", SMALL))
    torch.testing.assert_close(rest, whole[:, 130:], rtol=0, atol=1e-5)
    again, _ = network(features[:, 130:], state)
    assert torch.equal(again, rest)
    written = (tmp_path / "there" / "state").read_bytes()
    save_state(tmp_path / "again", load_state(tmp_path / "there" / "state", SMALL), SMALL)
    assert (tmp_path / "again").read_bytes() == written


def test_a_file_that_is_no_state_of_the_network_is_refused(tmp_path: Path) -> None:
    path, network = tmp_path / "state", classifier(SMALL)
    with pytest.raises(FileNotFoundError, match="state: no such state of a network"):
        load_state(path, SMALL)
    _, state = network(torch.randn(1, 5, 13))
    save_state(path, state, SMALL)
    with pytest.raises(ValueError, match=r"state: expected the state of a network .*'d_model': 128.*, found one of"):
        load_state(path, SHAPE)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(ValueError, match="state: not a whole safetensors file"):
        load_state(path, SMALL)
    save_state(path, state[:1], SMALL)
    with pytest.raises(ValueError, match="state: expected tail and h of layer 1"):
        load_state(path, SMALL)
    network.save(tmp_path, {})
    with pytest.raises(ValueError, match="expected the state of a network, found a safetensors file without its facts"):
        load_state(tmp_path / "model.safetensors", SMALL)


def test_logits_are_causal() -> None:
    network, features = classifier(SMALL), torch.randn(1, 300, 13)
    changed = features.clone()
    changed[:, 200:] = 0
    with torch.no_grad():
        torch.testing.assert_close(network(changed)[0][:, :200], network(features)[0][:, :200], rtol=0, atol=1e-6)


def test_it_learns_what_only_a_memory_can_know() -> None:
    """Eight events say the label, 40 and more silent ones later it is asked for; the convolutions reach back 2 x 3."""
    network, lag = classifier(SMALL), 40
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        signs = torch.randint(0, 2, (8, 1)).float()
        features = network.mean.expand(8, 96, 13).clone()
        features[:, :8, 0] += 6 * signs - 3
        logits, _ = network(features)
        loss = functional.binary_cross_entropy_with_logits(logits[:, 8 + lag :], signs.expand(8, 96 - 8 - lag))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 0.5
    assert sum(losses[-10:]) / 10 < 0.1


def test_a_saved_network_comes_back_with_its_facts(tmp_path: Path) -> None:
    network, features = classifier(SMALL), torch.randn(1, 50, 13)
    path = network.save(tmp_path / "models", {"threshold": 0.4, "features": ["a"]})
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.safetensors"]
    for place in (path, path.parent):
        again = Classifier.load(place)
        assert torch.equal(again(features)[0], network(features)[0])
        assert again.facts == json.loads((path.parent / "model.json").read_text())
    assert again.facts["threshold"] == 0.4
    assert again.facts["parameters"] == network.parameter_count
    assert again.facts["scan"] == network.scan
    assert again.facts["network"] == SMALL.model_dump()


def test_saving_twice_makes_the_same_bytes(tmp_path: Path) -> None:
    network = classifier(SMALL)
    first = network.save(tmp_path / "a", {"b": 1, "a": 2}).read_bytes()
    assert Classifier.load(tmp_path / "a").save(tmp_path / "b", {"a": 2, "b": 1}).read_bytes() == first


def test_a_wrong_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    path = classifier(SMALL).save(tmp_path, {})
    with pytest.raises(FileNotFoundError, match="no such model"):
        Classifier.load(tmp_path / "nowhere.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        Classifier.load(path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="without its facts"):
        Classifier.load(path)
    facts = json.dumps({"network": SHAPE.model_dump()})
    save_file(classifier(SMALL).state_dict(), path, {"facts": facts})
    with pytest.raises(ValueError, match="weights and facts do not fit") as caught:
        Classifier.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_and_cpu_give_the_same_probabilities() -> None:
    network, features = classifier(), torch.randn(2, 1000, 13)
    with torch.no_grad():
        here, state = network(features)
        here_next, _ = network(features, state)
        network.cuda()
        there, state = network(features.cuda())
        there_next, _ = network(features.cuda(), state)
    torch.testing.assert_close(there.sigmoid().cpu(), here.sigmoid(), rtol=0, atol=1e-4)
    torch.testing.assert_close(there_next.sigmoid().cpu(), here_next.sigmoid(), rtol=0, atol=1e-4)
