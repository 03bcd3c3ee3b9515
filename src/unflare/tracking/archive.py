"""What is in the store, for reading: runs with their records. Open with `tracking.read`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow.exceptions import MlflowException

from unflare.tracking.journal import Outage
from unflare.tracking.place import Place
from unflare.tracking.store import EXPERIMENT, connect, find, first_use, one_line

RECORDED = "unflare.records"  # a tag of pipeline runs with records, which child runs and unfinished ones lack


class Archive:
    """Methods raise ValueError where the run or its records are not there, Outage where the store is out of reach."""

    def __init__(self, place: Place) -> None:
        self._uri = place.uri
        if place.database and not place.database.exists():
            raise ValueError(f"no store of runs at {place.database}; `dvc repro` makes it")
        with self._reaching(), first_use(place):
            self._client = connect(place)
            found = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment = found.experiment_id if found else ""

    def find(self, run: str) -> str:
        """The store's id of a run, from that or from the one in models/run.json."""
        with self._reaching():
            found = find(self._client, self._experiment, run) if run.isascii() and "'" not in run else None
        if found is None:
            raise ValueError(f"no run {run!r} in the store {self._uri}")
        return found

    def finished(self, count: int, before: str | None = None) -> list[str]:
        """The newest finished pipeline runs with records, newest first; those that began before the run `before`."""
        query = f"attributes.status = 'FINISHED' and tags.`{RECORDED}` != ''"
        with self._reaching():
            if before:
                query += f" and attributes.start_time < {self._client.get_run(self.find(before)).info.start_time}"
            runs = self._client.search_runs(
                [self._experiment], query, max_results=count, order_by=["attributes.start_time DESC"]
            )
        return [run.info.run_id for run in runs]

    def records(self, run: str, folder: Path) -> None:
        """Downloads the records of a run into `folder`, which then looks like the root of its pipeline."""
        identity = self.find(run)
        with self._reaching():
            if RECORDED not in self._client.get_run(identity).data.tags:
                raise ValueError(f"the run {run} has no records in the store; its `report` stage stores them")
            source = self._client.download_artifacts(identity, "records", str(folder))
            for path in Path(source).iterdir():
                path.rename(folder / path.name)

    def tag(self, run: str, name: str) -> str | None:
        with self._reaching():
            return self._client.get_run(self.find(run)).data.tags.get(name)

    def file(self, run: str, artifact: Path, folder: Path) -> Path:
        """Downloads one file of a run into `folder`."""
        identity = self.find(run)
        with self._reaching():
            if artifact.as_posix() not in {
                file.path for file in self._client.list_artifacts(identity, artifact.parent.as_posix())
            }:
                raise ValueError(f"the run {run} has no {artifact} in the store")
            return Path(self._client.download_artifacts(identity, artifact.as_posix(), str(folder)))

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            raise Outage(f"the store {self._uri} is out of reach: {one_line(error)}") from error
