"""Mutants of a small recording in every format: each must be read as sound events, or refused in one sentence.

    PYTHONPATH=tests python benchmarks/fuzzing.py --cases 20000

Prints a line a format. What went wrong, if anything, is kept in a folder; the exit code is then 1.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from formats import WRITERS, some_events, written
from mutation import campaign

EVENTS = 600
SOUND = ("read", "refused", "died")  # the last: a decoder did, in its own process, which is refused in one sentence too


def main(cases: int, seed: int, only: str | None) -> int:
    kinds = [kind for kind in WRITERS if only in (None, kind)]
    kept = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    total: Counter[str] = Counter()
    for number, kind in enumerate(kinds):
        start, found = time.monotonic(), Counter[str]()
        with tempfile.TemporaryDirectory() as folder:
            path = written(Path(folder), kind, some_events(EVENTS))
            for mutant, outcome in campaign(path, (48, 64), -(-cases // len(kinds)), seed + number):
                found[outcome if outcome in SOUND else "wrong"] += 1
                if outcome not in SOUND:
                    (kept / f"{kind}-{found['wrong']}{path.suffix}").write_bytes(mutant)
                    print(f"{kind}: {outcome}")
        total += found
        print(f"{kind:<16}{found.total():>7,} cases: {dict(found)}, {time.monotonic() - start:.0f} s", flush=True)
    print(f"{total.total():,} cases: {dict(total)}; {total['wrong']} wrong, kept in {kept}")
    return int(total["wrong"] > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one format, as the lines name them")
    arguments = parser.parse_args()
    sys.exit(main(arguments.cases, arguments.seed, arguments.only))
