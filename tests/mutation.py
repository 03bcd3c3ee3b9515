"""Files that are a little wrong, and what must come of them: sound events, or one sentence."""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np

from unflare.events import Recording, decoder, foreign, open_recording
from unflare.events.copies import Sums, copy_kept
from unflare.events.heads import Head

SLOW = 20.0  # seconds that no small file may take


LIMITS = (0, -1, 1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63))


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bits, runs, numbers at their limits, cuts, repeats; often near the beginning."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        reach = len(data) if rng.random() < 0.6 else min(len(data), 512)
        place, length = int(rng.integers(max(reach, 1))), int(2 ** rng.uniform(0, 10))
        kind, part = rng.integers(8), slice(place, place + length)
        if kind < 2:
            data[place : place + 1] = bytes([int(rng.choice([0, 0x7F, 0x80, 0xFF, rng.integers(256)]))])
        elif kind == 2:
            width = int(rng.choice([2, 4, 8]))
            number = int(rng.choice(LIMITS)) % (1 << 8 * width)
            data[place : place + width] = number.to_bytes(width, "little")
        elif kind == 3:
            del data[part]
        elif kind == 4:
            del data[place:]
        elif kind == 5:
            data[place:place] = data[part]
        else:
            data[part] = rng.bytes(len(data[part])) if kind == 6 else bytes(len(data[part]))
    return bytes(data)


def outcome(path: Path, shape: tuple[int, int], *, repair: bool, copy: bool) -> str:
    """read, refused, or died (a decoder, in its own process); else what is wrong with how it went."""
    start = time.monotonic()
    try:
        with open_recording(path, shape, repair=repair) as recording:
            found = _read(recording, path, copy=copy)
    except ValueError as error:
        said = str(error)
        found = "refused" if said.startswith(str(path.parent)) and "\n" not in said else f"a sentence such as {said!r}"
        found = "died" if "its decoder ended with signal" in said else found
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        found = f"{type(error).__name__}: {error}"
    return found if time.monotonic() - start < SLOW else "slow"


def _read(recording: Recording, path: Path, *, copy: bool) -> str:
    sums, keep, previous = Sums(), [], -1
    rng = np.random.default_rng(0)
    for chunk in recording.chunks(1000):
        chunk.checked()
        if len(chunk) and chunk.t[0] < previous:
            return "times go back from chunk to chunk"
        previous = int(chunk.t[-1]) if len(chunk) else previous
        keep.append(rng.random(len(chunk)) < 0.5)
        sums = sums.after(chunk[keep[-1]], recording.origin)
    if sum(map(len, keep)) != recording.count:
        return "not as many events as promised"
    if copy:
        copy_kept(recording, path.with_name(f"copy{path.suffix}"), Bits(np.concatenate([[], *keep]).astype(bool)), sums)
    return "read"


class Bits:
    """What is kept, as an array."""

    def __init__(self, keep: np.ndarray) -> None:
        self.kept, self._keep = int(keep.sum()), keep

    def take(self, count: int) -> np.ndarray:
        taken, self._keep = self._keep[:count], self._keep[count:]
        if len(taken) < count:
            raise EOFError("more events than were read")
        return taken


def forked(path: Path, head: Head, beside: Counter[str]) -> Iterator[np.ndarray]:
    """As `child.decoded`, in a fork of this process: a hundredth of the time."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        _decode_and_leave(path, head, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        while len(size := output.read(8)) == 8:
            content = output.read(int.from_bytes(size, "little") * decoder.ROW.itemsize)
            yield np.frombuffer(content[: len(content) // 13 * 13], decoder.ROW)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code:
        raise ValueError(f"{path}: its decoder ended with {'signal' if code < 0 else 'exit code'} {abs(code)}")


def _decode_and_leave(path: Path, head: Head, writing: int) -> None:
    code = 1
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limit = decoder.LIMIT + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(writing, 1)
        sys.stdout = os.fdopen(1, "w")
        decoder.main(str(path), head.format, str(head.shape[1]), str(head.shape[0]))
        sys.stdout.flush()
        code = 0
    finally:
        os._exit(code)


def campaign(path: Path, shape: tuple[int, int], cases: int, seed: int) -> Iterator[tuple[bytes, str]]:
    """Mutants of a file and what came of each; every third is repaired, every fifth that is read is copied."""
    content, rng = path.read_bytes(), np.random.default_rng(seed)
    folder = path.parent / "mutant"
    with mock.patch.object(foreign, "decoded", forked):
        for case in range(cases):
            folder.mkdir()
            mutant = mutated(content, rng)
            place = folder / path.name
            place.write_bytes(mutant)
            yield mutant, outcome(place, shape, repair=case % 3 == 0, copy=case % 5 == 0)
            shutil.rmtree(folder)
