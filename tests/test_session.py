"""A training that is stopped, however and whenever, ends with the bits of one that was not, in the same run."""

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from unflare import params, runtime
from unflare.features import FEATURES
from unflare.features.store import Cache, save_shard
from unflare.network import Classifier
from unflare.training import Checkpoint, Session, Trainer, forecast, identity
from unflare.training.footprint import kept_bytes
from unflare.training.precision import Precision

ROOT = Path(__file__).parents[1]
CPU = torch.device("cpu")
NETWORK = {"d_model": 16, "d_state": 4, "d_conv": 4, "expand": 1, "layers": 2}
TRAINING = {"window": 64, "lead": 8, "batch": 2, "steps": 24, "warmup": 3, "validate_every": 6, "validation_windows": 6}
ALONE = runtime.Ranks()
MOMENTS = 4  # at which the training is killed


def write_project(folder: Path, steps: int) -> params.Params:
    """Parameters, and features of three scenes: an event is flare where its seventh feature is positive."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["network"] = NETWORK
    content["training"] |= TRAINING | {"steps": steps}
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for name, count in (("0000", 500), ("0001", 40), ("0002", 900)):
            features = rng.standard_normal((count, len(FEATURES))).astype(np.float32)
            path, window = folder / "features" / split / f"{name}.h5", content["features"]["window"]
            save_shard(path, features, (features[:, 6] > 0).astype(np.float32), window)
    return params.load(folder / "params.yaml")


def caches_of(folder: Path, p: params.Params) -> dict[str, Cache]:
    return {split: Cache(folder / "features" / split, p.features.window) for split in ("train", "validation")}


def session(
    folder: Path, p: params.Params, ranks: runtime.Ranks = ALONE, device: torch.device | str = "cpu"
) -> Session:
    caches = caches_of(folder, p)
    torch.manual_seed(p.seed)
    network = Classifier(p.network, caches["train"].mean, caches["train"].std).to(device)
    checkpoint = Checkpoint(folder / "checkpoints", identity(p, caches, network))
    return Session(Trainer(network, p.training, ranks), checkpoint, runtime.Clock())


def train(
    it: Session, folder: Path, p: params.Params, memory: runtime.Memory, stop: int = 0
) -> dict[str, torch.Tensor]:
    """All steps that are left, or until step `stop`; the weights and what AdamW keeps."""
    for row in it.rows(*caches_of(folder, p).values(), p.seed, 0, memory):
        if row["step"] == stop:
            break
    moments = it.trainer.optimizer.state_dict()["state"]
    return {
        **{f"moment {i} {name}": value for i, of in moments.items() for name, value in of.items()},
        **{name: value.clone() for name, value in it.trainer.network.state_dict().items()},
    }


def same(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    return some.keys() == others.keys() and all(torch.equal(value, others[name]) for name, value in some.items())


def test_stopped_after_any_step_it_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p = write_project(tmp_path, steps=24)
    with runtime.Memory(interval=10) as memory:
        whole = session(tmp_path, p)
        expected = train(whole, tmp_path, p, memory)
        whole.checkpoint.discard()
        monkeypatch.setattr("unflare.training.checkpoint.PERIOD", 0.0)
        monkeypatch.setattr("unflare.training.checkpoint.SHARE", 1e9)
        for stop in (1, 6, 7, 20):  # the step at which it stops is repeated: its checkpoint would have come next
            train(session(tmp_path, p), tmp_path, p, memory, stop)
        last = session(tmp_path, p)
        assert last.trainer.done == 19
        assert same(train(last, tmp_path, p, memory), expected)
    assert [stop["step"] for stop in last.interruptions] == [5, 6, 19]
    assert {stop["reason"] for stop in last.interruptions} == {"killed"}
    assert last.trainer.lowest == whole.trainer.lowest
    assert same(last.trainer.best or {}, whole.trainer.best or {})
    values = ("step", "loss", "learning_rate", "gradient_norm", "validation_loss")
    for name in values:
        np.testing.assert_array_equal(last.history.table[name], whole.history.table[name])


def test_the_guard_saves_what_there_is(tmp_path: Path) -> None:
    p = write_project(tmp_path, steps=24)
    with runtime.Memory(runtime.Limit(10**15, "a test"), interval=10) as memory:
        stopped = session(tmp_path, p)
        rows = stopped.rows(*caches_of(tmp_path, p).values(), p.seed, 0, memory)
        for _ in range(5):
            next(rows)
        memory.limit = runtime.Limit(1, "a test")
        memory._next = 0.0
        with pytest.raises(runtime.MemoryLimit, match=r"phase `training`, step 6.*goes on after step 6"):
            next(rows)
    again = session(tmp_path, p)
    assert again.trainer.done == 6
    assert again.interruptions[0]["reason"] == "memory"


@pytest.mark.parametrize("change", ["seed", "learning_rate", "features", "code"])
def test_another_training_does_not_go_on_from_it(tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    p = write_project(tmp_path, steps=6)
    with runtime.Memory(interval=10) as memory:
        train(session(tmp_path, p), tmp_path, p, memory)
    assert session(tmp_path, p).trainer.done == 6
    if change == "seed":
        p = p.model_copy(update={"seed": p.seed + 1})
    elif change == "learning_rate":
        p = p.model_copy(update={"training": p.training.model_copy(update={"learning_rate": 1e-4})})
    elif change == "features":
        ones, path = np.ones((90, len(FEATURES)), np.float32), tmp_path / "features" / "validation" / "0000.h5"
        save_shard(path, ones, np.zeros(90, np.float32), p.features.window)
    else:
        (tmp_path / "scores.py").write_text("changed")
        monkeypatch.setattr("unflare.training.checkpoint.CODE", tmp_path)
        monkeypatch.setattr("unflare.training.checkpoint.DECIDES", ("scores.py",))
    assert session(tmp_path, p).trainer.done == 0


def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    p = write_project(tmp_path, steps=6)
    with runtime.Memory(interval=10) as memory:
        it = session(tmp_path, p)
        train(it, tmp_path, p, memory)
    path = it.checkpoint.path
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-5000], b"", b"no checkpoint"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{path}: not a whole checkpoint, remove it to begin anew"):
            session(tmp_path, p)


@pytest.mark.parametrize("batch", [1, 3])
def test_what_a_step_keeps_grows_with_its_events(tmp_path: Path, batch: int) -> None:
    p = write_project(tmp_path, steps=6)
    network = session(tmp_path, p).trainer.network
    kept = [kept_bytes(network, events, Precision("float32", CPU)) for events in (128, 256, 512)]
    assert kept[2] - kept[1] == 2 * (kept[1] - kept[0])
    plan = p.training.model_copy(update={"batch": batch})
    limit = runtime.Limit(2**30, "a test")
    found = forecast(network, plan, lambda: ("device", 1000, limit), 0)
    assert found.predicted == round(1000 + found.bytes_per_event * batch * 64 + 12 * network.parameter_count)
    at_most = plan.model_copy(update={"batch": found.largest_batch})
    assert forecast(network, at_most, lambda: ("device", 1000, limit), 0).predicted <= limit.bytes
    beyond = plan.model_copy(update={"batch": found.largest_batch + 1})
    with pytest.raises(runtime.MemoryLimit, match=rf"1.00 GiB allowed \(a test\); a batch of {found.largest_batch} "):
        forecast(network, beyond, lambda: ("device", 1000, limit), 0)
    roomy = runtime.Limit(2**40, "a test")
    host = [forecast(network, plan, lambda: ("host", 1000, roomy), loaders).base for loaders in (0, 1, 3)]
    assert 1000 < host[0] < host[1]
    assert host[2] - host[1] == 2 * (host[1] - host[0])


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DVC", "GIT"))}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(folder)} | more


ARGUMENTS = ["scenes", "features", "models", "reports/training", "reports/stages/train.json", "checkpoints"]
STAGE = [sys.executable, str(ROOT / "stages" / "train.py"), *ARGUMENTS]


def stage_with_checkpoints_every(seconds: float) -> list[str]:
    """The same stage, where checkpoints come more often than every ten seconds."""
    code = (
        f"import runpy, sys; from unflare.training import checkpoint as it; it.PERIOD, it.SHARE = {seconds}, 1e9; "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return [sys.executable, "-c", code, *STAGE[1:]]


def stored_runs(folder: Path) -> dict[str, str]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("eventmamba-fx")
    return {run.info.run_id: run.info.status for run in client.search_runs([experiment.experiment_id])}


def written(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def kill(process: "subprocess.Popen[bytes]", after: float, checkpoint: Path | None) -> bool:
    """Kills it so many seconds after its start, or after its first checkpoint; whether it still lived."""
    before = written(checkpoint) if checkpoint else 0.0
    while checkpoint and written(checkpoint) == before and process.poll() is None:
        time.sleep(0.01)
    end = time.monotonic() + after
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights_in_the_same_run(tmp_path: Path) -> None:
    """kill -9: half of the times anywhere in the life of the process, half of the times while it trains."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        write_project(folder, steps=400)
    subprocess.run(STAGE, cwd=whole, env=environment(tmp_path), capture_output=True, check=True)

    moments = random.Random(7)
    for number in range(MOMENTS):
        options = {"cwd": killed, "env": environment(tmp_path), "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(stage_with_checkpoints_every(0.05), **options)  # type: ignore[call-overload]
        trains = number % 2 == 1
        after = moments.uniform(0, 0.5) if trains else moments.uniform(0.2, 5)
        assert kill(process, after, killed / "checkpoints/training.pt" if trains else None), f"kill {number}: too late"
    subprocess.run(STAGE, cwd=killed, env=environment(tmp_path), capture_output=True, check=True)

    weights = "models/model.safetensors"
    assert (killed / weights).read_bytes() == (whole / weights).read_bytes()
    with (killed / "reports/training/steps.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(1, 401))
    stops = json.loads((killed / "reports/training/metrics.json").read_text())["interruptions"]
    assert len(stops) >= MOMENTS // 2
    assert [stop["step"] for stop in stops] == sorted(stop["step"] for stop in stops)
    assert not (killed / "checkpoints/training.pt").exists()
    states = stored_runs(killed)
    assert states.pop(json.loads((killed / "models/run.json").read_text())["id"]) == "FINISHED"
    assert set(states.values()) <= {"KILLED"}  # trainings that had no checkpoint yet, so nothing to go on from


@pytest.mark.slow
def test_a_full_disk_stops_the_training_with_one_sentence_and_it_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk; checkpoints grow by a row a step, so one does not fit."""
    p = write_project(tmp_path, steps=150)
    with runtime.Memory(interval=10) as memory:
        it = session(tmp_path, p)
        train(it, tmp_path, p, memory, stop=50)
        it._save("killed")
    full = it.checkpoint.path.stat().st_size
    it.checkpoint.discard()
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    options |= {"env": environment(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")}
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (full, full))
    done = subprocess.run(stage_with_checkpoints_every(0), preexec_fn=limit, **options)  # type: ignore[call-overload]
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("train: ")]
    assert lines == ["train: checkpoints/training.pt: File too large"]
    again = subprocess.run(STAGE, **options)  # type: ignore[call-overload]
    assert again.returncode == 0, again.stderr
    assert "training goes on after step" in again.stdout
    assert (tmp_path / "models/model.safetensors").exists()


@pytest.mark.slow
def test_a_batch_beyond_the_memory_is_refused_with_what_would_fit(tmp_path: Path) -> None:
    write_project(tmp_path, steps=6)
    content = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    content["training"]["batch"] = 1_000_000
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    limited = environment(tmp_path, UNFLARE_MEMORY_LIMIT="2GiB")
    done = subprocess.run(STAGE, cwd=tmp_path, env=limited, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "train: memory: a batch of 1000000 x 64 events would take" in done.stderr
    assert "2.00 GiB allowed (UNFLARE_MEMORY_LIMIT); a batch of" in done.stderr
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
def test_a_wrong_number_of_loaders_is_refused_before_there_is_a_run(tmp_path: Path) -> None:
    write_project(tmp_path, steps=6)
    wrong = environment(tmp_path, UNFLARE_LOADERS="two")
    done = subprocess.run(STAGE, cwd=tmp_path, env=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "train: UNFLARE_LOADERS: expected a whole number, 0 or more, found 'two'\n"
    assert not (tmp_path / "mlflow.db").exists()
