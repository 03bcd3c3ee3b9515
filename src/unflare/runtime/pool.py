"""The same function over many jobs, on the cores of this machine, in order."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def parallel(function: Callable[[Job], Result], jobs: Iterable[Job], processes: int) -> Iterator[Result]:
    """Results in the order of the jobs; a job's exception is raised here and cancels what has not begun.

    Processes are spawned, one thread each: numerical libraries with threads of their own do not survive a fork.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_one_thread) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _one_thread() -> None:
    import cv2
    import numba

    cv2.setNumThreads(1)
    numba.set_num_threads(1)
