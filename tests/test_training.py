"""Batches depend on seed and step alone; the loss sees what the mask lets it; a history adds up; fitting learns."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from unflare import params
from unflare.events import Events, Scene, empty, save_scene
from unflare.features import FEATURES
from unflare.features.store import Cache, save_shard
from unflare.network import Classifier
from unflare.runtime import Clock, Limit, Memory, MemoryLimit
from unflare.training import History, Step, Trainer, choose_threshold, parity, scaling
from unflare.training.batches import Batches, stacked
from unflare.training.computed import Computed
from unflare.training.fit import learning_rate, loader, optimizer_of
from unflare.training.precision import Precision
from unflare.training.validation import masked_loss

WINDOW = 25_000
PLAN = params.Training(
    window=64,
    lead=8,
    batch=2,
    steps=60,
    learning_rate=1e-2,
    weight_decay=0.01,
    warmup=3,
    clip=1.0,
    precision="float32",
    validate_every=20,
    validation_windows=6,
    keep_background=0.0,
)
SMALL = params.Network(d_model=16, d_state=4, d_conv=4, expand=1, layers=2)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Three scenes, one shorter than a window; an event is flare where its seventh feature is positive."""
    rng = np.random.default_rng(0)
    for name, count in (("0000", 500), ("0001", 40), ("0002", 900)):
        features = rng.standard_normal((count, len(FEATURES))).astype(np.float32)
        save_shard(tmp_path / "train" / f"{name}.h5", features, (features[:, 6] > 0).astype(np.float32), WINDOW)
    return Cache(tmp_path / "train", WINDOW)


def all_steps(trainer: Trainer, cache: Cache) -> list[Step]:
    return list(trainer.steps(cache, cache, seed=3, clock=Clock(), loaders=0))


def network(cache: Cache) -> Classifier:
    torch.manual_seed(1)
    return Classifier(SMALL, cache.mean, cache.std)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_batch_is_a_function_of_seed_and_step(cache: Cache, workers: int) -> None:
    batches = Batches(cache, PLAN, seed=5)
    for number, batch in zip(range(2, 6), loader(batches, range(2, 6), workers), strict=True):
        assert all(torch.equal(found, expected) for found, expected in zip(batch[:3], batches[number][:3], strict=True))
        assert batch.seconds > 0
    other = Batches(cache, PLAN, seed=6)
    assert not torch.equal(other[0][0], batches[0][0])


def test_a_window_is_contiguous_and_of_one_scene(cache: Cache) -> None:
    first, last = cache.offsets[2:4]
    whole, _ = cache.window(int(first), int(last - first))
    for place in (0.0, 0.3, 0.999):
        features, _, mask = stacked(cache, [(2, place)], PLAN)
        found = features[0].numpy()
        starts = np.flatnonzero((whole == found[0]).all(axis=1))
        assert np.array_equal(whole[starts[0] : starts[0] + PLAN.window], found)
        assert mask.sum() == PLAN.window - PLAN.lead


def test_a_short_scene_is_padded_and_the_padding_carries_no_loss(cache: Cache) -> None:
    features, flare, mask = stacked(cache, [(1, 0.7)], PLAN)
    assert features.shape == (1, 64, 13)
    assert not features[0, 40:].any()
    assert mask.tolist() == [[0] * 8 + [1] * 32 + [0] * 24]
    logits = torch.randn(1, 64)
    loss = masked_loss(logits, flare, mask)
    logits[0, 40:] = 1e4
    logits[0, :8] = -1e4
    assert masked_loss(logits, flare, mask) == loss


def test_mirroring_and_turning_change_the_coordinates_alone(cache: Cache) -> None:
    features = torch.cat([Batches(cache, PLAN, seed=0)[step][0].reshape(-1, 13) for step in range(20)]).numpy()
    whole = np.concatenate([cache.window(int(cache.offsets[i]), int(np.diff(cache.offsets)[i]))[0] for i in range(3)])
    known = {row.tobytes(): place[:2] for row, place in zip(np.ascontiguousarray(whole[:, 2:]), whole, strict=True)}
    moved = 0
    for row in features[np.abs(features).sum(axis=1) > 0]:
        place = known[row[2:].tobytes()]
        assert np.allclose(np.sort(np.abs(row[:2])), np.sort(np.abs(place)))
        moved += not np.array_equal(row[:2], place)
    assert moved > 100


def test_the_learning_rate_rises_then_falls_to_a_hundredth() -> None:
    rates = [learning_rate(step, PLAN) for step in range(PLAN.steps)]
    assert max(rates) == pytest.approx(PLAN.learning_rate)
    assert int(np.argmax(rates)) in (PLAN.warmup - 1, PLAN.warmup)
    assert np.all(np.diff(rates[PLAN.warmup :]) < 0)
    assert learning_rate(PLAN.steps, PLAN) == pytest.approx(0.01 * PLAN.learning_rate)


def test_weight_decay_spares_biases_and_dynamics(cache: Cache) -> None:
    net = network(cache)
    optimizer = optimizer_of(net, PLAN)
    spared = {id(parameter) for parameter in optimizer.param_groups[1]["params"]}
    names = {name for name, parameter in net.named_parameters() if id(parameter) in spared}
    assert all(name.endswith(("bias", "A_log", "D")) for name in names)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(net.parameters()))


