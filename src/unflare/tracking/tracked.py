"""What a stage says of its run."""

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from unflare.params import flat
from unflare.tracking.delivery import Delivery
from unflare.tracking.link import lock_tags, revision_tags
from unflare.tracking.reproduce import PATCH, way_back


@contextmanager
def run(stage: str, resume: str | None = None, *, step: int | None = None, active: bool = True) -> "Iterator[Run]":
    """The run that `stage` adds to: the one whose id is `resume`, or a new one.

    step     where a computation that was cut off goes on: what it said of later steps it will say again, and the store
             gets each of them once
    active   false (ranks but the first): nothing is tracked

    An error inside marks the run FAILED and passes on.
    """
    it = Run(stage, resume, step, active=active)
    try:
        yield it
    except BaseException as error:
        it.close("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    it.close("FINISHED")


class Run:
    """One MLflow run; open with `run`. No method raises because of the store.

    id   MLflow's run id, or one of our own (`local-...`) where the store was out of reach at the beginning
    """

    def __init__(self, stage: str, resume: str | None, step: int | None, *, active: bool) -> None:
        self._stage = stage
        self._revision = revision_tags(Path())
        self._way: dict[str, str] = {}
        self.name = (
            os.environ.get("DVC_EXP_NAME") or self._revision.get("git.revision") or time.strftime("%Y-%m-%d %H:%M")
        )
        self._delivery = Delivery(resume or "", self.name) if active else None
        self.id = self._delivery.identity if self._delivery else resume or ""
        self._open(goes_on=resume is not None, step=step)

    @property
    def seconds(self) -> float:
        """Spent in tracking so far, importing MLflow and sending included."""
        return self._delivery.seconds if self._delivery else 0.0

    def card(self) -> dict[str, str]:
        """What a file beside the model says about its run; `id` is what a later stage resumes."""
        return {"id": self.id, "name": self.name, **self._revision, **self._way}

    def params(self, values: Mapping[str, Any]) -> None:
        """Parameters, nested or flat; a nested one is named by its path, joined by dots."""
        self._say("params", values=_words(flat(values)))

    def metrics(self, values: Mapping[str, float | None], step: int = 0) -> None:
        """Values at a step; the store gets their means over periods. What is None or not finite is left out."""
        self._say("metrics", values=_finite(values), step=step)
        if self._delivery and self._delivery.due:
            self._delivery.flush()

    def series(self, name: str, points: Iterable[tuple[int, float]]) -> None:
        """A whole curve, every (step, value) of it."""
        self._say("series", name=name, points=[(int(step), float(value)) for step, value in points])

    def child(self, name: str, params: Mapping[str, object], metrics: Mapping[str, float | None]) -> None:
        """A run of its own below this one, for one of several methods; the same name again is the same run."""
        self._say("child", name=name, params=_words(params), values=_finite(metrics))

    def tags(self, values: Mapping[str, object]) -> None:
        self._say("tags", values=_words(values))

    def describe(self, markdown: str) -> None:
        """The description that MLflow renders at the top of the run's page."""
        self.tags({"mlflow.note.content": markdown})

    def reproducible(self, device: str, ranks: int = 1) -> None:
        """Says how to make this run again: the tag `reproduce`, the same in `card`, and changed code as a patch.

        device   cpu or cuda, what the run computes on: it is not in the parameters, yet it decides the last bits
        ranks    processes that train together, which do so too
        """
        way = way_back(Path(), self.id, device, ranks)
        self._way = {"reproduce": way.commands}
        self.tags(self._way)
        if way.patch:
            with TemporaryDirectory() as folder:
                path = Path(folder) / PATCH.name
                path.write_bytes(way.patch)
                self.artifact(path, str(PATCH.parent))

    def dataset(self, name: str, digest: str, source: Path, context: str) -> None:
        """A data set that the run used, by the digest that DVC has of it (36 characters at most); no data is read."""
        self._say("dataset", name=name, digest=digest[:36], source=str(source), context=context)

    def datasets(self, context: str) -> None:
        """What the stages before this one wrote below data/, by the hashes in dvc.lock."""
        for tag, digest in lock_tags(Path(), before=self._stage).items():
            path = tag.split(".", 2)[-1]
            if path.startswith("data/"):
                self.dataset(path, digest, Path(path).absolute(), context)

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file, or all files of a folder, into a folder of the run."""
        self._say_file("artifact", path, folder=folder)

    def records(self, root: Path, files: Sequence[Path]) -> None:
        """Files below `root` into the run's folder `records`, at their relative places.

        From these alone a report can be made again: the tag `unflare.records` says that they are all there.
        """
        for file in files:
            self.artifact(root / file, str("records" / file.parent))
        self.tags({"unflare.records": len(files)})

    def model(self, weights: Path, loader: str, code: Path, requirements: Sequence[str]) -> None:
        """The model as pyfunc.

        weights        file or folder that `_load_pyfunc(path)` of the module `loader` reads
        code           the package that holds the module; it is stored along, so that the model loads without us
        requirements   of pip; named here because MLflow's own search for them takes six seconds
        """
        self._say_file("model", weights, loader=loader, code=str(code.absolute()), requirements=list(requirements))

    def version(self, tags: Mapping[str, object], *, sound: bool) -> None:
        """The run's model as a version of the registered model; `unflare.tracking.registry` says which one is best.

        tags    validation.f1 and data.scenes decide, others inform
        sound   no finding of the run is a problem
        """
        self._say("version", values=_words(tags), sound=sound)

    def close(self, status: str) -> None:
        """Ends the stage: FINISHED, FAILED or KILLED."""
        self.tags({f"stage.{self._stage}": status})
        self._say("status", value=status)
        if self._delivery:
            self._delivery.close()

    def _open(self, *, goes_on: bool, step: int | None) -> None:
        if step is not None:
            self._say("resumed", step=step)
        self._say("status", value="RUNNING", name=self.name)
        self.tags(lock_tags(Path(), before=self._stage) | {f"stage.{self._stage}": "RUNNING"})
        if goes_on and step is None:  # the revision of the run is the one that its model was made with
            self.tags({f"revision.{self._stage}": self._revision.get("git.revision", "none")})
        else:
            self.tags(self._revision)
        if self._delivery and self._delivery.resend():
            self._delivery.adopt()

    def _say(self, kind: str, **content: object) -> None:
        if self._delivery:
            self._delivery.say(kind, **content)

    def _say_file(self, kind: str, path: Path, **content: object) -> None:
        if self._delivery:
            self._delivery.say_file(kind, path, **content)


def _words(values: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items()}


def _finite(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items() if value is not None and math.isfinite(value)}
