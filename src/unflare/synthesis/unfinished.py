"""Scenes of a synthesis that was stopped, so that the next one makes only those that are missing.

They lie outside the outputs of the pipeline, since DVC deletes those before a stage runs, under the identity of their
synthesis: another does not go on from them.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from unflare.events import aside
from unflare.params import Lamp, Scenes, Sensor
from unflare.runtime.cluster import LIBRARIES
from unflare.synthesis.account import Made, paths
from unflare.synthesis.compose import Job

CODE = Path(__file__).parents[1]
DECIDES = ("events", "synthesis")  # what of the code a scene depends on


def identity(scenes: Scenes, lamp: Lamp, sensor: Sensor, jobs: Iterable[Job]) -> str:
    """What a synthesis is of: parameters, jobs, code, and the size and date of every file. 64 hexadecimal digits."""
    digest = hashlib.sha256()
    nouns = [noun.model_dump(mode="json") for noun in (scenes, lamp, sensor)]
    digest.update(json.dumps([nouns, [version(name) for name in LIBRARIES]]).encode())
    files = set()
    for job in jobs:
        digest.update(json.dumps(asdict(job), default=str).encode())
        files |= {job.root / path for path in (job.sequence.path, job.flare.flare, job.flare.light)}
    for path in sorted(files):
        state = path.stat()
        digest.update(f"{path} {state.st_size} {state.st_mtime_ns}".encode())
    for part in DECIDES:
        for path in sorted((CODE / part).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


class Unfinished:
    """The one unfinished synthesis in a place: <place>/<identity>/<split>/NNNN.{h5,json}, whole or absent.

    Each has a folder of its own: what a worker on another machine still writes for one that was stopped comes into no
    other.
    """

    def __init__(self, place: Path, identity: str) -> None:
        self._place, self.folder = place, place / identity[:16]
        if place.exists() and not self.folder.exists():
            shutil.rmtree(place)
        self.folder.mkdir(parents=True, exist_ok=True)

    def made(self, job: Job) -> Made | None:
        """The scene of a job in numbers; None where it is not there yet."""
        scene, numbers = paths(self.folder, job)
        if not (scene.exists() and numbers.exists()):
            return None
        return Made(**json.loads(numbers.read_text(encoding="utf-8")))

    def move(self, jobs: Iterable[Job], target: Path) -> None:
        """The scenes of all jobs, and nothing else, as `target`; they are unfinished no more."""
        with aside(target) as temporary:
            for job in jobs:
                scene, _ = paths(self.folder, job)
                (temporary / job.split).mkdir(parents=True, exist_ok=True)
                shutil.move(scene, temporary / job.split / scene.name)
        shutil.rmtree(self._place)
