"""The MLflow store, for writing. Imported when a run begins: MLflow takes seconds to import."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from unflare.tracking.journal import Entry, Journal, Outage
from unflare.tracking.place import Place
from unflare.tracking.sink import Sink

log = logging.getLogger(__name__)

EXPERIMENT = "eventmamba-fx"
OWN_ID = "unflare.id"

# Refusals that no later attempt can mend; everything else is an outage.
REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}


class Store:
    """Runs of the experiment. Methods raise Outage where the store cannot be reached."""

    def __init__(self, place: Place) -> None:
        artifacts = (place.database.parent / "mlruns").as_uri() if place.database else None
        self._sinks: dict[str, Sink] = {}
        try:
            with first_use(place):
                self._client = connect(place)
                found = self._client.get_experiment_by_name(EXPERIMENT)
                self._experiment: str = (
                    found.experiment_id
                    if found
                    else self._client.create_experiment(EXPERIMENT, artifact_location=artifacts)
                )
        except (MlflowException, OSError) as error:
            raise Outage(one_line(error)) from error

    def run(self, identity: str, name: str) -> str:
        """The store's id of the run `identity`; a new run where it is empty or the store does not know it.

        A run is known by the store's own id, or by the tag OWN_ID: it began while the store was out of reach, or the
        store that had it was lost.
        """
        try:
            found = find(self._client, self._experiment, identity) if identity else None
            if found:
                return found
            tags = {OWN_ID: identity} if identity else {}
            return str(self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id)
        except (MlflowException, OSError) as error:
            raise Outage(one_line(error)) from error

    def deliver(self, journal: Journal, run: str) -> None:
        """Sends what is pending, in order. An entry that the store refuses for good is logged and passed over."""
        sink = self._sinks.setdefault(run, Sink(self._client, run))
        for part in _parts(list(journal.pending), journal.attempted):
            kind = part[0]["kind"]
            try:
                if kind == "metrics":
                    journal.attempt(len(part))
                getattr(sink, kind)(*part)
            except MlflowException as error:
                if error.error_code not in REFUSED:
                    raise Outage(one_line(error)) from error
                log.warning("tracking: the store refused %s: %s", kind, one_line(error))
            except FileNotFoundError as error:
                log.warning("tracking: %s is gone and was not sent", error.filename)
            except OSError as error:
                raise Outage(one_line(error)) from error
            journal.sent(len(part))

    def adopt(self, journal: Journal) -> None:
        """Sends what a process left behind. One that did not say how it ended was killed."""
        said = [entry for entry in journal.pending if entry["kind"] == "status"]
        if not said or said[-1]["value"] == "RUNNING":
            journal.append("status", value="KILLED")
        names = [entry["name"] for entry in said if "name" in entry]
        self.deliver(journal, self.run(journal.name, names[0] if names else journal.name))


def first_use(place: Place) -> AbstractContextManager[object]:
    """Processes that open a fresh SQLite store at once break it for good, so they take turns."""
    if place.database is None:
        return nullcontext()
    return FileLock(place.database.with_name(f"{place.database.name}-lock"), timeout=60)


def connect(place: Place) -> MlflowClient:
    """A client; MLflow's own calls (models, their versions) are sent to the same store."""
    mlflow.set_tracking_uri(place.uri)
    mlflow.set_registry_uri(place.uri)
    return MlflowClient(place.uri, place.uri)


def find(client: MlflowClient, experiment: str, identity: str) -> str | None:
    """The store's id of a run, from that or from one of our own. Raises MlflowException in an outage."""
    tagged = client.search_runs([experiment], f"tags.`{OWN_ID}` = '{identity}'", max_results=1)
    if tagged:
        return str(tagged[0].info.run_id)
    try:
        return str(client.get_run(identity).info.run_id)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _parts(entries: Sequence[Entry], attempted: int) -> Iterator[list[Entry]]:
    """Neighbouring metrics together, everything else alone.

    What was attempted together before stays together: its means are then the same points, which the store has once.
    """
    if attempted:
        yield list(entries[:attempted])
    part: list[Entry] = []
    for entry in entries[attempted:]:
        if part and not entry["kind"] == part[0]["kind"] == "metrics":
            yield part
            part = []
        part.append(entry)
    if part:
        yield part
