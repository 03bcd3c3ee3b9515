"""Decoding in a process of its own, with a limit of memory: damage there is one sentence here."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from unflare.events import decoder
from unflare.events.heads import Head
from unflare.events.stream import Array

PIECE = 1 << 16  # events


def decoded(path: Path, head: Head, beside: Counter[str]) -> Iterator[Array]:
    """The events as rows of decoder.ROW, some at a time; what else was found is counted in `beside` at the end.

    Raises ValueError of one sentence if the decoder does not reach the end of the file, whatever ended it.
    """
    height, width = head.shape
    command = [sys.executable, "-P", decoder.__file__, str(path), head.format, str(width), str(height)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment
        )
        assert process.stdout
        try:
            yield from _gathered(_pieces(process.stdout))
            if process.wait():
                raise ValueError(
                    f"{path}: expected a whole {head.format} file, found it damaged: {_why(process, said)}"
                )
            said.seek(0)
            for line in said.read().decode().splitlines():
                count, _, name = line.partition(" ")
                beside[name] += int(count)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _pieces(output: IO[bytes]) -> Iterator[Array]:
    while len(size := output.read(8)) == 8:
        rows = output.read(int.from_bytes(size, "little") * decoder.ROW.itemsize)
        yield np.frombuffer(rows[: len(rows) // decoder.ROW.itemsize * decoder.ROW.itemsize], decoder.ROW)


def _gathered(pieces: Iterator[Array]) -> Iterator[Array]:
    """The same events, PIECE or a few more at a time."""
    waiting: list[Array] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= PIECE:
            yield np.concatenate(waiting)
            waiting = []
    yield np.concatenate([np.empty(0, decoder.ROW), *waiting])


def _why(process: "subprocess.Popen[bytes]", said: IO[bytes]) -> str:
    if process.returncode < 0:
        return f"its decoder ended with {signal.Signals(-process.returncode).name}"
    said.seek(0)
    lines = said.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
    return " ".join(lines[-1].split()) if lines else f"its decoder ended with exit code {process.returncode}"
