"""Laws of cleaning: what is kept is what scored below the threshold, and no interruption changes a byte of it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from formats import WRITERS, some_events, written
from mutation import forked
from typer.testing import CliRunner
from zygote import Zygote

import unflare
from unflare.commands import app
from unflare.commands.progress import RESUME
from unflare.features import VERSION
from unflare.inference import NetworkScorer
from unflare.network import Classifier
from unflare.params import Network

SHAPE = (48, 64)


@pytest.fixture(scope="module")
def command() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoders are forks of this process; what is expected was computed on the CPU."""
    monkeypatch.setenv("UNFLARE_DEVICE", "cpu")
    monkeypatch.setattr("unflare.events.foreign.decoded", forked)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights whose probabilities lie on both sides of its threshold."""
    torch.manual_seed(1)
    shape = Network(d_model=16, d_state=4, d_conv=4, expand=1, layers=1)
    network = Classifier(shape, np.full(13, 0.3), np.full(13, 0.5))
    probability = unflare.score(some_events(), _with_window(network))
    facts = {"window": 25_000, "definition": VERSION, "threshold": float(np.median(probability))}
    facts["background_thresholds"] = {"0.99": float(np.quantile(probability, 0.9))}
    return network.save(tmp_path_factory.mktemp("model"), facts)


def _with_window(network: Classifier) -> Classifier:
    network.facts = {"window": 25_000, "definition": VERSION}
    return network


def run(*arguments: str | Path) -> tuple[int, str]:
    """The command in this process; its exit code and what it printed."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(done.exception, ValueError | OSError):
        return 2, str(done.exception)
    return done.exit_code, done.output


def events_of(path: Path) -> unflare.Events:
    with unflare.open_recording(path, SHAPE) as recording:
        return recording.read(0, recording.count).shifted(recording.origin)


@pytest.mark.parametrize("kind", WRITERS)
def test_kept_is_what_scores_below_the_threshold(tmp_path: Path, kind: str, model: Path) -> None:
    path = written(tmp_path, kind, some_events())
    out = path.with_stem("clean")
    code, said = run("clean", path, "-o", out, "--model", model, "--sensor", "64x48")
    assert code == 0, said
    events, threshold = events_of(path), Classifier.load(model).facts["threshold"]
    keep = unflare.score(events, model) < threshold
    assert 500 < keep.sum() < 3500
    kept = events_of(out)
    assert all(np.array_equal(getattr(kept, name), getattr(events[keep], name)) for name in "txyp")
    assert f"kept       {keep.sum():,}, " in said
    assert f"removed    {len(keep) - keep.sum():,}, " in said
    assert {one.name for one in tmp_path.iterdir()} == {path.name, out.name}


def test_a_share_of_the_background_is_kept_as_the_model_says(tmp_path: Path, model: Path) -> None:
    path = written(tmp_path, "npz", some_events())
    assert run("clean", path, "-o", tmp_path / "out.npz", "--model", model, "--keep-background", "0.99")[0] == 0
    assert len(events_of(tmp_path / "out.npz")) == 3600
    code, said = run("clean", path, "-o", tmp_path / "x.npz", "--model", model, "--keep-background", "0.5")
    assert (code, said.endswith("says how to keep 0.99, found 0.5")) == (2, True)
    code, said = run("clean", path, "-o", tmp_path / "x.npz", "--method", "baf", "--keep-background", "0.5")
    assert (code, "does not say which thresholds keep how much background" in said) == (2, True)


@pytest.mark.parametrize("method", ["keep_all", "drop_all", "baf", "pfd_b"])
def test_a_filter_stands_in_for_the_network(tmp_path: Path, method: str) -> None:
    from unflare.evaluation import baselines

    path = written(tmp_path, "DSEC HDF5", some_events())
    assert run("clean", path, "-o", tmp_path / "out.h5", "--method", method)[0] == 0
    events = some_events()
    keep = next(iter(baselines[method]()([events]))) < 0.5
    assert np.array_equal(events_of(tmp_path / "out.h5").x, events.x[keep])


def test_scores_are_those_of_the_recording_whole(tmp_path: Path, model: Path) -> None:
    path, out = written(tmp_path, "csv", some_events()), tmp_path / "scores.npz"
    assert run("score", path, "-o", out, "--model", model) == (0, f"{out}\n")
    with np.load(out) as found:
        assert list(found) == ["probability"]
        assert found["probability"].dtype == np.float32
        np.testing.assert_allclose(found["probability"], unflare.score(events_of(path), model), atol=1e-6)


