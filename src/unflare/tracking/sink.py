"""How each kind of journal entry gets into the store. Sending one twice leaves what sending it once does."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from unflare.tracking import registry
from unflare.tracking.journal import Entry

PERIOD = 2.0  # seconds: a metric reaches the store at most once a period, as its mean over the period
BATCH = 500  # most entries that one request carries
PARENT, METHOD = "mlflow.parentRunId", "unflare.method"


class Sink:
    """One run in the store; methods are named after the kinds. They raise MlflowException and OSError."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        self._there: dict[str, int] = {}  # the last step of each metric that the store had when the run was resumed

    def resumed(self, _: Entry) -> None:
        names = self._client.get_run(self._run).data.metrics
        points = {name: self._client.get_metric_history(self._run, name) for name in names}
        self._there = {name: max(point.step for point in history) for name, history in points.items()}

    def metrics(self, *entries: Entry) -> None:
        """Means of the steps that are not there from before the run was resumed."""
        new = [{**entry, "values": dict(self._new(entry))} for entry in entries]
        self._points(means(new, PERIOD))

    def series(self, entry: Entry) -> None:
        stamp = int(entry["time"] * 1000)
        self._points(Metric(entry["name"], value, stamp, step) for step, value in entry["points"])

    def params(self, entry: Entry) -> None:
        for batch in _batches((Param(key, value) for key, value in entry["values"].items()), 100):
            self._client.log_batch(self._run, params=batch)

    def tags(self, entry: Entry) -> None:
        for batch in _batches((RunTag(key, value) for key, value in entry["values"].items()), 100):
            self._client.log_batch(self._run, tags=batch)

    def artifact(self, entry: Entry) -> None:
        path = _kept(entry)
        send = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        send(self._run, str(path), entry["folder"] or None)

    def dataset(self, entry: Entry) -> None:
        source = json.dumps({"uri": entry["source"]})
        dataset = Dataset(name=entry["name"], digest=entry["digest"], source_type="local", source=source)
        tag = InputTag("mlflow.data.context", entry["context"])
        self._client.log_inputs(self._run, [DatasetInput(dataset, [tag])])

    def child(self, entry: Entry) -> None:
        """The child run of this name. One with other parameters is of an earlier evaluation and makes room."""
        experiment, stamp = self._client.get_run(self._run).info.experiment_id, int(entry["time"] * 1000)
        query = f"tags.`{PARENT}` = '{self._run}' and tags.`{METHOD}` = '{entry['name']}'"
        found = self._client.search_runs([experiment], query)
        for other in found:
            if other.data.params not in ({}, entry["params"]):
                self._client.delete_run(other.info.run_id)
        same = [other for other in found if other.data.params in ({}, entry["params"])]
        tags = {PARENT: self._run, METHOD: entry["name"]}
        it = same[0] if same else self._client.create_run(experiment, stamp, tags, entry["name"])
        old, values = it.data.metrics, entry["values"]
        changed = [Metric(name, value, stamp, 0) for name, value in values.items() if old.get(name) != value]
        params = [Param(key, value) for key, value in entry["params"].items()]
        self._client.log_batch(it.info.run_id, changed, params)
        self._client.set_terminated(it.info.run_id, "FINISHED", stamp)

    def model(self, entry: Entry) -> None:
        """A pyfunc from code and weights; naming the requirements spares MLflow its search for them."""
        with mlflow.start_run(run_id=self._run):
            mlflow.pyfunc.log_model(
                name="model",
                loader_module=entry["loader"],
                data_path=str(_kept(entry)),
                code_paths=[entry["code"]],
                pip_requirements=entry["requirements"],
            )
        self._client.update_run(self._run, status="RUNNING")

    def version(self, entry: Entry) -> None:
        registry.register(self._client, self._run, entry["values"], sound=entry["sound"])

    def status(self, entry: Entry) -> None:
        if entry["value"] == "RUNNING":
            self._client.update_run(self._run, status="RUNNING")
        else:
            self._client.set_terminated(self._run, entry["value"], int(entry["time"] * 1000))

    def _new(self, entry: Entry) -> Iterator[tuple[str, float]]:
        for name, value in entry["values"].items():
            if not 0 < entry["step"] <= self._there.get(name, 0):
                yield name, value

    def _points(self, points: Iterable[Metric]) -> None:
        for batch in _batches(points, BATCH):
            self._client.log_batch(self._run, metrics=batch)


def means(entries: Sequence[Entry], period: float) -> Iterator[Metric]:
    """One point a period and name: the mean of its values there, at its last step there."""
    windows: dict[tuple[int, str], list[tuple[float, int]]] = {}
    for entry in entries:
        window = int((entry["time"] - entries[0]["time"]) / period)
        for name, value in entry["values"].items():
            windows.setdefault((window, name), []).append((value, entry["step"]))
    start = entries[0]["time"] if entries else time.time()
    for (window, name), points in windows.items():
        mean = sum(value for value, _ in points) / len(points)
        yield Metric(name, mean, int((start + window * period) * 1000), points[-1][1])


def _kept(entry: Entry) -> Path:
    """The file itself, or the copy that was kept when it could not be sent at once."""
    copy = Path(entry["copy"])
    return copy if copy.exists() else Path(entry["path"])


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
