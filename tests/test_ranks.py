"""Several ranks make the training that one process makes; whatever ends one of them ends all, with one sentence."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from test_session import ARGUMENTS, ROOT, caches_of, environment, session, stored_runs, write_project
from test_session import train as trained
from together import outcome

from unflare import params, runtime
from unflare.reporting.checks import learning, memory, timing
from unflare.reporting.checks.timing import BROKEN, COVERED
from unflare.reporting.records import Records
from unflare.training import forecast
from unflare.training.batches import Batches

SCRIPT = Path(__file__).with_name("together.py")
STEPS = 24
ENDS = 60  # seconds in which ranks end, at the very most
CLOSE = 1e-5  # relative difference of two losses, and absolute of two weights: rounding, measured 3e-7 on a CPU
CURVES = "reports/training/steps.csv"
COLUMNS = ("loss", "gradient_norm", "validation_loss", "learning_rate")


def together(folder: Path, *arguments: str, device: str = "cpu") -> "subprocess.CompletedProcess[str]":
    """Two ranks, until they have ended."""
    return subprocess.run([sys.executable, *arguments], **options(folder, device), timeout=ENDS, check=False)  # type: ignore[call-overload]


def options(folder: Path, device: str) -> dict[str, Any]:
    more = {"GPUS": "2", "UNFLARE_DEVICE": device}
    return {"cwd": folder, "env": environment(folder, **more), "capture_output": True, "text": True}


def alone(folder: Path, p: params.Params, stop: int = 0) -> dict[str, Any]:
    """What `together.py train` leaves, of one process."""
    with runtime.Memory(interval=10) as watched:
        it = session(folder, p)
        trained(it, folder, p, watched, stop)
    return outcome(it)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("alone")
    return alone(folder, write_project(folder, STEPS))


def assert_same_training(found: dict[str, Any], expected: dict[str, Any], close: float = CLOSE) -> None:
    for name in COLUMNS:
        np.testing.assert_allclose(found["table"][name], expected["table"][name], rtol=close, err_msg=name)
    for name, weight in expected["weights"].items():
        torch.testing.assert_close(found["weights"][name], weight, rtol=0, atol=close)


def gone(folder: Path) -> bool:
    """Whether no rank is left a few looks later."""
    pids = [int(path.read_text()) for path in folder.glob("*.pid")]
    assert len(pids) == 2
    end = time.monotonic() + 60
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(psutil.pid_exists, pids))


def test_the_shares_of_ranks_are_the_batch_of_one(tmp_path: Path) -> None:
    p = write_project(tmp_path, STEPS)
    cache, plan = caches_of(tmp_path, p)["train"], p.training.model_copy(update={"batch": 6})
    whole = Batches(cache, plan, seed=5)[3]
    for count in (1, 2, 3, 6):
        shares = [Batches(cache, plan, 5, runtime.Ranks(number, count).share)[3] for number in range(count)]
        for number, share in enumerate(shares):
            assert all(torch.equal(of, all_of[number::count]) for of, all_of in zip(share[:3], whole[:3], strict=True))


@pytest.mark.slow
def test_a_training_goes_on_with_two_ranks_then_stopped_by_the_memory_of_one_with_one(
    tmp_path: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = write_project(tmp_path, STEPS)
    monkeypatch.setattr("unflare.training.checkpoint.PERIOD", 0.0)
    monkeypatch.setattr("unflare.training.checkpoint.SHARE", 1e9)
    alone(tmp_path, p, stop=8)
    done = together(tmp_path, str(SCRIPT), "train", ".", "grows")
    assert done.returncode == 2
    assert done.stderr.startswith("train: rank 1 of 2: memory: ")
    assert done.stderr.endswith("(a test); `dvc repro` goes on after step 12\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "train.json").exists()
    stopped = session(tmp_path, p)
    assert [(stop["step"], stop["reason"]) for stop in stopped.interruptions] == [(7, "killed"), (12, "memory")]
    assert_same_training(alone(tmp_path, p), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mishap", "sentence"),
    [
        ("breaks", "rank 1 of 2: RuntimeError: a bug of two lines"),
        ("dies", "rank 1 of 2 was killed by SIGKILL"),
    ],
)
def test_a_rank_that_ends_ends_all(tmp_path: Path, mishap: str, sentence: str) -> None:
    done = together(tmp_path, str(SCRIPT), "wait", ".", mishap)
    assert (done.returncode, done.stderr) == (2, f"train: {sentence}\n")
    assert gone(tmp_path)
    assert not (tmp_path / "train.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_ranks_end_with_their_launcher(tmp_path: Path, sent: signal.Signals) -> None:
    given = options(tmp_path, "cpu") | {"stderr": subprocess.PIPE}
    del given["capture_output"]
    launcher = subprocess.Popen([sys.executable, str(SCRIPT), "wait", ".", "none"], **given)  # type: ignore[call-overload]
    while len(list(tmp_path.glob("*.pid"))) < 2 and launcher.poll() is None:
        time.sleep(0.05)
    launcher.send_signal(sent)
    _, said = launcher.communicate(timeout=ENDS)
    assert said == ("" if sent == signal.SIGKILL else "train: ended by SIGTERM\n")
    assert launcher.returncode == (-sent if sent == signal.SIGKILL else 2)
    assert gone(tmp_path)


@pytest.mark.slow
def test_two_ranks_make_the_training_of_one_process_and_the_first_writes_it(
    tmp_path: Path, expected: dict[str, Any], migrated: Path
) -> None:
    write_project(tmp_path, STEPS)
    (tmp_path / "mlflow.db").write_bytes(migrated.read_bytes())
    done = together(tmp_path, str(ROOT / "stages" / "train.py"), *ARGUMENTS)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("threshold 0.") == 1
    records = Records(tmp_path)
    steps = {name: [value for value in records.column(CURVES, name) if value is not None] for name in COLUMNS}
    assert_same_training({"table": steps, "weights": load_file(tmp_path / "models/model.safetensors")}, expected)
    assert stored_runs(tmp_path) == {records.at("models/run.json", "id"): "FINISHED"}
    assert not (tmp_path / "checkpoints/training.pt").exists()
    assert_sound(records)


def assert_sound(records: Records) -> None:
    """What the report's checks look at, in the record of two ranks."""
    file = "reports/stages/train.json"
    assert records.facts("train", "ranks") == ["cpu", "cpu"]
    assert records.at(file, "implementations", "ranks") == "2 processes, gloo"
    assert records.trained("events_seen") == STEPS * 2 * 64
    for check in (learning.every_step_is_finite, learning.trained_in_one_go, memory.memory_as_predicted):
        assert check(records)[0] == "verified"
    parts = records.numbers(file, "parts")
    assert sum(value for part, value in parts.items() if part != "rest") > COVERED * records.number(file, "seconds")
    assert timing._training_share(records) > BROKEN


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_devices_make_the_training_of_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, count in ((one, "1"), (two, "2")):
        folder.mkdir()
        write_project(folder, STEPS)
        given = options(folder, "cuda")
        given["env"] |= {"GPUS": count}  # type: ignore[operator]
        done = subprocess.run([sys.executable, str(SCRIPT), "train", ".", "none"], **given, timeout=300, check=False)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
    assert_same_training(torch.load(two / "result.pt"), torch.load(one / "result.pt"), close=1e-4)


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", ""])
def test_what_is_no_number_of_processes_is_one_sentence(
    asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPUS", asked)
    with pytest.raises(SystemExit) as ending:
        runtime.ranked("train", pytest.fail)
    assert ending.value.code == 2
    assert capsys.readouterr().err == f"train: GPUS: expected a whole number, 1 or more, found {asked!r}\n"


def test_more_processes_than_devices_are_refused_unless_the_cpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPUS", "999")
    monkeypatch.delenv("UNFLARE_DEVICE", raising=False)
    with pytest.raises(SystemExit) as ending:
        runtime.ranked("train", pytest.fail)
    assert ending.value.code == 2
    there = torch.cuda.device_count()
    said = f"train: GPUS: expected no more than there are CUDA devices, {there}, found 999\n"
    assert capsys.readouterr().err == said
    monkeypatch.setenv("UNFLARE_DEVICE", "cpu")
    assert runtime.machine.gpus() == 999


def test_a_single_process_is_none_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUS", "1")
    seen: list[Path] = []
    runtime.ranked("train", seen.append, Path("here"))
    assert seen == [Path("here")]
    with runtime.joined(torch.device("cpu"), runtime.Clock()) as ranks:
        assert ranks == runtime.Ranks()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("batch", "count", "fits"), [(3, 2, "2 or 4"), (1, 2, "2"), (7, 4, "4 or 8"), (2, 8, "8")])
def test_a_batch_that_cannot_be_shared_is_refused_with_what_can(batch: int, count: int, fits: str) -> None:
    with pytest.raises(ValueError, match=rf"training.batch: .* {count} .*, found {batch}; {fits} would do$"):
        runtime.Ranks(0, count).part(batch)
    assert runtime.Ranks(0, count).part(8) == 8 // count


def test_ranks_share_the_memory_of_the_host_and_the_forecast_is_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFLARE_MEMORY_LIMIT", "8GiB")
    assert runtime.limits.host_limit(4) == runtime.Limit(2 * 2**30, "UNFLARE_MEMORY_LIMIT / 4")
    p = write_project(tmp_path, STEPS)
    network, plan = session(tmp_path, p).trainer.network, p.training.model_copy(update={"batch": 8})
    limit = runtime.Limit(2**30, "a test")
    whole, part = (forecast(network, plan, lambda: ("device", 1000, limit), 0, ranks) for ranks in (1, 4))
    assert part.predicted == round(1000 + part.bytes_per_event * 2 * 64 + 12 * network.parameter_count)
    assert part.largest_batch == 4 * (whole.largest_batch)
