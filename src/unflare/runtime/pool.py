"""The same function over many jobs, in order: on the cores of this machine, or on the workers of a dask scheduler."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from unflare.runtime.cluster import scheduler, spread

Job = TypeVar("Job")
Result = TypeVar("Result")

PATIENCE = 3  # pools in a row that lose a worker before they finish a job


def parallel(function: Callable[[Job], Result], jobs: Iterable[Job], processes: int) -> Iterator[Result]:
    """Results in the order of the jobs, the same on either engine; a job's exception is raised here and cancels what
    has not begun.

    Where UNFLARE_DASK names a scheduler its workers do them, as many as there are; else `processes` of this machine.
    """
    address = scheduler()
    return spread(function, jobs, address) if address else _pooled(function, jobs, processes)


def _pooled(function: Callable[[Job], Result], jobs: Iterable[Job], processes: int) -> Iterator[Result]:
    """On this machine.

    Processes are spawned, one thread each: numerical libraries with threads of their own do not survive a fork. Where
    one is killed, new ones do the jobs that have no result yet. Raises ChildProcessError once `PATIENCE` times in a row
    they were killed before they finished a job.
    """
    jobs = list(jobs)
    kept: dict[int, Result] = {}
    following, lost = 0, 0
    while following < len(jobs):
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin) as pool:
            futures: dict[int, Future[Result]] = {}
            first = following
            try:
                for number in range(following, len(jobs)):
                    if number not in kept:
                        futures[number] = pool.submit(function, jobs[number])
                while following < len(jobs):
                    result = kept.pop(following) if following in kept else futures[following].result()
                    following += 1
                    yield result
            except BrokenProcessPool:
                finished = {number: f for number, f in futures.items() if number >= following and _succeeded(f)}
                kept |= {number: future.result() for number, future in finished.items()}
                lost = 0 if finished or following > first else lost + 1
            finally:
                for future in futures.values():
                    future.cancel()
        if lost == PATIENCE:
            raise ChildProcessError(
                f"workers: {lost} times in a row one was killed before it finished job {following + 1} of {len(jobs)} "
                "or any other; where memory is short, UNFLARE_WORKERS sets a smaller number of them"
            )


def _succeeded(future: "Future[Result]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _begin() -> None:
    import cv2
    import numba

    os.environ["OMP_NUM_THREADS"] = "1"  # of torch, where a job imports it
    cv2.setNumThreads(1)
    numba.set_num_threads(1)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose stage was killed would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)
