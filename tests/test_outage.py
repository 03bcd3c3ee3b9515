"""The store goes away, hangs or comes back, processes are killed: all arrives once, and nobody waits long."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from conftest import client, stored

from unflare import tracking
from unflare.tracking.delivery import Delivery
from unflare.tracking.journal import Journal
from unflare.tracking.place import place
from unflare.tracking.store import Store


class Server:
    """A tracking server of its own process group, over the SQLite store of `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        store = ["--backend-store-uri", f"sqlite:///{self._root / 'mlflow.db'}"]
        store += ["--artifacts-destination", str(self._root / "served")]
        place = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        command = [sys.executable, "-m", "mlflow", "server", *store, *place]
        log = (self._root / "server.log").open("ab")
        self._process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=self._root, start_new_session=True
        )
        self._await(time.monotonic() + 60)

    def kill(self) -> None:
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _await(self, deadline: float) -> None:
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self._root / "server.log").read_text()
                time.sleep(0.1)


@pytest.fixture
def server(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    it = Server(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", it.uri)
    it.start()
    yield it
    it.kill()


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """Counts the attempts to reach the store: they are what a computation waits for."""
    it = mock.Mock(side_effect=Delivery.flush)
    monkeypatch.setattr(Delivery, "flush", lambda self: it(self))
    return it


def history(root: Path, run: str, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client(root).get_metric_history(run, name)]


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_has_everything_once(
    root: Path, server: Server, attempts: mock.Mock
) -> None:
    for name in ("before", "during"):
        (root / f"{name}.txt").write_text(name)
    with tracking.run("train") as run:
        run.params({"seed": 1})
        run.metrics({"before": 1.0}, 1)
        run.artifact(root / "before.txt")
        server.kill()
        attempts.reset_mock()
        for step in range(2, 102):
            run.metrics({f"during {step}": float(step)}, step)
        run.artifact(root / "during.txt")
        run.child("baf", {"threshold": 0.5}, {"evaluation/f1": 0.4})
        for step in range(102, 202):
            run.metrics({"during": float(step)}, step)
        assert 1 <= attempts.call_count <= 2
        (root / "during.txt").unlink()
        server.start()
        run.params({"late": 2})
    found = stored(root, run.id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"seed": "1", "late": "2"}
    assert all(history(root, run.id, f"during {step}") == [(step, float(step))] for step in range(2, 102))
    assert history(root, run.id, "before") == [(1, 1.0)]
    assert len(history(root, run.id, "during")) == 1
    assert {path.name for path in (root / "served").rglob("*.txt")} == {"before.txt", "during.txt"}
    runs = client(root).search_runs([found.info.experiment_id])
    assert sorted(it.info.run_name for it in runs) == sorted(["baf", run.name])
    assert not list((root / ".unflare" / "journal").iterdir())


@pytest.mark.slow
def test_a_server_that_never_answers_costs_one_timeout_at_the_beginning_and_one_at_the_end(
    root: Path, attempts: mock.Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        (root / "result.txt").write_text("42")
        with tracking.run("train") as run:
            assert attempts.call_count == 1
            for step in range(1000):
                run.metrics({"loss": 1.0}, step)
            for number in range(10):
                run.artifact(root / "result.txt", f"{number}")
            assert attempts.call_count == 1
        assert attempts.call_count == 2

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with tracking.run("evaluate", resume=run.id):
        pass
    (found,) = client(root).search_runs(["1"])
    assert history(root, found.info.run_id, "loss") == [(999, 1.0)]
    assert len(client(root).list_artifacts(found.info.run_id)) == 10


def killed(said: str) -> str:
    """The id of a run whose process said this and was then killed."""
    code = (
        "import os, pathlib, signal; from unflare import tracking\n"
        "pathlib.Path('x.txt').write_text('x')\n"
        "with tracking.run('train') as run:\n"
        f"    {said}; print(run.id, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # Step 1 is in the store, 2 and 3 are in the journal only.
        ("run.metrics({'loss': 1.}, 1); run.artifact('x.txt'); [run.metrics({'loss': float(s)}, s) for s in (2, 3)]",
         [(1, 1.0), (4, 3.0)]),
        # All three are in the store.
        ("[run.metrics({'loss': float(s)}, s) for s in (1, 2, 3)]; run.artifact('x.txt')",
         [(3, 2.0), (4, 4.0)]),
    ],
)  # fmt: skip
def test_a_run_that_was_killed_goes_on_and_says_each_step_once(
    root: Path, said: str, expected: list[tuple[int, float]]
) -> None:
    identity = killed(said.replace("'x.txt'", "pathlib.Path('x.txt')"))
    assert stored(root, identity).info.status == "RUNNING"
    with tracking.run("train", resume=identity, step=1) as run:
        for step in (2, 3, 4):
            run.metrics({"loss": float(step)}, step)
    assert run.id == identity
    assert history(root, identity, "loss") == expected
    assert stored(root, identity).info.status == "FINISHED"
    assert len(client(root).search_runs(["1"])) == 1


@pytest.mark.slow
def test_a_stage_without_steps_says_what_it_has_to_say_in_a_run_that_was_killed(root: Path) -> None:
    identity = killed("run.metrics({'loss': 1.}, 7)")
    with tracking.run("evaluate", resume=identity) as run:
        run.metrics({"evaluation/f1": 0.5})
    assert history(root, identity, "loss") == [(7, 1.0)]
    assert history(root, identity, "evaluation/f1") == [(0, 0.5)]


def test_what_was_sent_but_not_acknowledged_is_there_once(root: Path) -> None:
    folder, store = root / "journal", Store(place())
    run = store.run("", "a run")
    journal = Journal(folder, run)
    for step in (1, 2, 3):
        journal.append("metrics", values={"loss": float(step)}, step=step)
    lines = journal.path.read_text()
    store.deliver(journal, run)
    journal.close()
    # As a process leaves it that was killed between the store's answer and the count of it.
    (folder / f"{run}.jsonl").write_text(lines)
    (folder / f"{run}.sent").write_text("0 3")
    again = Journal(folder, run)
    again.append("metrics", values={"loss": 4.0}, step=4)
    store.deliver(again, run)
    assert history(root, run, "loss") == [(3, 2.0), (4, 4.0)]
    again.close()


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"kind": "tags", "values": {}}\n{"kind": "tags", "val')
    journal = Journal(tmp_path, "run")
    journal.append("params", values={})
    journal.close()
    again = Journal(tmp_path, "run")
    assert [entry["kind"] for entry in again.pending] == ["tags", "params"]
    again.close()


FULL = """
import resource
from unflare import tracking
with tracking.run("train") as run:
    run.metrics({"loss": 1.0}, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
    for step in range(2, 99):
        run.metrics({"loss": 1.0}, step)
print("computed")
"""


def test_a_journal_on_a_full_disk_stops_no_computation(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on the size of files stands for the disk."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "computed\n"
    assert "cannot be written" in done.stderr


def test_temporary_experiments_find_the_store_and_its_files_by_a_relative_address_too(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(root / "mlflow.db", root / "runs.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    monkeypatch.setenv("DVC_ROOT", str(root))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    (elsewhere / "result.txt").write_text("42")
    with tracking.run("train") as run:
        run.artifact(elsewhere / "result.txt")
    assert (root / "mlruns" / run.id / "artifacts" / "result.txt").read_text() == "42"
    assert sorted(path.name for path in elsewhere.iterdir()) == ["result.txt"]
