"""Memory and speed of `unflare clean` against the length of a recording.

    python benchmarks/cleaning.py --events 1_000_000 10_000_000 --method baf
    python benchmarks/cleaning.py --events 1_000_000 --model models/model.safetensors

Each row is a process of its own; the recording is a made-up one of 640x480 in DSEC's layout, or in EVT2 (--raw).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unflare.events import Events, write_dsec

PIECE = 1 << 20
SHAPE = (480, 640)


def pieces(count: int, rate: float = 5e6) -> Iterator[Events]:
    """Events at random places, `rate` a second."""
    rng = np.random.default_rng(0)
    for first in range(0, count, PIECE):
        n = min(PIECE, count - first)
        t = (first / rate * 1e6 + np.sort(rng.random(n)) * n / rate * 1e6).astype(np.int64)
        x, y = rng.integers(0, SHAPE[1], n, np.uint16), rng.integers(0, SHAPE[0], n, np.uint16)
        yield Events(t, x, y, rng.integers(0, 2, n, np.uint8), SHAPE)


def raw(path: Path, count: int) -> None:
    from faery.extension import evt

    encoder = evt.Encoder(path, "evt2", False, SHAPE[::-1], True)  # noqa: FBT003 - faery's
    with encoder:
        for piece in pieces(count):
            rows = np.empty(len(piece), [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), (("p", "on"), "?")])
            rows["t"], rows["x"], rows["y"], rows["on"] = piece.t, piece.x, piece.y, piece.p
            encoder.write({"events": rows})


def main(counts: list[int], options: list[str], *, as_raw: bool) -> None:
    print(f"{'events':>13}  {'peak':>8}  {'seconds':>8}  {'events/s':>11}")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("in.raw" if as_raw else "in.h5")
            raw(path, count) if as_raw else write_dsec(path, pieces(count))
            command = [
                sys.executable,
                "-m",
                "unflare",
                "clean",
                str(path),
                "-o",
                f"{folder}/out{path.suffix}",
                *options,
            ]
            start = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.monotonic() - start
            if status:
                sys.exit(f"ended with {status}")
            peak = used.ru_maxrss / 1024
            print(f"{count:>13,}  {peak:>4,.0f} MiB  {seconds:>8.1f}  {count / seconds:>11,.0f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--raw", action="store_true")
    arguments, rest = parser.parse_known_args()
    main(arguments.events, rest, as_raw=arguments.raw)
