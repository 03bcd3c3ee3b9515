"""Jobs for worker processes, which import them by name."""

import os
import signal
from pathlib import Path


def square(number: int) -> int:
    if number < 0:
        raise ValueError(f"job {number}: expected a number not below 0")
    return number * number


def fatal(job: tuple[Path, int]) -> int:
    """Kills its own process the first time that job 2 runs; job 9 every time."""
    mark, number = job
    if number == 9 or (number == 2 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number