def test_fitting_learns_and_the_history_adds_up(cache: Cache, tmp_path: Path) -> None:
    clock = Clock()
    trainer = Trainer(network(cache), PLAN)
    history = History(clock)
    with Memory(interval=10) as memory:
        steps = []
        for step in trainer.steps(cache, cache, seed=3, clock=clock, loaders=0):
            history.add(step)
            steps.append(step)
    summary = history.summary(PLAN.batch * PLAN.window)
    history.write(tmp_path, summary, memory)
    assert [step.number for step in steps if step.validation] == [20, 40, 60]
    assert summary["train_loss_last"] < 0.7 * summary["train_loss_first"]
    parts = dict(summary["seconds"])
    total = parts.pop("total")
    assert sum(parts.values()) == pytest.approx(total)
    rows = list(csv.DictReader((tmp_path / "steps.csv").open()))
    assert len(rows) == PLAN.steps
    assert sum(float(row["seconds"]) for row in rows) == pytest.approx(total, rel=1e-6)
    assert summary["best"]["loss"] == trainer.lowest
    best = trainer.take_best()
    threshold, found, background = choose_threshold(best, cache, 0.0)
    assert 0 < threshold < 1
    assert found.events == 1440
    assert found.roc_auc is not None
    assert found.roc_auc > 0.9
    assert list(background.values()) == sorted(background.values())
    assert found.background_kept
    assert choose_threshold(best, cache, found.background_kept - 0.01).threshold == threshold
    higher = choose_threshold(best, cache, 1.0)
    assert higher.threshold > threshold
    assert higher.scores.background_kept == 1


def test_a_loss_that_is_no_number_stops_the_training(cache: Cache) -> None:
    net = network(cache)
    torch.nn.init.constant_(net.head.weight, float("nan"))
    with pytest.raises(ValueError, match="step 1 is nan"):
        all_steps(Trainer(net, PLAN), cache)


@pytest.mark.parametrize(("held", "allowed", "refused"), [(0, 9_000, False), (0, 8_999, True), (1, 9_000, True)])
def test_features_that_do_not_fit_the_memory_are_refused(
    tmp_path: Path, held: int, allowed: int, *, refused: bool
) -> None:
    zeros = np.zeros(300, np.uint16)
    events = Events(np.arange(300), zeros, zeros, zeros.astype(np.uint8), (3, 4))
    save_scene(tmp_path / "0000.h5", Scene(events, np.zeros(300, np.float32), empty((3, 4)), {}))
    memory = ("host", held, Limit(allowed, "a test"))
    if refused:
        with pytest.raises(
            MemoryLimit, match=r"scene 1 of 1 take 0.00 GiB of host memory, .* \(a test\); features.cache"
        ):
            Computed(tmp_path, WINDOW, torch.device("cpu"), lambda: memory)
    else:
        assert Computed(tmp_path, WINDOW, torch.device("cpu"), lambda: memory).count == 300


def test_half_precision_is_refused_where_there_is_no_cuda(cache: Cache) -> None:
    with pytest.raises(ValueError, match=r"precision: bfloat16 needs a CUDA device, found cpu"):
        Trainer(network(cache), PLAN.model_copy(update={"precision": "bfloat16"}))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_as_float32_does(cache: Cache, precision: str) -> None:
    runs = {}
    for name in ("float32", precision):
        trainer = Trainer(network(cache).cuda(), PLAN.model_copy(update={"precision": name}))
        runs[name] = [step.loss for step in all_steps(trainer, cache)]
        found = parity(trainer.take_best(), cache, trainer.plan, trainer.lowest)
        assert found["precision"] == name
        if name != "float32":
            assert float(found["loss"]) == pytest.approx(float(found["float32"]), rel=0.01)
    assert np.allclose(np.mean(runs[precision][-20:]), np.mean(runs["float32"][-20:]), rtol=0.05)


def test_a_training_without_a_validation_loss_has_no_best_weights(cache: Cache) -> None:
    with pytest.raises(ValueError, match="no validation loss was a number in 0 steps"):
        Trainer(network(cache), PLAN).take_best()


def test_measuring_larger_batches_changes_no_weight(cache: Cache) -> None:
    net = network(cache)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = scaling(net, cache, PLAN, seed=1, largest=5)
    assert [row["batch"] for row in found] == [2, 4]
    assert all(row["events_per_second"] > 0 for row in found)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_recorded_passes_are_the_network(cache: Cache, precision: str) -> None:
    from unflare.training.replay import Replayed

    net, autocast = network(cache).cuda(), Precision(precision, torch.device("cuda"))
    recorded = Replayed(net)
    for seed in range(3):
        features = torch.randn(2, 64, 13, device="cuda", generator=torch.Generator("cuda").manual_seed(seed))
        found = []
        for run in (recorded, lambda x: net(x)[0]):
            net.zero_grad(set_to_none=True)
            with autocast():
                logits = run(features)
            logits.float().square().mean().backward()
            found.append([logits.detach().clone(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)])
            del logits
        assert len(found[0]) == 1 + len(list(net.parameters()))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-2 * float(one.abs().max()))