def test_a_passage_that_was_saved_goes_on_with_the_same_bits(tmp_path: Path, model: Path) -> None:
    events, scorer = some_events(), NetworkScorer.of(model)
    whole, half = scorer.begin(SHAPE), scorer.begin(SHAPE)
    parts = [events[first : first + 1000] for first in range(0, 4000, 1000)]
    expected = [whole.score(part) for part in parts]
    for part in parts[:2]:
        half.score(part)
    half.save(tmp_path)
    after = scorer.resume(tmp_path)
    assert all(np.array_equal(after.score(parts[i]), expected[i]) for i in (2, 3))


def test_an_interruption_leaves_no_output_and_resume_ends_with_the_same_bytes(
    tmp_path: Path, model: Path, command: Zygote
) -> None:
    path, out = written(tmp_path, "DSEC HDF5", some_events()), tmp_path / "out.h5"
    call = ("clean", path, "-o", out, "--model", model)
    stopped = command(*call, chunk=256, marks=7, number=signal.SIGTERM)
    assert (stopped.code, stopped.err) == (128 + signal.SIGTERM, f"unflare: stopped; {RESUME}\n")
    unfinished = tmp_path / ".out.h5.unfinished"
    assert {one.name for one in tmp_path.iterdir()} == {path.name, unfinished.name}
    changed = command(*call, "--resume", "--threshold", "0.9", chunk=256)
    assert (changed.code, "without --resume it begins anew" in changed.err) == (2, True)
    assert command(*call, "--resume", chunk=256, marks=2, number=signal.SIGKILL).code == -9
    assert (unfinished / f"state-{9 * 256}").is_dir()
    done = command(*call, "--resume", chunk=256)
    assert done.code == 0, done.err
    content = out.read_bytes()
    assert {one.name for one in tmp_path.iterdir()} == {path.name, out.name}
    assert command(*call, "--force", chunk=256).code == 0
    assert out.read_bytes() == content


def test_a_copy_that_fails_leaves_what_was_scored(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = written(tmp_path, "npz", some_events()), tmp_path / "out.npz"
    call = ("clean", path, "-o", out, "--model", model)

    def failing(*_: object) -> None:
        raise ValueError("it could not be written")

    with monkeypatch.context() as at_first:
        at_first.setattr("unflare.cleaning.passes.copy_kept", failing)
        assert run(*call) == (2, "it could not be written")
    assert (tmp_path / ".out.npz.unfinished").is_dir()
    assert not out.exists()
    code, said = run(*call, "--resume")
    assert (code, "scored before the interruption" in said) == (0, True)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, out.name}


@pytest.mark.parametrize("kind", ["DSEC HDF5", "npz", "EVT2", "AEDAT4"])
def test_a_full_disk_is_one_sentence_and_leaves_no_output(tmp_path: Path, command: Zygote, kind: str) -> None:
    path = written(tmp_path, kind, some_events(20_000))
    out = path.with_stem("out")
    done = command("clean", path, "-o", out, "--method", "keep_all", largest=9000)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "recording.npz"], "new file"),
        (["-o", "."], "new file"),
        (["-o", "there.npz"], "--force replaces it"),
        (["-o", "out.npz", "--threshold", "0.5", "--keep-background", "0.9"], "give one of them"),
        (["-o", "out.npz", "--threshold", "-1"], "from 0 on"),
        (["-o", "out.npz", "--threshold", "nan"], "from 0 on"),
        (["-o", "out.npz", "--method", "magic"], "expected one of keep_all"),
        (["-o", "out.npz", "--method", "baf", "--device", "cuda"], "runs on the cpu"),
        (["-o", "out.npz", "--method", "baf", "--device", "tpu"], "runs on the cpu"),
        (["-o", "out.npz", "--model", "none.safetensors"], "no such model"),
        (["-o", "out.npz", "--sensor", "640"], "such as 640x480"),
        (["-o", "out.npz", "--method", "baf", "--sensor", "0x480"], "such as 640x480"),
        (["-o", "there.npz/out.npz", "--method", "baf"], "Not a directory|File exists"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, "npz", some_events(100))
    (tmp_path / "there.npz").write_text("something")
    if "--method" not in arguments and "--model" not in arguments:
        arguments = [*arguments, "--model", str(model)]
    with pytest.raises((ValueError, OSError), match=said):
        _raised(["clean", path.name, *arguments])
    assert {one.name for one in tmp_path.iterdir()} == {path.name, "there.npz"}


