"""Jobs on the workers of a scheduler: in order, once, in the stage's folder, by the stage's code, or not at all."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jobs import fatal, square

from unflare import runtime
from unflare.runtime import cluster as engine

pytestmark = pytest.mark.slow


def written(name: str) -> tuple[int, float, float]:
    """A file in the folder that it runs in; the process, and when it began and ended."""
    began = time.monotonic()
    Path(name).write_text("done")
    time.sleep(0.05)
    return os.getpid(), began, time.monotonic()


@pytest.mark.usefixtures("scheduler")
def test_jobs_come_back_in_order_and_a_failure_is_raised() -> None:
    assert runtime.workers() == 2
    assert list(runtime.parallel(square, range(20), 1)) == [number * number for number in range(20)]
    with pytest.raises(ValueError, match="job -1"):
        list(runtime.parallel(square, [1, -1, 2], 1))


@pytest.mark.usefixtures("scheduler")
def test_a_killed_worker_loses_nothing_and_a_job_that_always_kills_is_given_up(tmp_path: Path) -> None:
    mark = tmp_path / "killed"
    assert list(runtime.parallel(fatal, [(mark, number) for number in range(6)], 1)) == list(range(6))
    assert mark.exists()
    with pytest.raises(ChildProcessError, match=r"4 workers were killed while they had job 1 of 1"):
        list(runtime.parallel(fatal, [(mark, 9)], 1))


@pytest.mark.usefixtures("scheduler")
def test_jobs_run_in_the_folder_of_the_stage_and_leave_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{number}.txt" for number in range(8)]
    done = list(runtime.parallel(written, names, 1))
    assert os.getpid() not in {process for process, _, _ in done}
    assert {path.name for path in tmp_path.glob("*.txt")} == set(names)
    assert not list((tmp_path / ".unflare").iterdir())


def test_a_worker_of_many_threads_does_one_job_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    monkeypatch.chdir(tmp_path)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=4, dashboard_address=":0") as threads:
        monkeypatch.setenv("UNFLARE_DASK", threads.scheduler_address)
        assert runtime.workers() == 1
        spans = sorted((began, ended) for _, began, ended in runtime.parallel(written, map(str, range(12)), 1))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@pytest.mark.usefixtures("scheduler")
def test_workers_with_other_code_or_another_file_system_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def elsewhere() -> Iterator[Path]:
        yield Path(".unflare/of-another-machine")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_code", lambda: "other")
        with pytest.raises(ValueError, match=r"worker tcp://\S+ on \S+: expected the stage's code"):
            list(runtime.parallel(square, [1], 1))
    monkeypatch.setattr(engine, "_mark", elsewhere)
    with pytest.raises(ValueError, match="one file system"):
        list(runtime.parallel(square, [1], 1))


@pytest.mark.parametrize("address", ["localhost", "http://localhost:8786", "tcp://localhost", "tcp://a b:1"])
def test_an_address_is_read_strictly(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFLARE_DASK", address)
    for ask in (runtime.workers, lambda: runtime.parallel(square, [1], 1)):
        with pytest.raises(ValueError, match="expected an address such as"):
            ask()


def test_without_the_package_or_workers_there_is_a_sentence_and_no_other_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNFLARE_DASK", "tcp://127.0.0.1:9")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        with pytest.raises(ImportError, match="expected the package distributed"):
            list(runtime.parallel(square, [1], 1))
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    monkeypatch.setattr(engine, "CONNECTION", 1)
    with pytest.raises(ConnectionError, match="no scheduler answers"):
        list(runtime.parallel(square, [1], 1))
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as idle:
        monkeypatch.setenv("UNFLARE_DASK", idle.scheduler_address)
        with pytest.raises(ConnectionError, match="has no workers"):
            list(runtime.parallel(square, [1], 1))


@pytest.mark.parametrize("lost", ["scheduler", "worker"])
def test_a_scheduler_or_the_last_worker_that_is_lost_ends_the_jobs(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="needs the extra `dask`")
    contact = tmp_path / "scheduler.json"
    dask, quiet = [sys.executable, "-m", "dask"], {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    place = ["--scheduler-file", str(contact), "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *place], **quiet)
    worker = subprocess.Popen([*dask, "worker", "--no-nanny", "--nthreads", "1", *place], **quiet)
    try:
        while not contact.exists():
            assert scheduler.poll() is None
            time.sleep(0.05)
        monkeypatch.setenv("UNFLARE_DASK", json.loads(contact.read_text())["address"])
        results = iter(runtime.parallel(time.sleep, [0.0, *[30.0] * 3], 1))
        assert next(results) is None
        monkeypatch.setattr(engine, "PATIENCE", 1)
        {"scheduler": scheduler, "worker": worker}[lost].kill()
        with pytest.raises(OSError, match=r"lost before job 2 of 4|no worker was left for job 2 of 4") as ended:
            next(results)
        assert ("scheduler was lost" in str(ended.value)) == (lost == "scheduler")
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
