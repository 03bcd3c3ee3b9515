"""The command line: report, comparison and way back of any run, from the store alone; bad input is one sentence."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import files, stored
from made_up import edit, write_results

from unflare import tracking

PROJECT = Path(__file__).parents[1]


def unflare(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unflare", *arguments]
    kept = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "TERM": "dumb"} | environment
    return subprocess.run(command, cwd=root, env=kept, capture_output=True, text=True, check=False)


def a_reported_run(root: Path, seed: int = 1) -> str:
    """A pipeline run with made-up results, through the report stage; its id."""
    with tracking.run("train") as run:
        pass
    write_results(root)
    edit(root / "params.yaml", lambda params: params.update(seed=seed))
    edit(root / "models/run.json", lambda card: card.update(id=run.id, reproduce="git checkout a1b2c3d\ndvc repro"))
    stage = [sys.executable, str(PROJECT / "stages" / "report.py"), "reports", "models"]
    subprocess.run(stage, cwd=root, capture_output=True, text=True, check=True)
    return run.id


def without_products(root: Path) -> None:
    for name in ("reports", "models", "data", "params.yaml", "dvc.lock"):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.slow
def test_a_report_made_from_the_store_alone_is_the_one_that_the_run_stored(root: Path) -> None:
    run = a_reported_run(root)
    first = {path.name: path.read_bytes() for path in (root / "reports").glob("report.*")}
    without_products(root)
    done = unflare(root, "report", run)
    assert done.returncode == 0, done.stderr
    folder = root / f"report-{run[:8]}"
    assert done.stdout == f"report-{run[:8]}/report.en.html\n"
    assert {path.name: path.read_bytes() for path in folder.glob("report.*")} == first
    assert len(first) == 4
    assert (folder / "stages" / "train.json").exists()
    there = unflare(root, "report", run)
    assert (there.returncode, there.stderr.count("\n")) == (2, 1)
    assert {path.name for path in root.iterdir()} == {folder.name, ".unflare", "mlflow.db", "mlflow.db-lock", "mlruns"}


@pytest.mark.slow
def test_the_report_stage_looks_at_the_finished_run_before(root: Path) -> None:
    first = a_reported_run(root, seed=1)
    assert json.loads((root / "reports/previous.json").read_text()) == {
        "none": "it is the first finished run in the store"
    }
    assert files(root, first, "records") == {
        f"records/{name}" for name in ("params.yaml", "dvc.lock", "models", "data", "reports")
    }
    with tracking.run("train") as unreported:
        unreported.child("baf", {}, {"f1": 1.0})
    a_reported_run(root, seed=2)
    previous = json.loads((root / "reports/previous.json").read_text())
    assert previous["run"]["id"] == first
    assert previous["params"]["seed"] == 1


@pytest.mark.slow
def test_runs_are_compared_the_last_ones_or_those_that_are_named(root: Path) -> None:
    runs = [a_reported_run(root, seed) for seed in (1, 2, 3)]
    without_products(root)
    done = unflare(root, "compare")
    assert (done.returncode, done.stdout) == (0, "reports/compare/compare.html\n"), done.stderr
    table = (root / "reports" / "compare" / "compare.md").read_text()
    assert [run in table for run in runs] == [True, True, True]
    assert table.index(runs[0]) < table.index(runs[2])  # the oldest first
    assert unflare(root, "compare", runs[2], runs[1], "-o", "two").returncode == 0
    table = (root / "two" / "compare.md").read_text()
    assert [run in table for run in runs] == [False, True, True]
    assert "seed" in table


@pytest.mark.slow
def test_a_report_in_an_outage_says_why_nothing_is_compared(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    a_reported_run(root)
    assert "out of reach" in json.loads((root / "reports/previous.json").read_text())["none"]
    assert (root / "reports/report.en.html").exists()


@pytest.mark.slow
def test_the_way_back_is_printed_and_described(root: Path) -> None:
    with tracking.run("train") as run:
        run.reproducible("cpu")
    done = unflare(root, "reproduce", run.id)
    assert done.stdout == stored(root, run.id).data.tags["reproduce"] + "\n"
    assert unflare(root, "reproduce", run.id, "--patch", "x.patch").returncode == 2
    assert not (root / "x.patch").exists()
    reported = a_reported_run(root)
    assert "dvc repro" in stored(root, reported).data.tags["mlflow.note.content"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "compare", "reproduce"])
def test_a_run_that_is_not_there_or_has_nothing_is_one_sentence(root: Path, command: str) -> None:
    with tracking.run("train") as run:
        pass
    for given in ("../it's not", run.id) if command == "report" else (run.id,):
        done = unflare(root, command, given)
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, ""), done.stderr
        assert given[:8] in done.stderr
    assert not list(root.glob("report*"))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "compare", "reproduce"])
def test_a_store_out_of_reach_is_one_sentence(root: Path, command: str) -> None:
    closed = unflare(root, command, "0" * 32, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert (closed.returncode, closed.stderr.count("\n")) == (2, 1), closed.stderr
    assert "out of reach" in closed.stderr


@pytest.mark.slow
def test_a_store_that_hangs_is_one_sentence(root: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hung = unflare(root, "report", "0" * 32, MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_TIMEOUT="1")
    assert (hung.returncode, hung.stderr.count("\n")) == (2, 1), hung.stderr


def test_no_store_is_one_sentence_and_makes_none(tmp_path: Path) -> None:
    done = unflare(tmp_path, "reproduce", "0" * 32, MLFLOW_TRACKING_URI="", DVC_ROOT="")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no store of runs" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["nonsense"], ["report"], ["report", "a", "b"], ["compare", "--nonsense"], []])
def test_a_wrong_command_line_is_one_sentence(arguments: list[str], tmp_path: Path) -> None:
    done = unflare(tmp_path, *arguments)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert done.stderr.startswith("unflare: ")
    assert len(done.stderr) > 20


def test_the_help_loads_nothing_slow_and_shows_examples(tmp_path: Path) -> None:
    asked = (
        "import sys; from unflare.commands import main; sys.argv[1:] = ['--help']\ntry: main()\nexcept SystemExit: pass"
    )
    asked += (
        "\nprint([name for name in ('h5py', 'matplotlib', 'mlflow', 'numba', 'numpy', 'torch') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    done = unflare(tmp_path, "--help")
    assert "unflare preview" in loaded
    assert loaded.splitlines()[-1] == "[]"
    for name in ("preview", "report", "compare", "reproduce"):
        assert f"unflare {name}" in done.stdout
        assert unflare(tmp_path, name, "--help").returncode == 0