def _raised(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert done.exception, done.output
    raise done.exception


def test_without_weights_a_model_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["unflare.network.shipped"], "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="without trained weights; name a model with --model"):
        unflare.score(some_events(10))


def test_a_model_of_other_features_is_refused(tmp_path: Path, model: Path) -> None:
    network = Classifier.load(model)
    for said in ({"definition": VERSION - 1}, {}):
        place = network.save(tmp_path, {"window": 25_000, **said})
        with pytest.raises(ValueError, match=f"found version {said.get('definition')}"):
            unflare.score(some_events(10), place)


def test_the_commands_run_where_the_pipeline_would(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "npz", some_events(100))
    call = ("clean", path, "-o", tmp_path / "out.npz", "--model", model)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("UNFLARE_DEVICE", "cuda")
    code, said = run(*call)
    assert (code, "UNFLARE_DEVICE: expected a CUDA device" in said) == (2, True)
    code, said = run(*call, "--device", "cpu")
    assert (code, "backend    cpu: " in said) == (0, True)


def test_an_empty_name_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        unflare.score(some_events(10), "")


def test_the_help_names_the_shares_that_a_model_says_how_to_keep() -> None:
    from unflare.commands.clean import KEEP
    from unflare.scores import SHARES

    assert re.findall(r"0\.\d+", KEEP) == [str(share) for share in SHARES]


def test_two_cannot_write_one_output(tmp_path: Path) -> None:
    import filelock

    path = written(tmp_path, "npz", some_events(100))
    (tmp_path / ".out.npz.unfinished").mkdir()
    with filelock.FileLock(tmp_path / ".out.npz.unfinished" / "lock"):
        code, said = run("clean", path, "-o", tmp_path / "out.npz", "--method", "baf")
    assert (code, "another process is writing it" in said) == (2, True)


def test_a_repaired_copy_says_what_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path, "EVT2", some_events())
    path.write_bytes(path.read_bytes()[:-3])
    assert run("clean", path, "-o", tmp_path / "out.raw", "--method", "keep_all")[0] == 2
    code, said = run("clean", path, "-o", tmp_path / "out.raw", "--method", "keep_all", "--repair")
    assert code == 0
    assert "EVT2 is read, DSEC HDF5 is written" in said
    assert "1 fault: expected whole words of 4 bytes" in said


def test_inspect_says_what_is_in_a_file(tmp_path: Path) -> None:
    code, said = run("inspect", written(tmp_path, "EVT2", some_events(start=2_000_000)))
    assert code == 0
    rows = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert (rows["format"], rows["sensor"], rows["events"], rows["problems"]) == ("EVT2", "64x48", "4,000", "none")
    assert rows["begins"].startswith("2.000")


def test_the_doctor_says_what_works_and_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, said = run("doctor")
    assert code == 0
    assert said.count("works ") >= 5
    assert "does not  MLflow store    no store of runs" in said


def test_importing_is_cheap() -> None:
    code = "import sys, unflare; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "h5py", "faery", "numba"} & set(loaded)


def test_the_examples_of_the_docstrings_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    import doctest

    from unflare import inference
    from unflare.events import files

    monkeypatch.chdir(tmp_path)
    events = some_events(1000)
    np.savez("night.npz", **{name: getattr(events, name) for name in "txyp"}, resolution=[64, 48])
    for module in (inference, files):
        found = doctest.testmod(module, extraglobs={"model": model})
        assert (found.failed, found.attempted > 2) == (0, True)


def test_cleaning_more_events_takes_no_more_memory(tmp_path: Path, command: Zygote) -> None:
    peaks = []
    for count in (500_000, 1_200_000):
        path = written(tmp_path, "DAT", some_events(count, (200, 300)))
        done = command("clean", path, "-o", tmp_path / f"out{count}.dat", "--method", "keep_all", chunk=1 << 14)
        assert done.code == 0, done.err
        peaks.append(done.peak)
    assert peaks[1] - peaks[0] < 5 << 10  # KiB; what the longer one has more is 9 MiB
