"""A store of runs that is ready for use, and what is in it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import unflare  # noqa: F401 - says how torch's threads wait, before any test loads torch


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store: copying it is 40 times faster than making one."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def root(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Two workers of a dask scheduler, each a process of one thread, begun again where they are killed."""
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def scheduler(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ANN401 (of a package that may be missing)
    """The scheduler of two living workers is the engine of `parallel`; its address."""
    cluster.wait_for_workers(2)
    monkeypatch.setenv("UNFLARE_DASK", cluster.scheduler_address)
    return str(cluster.scheduler_address)


def client(root: Path) -> Any:  # noqa: ANN401 (MLflow's own type, imported where used)
    from mlflow import MlflowClient

    uri = f"sqlite:///{root / 'mlflow.db'}"
    return MlflowClient(uri, uri)


def stored(root: Path, run: str) -> Any:  # noqa: ANN401
    return client(root).get_run(run)


def files(root: Path, run: str, folder: str = "") -> set[str]:
    return {file.path for file in client(root).list_artifacts(run, folder)}
