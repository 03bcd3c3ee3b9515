"""Kernels over blocks of channels, on as many threads as torch uses."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

from unflare.network.kernels import BLOCK


def over_blocks(kernel: Callable[..., None], size: tuple[int, int], *arrays: object) -> None:
    """kernel(*arrays, (sequence, first channel)) for each sequence and each block of channels; size = (b, d).

    The kernel releases the interpreter's lock. torch.set_num_threads is the one knob; it changes no result, because the
    blocks stay the same and no two of them write to the same place.
    """
    sequences, channels = size
    places = [(b, first) for b in range(sequences) for first in range(0, channels, BLOCK)]
    threads = min(torch.get_num_threads(), len(places))
    if threads <= 1:
        for place in places:
            kernel(*arrays, place)
    else:
        for _ in _pool(threads, os.getpid()).map(lambda place: kernel(*arrays, place), places):
            pass


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # a fork does not inherit its parent's threads
    return ThreadPoolExecutor(threads, thread_name_prefix=f"scan {process}")
