"""The embedded data set: streets, objects, sparks and drawn flares, in the layouts of DSEC and Flare7K."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from unflare import params, runtime
from unflare.events import EMBEDDED, aside
from unflare.synthesis.sample import write_flare, write_sequence
from unflare.synthesis.voltmeter import IMPLEMENTATION


def main(root: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        workers = runtime.workers()
        record.implementations = {"simulator": IMPLEMENTATION}
        with aside(root) as temporary:
            temporary.mkdir()
            described = {"what": "EventMamba-FX embedded data set, made by the stage `sample`", "seed": p.seed}
            (temporary / EMBEDDED).write_text(json.dumps(described | p.sample.model_dump(mode="json"), indent=1) + "\n")
            flares = [partial(write_flare, temporary, p.seed, number) for number in range(p.sample.flares)]
            sequences = [
                partial(write_sequence, temporary, p.sample, p.sensor, p.seed, number)
                for number in range(p.sample.sequences)
            ]
            record.memory.mark("sequences and flares")
            with record.clock("generation"):
                done = runtime.parallel(timed, [*sequences, *flares], workers)
                made = list(track(done, "sequences and flares", len(sequences) + len(flares)))
        record.worked(workers, (seconds for _, seconds in made))
        counts = [count for count, _ in made[: len(sequences)]]
        record.facts = {"events": sum(counts), "sequences": len(counts), "flares": p.sample.flares}
        rates = np.array(counts) / p.sample.seconds / 1e6
        print(f"{len(counts)} sequences at {rates.min():.1f} to {rates.max():.1f} million events a second")


def timed(job: Callable[[runtime.Clock], int]) -> tuple[int, dict[str, float]]:
    clock = runtime.Clock()
    return job(clock), clock.parts()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
