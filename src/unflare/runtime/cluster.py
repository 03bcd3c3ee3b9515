"""The same function over many jobs, on the workers of a dask scheduler, which UNFLARE_DASK names: tcp://host:port.

Jobs read and write files, by paths relative to the project's folder; results are small. So a worker needs that folder,
at the same path, in one file system with the stage, and the same code and libraries. Every job looks at both before it
begins, for a worker may come and go at any time.
"""

import contextlib
import hashlib
import logging
import os
import platform
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from distributed import Client, Future

Job = TypeVar("Job")
Result = TypeVar("Result")

CODE = Path(__file__).parents[1]
LIBRARIES = ("numpy", "numba", "opencv-python-headless", "h5py", "hdf5plugin")  # that decide the bytes of a result
MARKS = Path(".unflare")
CONNECTION = 10  # seconds that a scheduler, and a first worker, have to answer
PATIENCE = 60  # seconds without any worker before the jobs are given up

_turn = threading.Lock()  # numba's kernels do not run in two threads of a worker at once


def scheduler() -> str | None:
    """The address in UNFLARE_DASK, if there is one. Raises ValueError if it is none."""
    address = os.environ.get("UNFLARE_DASK")
    if address and not re.fullmatch(r"(tcp|tls)://[^\s/]+:[0-9]+", address):
        raise ValueError(f"UNFLARE_DASK: expected an address such as tcp://host:8786, found {address!r}")
    return address or None


def count(address: str) -> int:
    """Workers of the scheduler, each of which does one job at a time. Raises as `spread`."""
    with _connected(address) as client:
        return len(client.nthreads())


def spread(function: Callable[[Job], Result], jobs: Iterable[Job], address: str) -> Iterator[Result]:
    """Results in the order of the jobs; a job's exception is raised here and cancels what has not begun.

    The scheduler gives the jobs of a worker that was killed to others. Raises ImportError without the package
    `distributed`, ConnectionError if no scheduler or no worker answers, and ChildProcessError if a job has killed as
    many workers as the scheduler allows, or none was left for `PATIENCE` seconds.
    """
    with _connected(address) as client, _mark() as mark:
        todo = partial(_one, _Stage(str(Path.cwd()), str(mark), _code()), function)
        futures = client.map(todo, list(jobs), pure=False)
        try:
            for number, future in enumerate(futures):
                yield _finished(client, future, f"job {number + 1} of {len(futures)}")
        finally:
            client.cancel(futures)


@dataclass(frozen=True)
class _Stage:
    """Of the stage that jobs are from: its folder, a file in it that is nowhere else, and what its code is."""

    folder: str
    mark: str
    code: str

    def refuse_strangers(self) -> None:
        """Raises ValueError on a worker that would make something else, or write it elsewhere."""
        if not Path(self.folder, self.mark).exists():
            raise ValueError(
                f"{_worker()}: expected {self.folder} in one file system with the stage's, found another or none"
            )
        if _code() != self.code:
            raise ValueError(
                f"{_worker()}: expected the stage's code and libraries, found others; restart it where they are"
            )


def _one(stage: _Stage, function: Callable[[Job], Result], job: Job) -> Result:
    """A job on a worker, with one thread, in the stage's folder."""
    import cv2
    import numba

    with _turn:
        stage.refuse_strangers()
        cv2.setNumThreads(1)
        numba.set_num_threads(1)
        with contextlib.chdir(stage.folder):
            return function(job)


@contextlib.contextmanager
def _connected(address: str) -> "Iterator[Client]":
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("UNFLARE_DASK: expected the package distributed; pip install -e '.[dask]'") from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # its errors are raised here, a sentence each
    try:
        client = Client(address, timeout=CONNECTION, set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"UNFLARE_DASK: no scheduler answers at {address}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECTION)
        except TimeoutError:
            raise ConnectionError(f"UNFLARE_DASK: the scheduler at {address} has no workers") from None
        yield client


@contextlib.contextmanager
def _mark() -> Iterator[Path]:
    """A file of the working folder with a name of its own, as long as jobs run."""
    mark = MARKS / f"stage-{secrets.token_hex(8)}"
    MARKS.mkdir(exist_ok=True)
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink()


def _finished(client: "Client", future: "Future", name: str) -> Any:  # noqa: ANN401 (what the job returns)
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        while not future.done():
            with contextlib.suppress(TimeoutError):
                future.result(timeout=PATIENCE)
            if not future.done() and not client.nthreads():
                raise ChildProcessError(f"UNFLARE_DASK: no worker was left for {name}")
        return future.result()
    except KilledWorker as error:
        killed = error.allowed_failures + 1
        raise ChildProcessError(f"UNFLARE_DASK: {killed} workers were killed while they had {name}") from None
    except FutureCancelledError:
        raise ConnectionError(f"UNFLARE_DASK: the scheduler was lost before {name} was finished") from None


@cache
def _code() -> str:
    """What decides results: the package's source as this process met it first, Python, libraries. A digest."""
    digest = hashlib.sha256(platform.python_version().encode())
    digest.update(" ".join(version(name) for name in LIBRARIES).encode())
    for path in sorted(CODE.rglob("*.py")):
        digest.update(str(path.relative_to(CODE)).encode() + path.read_bytes())
    return digest.hexdigest()


def _worker() -> str:
    from distributed import get_worker

    return f"worker {get_worker().address} on {platform.node()}"
