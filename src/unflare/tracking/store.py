"""The MLflow store. The one module that imports MLflow; `unflare.tracking` imports it when a run begins."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from unflare.tracking.journal import Entry, Journal, Outage

log = logging.getLogger(__name__)

EXPERIMENT = "eventmamba-fx"
PERIOD = 2.0  # seconds: a metric reaches the store at most once a period, as its mean over the period
BATCH = 500  # most entries that one request carries
OWN_ID = "unflare.id"

# Refusals that no later attempt can mend; everything else is an outage.
REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}


class Store:
    """Runs of the experiment, in the tracking server `uri` or the SQLite store of the folder `root`.

    Methods raise Outage where the store cannot be reached.
    """

    def __init__(self, root: Path, uri: str | None) -> None:
        self.uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        artifacts = None if uri else (root / "mlruns").as_uri()
        try:
            # Processes that open a fresh SQLite store at once break it for good.
            with FileLock(root / "mlflow.db-lock", timeout=60):
                self._client = MlflowClient(self.uri)
                found = self._client.get_experiment_by_name(EXPERIMENT)
                self._experiment: str = (
                    found.experiment_id
                    if found
                    else self._client.create_experiment(EXPERIMENT, artifact_location=artifacts)
                )
        except (MlflowException, OSError) as error:
            raise Outage(_one_line(error)) from error

    def run(self, identity: str, name: str) -> str:
        """The store's id of the run `identity`; a new run where it is empty or the store does not know it.

        A run is known by the store's own id, or by the tag OWN_ID: it began while the store was out of reach, or the
        store that had it was lost.
        """
        try:
            found = self._find(identity) if identity else None
            if found:
                return found
            tags = {OWN_ID: identity} if identity else {}
            return str(self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id)
        except (MlflowException, OSError) as error:
            raise Outage(_one_line(error)) from error

    def _find(self, identity: str) -> str | None:
        tagged = self._client.search_runs([self._experiment], f"tags.`{OWN_ID}` = '{identity}'", max_results=1)
        if tagged:
            return str(tagged[0].info.run_id)
        try:
            return str(self._client.get_run(identity).info.run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def deliver(self, journal: Journal, run: str) -> None:
        """Sends what is pending, in order. An entry that the store refuses for good is logged and passed over."""
        for part in _parts(list(journal.pending)):
            try:
                getattr(self, f"_{part[0]['kind']}")(run, *part)
            except MlflowException as error:
                if error.error_code not in REFUSED:
                    raise Outage(_one_line(error)) from error
                log.warning("tracking: the store refused %s: %s", part[0]["kind"], _one_line(error))
            except FileNotFoundError as error:
                log.warning("tracking: %s is gone and was not sent", error.filename)
            except OSError as error:
                raise Outage(_one_line(error)) from error
            journal.sent(len(part))

    def adopt(self, journal: Journal) -> None:
        """Sends what a process left behind. One that did not say how it ended was killed."""
        said = [entry for entry in journal.pending if entry["kind"] == "status"]
        if not said or said[-1]["value"] == "RUNNING":
            journal.append("status", value="KILLED")
        names = [entry["name"] for entry in said if "name" in entry]
        self.deliver(journal, self.run(journal.name, names[0] if names else journal.name))

    def _metrics(self, run: str, *entries: Entry) -> None:
        self._points(run, means(entries, PERIOD))

    def _series(self, run: str, entry: Entry) -> None:
        stamp = int(entry["time"] * 1000)
        self._points(run, (Metric(entry["name"], value, stamp, step) for step, value in entry["points"]))

    def _points(self, run: str, points: Iterable[Metric]) -> None:
        for batch in _batches(points):
            self._client.log_batch(run, metrics=batch)

    def _params(self, run: str, entry: Entry) -> None:
        for batch in _batches((Param(key, value) for key, value in entry["values"].items()), 100):
            self._client.log_batch(run, params=batch)

    def _tags(self, run: str, entry: Entry) -> None:
        for batch in _batches((RunTag(key, value) for key, value in entry["values"].items()), 100):
            self._client.log_batch(run, tags=batch)

    def _artifact(self, run: str, entry: Entry) -> None:
        path = _kept(entry)
        send = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        send(run, str(path), entry["folder"] or None)

    def _dataset(self, run: str, entry: Entry) -> None:
        source = json.dumps({"uri": entry["source"]})
        dataset = Dataset(name=entry["name"], digest=entry["digest"], source_type="local", source=source)
        tag = InputTag("mlflow.data.context", entry["context"])
        self._client.log_inputs(run, [DatasetInput(dataset, [tag])])

    def _model(self, run: str, entry: Entry) -> None:
        """A pyfunc from code and weights; naming the requirements spares MLflow its search for them."""
        mlflow.set_tracking_uri(self.uri)
        with mlflow.start_run(run_id=run):
            mlflow.pyfunc.log_model(
                name="model",
                loader_module=entry["loader"],
                data_path=str(_kept(entry)),
                code_paths=[entry["code"]],
                pip_requirements=entry["requirements"],
            )
        self._client.update_run(run, status="RUNNING")

    def _status(self, run: str, entry: Entry) -> None:
        if entry["value"] == "RUNNING":
            self._client.update_run(run, status="RUNNING")
        else:
            self._client.set_terminated(run, entry["value"], int(entry["time"] * 1000))


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


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbouring metrics together, everything else alone."""
    part: list[Entry] = []
    for entry in entries:
        if part and not entry["kind"] == part[0]["kind"] == "metrics":
            yield part
            part = []
        part.append(entry)
    if part:
        yield part


def _kept(entry: Entry) -> Path:
    """The file itself, or the copy that was kept when it could not be sent at once."""
    copy = Path(entry["copy"])
    return copy if copy.exists() else Path(entry["path"])


def _batches(items: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
