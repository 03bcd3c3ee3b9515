"""Tracking: parameters, metrics and files of a run, in MLflow, at no risk and next to no cost to the computation.

Every call writes a line into a journal on disk (microseconds) and returns. What the journal holds is sent now and then,
metrics as means over two seconds, more rarely where the store is slow. What cannot be sent stays in the journal and is
sent at the end of the stage or by the next run. So an outage of the store costs a warning, never a result.

The store is `sqlite:///<root>/mlflow.db` with files in `<root>/mlruns`, or the server in MLFLOW_TRACKING_URI; the root
is DVC_ROOT, which stays the same for queued and temporary experiments that run elsewhere, or the working folder.
"""

import logging
import math
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from unflare.tracking.journal import Journal, Outage, left_behind
from unflare.tracking.link import flat, lock_tags, revision_tags

if TYPE_CHECKING:
    from unflare.tracking.store import Store

__all__ = ["Run", "run"]

log = logging.getLogger(__name__)

PERIOD = 2.0  # seconds between two deliveries while a stage computes, at least
SHARE = 0.004  # of the time, at most, goes into deliveries: a slow store gets rarer and larger ones
PATIENCE = 60.0  # seconds between two deliveries at most, and between two attempts during an outage


@contextmanager
def run(stage: str, resume: str | None = None, *, active: bool = True) -> "Iterator[Run]":
    """The run that `stage` adds to: the one whose id is `resume`, or a new one.

    An error inside marks it FAILED and passes on. Where `active` is false (ranks but the first) nothing is tracked.
    """
    it = Run(stage, resume, active=active)
    try:
        yield it
    except BaseException as error:
        it.close("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    it.close("FINISHED")


class Run:
    """One MLflow run; open with `run`. No method raises because of the store.

    id        MLflow's run id, or one of our own (`local-...`) where the store was out of reach at the beginning
    seconds   spent in tracking so far, importing MLflow and sending included
    """

    def __init__(self, stage: str, resume: str | None, *, active: bool) -> None:
        self.id = resume or ""
        self.seconds = 0.0
        self._stage = stage
        self._revision = revision_tags(Path())
        self.name = (
            os.environ.get("DVC_EXP_NAME") or self._revision.get("git.revision") or time.strftime("%Y-%m-%d %H:%M")
        )
        self._root = Path(os.environ.get("DVC_ROOT") or Path.cwd()).absolute()
        self._journal: Journal | None = None
        self._store: Store | None = None
        self._stored: str | None = None  # the store's id of this run
        self._next = 0.0  # no attempt to send before this time
        if active:
            self._open()

    def card(self) -> dict[str, str]:
        """What a file beside the model says about its run; `id` is what a later stage resumes."""
        return {"id": self.id, "name": self.name, **self._revision}

    def params(self, values: Mapping[str, Any]) -> None:
        """Parameters, nested or flat; a nested one is named by its path, joined by dots."""
        self._say("params", values={key: str(value) for key, value in flat(values).items()})

    def metrics(self, values: Mapping[str, float | None], step: int = 0) -> None:
        """Values at a step; the store gets their means over periods. What is None or not finite is left out."""
        finite = {key: float(value) for key, value in values.items() if value is not None and math.isfinite(value)}
        self._say("metrics", values=finite, step=step)
        if time.monotonic() > self._next:
            self.flush()

    def series(self, name: str, points: Iterable[tuple[int, float]]) -> None:
        """A whole curve, every (step, value) of it."""
        self._say("series", name=name, points=[(int(step), float(value)) for step, value in points])

    def tags(self, values: Mapping[str, object]) -> None:
        self._say("tags", values={key: str(value) for key, value in values.items()})

    def describe(self, markdown: str) -> None:
        """The description that MLflow renders at the top of the run's page."""
        self.tags({"mlflow.note.content": markdown})

    def dataset(self, name: str, digest: str, source: Path, context: str) -> None:
        """A data set that the run used, by the digest that DVC has of it (36 characters at most); no data is read."""
        self._say("dataset", name=name, digest=digest[:36], source=str(source), context=context)

    def datasets(self, context: str) -> None:
        """What the stages before this one wrote below data/, by the hashes in dvc.lock."""
        for tag, digest in lock_tags(Path(), before=self._stage).items():
            path = tag.split(".", 2)[2]
            if path.startswith("data/"):
                self.dataset(path, digest, Path(path).absolute(), context)

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file, or all files of a folder, into a folder of the run."""
        self._say_file("artifact", path, folder=folder)

    def model(self, weights: Path, loader: str, code: Path, requirements: Sequence[str]) -> None:
        """The model as pyfunc.

        weights        file or folder that `_load_pyfunc(path)` of the module `loader` reads
        code           the package that holds the module; it is stored along, so that the model loads without us
        requirements   of pip; named here because MLflow's own search for them takes six seconds
        """
        self._say_file("model", weights, loader=loader, code=str(code.absolute()), requirements=list(requirements))

    def flush(self) -> bool:
        """Sends what the store does not have yet; whether it now has everything."""
        return self._journal is None or self._deliver()

    def close(self, status: str) -> None:
        """Ends the stage: FINISHED, FAILED or KILLED."""
        self.tags({f"stage.{self._stage}": status})
        self._say("status", value=status)
        if self._journal:
            if not self.flush():
                log.warning("tracking: %s holds what could not be sent; the next run sends it", self._journal.path)
            self._journal.close()
            self._journal = None

    def _open(self) -> None:
        folder = self._root / ".unflare" / "journal"
        self._deliver()
        self.id = self.id or self._stored or f"local-{uuid.uuid4().hex}"
        try:
            self._journal = Journal(folder, self.id)
        except (OSError, Timeout) as error:
            log.warning("tracking: this run is not tracked, its journal cannot be written: %s", error)
            return
        self._say("status", value="RUNNING", name=self.name)
        self.tags(self._revision | lock_tags(Path(), before=self._stage) | {f"stage.{self._stage}": "RUNNING"})
        if self._deliver():
            self._deliver_left_behind(folder)

    def _deliver(self) -> bool:
        """Connects where that has not been done, and sends what is pending."""
        try:
            with self._timed():
                self._store = self._store or _store(self._root)
                self._stored = self._stored or self._store.run(self.id, self.name)
                start = time.monotonic()
                if self._journal:
                    self._store.deliver(self._journal, self._stored)
        except Outage as error:
            self._next = time.monotonic() + PATIENCE
            log.warning("tracking: the store is out of reach, the journal goes on: %s", error)
            return False
        now = time.monotonic()
        self._next = now + min(PATIENCE, max(PERIOD, (now - start) / SHARE))
        return True

    def _deliver_left_behind(self, folder: Path) -> None:
        for journal in left_behind(folder):
            try:
                if self._store:
                    with self._timed():
                        self._store.adopt(journal)
            except Outage as error:
                log.warning("tracking: %s is still unsent: %s", journal.path, error)
            finally:
                journal.close()

    def _say(self, kind: str, **content: object) -> None:
        if self._journal:
            with self._timed():
                try:
                    self._journal.append(kind, **content)
                except OSError as error:  # a full disk: the entry stays in memory and may still be sent
                    log.warning("tracking: %s cannot be written: %s", self._journal.path, error)

    def _say_file(self, kind: str, path: Path, **content: object) -> None:
        if self._journal:
            copy = self._journal.copies / str(time.time_ns()) / path.name
            self._say(kind, path=str(path.absolute()), copy=str(copy), **content)
            if not self.flush():
                with self._timed():
                    self._journal.keep(path, copy)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start


def _store(root: Path) -> "Store":
    # MLflow reads these: it reports home by default, and a lost server would hold a computation up for minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    from unflare.tracking.store import Store  # takes seconds to import, and only a tracked run needs it

    return Store(root, os.environ.get("MLFLOW_TRACKING_URI"))
